//! `account delete`.

use super::super::db::{shrink, sweep};
use super::super::door::{Door, seconds};
use super::super::interrupt::interruptible;
use super::super::turns::Turns;
use super::super::{VerbError, words};
use super::{kept, tell};
use crate::cli::account::DeleteArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::stop::Stop;
use crate::storage::admin::{Administration as _, Order, Record};
use crate::storage::select::State;
use crate::storage::sqlite::administrator::AdministratorError;
use crate::storage::sqlite::directory::{DATABASE_FILE, DataDirectory};
use crate::storage::sqlite::schema;
use crate::terminal;

pub(super) fn run(args: &DeleteArgs, env: &Env) -> Result<(), VerbError> {
    if args.now {
        return now_and_for_good(args, env);
    }
    let grace = seconds("grace", &args.grace)?;
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    let erase_at = now() + grace;
    confirm(args, &question(&door, &record, erase_at))?;
    door.data.order(record.client, &Order::Delete { erase_at }, now())?;
    let until = words::moment(erase_at);
    tell(&door, &record, args.data.json, &format!("deleted\n`account enable` brings it back until {until}"))
}

fn confirm(args: &DeleteArgs, question: &str) -> Result<(), VerbError> {
    if args.yes {
        return Ok(());
    }
    match terminal::ask(question) {
        None => Err(VerbError::NeedsYes { doing: "deleting an account" }),
        Some(false) => Err(VerbError::Declined),
        Some(true) => Ok(()),
    }
}

/// What it means, before it is asked.
fn question(door: &Door, record: &Record, erase_at: i64) -> String {
    format!(
        "{}\nits devices are refused for ever, and what the server stores of it is erased\n\
         until {} it can be brought back with `account enable`\n\
         delete it?",
        what(door, record),
        words::moment(erase_at),
    )
}

fn question_now(door: &Door, record: &Record) -> String {
    format!(
        "{}\nits devices are refused for ever, and what the server stores of it is erased\n\
         now, with the files in which something of it was kept; backups keep theirs\n\
         nothing can bring it back\n\
         delete it?",
        what(door, record),
    )
}

fn what(door: &Door, record: &Record) -> String {
    format!(
        "account {}: {} ({}), created on {}",
        door.hasher.of(record.client),
        words::count(record.account.versions, "version"),
        words::size(record.account.bytes()),
        words::day(record.account.created_at),
    )
}

/// In small steps, so that a server beside is never kept waiting. Whatever ends it in between, a server erases the rest.
fn now_and_for_good(args: &DeleteArgs, env: &Env) -> Result<(), VerbError> {
    let directory = Door::directory(&args.data, env)?;
    // If no server runs, nobody else sweeps. Held before the data is opened, since whoever holds it finishes what a restore began.
    let is_there = directory.join(DATABASE_FILE).is_file();
    let held = is_there.then(|| DataDirectory::open(&directory).ok()).flatten();
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    if record.state() == State::Erased {
        return tell(&door, &record, args.data.json, "erased already; nothing was changed");
    }
    confirm(args, &question_now(&door, &record))?;
    if record.state() != State::Deleted {
        let now = now();
        door.data.order(record.client, &Order::Delete { erase_at: now }, now)?;
    }
    interruptible(args.data.json, |stop| -> Result<(), VerbError> {
        let mut turns = Turns::with_server_of(&directory);
        while door.data.erase_some(record.client)? {
            stop.check()?;
            turns.next();
        }
        give_back(&door, held.as_ref(), stop)
    })?;
    let folder = kept::remove(&directory, door.hasher.of(record.client));
    folder.map_err(|cause| VerbError::File { path: directory, cause })?;
    tell(&door, &record, args.data.json, "deleted and erased; its devices are refused for ever")
}

/// What it has left becomes the file system's again. Large bodies are a running server's to delete, which knows who is still
/// reading them, and gives back what they took.
fn give_back(door: &Door, held: Option<&DataDirectory>, stop: &Stop) -> Result<(), VerbError> {
    if let Some(held) = held {
        sweep(&door.data, held, stop)?;
        stop.check()?;
    }
    let db = schema::open_beside(&door.directory.join(DATABASE_FILE)).map_err(AdministratorError::from)?;
    shrink(&db, &door.directory, stop).map_err(|cause| VerbError::Database { doing: "shrink", cause })
}
