//! `account list`.

use super::super::door::{Door, seconds};
use super::super::table::{Column, Table};
use super::super::{VerbError, words};
use super::as_json;
use crate::account_hash::AccountHash;
use crate::cli::account::{ListArgs, ListOrder, ListState};
use crate::clock::now;
use crate::config::sources::Env;
use crate::config::values;
use crate::storage::UnixSeconds;
use crate::storage::admin::{Administration as _, Record};
use crate::storage::select::{Order, Selection, State};
use crate::terminal;

pub(super) fn run(args: &ListArgs, env: &Env) -> Result<(), VerbError> {
    let now = now();
    let selection = selection(args, now)?;
    let door = Door::open(&args.data, env)?;
    // Each is printed when it is read: a table of a million accounts needs no memory.
    if args.data.json {
        let mut list = terminal::JsonList::begin();
        door.data.records(&selection, &mut |record| list.print(&as_json(&door, &record, false)))?;
        list.end();
        return Ok(());
    }
    let mut count = 0_u64;
    let table = Table::new(&COLUMNS, terminal::columns());
    terminal::print(&table.heading());
    door.data.records(&selection, &mut |record| {
        count += 1;
        terminal::print(&table.row(&cells(door.hasher.of(record.client), &record, now)));
    })?;
    if let Some(word) = last_word(&selection, count) {
        terminal::say(&word);
    }
    Ok(())
}

/// What was asked for.
fn selection(args: &ListArgs, now: UnixSeconds) -> Result<Selection, VerbError> {
    let silent_since = args.inactive.as_deref().map(|text| seconds("inactive", text).map(|seconds| now - seconds));
    let over_bytes = args.over.as_deref().map(|text| {
        values::bytes(text).map_err(|expected| VerbError::Value { flag: "over", text: text.to_owned(), expected })
    });
    let limit = args.limit.map(u64::from);
    Ok(Selection {
        state: args.state.map(|state| match state {
            ListState::Active => State::Active,
            ListState::Disabled => State::Disabled,
            ListState::Deleted => State::Deleted,
            ListState::Erased => State::Erased,
        }),
        silent_since: silent_since.transpose()?,
        over_bytes: over_bytes.transpose()?,
        order: match args.sort {
            ListOrder::Created => Order::Created,
            ListOrder::Seen => Order::Seen,
            ListOrder::Size => Order::Size,
            ListOrder::Versions => Order::Versions,
        },
        reversed: args.reverse,
        skip: limit.unwrap_or(0).saturating_mul(u64::from(args.page.get()) - 1),
        limit,
    })
}

fn last_word(selection: &Selection, count: u64) -> Option<String> {
    let all = Selection { order: selection.order, reversed: selection.reversed, ..Selection::default() };
    match (count, selection.limit) {
        (0, _) if *selection == all => Some("there are no accounts yet".to_owned()),
        (0, _) if selection.skip > 0 => Some("there are no more accounts like this".to_owned()),
        (0, _) => Some("there are no accounts like this".to_owned()),
        (count, Some(limit)) if count == limit => {
            Some(format!("there may be more: `--page {}`", selection.skip / limit + 2))
        }
        _ => None,
    }
}

const COLUMNS: [Column; 10] = [
    Column { head: "ACCOUNT", width: 12, right: false, rank: 0 },
    Column { head: "STATE", width: 8, right: false, rank: 1 },
    Column { head: "CREATED", width: 10, right: false, rank: 5 },
    Column { head: "LAST SEEN", width: 10, right: false, rank: 2 },
    Column { head: "LAST SENT", width: 10, right: false, rank: 7 },
    Column { head: "VERSIONS", width: 8, right: true, rank: 6 },
    Column { head: "SIZE", width: 10, right: true, rank: 3 },
    Column { head: "SNAPSHOT", width: 10, right: true, rank: 4 },
    Column { head: "MADE ON", width: 10, right: false, rank: 8 },
    Column { head: "QUOTA", width: 10, right: true, rank: 9 },
];

fn cells(hash: AccountHash, record: &Record, now: UnixSeconds) -> [String; 10] {
    let account = &record.account;
    let none = || "-".to_owned();
    // That a device asked for something is known to the week: its end, but no day to come.
    let heard_of = record.last_stand.is_some() || account.last_version_at.is_some();
    [
        hash.to_string(),
        record.state().name().to_owned(),
        words::day(account.created_at),
        if heard_of { words::day(record.seen_at().min(now)) } else { none() },
        account.last_version_at.map_or_else(none, words::day),
        account.versions.to_string(),
        words::size(account.version_bytes),
        account.snapshot.map_or_else(none, |snapshot| words::size(snapshot.bytes)),
        account.snapshot.map_or_else(none, |snapshot| words::day(snapshot.stored_at)),
        account.quota.bytes.map_or_else(none, words::size),
    ]
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::{ClientId, VersionId};
    use uuid::Uuid;

    use super::*;
    use crate::account_hash::AccountHasher;
    use crate::storage::stands::Week;
    use crate::storage::{Account, Barred, OwnQuota, SnapshotMeta};

    const NOW: UnixSeconds = 1_795_500_000;

    fn table(room: usize) -> String {
        let hash = AccountHasher::new("salt").of(ClientId::from_uuid(Uuid::from_u128(7)));
        let used = Account {
            versions: 123_456,
            version_bytes: 67_100_000,
            last_version_at: Some(1_794_411_529),
            snapshot: Some(SnapshotMeta { version: VersionId::NIL, stored_at: 0, bytes: 5200, versions_since: 0 }),
            quota: OwnQuota { bytes: Some(200_000_000), versions: None },
            ..Account::new(1_794_000_000)
        };
        let deleted = Account { barred: Some(Barred::Deleted), ..Account::new(1_795_000_000) };
        let table = Table::new(&COLUMNS, room);
        let row = |account, erase_at, last_stand| {
            let record = Record { client: ClientId::generate(), account, erase_at, last_stand };
            table.row(&cells(hash, &record, NOW))
        };
        let lines = [table.heading(), row(used, None, Some(Week::of(NOW))), row(deleted, Some(1), None)];
        lines.join("\n").replace(&hash.to_string(), "HASHHASHHASH")
    }

    #[test]
    fn the_table_fits_a_terminal_of_80_columns() {
        let shown = table(80);
        assert_eq!(
            shown,
            "\
ACCOUNT       STATE     CREATED     LAST SEEN   VERSIONS        SIZE    SNAPSHOT
HASHHASHHASH  active    2026-11-06  2026-11-24    123456     67.1 MB      5.2 kB
HASHHASHHASH  deleted   2026-11-18  -                  0         0 B           -"
        );
        assert_eq!(shown.lines().map(str::len).max(), Some(80));
    }

    #[test]
    fn a_wide_terminal_shows_more_and_a_narrow_one_less() {
        assert_eq!(
            table(200).lines().next(),
            Some(
                "ACCOUNT       STATE     CREATED     LAST SEEN   LAST SENT   VERSIONS        SIZE    SNAPSHOT  MADE ON          QUOTA"
            )
        );
        assert_eq!(
            table(40),
            "\
ACCOUNT       STATE     LAST SEEN
HASHHASHHASH  active    2026-11-24
HASHHASHHASH  deleted   -"
        );
    }
}
