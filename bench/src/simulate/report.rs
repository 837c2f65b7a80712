//! The report of a simulation, as Markdown: what the population took, and what that makes in a year.

use std::fmt::Write as _;
use std::time::Duration;

use super::player::{Log, REQUESTS};
use super::population::{HABITS, JOIN_DAYS};
use crate::cli::SimulateArgs;
use crate::client::Traffic;
use crate::process::Memory;
use crate::units::{bytes, figure, float, grouped, milliseconds, whole};

/// The server's state at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Bytes of all versions and current snapshots, as the clients count them.
    pub(crate) stored: u64,
    /// What went over the network so far.
    pub(crate) traffic: Traffic,
}

/// Everything that was seen.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Accounts by their place in [`HABITS`].
    pub(crate) habits: Vec<u64>,
    /// Devices of all accounts.
    pub(crate) devices: u64,
    /// When everybody has joined.
    pub(crate) joined: Sample,
    /// At the end.
    pub(crate) end: Sample,
    /// The server's memory at the end.
    pub(crate) memory: Memory,
    /// The files in the data directory at the end, the server running.
    pub(crate) files: Vec<(String, u64)>,
    /// The same after it has stopped.
    pub(crate) files_stopped: Vec<(String, u64)>,
    /// How long the play took.
    pub(crate) took: Duration,
    /// What the players saw.
    pub(crate) log: Log,
}

/// The whole report.
pub(crate) fn markdown(findings: &Findings, args: &SimulateArgs, command: &str) -> String {
    let seconds = findings.took.as_secs_f64();
    let requests = findings.end.traffic.requests;
    let mut text = format!(
        "# Simulation\n\n\
         Made by `{command}`: {} accounts with {} devices, {} days in {} s, {} syncs with {} requests, {} requests/s.\n\n\
         Days pass in seconds here, but not on the server's clock: it asks for snapshots by the number of versions, never by \
         their age. What the population does is assumed, not measured.\n\n\
         | habit | accounts | changes per account and day | idle syncs per device and day | tasks at first |\n\
         |---|---:|---:|---:|---:|\n",
        grouped(u64::from(args.accounts)),
        grouped(findings.devices),
        args.days,
        figure(seconds),
        grouped(findings.log.syncs),
        grouped(requests),
        figure(float(requests) / seconds),
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
    latencies(&mut text, &findings.log);
    resources(&mut text, findings, args);
    extrapolation(&mut text, findings, args);
    if let Some(first) = &findings.log.first_failure {
        let count = grouped(findings.log.failures);
        let _ = writeln!(text, "\n**{count} syncs failed**, the first with: {first}");
    }
    text
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
    let account_days = float(u64::from(args.accounts) * u64::from(args.days));
    let each = |count: u64| bytes(whole(float(count) / account_days));
    let busiest = findings.log.by_hour.iter().copied().max().unwrap_or_default();
    let rows = [
        ("disk, running", names(&findings.files)),
        ("disk, stopped", names(&findings.files_stopped)),
        ("versions and snapshots in it", bytes(end.stored)),
        ("disk per byte of them", figure(overhead(findings))),
        ("memory (RSS)", bytes(findings.memory.now)),
        ("memory at most", bytes(findings.memory.peak)),
        ("up, with HTTP's headers", bytes(end.traffic.up)),
        ("down", bytes(end.traffic.down)),
        ("up per account and day", each(end.traffic.up)),
        ("down per account and day", each(end.traffic.down)),
        (
            "requests per second in real time, on average",
            figure(float(end.traffic.requests) / (f64::from(args.days) * 86_400.0)),
        ),
        ("the same in the busiest hour", figure(float(busiest) / 3600.0)),
    ];
    text.push_str("\n| what | |\n|---|---:|\n");
    for (what, value) in rows {
        let _ = writeln!(text, "| {what} | {value} |");
    }
}

/// From the days on which people join, and the days after them.
fn extrapolation(text: &mut String, findings: &Findings, args: &SimulateArgs) {
    let accounts = f64::from(args.accounts);
    let overhead = overhead(findings);
    let (first, end) = (&findings.joined, &findings.end);
    let join_days = JOIN_DAYS.min(args.days);
    let _ = writeln!(
        text,
        "\n| per account, on average | disk | up | down |\n|---|---:|---:|---:|\n| the first {join_days} days, on which they join | {} | {} | {} |",
        bytes(whole(float(first.stored) * overhead / accounts)),
        bytes(whole(float(first.traffic.up) / accounts)),
        bytes(whole(float(first.traffic.down) / accounts)),
    );
    if args.days == join_days {
        return;
    }
    let later_days = f64::from(args.days - join_days);
    let year = |now: u64, then: u64| float(now.saturating_sub(then)) / accounts / later_days * 365.0;
    let _ = writeln!(
        text,
        "| a year after them | {} | {} | {} |",
        bytes(whole(year(end.stored, first.stored) * overhead)),
        bytes(whole(year(end.traffic.up, first.traffic.up))),
        bytes(whole(year(end.traffic.down, first.traffic.down))),
    );
}

/// Bytes on the disk for each byte stored.
fn overhead(findings: &Findings) -> f64 {
    let disk: u64 = findings.files_stopped.iter().map(|(_, size)| size).sum();
    float(disk) / float(findings.end.stored)
}
