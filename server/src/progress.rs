//! How far long work is, told to whoever waits for it: as a bar on a terminal, as a line every few seconds elsewhere.
//!
//! The work itself knows nothing of that. It says what it begins and how far it has come to its
//! [`Stop`](crate::stop::Stop), which passes it on to whoever [`Hears`]. Nothing is shown of what is over in a moment.

use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal;
use crate::words;

/// A bar appears for what takes longer.
const BAR_AFTER: Duration = Duration::from_millis(400);
/// Between two lines, and before the first.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Listens to long work.
pub trait Hears: std::fmt::Debug + Send + Sync {
    /// It begins another step.
    fn begins(&self, step: Step);

    /// It has done so much of it.
    fn reached(&self, done: u64);

    /// It goes on, with nothing to count.
    fn lives(&self);

    /// The step is over.
    fn ends(&self);
}

/// A part of long work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What is being done: `copying the data`.
    pub doing: &'static str,
    /// How much there is to do, if that is known.
    pub of: Option<u64>,
    /// In what it is counted.
    pub unit: Unit,
}

/// In what a step is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things, by their plural.
    Things(&'static str),
}

impl Step {
    /// Of so many bytes.
    pub const fn of_bytes(doing: &'static str, bytes: u64) -> Self {
        Self { doing, of: Some(bytes), unit: Unit::Bytes }
    }

    /// Of so many things.
    pub const fn of_things(doing: &'static str, number: u64, things: &'static str) -> Self {
        Self { doing, of: Some(number), unit: Unit::Things(things) }
    }

    /// Of a length that nobody knows.
    pub const fn of_unknown_length(doing: &'static str) -> Self {
        Self { doing, of: None, unit: Unit::Bytes }
    }

    /// `copying the data: 1.2 MB of 3.4 MB`
    fn words(&self, done: u64) -> String {
        let Self { doing, of, unit } = *self;
        match (of, unit) {
            (None, _) => format!("{doing} …"),
            (Some(of), Unit::Bytes) => format!("{doing}: {} of {}", words::size(done.min(of)), words::size(of)),
            (Some(of), Unit::Things(things)) => format!("{doing}: {} of {of} {things}", done.min(of)),
        }
    }
}

/// In which form it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// A line that changes.
    Bar,
    /// Lines that stay.
    Lines,
}

/// Shows progress on standard error.
#[derive(Debug)]
pub struct Shown {
    manner: Manner,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    step: Option<Step>,
    done: u64,
    /// When the step began, or the last line was said.
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Shown {
    /// As it suits whoever sees standard error. Nothing moves where colours are not wanted: who switches them off often listens
    /// to the screen.
    pub fn to_whom_it_may_concern() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let moves = std::io::stderr().is_terminal()
            && !is_set("NO_COLOR")
            && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        Self::new(if moves { Manner::Bar } else { Manner::Lines })
    }

    fn new(manner: Manner) -> Self {
        Self { manner, state: Mutex::new(State { step: None, done: 0, since: Instant::now(), bar: None }) }
    }

    /// Says something while the bar stands.
    pub fn aside(&self, words: &str) {
        match &self.lock().bar {
            Some(bar) => bar.suspend(|| terminal::say(words)),
            None => terminal::say(words),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hears for Shown {
    fn begins(&self, step: Step) {
        let mut state = self.lock();
        state.clear();
        (state.step, state.done) = (Some(step), 0);
        state.since = Instant::now();
    }

    fn reached(&self, done: u64) {
        let mut state = self.lock();
        state.done = done;
        state.tell(self.manner);
    }

    fn lives(&self) {
        self.lock().tell(self.manner);
    }

    fn ends(&self) {
        let mut state = self.lock();
        state.step = None;
        state.clear();
    }
}

impl State {
    fn tell(&mut self, manner: Manner) {
        let Some(step) = self.step else { return };
        match manner {
            Manner::Lines => {
                if let Some(line) = self.line(step, Instant::now()) {
                    terminal::say(&line);
                }
            }
            Manner::Bar => {
                if self.bar.is_none() && self.since.elapsed() >= BAR_AFTER {
                    self.bar = Some(bar(step));
                }
                if let Some(bar) = &self.bar {
                    bar.set_position(self.done);
                    bar.set_message(step.words(self.done));
                    bar.tick();
                }
            }
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The next line, if it is time for one.
    fn line(&mut self, step: Step, now: Instant) -> Option<String> {
        if now.saturating_duration_since(self.since) < LINE_EVERY {
            return None;
        }
        self.since = now;
        Some(step.words(self.done))
    }
}

fn bar(step: Step) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(step.of, ProgressDrawTarget::stderr_with_hz(5));
    let template = if step.of.is_some() { "[{bar:12}] {percent:>3}%  {msg}" } else { "{spinner} {msg}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_is_done_and_how_much_of_it() {
        assert_eq!(
            Step::of_bytes("copying the data", 3_400_000).words(1_200_000),
            "copying the data: 1.2 MB of 3.4 MB"
        );
        // What grew meanwhile is not more than all.
        assert_eq!(Step::of_things("taking over", 10, "accounts").words(12), "taking over: 10 of 10 accounts");
        assert_eq!(Step::of_unknown_length("checking pages").words(0), "checking pages …");
    }

    #[test]
    fn lines_come_seldom_and_not_for_what_is_over_in_a_moment() {
        let step = Step::of_things("taking over", 10, "accounts");
        let start = Instant::now();
        let mut state = State { step: Some(step), done: 1, since: start, bar: None };
        let mut said = 0;
        for tenth in 0..200_u32 {
            said += usize::from(state.line(step, start + Duration::from_millis(100) * tenth).is_some());
            assert!(tenth >= 50 || said == 0, "too early: {tenth}");
        }
        assert_eq!(said, 3, "in 20 seconds");
    }
}
