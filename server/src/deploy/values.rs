//! What an answer may be. Each value has one door, its `FromStr`, whose error ends the sentence "`x` is not …"; what came
//! through it can stand in TOML, TypeScript, YAML, a Caddyfile and a shell without quoting.

use std::fmt;
use std::str::FromStr;

use taskferry_protocol::describe::Registration;

/// The name of an app or project: 2 to 30 lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if (2..=30).contains(&text.len()) && is_label(text) {
            return Ok(Self(text.to_owned()));
        }
        Err("a name of 2 to 30 lower-case letters, digits and hyphens, such as `our-tasks`".to_owned())
    }
}

/// A platform's name for a region. Which ones exist, only the platform knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region(String);

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if (2..=40).contains(&text.len()) && is_label(text) {
            return Ok(Self(text.to_owned()));
        }
        Err("a region's short name, in lower case".to_owned())
    }
}

/// A domain name for which a public certificate can be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_lowercase();
        let labels: Vec<&str> = text.split('.').collect();
        let is_address = labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if text.len() <= 253 && labels.len() >= 2 && labels.iter().all(|label| is_label(label)) && !is_address {
            return Ok(Self(text));
        }
        Err("a domain name without `https://` and path, such as `sync.example.org`".to_owned())
    }
}

/// A reference to a container image, such as `ghcr.io/owner/taskferry-server:0.1.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(String);

impl FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@');
        if (1..=255).contains(&text.len())
            && text.chars().all(plain)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            return Ok(Self(text.to_owned()));
        }
        Err("the name of an image, such as `registry.example.org/taskferry-server:0.1.0`".to_owned())
    }
}

/// Megabytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(u32);

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        in_range(text, 128, 65_536).map(Self).ok_or_else(|| "a number of megabytes from 128 to 65536".to_owned())
    }
}

/// Gigabytes of disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk(u32);

impl Disk {
    /// The same in megabytes of 2^20 bytes.
    pub const fn megabytes(self) -> u32 {
        self.0 * 1024
    }
}

impl FromStr for Disk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        in_range(text, 1, 500).map(Self).ok_or_else(|| "a number of gigabytes from 1 to 500".to_owned())
    }
}

/// Who may create an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy(Registration);

impl Policy {
    /// As the server's setting has it.
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            Registration::Invite => "invite",
            Registration::Closed => "closed",
            Registration::Open | Registration::Unknown => "open",
        }
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "open" => Ok(Self(Registration::Open)),
            "invite" => Ok(Self(Registration::Invite)),
            "closed" => Ok(Self(Registration::Closed)),
            _ => Err("open, invite or closed".to_owned()),
        }
    }
}

macro_rules! shown_as_given {
    ($($value:ty),*) => {$(
        impl fmt::Display for $value {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

shown_as_given!(Name, Region, Domain, Image, Memory, Disk);

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A label of a domain name: up to 63 lower-case letters, digits and hyphens, no hyphen at either end.
fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}

fn in_range(text: &str, least: u32, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_platforms_take() {
        for good in ["our-tasks", "t2", "0"].map(|name| format!("{name}x")) {
            assert_eq!(good.parse::<Name>().unwrap().to_string(), good);
        }
        for bad in ["", "t", "-tasks", "tasks-", "Tasks", "our tasks", "a\"b", "a\nb", "a.b", &"t".repeat(31)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_domain_is_a_name_that_a_certificate_can_be_issued_for() {
        assert_eq!("Sync.Example.org".parse::<Domain>().unwrap().to_string(), "sync.example.org");
        let bad =
            ["", "localhost", "https://a.example", "a.example/sync", "a..example", "203.0.113.7", "a.example:8080"];
        for bad in bad.into_iter().chain(["$(reboot).example", "a.example}"]) {
            assert!(bad.parse::<Domain>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_image_name_ends_no_string_and_no_command() {
        for good in ["taskferry-server:latest", "ghcr.io/o/r@sha256:0f", "localhost:5000/x"] {
            assert!(good.parse::<Image>().is_ok(), "{good}");
        }
        for bad in ["", "-v", "a b", "a\"", "a'", "a;b", "a$b", "a\nb"] {
            assert!(bad.parse::<Image>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_have_limits() {
        assert!("128".parse::<Memory>().is_ok() && "127".parse::<Memory>().is_err());
        assert!("0".parse::<Disk>().is_err() && "501".parse::<Disk>().is_err() && "1 GB".parse::<Disk>().is_err());
        assert_eq!("500".parse::<Disk>().unwrap().megabytes(), 512_000);
    }
}
