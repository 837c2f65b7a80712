//! Do the limits fit into the memory that there is?

use super::{Check, Finding, World};
use crate::budget::Budget;
use crate::perimeter::ConnectionLimits;
use crate::words;

/// Less than this was never tried.
const LEAST_BYTES: u64 = 96 << 20;

/// Connections and bodies against the memory limit.
pub struct Memory;

impl Check for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match world.good_config() {
            Ok(config) => judge(config.memory, config.perimeter.connections.total),
            Err(finding) => finding,
        }
    }
}

fn judge(memory: u64, connections: usize) -> Finding {
    let sentence = format!(
        "{} may be used; up to {connections} connections, and {} of bodies at once",
        words::size(memory),
        words::size(Budget::bytes_for(memory).saturating_mul(2))
    );
    let fitting = ConnectionLimits::for_memory(memory);
    if memory < LEAST_BYTES {
        return Finding::warning(sentence, "give it more: 256 MB carry thousands of accounts");
    }
    if connections > fitting {
        return Finding::warning(
            format!("{sentence}: if all of them send at once, they may take more than there is"),
            format!("at most `--max-connections {fitting}` fits here"),
        );
    }
    Finding::ok(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn more_connections_than_fit_are_a_warning_with_the_number_that_does() {
        assert_eq!(judge(256 << 20, 512).outcome, Outcome::Ok);
        let many = judge(256 << 20, 513);
        assert_eq!(
            (many.outcome, many.remedy.unwrap()),
            (Outcome::Warning, "at most `--max-connections 512` fits here".into())
        );
        assert_eq!(judge(64 << 20, 16).outcome, Outcome::Warning);
    }
}
