//! `taskferry-server import --from DIR`: takes over the accounts of another server.

use serde_json::{Value, json};

use super::door::Door;
use super::interrupt::interruptible;
use super::{VerbError, words};
use crate::cli::operate::ImportArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::import::target::Target;
use crate::import::{ImportError, Report, import, open, refuse_itself};
use crate::stop::Stopped;
use crate::terminal;

/// Carries out the verb.
pub fn run(args: &ImportArgs, env: &Env) -> Result<(), VerbError> {
    // Before this process becomes the data's owner: the other server's user is another one, who lets nobody in.
    let source = open(&args.from)?;
    let directory =
        if args.dry_run { Door::directory(&args.data, env) } else { Door::directory_to_fill(&args.data, env) }?;
    refuse_itself(&args.from, &directory)?;
    let target = if args.dry_run { Target::look(&directory) } else { Target::open(&directory) };
    let mut target = target.map_err(ImportError::from)?;
    let report = interruptible(args.data.json, |stop| import(&*source, &mut target, args.dry_run, now(), stop))?;
    if args.data.json {
        terminal::print(&as_json(&report, source.kind(), args.dry_run).to_string());
    } else {
        terminal::say(&text(&report, source.kind(), args.dry_run));
    }
    match (report.stopped, usize::try_from(report.skipped).unwrap_or(usize::MAX)) {
        (true, _) => Err(Stopped.into()),
        (false, 0) => Ok(()),
        (false, count) => Err(VerbError::Problems { count }),
    }
}

fn text(report: &Report, kind: &str, dry_run: bool) -> String {
    let did = if dry_run { "would take over" } else { "took over" };
    let (accounts, versions) = (words::count(report.imported, "account"), words::count(report.versions, "version"));
    let mut lines = vec![format!("{did} {accounts} with {versions} from {kind}")];
    if report.present > 0 {
        let present = words::count(report.present, "account");
        lines.push(format!("here already, with the same history: {present}"));
    }
    if report.skipped > 0 {
        lines.push(format!("left out: {}", words::count(report.skipped, "account")));
        lines.extend(report.reasons.iter().map(|(account, reason)| format!("  {account}  {reason}")));
    }
    lines.extend(report.notes.iter().map(|(account, note)| format!("  {account}  {note}")));
    lines.join("\n")
}

fn as_json(report: &Report, kind: &str, dry_run: bool) -> Value {
    let skipped = report
        .reasons
        .iter()
        .map(|(account, reason)| json!({ "account": account.to_string(), "reason": reason.to_string() }));
    let notes = report.notes.iter().map(|(account, note)| json!({ "account": account.to_string(), "note": note }));
    json!({
        "from": kind,
        "dry_run": dry_run,
        "imported": report.imported,
        "versions": report.versions,
        "present": report.present,
        "skipped": report.skipped,
        "reasons": skipped.collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(),
        "complete": !report.stopped,
    })
}
