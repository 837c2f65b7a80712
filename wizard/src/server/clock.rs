//! What time the server thinks it is.

use std::time::SystemTime;

use reqwest::Method;
use reqwest::header::DATE;

use super::{Server, ServerError};

/// Two clocks, read together.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// The server's, in whole seconds.
    pub there: SystemTime,
    /// This computer's, before the server was asked.
    pub before: SystemTime,
    /// This computer's, after it answered.
    pub after: SystemTime,
}

impl Clocks {
    /// Seconds by which this computer's clock is ahead of the server's; negative = behind. What the answer took on its way,
    /// and the part of a second that a header can't hold, count in this computer's favour.
    pub fn ahead_seconds(&self) -> i64 {
        let seconds = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        };
        let (there, before, after) = (seconds(self.there), seconds(self.before), seconds(self.after));
        match () {
            () if before > there + 1 => before - there - 1,
            () if after < there => after - there,
            () => 0,
        }
    }
}

impl Server {
    /// Compares clocks; `None` = the server does not tell.
    pub fn clocks(&self) -> Result<Option<Clocks>, ServerError> {
        let before = SystemTime::now();
        let answer = self.ask(Method::GET, "/", None)?;
        let after = SystemTime::now();
        let there = answer.headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        Ok(there.map(|there| Clocks { there, before, after }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_slow_answer_is_no_difference_between_clocks() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let ahead =
            |there, before, after| Clocks { there: at(there), before: at(before), after: at(after) }.ahead_seconds();
        assert_eq!(ahead(100, 100, 100), 0);
        assert_eq!(ahead(100, 90, 120), 0, "it may have been at any moment between");
        assert_eq!(ahead(100, 400, 401), 299);
        assert_eq!(ahead(100, 40, 41), -59);
    }
}
