//! `account rewind`.

use std::path::{Path, PathBuf};

use serde_json::json;
use taskferry_protocol::VersionId;

use super::super::door::Door;
use super::super::interrupt::interruptible;
use super::super::turns::Turns;
use super::super::{VerbError, words};
use super::kept;
use crate::account_hash::AccountHash;
use crate::cli::account::RewindArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::progress::Step;
use crate::storage::UnixSeconds;
use crate::storage::admin::{AdminError, Administration as _, Record};
use crate::storage::rewind::Rewind;
use crate::terminal;

/// Who sent something less than so many seconds ago may be about to send more.
const JUST_NOW_SECONDS: UnixSeconds = 60;

pub(super) fn run(args: &RewindArgs, env: &Env) -> Result<(), VerbError> {
    let to = version(&args.to)?;
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    let hash = door.hasher.of(record.client);
    let rewind = door.data.look_back(record.client, to)?;
    let is_nothing = rewind.versions == 0 && !rewind.takes_snapshot;
    if args.dry_run || is_nothing {
        let last = if is_nothing { "that is its latest version; nothing was changed" } else { "nothing was changed" };
        let text =
            if is_nothing { format!("account {hash}: {last}") } else { format!("{}\n{last}", plan(hash, &rewind)) };
        tell(args, hash, &rewind, None, &text);
        return Ok(());
    }
    if !args.yes {
        match terminal::ask(&question(hash, &record, &rewind, now())) {
            None => return Err(VerbError::NeedsYes { doing: "taking an account back" }),
            Some(false) => return Err(VerbError::Declined),
            Some(true) => {}
        }
    }
    let path = interruptible(args.data.json, |stop| -> Result<PathBuf, VerbError> {
        let kept = kept::keep(&door, record.client, stop)?;
        // What is kept is what goes, or nothing goes.
        if kept.export.head().latest_version_id != rewind.from {
            return Err(AdminError::Changed.into());
        }
        stop.check()?;
        // From here on it goes through to its end, however often it is told to stop: half of it serves nobody.
        stop.begins(Step::of_things("taking back", rewind.versions, "versions"));
        let mut turns = Turns::with_server_of(&door.directory);
        let mut went = 0;
        let done = door.data.rewind(record.client, &rewind, &mut |gone| {
            went = gone;
            stop.reached(gone);
            turns.next();
        });
        match done {
            Ok(()) => Ok(kept.stays()),
            // What went is in the file, and nowhere else.
            Err(cause) if went > 0 => Err(VerbError::PartlyTakenBack { path: kept.stays(), cause }),
            Err(cause) => Err(cause.into()),
        }
    })?;
    let text = format!(
        "account {hash}: taken back; {} went\nas it was before, it is kept in\n  `{}`\n\
         and `taskferry-server account import FILE --replace` brings that back",
        gone(&rewind),
        path.display()
    );
    tell(args, hash, &rewind, Some(&path), &text);
    Ok(())
}

/// The version to go back to. Version IDs are no credentials, so the text may be repeated.
fn version(text: &str) -> Result<VersionId, VerbError> {
    text.parse().map_err(|_| VerbError::Value {
        flag: "to",
        text: terminal::printable(text),
        expected: "a version's ID".to_owned(),
    })
}

/// `3 versions (4.1 kB) and the snapshot`.
fn gone(rewind: &Rewind) -> String {
    let snapshot = if rewind.takes_snapshot { " and the snapshot" } else { "" };
    format!("{} ({}){snapshot}", words::count(rewind.versions, "version"), words::size(rewind.bytes))
}

