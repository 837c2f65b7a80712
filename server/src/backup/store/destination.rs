//! Where backups go, as it is written: a folder's path, or `s3://BUCKET/PREFIX`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::folder::Folder;
use super::{Shelf, StoreError};

const SCHEME: &str = "s3://";

/// A place for backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of an S3-compatible service.
    Bucket {
        /// The bucket.
        bucket: String,
        /// What all names in it begin with; empty, or without slashes at its ends.
        prefix: String,
    },
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix(SCHEME) else {
            // A mistyped scheme must not become a folder of that name.
            let a_scheme = text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains('/'));
            let usable = !text.is_empty() && !a_scheme && !text.contains('\u{FFFD}');
            return if usable {
                Ok(Self::Folder(text.into()))
            } else {
                Err("a folder, or a bucket such as `s3://bucket/prefix`".to_owned())
            };
        };
        if !cfg!(feature = "s3") {
            return Err("possible with this build, which was made without the feature `s3`".to_owned());
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if bucket.is_empty() || !bucket.chars().all(plain) {
            return Err("a bucket such as `s3://bucket/prefix`".to_owned());
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "{SCHEME}{bucket}"),
            Self::Bucket { bucket, prefix } => write!(f, "{SCHEME}{bucket}/{prefix}"),
        }
    }
}

impl Destination {
    /// Its folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Bucket { .. } => None,
        }
    }

    /// The backups there; a folder leaves `floor` of its volume (see [`Room`](crate::backup::room::Room)).
    pub fn shelf(&self, access: &BucketAccess, floor: Option<u64>) -> Result<Shelf, StoreError> {
        let store: Box<dyn super::Store> = match self {
            Self::Folder(path) => Box::new(Folder::new(path.clone(), floor)),
            #[cfg(feature = "s3")]
            Self::Bucket { bucket, prefix } => Box::new(super::bucket::Bucket::open(bucket, prefix, access)?),
            #[cfg(not(feature = "s3"))]
            Self::Bucket { .. } => {
                let _ = access;
                return Err(StoreError::new("use", self.to_string(), "this build was made without the feature `s3`"));
            }
        };
        Ok(Shelf::new(self.clone(), store))
    }
}

/// How buckets are reached: the variables `AWS_…` of the environment, by the names that other programs use too
/// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …). Some are secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketAccess {
    variables: Vec<(String, String)>,
    part_bytes: u64,
}

/// Files up to this go up to a bucket in one request; larger ones in parts of this size.
pub const DEFAULT_PART_BYTES: u64 = 8 << 20;

impl Default for BucketAccess {
    fn default() -> Self {
        Self { variables: Vec::new(), part_bytes: DEFAULT_PART_BYTES }
    }
}

impl BucketAccess {
    /// From variables; those of other names are ignored.
    pub fn from_variables<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let ours = variables.filter(|(name, _)| name.starts_with("AWS_"));
        let variables = ours.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { variables, ..Self::default() }
    }

    /// Sends large files in parts of this size.
    #[must_use]
    pub fn in_parts_of(self, part_bytes: u64) -> Self {
        Self { part_bytes, ..self }
    }

    /// The size of parts.
    #[cfg(feature = "s3")]
    pub(super) const fn part_bytes(&self) -> u64 {
        self.part_bytes
    }

    /// Names in lower case, and values.
    #[cfg(feature = "s3")]
    pub(super) fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for BucketAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BucketAccess(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_buckets_are_told_apart_and_written_in_one_way() {
        for (text, written) in [
            ("/var/backups", "/var/backups"),
            ("relative/folder", "relative/folder"),
            #[cfg(feature = "s3")]
            ("s3://bucket", "s3://bucket"),
            #[cfg(feature = "s3")]
            ("s3://my.bucket/a/b/", "s3://my.bucket/a/b"),
        ] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), written);
        }
        for text in ["", "s3://", "s3:///x", "s3://a b/x", "gs://bucket", "https://example.org/x"] {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_do_not_print_themselves() {
        let access = BucketAccess::from_variables([("AWS_SECRET_ACCESS_KEY", "hush"), ("HOME", "/")].into_iter());
        assert_eq!(format!("{access:?}"), "BucketAccess(…)");
        assert_eq!(access.variables.len(), 1);
    }
}
