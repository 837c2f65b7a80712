//! Every refusal, and the only place that chooses a status code for one.
//!
//! A refusal has a stable `code` for programs, a sentence, and a hint (RFC 9457, `application/problem+json`). Stock
//! Taskwarrior shows only the status line, hence status codes that are as telling as they can be.
//!
//! A failure inside the server has two messages: "internal error" for whoever asked, and the cause, with all of its
//! sources, in the log, once ([`super::observe`]).

use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use taskferry_protocol::describe::Problem;
use taskferry_protocol::{codes, wire};

use crate::admission::NotAdmitted;
use crate::invite::InviteFlaw;
use crate::metrics::limits::Limit;
use crate::perimeter::rates::Exceeded;
use crate::storage::Barred;
use crate::sync::SyncError;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the `X-Client-Id` header is missing")]
    ClientIdMissing,
    #[error("the `X-Client-Id` header stands in the request more than once")]
    ClientIdRepeated,
    #[error("the `X-Client-Id` header is not a UUID")]
    ClientIdMalformed,
    #[error("the version ID in the path is not a UUID")]
    VersionIdMalformed,
    #[error("the `Content-Type` must be `{expected}`")]
    ContentType { expected: &'static str },
    #[error("the request has a `Content-Encoding`, and bodies are stored as they come")]
    ContentEncoding,
    #[error("the body is empty")]
    BodyEmpty,
    #[error("the body did not arrive whole")]
    BodyCutShort,
    #[error("the body came too slowly")]
    BodyTooSlow,
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge { limit: u64 },
    #[error("the body is not the JSON that belongs here")]
    BodyNotJson,
    #[error("there is no account with this client ID")]
    UnknownAccount,
    #[error(transparent)]
    Barred(Barred),
    #[error(transparent)]
    NotAdmitted(NotAdmitted),
    #[error("on this server, only the operator deletes accounts")]
    SelfDeletionOff,
    #[error("a device of this account is in the middle of sending its changes")]
    PushUnderWay,
    #[error("the version asked for is not in this account's history")]
    Gone,
    #[error("there is nothing at this path")]
    NoRoute,
    #[error("this is a sync request, but not under the path that this server serves")]
    WrongBasePath,
    #[error("the server is starting")]
    Starting,
    #[error("the server is stopping")]
    Stopping,
    #[error("the server is busy")]
    Busy,
    #[error("too many requests came from this address")]
    TooManyRequests(Exceeded),
    #[error("too many new accounts were asked for from this address")]
    TooManyAccounts(Exceeded),
    #[error("too many connections are open")]
    NoPlace,
    #[error("internal error")]
    Internal(#[source] SyncError),
}

impl Refusal {
    /// Seconds after which it may be otherwise.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Busy | Self::Starting | Self::Stopping => Some(2),
            Self::PushUnderWay => Some(10),
            // A volume does not get larger by itself.
            Self::NotAdmitted(NotAdmitted::StorageLow) => Some(300),
            // Rounded up: a second too early would be refused again.
            Self::NotAdmitted(NotAdmitted::TooManyAccounts { retry_after }) => Some(retry_after.as_secs() + 1),
            _ => None,
        }
    }

    /// Status, code and hint: the table.
    fn entry(&self) -> Entry {
        use StatusCode as S;
        match self {
            Self::ClientIdMissing => {
                (S::BAD_REQUEST, "client_id_missing", "send the account's client ID in the `X-Client-Id` header")
            }
            Self::ClientIdRepeated => (S::BAD_REQUEST, "client_id_repeated", "send it exactly once"),
            Self::ClientIdMalformed => (
                S::BAD_REQUEST,
                "client_id_malformed",
                "a client ID looks like 7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10; check `sync.server.client_id`",
            ),
            Self::VersionIdMalformed => {
                (S::BAD_REQUEST, "version_id_malformed", "a version ID looks like 7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10")
            }
            Self::ContentType { .. } => {
                (S::BAD_REQUEST, "wrong_content_type", "send the content type that the protocol asks for")
            }
            Self::ContentEncoding => (S::UNSUPPORTED_MEDIA_TYPE, "content_encoding", "send the body as it is"),
            Self::BodyEmpty => (S::BAD_REQUEST, "body_empty", "a version and a snapshot have at least one byte"),
            Self::BodyCutShort => (S::BAD_REQUEST, "body_cut_short", "check the connection and try again"),
            Self::BodyTooSlow => (S::REQUEST_TIMEOUT, "body_too_slow", "check the connection and try again"),
            Self::BodyTooLarge { .. } => (
                S::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "whoever runs this server can raise the limit with `--max-version-bytes`",
            ),
            Self::BodyNotJson => {
                (S::BAD_REQUEST, "body_not_json", "send no body, or a JSON object such as {\"invite\": \"…\"}")
            }
            Self::UnknownAccount => (
                S::NOT_FOUND,
                codes::UNKNOWN_ACCOUNT,
                "check the client ID for a typing error, and that the account was made on this server",
            ),
            Self::Barred(barred) => barred_entry(barred),
            Self::NotAdmitted(why) => not_admitted_entry(*why),
            Self::SelfDeletionOff => {
                (S::FORBIDDEN, codes::SELF_DELETION_OFF, "nothing was changed; ask whoever runs this server")
            }
            Self::PushUnderWay => {
                (S::SERVICE_UNAVAILABLE, codes::PUSH_UNDER_WAY, "nothing was changed; try again when its sync is done")
            }
            Self::Gone => (
                S::GONE,
                codes::VERSION_GONE,
                "this device's history and the server's have parted: the server was restored or pruned, or the device \
                 was in sync with another account",
            ),
            Self::NoRoute => (S::NOT_FOUND, "no_such_path", "`GET /` says what this server is"),
            // Not 404: Taskwarrior takes a 404 for "up to date" and reports success for a wrong address.
            Self::WrongBasePath => (
                S::BAD_REQUEST,
                "wrong_base_path",
                "check the path in `sync.server.url`; `GET /` of the right address answers \"TaskChampion sync server\"",
            ),
            Self::Starting => (S::SERVICE_UNAVAILABLE, codes::STARTING, "try again in a moment"),
            Self::Stopping => (S::SERVICE_UNAVAILABLE, codes::STOPPING, "try again in a moment"),
            Self::Busy => (S::SERVICE_UNAVAILABLE, codes::BUSY, "try again in a moment"),
            Self::TooManyRequests(_) => {
                (S::TOO_MANY_REQUESTS, codes::TOO_MANY_REQUESTS, "wait as long as `Retry-After` says, then try again")
            }
            Self::TooManyAccounts(_) => (
                S::TOO_MANY_REQUESTS,
                codes::TOO_MANY_ACCOUNTS,
                "wait as long as `Retry-After` says, then try again; accounts that exist are not affected",
            ),
            Self::NoPlace => (S::SERVICE_UNAVAILABLE, "too_many_connections", "try again in a moment"),
            Self::Internal(_) => (
                S::INTERNAL_SERVER_ERROR,
                "internal_error",
                "nothing was changed; the server's log says more, under the answer's `X-Request-Id`",
            ),
        }
    }

    /// The limit that it is about, for whoever counts how often each is reached.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::BodyTooLarge { .. } => Some(Limit::VersionBytes),
            Self::BodyTooSlow => Some(Limit::SlowBody),
            Self::Busy => Some(Limit::Busy),
            Self::NotAdmitted(NotAdmitted::QuotaExceeded) => Some(Limit::Quota),
            Self::NotAdmitted(NotAdmitted::StorageLow) => Some(Limit::FreeSpace),
            Self::NotAdmitted(NotAdmitted::TooManyAccounts { .. }) => Some(Limit::AllNewAccounts),
            Self::TooManyRequests(exceeded) | Self::TooManyAccounts(exceeded) => Limit::named(exceeded.limit),
            Self::NoPlace => Some(Limit::Connections),
            _ => None,
        }
    }
}

