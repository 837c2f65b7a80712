//! Says how far it is every few seconds, however short or long the days are.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::terminal;

/// From one line to the next.
const EVERY: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(crate) struct Progress {
    next: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self { next: Instant::now() + EVERY }
    }
}

impl Progress {
    /// Waits for `work`, and says `say` whenever it is time to.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>, say: impl Fn() -> String) -> T {
        let mut work = pin!(work);
        loop {
            match timeout_at(self.next, work.as_mut()).await {
                Ok(done) => return done,
                Err(_) => terminal::say(&say()),
            }
            self.next = Instant::now() + EVERY;
        }
    }
}
