//! `taskferry-server doctor`: looks at everything that the server depends on, with a remedy for each finding. `--report` prints
//! what a bug report needs, and nothing that its writer would regret ([`report`]).

mod report;

use std::collections::BTreeMap;

use serde::Serialize;

use super::VerbError;
use super::door::act_as_owner;
use super::interrupt::interruptible;
use crate::checks::runner::{self, Findings};
use crate::checks::{self, Finding, Outcome, World};
use crate::cli::operate::DoctorArgs;
use crate::config::sources::Env;
use crate::terminal;

/// Carries out the verb.
pub fn run(args: &DoctorArgs, env: &Env) -> Result<(), VerbError> {
    // While it is still root, if it is: the settings may be for root's eyes only.
    let mut world = World::new(args, env);
    if let Ok(data_dir) = world.data_dir() {
        act_as_owner(data_dir).map_err(VerbError::Owner)?;
    }
    let aloud = !args.data.json && !args.report;
    let (findings, reported) = interruptible(!aloud, |stop| {
        world.heed(stop);
        let found = runner::run(checks::all(), &world, &mut |name, finding| {
            if aloud && finding.waits_for.is_none() {
                terminal::print_item(
                    finding.outcome.word(),
                    &format!("{name}: {}", finding.sentence),
                    finding.remedy.as_deref(),
                );
            }
        })?;
        let reported = args.report.then(|| report::report(&world, &found));
        Ok::<_, VerbError>((found, reported))
    })?;
    if aloud {
        print_what_waits(&findings);
        if let Some(words) = all_is_well(&findings) {
            terminal::print(&format!("\n{words}"));
        }
    }
    if args.data.json {
        terminal::print(&as_json(&findings));
    } else if let Some(text) = reported {
        terminal::print(&text);
        terminal::say("this report names no account, address or path; read it before you send it");
    }
    match runner::problems(&findings) {
        0 => Ok(()),
        count => Err(VerbError::Problems { count }),
    }
}

/// One line for all that was not looked at because of one problem: twelve say nothing more.
fn print_what_waits(findings: &Findings) {
    let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, finding) in findings {
        if let Some(first) = finding.waits_for {
            waiting.entry(first).or_default().push(*name);
        }
    }
    for (first, names) in waiting {
        terminal::print_item("skipped", &format!("what needs `{first}` first: {}", names.join(", ")), None);
    }
}

/// What is said at the end if there is no problem.
fn all_is_well(findings: &Findings) -> Option<String> {
    let count = |outcome| findings.iter().filter(|(_, finding)| finding.outcome == outcome).count() as u64;
    match (count(Outcome::Problem), count(Outcome::Warning)) {
        (0, 0) => Some("no problem was found".to_owned()),
        (0, warnings) => Some(format!("no problem was found, but {}", crate::words::count(warnings, "warning"))),
        _ => None,
    }
}

fn as_json(findings: &Findings) -> String {
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
    let all = All { works: runner::problems(findings) == 0, findings: named };
    serde_json::to_string(&all).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_nothing_is_wrong_it_is_said_so() {
        let said = |outcomes: &[Outcome]| {
            let finding = |outcome: &Outcome| ("x", Finding { outcome: *outcome, ..Finding::ok("") });
            all_is_well(&outcomes.iter().map(finding).collect())
        };
        assert_eq!(said(&[Outcome::Ok, Outcome::Skipped]).as_deref(), Some("no problem was found"));
        assert_eq!(said(&[Outcome::Ok, Outcome::Warning]).as_deref(), Some("no problem was found, but 1 warning"));
        assert_eq!(said(&[Outcome::Problem, Outcome::Warning]), None);
    }
}
