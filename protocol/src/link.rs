//! The setup link: an account's credentials as one line that can be pasted, scanned and checked.
//!
//! `BASE/j#PAYLOAD`, where BASE is the normalised server address and PAYLOAD is RFC 4648 base32 without padding of:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format: 1 = the secret is the raw 32 bytes of 64 lower-case hex digits; 2 = the secret is UTF-8 text |
//! | 16 | client ID |
//! | 32 (format 1), 1 to 256 (format 2) | secret |
//! | 4 | CRC-32 (IEEE, big-endian) over format, client ID, secret and the bytes of BASE |
//!
//! Everything secret stands in the fragment, which a browser never sends. Base32 rather than base64: it survives changed
//! case, has no character that shells, mail programs or `taskrc` interpret, and fits the compact alphanumeric mode of QR
//! codes. The checksum covers BASE too, so a mistyped host is noticed before anything connects to it.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use zeroize::{Zeroize, Zeroizing};

use crate::ids::ClientId;
use crate::server_url::{BadServerUrl, ServerUrl};
use crate::wire::JOIN_PAGE;

const FORMAT_HEX: u8 = 1;
const FORMAT_TEXT: u8 = 2;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Format byte, client ID and checksum: what surrounds the secret, in bytes.
const FRAME_BYTES: usize = 1 + 16 + 4;

/// The encryption secret as a setup link carries it: opaque here, redacted in `Debug`, never serialised, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// Why a text can't be an encryption secret in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// No characters.
    #[error("the secret is empty")]
    Empty,
    /// More than [`Secret::LENGTH_MAX`] bytes.
    #[error("the secret is longer than {} bytes", Secret::LENGTH_MAX)]
    TooLong,
    /// A line break, tab or other control character.
    #[error("the secret contains a control character")]
    ControlCharacter,
    /// Bytes that are no text.
    #[error("the secret is not UTF-8 text")]
    NotText,
}

impl Secret {
    /// The longest secret accepted, in bytes.
    pub const LENGTH_MAX: usize = 256;

    /// Takes over a secret from outside.
    pub fn parse(mut text: String) -> Result<Self, BadSecret> {
        let flaw = if text.is_empty() {
            Some(BadSecret::Empty)
        } else if text.len() > Self::LENGTH_MAX {
            Some(BadSecret::TooLong)
        } else if text.chars().any(char::is_control) {
            Some(BadSecret::ControlCharacter)
        } else {
            None
        };
        match flaw {
            Some(flaw) => {
                text.zeroize();
                Err(flaw)
            }
            None => Ok(Self(Zeroizing::new(text))),
        }
    }

    /// The secret itself: for the writer of `taskrc`, for key derivation, and for what a person asked to see.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The 32 bytes, if the secret is 64 lower-case hex digits, as this project generates them.
    fn as_hex_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        (self.0.len() == 64)
            .then(|| data_encoding::HEXLOWER.decode(self.0.as_bytes()).ok().map(Zeroizing::new))
            .flatten()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An account's credentials: which server, which account, and the secret that unseals its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupLink {
    /// The server.
    pub server: ServerUrl,
    /// The account.
    pub client_id: ClientId,
    /// What its tasks are sealed with.
    pub secret: Secret,
}

/// What a person most likely did to a link; positions count characters of the link from 1, white space left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// One character was mistyped.
    Changed {
        /// Where.
        position: usize,
        /// What stands there.
        found: char,
        /// What should.
        expected: char,
    },
    /// Two neighbours changed places; the position is the first one's.
    Swapped {
        /// Where.
        position: usize,
    },
    /// One character too many.
    Extra {
        /// Where.
        position: usize,
    },
    /// One character is missing before this position.
    Missing {
        /// Where.
        position: usize,
    },
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { position, found, expected } => {
                write!(f, "character {position} is `{found}` and should be `{expected}`")
            }
            Self::Swapped { position } => write!(f, "characters {position} and {} changed places", position + 1),
            Self::Extra { position } => write!(f, "character {position} is one too many"),
            Self::Missing { position } => write!(f, "a character is missing before character {position}"),
        }
    }
}

