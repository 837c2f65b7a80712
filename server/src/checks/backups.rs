//! Are there backups, and is the last one as young as it should be?

use super::{Check, Finding, World, ago};
use crate::backup::status::Status;
use crate::storage::UnixSeconds;

/// Where none are scheduled, the last one may be so old.
const UNSCHEDULED_AGE: UnixSeconds = 30 * 86_400;
/// A backup takes its time, and a server its rest: twice the interval, and a little.
const GRACE: UnixSeconds = 3_600;

/// The last backup.
pub struct Backups;

impl Check for Backups {
    fn name(&self) -> &'static str {
        "backups"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings", "data directory"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match (world.good_config(), world.backups()) {
            (Ok(config), Ok(status)) => {
                let every = config.backups.every.map(|every| i64::try_from(every.as_secs()).unwrap_or(i64::MAX));
                judge(&status, every, world.now())
            }
            (Err(finding), _) | (_, Err(finding)) => finding,
        }
    }
}

fn judge(status: &Status, every: Option<UnixSeconds>, now: UnixSeconds) -> Finding {
    let schedule = "let the server make them by itself: `taskferry-server serve --backup-every 6h`";
    let Some((name, age)) = status.last_good.as_ref().zip(status.last_good_at.map(|at| now - at)) else {
        return match (every, status.problems.first()) {
            (_, Some(problem)) => Finding::problem(
                format!("there is none, and the last try failed: {problem}"),
                "mend that; `taskferry-server backup create` tries again",
            ),
            (Some(_), None) => Finding::warning(
                "there is none yet",
                "the server makes the first one soon after its start; or now: `taskferry-server backup create`",
            ),
            (None, None) => Finding::warning("there is none, and none is scheduled", schedule),
        };
    };
    let last = format!("the last one, `{name}`, was made {} ago", ago(age));
    if let Some(problem) = status.problems.first() {
        return Finding::problem(
            format!("{last}, but the last try failed: {problem}"),
            "mend that; `taskferry-server backup create` tries again",
        );
    }
    match every {
        Some(every) if age > every.saturating_mul(2).saturating_add(GRACE) => Finding::problem(
            format!("{last}, and there should be one every {}", ago(every)),
            "look into the server's log for `could not make a backup`; `taskferry-server backup create` tries now",
        ),
        None if age > UNSCHEDULED_AGE => Finding::warning(format!("{last}, and none is scheduled"), schedule),
        _ => Finding::ok(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    const DAY: i64 = 86_400;

    fn status(made_at: Option<i64>, problem: Option<&str>) -> Status {
        Status {
            last_good_at: made_at,
            last_good: made_at.map(|_| "taskferry-20261123T054201.123Z".into()),
            problems: problem.into_iter().map(Into::into).collect(),
            ..Status::default()
        }
    }

    #[test]
    fn a_backup_is_as_young_as_its_schedule_wants_or_it_is_said() {
        let judged = |status: &Status, every| judge(status, every, 100 * DAY).outcome;
        let recent = status(Some(100 * DAY - 60), None);
        assert_eq!([judged(&recent, None), judged(&recent, Some(3600))], [Outcome::Ok; 2]);
        let old = status(Some(98 * DAY), None);
        assert_eq!(
            (judged(&old, None), judged(&old, Some(DAY)), judged(&old, Some(6 * 3600))),
            (Outcome::Ok, Outcome::Ok, Outcome::Problem)
        );
        assert_eq!(judged(&status(Some(60 * DAY), None), None), Outcome::Warning);
        assert_eq!(judged(&status(None, None), None), Outcome::Warning);
        assert_eq!(judged(&status(Some(100 * DAY), Some("no such bucket")), None), Outcome::Problem);
        assert_eq!(judged(&status(None, Some("no room")), Some(DAY)), Outcome::Problem);
    }
}
