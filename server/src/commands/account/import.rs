//! `account import`.

use std::path::PathBuf;

use serde_json::json;

use super::super::door::Door;
use super::super::interrupt::interruptible;
use super::super::{VerbError, words};
use super::{export, kept};
use crate::cli::account::ImportArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::import::ImportError;
use crate::import::file::AccountFile;
use crate::import::source::Skip;
use crate::import::target::{Found, Target, TargetError, There};
use crate::stop::Stop;
use crate::storage::Barred;
use crate::terminal;

/// What became of the account in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is new here.
    Added,
    /// It was here, with nothing in it.
    Filled,
    /// It was here, with another history.
    Replaced,
    /// It was here, with this history.
    Present,
}

pub(super) fn run(args: &ImportArgs, env: &Env) -> Result<(), VerbError> {
    // Before this process becomes the data's owner, who may not be allowed to read it.
    let file = AccountFile::open(&args.file, now()).map_err(ImportError::from)?;
    let door = Door::open(&args.data, env)?;
    let mut target = Target::open(&door.directory).map_err(ImportError::from)?;
    let found = target.find(file.only()).map_err(TargetError::from).map_err(ImportError::from)?;
    if found != Found::Same {
        target.room_for(file.only()).map_err(VerbError::NotTaken)?;
    }
    let (outcome, kept) = interruptible(args.data.json, |stop| take(args, &door, &mut target, &file, found, stop))?;
    let client = file.only().client;
    let account = door.again(client)?;
    if args.data.json {
        let value = json!({
            "account": door.hasher.of(client).to_string(),
            "outcome": match outcome {
                Outcome::Added => "added",
                Outcome::Filled => "filled",
                Outcome::Replaced => "replaced",
                Outcome::Present => "present",
            },
            "versions": file.head().versions,
            "latest_version_id": account.account.latest().to_string(),
            "kept": kept,
        });
        terminal::print(&value.to_string());
        return Ok(());
    }
    let mut lines = vec![format!("account {}: {}", door.hasher.of(client), said(outcome, &file))];
    lines.extend(kept.map(|path| format!("what was here before is in\n  `{}`", path.display())));
    if matches!(account.account.barred, Some(Barred::Disabled { .. })) {
        lines.push("it is disabled here: `taskferry-server account enable` lets its computers in".to_owned());
    }
    terminal::say(&lines.join("\n"));
    Ok(())
}

fn said(outcome: Outcome, file: &AccountFile) -> String {
    let contents = export::contents(file.head());
    match outcome {
        Outcome::Added => {
            format!("took over {contents};\nits computers sync here as soon as they have this server's address")
        }
        Outcome::Filled => format!("it was here and empty; took over {contents}"),
        Outcome::Replaced => format!("took over {contents}, in the place of what was here"),
        Outcome::Present => "here already, with the same history; nothing was changed".to_owned(),
    }
}

fn take(
    args: &ImportArgs,
    door: &Door,
    target: &mut Target,
    file: &AccountFile,
    found: Found,
    stop: &Stop,
) -> Result<(Outcome, Option<PathBuf>), VerbError> {
    let mut put = |outcome| -> Result<Outcome, VerbError> {
        stop.check()?;
        let taken = target.put(file, file.only(), found).and_then(|()| Ok(target.commit()?));
        taken.map_err(ImportError::from)?;
        Ok(outcome)
    };
    match found {
        Found::Same => Ok((Outcome::Present, None)),
        Found::Nothing => Ok((put(Outcome::Added)?, None)),
        Found::Empty(_) => Ok((put(Outcome::Filled)?, None)),
        Found::Another(_) if !args.replace => Err(VerbError::NotTaken(Skip::Another)),
        Found::Deleted(_) if !args.replace => Err(VerbError::NotTaken(Skip::DeletedHere)),
        Found::Another(there) => {
            confirm(args, &question(door, file, &there))?;
            let kept = kept::keep(door, file.only().client, stop)?;
            if kept.export.head().latest_version_id != there.latest {
                return Err(ImportError::from(TargetError::Changed).into());
            }
            put(Outcome::Replaced)?;
            Ok((Outcome::Replaced, Some(kept.stays())))
        }
        Found::Deleted(there) => {
            confirm(args, &question(door, file, &there))?;
            Ok((put(Outcome::Replaced)?, None))
        }
    }
}

fn confirm(args: &ImportArgs, question: &str) -> Result<(), VerbError> {
    if args.yes {
        return Ok(());
    }
    match terminal::ask(question) {
        None => Err(VerbError::NeedsYes { doing: "replacing an account" }),
        Some(false) => Err(VerbError::Declined),
        Some(true) => Ok(()),
    }
}

/// What it means, before it is asked.
fn question(door: &Door, file: &AccountFile, there: &There) -> String {
    let hash = door.hasher.of(file.only().client);
    let here = match (there.is_empty(), there.is_deleted()) {
        (true, true) => "deleted, and nothing is left of it".to_owned(),
        (_, true) => {
            let (versions, size) = (words::count(there.versions, "version"), words::size(there.version_bytes));
            format!("deleted; {versions} ({size}) of it are still here, and go")
        }
        _ => {
            let (versions, size) = (words::count(there.versions, "version"), words::size(there.version_bytes));
            format!("{versions} ({size}), which are kept in a file")
        }
    };
    format!(
        "account {hash}\n  here: {here}\n  in the file: {}\n\
         computers whose last sync is not in the file are told that their history is gone;\n\
         `taskferry repair` brings them back\n\
         replace what is here?",
        export::contents(file.head())
    )
}
