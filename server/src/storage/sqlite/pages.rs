//! Free pages of the database file: what pruning and erasing leave behind.
//!
//! A few of them are good to have, since what is written next takes them first. Many are given back to the file system from the
//! file's end, a few at a time: a `VACUUM` would write the whole database anew, and keep everybody waiting meanwhile.

use rusqlite::Connection;

/// So many free pages are kept, whatever the size: 8 MiB of 8 KiB.
const KEPT: u64 = 1024;
/// And this part of the file.
const KEPT_PART: u64 = 4;
/// Pages in one slice: at most 1 MiB is moved.
const SLICE: u32 = 128;

/// Gives some back, if there are many. Returns whether it did.
pub(super) fn give_back_some(db: &Connection) -> rusqlite::Result<bool> {
    let (free, all) = (count(db, "PRAGMA freelist_count")?, count(db, "PRAGMA page_count")?);
    if free <= KEPT.max(all / KEPT_PART) {
        return Ok(false);
    }
    // A page for each row that this statement pretends to have.
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({SLICE})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(true)
}

fn count(db: &Connection, pragma: &str) -> rusqlite::Result<u64> {
    db.prepare_cached(pragma)?.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn the_file_shrinks_when_most_of_it_is_free_and_keeps_a_reserve() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db");
        std::fs::File::create(&file).unwrap();
        let db = schema::open_for_writing(&file).unwrap();
        db.execute_batch(
            "INSERT INTO blob (id) VALUES (1);
             WITH RECURSIVE n (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM n WHERE n < 199)
             INSERT INTO chunk (blob, seq, data) SELECT 1, n, zeroblob(262144) FROM n;",
        )
        .unwrap();
        assert!(!give_back_some(&db).unwrap(), "nothing is free yet");
        let full = count(&db, "PRAGMA page_count").unwrap();
        db.execute_batch("DELETE FROM chunk").unwrap();
        while give_back_some(&db).unwrap() {}
        let left = count(&db, "PRAGMA page_count").unwrap();
        assert!(left < full / 4, "{left} of {full} pages");
        assert!(count(&db, "PRAGMA freelist_count").unwrap() >= KEPT - u64::from(SLICE), "a reserve");
    }
}
