//! Is the server that answers the one whose data this is?

use super::{Check, Finding, World};
use crate::storage::sqlite::schema;

/// The data's epoch, here and there.
pub struct Epoch;

impl Check for Epoch {
    fn name(&self) -> &'static str {
        "epoch"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["database", "server"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let epoch = match world.database().map(schema::epoch) {
            Ok(Ok(epoch)) => epoch,
            Ok(Err(error)) => return Finding::from_error(&error, error.hint()),
            Err(finding) => return finding,
        };
        judge(&epoch, world.info().map(|info| info.epoch.as_str()))
    }
}

fn judge(here: &str, there: Option<&str>) -> Finding {
    match there {
        None => Finding::ok(format!("`{here}`")),
        Some(there) if there == here => Finding::ok(format!("`{here}`, here and with the running server")),
        Some(_) => Finding::problem(
            "the running server works on other data than these",
            "name its data with `--data-dir DIR`, or its address with `--listen ADDRESS:PORT`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn a_server_with_other_data_is_not_taken_for_this_one() {
        assert_eq!(judge("a", Some("b")).outcome, Outcome::Problem);
        assert_eq!((judge("a", Some("a")).outcome, judge("a", None).outcome), (Outcome::Ok, Outcome::Ok));
    }
}
