//! Paths, headers and content types: each is spelled here and nowhere else.
//!
//! The four requests under `/v1/client` are TaskChampion's sync protocol; those under `/taskferry/v1` are Taskferry's own.

/// `POST …/{parent version ID}`: appends a version to the chain.
pub const ADD_VERSION: &str = "/v1/client/add-version";
/// `GET …/{parent version ID}`: the version that follows.
pub const GET_CHILD_VERSION: &str = "/v1/client/get-child-version";
/// `POST …/{version ID}`: stores a snapshot made at that version.
pub const ADD_SNAPSHOT: &str = "/v1/client/add-snapshot";
/// `GET`: the latest snapshot.
pub const SNAPSHOT: &str = "/v1/client/snapshot";

/// `POST`: creates the account, so that a second device can find it before the first task exists.
pub const REGISTER: &str = "/taskferry/v1/register";
/// `GET`: what the server knows of the account. `DELETE`: its owner deletes it.
pub const ACCOUNT: &str = "/taskferry/v1/account";
/// `GET`: what the server says about itself.
pub const WELL_KNOWN: &str = "/.well-known/taskferry";
/// `GET`: the page that a setup link opens in a browser.
pub const JOIN_PAGE: &str = "/j";
/// `GET`: the page that an invite link opens in a browser.
pub const INVITE_PAGE: &str = "/i";

/// Answered by every server of this protocol at `GET /`; phone apps test for it.
pub const ROOT_TEXT: &str = "TaskChampion sync server";

/// Names the account in every request; a bearer credential.
pub const X_CLIENT_ID: &str = "x-client-id";
/// The ID of the version (or of the snapshot's version) in an answer.
pub const X_VERSION_ID: &str = "x-version-id";
/// The ID of the parent version; mandatory in a 409.
pub const X_PARENT_VERSION_ID: &str = "x-parent-version-id";
/// Asks for a snapshot; see [`crate::SnapshotUrgency`].
pub const X_SNAPSHOT_REQUEST: &str = "x-snapshot-request";
/// The data's epoch ([`crate::describe::ServerInfo::epoch`]), in a 410: whoever knew another one learns that the server went
/// back.
pub const X_EPOCH: &str = "x-taskferry-epoch";
/// Names one refused request, as the server's log does.
pub const X_REQUEST_ID: &str = "x-request-id";

/// Content type of a version's body, to the letter: clients compare it as a string.
pub const HISTORY_SEGMENT: &str = "application/vnd.taskchampion.history-segment";
/// Content type of a snapshot's body, to the letter.
pub const SNAPSHOT_BODY: &str = "application/vnd.taskchampion.snapshot";
/// Content type of every refusal that has a body (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";
