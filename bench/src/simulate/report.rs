//! The report of a simulation, as Markdown: what the population took, and what that makes in a year.

use std::fmt::Write as _;
use std::time::Duration;

use super::operator::Wait;
use super::player::{Log, REQUESTS};
use super::population::HABITS;
use crate::cli::SimulateArgs;
use crate::client::Traffic;
use crate::process::Memory;
use crate::units::{bytes, duration, figure, float, grouped, milliseconds, whole};

/// The server's state at one midnight.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// After how many days.
    pub(crate) days: u32,
    /// Bytes of all versions ever sent and of the current snapshots, as the clients count them.
    pub(crate) stored: u64,
    /// What went over the network so far.
    pub(crate) traffic: Traffic,
    /// What the server took of the processor so far.
    pub(crate) processor_seconds: f64,
    /// What the server had the disk write so far, in bytes, where that is known.
    pub(crate) written: Option<u64>,
    /// The database's length in bytes.
    pub(crate) database: u64,
    /// Versions that pruning has taken away so far.
    pub(crate) pruned: u64,
}

/// Everything that was seen.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Accounts by their place in [`HABITS`].
    pub(crate) habits: Vec<u64>,
    /// Devices of all accounts.
    pub(crate) devices: u64,
    /// Days that were played; fewer than were asked for if the time was over.
    pub(crate) days: u32,
    /// When everybody has joined.
    pub(crate) joined: Sample,
    /// Every thirtieth day, and the last one.
    pub(crate) months: Vec<Sample>,
    /// At the end.
    pub(crate) end: Sample,
    /// The server's memory at the end.
    pub(crate) memory: Memory,
    /// This program's own.
    pub(crate) own_memory: Memory,
    /// The files in the data directory at the end, the server running.
    pub(crate) files: Vec<(String, u64)>,
    /// The same after it has stopped.
    pub(crate) files_stopped: Vec<(String, u64)>,
    /// What an operator waits for, if that was asked.
    pub(crate) waits: Vec<Wait>,
    /// How long the play took.
    pub(crate) took: Duration,
    /// What the players saw.
    pub(crate) log: Log,
}

/// The whole report.
pub(crate) fn markdown(findings: &Findings, args: &SimulateArgs, command: &str) -> String {
    let seconds = findings.took.as_secs_f64();
    let requests = findings.end.traffic.requests;
    let accounts = grouped(u64::from(args.accounts));
    let mut text = format!(
        "# What {accounts} accounts need\n\nMade by `{command}`: {accounts} accounts with {} devices, {} days in {} s, {} syncs \
         with {} requests, {} requests/s.\n\n",
        grouped(findings.devices),
        findings.days,
        figure(seconds),
        grouped(findings.log.syncs),
        grouped(requests),
        figure(float(requests) / seconds),
    );
    if findings.days < args.days {
        let _ =
            writeln!(text, "**It ended after {} of {} days**, since the time was over.\n", findings.days, args.days);
    }
    needs(&mut text, findings, args);
    if args.prune_after.is_some() || findings.months.len() > 1 {
        months(&mut text, findings, args);
    }
    operators(&mut text, &findings.waits);
    text.push_str("\n## What was seen\n");
    latencies(&mut text, &findings.log);
    resources(&mut text, findings, args);
    assumptions(&mut text, findings, args);
    if let Some(first) = &findings.log.first_failure {
        let count = grouped(findings.log.failures);
        let _ = writeln!(text, "\n**{count} syncs failed**, the first with: {first}");
    }
    text
}

