//! A report for a bug report: everything that helps, and nothing that identifies. What is somebody's is replaced by a name for
//! what it was, whatever sentence it stands in.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::account_hash::AccountHash;
use crate::checks::World;
use crate::checks::runner::Findings;

/// The report, as text.
pub(super) fn report(world: &World<'_>, findings: &Findings) -> String {
    let mut text = format!(
        "taskferry-server {} on {} ({})\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    for (name, finding) in findings {
        let _ = writeln!(text, "{:<8} {name}: {}", finding.outcome.word(), finding.sentence);
    }
    let url = world.public_url();
    let private = Private {
        url: url.as_ref().map(ToString::to_string),
        host: url.as_ref().map(|url| url.host().to_owned()),
        directory: world.data_dir().ok().map(|directory| directory.display().to_string()),
    };
    private.redact(&text).trim_end().to_owned()
}

/// What is known to be somebody's.
#[derive(Debug, Default)]
struct Private {
    url: Option<String>,
    host: Option<String>,
    directory: Option<String>,
}

impl Private {
    fn redact(&self, text: &str) -> String {
        let whole = replace(text, self.url.as_deref(), "[public-address]");
        let whole = replace(&whole, self.directory.as_deref(), "[data-directory]");
        let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
        let words = whole.split('\n').map(line).collect::<Vec<_>>().join("\n");
        // Last: it may be a part of others.
        replace(&words, self.host.as_deref(), "[host]")
    }
}

fn replace(text: &str, private: Option<&str>, instead: &str) -> String {
    match private {
        // A root directory, or a host of one letter, would tear words apart, and identifies nobody.
        Some(private) if private.chars().count() > 1 => text.replace(private, instead),
        _ => text.to_owned(),
    }
}

/// One word, unless it is something that identifies and nobody foresaw.
fn word(word: &str) -> String {
    let core = word.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '[' | ']' | '~')));
    let stands_for = stands_for(core);
    stands_for.map_or_else(|| word.to_owned(), |instead| word.replace(core, instead))
}

fn stands_for(core: &str) -> Option<&'static str> {
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok();
    let hex = |text: &str| text.len() == AccountHash::DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if core.split(|c: char| !(c.is_ascii_hexdigit() || c == '-')).any(|part| uuid::Uuid::try_parse(part).is_ok()) {
        Some("[id]")
    } else if core.contains("://") || is_address(core) || core.split(['/', ',']).any(is_address) {
        Some("[address]")
    } else if core.starts_with("[data-directory]") {
        Some("[data-directory]")
    } else if (core.starts_with('/') || core.starts_with("~/")) && core.len() > 1 {
        Some("[path]")
    } else if hex(core) {
        Some("[account]")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_somebodys_goes_wherever_it_stands() {
        let private = Private {
            url: Some("https://tasks.example.org".into()),
            host: Some("tasks.example.org".into()),
            directory: Some("/srv/data".into()),
        };
        for (text, redacted) in [
            ("`https://tasks.example.org` leads here", "`[public-address]` leads here"),
            ("certificate of tasks.example.org: bad", "certificate of [host]: bad"),
            ("`/srv/data`, on ext4", "`[data-directory]`, on ext4"),
            ("`/srv/data/backups`, `s3://bucket/ada`", "`[data-directory]`, `[address]`"),
            ("ready at tasks.example.org:8080", "ready at [host]:8080"),
            ("`/home/ada/x`: gone", "`[path]`: gone"),
            ("ready at 127.0.0.1:8080\nok", "ready at [address]\nok"),
            ("account 84f251767481: its chain", "account [account]: its chain"),
            ("`7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10`, here", "`[id]`, here"),
            ("`taskferry-20261123T054201.123Z`, 3 days ago", "`taskferry-20261123T054201.123Z`, 3 days ago"),
            ("1.4 ms (2.0 ms at most, of 20)", "1.4 ms (2.0 ms at most, of 20)"),
        ] {
            assert_eq!(private.redact(text), redacted);
        }
    }
}
