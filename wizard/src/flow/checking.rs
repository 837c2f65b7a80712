//! Runs checks and shows what they find: as lines, in the order of the list, and on a terminal with a spinner for each that
//! is still looking.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Run;
use crate::checks::runner::{self, Event, Pace};
use crate::checks::{self, Finding, Outcome, World};
use crate::error::{Exit, Explain, Failure};
use crate::seen::Seen;
use crate::standing::State;
use crate::terminal::Tone;

/// Ctrl-C while something was looked at.
#[derive(Debug, thiserror::Error)]
#[error("stopped; nothing was changed on this computer")]
pub struct Stopped;

impl Explain for Stopped {
    fn is_choice(&self) -> bool {
        true
    }

    fn exit(&self) -> Exit {
        Exit::Interrupted
    }
}

/// Whether what is found is told as it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aloud {
    /// To the person.
    Yes,
    /// Not at all: the caller has another form for it.
    No,
}

/// What all checks found, in their order.
pub type Findings = Vec<(&'static str, Finding)>;

/// Runs all checks.
pub fn check(run: &mut Run<'_>, world: &World<'_>, pace: Pace, aloud: Aloud) -> Result<Findings, Stopped> {
    let list = checks::for_this(world);
    let mut spinners = (aloud == Aloud::Yes && run.terminal.is_animated()).then(Spinners::default);
    let found = runner::run(&list, world, pace, &mut |event| match event {
        Event::Began(name) => {
            if let Some(spinners) = &mut spinners {
                spinners.begin(name);
            }
        }
        Event::Waits(name, words) if aloud == Aloud::Yes => match &spinners {
            Some(spinners) => spinners.say(name, &words),
            None => run.terminal.say(&format!("{name}: {words}")),
        },
        Event::Found(name, finding) if aloud == Aloud::Yes => {
            if let Some(spinners) = &mut spinners {
                spinners.end(name);
            }
            if finding.waits_for.is_some() {
                return;
            }
            let mut say = || say_finding(run, name, &finding);
            match &spinners {
                Some(spinners) => spinners.all.suspend(say),
                None => say(),
            }
        }
        Event::Waits(..) | Event::Found(..) => {}
    });
    drop(spinners);
    let found = found.map_err(|_| Stopped)?;
    remember(world, &found);
    if aloud == Aloud::Yes {
        say_what_waits(run, &found);
    }
    Ok(found)
}

/// Where this computer was seen in its account's history, for when it isn't there any more.
fn remember(world: &World<'_>, findings: &Findings) {
    let goes_on =
        |(_, finding): &(&str, Finding)| matches!(finding.state, Some(State::UpToDate | State::Unsent | State::Behind));
    let (Ok(account), Some(known), Some(Ok(stand))) = (world.credentials(), world.known(), world.stand()) else {
        return;
    };
    if findings.iter().any(goes_on) {
        Seen::note(world.context, &account.client_id, stand.base, Some(&known.epoch));
    }
}

/// One line for all that was not looked at because of one problem: twelve say nothing more.
fn say_what_waits(run: &mut Run<'_>, findings: &Findings) {
    let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, finding) in findings {
        if let Some(first) = finding.waits_for {
            waiting.entry(first).or_default().push(*name);
        }
    }
    for (first, names) in waiting {
        let text = format!("what needs `{first}` first: {}", names.join(", "));
        run.terminal.say_item("skipped", Tone::Plain, &text, None);
    }
}

/// How many of them are problems.
pub fn problems(findings: &Findings) -> usize {
    findings.iter().filter(|(_, finding)| finding.outcome == Outcome::Problem).count()
}

/// All findings for a script, if it is one that asks.
pub fn report_findings(run: &mut Run<'_>, findings: &Findings) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Named<'a> {
        check: &'a str,
        #[serde(flatten)]
        finding: &'a Finding,
    }
    #[derive(Serialize)]
    struct All<'a> {
        works: bool,
        findings: Vec<Named<'a>>,
    }
    let named = findings.iter().map(|(check, finding)| Named { check, finding }).collect();
    run.report(&All { works: problems(findings) == 0, findings: named })
}

/// One finding, with its remedy below.
pub fn say_finding(run: &mut Run<'_>, name: &str, finding: &Finding) {
    let (word, tone) = match finding.outcome {
        Outcome::Ok => ("ok", Tone::Good),
        Outcome::Warning => ("warning", Tone::Doubtful),
        Outcome::Problem => ("problem", Tone::Bad),
        Outcome::Skipped => ("skipped", Tone::Plain),
    };
    run.terminal.say_item(word, tone, &format!("{name}: {}", finding.sentence), finding.remedy.as_deref());
}

/// One spinner per check that is looking.
#[derive(Default)]
struct Spinners {
    all: MultiProgress,
    running: BTreeMap<&'static str, ProgressBar>,
}

impl Spinners {
    const TICK: Duration = Duration::from_millis(120);

    fn begin(&mut self, name: &'static str) {
        let bar = self.all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner}        {prefix}: {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(name);
        bar.set_message("looking …");
        bar.enable_steady_tick(Self::TICK);
        self.running.insert(name, bar);
    }

    fn say(&self, name: &str, words: &str) {
        if let Some(bar) = self.running.get(name) {
            bar.set_message(words.to_owned());
        }
    }

    fn end(&mut self, name: &str) {
        if let Some(bar) = self.running.remove(name) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.running.values().for_each(ProgressBar::finish_and_clear);
    }
}
