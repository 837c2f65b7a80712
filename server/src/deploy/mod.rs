//! Getting the server onto a machine: answers become files and commands, and in the end somebody looks whether it works.
//!
//! | module | holds |
//! |---|---|
//! | [`questions`] | an answer from a flag, from a person, or by default |
//! | [`values`] | what an answer may be |
//! | [`template`] | the repository's own deployment files, and how values get into them |
//! | [`fly`], [`railway`], [`compose`], [`systemd`] | one platform each: answers in, [`Deployment`] out |
//! | [`machine`] | what a Linux machine has already |
//! | [`folder`] | writes the files, and overwrites nothing |
//! | [`readiness`] | waits until the server answers |
//!
//! Nothing here is secret, and nothing is sent to a platform: whoever deploys types the commands, and sees what they do.

pub mod compose;
pub mod fly;
pub mod folder;
pub mod machine;
pub mod questions;
pub mod railway;
pub mod readiness;
pub mod systemd;
pub mod template;
pub mod values;

use std::path::Path;

/// All that a platform needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// To be written.
    pub files: Vec<File>,
    /// To be typed, in this order.
    pub steps: Vec<Step>,
}

/// A file, by its path within the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Relative.
    pub path: &'static str,
    /// Its content.
    pub text: String,
}

/// A command, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In a few words, lower case.
    pub purpose: String,
    /// For a shell; several lines where several are typed.
    pub command: String,
}

impl Step {
    fn new(purpose: impl Into<String>, command: impl Into<String>) -> Self {
        Self { purpose: purpose.into(), command: command.into() }
    }
}

/// A path as it is typed into a shell.
fn shell_path(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@');
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_and_quotes_reaches_the_shell_whole() {
        assert_eq!(shell_path(Path::new("a/b.toml")), "a/b.toml");
        assert_eq!(shell_path(Path::new("Tom's files")), r"'Tom'\''s files'");
    }
}
