//! `taskferry verify`: finishes what was left unfinished ([`finish`]), looks at everything that sync depends on, syncs, and
//! proves that the account and this computer have the same tasks. Ends with 0, or with 3 if there is a problem.

pub mod finish;

use crate::checks::runner::Pace;
use crate::checks::{Finding, World};
use crate::cli;
use crate::error::{Exit, Explain, Failure};
use crate::flow::checking::{Aloud, check, problems, report_findings};
use crate::flow::computer::Computer;
use crate::flow::proving::{Mend, prove_now};
use crate::flow::sync::sync;
use crate::flow::{Run, tasks};
use finish::{Finished, finish_pending};

/// Problems were found, and shown.
#[derive(Debug, thiserror::Error)]
#[error("sync does not work as it should: {}", in_words(*.0))]
pub struct ProblemsFound(usize);

impl ProblemsFound {
    /// So many.
    pub fn new(count: usize) -> Self {
        Self(count)
    }
}

impl Explain for ProblemsFound {
    fn hint(&self) -> Option<String> {
        Some("mend what is named above, then run the same command again".into())
    }

    fn exit(&self) -> Exit {
        Exit::Found
    }
}

fn in_words(count: usize) -> String {
    if count == 1 { "1 problem was found".into() } else { format!("{count} problems were found") }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Verify) -> Result<(), Failure> {
    verify(run, args).map_err(Failure::as_found)
}

fn verify(run: &mut Run<'_>, args: &cli::Verify) -> Result<(), Failure> {
    // A script gets findings in any case.
    if finish_pending(run, args.yes, None)? == Finished::Join && !args.json {
        return Ok(());
    }
    let world = World::look(run);
    let aloud = if args.json { Aloud::No } else { Aloud::Yes };
    let mut findings = check(run, &world, Pace::InOrder, aloud)?;
    drop(world);
    let failure = match problems(&findings) {
        0 if args.no_sync => None,
        0 => match sync_and_prove(run, args) {
            Ok(sentence) => {
                findings.push(("proof", Finding::ok(sentence)));
                None
            }
            Err(failure) => {
                findings.push(("proof", Finding::from_error(failure.error())));
                Some(failure)
            }
        },
        count => {
            run.terminal.say("");
            Some(ProblemsFound::new(count).into())
        }
    };
    report_findings(run, &findings)?;
    failure.map_or(Ok(()), Err)
}

/// The real thing, and whether it did what it reported.
fn sync_and_prove(run: &mut Run<'_>, args: &cli::Verify) -> Result<String, Failure> {
    let computer = Computer::look(run)?;
    let account = computer.account.as_ref().ok_or(super::share::ShareError::NotSetUp)?;
    run.terminal.say("");
    sync(run, &computer.taskwarrior, account)?;
    let mend = if args.mend { Mend::Yes } else { Mend::Ask };
    let how = match prove_now(run, &computer.taskwarrior, account, mend)? {
        Some(count) => format!("works, and this computer and the account have the same {}", tasks(count)),
        None => "works".into(),
    };
    let sentence = format!("sync with `{}` {how}", account.server);
    run.terminal.say(&format!("\n{sentence}"));
    Ok(sentence)
}

#[cfg(test)]
mod tests;
