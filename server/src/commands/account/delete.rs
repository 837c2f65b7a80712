//! `account delete`.

use super::super::door::{Door, now, seconds};
use super::super::{VerbError, words};
use super::tell;
use crate::cli::account::DeleteArgs;
use crate::config::sources::Env;
use crate::storage::admin::{Administration as _, Order, Record};
use crate::terminal;

pub(super) fn run(args: &DeleteArgs, env: &Env) -> Result<(), VerbError> {
    let grace = seconds("grace", &args.grace)?;
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    let erase_at = now() + grace;
    if !args.yes {
        match terminal::ask(&question(&door, &record, erase_at)) {
            None => return Err(VerbError::NeedsYes { doing: "deleting an account" }),
            Some(false) => return Err(VerbError::Declined),
            Some(true) => {}
        }
    }
    door.data.order(record.client, &Order::Delete { erase_at }, now())?;
    let until = words::moment(erase_at);
    tell(&door, &record, args.data.json, &format!("deleted; `account enable` brings it back until {until}"))
}

/// What it means, before it is asked.
fn question(door: &Door, record: &Record, erase_at: i64) -> String {
    format!(
        "account {}: {} ({}), created on {}\n\
         its devices are refused for ever, and what the server stores of it is erased\n\
         until {} it can be brought back with `account enable`\n\
         delete it?",
        door.hasher.of(record.client),
        words::count(record.account.versions, "version"),
        words::size(record.account.bytes()),
        words::day(record.account.created_at),
        words::moment(erase_at),
    )
}
