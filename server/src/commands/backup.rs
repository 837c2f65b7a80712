//! `taskferry-server backup …`: makes backups, lists them, goes through them, and removes those that have had their time.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::door::act_as_owner;
use super::interrupt::interruptible;
use super::{VerbError, words};
use crate::backup::create::{Created, Plan, create};
use crate::backup::restore::RestoreError;
use crate::backup::status::Status;
use crate::backup::store::destination::Destination;
use crate::backup::store::{Kept, Shelf, StoreError};
use crate::backup::verify::{Drill, verify};
use crate::cli::DataArgs;
use crate::cli::backup::{BackupCommand, BackupFlags, CreateArgs, ListArgs, PruneArgs, VerifyArgs};
use crate::clock::now;
use crate::config::backup::Backups;
use crate::config::sources::Env;
use crate::remedy;
use crate::stop::Stop;
use crate::terminal;
use crate::words::in_full;

/// Carries out the verb.
pub fn run(command: &BackupCommand, env: &Env) -> Result<(), VerbError> {
    match command {
        BackupCommand::Create(args) => make(args, env),
        BackupCommand::List(args) => list(args, env),
        BackupCommand::Verify(args) => drill(args, env),
        BackupCommand::Prune(args) => prune(args, env),
    }
}

/// How backups are made here, as the data's owner.
pub(super) fn plan(args: &DataArgs, flags: &BackupFlags, env: &Env) -> Result<Plan, VerbError> {
    let plan = Backups::beside(args, flags, env)?.plan;
    act_as_owner(&plan.data_dir).map_err(VerbError::Owner)?;
    Ok(plan)
}

fn make(args: &CreateArgs, env: &Env) -> Result<(), VerbError> {
    let plan = plan(&args.data, &args.backup, env)?;
    let created = interruptible(args.data.json, |stop| create(&plan, Timestamp::now(), stop))?;
    if args.data.json {
        terminal::print(&created_json(&created).to_string());
    } else {
        terminal::print(&created_text(&created));
    }
    if created.places.iter().any(|place| place.kept.is_err()) { Err(VerbError::NotEverywhere) } else { Ok(()) }
}

fn created_text(created: &Created) -> String {
    let manifest = &created.manifest;
    let mut lines = vec![format!(
        "made and proved {}\n  {}, {}, {}; {}{}",
        created.name,
        words::count(manifest.accounts, "account"),
        words::count(manifest.versions, "version"),
        words::count(manifest.snapshots, "snapshot"),
        words::size(manifest.bytes),
        if manifest.encryption.is_some() { ", encrypted" } else { "" },
    )];
    lines.extend(created.places.iter().map(|place| match &place.kept {
        Ok(0) => format!("  kept in {}", place.destination),
        Ok(removed) => format!("  kept in {}; {removed} older removed", place.destination),
        Err(error) => format!("  NOT kept in {}: {}", place.destination, in_full(error)),
    }));
    lines.join("\n")
}

fn created_json(created: &Created) -> Value {
    let place = |place: &crate::backup::create::Place| {
        json!({
            "place": place.destination.to_string(),
            "kept": place.kept.is_ok(),
            "removed": place.kept.as_ref().copied().unwrap_or(0),
            "problem": place.kept.as_ref().err().map(|error| in_full(error)),
        })
    };
    json!({
        "name": created.name,
        "manifest": created.manifest,
        "places": created.places.iter().map(place).collect::<Vec<_>>(),
    })
}

const HEADING: &str = "BACKUP                                     SIZE  ACCOUNTS  VERSIONS";

fn list(args: &ListArgs, env: &Env) -> Result<(), VerbError> {
    let plan = plan(&args.data, &args.backup, env)?;
    let mut listed = terminal::JsonList::begin();
    let mut problems = 0;
    if !args.data.json {
        terminal::print(HEADING);
    }
    for (place, shelf) in plan.shelves() {
        match shelf.and_then(|shelf| entries(&shelf)) {
            Ok(entries) if args.data.json => entries.iter().for_each(|entry| listed.print(&entry_json(place, entry))),
            Ok(entries) => {
                for entry in &entries {
                    terminal::print(&entry_text(entry));
                }
                terminal::say(&format!("{} in {place}", counted(entries.len())));
            }
            // The other places are shown all the same.
            Err(error) => {
                problems += 1;
                terminal::say(&terminal::error_text(&error, remedy::of(&error).as_deref()));
            }
        }
    }
    if args.data.json {
        listed.end();
    }
    if problems > 0 { Err(VerbError::Problems { count: problems }) } else { Ok(()) }
}

fn counted(backups: usize) -> String {
    match backups {
        1 => "1 backup".to_owned(),
        n => format!("{n} backups"),
    }
}

/// A backup, with what its manifest says, if that can be read.
type Entry = (Kept, Option<crate::backup::manifest::Manifest>);

fn entries(shelf: &Shelf) -> Result<Vec<Entry>, StoreError> {
    let described = |kept: Kept| Ok((shelf.manifest(&kept.name)?.ok(), kept));
    shelf.backups()?.into_iter().map(described).map(|entry| entry.map(|(manifest, kept)| (kept, manifest))).collect()
}

