//! How long a server is waited for that answers "not now": an overloaded one, or one that a platform has put to sleep and
//! that wakes with the first request. Only decides; waiting is [`Server::pause`]'s, and saying so the caller's.
//!
//! A server that refuses the connection is asked once or twice more, within seconds: it may just be restarting. Every other way not
//! to be reached is not waited for: the usual reason is the address.

use std::time::{Duration, SystemTime};

use super::{Server, ServerError};

/// All pauses of one request together, in seconds. Platforms wake a server within half of that.
pub const PAUSES_SECONDS_MAX: u64 = 60;
/// Where the server names no time, in seconds: first, and at most; it doubles from pause to pause.
const FIRST_SECONDS: u64 = 1;
const NEXT_SECONDS_MAX: u64 = 16;
/// Pauses before a server that refused the connection is asked again, in seconds: a restart takes less.
const REFUSED_SECONDS: [u64; 2] = [1, 2];
/// What a server may ask for, in seconds: whatever is longer is no other answer.
const RETRY_AFTER_SECONDS_MAX: u64 = 30 * 24 * 60 * 60;
/// What a try counts for at least, in seconds, so that "try again at once" does not become a storm.
const TRY_SECONDS_MIN: u64 = 5;

/// The pauses of one request.
#[derive(Debug)]
pub struct Patience {
    left: Duration,
    next: Duration,
    /// How often the connection was refused.
    refused: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self { left: Duration::from_secs(PAUSES_SECONDS_MAX), next: Duration::from_secs(FIRST_SECONDS), refused: 0 }
    }
}

impl Patience {
    /// How long to pause before the next try; `None` = what failed is final, or enough was waited. `luck`, from 0 to 1,
    /// spreads those who were refused together over half as much time again.
    pub fn pause(&mut self, error: &ServerError, luck: f64) -> Option<Duration> {
        let retry_after = match error {
            ServerError::NotNow { retry_after, .. } => retry_after,
            ServerError::Unreachable { is_refused: true, .. } => {
                let pause = REFUSED_SECONDS.get(self.refused)?;
                self.refused += 1;
                return Some(Duration::from_secs(*pause));
            }
            _ => return None,
        };
        let pause = retry_after.unwrap_or(self.next).mul_f64(1.0 + luck.clamp(0.0, 1.0) / 2.0);
        // A server that names a time beyond our patience means it: a try before that would be refused too.
        self.left = self.left.checked_sub(pause.max(Duration::from_secs(TRY_SECONDS_MIN)))?;
        self.next = (self.next * 2).min(Duration::from_secs(NEXT_SECONDS_MAX));
        Some(pause)
    }
}

/// `Retry-After`, as seconds or as a date.
pub(super) fn retry_after(value: Option<&str>, now: SystemTime) -> Option<Duration> {
    let value = value?.trim();
    let after = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(after.min(Duration::from_secs(RETRY_AFTER_SECONDS_MAX)))
}

/// What is waited for, and how long.
pub fn waiting(why: &ServerError, pause: Duration) -> String {
    if let ServerError::Unreachable { server, is_refused: true, .. } = why {
        let seconds = pause.as_secs();
        return format!("nobody answers at `{server}`; trying again in {seconds} s, in case it is just restarting");
    }
    format!("{why}; trying again in {} s", pause.as_secs().max(1))
}

impl Server {
    /// Asks again and again while the server says "not now", and tells `waiting` before each pause.
    pub fn patiently<T>(
        &self,
        mut waiting: impl FnMut(&ServerError, Duration),
        mut ask: impl FnMut(&Self) -> Result<T, ServerError>,
    ) -> Result<T, ServerError> {
        let mut patience = Patience::default();
        loop {
            let error = match ask(self) {
                Err(error) => error,
                answer => return answer,
            };
            let Some(pause) = patience.pause(&error, luck()) else {
                return Err(error);
            };
            waiting(&error, pause);
            self.pause(pause)?;
        }
    }
}

/// From 0 to 1; not a secret, only different from computer to computer.
fn luck() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_now(retry_after: Option<u64>) -> ServerError {
        ServerError::NotNow {
            server: Box::new("https://a.example".parse().unwrap()),
            status: 503,
            said: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn pauses(retry_after: Option<u64>, luck: f64) -> Vec<u64> {
        let mut patience = Patience::default();
        std::iter::from_fn(|| patience.pause(&not_now(retry_after), luck)).map(|pause| pause.as_secs()).collect()
    }

    #[test]
    fn pauses_double_and_end_within_a_minute() {
        assert_eq!(pauses(None, 0.0), [1, 2, 4, 8, 16, 16]);
        assert!(pauses(None, 1.0).iter().sum::<u64>() <= PAUSES_SECONDS_MAX);
    }

    #[test]
    fn what_the_server_asks_for_is_honoured_up_to_a_minute() {
        assert_eq!(pauses(Some(20), 0.0), [20, 20, 20]);
        assert_eq!(pauses(Some(50), 0.1), [52]);
        assert_eq!(pauses(Some(3600), 0.0), [0; 0], "nobody sits there for an hour");
    }

    #[test]
    fn a_server_that_says_at_once_for_ever_is_not_asked_for_ever() {
        assert_eq!(pauses(Some(0), 0.5).len(), 12);
    }

    #[test]
    fn a_refused_connection_is_tried_twice_more_and_no_other_failure_to_connect() {
        let unreachable = |is_refused| ServerError::Unreachable {
            server: Box::new("https://a.example".parse().unwrap()),
            is_refused,
            why: super::super::Reason("x".into()),
        };
        let mut patience = Patience::default();
        let pauses: Vec<_> = std::iter::from_fn(|| patience.pause(&unreachable(true), 0.5)).collect();
        assert_eq!(pauses.iter().map(Duration::as_secs).collect::<Vec<_>>(), REFUSED_SECONDS);
        assert_eq!(Patience::default().pause(&unreachable(false), 0.5), None);
        assert!(waiting(&unreachable(true), pauses[0]).ends_with("in 1 s, in case it is just restarting"));
    }

    #[test]
    fn only_a_not_now_is_waited_for() {
        let final_answer = ServerError::NotASyncServer { server: Box::new("https://a.example".parse().unwrap()) };
        assert_eq!(Patience::default().pause(&final_answer, 0.0), None);
    }

    #[test]
    fn the_time_to_wait_is_read_as_seconds_or_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let read = |text| retry_after(Some(text), now).map(|pause| pause.as_secs());
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:57 GMT"), Some(20));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(read("soon"), None);
        assert_eq!(read("18446744073709551615"), Some(RETRY_AFTER_SECONDS_MAX));
        assert_eq!(pauses(read("18446744073709551615"), 1.0), [0; 0], "and no arithmetic stumbles over it");
    }
}
