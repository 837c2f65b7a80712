//! Takes turns with a running server. SQLite lets write whoever asks at the right moment, and a server that waits asks ever more
//! seldom: without a rest between its transactions, a command that has many of them would keep the server waiting through all of
//! them, and people with it.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::storage::sqlite::directory::holder;

/// The shortest rest: who waits asks again after 1, 2, 5, 10, 15 and 20 ms, then every 25 ms and more.
const REST_MIN: Duration = Duration::from_millis(10);
/// The longest one, which no one who waits sleeps through.
const REST_MAX: Duration = Duration::from_millis(110);
/// How often it is looked whether a server runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Turns<'a> {
    directory: &'a Path,
    /// When it was last looked, and whether a server ran then.
    seen: Option<(Instant, bool)>,
    /// When this turn began.
    since: Instant,
}

impl<'a> Turns<'a> {
    /// With the server of this directory, if one runs.
    pub(super) fn with_server_of(directory: &'a Path) -> Self {
        Self { directory, seen: None, since: Instant::now() }
    }

    /// To be called between two transactions: rests as long as the last one took. Where no server runs, it goes on at once.
    pub(super) fn next(&mut self) {
        if self.is_beside_a_server() {
            #[expect(clippy::disallowed_methods, reason = "the rest itself is what is wanted, and no race")]
            std::thread::sleep(rest(self.since.elapsed()));
        }
        self.since = Instant::now();
    }

    fn is_beside_a_server(&mut self) -> bool {
        if let Some((at, runs)) = self.seen
            && at.elapsed() < LOOK_EVERY
        {
            return runs;
        }
        // Some commands hold the directory themselves.
        let runs = holder(self.directory).is_some_and(|holder| holder.pid != Some(std::process::id()));
        self.seen = Some((Instant::now(), runs));
        runs
    }
}

fn rest(took: Duration) -> Duration {
    took.clamp(REST_MIN, REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::directory::DataDirectory;

    #[test]
    fn a_server_gets_as_much_time_as_was_taken_from_it_within_bounds() {
        let milliseconds = |took| rest(Duration::from_millis(took)).as_millis();
        assert_eq!([0, 10, 40, 110, 5_000].map(milliseconds), [10, 10, 40, 110, 110]);
    }

    #[test]
    fn without_a_server_and_where_the_command_holds_the_directory_itself_nobody_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Turns::with_server_of(dir.path()).is_beside_a_server());
        let _held = DataDirectory::open(dir.path()).unwrap();
        assert!(!Turns::with_server_of(dir.path()).is_beside_a_server());
    }
}
