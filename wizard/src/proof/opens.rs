//! Whether a secret opens what an account holds, found out by looking, with the sync protocol alone. Only reads.

use taskferry_protocol::VersionId;

use crate::credentials::Credentials;
use crate::credentials::unseal::{Key, Sealed, UnsealError};
use crate::server::sealed::{Child, FirstVersion};
use crate::server::{Server, ServerError};

/// What was found.
pub enum Opens {
    /// It does; and the key that does.
    Yes(Key),
    /// The same, but for the snapshot, which a computer with another secret has made.
    NotItsSnapshot(Key),
    /// There is nothing that could tell: the account is empty, or unknown, or has neither a beginning nor a snapshot.
    NothingThere,
    /// It does not.
    No(UnsealError),
}

/// Looks. `base` is the version at which this computer is.
pub fn look(server: &Server, account: &Credentials, base: VersionId) -> Result<Opens, ServerError> {
    let id = &account.client_id;
    // The first version before the snapshot, which holds everything and may take minutes to fetch.
    let (sealed, is_snapshot) = match server.first_version(id)? {
        FirstVersion::Found(sealed) => (sealed, false),
        FirstVersion::None | FirstVersion::Gone => match server.snapshot(id)? {
            Some(snapshot) => (snapshot, true),
            None => return Ok(Opens::NothingThere),
        },
    };
    let key = match Key::derive(id, &account.secret) {
        Ok(key) => key,
        Err(why) => return Ok(Opens::No(why)),
    };
    Ok(match key.unseal(sealed) {
        Ok(_) => Opens::Yes(key),
        // A computer with another secret makes a snapshot, too. Where this one goes on, it goes on with its own.
        Err(UnsealError::WrongSecret) if is_snapshot && opens_what_follows(server, account, &key, base)? => {
            Opens::NotItsSnapshot(key)
        }
        Err(why) => Opens::No(why),
    })
}

/// Whether the key opens the version that follows the one at which this computer is.
fn opens_what_follows(server: &Server, account: &Credentials, key: &Key, base: VersionId) -> Result<bool, ServerError> {
    Ok(match server.child(&account.client_id, base)? {
        Child::Found { sealed, .. } => key.unseal(Sealed { bound_to: base, ..sealed }).is_ok(),
        Child::None | Child::Gone => false,
    })
}
