//! Proof that a sync did what it reported: the account is rebuilt from what the server holds, as a new computer would
//! ([`mod@rebuild`]), and compared with the tasks on this one ([`compare`]). What is missing can be put back ([`cure`]); and
//! people can compare two computers by a short text ([`mod@fingerprint`]). Whether a secret opens an account at all is looked at in
//! [`opens`].
//!
//! Taskwarrior's own word is not enough: after an interrupted push of more than one version the next one drops the rest,
//! marks it as sent, and prints `Success!`.
//!
//! Not with a second Taskwarrior on a throw-away folder: its settings would have to stand in a file, it could send
//! something, it follows redirects, and how `task export` writes numbers and dates differs from what is stored. Here
//! nothing touches the disk, and the engine that applies changes is still Taskwarrior's own.

pub mod compare;
pub mod cure;
pub mod fingerprint;
pub mod history;
pub mod opens;
pub mod poison;
pub mod rebuild;

use compare::Difference;
use rebuild::{RebuildError, Start, rebuild};

use crate::credentials::Credentials;
use crate::database::{Content, Database, DatabaseError};
use crate::error::{Exit, Explain};
use crate::server::{Server, ServerError};

/// What the comparison showed.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every attribute of every task that was sent is on the server, and nothing else.
    Equal {
        /// How many tasks.
        tasks: u64,
    },
    /// They differ.
    Different(Difference),
    /// The account is empty, though this computer takes its tasks for sent.
    Empty,
    /// Another computer was faster: what the server holds can't be taken back to where this one is.
    Overtaken,
}

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// This side.
    #[error("this computer's tasks could not be compared with the account")]
    Here(#[source] DatabaseError),
    /// The other side.
    #[error("the account could not be compared with this computer's tasks")]
    There(#[source] RebuildError),
    /// Ctrl-C. The comparison only reads.
    #[error("stopped; the sync itself is done, only the comparison is not")]
    Interrupted,
}

impl Explain for ProofError {
    fn hint(&self) -> Option<String> {
        let again = "the sync itself was a success; run `taskferry verify` to compare again";
        match self {
            Self::Here(why) => why.hint(),
            Self::There(RebuildError::Unseal(_)) => Some(
                "a computer with another secret has changed this account: nobody else can open what it sent\n\
                 run `taskferry repair`: it finds the last good version, and says what to do"
                    .into(),
            ),
            Self::There(RebuildError::Incomplete) => {
                Some("run `taskferry repair`: it completes the account from this computer".into())
            }
            Self::There(_) => Some(again.into()),
            Self::Interrupted => None,
        }
    }

    fn is_choice(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    fn exit(&self) -> Exit {
        if self.is_choice() { Exit::Interrupted } else { Exit::Failed }
    }
}

impl From<RebuildError> for ProofError {
    fn from(why: RebuildError) -> Self {
        match why {
            RebuildError::Server(ServerError::Interrupted) => Self::Interrupted,
            why => Self::There(why),
        }
    }
}

/// Rebuilds the account up to where this computer is, and compares.
pub fn prove(server: Server, credentials: &Credentials, database: &Database) -> Result<Verdict, ProofError> {
    let here = database.content().map_err(ProofError::Here)?;
    let there = rebuild(server, credentials, Start::Snapshot, here.base)?;
    if there.at.is_nil() && !here.base.is_nil() {
        return Ok(Verdict::Empty);
    }
    if there.at != here.base {
        return Ok(Verdict::Overtaken);
    }
    Ok(judge(&here, &there.tasks))
}

/// How many tasks of this computer are not in the history from its first version on, though a snapshot may have them: what
/// computers lack that started before. `None` = the history is not kept from its beginning, so nobody can tell.
pub fn missing_in_history(
    server: Server,
    credentials: &Credentials,
    database: &Database,
) -> Result<Option<u64>, ProofError> {
    let here = database.content().map_err(ProofError::Here)?;
    let there = match rebuild(server, credentials, Start::FirstVersion, here.base) {
        Err(RebuildError::Incomplete) => return Ok(None),
        there => there?,
    };
    let missing = Difference::between(&here, &there.tasks).lacking();
    Ok((there.at == here.base).then_some(missing))
}

/// How many tasks there are as `task count` counts: what recurs is counted by its tasks, not by the template that makes them.
pub fn count(tasks: &crate::database::Tasks) -> u64 {
    let is_template =
        |task: &&crate::database::Attributes| task.get("status").is_some_and(|status| status == "recurring");
    tasks.values().filter(|task| !is_template(task)).count().try_into().unwrap_or(u64::MAX)
}

fn judge(here: &Content, there: &crate::database::Tasks) -> Verdict {
    let difference = Difference::between(here, there);
    if difference.is_none() {
        let tasks = count(there);
        return Verdict::Equal { tasks };
    }
    Verdict::Different(difference)
}

#[cfg(test)]
mod tests;
