//! A report for a bug report: everything that helps, and nothing that identifies. What is secret or personal is replaced by
//! a name for what it was, whatever sentence it stands in.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::checks::{Finding, Outcome, World};
use crate::flow::checking::Findings;

/// The report, as text.
pub fn report(world: &World<'_>, findings: &Findings) -> String {
    let mut text =
        format!("taskferry {} on {} ({})\n", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    for (name, Finding { outcome, sentence, .. }) in findings {
        let found = match outcome {
            Outcome::Ok => "ok",
            Outcome::Warning => "warning",
            Outcome::Problem => "problem",
            Outcome::Skipped => "skipped",
        };
        let _ = writeln!(text, "{found:<8} {name}: {sentence}");
    }
    redact(&text, &private(world)).trim_end().to_owned()
}

/// What must not stand in a report, and what stands there instead; what contains others comes first.
fn private(world: &World<'_>) -> Vec<(String, &'static str)> {
    let mut private = Vec::new();
    if let Ok(Some(account)) = &world.account {
        private.push((account.secret.expose().to_owned(), "[secret]"));
        private.push((account.client_id.expose().to_string(), "[account]"));
        private.push((account.client_id.short(), "[account]"));
        private.push((account.server.to_string(), "[server]"));
        private.push((account.server.host().to_owned(), "[host]"));
    }
    private.push((world.context.home().display().to_string(), "~"));
    for name in ["USER", "LOGNAME"] {
        if let Some(user) = world.context.var(name) {
            private.push((user.to_string_lossy().into_owned(), "[user]"));
        }
    }
    private
}

fn redact(text: &str, private: &[(String, &'static str)]) -> String {
    let whole = private.iter().fold(text.to_owned(), |text, (private, instead)| {
        // A name of one letter would tear words apart, and identifies nobody.
        if private.chars().count() < 2 { text } else { text.replace(private.as_str(), instead) }
    });
    let lines = whole.lines().map(|line| line.split(' ').map(nameless).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// A word, unless it has a UUID in it, of a version or of an account that nobody foresaw; or the address of a machine, the server's
/// above all. That of every machine itself identifies none.
fn nameless(word: &str) -> &str {
    let is_uuid = |part: &str| uuid::Uuid::try_parse(part).is_ok();
    let is_address = |part: &str| part.parse().is_ok_and(|address: IpAddr| !address.is_loopback());
    if word.split(|c: char| !(c.is_ascii_hexdigit() || c == '-')).any(is_uuid) {
        "[id]"
    } else if word.split(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':'))).any(is_address) {
        "[address]"
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_goes_wherever_it_stands() {
        let private =
            [("https://a.example".into(), "[server]"), ("a.example".into(), "[host]"), ("a".into(), "[user]")];
        assert_eq!(
            redact("`https://a.example/x` and a.example: 7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10, a", &private),
            "`[server]/x` and [host]: [id] a"
        );
    }

    #[test]
    fn the_address_of_a_machine_goes_and_that_of_every_machine_stays() {
        assert_eq!(
            redact("is 203.0.113.7 and 1 more\n`2001:db8::7` 0.1.0\n127.0.0.1 3.5.0", &[]),
            "is [address] and 1 more\n[address] 0.1.0\n127.0.0.1 3.5.0"
        );
    }
}
