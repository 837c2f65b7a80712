//! The report of a comparison, as Markdown.

use std::fmt::Write as _;

use super::party::Party;
use super::target::{median, p50, p99, rate, ratios};
use super::turn::Turn;
use super::{Outcome, Outcomes};
use crate::cli::CompareArgs;
use crate::units::{figure, grouped, whole};

/// The whole report.
pub(crate) fn markdown(outcomes: &Outcomes, args: &CompareArgs, command: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let mut text = format!(
        "# Comparison\n\n\
         Made by `{command}`: {} of {} s, with load generator and server on the same {cores} cores. Only the ratios \
         mean anything. *Reference* is the published crates behind a thin HTTP layer (`bench/peer`), *ceiling* the same HTTP \
         stack answering without doing anything. Ratios are taken within each round; medians of the rounds are shown.\n\n",
        rounds(args.rounds),
        args.seconds
    );
    text.push_str("| workload | d | target | measured | from … to | |\n|---|---:|---|---:|---:|---|\n");
    for outcome in &outcomes.0 {
        for target in &outcome.workload.targets {
            let verdict = target.judge(outcome, outcomes);
            let met = match verdict.met {
                Some(true) => "met",
                Some(false) => "**not met**",
                None if outcome.turns(Party::Ours).iter().any(Option::is_none) => "**failed**",
                None => "not measured",
            };
            let workload = &outcome.workload;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {met} |",
                workload.name, workload.devices, verdict.target, verdict.measured, verdict.range
            );
        }
    }
    text.push_str(
        "\n| workload | step | reference | ceiling | taskferry | ÷ reference | ÷ ceiling |\n|---|---|---:|---:|---:|---:|---:|\n",
    );
    for outcome in &outcomes.0 {
        text.push_str(&figures(outcome));
    }
    if !outcomes.1.is_empty() {
        text.push_str("\nWhat went wrong:\n\n");
        for note in &outcomes.1 {
            let _ = writeln!(text, "- {note}");
        }
    }
    text
}

fn rounds(count: u32) -> String {
    if count == 1 { "1 round".to_owned() } else { format!("{count} rounds") }
}

fn figures(outcome: &Outcome) -> String {
    let ours = outcome.turns(Party::Ours);
    let times = |party| {
        let ratio = median(&ratios(ours, outcome.turns(party), rate));
        ratio.map_or("–".to_owned(), |ratio| format!("{} ×", figure(ratio)))
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        outcome.workload.name,
        outcome.workload.title,
        cell(outcome.turns(Party::Reference)),
        cell(outcome.turns(Party::Ceiling)),
        cell(ours),
        times(Party::Reference),
        times(Party::Ceiling),
    )
}

/// The medians of one party's turns.
pub(crate) fn cell(turns: &[Option<Turn>]) -> String {
    let middle = |value: fn(&Turn) -> Option<f64>| {
        let values: Vec<f64> = turns.iter().flatten().filter_map(value).collect();
        median(&values)
    };
    if let Some(rate) = middle(rate) {
        let milliseconds = |value: Option<f64>| value.map_or("–".to_owned(), |value| figure(value / 1000.0));
        return format!(
            "{}/s, p50 {} ms, p99 {} ms",
            figure(rate),
            milliseconds(middle(p50)),
            milliseconds(middle(p99))
        );
    }
    let mut parts = Vec::new();
    if let Some(arrived) = turns.iter().flatten().find_map(|turn| turn.arrived.as_ref()) {
        parts.push(format!("{} of {}", arrived.devices, arrived.of));
    }
    if let Some(memory) = turns.iter().flatten().find_map(|turn| turn.memory) {
        let mib = |bytes: u64| grouped(whole(crate::units::float(bytes) / 1_048_576.0));
        parts.push(format!("RSS {} MiB, peak {} MiB", mib(memory.now), mib(memory.peak)));
    }
    if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
}
