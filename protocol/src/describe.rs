//! The JSON that a Taskferry server says: about itself, about one account, and when it refuses.
//!
//! Readers ignore fields that they don't know, and every field added later is optional, so that old and new wizards and
//! servers get along.

use serde::{Deserialize, Serialize};

use crate::ids::VersionId;

/// Who may create an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Those who hold an invite.
    Invite,
    /// Nobody but the operator.
    Closed,
    /// A policy of a later version.
    #[serde(other)]
    Unknown,
}

/// Sizes that a server accepts, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The largest body of one version.
    pub version_bytes: u64,
    /// The largest snapshot that is kept; a larger one is accepted and dropped.
    pub snapshot_bytes: u64,
}

/// `GET /.well-known/taskferry`: the server's description of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Always `taskferry-server`; other servers of the protocol don't answer here.
    pub name: String,
    /// The server's version, by semantic versioning.
    pub version: String,
    /// Who may create an account.
    pub registration: Registration,
    /// What it accepts.
    pub limits: Limits,
    /// Names of what it can do beyond the sync protocol, such as `register`, `account` and [`FEATURE_DELETE`].
    pub features: Vec<String>,
    /// Changes when the server's data was taken back to an older state; opaque.
    pub epoch: String,
    /// The address under which the operator wants to be reached, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
}

impl ServerInfo {
    /// Whether people may delete their own accounts: `DELETE` of [`crate::wire::ACCOUNT`].
    pub fn allows_deletion(&self) -> bool {
        self.features.iter().any(|feature| feature == FEATURE_DELETE)
    }
}

/// In [`ServerInfo::features`]: people may delete their own accounts.
pub const FEATURE_DELETE: &str = "delete";

/// [`ServerInfo::name`] of this project's server.
pub const SERVER_NAME: &str = "taskferry-server";

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    /// In use.
    Active,
    /// Switched off by the operator.
    Disabled,
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

/// The snapshot that a server holds for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// The version at which it was made.
    pub version_id: VersionId,
    /// When it was stored: seconds since 1970-01-01 UTC.
    pub stored_at: i64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Versions added since.
    pub versions_since: u32,
}

/// `GET /taskferry/v1/account`: what the server knows of one account. The sync protocol alone can't tell an unknown, an
/// empty and an up-to-date account apart (all are 404).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// Whether it may be used.
    pub state: AccountState,
    /// The newest version; nil while the account is empty.
    pub latest_version_id: VersionId,
    /// How many versions are stored.
    pub versions: u64,
    /// Bytes in all of them, without the snapshot.
    pub version_bytes: u64,
    /// When the account was created: seconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When the newest version was added, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_version_at: Option<i64>,
    /// The stored snapshot, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotInfo>,
    /// Bytes that the account may use, in versions and snapshot together; absent = no quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_bytes: Option<u64>,
    /// Versions that the account may store; absent = no quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_versions: Option<u64>,
    /// The server's [`ServerInfo::epoch`].
    pub epoch: String,
}

impl AccountInfo {
    /// Whether nothing was ever stored in it.
    pub const fn is_empty(&self) -> bool {
        self.latest_version_id.is_nil() && self.snapshot.is_none()
    }
}

/// `DELETE /taskferry/v1/account`: the account is deleted, and until then its server's operator can bring it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// When what it stored is erased: seconds since 1970-01-01 UTC.
    pub erase_at: i64,
}

/// `POST /taskferry/v1/register`, the optional body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// The invite's code, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
}

/// A refusal, as `application/problem+json` (RFC 9457). Stock Taskwarrior shows only the status line; the wizard shows
/// `detail` and `hint`, and decides by `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status, repeated.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// A stable name for this kind of refusal, such as `client_id_missing`.
    pub code: String,
    /// A sentence: what was wrong.
    pub detail: String,
    /// A sentence: what mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_newer_server_is_still_understood() {
        let info: ServerInfo = serde_json::from_str(
            r#"{"name":"taskferry-server","version":"9.0.0","registration":"by-moonlight","colour":"blue",
                "limits":{"version_bytes":1,"snapshot_bytes":2,"songs":3},"features":["pair"],"epoch":"e"}"#,
        )
        .unwrap();
        assert_eq!(info.registration, Registration::Unknown);
    }

    #[test]
    fn an_account_is_empty_only_without_versions_and_snapshot() {
        let empty: AccountInfo = serde_json::from_str(
            r#"{"state":"active","latest_version_id":"00000000-0000-0000-0000-000000000000","versions":0,
                "version_bytes":0,"created_at":0,"epoch":"e"}"#,
        )
        .unwrap();
        assert!(empty.is_empty());
        let used = AccountInfo { latest_version_id: VersionId::from_uuid(uuid::Uuid::from_u128(1)), ..empty };
        assert!(!used.is_empty());
    }
}
