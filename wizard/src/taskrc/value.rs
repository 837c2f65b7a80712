//! What may stand behind a `=` in a taskrc: exactly what Taskwarrior reads back as it was written.
//!
//! Taskwarrior's configuration has no quoting. A line break would start another setting (`hooks.location` runs
//! programs), `#` cuts, `\` escapes, `$NAME` and a leading `~` expand, spaces around are trimmed, and quotes, though
//! literal there, are not in the shells and apps that people carry these lines to. So all of them are refused: an
//! escape would have to be understood alike by every version and every app.

use zeroize::Zeroizing;

/// A value that is safe in a taskrc. May be a secret, so it is wiped on drop and has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(Zeroizing<String>);

/// Why a text can't be a value. Says which character, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// Taskwarrior takes it for "not set".
    #[error("it is empty")]
    Empty,
    /// Trimmed by Taskwarrior.
    #[error("it begins or ends with a space")]
    SpaceAround,
    /// Line breaks and the like.
    #[error("it contains a control character")]
    ControlCharacter,
    /// Interpreted by Taskwarrior, or by a shell.
    #[error("it contains the character `{0}`, which Taskwarrior's configuration can't hold")]
    Interpreted(char),
}

impl Value {
    /// The only door.
    pub fn parse(text: &str) -> Result<Self, BadValue> {
        if text.is_empty() {
            return Err(BadValue::Empty);
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return Err(BadValue::ControlCharacter);
        }
        if text.trim() != text {
            return Err(BadValue::SpaceAround);
        }
        if text.starts_with('~') {
            return Err(BadValue::Interpreted('~'));
        }
        if let Some(bad) = text.chars().find(|c| matches!(c, '#' | '\\' | '$' | '\'' | '"' | '`')) {
            return Err(BadValue::Interpreted(bad));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The text, for the file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_taskwarrior_would_change_is_refused_with_its_reason() {
        let flaw = |text: &str| Value::parse(text).err();
        assert_eq!(flaw(""), Some(BadValue::Empty));
        assert_eq!(flaw(" a"), Some(BadValue::SpaceAround));
        assert_eq!(flaw("a\u{a0}"), Some(BadValue::SpaceAround));
        assert_eq!(flaw("a\nhooks.location=/tmp"), Some(BadValue::ControlCharacter));
        assert_eq!(flaw("a\r"), Some(BadValue::ControlCharacter));
        assert_eq!(flaw("~/a"), Some(BadValue::Interpreted('~')));
        for bad in ['#', '\\', '$', '\'', '"'] {
            assert_eq!(flaw(&format!("a{bad}b")), Some(BadValue::Interpreted(bad)));
        }
        assert_eq!(flaw("pass word=~/ü"), None);
    }
}
