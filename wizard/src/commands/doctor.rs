//! `taskferry doctor`: all checks side by side, with a remedy for each finding. `--fix` mends what is safe to mend ([`fix`]),
//! `--report` prints what a bug report needs, and nothing that its writer would regret ([`report`]).

pub mod fix;
pub mod report;

use crate::checks::runner::Pace;
use crate::checks::{Outcome, World};
use crate::cli;
use crate::commands::verify::ProblemsFound;
use crate::commands::verify::finish::finish_pending;
use crate::error::Failure;
use crate::flow::Run;
use crate::flow::checking::{Aloud, Findings, check, problems, report_findings};
use crate::pending::Pending;

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Doctor) -> Result<(), Failure> {
    if args.fix {
        // A person who can't be reached by the server yet still wants the rest mended.
        if let Err(failure) = finish_pending(run, false, None) {
            run.terminal.say_failure(&failure);
            run.terminal.say("");
        }
    } else if Pending::find(run.context)?.is_some() {
        run.terminal.say_note("a setup or a join waits to be finished: run `taskferry verify`");
    }
    let findings = look(run, args)?;
    let findings = if args.fix && fix::fix(run, &findings)? { look(run, args)? } else { findings };
    report_findings(run, &findings)?;
    if args.report {
        let world = World::look(run);
        run.data(&report::report(&world, &findings))?;
        run.terminal.say("this report names neither account nor secret, server or home; read it before you send it");
    }
    match problems(&findings) {
        0 => {
            say_all_is_well(run, args, &findings);
            Ok(())
        }
        count => {
            run.terminal.say("");
            Err(ProblemsFound::new(count).into())
        }
    }
}

fn look(run: &mut Run<'_>, args: &cli::Doctor) -> Result<Findings, Failure> {
    let world = World::look(run);
    let aloud = if args.json || args.report { Aloud::No } else { Aloud::Yes };
    Ok(check(run, &world, Pace::SideBySide, aloud)?)
}

fn say_all_is_well(run: &mut Run<'_>, args: &cli::Doctor, findings: &Findings) {
    if args.json || args.report {
        return;
    }
    let warnings = findings.iter().filter(|(_, finding)| finding.outcome == Outcome::Warning).count();
    run.terminal.say(match warnings {
        0 => "\nno problem was found",
        1 => "\nno problem was found, but 1 warning",
        _ => "\nno problem was found, but some warnings",
    });
    run.terminal.say("to prove that this computer and the account have the same tasks, run `taskferry verify`");
}

#[cfg(test)]
mod tests;