fn entry_text((kept, manifest): &Entry) -> String {
    let count = |of: fn(&crate::backup::manifest::Manifest) -> u64| {
        manifest.as_ref().map_or_else(|| "?".to_owned(), |manifest| of(manifest).to_string())
    };
    format!(
        "{:<34}  {:>9}  {:>8}  {:>8}{}",
        kept.name,
        words::size(kept.bytes),
        count(|manifest| manifest.accounts),
        count(|manifest| manifest.versions),
        if kept.encryption.is_some() { "  encrypted" } else { "" },
    )
}

fn entry_json(place: &Destination, (kept, manifest): &Entry) -> Value {
    json!({ "name": kept.name, "place": place.to_string(), "bytes": kept.bytes, "manifest": manifest })
}

fn drill(args: &VerifyArgs, env: &Env) -> Result<(), VerbError> {
    let plan = plan(&args.data, &args.backup, env)?;
    let Drilled { seen, problems } = interruptible(args.data.json, |stop| drill_all(args, &plan, stop))?;
    match (seen, problems) {
        (0, 0) => Err(match args.name.clone().filter(|name| name != "latest") {
            Some(text) => RestoreError::NotFound { text },
            None => RestoreError::None { places: plan.destinations },
        }
        .into()),
        (_, 0) => Ok(()),
        (_, count) => Err(VerbError::Problems { count }),
    }
}

/// What came of all drills.
#[derive(Debug, Default)]
struct Drilled {
    seen: usize,
    problems: usize,
}

fn drill_all(args: &VerifyArgs, plan: &Plan, stop: &Stop) -> Result<Drilled, VerbError> {
    let scratch = tempdir_beside(plan)?;
    let mut drilled = Drilled::default();
    let (mut proved, mut damaged) = (None, Vec::new());
    let mut listed = terminal::JsonList::begin();
    for (place, shelf) in plan.shelves() {
        let (shelf, backups) = match shelf.and_then(|shelf| Ok((shelf.backups()?, shelf))) {
            Ok((backups, shelf)) => (shelf, backups),
            // The other places are gone through all the same.
            Err(error) => {
                drilled.problems += 1;
                if args.data.json {
                    listed.print(&json!({ "place": place.to_string(), "good": false, "problems": [in_full(&error)] }));
                } else {
                    terminal::say(&terminal::error_text(&error, remedy::of(&error).as_deref()));
                }
                continue;
            }
        };
        for kept in chosen(args, backups) {
            drilled.seen += 1;
            let drill = verify(&shelf, &kept, args.identity.as_deref(), &scratch.0, stop)?;
            drilled.problems += drill.flaws.len();
            if drill.flaws.is_empty() {
                proved = proved.max(Some(kept.name.clone()));
            } else {
                damaged.push(kept.name.to_string());
            }
            stop.ends();
            if args.data.json {
                listed.print(&drill_json(place, &kept, &drill));
            } else {
                terminal::print(&drill_text(place, &kept, &drill));
            }
        }
    }
    if args.data.json {
        listed.end();
    }
    // A machine that only verifies has nowhere to write it down, and whoever may only read neither.
    if drilled.seen > 0 && plan.data_dir.is_dir() {
        let _ = Status::drilled(&plan.data_dir, now(), proved.as_ref(), damaged);
    }
    Ok(drilled)
}

fn chosen(args: &VerifyArgs, mut backups: Vec<Kept>) -> Vec<Kept> {
    match &args.name {
        _ if args.all => backups,
        Some(name) if name != "latest" => backups.into_iter().filter(|kept| kept.name.to_string() == *name).collect(),
        _ => backups.pop().into_iter().collect(),
    }
}

fn drill_text(place: &Destination, kept: &Kept, drill: &Drill) -> String {
    let mut lines = vec![match (&drill.examined, drill.flaws.len()) {
        (Some(seen), 0) => format!(
            "{} in {place}\n  is good: {}, {}, {}",
            kept.name,
            words::count(seen.accounts, "account"),
            words::count(seen.versions, "version"),
            words::count(seen.snapshots, "snapshot")
        ),
        _ => format!("{} in {place}\n  is DAMAGED", kept.name),
    }];
    lines.extend(drill.flaws.iter().map(|flaw| format!("  {flaw}")));
    lines.join("\n")
}

