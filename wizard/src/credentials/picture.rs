//! Reads credentials from the QR codes in a picture, which may show other codes too: a shop's, or the same link twice.

use std::path::{Path, PathBuf};

use super::decode::{DecodeError, Decoded, decode};
use crate::error::Explain;
use crate::qr::scan::{self, ScanError};

/// What was read.
#[derive(Debug)]
pub struct Pictured {
    /// The credentials.
    pub decoded: Decoded,
    /// Which of the codes held them, counted from 1 in the order in which they were found.
    pub number: usize,
    /// How many codes are in the picture.
    pub count: usize,
}

/// Why no credentials could be read from a picture.
#[derive(Debug, thiserror::Error)]
pub enum PicturedError {
    /// No codes were found.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A code that is meant for us, but does not hold.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Codes of something else.
    #[error("{} in `{}` is a setup link", none_of(*.count), path.display())]
    NotOurs {
        /// The picture.
        path: PathBuf,
        /// How many codes are in it.
        count: usize,
    },
    /// More than one account, and nobody can tell which is meant.
    #[error("`{}` shows the setup links of {count} accounts", path.display())]
    Several {
        /// The picture.
        path: PathBuf,
        /// How many accounts.
        count: usize,
    },
}

fn none_of(count: usize) -> String {
    if count == 1 { "no QR code".into() } else { format!("none of the {count} QR codes") }
}

impl Explain for PicturedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Scan(error) => error.hint(),
            Self::Decode(error) => error.hint(),
            Self::NotOurs { .. } => {
                Some("run `taskferry share --qr` on the first computer, and take a picture of that".into())
            }
            Self::Several { .. } => Some("cut the picture so that only one of them is left".into()),
        }
    }
}

/// Reads the credentials in a picture.
pub fn read(path: &Path) -> Result<Pictured, PicturedError> {
    let texts = scan::file(path)?;
    let count = texts.len();
    let (mut ours, mut flaw): (Vec<Pictured>, _) = (Vec::new(), None);
    for (number, text) in (1..).zip(&texts) {
        match decode(text) {
            Ok(decoded) if ours.iter().any(|other| other.decoded == decoded) => {}
            Ok(decoded) => ours.push(Pictured { decoded, number, count }),
            // Another code, of no interest.
            Err(DecodeError::Unrecognised) => {}
            Err(error) => flaw = flaw.or(Some(error)),
        }
    }
    if ours.len() > 1 {
        return Err(PicturedError::Several { path: path.into(), count: ours.len() });
    }
    match (ours.pop(), flaw) {
        (Some(one), _) => Ok(one),
        (None, Some(flaw)) => Err(flaw.into()),
        (None, None) => Err(PicturedError::NotOurs { path: path.into(), count }),
    }
}