/// What it takes to get so many people in, what each day after that takes, and what that makes in a year.
fn needs(text: &mut String, findings: &Findings, args: &SimulateArgs) {
    let (first, end) = (&findings.joined, &findings.end);
    let later_days = f64::from(end.days - first.days);
    let has_later = end.days > first.days;
    let each_day = |now: f64, then: f64| (now - then).max(0.0) / later_days;
    let mut row = |what: &str, joining: String, later: String, year: String| {
        let (later, year) = if has_later { (later, year) } else { ("–".to_owned(), "–".to_owned()) };
        let _ = writeln!(text, "| {what} | {joining} | {later} | {year} |");
    };
    row(
        "",
        format!("to join, in {} {}", first.days, if first.days == 1 { "day" } else { "days" }),
        "each day after that".to_owned(),
        "joining and a year".to_owned(),
    );
    row("---", "---:".to_owned(), "---:".to_owned(), "---:".to_owned());
    let mut sum = |what: &str, joining: f64, at_end: f64, words: &dyn Fn(f64) -> String| {
        let each = each_day(at_end, joining);
        row(what, words(joining), words(each), words(joining + 365.0 * each));
    };
    let size = |count: f64| bytes(whole(count));
    if args.prune_after.is_none() {
        sum("disk", float(first.database), float(end.database), &size);
    }
    sum("received", float(first.traffic.up), float(end.traffic.up), &size);
    sum("sent", float(first.traffic.down), float(end.traffic.down), &size);
    if let (Some(joining), Some(at_end)) = (first.written, end.written) {
        sum("written to the disk", float(joining), float(at_end), &size);
    }
    let seconds = |count: f64| format!("{} s", figure(count));
    sum("the server's processor time", first.processor_seconds, end.processor_seconds, &seconds);
    let requests = |count: f64| figure(count);
    sum("requests", float(first.traffic.requests), float(end.traffic.requests), &requests);
    let joined_hours = usize::try_from(first.days).unwrap_or_default() * 24;
    let (joining, later) = findings.log.by_hour.split_at(joined_hours.min(findings.log.by_hour.len()));
    let busiest = |hours: &[u64]| figure(float(hours.iter().copied().max().unwrap_or_default()) / 3600.0);
    row("requests a second, busiest hour", busiest(joining), busiest(later), busiest(&findings.log.by_hour));
    row("memory at most", String::new(), String::new(), bytes(findings.memory.peak));
    let accounts = f64::from(args.accounts);
    if args.prune_after.is_none() {
        let joined = bytes(whole(float(first.database) / accounts));
        let _ = write!(text, "\nOn the disk that is {joined} per account after joining");
        if has_later {
            let each = each_day(float(end.database), float(first.database)) / accounts;
            let _ = write!(text, ", and {} more each day, with nothing pruned", bytes(whole(each)));
        }
        text.push_str(".\n");
    }
}

/// How the disk fills.
fn months(text: &mut String, findings: &Findings, args: &SimulateArgs) {
    text.push_str("\n## How the disk fills\n\n");
    if let Some(older_than) = &args.prune_after {
        let _ = writeln!(text, "Pruned every week with `taskferry-server prune --older-than {older_than}`.\n");
    }
    text.push_str(
        "| after | database | all that was ever sent, and the snapshots | versions pruned |\n|---|---:|---:|---:|\n",
    );
    for month in &findings.months {
        let _ = writeln!(
            text,
            "| {} days | {} | {} | {} |",
            month.days,
            bytes(month.database),
            bytes(month.stored),
            grouped(month.pruned)
        );
    }
}

fn operators(text: &mut String, waits: &[Wait]) {
    if waits.is_empty() {
        return;
    }
    text.push_str("\n## What an operator waits for\n\n| what | took | memory at most | |\n|---|---:|---:|---|\n");
    for wait in waits {
        let took = wait.took.map_or_else(|| "**did not work**".to_owned(), duration);
        let memory = wait.memory.map(bytes).unwrap_or_default();
        let _ = writeln!(text, "| {} | {took} | {memory} | {} |", wait.what, wait.result);
    }
}

fn latencies(text: &mut String, log: &Log) {
    text.push_str("\n| request | count | p50 | p99 | slowest |\n|---|---:|---:|---:|---:|\n");
    for ((_, name), latency) in REQUESTS.iter().zip(&log.latencies) {
        let at = |percent| figure(milliseconds(latency.percentile(percent)));
        let _ = writeln!(
            text,
            "| {name} | {} | {} ms | {} ms | {} ms |",
            grouped(latency.count()),
            at(50.0),
            at(99.0),
            at(100.0)
        );
    }
}

fn resources(text: &mut String, findings: &Findings, args: &SimulateArgs) {
    let names = |files: &[(String, u64)]| {
        let parts: Vec<String> =
            files.iter().filter(|(_, size)| *size > 0).map(|(name, size)| format!("{name} {}", bytes(*size))).collect();
        parts.join(", ")
    };
    let end = &findings.end;
    let account_days = float(u64::from(args.accounts) * u64::from(findings.days));
    let each = |count: u64| bytes(whole(float(count) / account_days));
    let requests = float(end.traffic.requests);
    let mut rows = vec![
        ("disk, running", names(&findings.files)),
        ("disk, stopped", names(&findings.files_stopped)),
        ("all versions, and the snapshots", bytes(end.stored)),
    ];
    if end.pruned == 0 {
        rows.push(("disk per byte of them", figure(overhead(findings))));
    }
    rows.extend([
        ("memory (RSS)", bytes(findings.memory.now)),
        ("memory at most", bytes(findings.memory.peak)),
        ("memory of the load generator at most", bytes(findings.own_memory.peak)),
        ("received, with HTTP's headers", bytes(end.traffic.up)),
        ("sent", bytes(end.traffic.down)),
        ("received per account and day", each(end.traffic.up)),
        ("sent per account and day", each(end.traffic.down)),
        ("processor time per request", format!("{} ms", figure(end.processor_seconds * 1000.0 / requests))),
        ("requests per second in real time, on average", figure(requests / (f64::from(findings.days) * 86_400.0))),
    ]);
    text.push_str("\n| what | |\n|---|---:|\n");
    for (what, value) in rows {
        let _ = writeln!(text, "| {what} | {value} |");
    }
}

