//! Before anything is sent: does the secret of this computer open what the account holds? With a mistyped one, Taskwarrior sends what
//! no other computer can open, reports success, and the account is spoiled for all of them.
//!
//! Nothing is looked at where nothing waits to be sent: then Taskwarrior only fetches, and what it can't open it says itself
//! ([`super::success`] looks at the rest). An empty account takes whatever its first computer uses; but one that the server does
//! not know is rather a mistyped ID than a new account: that was registered by whoever made it. What was proved once is remembered
//! ([`crate::seen`]), so that the usual sync asks the server nothing more; a new account, another server and a changed secret are
//! looked at again.
//!
//! What is typed between the look and the sync goes unlooked at: Taskwarrior alone could close that gap, which is as long as it takes
//! to start `task`.
//!
//! Where it can't be looked, nothing is sent either. A server that does not answer here would not answer Taskwarrior; and one that
//! answers only Taskwarrior is a case for `taskferry doctor`.

use taskferry_protocol::ServerUrl;

use super::Run;
use crate::context::Context;
use crate::credentials::Credentials;
use crate::credentials::unseal::UnsealError;
use crate::database::Stand;
use crate::error::Explain;
use crate::pending::Pending;
use crate::proof::opens::{self, Opens};
use crate::seen::Seen;
use crate::server::ServerError;
use crate::server::account::Known;
use crate::standing::State;

/// No other computer would get it, so nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum WouldSpoil {
    /// It could not open it.
    #[error("nothing was sent: no other computer could open what this one would send")]
    Sealed(#[source] UnsealError),
    /// It would never look there.
    #[error("nothing was sent: `{server}` does not know this account")]
    UnknownAccount {
        /// The server.
        server: ServerUrl,
    },
}

impl Explain for WouldSpoil {
    fn hint(&self) -> Option<String> {
        let why = match self {
            Self::Sealed(why) => why,
            Self::UnknownAccount { .. } => {
                let remedy = State::UnknownAccount.remedy()?;
                return Some(format!(
                    "`task sync` would send all the same, and start a new account there, in which no other computer looks\n{remedy}"
                ));
            }
        };
        Some(
            match why {
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
        Opens::NothingThere if is_being_set_up(run.context, account) => Ok(()),
        Opens::NothingThere => match run.ask_server(&server, |server| server.account(&account.client_id))? {
            Known::Unknown => Err(NotSent::WouldSpoil(WouldSpoil::UnknownAccount { server: account.server.clone() })),
            Known::Account(_) | Known::Deleted | Known::NotOffered => Ok(()),
        },
        Opens::No(why) => Err(NotSent::WouldSpoil(WouldSpoil::Sealed(why))),
    }
}

/// Whether the account was made here, by a setup for which the server was away. Its ID was never typed.
fn is_being_set_up(context: &Context, account: &Credentials) -> bool {
    matches!(Pending::find(context), Ok(Some(Pending::Setup { client_id, .. })) if client_id == account.client_id)
}
