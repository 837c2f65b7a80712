//! What setup and join have in common, in the order in which it happens:
//!
//! | step | where |
//! |---|---|
//! | ask | [`mod@crate::run`], [`menu`], [`crate::prompt`] |
//! | address and invite | [`admission`] |
//! | look at this computer | [`computer`] |
//! | plan, show, confirm | [`plan`] |
//! | apply, verify | [`apply`] |
//! | first sync | [`first_sync`], [`mod@sync`], [`guard`] before it, and [`success`] behind it |
//! | proof | [`proving`] |
//! | checks | [`checking`] |
//! | the same again | [`recheck`] |
//! | another account than the present one | [`replace`] |
//! | the old account, one last time | [`farewell`] |
//! | another place in a history for the tasks | [`handover`] |
//! | copies that nobody needs | [`tidying`] |
//!
//! What differs between the two is in [`crate::commands`].

pub mod admission;
pub mod apply;
pub mod checking;
pub mod computer;
pub mod farewell;
pub mod first_sync;
pub mod guard;
pub mod handover;
pub mod menu;
pub mod plan;
pub mod proving;
pub mod recheck;
pub mod replace;
pub mod success;
pub mod sync;
pub mod tidying;

use taskferry_protocol::ServerUrl;

use crate::credentials::Credentials;
pub use crate::run::{Run, Stopped};
use crate::server::probe::Kind;
use crate::server::{Server, ServerError};
pub use crate::words::{both, tasks};

/// Reads a server's address.
pub fn server_url(text: &str) -> Result<ServerUrl, Stopped> {
    if text.trim().is_empty() {
        return Err(Stopped::NoServer);
    }
    if Credentials::looks_like_one(text) {
        return Err(Stopped::SetupLink);
    }
    text.parse().map_err(Stopped::BadServer)
}

/// Is there a sync server? Says so, and which.
pub fn reach(run: &mut Run<'_>, url: ServerUrl) -> Result<(Server, Kind), ServerError> {
    let server = run.server(url)?;
    // An answer may take its time, and silence looks like a hang.
    run.terminal.say(&format!("asking `{}` …", server.url()));
    let kind = run.ask_server(&server, Server::probe)?;
    run.terminal.say(&format!("found {} at `{}`", kind.name(), server.url()));
    Ok((server, kind))
}
