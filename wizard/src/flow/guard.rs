//! Before anything is sent: does the secret of this computer open what the account holds? With a mistyped one, Taskwarrior sends what
//! no other computer can open, reports success, and the account is spoiled for all of them.
//!
//! Nothing is looked at where nothing waits to be sent: then Taskwarrior only fetches, and what it can't open it says itself. Nor is
//! an empty account: it takes whatever its first computer uses. What was proved once is remembered ([`crate::seen`]), so that
//! the usual sync asks the server nothing more; a new account, another server and a changed secret are looked at again.
//!
//! What is typed between the look and the sync goes unlooked at: Taskwarrior alone could close that gap, which is as long as it takes
//! to start `task`.
//!
//! Where it can't be looked, nothing is sent either. A server that does not answer here would not answer Taskwarrior; and one that
//! answers only Taskwarrior is a case for `taskferry doctor`.

use super::Run;
use crate::credentials::Credentials;
use crate::credentials::unseal::UnsealError;
use crate::database::Stand;
use crate::error::Explain;
use crate::proof::opens::{self, Opens};
use crate::seen::Seen;
use crate::server::ServerError;

/// It does not, so nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("nothing was sent: no other computer could open what this one would send")]
pub struct WouldSpoil(#[source] UnsealError);

impl Explain for WouldSpoil {
    fn hint(&self) -> Option<String> {
        Some(
            match self.0 {
                UnsealError::WrongSecret => {
                    "don't run `task sync` here: it would send all the same; your tasks are safe on this computer\n\
                     for the right secret, run `taskferry share` on a computer that syncs, and `taskferry join --replace` \
                     here\n\
                     if no other computer syncs either, run `taskferry doctor`: it says what is left"
                }
                UnsealError::NotAnEnvelope => {
                    "ask whoever runs the server: the account's data is damaged; your tasks are safe on this computer"
                }
            }
            .into(),
        )
    }
}

/// Why nothing is sent.
pub enum NotSent {
    /// What would be sent could be opened by no other computer.
    WouldSpoil(WouldSpoil),
    /// It could not be looked.
    NotLooked(ServerError),
}

impl From<ServerError> for NotSent {
    fn from(why: ServerError) -> Self {
        Self::NotLooked(why)
    }
}

/// Makes sure of it, where something waits to be sent; `None` = how much waits is not known.
pub fn secret_fits(run: &mut Run<'_>, account: &Credentials, stand: Option<&Stand>) -> Result<(), NotSent> {
    if stand.is_some_and(|stand| stand.unsent.changes == 0) || Seen::find(run.context).is_proved(account) {
        return Ok(());
    }
    let base = stand.map_or(taskferry_protocol::VersionId::NIL, |stand| stand.base);
    let server = run.server(account.server.clone())?;
    match run.ask_server(&server, |server| opens::look(server, account, base))? {
        Opens::Yes(key) | Opens::NotItsSnapshot(key) => {
            Seen::note_proved(run.context, account, &key);
            Ok(())
        }
        Opens::NothingThere => Ok(()),
        Opens::No(why) => Err(NotSent::WouldSpoil(WouldSpoil(why))),
    }
}
