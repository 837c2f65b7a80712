//! `account list`.

use super::super::door::Door;
use super::super::{VerbError, words};
use super::{as_json, state};
use crate::account_hash::AccountHash;
use crate::cli::account::ListArgs;
use crate::config::sources::Env;
use crate::storage::admin::{Administration as _, Record};
use crate::storage::select::Selection;
use crate::terminal;

pub(super) fn run(args: &ListArgs, env: &Env) -> Result<(), VerbError> {
    let door = Door::open(&args.data, env)?;
    // Each is printed when it is read: a table of a million accounts needs no memory.
    if args.data.json {
        let mut list = terminal::JsonList::begin();
        door.data.records(&Selection::default(), &mut |record| list.print(&as_json(&door, &record, false)))?;
        list.end();
        return Ok(());
    }
    let mut count = 0_u64;
    terminal::print(HEADING);
    door.data.records(&Selection::default(), &mut |record| {
        count += 1;
        terminal::print(&row(door.hasher.of(record.client), &record));
    })?;
    if count == 0 {
        terminal::say("there are no accounts yet");
    }
    Ok(())
}

const HEADING: &str = "ACCOUNT       STATE     CREATED     LAST SENT   VERSIONS        SIZE    SNAPSHOT";

fn row(hash: AccountHash, record: &Record) -> String {
    let account = &record.account;
    let last = account.last_version_at.map_or_else(|| "-".to_owned(), words::day);
    let snapshot = account.snapshot.map_or_else(|| "-".to_owned(), |snapshot| words::size(snapshot.bytes));
    format!(
        "{hash:<12}  {:<8}  {:<10}  {last:<10}  {:>8}  {:>10}  {snapshot:>10}",
        state(record),
        words::day(account.created_at),
        account.versions,
        words::size(account.version_bytes),
    )
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::{ClientId, VersionId};
    use uuid::Uuid;

    use super::*;
    use crate::account_hash::AccountHasher;
    use crate::storage::{Account, Barred, SnapshotMeta};

    #[test]
    fn the_table_fits_a_terminal_of_80_columns() {
        let hash = AccountHasher::new("salt").of(ClientId::from_uuid(Uuid::from_u128(7)));
        let used = Account {
            versions: 123_456,
            version_bytes: 67_100_000,
            last_version_at: Some(1_795_411_529),
            snapshot: Some(SnapshotMeta { version: VersionId::NIL, stored_at: 0, bytes: 5200, versions_since: 0 }),
            ..Account::new(1_795_000_000)
        };
        let deleted = Account { barred: Some(Barred::Deleted), ..Account::new(1_795_000_000) };
        let row = |account, erase_at| {
            row(hash, &Record { client: ClientId::generate(), account, erase_at, last_stand: None })
        };
        let table = [HEADING.to_owned(), row(used, None), row(deleted, Some(1))].join("\n");
        assert_eq!(
            table,
            "\
ACCOUNT       STATE     CREATED     LAST SENT   VERSIONS        SIZE    SNAPSHOT
HASHHASHHASH  active    2026-11-18  2026-11-23    123456     67.1 MB      5.2 kB
HASHHASHHASH  deleted   2026-11-18  -                  0         0 B           -"
                .replace("HASHHASHHASH", &hash.to_string())
        );
    }
}