type Entry = (StatusCode, &'static str, &'static str);

fn barred_entry(barred: &Barred) -> Entry {
    let ask = "ask whoever runs this server";
    match barred {
        Barred::Disabled { .. } => (StatusCode::FORBIDDEN, codes::ACCOUNT_DISABLED, ask),
        Barred::Deleted => (
            StatusCode::FORBIDDEN,
            codes::ACCOUNT_DELETED,
            "your tasks are still on your computers: set them up with a new account, or ask whoever runs this server",
        ),
    }
}

fn not_admitted_entry(why: NotAdmitted) -> Entry {
    use StatusCode as S;
    match why {
        NotAdmitted::Closed => (
            S::FORBIDDEN,
            codes::REGISTRATION_CLOSED,
            "check the client ID for a typing error; for a new account, ask whoever runs this server",
        ),
        NotAdmitted::InviteNeeded => (
            S::FORBIDDEN,
            codes::INVITE_NEEDED,
            "check the client ID for a typing error; for a new account, ask whoever runs this server for an invite",
        ),
        NotAdmitted::Invite(flaw) => invite_entry(flaw),
        NotAdmitted::TooManyAccounts { .. } => {
            (S::TOO_MANY_REQUESTS, codes::TOO_MANY_ACCOUNTS, "nothing was changed; try again later")
        }
        NotAdmitted::QuotaExceeded => (
            S::INSUFFICIENT_STORAGE,
            codes::QUOTA_EXCEEDED,
            "nothing was changed; whoever runs this server can give the account more room",
        ),
        NotAdmitted::StorageLow => (
            S::SERVICE_UNAVAILABLE,
            codes::STORAGE_LOW,
            "nothing was changed; tell whoever runs this server, and try again later",
        ),
    }
}

