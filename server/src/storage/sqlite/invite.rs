//! An invite's row.

use rusqlite::{Connection, OptionalExtension as _};

use crate::invite::{InviteFlaw, InviteHash};
use crate::storage::UnixSeconds;

/// Takes one use of an invite.
pub(super) fn redeem(db: &Connection, hash: InviteHash, now: UnixSeconds) -> rusqlite::Result<Result<(), InviteFlaw>> {
    let taken = db
        .prepare_cached("UPDATE invite SET used = used + 1 WHERE hash = ?1 AND used < uses AND expires_at > ?2")?
        .execute((hash.as_bytes(), now))?;
    if taken == 1 {
        return Ok(Ok(()));
    }
    let used_up: Option<bool> = db
        .prepare_cached("SELECT used = uses FROM invite WHERE hash = ?1")?
        .query_row([hash.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(Err(match used_up {
        None => InviteFlaw::Unknown,
        Some(true) => InviteFlaw::Used,
        Some(false) => InviteFlaw::Expired,
    }))
}
