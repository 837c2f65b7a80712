//! Reads credentials from whatever a person has at hand: a setup link, lines of a taskrc, `task config` commands, or the
//! JSON of an app. One decoder for all, so that nobody has to say which form it is.
//!
//! Liberal in what it reads, since people paste from mails and wikis; whether the values may be *written* is decided by
//! [`crate::taskrc`], which is strict.

use std::fmt;

use taskferry_protocol::ids::NotAUuid;
use taskferry_protocol::invite_link::InviteLink;
use taskferry_protocol::link::{BadLink, BadSecret, Slip};
use taskferry_protocol::server_url::BadServerUrl;
use zeroize::Zeroizing;

use super::{Credentials, Secret};
use crate::error::Explain;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The credentials.
    pub credentials: Credentials,
    /// Whether they came with a checksum, so that a typing error is ruled out. Only setup links have one.
    pub checked: bool,
}

/// One of the three things that make up credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Where the server is.
    Server,
    /// Which account.
    ClientId,
    /// What its tasks are sealed with.
    Secret,
}

impl Part {
    const ALL: [Self; 3] = [Self::Server, Self::ClientId, Self::Secret];

    /// Which part a key names. Taskwarrior's own keys, those that apps use, and with whatever separators and case.
    fn named(key: &str) -> Option<Self> {
        let key: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        match key.trim_start_matches("sync") {
            "serverurl" | "serverorigin" | "url" | "origin" | "server" => Some(Self::Server),
            "serverclientid" | "clientid" | "uuid" => Some(Self::ClientId),
            "encryptionsecret" | "secret" => Some(Self::Secret),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "the server (`sync.server.url`)",
            Self::ClientId => "the account's ID (`sync.server.client_id`)",
            Self::Secret => "the encryption secret (`sync.encryption_secret`)",
        })
    }
}

/// Why no credentials could be read. Carries a few characters of the text at most: half of a secret is still a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// An invite link, which is for somebody without an account.
    #[error("this is an invite link: it makes a new account, and brings no computer into one")]
    Invite,
    /// None of the known forms.
    #[error("this is neither a setup link nor sync settings")]
    Unrecognised,
    /// A link that does not hold.
    #[error("could not read the setup link")]
    Link {
        /// What is wrong with it.
        #[source]
        why: BadLink,
        /// Where: a few characters of the link, with the wrong ones in brackets.
        near: Option<String>,
    },
    /// Settings without one of the three parts.
    #[error("a part is missing: {0}")]
    Missing(Part),
    /// The server's address is none.
    #[error("the server's address can't be used")]
    Server(#[source] BadServerUrl),
    /// The account's ID is no UUID.
    #[error("the account's ID is mistyped or incomplete")]
    ClientId(#[source] NotAUuid),
    /// The secret can't be one.
    #[error("the encryption secret can't be used")]
    Secret(#[source] BadSecret),
}

impl DecodeError {
    /// Whether the rest may still be coming, as when several lines are pasted one after the other.
    pub fn is_unfinished(&self) -> bool {
        matches!(self, Self::Unrecognised | Self::Missing(_) | Self::Link { why: BadLink::CutOff, .. })
    }
}

impl Explain for DecodeError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Invite => "to make an account with it, run `taskferry setup --server LINK`\n\
                             to join another computer, run `taskferry share` there and copy the whole link"
                .into(),
            Self::Link { why: BadLink::UnknownFormat(_), .. } => "update taskferry on this computer".into(),
            Self::Link { near: Some(near), .. } => format!(
                "it is what stands in brackets: `{near}`\n\
                 correct it, or run `taskferry share` on the first computer and copy the whole link"
            ),
            Self::Link { .. } | Self::Unrecognised => {
                "run `taskferry share` on the first computer and copy the whole link".into()
            }
            Self::Missing(_) | Self::Server(_) | Self::ClientId(_) | Self::Secret(_) => {
                "run `taskferry share --text` on the first computer and copy all three lines".into()
            }
        })
    }
}

