//! What is known of a backup without opening it, and how it is called.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::storage::UnixSeconds;

/// The manifest's format; a later one may add fields without a new number.
pub const FORMAT: u32 = 1;

const PREFIX: &str = "taskferry-";
const DATABASE: &str = ".sqlite3";
const SEALED: &str = ".sqlite3.age";
const MANIFEST: &str = ".json";
/// `20261123T054201.123Z`: sorts by time, and two backups in one second have two names.
const TIME: &str = "%Y%m%dT%H%M%S.%3fZ";

/// How a backup is called: after the moment at which it was begun. Also the stem of its files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct BackupName(String);

/// Not the name of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a backup, such as `taskferry-20261123T054201.123Z`")]
pub struct NotAName;

impl BackupName {
    /// Of a backup begun at `time`.
    pub fn at(time: Timestamp) -> Self {
        Self(format!("{PREFIX}{}", time.to_zoned(TimeZone::UTC).strftime(TIME)))
    }

    /// The name to which a file belongs, if it is a file of a backup.
    pub fn of_file(file: &str) -> Option<Self> {
        [SEALED, DATABASE, MANIFEST].iter().find_map(|suffix| file.strip_suffix(suffix))?.parse().ok()
    }

    /// Letters and digits of the time in it.
    pub fn stamp(&self) -> String {
        self.0[PREFIX.len()..].replace('.', "")
    }

    /// Its manifest's file.
    pub fn manifest_file(&self) -> String {
        format!("{self}{MANIFEST}")
    }

    /// Its database's file.
    pub fn database_file(&self, encryption: Option<Encryption>) -> String {
        let suffix = match encryption {
            None => DATABASE,
            Some(Encryption::Age) => SEALED,
        };
        format!("{self}{suffix}")
    }
}

impl FromStr for BackupName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        // Letter for letter, since it becomes a path. A time that does not exist is as good a name as any.
        const SHAPE: &str = "00000000T000000.000Z";
        let time = text.strip_prefix(PREFIX).ok_or(NotAName)?;
        let fits = |(c, shape): (char, char)| if shape == '0' { c.is_ascii_digit() } else { c == shape };
        let good = time.len() == SHAPE.len() && time.chars().zip(SHAPE.chars()).all(fits);
        if good { Ok(Self(text.to_owned())) } else { Err(NotAName) }
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How the database's file is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// <https://age-encryption.org/v1>, to one or more recipients.
    Age,
}

/// A backup's description. Stands beside it as JSON and holds no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The server's version that made it.
    pub server_version: String,
    /// The moment of which it is.
    pub created_at: UnixSeconds,
    /// The database's schema.
    pub schema: usize,
    /// The data's epoch.
    pub epoch: String,
    /// Accounts in it.
    pub accounts: u64,
    /// Versions in it.
    pub versions: u64,
    /// Snapshots in it.
    pub snapshots: u64,
    /// Size of the database.
    pub database_bytes: u64,
    /// Size of the file as it is kept.
    pub bytes: u64,
    /// SHA-256 of the file as it is kept, in hexadecimal digits.
    pub sha256: String,
    /// How the file is encrypted, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

/// The longest manifest that is read, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// A manifest that says nothing to this version.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not a manifest.
    #[error("its manifest is damaged")]
    Damaged(#[source] serde_json::Error),
    /// By a later version.
    #[error("it was made by a newer version (format {found}; this one knows {FORMAT})")]
    Newer {
        /// Its format.
        found: u32,
    },
}

impl Manifest {
    /// As it is kept.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// From what was kept.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(json).map_err(ManifestError::Damaged)?;
        if manifest.format > FORMAT { Err(ManifestError::Newer { found: manifest.format }) } else { Ok(manifest) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            server_version: "0.1.0".into(),
            created_at: 1_795_412_521,
            schema: 1,
            epoch: "e".into(),
            accounts: 2,
            versions: 3,
            snapshots: 1,
            database_bytes: 8192,
            bytes: 4,
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            encryption: None,
        }
    }

    #[test]
    fn names_sort_by_time_and_are_read_back() {
        let at = |ms| BackupName::at(Timestamp::from_millisecond(ms).unwrap());
        assert_eq!(at(1_795_412_521_007).to_string(), "taskferry-20261123T054201.007Z");
        assert_eq!(at(1_795_412_521_007).stamp(), "20261123T054201007Z");
        assert!(at(999) < at(1000) && at(1_795_412_521_007) < at(1_795_412_521_010));
        for file in [at(5).manifest_file(), at(5).database_file(None), at(5).database_file(Some(Encryption::Age))] {
            assert_eq!(BackupName::of_file(&file), Some(at(5)), "{file}");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_a_backup() {
        for file in [
            "taskferry.sqlite3",
            "taskferry-20261123T054201.123Z",
            "taskferry-20261123T054201.123Z.sqlite3.unfinished",
            "taskferry-../../../../etc/123Z.sqlite3",
            "notes-20261123T054201.123Z.json",
        ] {
            assert_eq!(BackupName::of_file(file), None, "{file}");
        }
    }

    #[test]
    fn a_manifest_comes_back_and_a_later_one_is_told_from_a_damaged_one() {
        let manifest = manifest();
        assert_eq!(Manifest::from_json(&manifest.to_json()).unwrap(), manifest);
        let later = Manifest { format: 9, ..manifest };
        assert!(matches!(Manifest::from_json(&later.to_json()), Err(ManifestError::Newer { found: 9 })));
        assert!(matches!(Manifest::from_json(b"{"), Err(ManifestError::Damaged(_))));
    }
}
