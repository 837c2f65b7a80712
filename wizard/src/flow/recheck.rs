//! A second run on a computer that has its account already: does it still work? What was true once is not claimed again
//! without looking.

use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::AccountState;

use super::computer::Computer;
use super::first_sync::{Synced, first_sync};
use super::{Run, reach};
use crate::credentials::Credentials;
use crate::error::{Explain, Failure};
use crate::server::account::Known;
use crate::server::probe::Kind;
use crate::standing::State;

/// The account of this computer is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum AccountLost {
    /// Deleted, or the server started anew.
    #[error("this computer is set up for an account that `{server}` does not know any more")]
    Unknown {
        /// The server.
        server: ServerUrl,
    },
    /// For good.
    #[error("the account of this computer was deleted at `{server}`")]
    Deleted {
        /// The server.
        server: ServerUrl,
    },
    /// Switched off by the operator.
    #[error("the account of this computer is disabled at `{server}`")]
    Disabled {
        /// The server.
        server: ServerUrl,
    },
}

impl Explain for AccountLost {
    fn hint(&self) -> Option<String> {
        let state = match self {
            Self::Unknown { .. } => State::UnknownAccount,
            Self::Deleted { .. } => State::Deleted,
            Self::Disabled { .. } => State::Disabled,
        };
        Some(format!("{}\nno setting was changed", state.remedy()?))
    }
}

/// Asks the server for the account, then syncs, unless `sync` says that this is left to the person.
pub fn recheck(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    account: &Credentials,
    sync: bool,
) -> Result<Option<Synced>, Failure> {
    let (server, kind) = reach(run, account.server.clone())?;
    if let Kind::Taskferry(_) = kind {
        let server_url = || account.server.clone();
        match run.ask_server(&server, |server| server.account(&account.client_id))? {
            Known::Unknown => return Err(AccountLost::Unknown { server: server_url() }.into()),
            Known::Deleted => return Err(AccountLost::Deleted { server: server_url() }.into()),
            Known::Account(info) if info.state == AccountState::Disabled => {
                return Err(AccountLost::Disabled { server: server_url() }.into());
            }
            Known::Account(_) | Known::NotOffered => {}
        }
    }
    if sync { first_sync(run, computer, account).map(Some) } else { Ok(None) }
}
