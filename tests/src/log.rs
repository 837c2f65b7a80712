//! What a running program says, line by line, while it says it.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::wait;

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    closed: bool,
}

/// The lines of one stream. It closes when the program ends, which makes it the sign to wait for.
#[derive(Debug, Clone, Default)]
pub struct Log {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Log {
    /// Reads `stream` to its end, on a thread of its own.
    pub fn follow(stream: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
                writer.change(|state| state.lines.push(String::from_utf8_lossy(&line).trim_end().to_owned()));
                line.clear();
            }
            writer.change(|state| state.closed = true);
        });
        log
    }

    /// Waits for a line that `pick` takes something from; `None` if the stream closes without one.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, mut pick: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let mut seen = 0;
        let mut picked = None;
        let state = self.wait_while(|state| {
            picked = state.lines[seen..].iter().find_map(|line| pick(line));
            seen = state.lines.len();
            picked.is_none() && !state.closed
        });
        let done = picked.is_some() || state.closed;
        drop(state);
        assert!(done, "waited in vain for {what}; the log so far:\n{}", self.text());
        picked
    }

    /// Waits for the end of the stream.
    #[track_caller]
    pub fn wait_until_closed(&self) {
        let closed = self.wait_while(|state| !state.closed).closed;
        assert!(closed, "the program did not end; its log so far:\n{}", self.text());
    }

    /// Whether the stream has ended.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        self.lock().lines.join("\n")
    }

    fn wait_while(&self, condition: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.shared.1.wait_timeout_while(self.lock(), wait::LIMIT, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.shared.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
