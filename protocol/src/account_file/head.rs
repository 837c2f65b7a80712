//! An account file's second line: whose account, and how much of it follows.

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, VersionId};

/// What is known of the account before its records. Readers ignore fields that they don't know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The account's ID: a credential.
    #[serde(with = "exposed")]
    pub client_id: ClientId,
    /// The epoch of the server on which it was, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_epoch: Option<String>,
    /// When the file was made: seconds since 1970-01-01 UTC.
    pub exported_at: i64,
    /// When the account was created, in the same unit, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// The newest version; nil if the account is empty.
    pub latest_version_id: VersionId,
    /// How many versions follow.
    pub versions: u64,
    /// Bytes in their bodies.
    pub version_bytes: u64,
    /// Bytes in the snapshot's body; 0 if there is none.
    pub snapshot_bytes: u64,
}

/// A client ID in full: this is one of the few places where it is meant.
mod exposed {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::ids::ClientId;

    pub(super) fn serialize<S: Serializer>(id: &ClientId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&id.expose().as_hyphenated())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClientId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
