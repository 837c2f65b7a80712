//! What a workload must reach, and whether it did. Ratios are taken within each round, where both sides had the machine in
//! the same state, and the median of those decides; single rounds vary by a third.

use std::ops::RangeInclusive;

use super::party::Party;
use super::turn::Turn;
use super::workloads::Kind;
use super::{Outcome, Outcomes};
use crate::units::{figure, float};

/// A demand on this project's server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// At least so many times the reference's rate.
    TimesReference(f64),
    /// At least so many times the ceiling's rate.
    TimesCeiling(f64),
    /// A p99 of at most so many times the reference's.
    P99OfReference(f64),
    /// A p50 of at most so many times that with the fewest accounts.
    P50OfFewest(f64),
    /// Every device is served to the end.
    AllArrive,
    /// At most so many MiB at any time.
    PeakMemory(u32),
    /// At most so many MiB at rest.
    MemoryAtRest(u32),
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The demand.
    pub(crate) target: String,
    /// What was measured: the median.
    pub(crate) measured: String,
    /// From the least to the greatest of the rounds.
    pub(crate) range: String,
    /// Whether it is met; `None` if it could not be measured.
    pub(crate) met: Option<bool>,
}

impl Target {
    /// Judges the turns of one workload; `all` are those of the whole run.
    pub(crate) fn judge(self, own: &Outcome, all: &Outcomes) -> Verdict {
        let ours = || own.turns(Party::Ours);
        match self {
            Self::TimesReference(least) => {
                at_least(format!("≥ {least} × reference"), &ratios(ours(), own.turns(Party::Reference), rate), least)
            }
            Self::TimesCeiling(least) => {
                at_least(format!("≥ {least} × ceiling"), &ratios(ours(), own.turns(Party::Ceiling), rate), least)
            }
            Self::P99OfReference(most) => at_most(
                format!("p99 ≤ {most} × reference"),
                &ratios(ours(), own.turns(Party::Reference), p99),
                most,
                " ×",
            ),
            Self::P50OfFewest(most) => {
                let fewest = all.0.iter().find(|result| matches!(result.workload.kind, Kind::FreshDevice { .. }));
                let base = fewest.map_or(&[][..], |result| result.turns(Party::Ours));
                let name = fewest.map_or("the fewest", |result| &result.workload.name);
                at_most(format!("p50 ≤ {most} × {name}"), &ratios(ours(), base, p50), most, " ×")
            }
            Self::AllArrive => {
                let arrived = ours().iter().flatten().find_map(|turn| turn.arrived.as_ref());
                Verdict {
                    target: "all succeed".to_owned(),
                    measured: arrived.map_or("–".to_owned(), |all| format!("{} of {}", all.devices, all.of)),
                    range: String::new(),
                    met: arrived.map(|all| all.devices == all.of),
                }
            }
            Self::PeakMemory(most) => {
                let peaks = memories(ours(), |turn| turn.memory.map(|memory| memory.peak));
                at_most(format!("peak RSS ≤ {most} MiB"), &peaks, f64::from(most), " MiB")
            }
            Self::MemoryAtRest(most) => {
                let rests = memories(ours(), |turn| turn.memory.map(|memory| memory.now));
                at_most(format!("RSS ≤ {most} MiB"), &rests, f64::from(most), " MiB")
            }
        }
    }
}

/// Steps per second.
pub(crate) fn rate(turn: &Turn) -> Option<f64> {
    turn.load.as_ref().map(|load| load.per_second)
}

/// The median latency in microseconds.
pub(crate) fn p50(turn: &Turn) -> Option<f64> {
    percentile(turn, 50.0)
}

/// The latency that one in a hundred exceeds, in microseconds.
pub(crate) fn p99(turn: &Turn) -> Option<f64> {
    percentile(turn, 99.0)
}

fn percentile(turn: &Turn, percent: f64) -> Option<f64> {
    let latency = &turn.load.as_ref()?.latency;
    (latency.count() > 0).then(|| float(latency.percentile(percent)))
}

/// `value` of `ours` divided by that of `theirs`, round by round.
pub(crate) fn ratios(ours: &[Option<Turn>], theirs: &[Option<Turn>], value: impl Fn(&Turn) -> Option<f64>) -> Vec<f64> {
    let pairs = ours.iter().zip(theirs);
    let ratio = |(ours, theirs): (&Option<Turn>, &Option<Turn>)| {
        let (ours, theirs) = (value(ours.as_ref()?)?, value(theirs.as_ref()?)?);
        (theirs > 0.0).then(|| ours / theirs)
    };
    pairs.filter_map(ratio).collect()
}

fn memories(turns: &[Option<Turn>], value: impl Fn(&Turn) -> Option<u64>) -> Vec<f64> {
    let bytes = turns.iter().flatten().filter_map(value);
    bytes.map(|bytes| float(bytes) / 1_048_576.0).collect()
}

/// The middle one; between two, the mean of them.
pub(crate) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], upper) } else { upper })
}

fn at_least(target: String, numbers: &[f64], least: f64) -> Verdict {
    verdict(target, numbers, least..=f64::INFINITY, " ×")
}

fn at_most(target: String, numbers: &[f64], most: f64, unit: &str) -> Verdict {
    verdict(target, numbers, 0.0..=most, unit)
}

fn verdict(target: String, numbers: &[f64], good: RangeInclusive<f64>, unit: &str) -> Verdict {
    let median = median(numbers);
    let (least, greatest) = numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), number| {
        (least.min(*number), greatest.max(*number))
    });
    Verdict {
        target,
        measured: median.map_or("–".to_owned(), |median| format!("{}{unit}", figure(median))),
        range: if numbers.len() > 1 { format!("{} to {}", figure(least), figure(greatest)) } else { String::new() },
        met: median.map(|median| good.contains(&median)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_limit_itself_still_meets_the_target() {
        assert_eq!(at_least(String::new(), &[4.0], 4.0).met, Some(true));
        assert_eq!(at_least(String::new(), &[3.99], 4.0).met, Some(false));
        assert_eq!(at_most(String::new(), &[1.5], 1.5, "").met, Some(true));
        assert_eq!(at_most(String::new(), &[1.51], 1.5, "").met, Some(false));
        assert_eq!(at_most(String::new(), &[], 1.5, "").met, None);
    }
}
