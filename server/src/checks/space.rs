//! Is there room on the volume?

use super::{Check, Finding, World};
use crate::admission::space::{Need, Space};
use crate::volume::Measured;
use crate::words;

/// Free space against the floors.
pub struct FreeSpace;

impl Check for FreeSpace {
    fn name(&self) -> &'static str {
        "free space"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["data directory"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let (config, volume) = match (world.good_config(), world.volume()) {
            (Ok(config), Ok(volume)) => (config, volume),
            (Err(finding), _) | (_, Err(finding)) => return finding,
        };
        match volume.measure() {
            Ok(measured) => judge(measured, config.min_free),
            Err(cause) => Finding::problem(
                format!("it can't be found out how much is free: {cause}"),
                "look whether the volume is mounted, and what the system's log says about it",
            ),
        }
    }
}

fn judge(measured: Measured, floor: Option<u64>) -> Finding {
    let space = Space::with(measured, floor);
    let free = format!("{} of {} free", words::size(measured.free), words::size(measured.total));
    let remedy = "enlarge the volume, or make room on it; docs/LIMITS.md says what is refused when";
    match space.refused() {
        None => Finding::ok(format!("{free}; below {} nobody can send", words::size(space.floor()))),
        Some(Need::Create) => Finding::warning(format!("{free}: no accounts are created, and no backups made"), remedy),
        Some(Need::YoungBegin | Need::YoungGoOn) => {
            Finding::warning(format!("{free}: accounts of the first day can't send"), remedy)
        }
        Some(Need::Begin | Need::GoOn) => Finding::problem(format!("{free}: nobody can send"), remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn what_is_refused_is_told_before_people_tell_it() {
        let judged = |free: u64| judge(Measured { free: free << 20, total: 1000 << 20 }, None).outcome;
        assert_eq!(
            [401, 399, 199, 99, 10].map(judged),
            [Outcome::Ok, Outcome::Warning, Outcome::Warning, Outcome::Problem, Outcome::Problem]
        );
        assert_eq!(judge(Measured { free: 10 << 20, total: 1000 << 20 }, Some(1 << 20)).outcome, Outcome::Ok);
    }
}