/// Why a text is no setup link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// No `/j#` in it, or far too long.
    #[error("this is not a setup link")]
    NotALink,
    /// What stands before `/j#` is no server address.
    #[error("the setup link has a bad server address")]
    Server(#[source] BadServerUrl),
    /// The checksum does not fit: at least one character is wrong.
    #[error("the setup link has a typing error{}", .0.map(|slip| format!(": {slip}")).unwrap_or_default())]
    Damaged(Option<Slip>),
    /// Too short to hold credentials: cut off while copying.
    #[error("the setup link is incomplete: its end is missing")]
    CutOff,
    /// The checksum fits, but the format byte is of a later version.
    #[error("the setup link has format {0}, which this version does not know")]
    UnknownFormat(u8),
    /// The checksum fits, but the secret is unusable.
    #[error("the setup link carries an unusable secret")]
    Secret(#[source] BadSecret),
}

impl SetupLink {
    /// The longest text that can be a link, in bytes; longer input is refused unread.
    pub const LENGTH_MAX: usize = 4096;

    /// The link as text. Wiped when dropped, since it contains the secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(FRAME_BYTES + self.secret.expose().len()));
        if let Some(raw) = self.secret.as_hex_bytes() {
            bytes.push(FORMAT_HEX);
            bytes.extend_from_slice(self.client_id.as_bytes());
            bytes.extend_from_slice(&raw);
        } else {
            bytes.push(FORMAT_TEXT);
            bytes.extend_from_slice(self.client_id.as_bytes());
            bytes.extend_from_slice(self.secret.expose().as_bytes());
        }
        let sum = checksum(&bytes, self.server.as_str());
        bytes.extend_from_slice(&sum);
        let payload = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
        Zeroizing::new(format!("{}{JOIN_PAGE}#{}", self.server, *payload))
    }

    /// Where what stands between address and payload begins in `text`, if it is a link, be it damaged; its length is
    /// [`Self::MIDDLE_BYTES`].
    pub fn middle_of(text: &str) -> Option<usize> {
        text.find("/j#").or_else(|| text.find("/J#"))
    }

    /// Bytes between address and payload: `/j#`.
    pub const MIDDLE_BYTES: usize = 3;

    /// Whether `text` looks like a setup link, be it damaged; tells it from the other forms of credentials.
    pub fn looks_like_one(text: &str) -> bool {
        Self::middle_of(text).is_some()
    }

    /// Reads a link. White space anywhere (line breaks of a mail program) and hyphens in the payload (groups for typing)
    /// are skipped; case does not matter. A `0`, `1` or `8` in the payload, where none can stand, is read as the letter that
    /// it was taken for on paper, if the checksum then fits.
    pub fn parse(text: &str) -> Result<Self, BadLink> {
        if text.len() > Self::LENGTH_MAX {
            return Err(BadLink::NotALink);
        }
        let text: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect());
        let middle = Self::middle_of(&text).ok_or(BadLink::NotALink)?;
        let (base, payload) = (&text[..middle], &text[middle + Self::MIDDLE_BYTES..]);
        let payload: Zeroizing<Vec<char>> =
            Zeroizing::new(payload.chars().filter(|c| *c != '-').map(|c| c.to_ascii_uppercase()).collect());
        let server: ServerUrl = base.parse().map_err(BadLink::Server)?;
        // Positions count from the link's first character; the payload begins behind `/j#`.
        let before = base.chars().count() + 3;

        match open(&payload, server.as_str()).or_else(|| open_misread(&payload, server.as_str())) {
            Some(bytes) => Self::from_bytes(server, &bytes),
            None if payload.len() < (FRAME_BYTES + 1) * 8 / 5 => Err(BadLink::CutOff),
            // More than a slip. To try every slip in a page of text that happened to be pasted would take minutes.
            None if payload.len() > PAYLOAD_CHARS_MAX + 1 || before > BASE_CHARS_MAX => Err(BadLink::Damaged(None)),
            None => match slip(&payload, &server, base) {
                Some(slip) => Err(BadLink::Damaged(Some(slip))),
                // A link that this project made has a known length; a shorter one lost its end.
                None if payload.first() == Some(&'A') && payload.len() < HEX_PAYLOAD_CHARS => Err(BadLink::CutOff),
                None => Err(BadLink::Damaged(None)),
            },
        }
    }

    fn from_bytes(server: ServerUrl, bytes: &[u8]) -> Result<Self, BadLink> {
        let [format, rest @ ..] = bytes else {
            return Err(BadLink::CutOff);
        };
        let (id, secret) = rest.split_first_chunk::<16>().ok_or(BadLink::CutOff)?;
        let client_id = ClientId::from_uuid(uuid::Uuid::from_bytes(*id));
        let secret = match *format {
            FORMAT_HEX if secret.len() == 32 => data_encoding::HEXLOWER.encode(secret),
            FORMAT_HEX => return Err(BadLink::CutOff),
            FORMAT_TEXT => String::from_utf8(secret.to_vec()).map_err(|_| BadLink::Secret(BadSecret::NotText))?,
            unknown => return Err(BadLink::UnknownFormat(unknown)),
        };
        let secret = Secret::parse(secret).map_err(BadLink::Secret)?;
        Ok(Self { server, client_id, secret })
    }
}