fn drill_json(place: &Destination, kept: &Kept, drill: &Drill) -> Value {
    let seen = drill.examined.as_ref();
    json!({
        "name": kept.name,
        "place": place.to_string(),
        "good": drill.flaws.is_empty(),
        "accounts": seen.map(|seen| seen.accounts),
        "versions": seen.map(|seen| seen.versions),
        "snapshots": seen.map(|seen| seen.snapshots),
        "problems": drill.flaws.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// A private folder in the data directory, gone with this value: what is decrypted or fetched is as secret as the data.
struct Scratch(std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs_err::remove_dir_all(&self.0);
    }
}

/// What such a folder's name begins with.
const DRILL_PREFIX: &str = "taskferry.drill-";
/// One that nobody has touched for so long belongs to a drill that was killed.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

fn tempdir_beside(plan: &Plan) -> Result<Scratch, VerbError> {
    // A machine that only verifies has no data of its own.
    let parent: &Path = if plan.data_dir.is_dir() { &plan.data_dir } else { &std::env::temp_dir() };
    sweep(parent);
    let path = parent.join(format!("{DRILL_PREFIX}{}", uuid::Uuid::new_v4()));
    let made = crate::storage::sqlite::directory::create_private_dir(&path);
    made.map_err(|cause| VerbError::File { path: path.clone(), cause })?;
    Ok(Scratch(path))
}

/// Removes what drills that were killed have left.
fn sweep(parent: &Path) {
    for entry in fs_err::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(DRILL_PREFIX));
        let touched = entry.metadata().and_then(|folder| folder.modified());
        if is_ours && touched.is_ok_and(|at| at.elapsed().is_ok_and(|since| since > ABANDONED_AFTER)) {
            let _ = fs_err::remove_dir_all(entry.path());
        }
    }
}

fn prune(args: &PruneArgs, env: &Env) -> Result<(), VerbError> {
    let plan = plan(&args.data, &args.backup, env)?;
    let mut listed = terminal::JsonList::begin();
    for (place, shelf) in plan.shelves() {
        let shelf = shelf?;
        let expired = shelf.expired(plan.retention)?;
        if !args.dry_run && !args.yes && !expired.is_empty() {
            let names: Vec<String> = expired.iter().map(|kept| format!("  {}\n", kept.name)).collect();
            match terminal::ask(&format!("{}remove them from {place}?", names.concat())) {
                None => return Err(VerbError::NeedsYes { doing: "removing backups" }),
                Some(false) => return Err(VerbError::Declined),
                Some(true) => {}
            }
        }
        let gone = if args.dry_run { expired } else { shelf.prune(plan.retention)? };
        for kept in &gone {
            let name = &kept.name;
            if args.data.json {
                listed.print(&json!({ "name": name, "place": place.to_string(), "removed": !args.dry_run }));
            } else if args.dry_run {
                terminal::print(&format!("would remove {name} from {place}"));
            } else {
                terminal::print(&format!("removed {name} from {place}"));
            }
        }
        if gone.is_empty() && !args.data.json {
            terminal::say(&format!("nothing to remove in {place}"));
        }
    }
    if args.data.json {
        listed.end();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::create::Place;
    use crate::backup::manifest::{BackupName, Manifest};

    fn created() -> Created {
        let manifest = json!({
            "format": 1, "server_version": "0.1.0", "created_at": 1_795_412_521, "schema": 1, "epoch": "e", "accounts": 2,
            "versions": 3, "snapshots": 1, "database_bytes": 8192, "bytes": 1_234_567, "sha256": "", "encryption": "age",
        });
        let manifest: Manifest = serde_json::from_value(manifest).unwrap();
        let name: BackupName = "taskferry-20261123T054201.123Z".parse().unwrap();
        let place = |path: &str, kept| Place { destination: Destination::Folder(path.into()), kept };
        let away = StoreError::new("put a backup into", "/mnt/nas", "no such device");
        Created {
            name,
            manifest,
            places: vec![place("/data/backups", Ok(0)), place("/b", Ok(2)), place("/mnt/nas", Err(away))],
        }
    }

    #[test]
    fn a_backup_says_what_it_is_and_where() {
        assert_eq!(
            created_text(&created()),
            "made and proved taskferry-20261123T054201.123Z\n  \
             2 accounts, 3 versions, 1 snapshot; 1.2 MB, encrypted\n  \
             kept in /data/backups\n  \
             kept in /b; 2 older removed\n  \
             NOT kept in /mnt/nas: could not put a backup into `/mnt/nas`: no such device"
        );
    }

    #[test]
    fn the_same_for_programs() {
        let value = created_json(&created());
        assert_eq!(value["name"], "taskferry-20261123T054201.123Z");
        assert_eq!(value["places"][1], json!({ "place": "/b", "kept": true, "removed": 2, "problem": null }));
        assert_eq!(value["places"][2]["kept"], false);
    }

    #[test]
    fn what_a_killed_drill_left_goes_a_day_later_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["taskferry.drill-old", "taskferry.drill-under-way", "somebody's"];
        for name in names {
            fs_err::create_dir(dir.path().join(name)).unwrap();
            fs_err::write(dir.path().join(name).join("opened"), "as secret as the data").unwrap();
        }
        for name in ["taskferry.drill-old", "somebody's"] {
            let days_ago = std::time::SystemTime::now() - Duration::from_hours(48);
            std::fs::File::open(dir.path().join(name)).unwrap().set_modified(days_ago).unwrap();
        }
        sweep(dir.path());
        assert_eq!(names.map(|name| dir.path().join(name).exists()), [false, true, true]);
    }

    #[test]
    fn the_table_fits_a_terminal_with_a_word_to_spare() {
        assert!(HEADING.len() + "  encrypted".len() <= 80);
    }
}