fn assumptions(text: &mut String, findings: &Findings, args: &SimulateArgs) {
    text.push_str("\n## What was assumed\n\nWhat the population does is assumed, not measured. ");
    text.push_str(if args.clock.is_some() {
        "The server's clock went with its days.\n"
    } else {
        "Days pass in seconds here, but not on the server's clock: it asks for snapshots by the number of versions, never by their \
         age, and nothing is old enough to be pruned.\n"
    });
    text.push_str(
        "\n| habit | accounts | changes per account and day | idle syncs per device and day | tasks at first |\n\
         |---|---:|---:|---:|---:|\n",
    );
    for (habit, count) in HABITS.iter().zip(&findings.habits) {
        let (fewest, most) = habit.tasks;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {fewest} to {most} |",
            habit.name,
            grouped(*count),
            habit.changes,
            habit.idle
        );
    }
}

/// Bytes on the disk for each byte stored.
fn overhead(findings: &Findings) -> f64 {
    let disk: u64 = findings.files_stopped.iter().map(|(_, size)| size).sum();
    float(disk) / float(findings.end.stored)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    const MIB: u64 = 1024 * 1024;

    fn args(flags: &[&str]) -> SimulateArgs {
        let words = ["taskferry-bench", "simulate", "--accounts", "10", "--days", "17"];
        match Cli::parse_from(words.iter().chain(flags)).command {
            Command::Simulate(args) => args,
            other => panic!("{other:?}"),
        }
    }

    fn sample(days: u32, stored: u64, pruned: u64) -> Sample {
        Sample {
            days,
            stored,
            traffic: Traffic { up: stored * 2, down: stored, requests: u64::from(days) * 100 },
            processor_seconds: f64::from(days),
            written: Some(stored * 4),
            database: stored * 3,
            pruned,
        }
    }

    fn findings(pruned: u64) -> Findings {
        let mut log = Log::new(17).unwrap();
        log.by_hour[3] = 7200;
        log.by_hour[200] = 3600;
        let memory = Memory { now: MIB, peak: 2 * MIB };
        Findings {
            habits: vec![1, 3, 3, 3],
            devices: 20,
            days: 17,
            joined: sample(7, 10 * MIB, pruned),
            months: vec![sample(17, 20 * MIB, pruned)],
            end: sample(17, 20 * MIB, pruned),
            memory,
            own_memory: memory,
            files: Vec::new(),
            files_stopped: vec![("taskferry.sqlite3".to_owned(), 40 * MIB)],
            waits: Vec::new(),
            took: Duration::from_secs(1),
            log,
        }
    }

    #[test]
    fn joining_the_days_after_it_and_a_year_stand_beside_each_other() {
        let text = markdown(&findings(0), &args(&[]), "it");
        let expected = [
            "|  | to join, in 7 days | each day after that | joining and a year |",
            "| disk | 30.0 MiB | 3.00 MiB | 1,125 MiB |",
            "| received | 20.0 MiB | 2.00 MiB | 750 MiB |",
            "| written to the disk | 40.0 MiB | 4.00 MiB | 1,500 MiB |",
            "| the server's processor time | 7.00 s | 1.00 s | 372 s |",
            "| requests a second, busiest hour | 2.00 | 1.00 | 2.00 |",
        ];
        for line in expected {
            assert!(text.lines().any(|seen| seen == line), "no `{line}` in\n{text}");
        }
        assert!(!text.contains("How the disk fills") && !text.contains("It ended after"), "{text}");
    }

    #[test]
    fn where_it_was_pruned_the_disk_is_shown_as_it_was_and_not_reckoned() {
        let args = args(&["--clock", "lib", "--prune-after", "90d"]);
        let text = markdown(&findings(1234), &args, "it");
        assert!(text.contains("| 17 days | 60.0 MiB | 20.0 MiB | 1,234 |"), "{text}");
        assert!(text.contains("prune --older-than 90d"), "{text}");
        assert!(!text.contains("| disk |") && !text.contains("disk per byte"), "{text}");
    }

    #[test]
    fn what_ended_early_or_did_not_work_is_told() {
        let mut findings = findings(0);
        findings.days = 5;
        findings.joined = sample(5, MIB, 0);
        findings.end = sample(5, MIB, 0);
        findings.waits = vec![Wait {
            what: "`backup create`".to_owned(),
            took: None,
            memory: None,
            result: "there is no room".to_owned(),
        }];
        let text = markdown(&findings, &args(&[]), "it");
        assert!(text.contains("**It ended after 5 of 17 days**"), "{text}");
        assert!(text.contains("| disk | 3.00 MiB | – | – |"), "nothing is reckoned from no days\n{text}");
        assert!(text.contains("| `backup create` | **did not work** |  | there is no room |"), "{text}");
    }
}