/// Characters in the longest payload.
const PAYLOAD_CHARS_MAX: usize = ((FRAME_BYTES + Secret::LENGTH_MAX) * 8).div_ceil(5);
/// Characters of the longest address in which slips are looked for: more than any host name has.
const BASE_CHARS_MAX: usize = 300;
/// Characters in the payload of a format 1 link: 53 bytes.
const HEX_PAYLOAD_CHARS: usize = ((FRAME_BYTES + 32) * 8).div_ceil(5);

fn checksum(framed: &[u8], base: &str) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(framed);
    crc.update(base.as_bytes());
    crc.finalize().to_be_bytes()
}

/// A payload that decodes (with zero trailing bits): its bytes and the checksum behind them.
struct Decoded {
    bytes: Zeroizing<Vec<u8>>,
    checksum: [u8; 4],
}

impl Decoded {
    fn of(payload: &[char]) -> Option<Self> {
        let ascii: Zeroizing<Vec<u8>> =
            Zeroizing::new(payload.iter().map(|c| u8::try_from(*c).ok()).collect::<Option<Vec<u8>>>()?);
        let mut bytes = Zeroizing::new(BASE32_NOPAD.decode(&ascii).ok()?);
        let (body, checksum) = bytes.split_last_chunk().filter(|(body, _)| !body.is_empty())?;
        let (length, checksum) = (body.len(), *checksum);
        bytes.truncate(length);
        Some(Self { bytes, checksum })
    }

    fn fits(&self, base: &str) -> bool {
        checksum(&self.bytes, base) == self.checksum
    }
}

/// The payload's bytes, if they decode and the checksum fits `base`.
fn open(payload: &[char], base: &str) -> Option<Zeroizing<Vec<u8>>> {
    Decoded::of(payload).filter(|decoded| decoded.fits(base)).map(|decoded| decoded.bytes)
}

/// Digits `1` up to which every reading of them is tried; and those up to which a slip is looked for in each reading.
const MISREAD_ONES_MAX: usize = 10;
const MISREAD_ONES_WITH_A_SLIP_MAX: usize = 3;

/// What a payload may mean that was read off paper: `0` for `O`, `8` for `B`, and `1` for `I` or `L`, none of which digits is in the
/// alphabet. At most `ones_max` of the last; else there is no reading.
fn readings(payload: &[char], ones_max: usize) -> impl Iterator<Item = Zeroizing<Vec<char>>> {
    let ones = payload.iter().filter(|c| **c == '1').count();
    let count = if ones > ones_max { 0_u32 } else { 1 << ones };
    (0..count).map(|which| {
        let mut one = 0;
        let letter = |c: &char| match c {
            '0' => 'O',
            '8' => 'B',
            '1' => {
                one += 1;
                if which >> (one - 1) & 1 == 0 { 'I' } else { 'L' }
            }
            c => *c,
        };
        Zeroizing::new(payload.iter().map(letter).collect())
    })
}

/// The payload's bytes if one of its readings fits.
fn open_misread(payload: &[char], base: &str) -> Option<Zeroizing<Vec<u8>>> {
    readings(payload, MISREAD_ONES_MAX).find_map(|reading| open(&reading, base))
}

