//! What the checks know of a server at home: it may have moved to another port, or just not run. No check of its own, since most
//! people have none: others say it with what they find.

use taskferry_protocol::ServerUrl;

use super::World;
use crate::context::Context;
use crate::credentials::Credentials;
use crate::server::account::Known;
use crate::serving::Note;

/// Where the server at home is now, if the account of this computer is there, and not where the settings say.
pub fn moved_to(world: &World<'_>, account: &Credentials) -> Option<ServerUrl> {
    let now = Note::find(world.context).ok()??.url()?;
    if !account.server.is_loopback() || now == account.server {
        return None;
    }
    // Another server may have been set up by hand, so it has to know the account.
    let server = world.server_at(now.clone()).ok()?;
    matches!(server.account(&account.client_id), Ok(Known::Account(_))).then_some(now)
}

/// Whether it is this computer's own server that should answer there.
pub fn is_expected_at(context: &Context, server: &ServerUrl) -> bool {
    let note = Note::find(context).ok().flatten();
    note.and_then(|note| note.url()).is_some_and(|url| url == *server)
}