/// Reads credentials in any of the known forms.
pub fn decode(text: &str) -> Result<Decoded, DecodeError> {
    if Credentials::looks_like_one(text) {
        // In JSON a link stands between quotes, and no link has one.
        let quoted =
            text.split('"').find(|part| text.trim_start().starts_with('{') && Credentials::looks_like_one(part));
        return Ok(Decoded { credentials: link_within(quoted.unwrap_or(text))?, checked: true });
    }
    if InviteLink::looks_like_one(text) {
        return Err(DecodeError::Invite);
    }
    let parts = if text.trim_start().starts_with('{') { Parts::of_json(text) } else { Parts::of_lines(text) };
    Ok(Decoded { credentials: parts.assemble()?, checked: false })
}

/// The link in a text that may have words before and behind it, such as the whole output of `taskferry share`. A mail
/// program may have broken it into lines, so where it ends is found by trying.
fn link_within(text: &str) -> Result<Credentials, DecodeError> {
    let before = Credentials::middle_of(text).map_or("", |at| &text[..at]);
    let from_link = &text[before.rfind(char::is_whitespace).map_or(0, |at| at + 1)..];
    let word = from_link.split_whitespace().next().unwrap_or_default();
    let line = from_link.lines().next().unwrap_or_default();
    let whole = Credentials::parse(from_link);
    whole.or_else(|error| {
        Credentials::parse(line).or_else(|_| Credentials::parse(word)).map_err(|_| {
            let near = match &error {
                BadLink::Damaged(Some(slip)) => marked(from_link, *slip),
                _ => None,
            };
            DecodeError::Link { why: error, near }
        })
    })
}

/// The place of a slip: four characters on either side, and it in brackets. Of a secret so short that this would be much of it,
/// nothing is shown.
fn marked(link: &str, slip: Slip) -> Option<String> {
    const AROUND: usize = 4;
    const PAYLOAD_CHARS_MIN: usize = 80;
    let middle = Credentials::middle_of(link)?;
    let (base, payload) = (&link[..middle], &link[middle + Credentials::MIDDLE_BYTES..]);
    // As the link's reader counts: without white space, and without the hyphens of groups.
    let base = base.chars().chain("/j#".chars()).filter(|c| !c.is_whitespace());
    let payload: Zeroizing<Vec<char>> =
        Zeroizing::new(payload.chars().filter(|c| !c.is_whitespace() && *c != '-').collect());
    if payload.len() < PAYLOAD_CHARS_MIN {
        return None;
    }
    let all: Zeroizing<Vec<char>> = Zeroizing::new(base.chain(payload.iter().copied()).collect());
    let wrong = match slip {
        Slip::Changed { position, .. } | Slip::Extra { position } => position - 1..position,
        Slip::Swapped { position } => position - 1..position + 1,
        Slip::Missing { position } => position - 1..position - 1,
    };
    let text = |range: std::ops::Range<usize>| all.get(range).map(|chars| chars.iter().collect::<String>());
    let before = text(wrong.start.saturating_sub(AROUND)..wrong.start)?;
    let behind = text(wrong.end..(wrong.end + AROUND).min(all.len()))?;
    Some(format!("…{before}[{}]{behind}…", text(wrong)?))
}

/// What was found so far; a later mention replaces an earlier one, as in a taskrc.
#[derive(Default)]
struct Parts {
    server: Option<Zeroizing<String>>,
    client_id: Option<Zeroizing<String>>,
    secret: Option<Zeroizing<String>>,
}

impl Parts {
    fn slot(&mut self, part: Part) -> &mut Option<Zeroizing<String>> {
        match part {
            Part::Server => &mut self.server,
            Part::ClientId => &mut self.client_id,
            Part::Secret => &mut self.secret,
        }
    }

    fn put(&mut self, key: &str, value: &str) {
        if let Some(part) = Part::named(key) {
            *self.slot(part) = Some(Zeroizing::new(value.to_owned()));
        }
    }

