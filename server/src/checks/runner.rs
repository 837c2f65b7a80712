//! Runs checks, one after the other: they share one disk, and what one finds may make another pointless.

use std::collections::BTreeMap;

use super::{Check, Finding, Outcome, World};
use crate::stop::Stopped;

/// What was found, in the order of the list.
pub type Findings = Vec<(&'static str, Finding)>;

/// Runs them, and tells each finding as it is there.
pub fn run(
    checks: &[&'static dyn Check],
    world: &World<'_>,
    tell: &mut dyn FnMut(&'static str, &Finding),
) -> Result<Findings, Stopped> {
    // For each check whose ground is gone: because of which one's problem.
    let mut gone: BTreeMap<&'static str, &'static str> = BTreeMap::new();
    let mut found = Findings::new();
    for check in checks {
        let name = check.name();
        let finding = match check.needs().iter().find_map(|need| gone.get(need)) {
            Some(first) => Finding::waiting_for(first),
            None => check.look(world),
        };
        // What it would have found, nobody knows.
        world.stop().check()?;
        world.stop().ends();
        match (finding.waits_for, finding.outcome) {
            (Some(first), _) => drop(gone.insert(name, first)),
            (None, Outcome::Problem) => drop(gone.insert(name, name)),
            _ => {}
        }
        tell(name, &finding);
        found.push((name, finding));
    }
    Ok(found)
}

/// How many of them are problems.
pub fn problems(findings: &Findings) -> usize {
    findings.iter().filter(|(_, finding)| finding.outcome == Outcome::Problem).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::operate::DoctorArgs;
    use crate::config::sources::Env;
    use crate::stop::Stop;

    struct Made(&'static str, &'static [&'static str], fn() -> Finding);

    impl Check for Made {
        fn name(&self) -> &'static str {
            self.0
        }

        fn needs(&self) -> &'static [&'static str] {
            self.1
        }

        fn look(&self, _: &World<'_>) -> Finding {
            self.2()
        }
    }

    #[test]
    fn one_fault_makes_one_finding_and_names_itself_to_all_that_build_on_it() {
        static CHECKS: &[&dyn Check] = &[
            &Made("disk", &[], || Finding::problem("broken", "mend it")),
            &Made("data", &["disk"], || unreachable!()),
            &Made("backups", &["data"], || unreachable!()),
            &Made("words", &[], || Finding::warning("odd", "mend it")),
            &Made("more", &["words"], || Finding::ok("fine")),
        ];
        let (env, stop) = (Env::from_pairs([("HOME", "/nowhere")]), Stop::default());
        let args: DoctorArgs =
            DoctorArgs { listen: vec![], thorough: false, report: false, public_url: None, data: <_>::default() };
        let mut world = World::new(&args, &env);
        world.heed(&stop);
        let mut told = Vec::new();
        let found = run(CHECKS, &world, &mut |name, finding| told.push((name, finding.waits_for))).unwrap();
        assert_eq!(
            told,
            [("disk", None), ("data", Some("disk")), ("backups", Some("disk")), ("words", None), ("more", None)]
        );
        assert_eq!(problems(&found), 1);
        stop.set();
        run(CHECKS, &world, &mut |_, _| {}).unwrap_err();
    }
}
