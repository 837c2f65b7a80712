//! When was a backup last proved: opened, and gone through from its first page to its last?

use super::{Check, Finding, World, ago};
use crate::backup::status::Status;
use crate::storage::UnixSeconds;

/// A copy may go bad where it lies; after so long it is worth another look.
const AGE: UnixSeconds = 30 * 86_400;

/// The last drill.
pub struct Proof;

impl Check for Proof {
    fn name(&self) -> &'static str {
        "proved backup"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["data directory"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match world.backups() {
            Ok(status) => judge(&status, world.now()),
            Err(finding) => finding,
        }
    }
}

fn judge(status: &Status, now: UnixSeconds) -> Finding {
    if let Some(first) = status.damaged.first() {
        let more = match status.damaged.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        return Finding::problem(
            format!("the last drill found `{first}` damaged{more}"),
            "make another one: `taskferry-server backup create`\n\
             look at all of them: `taskferry-server backup verify --all`",
        );
    }
    let verify = "`taskferry-server backup verify` goes through the newest one";
    match status.last_proved.as_ref().zip(status.last_proved_at) {
        None if status.last_good.is_some() => Finding::warning("it is not known when one was proved", verify),
        None => Finding::skipped("there is no backup"),
        Some((name, at)) if now - at > AGE => {
            Finding::warning(format!("the last one was `{name}`, {} ago", ago(now - at)), verify)
        }
        Some((name, at)) => Finding::ok(format!("`{name}`, {} ago", ago(now - at))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn a_damaged_backup_is_a_problem_and_an_old_proof_a_warning() {
        let proved = |at| Status { last_proved: Some("n".into()), last_proved_at: Some(at), ..Status::default() };
        assert_eq!(judge(&Status::default(), 0).outcome, Outcome::Skipped);
        assert_eq!(judge(&proved(0), 60), Finding::ok("`n`, 60 seconds ago"));
        assert_eq!(judge(&proved(0), AGE + 1).outcome, Outcome::Warning);
        let damaged = Status { damaged: vec!["a".into(), "b".into()], ..proved(0) };
        let found = judge(&damaged, 0);
        assert_eq!(
            (found.outcome, found.sentence),
            (Outcome::Problem, "the last drill found `a` damaged, and 1 more".into())
        );
    }
}
