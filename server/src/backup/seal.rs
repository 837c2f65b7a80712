//! Encryption of backups to a key that the server does not have: whoever takes the bucket, or the server's disk, can't read
//! them. The format is age's (<https://age-encryption.org/v1>), so that `age -d` opens them without this program.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::stop::Stop;

/// An age recipient (`age1…`): who can open a backup. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient(imp::Recipient);

impl FromStr for Recipient {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        imp::recipient(text).map(Self)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a sealed backup can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// The key was not given.
    #[error("the backup is encrypted, and its key was not given")]
    NoIdentity,
    /// The key's file.
    #[error("could not read the key in `{}`", .path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another key, or not whole.
    #[error("the backup can't be opened with this key, or it is damaged")]
    Sealed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This program was built without it.
    #[error("this build can't open encrypted backups")]
    NotBuilt,
}

impl UnsealError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoIdentity => Some("name the file with the age key with `--identity FILE`".into()),
            Self::Identity { .. } => Some("it is the file that `age-keygen -o FILE` wrote".into()),
            Self::Sealed(_) => Some("`backup verify` tells which of the two it is".into()),
            Self::NotBuilt => {
                Some("build with the feature `age`, which is in the default, or use `age -d` first".into())
            }
        }
    }
}

/// Encrypts all of `from`.
pub fn seal(recipients: &[Recipient], from: &mut dyn Read, to: &mut dyn Write, stop: &Stop) -> io::Result<()> {
    imp::seal(recipients, from, to, stop)
}

/// Decrypts all of `from` with the keys in the file `identity`.
pub fn unseal(
    identity: Option<&Path>,
    from: &mut dyn Read,
    to: &mut dyn Write,
    stop: &Stop,
) -> Result<(), UnsealError> {
    imp::unseal(identity.ok_or(UnsealError::NoIdentity)?, from, to, stop)
}

#[cfg(feature = "age")]
mod imp {
    use super::{Path, Read, Stop, UnsealError, Write, io};
    use crate::backup::digest::pump;

    pub(super) type Recipient = age::x25519::Recipient;

    pub(super) fn recipient(text: &str) -> Result<Recipient, &'static str> {
        text.parse().map_err(|_| "an age recipient, such as `age1…`")
    }

    pub(super) fn seal(
        recipients: &[super::Recipient],
        from: &mut dyn Read,
        to: &mut dyn Write,
        stop: &Stop,
    ) -> io::Result<()> {
        let recipients = recipients.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
        let age = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        let mut sealed = age.wrap_output(to)?;
        pump(from, &mut sealed, stop)?;
        sealed.finish().map(drop)
    }

    pub(super) fn unseal(
        identity: &Path,
        from: &mut dyn Read,
        to: &mut dyn Write,
        stop: &Stop,
    ) -> Result<(), UnsealError> {
        let unreadable = |cause| UnsealError::Identity { path: identity.to_owned(), cause };
        let file = fs_err::File::open(identity).map_err(|error| unreadable(error.into()))?;
        let keys =
            age::IdentityFile::from_buffer(io::BufReader::new(file)).map_err(|error| unreadable(error.into()))?;
        let keys = keys.into_identities().map_err(|error| unreadable(error.into()))?;
        let age = age::Decryptor::new(from).map_err(|error| UnsealError::Sealed(error.into()))?;
        let keys = keys.iter().map(|key| key.as_ref() as &dyn age::Identity);
        let mut opened = age.decrypt(keys).map_err(|error| UnsealError::Sealed(error.into()))?;
        pump(&mut opened, to, stop).map(drop).map_err(|error| UnsealError::Sealed(error.into()))
    }
}

#[cfg(not(feature = "age"))]
mod imp {
    use super::{Path, Read, Stop, UnsealError, Write, io};

    /// There are none.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) enum Recipient {}

    impl std::fmt::Display for Recipient {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match *self {}
        }
    }

    pub(super) fn recipient(_: &str) -> Result<Recipient, &'static str> {
        Err("possible with this build, which was made without the feature `age`")
    }

    pub(super) fn seal(_: &[super::Recipient], _: &mut dyn Read, _: &mut dyn Write, _: &Stop) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn unseal(_: &Path, _: &mut dyn Read, _: &mut dyn Write, _: &Stop) -> Result<(), UnsealError> {
        Err(UnsealError::NotBuilt)
    }
}

#[cfg(test)]
#[cfg(feature = "age")]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;

    fn key(dir: &Path, name: &str) -> (Recipient, PathBuf) {
        let key = age::x25519::Identity::generate();
        let file = dir.join(name);
        fs_err::write(&file, key.to_string().expose_secret()).unwrap();
        (key.to_public().to_string().parse().unwrap(), file)
    }

    #[test]
    fn only_the_key_that_it_was_sealed_to_opens_it() {
        let dir = tempfile::tempdir().unwrap();
        let ((ours, our_key), (_, other_key)) = (key(dir.path(), "ours"), key(dir.path(), "other"));
        let (body, mut sealed, mut opened) = (vec![7; 1_000_000], Vec::new(), Vec::new());
        seal(&[ours], &mut body.as_slice(), &mut sealed, &Stop::default()).unwrap();
        assert!(!sealed.windows(64).any(|window| window == [7; 64]));

        let open = |key: Option<&Path>, sealed: &[u8], opened: &mut Vec<u8>| {
            unseal(key, &mut &*sealed, opened, &Stop::default())
        };
        open(Some(&our_key), &sealed, &mut opened).unwrap();
        assert!(opened == body);
        let mut none = Vec::new();
        assert!(matches!(open(None, &sealed, &mut none), Err(UnsealError::NoIdentity)));
        assert!(matches!(open(Some(&other_key), &sealed, &mut none), Err(UnsealError::Sealed(_))));
        assert!(matches!(open(Some(&our_key), &sealed[..sealed.len() - 1], &mut none), Err(UnsealError::Sealed(_))));
        assert!(matches!(open(Some(&dir.path().join("none")), &sealed, &mut none), Err(UnsealError::Identity { .. })));
    }

    #[test]
    fn what_is_no_recipient_is_refused() {
        assert_eq!("age1qqq".parse::<Recipient>(), Err("an age recipient, such as `age1…`"));
    }
}
