//! The two identifiers of the protocol, as types of their own: a client ID can't be passed where a version ID is
//! expected, and a client ID, which is a bearer credential, does not print itself by accident.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Text that is not a UUID in any usual spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct NotAUuid;

/// Accepts every usual spelling (hyphenated, plain, braced, `urn:uuid:`, any case), as the reference server does.
fn parse(text: &str) -> Result<Uuid, NotAUuid> {
    Uuid::try_parse(text).map_err(|_| NotAUuid)
}

/// The ID of an account: one task history on a server, shared by all devices of one person.
///
/// Whoever knows it may read and write the account's ciphertext, so it is a credential: `Debug` is redacted, there is no
/// `Display`, and [`ClientId::expose`] marks the few places where the full value is meant. It is also the salt of the
/// account's key derivation and can therefore never be changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Uuid);

impl ClientId {
    /// A fresh random ID (UUID v4, 122 random bits from the operating system).
    pub fn generate() -> Self {
        Self(Uuid::new_v4())
    }

    /// Wraps a UUID that came from storage or from the protocol's core.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The 16 bytes, as stored and as used for the salt.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The first 8 of its 32 digits: enough for its owner to recognise it, not enough to use it.
    pub fn short(&self) -> String {
        format!("{:08x}…", self.0.as_fields().0)
    }

    /// The full credential. Only for the wire, for storage, and where a person asked to see it.
    pub const fn expose(&self) -> Uuid {
        self.0
    }
}

impl FromStr for ClientId {
    type Err = NotAUuid;
    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        parse(text).map(Self)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientId(…)")
    }
}

/// The ID of one version in an account's chain. The server invents it; it is authenticated data of the next version's
/// ciphertext, so it survives every import, export and restore unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct VersionId(Uuid);

impl VersionId {
    /// "No version": the parent of an account's first version, and the latest version of an empty account.
    pub const NIL: Self = Self(Uuid::nil());

    /// Wraps a UUID that came from storage or from the protocol's core.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Whether this is [`VersionId::NIL`].
    pub const fn is_nil(&self) -> bool {
        self.0.is_nil()
    }

    /// The 16 bytes, as stored and as used for authenticated data.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The UUID, for the protocol's core.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl FromStr for VersionId {
    type Err = NotAUuid;
    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        parse(text).map(Self)
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_is_the_same_id() {
        let id: VersionId = "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab".parse().unwrap();
        for spelling in [
            "C5B2A1DE-4D3F-4B8E-9A6C-0123456789AB",
            "c5b2a1de4d3f4b8e9a6c0123456789ab",
            "{c5b2a1de-4d3f-4b8e-9a6c-0123456789ab}",
            "urn:uuid:c5b2a1de-4d3f-4b8e-9a6c-0123456789ab",
        ] {
            assert_eq!(spelling.parse::<VersionId>(), Ok(id), "{spelling}");
        }
        assert_eq!(id.to_string(), "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab");
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        for text in
            ["", " ", "c5b2a1de", "c5b2a1de-4d3f-4b8e-9a6c-0123456789ag", "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab "]
        {
            assert_eq!(text.parse::<ClientId>(), Err(NotAUuid), "{text:?}");
        }
    }

    #[test]
    fn a_client_id_does_not_print_itself() {
        let id = ClientId::generate();
        assert_eq!(format!("{id:?}"), "ClientId(…)");
    }
}
