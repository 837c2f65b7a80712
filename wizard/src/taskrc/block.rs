//! Our lines in a taskrc: between two markers, so that they can be found, replaced and taken out again.

use std::path::Path;

use zeroize::Zeroizing;

use super::keys;
use super::value::{BadValue, Value};
use crate::credentials::Credentials;
use crate::error::Explain;

/// First line of the block. What follows the name may change between versions; [`super::edit`] looks only at
/// [`BEGIN_MARK`].
const BEGIN: &str = "# >>> taskferry: sync settings; `taskferry share` shows them >>>";
const END: &str = "# <<< taskferry <<<";
/// How a first line is recognised.
pub const BEGIN_MARK: &[u8] = b"# >>> taskferry";
/// How a last line is recognised.
pub const END_MARK: &[u8] = b"# <<< taskferry";

/// The lines that go into a taskrc.
#[derive(Clone, PartialEq, Eq)]
pub struct Block(Lines);

#[derive(Clone, PartialEq, Eq)]
enum Lines {
    Settings { account: [(&'static str, Value); 3], recurrence_off: bool },
    Include(String),
}

/// Why credentials or a path can't be written to a taskrc.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` can't be written to Taskwarrior's configuration")]
pub struct BadBlock {
    key: &'static str,
    #[source]
    why: BadValue,
}

impl Explain for BadBlock {
    fn hint(&self) -> Option<String> {
        let hint = match self.key {
            keys::SECRET => "this account needs a secret of letters and digits: make a new one with `taskferry setup`",
            INCLUDE => "set `XDG_CONFIG_HOME` to a folder whose path has only letters, digits, `/`, `-`, `_` and `.`",
            _ => return None,
        };
        Some(hint.into())
    }
}

const INCLUDE: &str = "include";

impl Block {
    /// The three settings. `url_key` is [`keys::URL`], or [`keys::ORIGIN`] for Taskwarrior 3.0.
    pub fn settings(credentials: &Credentials, url_key: &'static str) -> Result<Self, BadBlock> {
        let id = Zeroizing::new(credentials.client_id.expose().to_string());
        let value = |key, text: &str| Ok((key, Value::parse(text).map_err(|why| BadBlock { key, why })?));
        let account = [
            value(url_key, &credentials.server.for_taskrc())?,
            value(keys::CLIENT_ID, &id)?,
            value(keys::SECRET, credentials.secret.expose())?,
        ];
        Ok(Self(Lines::Settings { account, recurrence_off: false }))
    }

    /// The same settings, and recurring tasks are left to another computer.
    #[must_use]
    pub fn without_recurrence(self) -> Self {
        match self.0 {
            Lines::Settings { account, .. } => Self(Lines::Settings { account, recurrence_off: true }),
            include @ Lines::Include(_) => Self(include),
        }
    }

    /// A reference to a private file. `shown` is its path as it stands in the file, perhaps with `~` for the home: a
    /// taskrc that is shared between computers then fits them all.
    pub fn include(path: &Path, shown: &str) -> Result<Self, BadBlock> {
        let bad = |why| BadBlock { key: INCLUDE, why };
        let path = path.display().to_string();
        // Taskwarrior takes a line with `=` for a setting, whatever it begins with.
        if path.contains('=') {
            return Err(bad(BadValue::Interpreted('=')));
        }
        Value::parse(&path).map_err(bad)?;
        Ok(Self(Lines::Include(shown.to_owned())))
    }

    /// The account's settings as lines, without markers: what `taskferry share --text` prints. Empty for an include.
    pub fn setting_lines(&self) -> Zeroizing<String> {
        match &self.0 {
            Lines::Settings { account, .. } => Zeroizing::new(
                account.iter().flat_map(|(key, value)| [*key, "=", value.as_str(), "\n"]).collect::<String>(),
            ),
            Lines::Include(_) => Zeroizing::default(),
        }
    }

    /// The whole block with `line_end` after every line.
    pub fn to_bytes(&self, line_end: &[u8]) -> Zeroizing<Vec<u8>> {
        let body = match &self.0 {
            Lines::Settings { recurrence_off: false, .. } => self.setting_lines(),
            Lines::Settings { recurrence_off: true, .. } => {
                Zeroizing::new([self.setting_lines().as_str(), keys::RECURRENCE, "=off\n"].concat())
            }
            Lines::Include(path) => Zeroizing::new(format!("include {path}\n")),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(BEGIN.len() + body.len() + END.len() + 16));
        for line in std::iter::once(BEGIN).chain(body.lines()).chain(std::iter::once(END)) {
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(line_end);
        }
        bytes
    }
}