fn invite_entry(flaw: InviteFlaw) -> Entry {
    let code = match flaw {
        InviteFlaw::Unknown => {
            return (StatusCode::FORBIDDEN, codes::INVITE_INVALID, "check the code for a typing error");
        }
        InviteFlaw::Expired => codes::INVITE_EXPIRED,
        InviteFlaw::Used => codes::INVITE_USED,
    };
    (StatusCode::FORBIDDEN, code, "ask whoever runs this server for another one")
}

impl From<SyncError> for Refusal {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::UnknownAccount => Self::UnknownAccount,
            SyncError::Barred(barred) => Self::Barred(barred),
            SyncError::NotAdmitted(why) => Self::NotAdmitted(why),
            SyncError::Busy => Self::Busy,
            SyncError::PushUnderWay => Self::PushUnderWay,
            error @ (SyncError::Storage(_) | SyncError::Core(_)) => Self::Internal(error),
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.entry().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code, hint) = self.entry();
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Self::TooManyRequests(exceeded) | Self::TooManyAccounts(exceeded) = self {
            for header in rate_limit_headers(exceeded) {
                response.insert_header(header);
            }
        }
        render(&mut response, status, code, self.to_string(), hint)
    }
}

/// What a program needs to know to come back at the right time; the two `RateLimit` fields by
/// draft-ietf-httpapi-ratelimit-headers-10.
fn rate_limit_headers(exceeded: &Exceeded) -> [(&'static str, String); 3] {
    let Exceeded { limit, rate, retry_after } = exceeded;
    // Never too early, and never "now".
    let wait = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    let wait = wait.max(1);
    [
        ("retry-after", wait.to_string()),
        ("ratelimit-policy", format!("\"{limit}\";q={};w={}", rate.count(), rate.period().as_secs())),
        ("ratelimit", format!("\"{limit}\";r=0;t={wait}")),
    ]
}

/// 405, with the methods that the path has.
pub(super) fn wrong_method(allowed: &[Method]) -> HttpResponse {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let list = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let mut response = HttpResponse::build(status);
    if let Ok(value) = HeaderValue::from_str(&list) {
        response.insert_header((ALLOW, value));
    }
    render(&mut response, status, "wrong_method", format!("this path answers {list} only"), "use another method")
}

fn render(
    response: &mut HttpResponseBuilder,
    status: StatusCode,
    code: &str,
    detail: String,
    hint: &str,
) -> HttpResponse {
    let problem = Problem {
        status: status.as_u16(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        code: code.to_owned(),
        detail,
        hint: Some(hint.to_owned()),
    };
    response
        .insert_header((CONTENT_TYPE, wire::PROBLEM_JSON))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(serde_json::to_string(&problem).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::perimeter::Rate;
    use crate::storage::StorageError;

    const EXCEEDED: Exceeded =
        Exceeded { limit: "pages", rate: Rate::new(600, 60), retry_after: Duration::from_millis(1500) };

    #[test]
    fn a_limit_that_was_reached_says_when_to_come_back() {
        let [retry_after, policy, state] = rate_limit_headers(&EXCEEDED).map(|(_, value)| value);
        assert_eq!((&*retry_after, &*policy, &*state), ("2", "\"pages\";q=600;w=60", "\"pages\";r=0;t=2"));
    }

    #[test]
    fn every_code_stands_in_the_published_table_once_and_with_its_status() {
        let published = include_str!("../../../docs/PROTOCOL.md");
        let (_, published) = published.split_once("## Refusals").unwrap();
        let (published, _) = published.split_once("## Setup link").unwrap();
        let all = [
            Refusal::ClientIdMissing,
            Refusal::ClientIdRepeated,
            Refusal::ClientIdMalformed,
            Refusal::VersionIdMalformed,
            Refusal::ContentType { expected: "" },
            Refusal::ContentEncoding,
            Refusal::BodyEmpty,
            Refusal::BodyCutShort,
            Refusal::BodyTooSlow,
            Refusal::BodyTooLarge { limit: 0 },
            Refusal::BodyNotJson,
            Refusal::UnknownAccount,
            Refusal::Barred(Barred::Disabled { reason: None }),
            Refusal::Barred(Barred::Deleted),
            Refusal::NotAdmitted(NotAdmitted::Closed),
            Refusal::NotAdmitted(NotAdmitted::InviteNeeded),
            Refusal::NotAdmitted(NotAdmitted::TooManyAccounts { retry_after: std::time::Duration::ZERO }),
            Refusal::NotAdmitted(NotAdmitted::QuotaExceeded),
            Refusal::NotAdmitted(NotAdmitted::StorageLow),
            Refusal::NotAdmitted(NotAdmitted::Invite(InviteFlaw::Unknown)),
            Refusal::NotAdmitted(NotAdmitted::Invite(InviteFlaw::Expired)),
            Refusal::NotAdmitted(NotAdmitted::Invite(InviteFlaw::Used)),
            Refusal::Gone,
            Refusal::NoRoute,
            Refusal::WrongBasePath,
            Refusal::Starting,
            Refusal::Stopping,
            Refusal::Busy,
            Refusal::TooManyRequests(EXCEEDED),
            Refusal::TooManyAccounts(EXCEEDED),
            Refusal::NoPlace,
            Refusal::Internal(SyncError::Storage(StorageError::closed("testing"))),
        ];
        for refusal in all {
            let (status, code, _) = refusal.entry();
            let rows: Vec<&str> = published.lines().filter(|row| row.contains(&format!("`{code}`"))).collect();
            assert!(
                matches!(&rows[..], [row] if row.contains(&format!("| {} |", status.as_u16()))),
                "{code}: {rows:?}"
            );
        }
    }
}
