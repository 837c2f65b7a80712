//! `account show`.

use super::super::door::Door;
use super::super::{VerbError, words};
use super::{as_json, state};
use crate::cli::account::ShowArgs;
use crate::config::sources::Env;
use crate::storage::Barred;
use crate::storage::admin::Record;
use crate::terminal;

pub(super) fn run(args: &ShowArgs, env: &Env) -> Result<(), VerbError> {
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    if args.data.json {
        terminal::print(&as_json(&door, &record, args.reveal).to_string());
        return Ok(());
    }
    for (name, value) in lines(&door, &record, args.reveal) {
        terminal::print(&format!("{name:<10}  {value}"));
    }
    Ok(())
}

fn lines(door: &Door, record: &Record, reveal: bool) -> Vec<(&'static str, String)> {
    let account = &record.account;
    let mut lines = vec![("account", door.hasher.of(record.client).to_string())];
    if reveal {
        lines.push(("client ID", record.client.expose().to_string()));
    }
    lines.push(("state", state(record).to_owned()));
    if let Some(Barred::Disabled { reason: Some(reason) }) = &account.barred {
        lines.push(("reason", reason.clone()));
    }
    // Zero while it is being erased.
    if let Some(erase_at) = record.erase_at.filter(|at| *at > 0) {
        lines.push(("erased on", words::moment(erase_at)));
    }
    lines.push(("created", words::moment(account.created_at)));
    lines.push(("last sent", account.last_version_at.map_or_else(|| "never".to_owned(), words::moment)));
    lines.push(("versions", format!("{} ({})", account.versions, words::size(account.version_bytes))));
    lines.push((
        "snapshot",
        account.snapshot.map_or_else(
            || "none".to_owned(),
            |snapshot| {
                let (size, at) = (words::size(snapshot.bytes), words::moment(snapshot.stored_at));
                format!("{size}, of {at}, {} versions ago", snapshot.versions_since)
            },
        ),
    ));
    let quota =
        [account.quota.bytes.map(words::size), account.quota.versions.map(|versions| format!("{versions} versions"))];
    let own: Vec<String> = quota.into_iter().flatten().collect();
    lines.push(("quota", if own.is_empty() { "as everybody".to_owned() } else { own.join(", ") }));
    lines
}
