//! `account list`.

use super::super::door::Door;
use super::super::{VerbError, words};
use super::{as_json, state};
use crate::cli::account::ListArgs;
use crate::config::sources::Env;
use crate::storage::admin::{Administration as _, Record};
use crate::terminal;

pub(super) fn run(args: &ListArgs, env: &Env) -> Result<(), VerbError> {
    let door = Door::open(&args.data, env)?;
    // Each is printed when it is read: a table of a million accounts needs no memory.
    if args.data.json {
        let mut list = terminal::JsonList::begin();
        door.data.records(&mut |record| list.print(&as_json(&door, &record, false)))?;
        list.end();
        return Ok(());
    }
    let mut count = 0_u64;
    terminal::print(HEADING);
    door.data.records(&mut |record| {
        count += 1;
        terminal::print(&row(&door, &record));
    })?;
    if count == 0 {
        terminal::say("there are no accounts yet");
    }
    Ok(())
}

const HEADING: &str = "ACCOUNT       STATE     CREATED     LAST SENT   VERSIONS        SIZE    SNAPSHOT";

fn row(door: &Door, record: &Record) -> String {
    let account = &record.account;
    let last = account.last_version_at.map_or_else(|| "-".to_owned(), words::day);
    let snapshot = account.snapshot.map_or_else(|| "-".to_owned(), |snapshot| words::size(snapshot.bytes));
    format!(
        "{:<12}  {:<8}  {:<10}  {last:<10}  {:>8}  {:>10}  {snapshot:>10}",
        door.hasher.of(record.client),
        state(record),
        words::day(account.created_at),
        account.versions,
        words::size(account.version_bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::HEADING;

    #[test]
    fn the_table_fits_a_terminal() {
        assert!(HEADING.len() <= 80);
    }
}
