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
    redact(&text, &private(world)).trim_end().to_owned()
}

/// What is known to be somebody's, and what stands there instead; what contains others comes first.
fn private(world: &World<'_>) -> Vec<(String, &'static str)> {
    let mut private = Vec::new();
    if let Some(url) = world.public_url() {
        private.push((url.to_string(), "[public-address]"));
        private.push((url.host().to_owned(), "[host]"));
    }
    if let Ok(directory) = world.data_dir() {
        private.push((directory.display().to_string(), "[data-directory]"));
    }
    private
}

fn redact(text: &str, private: &[(String, &'static str)]) -> String {
    let whole = private.iter().fold(text.to_owned(), |text, (private, instead)| {
        // A root directory, or a host of one letter, would tear words apart, and identifies nobody.
        if private.chars().count() < 2 { text } else { text.replace(private.as_str(), instead) }
    });
    whole.split(' ').map(word).collect::<Vec<_>>().join(" ")
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
    } else if core.contains("://") {
        Some("[address]")
    } else if is_address(core) || core.split(['/', ',']).any(is_address) {
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
        let private = [
            ("https://tasks.example.org".to_owned(), "[public-address]"),
            ("tasks.example.org".to_owned(), "[host]"),
            ("/srv/data".to_owned(), "[data-directory]"),
        ];
        for (text, redacted) in [
            ("`https://tasks.example.org` leads here", "`[public-address]` leads here"),
            ("certificate of tasks.example.org: bad", "certificate of [host]: bad"),
            ("`/srv/data`, on ext4", "`[data-directory]`, on ext4"),
            ("`/srv/data/backups`, `s3://bucket/ada`", "`[data-directory]`, `[address]`"),
            ("`/home/ada/x`: gone", "`[path]`: gone"),
            ("ready at 127.0.0.1:8080", "ready at [address]"),
            ("account 84f251767481: its chain", "account [account]: its chain"),
            ("`7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10`, here", "`[id]`, here"),
            ("`taskferry-20261123T054201.123Z`, 3 days ago", "`taskferry-20261123T054201.123Z`, 3 days ago"),
            ("1.4 ms (2.0 ms at most, of 20)", "1.4 ms (2.0 ms at most, of 20)"),
        ] {
            assert_eq!(redact(text, &private), redacted);
        }
    }
}
