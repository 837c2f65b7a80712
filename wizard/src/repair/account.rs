//! What an account holds, read in full: its tasks as a new computer gets them, and how they became so as far as its history is kept.
//! Only reads.

use taskferry_protocol::VersionId;

use super::unite::Side;
use crate::credentials::Credentials;
use crate::proof::rebuild::{RebuildError, Start, rebuild};
use crate::rescue::push::Connect;

/// See the module.
pub struct Account {
    /// Its newest version.
    pub at: VersionId,
    /// Its tasks, and what is remembered of them.
    pub side: Side,
}

/// Reads it.
pub fn read(connect: &Connect<'_>, account: &Credentials) -> Result<Account, RebuildError> {
    let from = |start, until| rebuild(connect().map_err(RebuildError::Server)?, account, start, until);
    let there = match from(Start::Snapshot, VersionId::NIL) {
        // A snapshot that can't be opened hides nothing, where the history is kept from its beginning.
        Err(RebuildError::Unseal(why)) => {
            from(Start::FirstVersion, VersionId::NIL).map_err(|_| RebuildError::Unseal(why))?
        }
        there => there?,
    };
    // A snapshot is what counts, but it does not tell when anything was changed.
    let history = match there.start {
        Start::FirstVersion => there.history,
        Start::Snapshot => match from(Start::FirstVersion, there.at) {
            Ok(whole) if whole.at == there.at => whole.history,
            Ok(_) | Err(RebuildError::Incomplete | RebuildError::Unseal(_) | RebuildError::Malformed) => there.history,
            Err(why) => return Err(why),
        },
    };
    Ok(Account { at: there.at, side: Side { tasks: there.tasks, history } })
}
