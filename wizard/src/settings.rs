//! The program's own settings: `config.toml` in its configuration folder. Only what a person wrote there by hand, or what may be
//! public; the encryption secret never is in it.

use std::io::{self, Read as _};
use std::path::PathBuf;

use serde::Deserialize;

use crate::context::Context;
use crate::error::{Exit, Explain};
use crate::terminal::printable;

/// Bytes of the file; a usual one has a hundred.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What stands in the file. Unknown keys may be of a later version, and are left alone.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// The address of cloud sync; see [`crate::cloud`].
    pub cloud: Option<String>,
}

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It is there, but can't be read.
    #[error("could not read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// It is no TOML, or a value is of the wrong kind.
    #[error("could not understand `{}` (line {line})", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// Why.
        #[source]
        why: Reason,
    },
}

/// What the parser says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Reason(String);

impl Explain for SettingsError {
    fn hint(&self) -> Option<String> {
        Some("correct the file, or move it away; then run the same command again".into())
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Settings {
    /// Reads the file of this world; without one, nothing is set.
    pub fn read(context: &Context) -> Result<Self, SettingsError> {
        let path = context.our_config_dir().join("config.toml");
        let mut text = String::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
        match read {
            Ok(_) => {}
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(why) => return Err(SettingsError::Unreadable { path, why }),
        }
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            SettingsError::Malformed { path, line, why: Reason(printable(error.message())) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: Option<&str>) -> Result<Settings, SettingsError> {
        let home = tempfile::tempdir().unwrap();
        let context = Context::new([("HOME".into(), home.path().into())].into(), "/".into(), false).unwrap();
        if let Some(text) = text {
            std::fs::create_dir_all(context.our_config_dir()).unwrap();
            std::fs::write(context.our_config_dir().join("config.toml"), text).unwrap();
        }
        Settings::read(&context)
    }

    #[test]
    fn without_a_file_nothing_is_set_and_unknown_keys_are_left_alone() {
        assert_eq!(read(None).unwrap(), Settings::default());
        assert_eq!(read(Some("later = 1\ncloud = \"https://a.example\"")).unwrap().cloud.unwrap(), "https://a.example");
    }

    #[test]
    fn a_mistake_is_found_by_its_line() {
        assert!(matches!(read(Some("# mine\n\ncloud = 7")), Err(SettingsError::Malformed { line: 3, .. })));
        assert!(matches!(read(Some("cloud = ")), Err(SettingsError::Malformed { line: 1, .. })));
    }
}