/// What a person most likely did to a link that does not open.
fn slip(payload: &[char], server: &ServerUrl, base: &str) -> Option<Slip> {
    // Positions count from the link's first character; the payload begins behind `/j#`.
    let before = base.chars().count() + SetupLink::MIDDLE_BYTES;
    let in_reading = |reading: Zeroizing<Vec<char>>| {
        slip_in_payload(&reading, server, before).or_else(|| slip_in_base(&reading, base))
    };
    readings(payload, MISREAD_ONES_WITH_A_SLIP_MAX).find_map(in_reading)
}

/// Tries every single slip in the payload. A 32-bit checksum over some 3,000 candidates leaves one chance in a million
/// of naming the wrong one.
fn slip_in_payload(payload: &[char], server: &ServerUrl, before: usize) -> Option<Slip> {
    // One slip leaves one foreign character at most. Most of what is no link at all ends here.
    if payload.iter().filter(|c| !u8::try_from(**c).is_ok_and(|c| ALPHABET.contains(&c))).nth(1).is_some() {
        return None;
    }
    let base = server.as_str();
    let mut trial = Zeroizing::new(payload.to_vec());
    for i in 0..payload.len() {
        for letter in ALPHABET {
            trial[i] = char::from(*letter);
            if open(&trial, base).is_some() {
                return Some(Slip::Changed {
                    position: before + i + 1,
                    found: payload[i],
                    expected: char::from(*letter),
                });
            }
        }
        trial[i] = payload[i];
    }
    for i in 1..payload.len() {
        trial.swap(i - 1, i);
        if open(&trial, base).is_some() {
            return Some(Slip::Swapped { position: before + i });
        }
        trial.swap(i - 1, i);
    }
    for i in 0..payload.len() {
        let mut shorter = Zeroizing::new(payload.to_vec());
        shorter.remove(i);
        if open(&shorter, base).is_some() {
            return Some(Slip::Extra { position: before + i + 1 });
        }
    }
    for i in 0..=payload.len() {
        let mut longer = Zeroizing::new(payload.to_vec());
        longer.insert(i, 'A');
        for letter in ALPHABET {
            longer[i] = char::from(*letter);
            if open(&longer, base).is_some() {
                return Some(Slip::Missing { position: before + i + 1 });
            }
        }
    }
    None
}

