//! `taskferry-server prune`: takes away versions that no device needs any more, beside a running server too.

use serde_json::json;

use super::door::Door;
use super::interrupt::interruptible;
use super::turns::Turns;
use super::{VerbError, words};
use crate::cli::prune::PruneArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::config::values;
use crate::progress::Step;
use crate::stop::{Stop, Stopped};
use crate::storage::admin::Administration as _;
use crate::storage::prune::{Cursor, Prunable, Retention};
use crate::terminal;

/// What was found, or taken away.
#[derive(Debug, Default)]
struct Sum {
    accounts: u64,
    versions: u64,
    bytes: u64,
    /// It was told to stop before it was done.
    stopped: bool,
}

/// Carries out the verb.
pub fn run(args: &PruneArgs, env: &Env) -> Result<(), VerbError> {
    let seconds = values::retention(&args.older_than).map_err(|expected| VerbError::Value {
        flag: "older-than",
        text: args.older_than.clone(),
        expected,
    })?;
    let door = Door::open(&args.data, env)?;
    let retention = Retention::since(now() - seconds);
    let found = look(&door, retention, args.data.json)?;
    let is_over = args.dry_run || found.versions == 0;
    if !is_over && !args.yes {
        match terminal::ask(&question(&found)) {
            None => return Err(VerbError::NeedsYes { doing: "pruning" }),
            Some(false) => return Err(VerbError::Declined),
            Some(true) => {}
        }
    }
    let done = if is_over {
        Sum::default()
    } else {
        interruptible(args.data.json, |stop| prune(&door, retention, found.versions, stop))?
    };
    if args.data.json {
        terminal::print(&as_json(&found, &done).to_string());
    } else {
        terminal::say(&last_word(args.dry_run, &found, &done));
    }
    if done.stopped { Err(Stopped.into()) } else { Ok(()) }
}

/// Shows, for people, what each account can spare, and adds it up.
fn look(door: &Door, retention: Retention, json: bool) -> Result<Sum, VerbError> {
    let mut sum = Sum::default();
    door.data.prunable(retention, &mut |account| {
        if !json {
            if sum.accounts == 0 {
                terminal::print(HEADING);
            }
            terminal::print(&row(door, &account));
        }
        sum.accounts += 1;
        sum.versions += account.versions;
        sum.bytes += account.bytes;
    })?;
    Ok(sum)
}

const HEADING: &str = "ACCOUNT       VERSIONS        SIZE  A DEVICE LAST CAME FROM THERE";

fn row(door: &Door, account: &Prunable) -> String {
    let last_seen = account.last_seen.map_or_else(|| "-".to_owned(), |week| words::day(week.begins_at()));
    format!(
        "{:<12}  {:>8}  {:>10}  {last_seen}",
        door.hasher.of(account.client),
        account.versions,
        words::size(account.bytes)
    )
}

fn question(found: &Sum) -> String {
    format!(
        "{} can go: each account's snapshot holds what they did\n\
         a device that comes back from there after all has to start afresh\n\
         take them away?",
        total(found)
    )
}

fn total(sum: &Sum) -> String {
    let (versions, accounts) = (words::count(sum.versions, "version"), words::count(sum.accounts, "account"));
    format!("{versions} of {accounts} ({})", words::size(sum.bytes))
}

fn last_word(dry_run: bool, found: &Sum, done: &Sum) -> String {
    match (found.versions, dry_run) {
        (0, _) => "nothing to prune: every version is new, or needed by a device or for a snapshot".to_owned(),
        (_, true) => format!("{} would go; nothing was changed", total(found)),
        (_, false) => format!(
            "pruned {} ({}); the file gets smaller while the server runs",
            words::count(done.versions, "version"),
            words::size(done.bytes)
        ),
    }
}

fn as_json(found: &Sum, done: &Sum) -> serde_json::Value {
    json!({
        "prunable": { "accounts": found.accounts, "versions": found.versions, "bytes": found.bytes },
        "pruned": { "versions": done.versions, "bytes": done.bytes },
    })
}

/// A few versions at a time, so that the server beside is never kept waiting, and an interruption leaves nothing half-done.
fn prune(door: &Door, retention: Retention, versions: u64, stop: &Stop) -> Result<Sum, VerbError> {
    stop.begins(Step::of_things("pruning", versions, "versions"));
    let (mut sum, mut behind) = (Sum::default(), Some(Cursor::default()));
    let mut turns = Turns::with_server_of(&door.directory);
    while let Some(from) = behind
        && !stop.is_set()
    {
        let pruned = door.data.prune_some(from, retention)?;
        sum.versions += pruned.versions;
        sum.bytes += pruned.bytes;
        stop.reached(sum.versions);
        behind = pruned.next;
        turns.next();
    }
    sum.stopped = behind.is_some();
    Ok(sum)
}
