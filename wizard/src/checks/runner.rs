//! Runs checks: one after the other, or side by side as soon as what they build on is known. What happens is told to the
//! caller in the order of the list, on the caller's thread.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::{Check, Finding, Interrupted, Outcome, World};
use crate::server::ServerError;
use crate::server::patience;

/// What happens while checks run.
#[derive(Debug)]
pub enum Event {
    /// A check began to look.
    Began(&'static str),
    /// It waits for a server that says "not now".
    Waits(&'static str, String),
    /// It is done.
    Found(&'static str, Finding),
}

/// Whether several checks look at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// One after the other.
    InOrder,
    /// All whose ground is known.
    SideBySide,
}

/// Runs them all. What was found, in the order of the list.
pub fn run(
    checks: &[&'static dyn Check],
    world: &World<'_>,
    pace: Pace,
    tell: &mut dyn FnMut(Event),
) -> Result<Vec<(&'static str, Finding)>, Interrupted> {
    let board = Board::default();
    let (sender, events) = mpsc::channel();
    thread::scope(|threads| {
        let board = &board;
        match pace {
            Pace::InOrder => {
                threads.spawn(move || checks.iter().for_each(|check| board.settle(*check, world, &sender)));
            }
            Pace::SideBySide => {
                for check in checks {
                    let sender = sender.clone();
                    threads.spawn(move || board.settle(*check, world, &sender));
                }
                drop(sender);
            }
        }
        in_order(checks, events, tell)
    })
    .ok_or(Interrupted)
}

/// Passes everything on, but findings only when all earlier ones are there. `None` = interrupted.
fn in_order(
    checks: &[&'static dyn Check],
    events: mpsc::Receiver<Event>,
    tell: &mut dyn FnMut(Event),
) -> Option<Vec<(&'static str, Finding)>> {
    let (mut early, mut found) = (BTreeMap::new(), Vec::new());
    for event in events {
        let Event::Found(name, finding) = event else {
            tell(event);
            continue;
        };
        early.insert(name, finding);
        while let Some((name, finding)) = checks.get(found.len()).and_then(|next| early.remove_entry(next.name())) {
            tell(Event::Found(name, finding.clone()));
            found.push((name, finding));
        }
    }
    (found.len() == checks.len()).then_some(found)
}

/// Which checks are settled, and how.
#[derive(Default)]
struct Board {
    settled: Mutex<BTreeMap<&'static str, Ground>>,
    changed: Condvar,
}

/// Whether others can build on a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    Firm,
    /// Because of the problem that this check found.
    Gone(&'static str),
    /// Ctrl-C: nothing is built any more.
    Left,
}

impl Board {
    /// Waits for what the check builds on, looks, and says so.
    fn settle(&self, check: &'static dyn Check, world: &World<'_>, events: &mpsc::Sender<Event>) {
        let name = check.name();
        let ground = match self.wait_for(check.needs()) {
            Err(Interrupted) => Ground::Left,
            Ok(Some(gone)) => {
                let _ = events.send(Event::Found(name, Finding::waiting_for(gone)));
                Ground::Gone(gone)
            }
            Ok(None) => {
                let _ = events.send(Event::Began(name));
                let waiting = |why: &ServerError, pause: Duration| {
                    let _ = events.send(Event::Waits(name, patience::waiting(why, pause)));
                };
                match check.look(world, &waiting) {
                    Err(Interrupted) => Ground::Left,
                    Ok(finding) => {
                        let ground =
                            if finding.outcome == Outcome::Problem { Ground::Gone(name) } else { Ground::Firm };
                        let _ = events.send(Event::Found(name, finding));
                        ground
                    }
                }
            }
        };
        self.lock().insert(name, ground);
        self.changed.notify_all();
    }

    /// The check whose problem takes the ground away, if one does, once all needs are settled.
    fn wait_for(&self, needs: &[&'static str]) -> Result<Option<&'static str>, Interrupted> {
        let mut settled = self.lock();
        loop {
            if settled.values().any(|ground| *ground == Ground::Left) {
                return Err(Interrupted);
            }
            if needs.iter().all(|need| settled.contains_key(need)) {
                return Ok(needs.iter().find_map(|need| match settled.get(need) {
                    Some(Ground::Gone(first)) => Some(*first),
                    _ => None,
                }));
            }
            settled = self.changed.wait(settled).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Ground>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