/// Tries every single slip in the address.
fn slip_in_base(payload: &[char], base: &str) -> Option<Slip> {
    let decoded = Decoded::of(payload)?;
    let chars: Vec<char> = base.chars().collect();
    let fits = |candidate: &[char]| {
        let text: String = candidate.iter().collect();
        text.parse::<ServerUrl>().is_ok_and(|server| decoded.fits(server.as_str()))
    };
    let mut trial = chars.clone();
    for i in 0..chars.len() {
        for expected in ('a'..='z').chain('0'..='9').chain("-._~:/[]%".chars()) {
            trial[i] = expected;
            if fits(&trial) {
                return Some(Slip::Changed { position: i + 1, found: chars[i], expected });
            }
        }
        trial[i] = chars[i];
    }
    for i in 1..chars.len() {
        trial.swap(i - 1, i);
        if fits(&trial) {
            return Some(Slip::Swapped { position: i });
        }
        trial.swap(i - 1, i);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(server: &str, id: &str, secret: &str) -> SetupLink {
        SetupLink {
            server: server.parse().unwrap(),
            client_id: id.parse().unwrap(),
            secret: Secret::parse(secret.into()).unwrap(),
        }
    }

    fn sample() -> SetupLink {
        link(
            "https://sync.example.org",
            "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        )
    }

    /// The vectors of docs/PROTOCOL.md, read from there: what is published is what is tested.
    #[test]
    fn published_test_vectors_hold() {
        let text = include_str!("../../docs/PROTOCOL.md");
        let mut seen = 0;
        for row in text.lines().filter(|line| line.starts_with("| `http") && line.contains("/j#")) {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [_, server, id, secret, published, _] = cells[..] else { panic!("row has other columns: {row}") };
            let vector = link(server, id, secret);
            assert_eq!(vector.to_text().as_str(), published);
            assert_eq!(SetupLink::parse(published).unwrap(), vector);
            seen += 1;
        }
        assert!(seen >= 5, "found only {seen} vectors");
    }

    #[test]
    fn line_breaks_groups_and_case_do_not_matter() {
        let text = sample().to_text();
        let (base, payload) = text.split_once('#').unwrap();
        let groups: Vec<String> =
            payload.as_bytes().chunks(5).map(|group| String::from_utf8_lossy(group).to_lowercase()).collect();
        let typed = format!("  {}#\n{}\r\n", base.replace("https://s", "https://S"), groups.join("-"));
        assert_eq!(SetupLink::parse(&typed).unwrap(), sample());
    }

    #[test]
    fn digits_that_were_read_for_letters_are_those_letters() {
        // A secret whose code has all of the letters that look like digits.
        let link = link("https://sync.example.org", "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10", &"3c5a8b7e".repeat(8));
        let (base, payload) =
            link.to_text().split_once('#').map(|(base, code)| (base.to_owned(), code.to_owned())).unwrap();
        assert!("OILB".chars().all(|letter| payload.contains(letter)), "{payload}");
        let ones = payload.chars().filter(|c| matches!(c, 'I' | 'L')).count();
        assert!(ones <= MISREAD_ONES_MAX, "{payload}");
        let misread = payload.replace('O', "0").replace(['I', 'L'], "1").replace('B', "8");
        assert_eq!(SetupLink::parse(&format!("{base}#{misread}")).unwrap(), link);
        let shouted = format!("{base}#{payload}").to_uppercase();
        assert_eq!(SetupLink::parse(&shouted).unwrap(), link);
        // One more mistake is still one, and is located.
        let at = base.len() + 1 + payload.find('O').unwrap();
        let misread_once = format!("{base}#{}", payload.replacen('O', "0", 1));
        assert_eq!(SetupLink::parse(&misread_once).unwrap(), link);
        let wrong = misread_once.replacen('A', "C", 1);
        let Err(BadLink::Damaged(Some(Slip::Changed { position, expected: 'A', .. }))) = SetupLink::parse(&wrong)
        else {
            panic!("a slip: {:?}", SetupLink::parse(&wrong))
        };
        assert_ne!(position, at + 1);
    }

    #[test]
    fn a_link_that_lost_its_end_is_called_incomplete() {
        let text = sample().to_text();
        for keep in [text.len() - 2, text.len() - 40, text.len() - 84] {
            assert_eq!(SetupLink::parse(&text[..keep]), Err(BadLink::CutOff), "{keep}");
        }
        assert_eq!(SetupLink::parse("https://sync.example.org/j#"), Err(BadLink::CutOff));
    }

    #[test]
    fn a_later_format_is_named() {
        let mut bytes = vec![9];
        bytes.extend_from_slice(&[7; 48]);
        let sum = checksum(&bytes, "https://a.example");
        bytes.extend_from_slice(&sum);
        let text = format!("https://a.example/j#{}", BASE32_NOPAD.encode(&bytes));
        assert_eq!(SetupLink::parse(&text), Err(BadLink::UnknownFormat(9)));
    }

    #[test]
    fn other_texts_are_not_links() {
        for text in ["", "hello", "https://a.example", "sync.server.url=https://a.example", &"x".repeat(5000)] {
            assert_eq!(SetupLink::parse(text), Err(BadLink::NotALink));
        }
        assert!(matches!(SetupLink::parse("a.example/j#AAAA"), Err(BadLink::Server(_))));
    }

    #[test]
    fn a_missing_and_a_doubled_character_are_located() {
        let text = sample().to_text();
        let start = text.find('#').unwrap() + 1;
        for at in [start + 3, start + 40] {
            let mut missing = text.to_string();
            missing.remove(at);
            assert!(matches!(SetupLink::parse(&missing), Err(BadLink::Damaged(Some(Slip::Missing { .. })))));
            let mut doubled = text.to_string();
            let twin = doubled.as_bytes()[at] as char;
            doubled.insert(at, twin);
            assert!(matches!(SetupLink::parse(&doubled), Err(BadLink::Damaged(Some(Slip::Extra { .. })))));
        }
    }

    /// Found by fuzzing: a page of text behind `/j#` took the wizard minutes.
    #[test]
    fn a_slip_is_looked_for_in_the_longest_link_and_not_in_a_page_of_text() {
        let longest =
            link("https://a.example", "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10", &"ü".repeat(Secret::LENGTH_MAX / 2));
        let text = longest.to_text();
        assert_eq!(SetupLink::parse(&text), Ok(longest));
        let doubled = text.replacen("#A", "#AA", 1);
        assert!(matches!(SetupLink::parse(&doubled), Err(BadLink::Damaged(Some(Slip::Extra { .. })))));
        for page in [
            format!("https://a.example/j#{}", "A".repeat(4000)),
            format!("https://a.example/{}/j#{}", "a".repeat(3900), "A".repeat(85)),
        ] {
            assert!(SetupLink::parse(&page).is_err());
        }
    }

    #[test]
    fn a_mistyped_host_is_located() {
        let typed = sample().to_text().replacen("sync.", "sink.", 1).replacen("sink.", "symc.", 1);
        let slip = Slip::Changed { position: 11, found: 'm', expected: 'n' };
        assert_eq!(SetupLink::parse(&typed), Err(BadLink::Damaged(Some(slip))));
    }

    #[test]
    fn nothing_secret_shows_in_debug_output() {
        let shown = format!("{:?}", sample());
        assert!(!shown.contains("0001") && !shown.contains("7ec5a4d2"), "{shown}");
    }

    fn any_link() -> impl Strategy<Value = SetupLink> {
        let secret = prop_oneof!["[0-9a-f]{64}", "[ -~]{1,80}", "\\PC{1,60}"];
        let host = "(https|http)://[a-z]{1,12}(\\.[a-z]{2,8}){0,2}(:[1-9][0-9]{3})?(/[a-z]{1,8}){0,2}";
        (host, any::<u128>(), secret).prop_filter_map("no valid link", |(server, id, secret)| {
            Some(SetupLink {
                server: server.parse().ok()?,
                client_id: ClientId::from_uuid(uuid::Uuid::from_u128(id)),
                secret: Secret::parse(secret).ok()?,
            })
        })
    }

    proptest! {
        #[test]
        fn every_link_comes_back_as_it_was(link in any_link()) {
            prop_assert_eq!(SetupLink::parse(&link.to_text()).unwrap(), link);
        }

        #[test]
        fn every_changed_character_of_the_payload_is_caught_and_located(
            link in any_link(), at in any::<prop::sample::Index>(), letter in 0..32_usize,
        ) {
            let text = link.to_text();
            let start = text.find('#').unwrap() + 1;
            let at = start + at.index(text.len() - start);
            let letter = char::from(ALPHABET[letter]);
            let mut typed = text.to_string();
            let expected = typed.as_bytes()[at] as char;
            prop_assume!(expected != letter);
            typed.replace_range(at..=at, &letter.to_string());
            let slip = Slip::Changed { position: at + 1, found: letter, expected };
            prop_assert_eq!(SetupLink::parse(&typed), Err(BadLink::Damaged(Some(slip))));
        }

        #[test]
        fn no_changed_character_anywhere_leads_to_other_credentials(
            link in any_link(), at in any::<prop::sample::Index>(), typed in "[ -~]",
        ) {
            let mut text = link.to_text().to_string();
            let at = at.index(text.len());
            text.replace_range(at..=at, &typed);
            // Another case means the same.
            if let Ok(read) = SetupLink::parse(&text) {
                prop_assert_eq!(read, link);
            }
        }

        #[test]
        fn every_swap_of_neighbours_in_the_payload_is_caught(link in any_link(), at in any::<prop::sample::Index>()) {
            let text = link.to_text();
            let start = text.find('#').unwrap() + 1;
            let at = start + at.index(text.len() - start - 1);
            let mut typed: Vec<char> = text.chars().collect();
            prop_assume!(typed[at] != typed[at + 1]);
            typed.swap(at, at + 1);
            let typed: String = typed.into_iter().collect();
            prop_assert!(matches!(SetupLink::parse(&typed), Err(BadLink::Damaged(Some(_)))));
        }

        #[test]
        fn no_input_makes_the_parser_panic(text in "\\PC{0,60}", payload in "[A-Z2-7]{0,100}") {
            let _ = SetupLink::parse(&text);
            let _ = SetupLink::parse(&format!("https://a.example/j#{payload}"));
        }
    }
}
