//! `account show`.

use serde_json::{Value, json};

use super::super::door::Door;
use super::super::{VerbError, words};
use super::{as_json, quota};
use crate::cli::account::ShowArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::storage::admin::{Administration as _, Record, Standing};
use crate::storage::{Barred, UnixSeconds};
use crate::terminal;

/// Stands that are shown to a person, the latest; programs get all of them.
const STANDS: usize = 8;

pub(super) fn run(args: &ShowArgs, env: &Env) -> Result<(), VerbError> {
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    let stands = door.data.stands(record.client)?;
    if args.data.json {
        let mut value = as_json(&door, &record, args.reveal);
        value["stands"] = stands.iter().map(standing_as_json).collect();
        terminal::print(&value.to_string());
        return Ok(());
    }
    for (name, value) in lines(&door, &record, &stands, args.reveal, now()) {
        terminal::print(format!("{name:<10}  {value}").trim_end());
    }
    Ok(())
}

fn standing_as_json(standing: &Standing) -> Value {
    json!({
        "week": standing.week.begins_at(),
        "version_id": standing.version.to_string(),
        "behind": standing.behind,
    })
}

type Line = (&'static str, String);

fn lines(door: &Door, record: &Record, stands: &[Standing], reveal: bool, now: UnixSeconds) -> Vec<Line> {
    let mut lines = vec![("account", door.hasher.of(record.client).to_string())];
    if reveal {
        lines.push(("client ID", record.client.expose().to_string()));
    }
    lines.push(("state", record.state().name().to_owned()));
    if let Some(Barred::Disabled { reason: Some(reason) }) = &record.account.barred {
        lines.push(("reason", reason.clone()));
    }
    // Zero while it is being erased.
    if let Some(erase_at) = record.erase_at.filter(|at| *at > 0) {
        lines.push(("erased on", words::moment(erase_at)));
    }
    lines.extend(contents(record, now));
    lines.extend(stands_in_words(stands));
    lines
}

fn contents(record: &Record, now: UnixSeconds) -> Vec<Line> {
    let account = &record.account;
    let moment = |at: UnixSeconds| format!("{} ({} ago)", words::moment(at), words::age(now - at));
    let mut lines = vec![
        ("created", moment(account.created_at)),
        ("last sent", account.last_version_at.map_or_else(|| "never".to_owned(), moment)),
    ];
    // What was sent is known to the second; that something was only asked for, to the week.
    let asked = record.last_stand.filter(|week| account.last_version_at.is_none_or(|at| week.begins_at() > at));
    lines.extend(asked.map(|week| ("last asked", format!("in the week from {} on", words::day(week.begins_at())))));
    lines.push(("versions", format!("{} ({})", account.versions, words::size(account.version_bytes))));
    if !account.latest().is_nil() {
        lines.push(("latest", account.latest().to_string()));
    }
    lines.push((
        "snapshot",
        account.snapshot.map_or_else(
            || "none".to_owned(),
            |snapshot| {
                let since = words::count(u64::from(snapshot.versions_since), "version");
                format!("{}, {} and {since} old", words::size(snapshot.bytes), words::age(now - snapshot.stored_at))
            },
        ),
    ));
    lines.push(("quota", quota::in_words(&account.quota)));
    lines
}

/// From where devices asked, the one that had the most to fetch, by week.
fn stands_in_words(stands: &[Standing]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for standing in stands.iter().take(STANDS) {
        let place = match standing.behind {
            Some(0) => "up to date".to_owned(),
            Some(behind) => format!("{behind} behind"),
            None => "gone".to_owned(),
        };
        let name = if lines.is_empty() { "stood" } else { "" };
        lines.push((name, format!("{}  {}  {place}", words::day(standing.week.begins_at()), standing.version)));
    }
    if let Some(more) = stands.len().checked_sub(STANDS).filter(|more| *more > 0) {
        lines.push(("", format!("and {more} weeks before: `--json` has all of them")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::{ClientId, VersionId};
    use uuid::Uuid;

    use super::*;
    use crate::storage::stands::Week;
    use crate::storage::tip::Tip;
    use crate::storage::{Account, SnapshotMeta};

    const NOW: UnixSeconds = 1_795_500_000;

    fn version(n: u128) -> VersionId {
        VersionId::from_uuid(Uuid::from_u128(n << 96))
    }

    #[test]
    fn an_account_is_told_line_by_line_within_80_columns() {
        let account = Account {
            tip: Tip::new(version(0xcd13_a25c), []),
            versions: 12,
            version_bytes: 9400,
            last_version_at: Some(NOW - 7200),
            snapshot: Some(SnapshotMeta {
                version: version(1),
                stored_at: NOW - 260_000,
                bytes: 5200,
                versions_since: 3,
            }),
            ..Account::new(NOW - 864_000)
        };
        let record = Record { client: ClientId::generate(), account, erase_at: None, last_stand: Some(Week::of(NOW)) };
        let stand = |weeks, behind| Standing { week: Week::of(NOW).minus(weeks), version: version(2), behind };
        let stands = [stand(0, Some(0)), stand(1, Some(3)), stand(2, None)];
        let lines: Vec<String> = contents(&record, NOW)
            .into_iter()
            .chain(stands_in_words(&stands))
            .map(|(name, value)| format!("{name:<10}  {value}"))
            .collect();
        assert_eq!(
            lines.join("\n"),
            "\
created     2026-11-14T06:00:00Z (10 days ago)
last sent   2026-11-24T04:00:00Z (2 hours ago)
versions    12 (9.4 kB)
latest      cd13a25c-0000-0000-0000-000000000000
snapshot    5.2 kB, 3 days and 3 versions old
quota       as everybody
stood       2026-11-19  00000002-0000-0000-0000-000000000000  up to date
            2026-11-12  00000002-0000-0000-0000-000000000000  3 behind
            2026-11-05  00000002-0000-0000-0000-000000000000  gone"
        );
        assert!(lines.iter().all(|line| line.len() <= 80), "{lines:#?}");
    }

    #[test]
    fn of_many_weeks_the_latest_are_shown_and_the_others_counted() {
        let stands: Vec<Standing> = (0..11)
            .map(|weeks| Standing { week: Week::of(NOW).minus(weeks), version: version(2), behind: None })
            .collect();
        let lines = stands_in_words(&stands);
        assert_eq!((lines.len(), lines[8].1.as_str()), (9, "and 3 weeks before: `--json` has all of them"));
    }
}
