//! Why a server does not let somebody create an account: by the codes that both sides agreed on.

use std::time::{Duration, SystemTime};

use reqwest::header::RETRY_AFTER;
use taskferry_protocol::{ServerUrl, codes};

use super::{Answer, patience};
use crate::error::Explain;

/// No account was created, and the server says why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", why.what(server))]
pub struct NotAdmitted {
    server: Box<ServerUrl>,
    /// Which reason.
    pub why: Why,
}

/// The reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The server takes no new accounts.
    Closed,
    /// It wants an invite.
    InviteNeeded,
    /// It has no such invite.
    InviteInvalid,
    /// The invite's time is over.
    InviteExpired,
    /// All uses of the invite are taken.
    InviteUsed,
    /// The account was there once, and was deleted.
    Deleted,
    /// Too many accounts were created lately.
    TooMany {
        /// When to try again, if the server says so.
        retry_after: Option<Duration>,
    },
}

impl NotAdmitted {
    /// A refusal that is known from the server's description already, before anybody is asked for anything.
    pub fn closed(server: ServerUrl) -> Self {
        Self { server: Box::new(server), why: Why::Closed }
    }

    /// The reason in an answer, if it is one of these.
    pub(super) fn of(answer: &Answer, server: &ServerUrl) -> Option<Self> {
        let why = match answer.problem()?.code.as_str() {
            codes::REGISTRATION_CLOSED => Why::Closed,
            codes::INVITE_NEEDED => Why::InviteNeeded,
            codes::INVITE_INVALID => Why::InviteInvalid,
            codes::INVITE_EXPIRED => Why::InviteExpired,
            codes::INVITE_USED => Why::InviteUsed,
            codes::ACCOUNT_DELETED => Why::Deleted,
            codes::TOO_MANY_ACCOUNTS => {
                let retry_after = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                Why::TooMany { retry_after: patience::retry_after(retry_after, SystemTime::now()) }
            }
            _ => return None,
        };
        Some(Self { server: Box::new(server.clone()), why })
    }
}

impl Why {
    /// Whether another invite may be accepted.
    pub fn is_about_the_invite(self) -> bool {
        matches!(self, Self::InviteNeeded | Self::InviteInvalid | Self::InviteExpired | Self::InviteUsed)
    }

    fn what(self, server: &ServerUrl) -> String {
        match self {
            Self::Closed => format!("`{server}` takes no new accounts"),
            Self::InviteNeeded => format!("`{server}` takes new accounts only with an invite"),
            Self::InviteInvalid => format!("`{server}` does not know this invite"),
            Self::InviteExpired => "this invite has expired".into(),
            Self::InviteUsed => "this invite was used already".into(),
            Self::Deleted => format!("this account was deleted at `{server}`"),
            Self::TooMany { .. } => format!("`{server}` has taken many new accounts lately, and pauses"),
        }
    }
}

impl Explain for NotAdmitted {
    fn hint(&self) -> Option<String> {
        let remedy = match self.why {
            Why::Closed => "ask whoever runs the server, or choose another one: `taskferry setup`\n\
                            if another computer of yours has an account there, run `taskferry join`"
                .into(),
            Why::InviteNeeded => "ask whoever runs the server for an invite, then add `--invite CODE`".into(),
            Why::InviteInvalid => "compare it with the one that you were sent: it may be another server's, \
                                   or have been taken back; else ask for a new one"
                .into(),
            Why::InviteExpired => "ask whoever runs the server for a new one".into(),
            Why::InviteUsed => "ask whoever runs the server for another one\n\
                                if you used it on another computer, run `taskferry join` here"
                .into(),
            Why::Deleted => "ask whoever runs the server, or make a new account: `taskferry setup`".into(),
            Why::TooMany { retry_after } => match retry_after {
                Some(pause) => format!("run the same command again in {}", in_words(pause)),
                None => "run the same command again in an hour".into(),
            },
        };
        Some(format!("{remedy}\nnothing was changed on this computer"))
    }
}

/// Rounded up: whoever comes back at that time is not too early.
fn in_words(pause: Duration) -> String {
    match pause.as_secs() {
        0..=60 => "a minute".into(),
        seconds @ ..=5400 => format!("{} minutes", seconds.div_ceil(60)),
        seconds => format!("{} hours", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_told_in_the_unit_that_people_would_use() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!([words(0), words(61), words(5400), words(5401)], ["a minute", "2 minutes", "90 minutes", "2 hours"]);
    }
}
