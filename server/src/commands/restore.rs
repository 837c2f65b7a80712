//! `taskferry-server restore BACKUP`: shows what it means, asks, and puts the backup in the place of the data.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::door::Door;
use super::interrupt::interruptible;
use super::{VerbError, backup, words};
use crate::account_hash::AccountHash;
use crate::backup::compare::{Change, Comparison};
use crate::backup::manifest::BackupName;
use crate::backup::restore::{Prepared, Restored, Source, prepare};
use crate::cli::backup::{BackupFlags, RestoreArgs};
use crate::config::sources::Env;
use crate::stop::Stop;
use crate::terminal;

/// Accounts that are shown one by one on a terminal.
const SHOWN_MAX: usize = 20;

/// Carries out the verb.
pub fn run(args: &RestoreArgs, env: &Env) -> Result<(), VerbError> {
    if !args.dry_run {
        Door::directory_to_fill(&args.data, env)?;
    }
    let plan = backup::plan(&args.data, &BackupFlags::default(), env)?;
    // A place that is away must not be in the way of a restore from another one.
    let places = plan.shelves().into_iter().filter_map(|(_, shelf)| shelf.ok()).collect();
    let source = Source::find(&args.backup, places, &plan.access)?;
    let Some(prepared) = interruptible(args.data.json, |stop| decide(args, &plan.data_dir, &source, stop))? else {
        return Ok(());
    };
    let before = args.data.json.then(|| as_json(&source, &prepared, None));
    let restored = prepared.carry_out(&BackupName::at(Timestamp::now()).stamp())?;
    match before {
        Some(mut value) => {
            value["former"] = json!(restored.former);
            value["epoch"] = json!(restored.epoch);
            value["restored"] = json!(true);
            terminal::print(&value.to_string());
        }
        None => terminal::say(&done(&restored)),
    }
    Ok(())
}

/// Prepares it, says what it means, and asks. `None`: that was all. Whoever is told to stop, also by a signal while it asks, leaves
/// nothing behind.
fn decide(args: &RestoreArgs, data_dir: &Path, source: &Source, stop: &Stop) -> Result<Option<Prepared>, VerbError> {
    let prepared = prepare(source, data_dir, args.identity.as_deref(), !args.dry_run, stop)?;
    stop.ends();
    if args.data.json {
        if args.dry_run {
            terminal::print(&as_json(source, &prepared, None).to_string());
            return Ok(None);
        }
    } else {
        terminal::say(&text(source, &prepared));
        if args.dry_run {
            terminal::say("nothing was changed");
            return Ok(None);
        }
    }
    if !args.yes {
        match terminal::ask_unless("put it in the place of the present data?", || stop.is_set()) {
            None => return Err(VerbError::NeedsYes { doing: "a restore" }),
            Some(false) => return Err(VerbError::Declined),
            Some(true) => {}
        }
    }
    Ok(Some(prepared))
}

fn text(source: &Source, prepared: &Prepared) -> String {
    let seen = &prepared.examined;
    let mut lines = vec![format!(
        "{}\n  is good: {}, {}, {}",
        source.name(),
        words::count(seen.accounts, "account"),
        words::count(seen.versions, "version"),
        words::count(seen.snapshots, "snapshot")
    )];
    match &prepared.comparison {
        None => lines.push("  there is no present data, or it can't be read: nothing to compare with".to_owned()),
        Some(comparison) => lines.extend(changes(comparison)),
    }
    lines.join("\n")
}

fn changes(comparison: &Comparison) -> Vec<String> {
    let mut lines = vec![format!(
        "compared with the present data: {} of {} would change",
        comparison.changed,
        words::count(comparison.changed + comparison.unchanged, "account")
    )];
    lines.extend(comparison.changes.iter().take(SHOWN_MAX).map(|(account, change)| row(*account, *change)));
    let more = comparison.changed.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        lines.push(format!("  … and {more} more; `--json` shows them"));
    }
    lines
}

fn row(account: AccountHash, change: Change) -> String {
    let versions = |n| words::count(n, "version");
    let what = match change {
        Change::Back { versions: n } => format!("goes back by {}", versions(n)),
        Change::Forward { versions: n } => format!("goes forward by {}", versions(n)),
        Change::Parted => "has another history in the backup".to_owned(),
        Change::Gone => "is not in the backup, and will be unknown".to_owned(),
        Change::Added => "is only in the backup, and comes back".to_owned(),
        Change::Revived => "was disabled or deleted since, and will be in use again".to_owned(),
    };
    format!("  {account}  {what}")
}

fn done(restored: &Restored) -> String {
    let mut text = "restored; start the server now".to_owned();
    if let Some(former) = &restored.former {
        let _ = write!(text, "\nthe former data is kept as {}", former.display());
    }
    let ahead = "computers that were ahead of the backup get 410 at their next sync; there, \
                 `taskferry repair` brings back what only they have";
    format!("{text}\n\n{}", terminal::hints(ahead))
}

fn as_json(source: &Source, prepared: &Prepared, restored: Option<&Restored>) -> Value {
    let seen = &prepared.examined;
    let changes = prepared.comparison.as_ref().map(|comparison| {
        let change = |(account, change): &(AccountHash, Change)| {
            let mut value = json!(change);
            value["account"] = json!(account.to_string());
            value
        };
        json!({
            "changed": comparison.changed,
            "unchanged": comparison.unchanged,
            "accounts": comparison.changes.iter().map(change).collect::<Vec<_>>(),
        })
    });
    json!({
        "backup": source.name(),
        "accounts": seen.accounts,
        "versions": seen.versions,
        "snapshots": seen.snapshots,
        "comparison": changes,
        "restored": restored.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account_hash::AccountHasher;
    use taskferry_protocol::ClientId;

    #[test]
    fn what_happens_to_accounts_is_said_in_lines_that_fit() {
        let name = AccountHasher::new("salt").of(ClientId::from_uuid(uuid::Uuid::nil()));
        for change in [
            Change::Back { versions: 1 },
            Change::Forward { versions: 1_000_000 },
            Change::Parted,
            Change::Gone,
            Change::Added,
            Change::Revived,
        ] {
            assert!(row(name, change).len() <= 80, "{change:?}");
        }
    }
}
