//! Is there room left for the account?

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::words::size;

/// The account's quota, where it has one.
pub struct Limits;

impl Check for Limits {
    fn name(&self) -> &'static str {
        "room"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["account"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let Some(known) = world.known() else {
            return Ok(Finding::skipped("this server does not tell"));
        };
        let used = known.version_bytes.saturating_add(known.snapshot.map_or(0, |snapshot| snapshot.bytes));
        let Some(quota) = known.quota_bytes else {
            return Ok(Finding::ok(format!("{} used, and no limit", size(used))));
        };
        let sentence = format!("{} of {} used", size(used), size(quota));
        let remedy = "ask whoever runs the server for more room";
        Ok(match used {
            used if used >= quota => Finding::problem(format!("{sentence}: nothing more is accepted"), remedy),
            used if used >= quota / 10 * 9 => Finding::warning(sentence, remedy),
            _ => Finding::ok(sentence),
        })
    }
}
