//! Sends changes to an account, and shows that it has them. Unlike Taskwarrior's own push this one may stop anywhere: this computer
//! stays as it is until all is there, and the next run finds out by itself what is missing.

use taskchampion::Operation;
use taskferry_protocol::VersionId;

use crate::credentials::Credentials;
use crate::credentials::unseal::Key;
use crate::database::{Content, Tasks};
use crate::error::{Exit, Explain};
use crate::proof::cure::{CureError, send_snapshot};
use crate::proof::rebuild::{RebuildError, Start, rebuild};
use crate::rescue::refill::{Connect, versions};
use crate::server::sealed::Added;
use crate::server::{Server, ServerError};

/// Why the account does not have them, or nobody knows whether it has. This computer is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The server failed, or refused.
    #[error("what only this computer has could not be sent to the account")]
    Send(#[source] ServerError),
    /// No key, or no randomness.
    #[error("what is to be sent could not be sealed")]
    Seal,
    /// The snapshot.
    #[error(transparent)]
    Snapshot(#[from] CureError),
    /// What the server holds could not be looked at.
    #[error("the account could not be read")]
    Look(#[source] RebuildError),
    /// Read again, it is something else.
    #[error("the account, rebuilt from the server, does not have what was sent to it")]
    NotEqual,
    /// Somebody else was faster, again and again.
    #[error("another computer changes this account at the same time")]
    NotAlone,
}

impl Explain for PushError {
    fn hint(&self) -> Option<String> {
        let again = "run `taskferry repair` again: it goes on where it stopped; this computer is as it was";
        Some(match self {
            Self::Send(ServerError::Refused { problem }) => {
                let hint = problem.hint.as_deref().map(crate::terminal::printable);
                format!("{}\n{again}", hint.as_deref().unwrap_or("ask whoever runs the server"))
            }
            Self::NotEqual => "something between here and the server changes what is sent: ask whoever runs it\n\
                 nothing was changed on this computer"
                .into(),
            Self::Send(_) | Self::Seal | Self::Snapshot(_) | Self::Look(_) | Self::NotAlone => again.into(),
        })
    }

    fn is_choice(&self) -> bool {
        matches!(
            self,
            Self::Send(ServerError::Interrupted)
                | Self::Look(RebuildError::Server(ServerError::Interrupted))
                | Self::Snapshot(CureError::Send(ServerError::Interrupted))
        )
    }

    fn exit(&self) -> Exit {
        if self.is_choice() { Exit::Interrupted } else { Exit::Failed }
    }
}

/// Sends `edits`, which lead from the account's newest version `parent` to other tasks. The version at which it has them;
/// `None` = another computer was faster.
pub fn push(
    connect: &Connect<'_>,
    account: &Credentials,
    parent: VersionId,
    edits: &[Operation],
    sent: &mut dyn FnMut(),
) -> Result<Option<VersionId>, PushError> {
    let key = Key::derive(&account.client_id, &account.secret).map_err(|_| PushError::Seal)?;
    let server = connect().map_err(PushError::Send)?;
    let mut at = parent;
    for version in versions(edits) {
        let body = key.seal(version.as_bytes(), at).map_err(|_| PushError::Seal)?;
        let add = |server: &Server| server.add_version(&account.client_id, at, body.clone());
        match server.patiently(|_, _| (), add).map_err(PushError::Send)? {
            Added::Yes(id) => at = id,
            Added::Conflict => return Ok(None),
        }
        sent();
    }
    Ok(Some(at))
}

/// Stores a snapshot of `tasks` at the version `at`, so that new computers get all of it.
pub fn store_snapshot(
    connect: &Connect<'_>,
    account: &Credentials,
    at: VersionId,
    tasks: &Tasks,
) -> Result<(), PushError> {
    let content = Content { base: at, tasks: tasks.clone(), unsent: [].into() };
    Ok(send_snapshot(&connect().map_err(PushError::Send)?, account, &content)?)
}

/// Proves that a computer which joins the account gets `tasks`. Whether that is so at the version `at`: another computer may
/// have gone on.
pub fn prove(connect: &Connect<'_>, account: &Credentials, at: VersionId, tasks: &Tasks) -> Result<bool, PushError> {
    let server = connect().map_err(PushError::Send)?;
    let there = rebuild(server, account, Start::Snapshot, at).map_err(PushError::Look)?;
    if there.at != at {
        return Ok(false);
    }
    if there.tasks == *tasks { Ok(true) } else { Err(PushError::NotEqual) }
}
