//! Does the write-ahead log stay small?

use super::{Check, Finding, World};
use crate::storage::sqlite::directory::DATABASE_FILE;
use crate::words;

/// What a large body takes for a while is no reason to worry.
const USUAL_BYTES: u64 = 128 << 20;

/// Its size. It grows while somebody reads an old state.
pub struct WriteAheadLog;

impl Check for WriteAheadLog {
    fn name(&self) -> &'static str {
        "write-ahead log"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["database"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match world.data_dir() {
            Ok(directory) => {
                let log = directory.join(format!("{DATABASE_FILE}-wal"));
                judge(std::fs::metadata(log).map_or(0, |file| file.len()))
            }
            Err(finding) => finding,
        }
    }
}

fn judge(bytes: u64) -> Finding {
    if bytes <= USUAL_BYTES {
        return Finding::ok(words::size(bytes));
    }
    Finding::warning(
        format!("{}, and it can't be folded into the database while somebody reads an old state", words::size(bytes)),
        "close other programs that have the database open; a backup that is being made is one, and ends by itself\n\
         a restart of the server folds it in any case",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn a_log_that_grew_far_beyond_its_usual_size_is_a_warning() {
        assert_eq!(judge(0), Finding::ok("0 B"));
        assert_eq!(judge(16 << 20).outcome, Outcome::Ok);
        assert_eq!(judge(1 << 30).outcome, Outcome::Warning);
    }
}