/// What it means.
fn plan(hash: AccountHash, rewind: &Rewind) -> String {
    let mut lines = vec![match rewind.to_stored_at {
        Some(at) => format!("account {hash}: back to version\n  {} of {}", rewind.to, words::moment(at)),
        None => format!("account {hash}: back to nothing, so that it takes any history"),
    }];
    let go = if rewind.versions == 1 && !rewind.takes_snapshot { "goes" } else { "go" };
    lines.push(format!("{} {go}, and {} kept in a file", gone(rewind), if go == "go" { "are" } else { "is" }));
    lines.push(
        "computers that have none of that go on as if it had never been; one that has\n\
         is told that its history is gone (410), and `taskferry repair` brings it back"
            .to_owned(),
    );
    lines.extend(
        rewind.last_seen.map(|week| {
            format!("one that has some of it was here in the week from {} on", words::day(week.begins_at()))
        }),
    );
    if !rewind.is_complete {
        lines.push(
            "older versions were pruned, so no new computer can join until one that is\nset up has sent a change"
                .to_owned(),
        );
    }
    lines.join("\n")
}

fn question(hash: AccountHash, record: &Record, rewind: &Rewind, now: UnixSeconds) -> String {
    let mut lines = vec![plan(hash, rewind)];
    let just_now = record.account.last_version_at.map(|at| now - at).filter(|ago| *ago < JUST_NOW_SECONDS);
    lines.extend(
        just_now
            .map(|ago| format!("its last version came {} ago: a computer may be about to send more", words::age(ago))),
    );
    lines.push("take it back?".to_owned());
    lines.join("\n")
}

fn tell(args: &RewindArgs, hash: AccountHash, rewind: &Rewind, kept: Option<&Path>, text: &str) {
    if !args.data.json {
        return terminal::say(text);
    }
    let value = json!({
        "account": hash.to_string(),
        "dry_run": args.dry_run,
        "to": rewind.to.to_string(),
        "from": rewind.from.to_string(),
        "versions": rewind.versions,
        "bytes": rewind.bytes,
        "takes_snapshot": rewind.takes_snapshot,
        "complete": rewind.is_complete,
        "last_seen_week": rewind.last_seen.map(crate::storage::stands::Week::begins_at),
        "kept": kept,
    });
    terminal::print(&value.to_string());
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::ClientId;
    use uuid::Uuid;

    use super::*;
    use crate::account_hash::AccountHasher;
    use crate::storage::Account;
    use crate::storage::stands::Week;

    fn rewind() -> Rewind {
        Rewind {
            to: VersionId::from_uuid(Uuid::from_u128(0xcd13_a25c << 96)),
            to_stored_at: Some(1_795_411_529),
            from: VersionId::from_uuid(Uuid::from_u128(1)),
            versions: 3,
            bytes: 4100,
            takes_snapshot: true,
            is_complete: false,
            last_seen: Some(Week::of(1_795_411_529)),
        }
    }

    fn asked(rewind: &Rewind, account: Account) -> String {
        let client = ClientId::from_uuid(Uuid::from_u128(7));
        let hash = AccountHasher::new("salt").of(client);
        let record = Record { client, account, erase_at: None, last_stand: None };
        question(hash, &record, rewind, 1_795_500_000).replace(&hash.to_string(), "HASHHASHHASH")
    }

    #[test]
    fn what_taking_back_means_is_told_before_it_is_asked() {
        let busy = Account { last_version_at: Some(1_795_499_990), ..Account::new(0) };
        let asked = asked(&rewind(), busy);
        assert_eq!(
            asked,
            "\
account HASHHASHHASH: back to version
  cd13a25c-0000-0000-0000-000000000000 of 2026-11-23T05:25:29Z
3 versions (4.1 kB) and the snapshot go, and are kept in a file
computers that have none of that go on as if it had never been; one that has
is told that its history is gone (410), and `taskferry repair` brings it back
one that has some of it was here in the week from 2026-11-19 on
older versions were pruned, so no new computer can join until one that is
set up has sent a change
its last version came 10 seconds ago: a computer may be about to send more
take it back?"
        );
        assert!(asked.lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn one_version_goes_and_several_go() {
        let one = Rewind { versions: 1, takes_snapshot: false, is_complete: true, last_seen: None, ..rewind() };
        assert!(asked(&one, Account::new(0)).contains("\n1 version (4.1 kB) goes, and is kept in a file\n"));
        let all = Rewind { to: VersionId::NIL, to_stored_at: None, ..one };
        assert!(asked(&all, Account::new(0)).starts_with("account HASHHASHHASH: back to nothing, so that"));
    }
}
