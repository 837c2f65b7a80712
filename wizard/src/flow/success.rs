//! Whether a sync was one, of which Taskwarrior reports success. It takes every 404 for "up to date": that of a server that does not
//! know the account or has lost what was in it, and that of a web server in whose place nobody knows what a sync is. Nothing is
//! shared then, and nobody is told.
//!
//! One small request after each sync; servers other than Taskferry can't tell, so there the protocol itself is asked, and only
//! where nothing was sent: what was sent was taken by somebody. Where it can't be looked, Taskwarrior's word counts.

use taskferry_protocol::{ServerUrl, VersionId};

use super::Run;
use super::sync::{NotSynced, database_of};
use crate::credentials::Credentials;
use crate::database::Unsent;
use crate::error::{Explain, Failure};
use crate::seen::Seen;
use crate::server::ServerError;
use crate::server::account::Known;
use crate::server::sealed::Follows;
use crate::standing::State;
use crate::taskwarrior::Taskwarrior;

/// It was none.
#[derive(Debug, thiserror::Error)]
#[error("`task sync` reports success, but nothing is shared")]
pub struct NothingShared(#[source] Why);

/// Why.
#[derive(Debug, thiserror::Error)]
enum Why {
    /// Nobody else will look there, either.
    #[error("`{0}` does not know this account")]
    UnknownAccount(ServerUrl),
    /// It was not always so.
    #[error("the account is empty, though this computer has synced before")]
    Emptied,
    /// Something else answers.
    #[error(transparent)]
    NoServer(ServerError),
}

impl Explain for NothingShared {
    fn hint(&self) -> Option<String> {
        match &self.0 {
            Why::UnknownAccount(_) => State::UnknownAccount.remedy(),
            Why::Emptied => State::Emptied.remedy(),
            Why::NoServer(why) => why.hint(),
        }
    }
}

/// Looks; fails if nothing is shared, and remembers where this computer is if all is well.
pub fn confirm(
    run: &Run<'_>,
    taskwarrior: &Taskwarrior<'_>,
    account: &Credentials,
    sent: Unsent,
) -> Result<(), Failure> {
    let Some(stand) = database_of(taskwarrior).and_then(|database| database.stand().ok()) else {
        return Ok(());
    };
    match look(run, account, stand.base, sent) {
        Ok(Some(why)) => Err(NothingShared(why).into()),
        Err(ServerError::Interrupted) => Err(NotSynced::Stopped.into()),
        Ok(None) | Err(_) => Ok(()),
    }
}

fn look(run: &Run<'_>, account: &Credentials, base: VersionId, sent: Unsent) -> Result<Option<Why>, ServerError> {
    let id = &account.client_id;
    let server = run.server(account.server.clone())?;
    match server.account(id)? {
        Known::Account(info) if info.is_empty() && !base.is_nil() => Ok(Some(Why::Emptied)),
        Known::Account(info) => {
            Seen::note(run.context, id, base, Some(&info.epoch));
            Ok(None)
        }
        Known::Unknown => Ok(Some(Why::UnknownAccount(account.server.clone()))),
        Known::NotOffered if sent.changes == 0 => match server.probe() {
            Err(why @ ServerError::NotASyncServer { .. }) => Ok(Some(Why::NoServer(why))),
            Err(why) => Err(why),
            // The first question is the usual one, and its answer small.
            Ok(_) if base.is_nil() || server.follows(id, VersionId::NIL)? != Follows::Nothing => Ok(None),
            Ok(_) => Ok((!server.has_data(id)?).then_some(Why::Emptied)),
        },
        // One that was deleted or switched off refuses every sync, so that it was a moment ago.
        Known::NotOffered | Known::Deleted => Ok(None),
    }
}