    /// An object, or one within an object, as the backups of some apps have it.
    fn of_json(text: &str) -> Self {
        let mut parts = Self::default();
        let Ok(serde_json::Value::Object(outer)) = serde_json::from_str(text) else {
            return parts;
        };
        for (key, value) in &outer {
            match value {
                serde_json::Value::String(value) => parts.put(key, value),
                serde_json::Value::Object(inner) => {
                    for (key, value) in inner {
                        parts.put(key, value.as_str().unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
        parts
    }

    /// Lines of a taskrc or of a shell, mixed as they come; those about anything else are skipped, so that a whole
    /// taskrc may be given.
    fn of_lines(text: &str) -> Self {
        let mut parts = Self::default();
        for line in text.lines() {
            let line = line.trim_start_matches(['\u{feff}', ' ', '\t', '$', '%', '>']);
            match line.strip_prefix("task ") {
                Some(command) => parts.put_command(command),
                None => {
                    if let Some((key, value)) = line.split_once('=') {
                        // Taskwarrior ends a value at `#` and writes `/` as `\/`.
                        let value = value.split('#').next().unwrap_or_default();
                        parts.put(key, Zeroizing::new(value.replace("\\/", "/")).trim());
                    }
                }
            }
        }
        parts
    }

    /// `[rc.confirmation=off] config KEY [--] VALUE`, the value perhaps quoted for a shell.
    fn put_command(&mut self, command: &str) {
        let Some((_, setting)) = command.split_once("config ") else {
            return;
        };
        let Some((key, value)) = setting.trim_start().split_once(' ') else {
            return;
        };
        let value = value.trim();
        let value = value.strip_prefix("-- ").unwrap_or(value).trim();
        let unquoted = ['\'', '"'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        self.put(key, &Zeroizing::new(unquoted.unwrap_or(value).replace("\\/", "/")));
    }

    fn assemble(mut self) -> Result<Credentials, DecodeError> {
        if Part::ALL.iter().all(|part| self.slot(*part).is_none()) {
            return Err(DecodeError::Unrecognised);
        }
        let mut take = |part| self.slot(part).take().filter(|text| !text.is_empty()).ok_or(DecodeError::Missing(part));
        let (server, client_id, secret) = (take(Part::Server)?, take(Part::ClientId)?, take(Part::Secret)?);
        Ok(Credentials {
            server: server.parse().map_err(DecodeError::Server)?,
            client_id: client_id.parse().map_err(DecodeError::ClientId)?,
            secret: Secret::parse(secret.to_string()).map_err(DecodeError::Secret)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn credentials() -> Credentials {
        Credentials {
            server: "https://sync.example.org".parse().unwrap(),
            client_id: "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10".parse().unwrap(),
            secret: Secret::parse(SECRET.into()).unwrap(),
        }
    }

    #[track_caller]
    fn means_the_sample(text: &str) {
        assert_eq!(decode(text).map(|decoded| decoded.credentials), Ok(credentials()), "{text}");
    }

    #[test]
    fn a_setup_link_is_read_and_counts_as_checked() {
        let link = credentials().to_text();
        assert_eq!(decode(&link), Ok(Decoded { credentials: credentials(), checked: true }));
    }

    #[test]
    fn a_link_is_found_among_other_words_and_across_lines() {
        let link = credentials().to_text();
        means_the_sample(&format!("on your other computer, paste what follows\n\n{}\n$ ls\n", *link));
        means_the_sample(&format!("here: {} (from ada)", *link));
        let (one, two) = link.split_at(70);
        means_the_sample(&format!("here:\n{one}\n{two}\n"));
        let no_link = "https://a.example/j# and\u{a0}words";
        assert_eq!(decode(no_link), Err(DecodeError::Link { why: BadLink::CutOff, near: None }));
    }

    #[test]
    fn the_place_of_a_slip_is_shown_and_little_else() {
        let link = credentials().to_text();
        let near = |text: &str| match decode(text).unwrap_err() {
            DecodeError::Link { near, .. } => near.unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(near(&link.replace("AMCAK", "AMQAK")), "…ICAM[Q]AKBQ…");
        assert_eq!(near(&link.replace("AMCAK", "MACAK")), "…AAIC[MA]CAKB…");
        assert_eq!(near(&link.replace("AMCAK", "AMXCAK")), "…ICAM[X]CAKB…");
        assert_eq!(near(&link.replace("AMCAK", "AMAK")), "…ICAM[]AKBQ…");
        assert_eq!(near(&link.replace("sync.", "symc.")), "…//sy[m]c.ex…");
        assert_eq!(near(&link.replace("AMCAK", "am-q\nak")), "…ICam[q]akBQ…");

        let short = Credentials { secret: Secret::parse("sesame".into()).unwrap(), ..credentials() }.to_text();
        let damaged = short.replace("/j#AJ", "/j#AK");
        assert!(matches!(decode(&damaged), Err(DecodeError::Link { why: BadLink::Damaged(_), near: None })));
    }

    #[test]
    fn the_lines_of_a_taskrc_are_read_as_taskwarrior_writes_them() {
        for url in ["https://sync.example.org", "https:\\/\\/sync.example.org\\/", "  https://sync.example.org  # home"]
        {
            means_the_sample(&format!(
                "# a comment\r\ndata.location=~/.task\r\nsync.server.url={url}\r\n\
                 sync.server.client_id = 7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10\r\nsync.encryption_secret={SECRET}\r\n"
            ));
        }
    }

    #[test]
    fn commands_are_read_with_prompts_options_and_quotes() {
        means_the_sample(&format!(
            "$ task config sync.server.origin 'https://sync.example.org/'\n\
             task rc.confirmation=off config sync.server.client_id -- {{7EC5A4D2-0B1E-4C39-9F5D-3A6C8E2B7F10}}\n\
             > task config sync.encryption_secret \"{SECRET}\"\n"
        ));
    }

    #[test]
    fn json_is_read_with_the_keys_of_different_apps() {
        let id = "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10";
        for (server, uuid, secret) in [
            ("sync.server.url", "sync.server.client_id", "sync.encryption_secret"),
            ("url", "clientId", "secret"),
            ("sync_server_url", "uuid", "encryption_secret"),
            ("server", "client_id", "encryptionSecret"),
        ] {
            let json = format!(r#"{{"{server}":"https://sync.example.org","{uuid}":"{id}","{secret}":"{SECRET}"}}"#);
            means_the_sample(&json);
            means_the_sample(&format!(r#"{{"theme":"dark","serverCredentials":{json}}}"#));
        }
    }

    #[test]
    fn a_link_in_json_counts_as_checked() {
        let json = format!(r#"{{"server":"https://sync.example.org","link":"{}"}}"#, *credentials().to_text());
        assert_eq!(decode(&json), Ok(Decoded { credentials: credentials(), checked: true }));
    }

    #[test]
    fn the_last_mention_wins_as_in_taskwarrior() {
        means_the_sample(&format!(
            "sync.server.url=https://old.example\nsync.server.url=https://sync.example.org\n\
             sync.server.client_id=7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10\nsync.encryption_secret={SECRET}"
        ));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_and_nothing_is_repeated() {
        let error = |text: &str| decode(text).unwrap_err();
        assert_eq!(error(""), DecodeError::Unrecognised);
        assert_eq!(error("hello"), DecodeError::Unrecognised);
        assert_eq!(error("{"), DecodeError::Unrecognised);
        assert_eq!(error("sync.server.url=https://a.example"), DecodeError::Missing(Part::ClientId));
        let lines = "sync.server.url=https://a.example\nsync.server.client_id=7ec5\nsync.encryption_secret=sesame";
        assert_eq!(error(lines), DecodeError::ClientId(NotAUuid));
        assert!(!format!("{:?}", error(lines)).contains("sesame"));
        assert!(matches!(error(&lines.replace("https://", "")), DecodeError::Server(_)));
    }

    #[test]
    fn only_input_that_may_go_on_is_unfinished() {
        let link = credentials().to_text();
        assert!(decode(&link[..60]).unwrap_err().is_unfinished());
        assert!(decode("sync.server.url=https://a.example").unwrap_err().is_unfinished());
        let damaged = link.replace("#AF", "#FA");
        assert_ne!(damaged, *link);
        assert!(!decode(&damaged).unwrap_err().is_unfinished());
    }

    proptest! {
        #[test]
        fn what_is_shared_as_text_is_read_back(id in any::<u128>(), secret in "[A-Za-z0-9 =/+_.-]{1,80}", path in "(/[a-z]{1,8})?") {
            prop_assume!(secret.trim() == secret);
            let credentials = Credentials {
                server: format!("https://a.example{path}").parse().unwrap(),
                client_id: taskferry_protocol::ClientId::from_uuid(uuid::Uuid::from_u128(id)),
                secret: Secret::parse(secret).unwrap(),
            };
            let block = crate::taskrc::Block::settings(&credentials, crate::taskrc::keys::URL).unwrap();
            prop_assert_eq!(decode(&block.setting_lines()).unwrap().credentials, credentials);
        }

        #[test]
        fn no_input_makes_the_decoder_panic(text in "(?s).{0,200}") {
            let _ = decode(&text);
            let _ = decode(&format!("task config sync.server.url {text}"));
            let _ = decode(&format!("{{{text}"));
        }
    }
}
