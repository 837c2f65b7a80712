//! A report for a bug report: everything that helps, and nothing that identifies. What is secret or personal is replaced by
//! a name for what it was, whatever sentence it stands in. The name of a person or of a machine may be a word of ours, too
//! (`sync`, `home`): that goes where it stands as a name does, in a path, an address or quotes.

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

/// What must not stand in a report, and what stands there instead.
struct Private {
    text: String,
    instead: &'static str,
    /// Whether it may be an ordinary word, too.
    is_name: bool,
}

/// All of it; what contains others comes first.
fn private(world: &World<'_>) -> Vec<Private> {
    let anywhere = |text: String, instead| Private { text, instead, is_name: false };
    let name = |text: String, instead| Private { text, instead, is_name: true };
    let mut private = Vec::new();
    if let Ok(Some(account)) = &world.account {
        private.push(anywhere(account.secret.expose().to_owned(), "[secret]"));
        private.push(anywhere(account.client_id.expose().to_string(), "[account]"));
        private.push(anywhere(account.client_id.short(), "[account]"));
        private.push(anywhere(account.server.to_string(), "[server]"));
        let host = account.server.host().to_owned();
        private.push(if host.contains('.') { anywhere(host, "[host]") } else { name(host, "[host]") });
    }
    private.push(anywhere(world.context.home().display().to_string(), "~"));
    for variable in ["USER", "LOGNAME"] {
        private.extend(world.context.var(variable).map(|user| name(user.to_string_lossy().into_owned(), "[user]")));
    }
    private
}

fn redact(text: &str, private: &[Private]) -> String {
    let whole = private.iter().fold(text.to_owned(), |text, Private { text: private, instead, is_name }| {
        match private.chars().count() {
            // A name of one letter would tear words apart, and identifies nobody.
            0 | 1 => text,
            _ if *is_name => without_name(&text, private, instead),
            _ => text.replace(private.as_str(), instead),
        }
    });
    let lines = whole.lines().map(|line| line.split(' ').map(nameless).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// The text without this name, where it is one.
fn without_name(text: &str, name: &str, instead: &str) -> String {
    let is_within_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let marks_name = |c: char| matches!(c, '/' | '\\' | '@' | '\'' | '"');
    let (mut named, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(name) {
        let (before, behind) = (&rest[..at], &rest[at + name.len()..]);
        let last = before.chars().next_back().or_else(|| named.chars().next_back());
        let (last, next) = (last.unwrap_or(' '), behind.chars().next().unwrap_or(' '));
        let is_word = !is_within_word(last) && !is_within_word(next);
        let is_name = is_word && (marks_name(last) || marks_name(next) || (last, next) == ('`', '`'));
        named.push_str(before);
        named.push_str(if is_name { instead } else { name });
        rest = behind;
    }
    named + rest
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
        let anywhere = |text: &str, instead| Private { text: text.into(), instead, is_name: false };
        let private =
            [anywhere("https://a.example", "[server]"), anywhere("a.example", "[host]"), anywhere("a", "[user]")];
        assert_eq!(
            redact("`https://a.example/x` and a.example: 7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10, a", &private),
            "`[server]/x` and [host]: [id] a"
        );
    }

    #[test]
    fn a_name_that_is_a_word_of_ours_too_goes_only_where_it_stands_as_a_name() {
        let name = |text: &str, instead| Private { text: text.into(), instead, is_name: true };
        let private = [name("home", "[host]"), name("sync", "[user]")];
        assert_eq!(
            redact("sync server: async `/media/sync/x`, 'sync', sync@home, `home`, `task sync`, at home", &private),
            "sync server: async `/media/[user]/x`, '[user]', [user]@[host], `[host]`, `task sync`, at home"
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
