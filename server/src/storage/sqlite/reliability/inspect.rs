//! Looks at a database from outside, without the storage: what is wrong with it, and what is missing.

use faultfs::FaultFs;
use rusqlite::{Connection, OpenFlags};
use taskferry_protocol::{ClientId, VersionId};

use super::disk::file;
use super::world::Ledger;
use crate::storage::conformance::client;

fn read_only(fs: &FaultFs) -> rusqlite::Result<Connection> {
    file(fs).connect(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// What SQLite's own checks and the schema's promises find wrong.
pub(super) fn unsound(fs: &FaultFs) -> Vec<String> {
    const QUESTIONS: &[&str] = &[
        "SELECT 'journal mode ' || journal_mode FROM pragma_journal_mode WHERE journal_mode <> 'wal'",
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "SELECT 'a reference to nothing in ' || \"table\" FROM pragma_foreign_key_check",
        "SELECT 'account ' || id || ' miscounts' FROM account a WHERE versions <> \
             (SELECT count(*) FROM version WHERE account = a.id) OR version_bytes <> \
             (SELECT coalesce(sum(bytes), 0) FROM version WHERE account = a.id)",
        "SELECT 'a version with two parents' FROM version GROUP BY account, version HAVING count(*) > 1",
        "SELECT 'a body in use would be swept' FROM blob WHERE linked = 0 AND id IN \
             (SELECT blob FROM version UNION SELECT blob FROM snapshot)",
        "SELECT 'a body that nobody uses would never be swept' FROM blob WHERE linked = 1 AND id NOT IN \
             (SELECT blob FROM version WHERE blob IS NOT NULL UNION SELECT blob FROM snapshot WHERE blob IS NOT NULL)",
        "SELECT 'body ' || v.blob || ' has ' || sum(length(c.data)) || ' bytes' FROM \
             (SELECT blob, bytes FROM version UNION \
             SELECT s.blob, a.snapshot_bytes FROM snapshot s JOIN account a ON a.id = s.account) v JOIN chunk c ON c.blob = v.blob \
             GROUP BY v.blob, v.bytes HAVING sum(length(c.data)) <> v.bytes",
    ];
    let ask = || -> rusqlite::Result<Vec<String>> {
        let db = read_only(fs)?;
        let mut found = Vec::new();
        for sql in QUESTIONS {
            for problem in db.prepare(sql)?.query_map([], |row| row.get(0))? {
                found.push(problem?);
            }
        }
        Ok(found)
    };
    ask().unwrap_or_else(|error| vec![error.to_string()])
}

/// How many acknowledged versions a disk does not have, byte for byte.
pub(super) fn lost(fs: &FaultFs, ledger: &Ledger) -> usize {
    const BODY: &str =
        "SELECT body, blob FROM version WHERE version = ?2 AND account = (SELECT id FROM account WHERE client_id = ?1)";
    const PIECES: &str = "SELECT data FROM chunk WHERE blob = ?1 ORDER BY seq";
    let db = read_only(fs);
    let body = |who: ClientId, id: VersionId| -> rusqlite::Result<Vec<u8>> {
        let db = db.as_ref().map_err(|_| rusqlite::Error::InvalidQuery)?;
        let (body, blob): (Option<Vec<u8>>, Option<i64>) = db
            .prepare_cached(BODY)?
            .query_row((who.as_bytes(), id.as_bytes()), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut body = body.unwrap_or_default();
        for piece in db.prepare_cached(PIECES)?.query_map([blob], |row| row.get::<_, Vec<u8>>(0))? {
            body.extend(piece?);
        }
        Ok(body)
    };
    let versions = ledger.iter().flat_map(|(who, told)| told.versions.iter().map(|told| (client(*who), told)));
    versions.filter(|(who, (id, expected))| !body(*who, *id).is_ok_and(|body| body == *expected)).count()
}
