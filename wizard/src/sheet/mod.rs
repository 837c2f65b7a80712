//! The recovery sheet: an account's credentials on paper, for the day on which every computer is lost. One page to print
//! ([`html`]), or plain text ([`text`]); both say the same, and both can be typed back in.
//!
//! The code on it is the payload of the setup link, in groups: its checksum finds a typing error, and the row and the group in
//! which it is.

pub mod html;
pub mod text;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use taskchampion::chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::error::{Exit, Explain, Failure};
use crate::qr::Code;
use crate::qr::picture::write_new;
use crate::taskrc::Block;

/// Characters that are typed in one go.
const GROUP: usize = 4;
/// Groups in a row.
const GROUPS_A_ROW: usize = 6;

/// What the sheet says.
pub struct Sheet {
    server: String,
    account: String,
    rows: Vec<Zeroizing<String>>,
    lines: Zeroizing<String>,
    link: Zeroizing<String>,
    made_on: String,
    is_on_this_computer: bool,
}

/// Which kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page to print, with a QR code.
    Html,
    /// Plain text.
    Text,
}

/// A file name that says neither.
#[derive(Debug, thiserror::Error)]
#[error("`{}` ends neither in `.html` nor in `.txt`", path.display())]
pub struct NoSuchKind {
    path: PathBuf,
}

impl Explain for NoSuchKind {
    fn hint(&self) -> Option<String> {
        Some("name a file such as `sheet.html`, a page to print, or `sheet.txt`, plain text".into())
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Kind {
    /// By the file's name.
    pub fn of(path: &Path) -> Result<Self, NoSuchKind> {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("html" | "htm") => Ok(Self::Html),
            Some("txt") => Ok(Self::Text),
            _ => Err(NoSuchKind { path: path.into() }),
        }
    }
}

impl Sheet {
    /// For this account, as of now.
    pub fn of(credentials: &Credentials, block: &Block, now: SystemTime) -> Self {
        let link = credentials.to_text();
        let payload = link.split_once('#').map_or("", |(_, payload)| payload);
        Self {
            server: credentials.server.to_string(),
            account: credentials.client_id.short(),
            rows: rows(payload),
            lines: block.setting_lines(),
            made_on: date(now),
            is_on_this_computer: credentials.server.is_loopback(),
            link,
        }
    }

    /// Writes it to a new file, which only its owner can read.
    pub fn write(&self, kind: Kind, path: &Path) -> Result<(), Failure> {
        let text = match kind {
            Kind::Html => html::page(self, &Code::for_paper(&self.link)?),
            Kind::Text => text::page(self),
        };
        Ok(write_new(path, text.as_bytes())?)
    }
}

/// A payload in rows of groups.
fn rows(payload: &str) -> Vec<Zeroizing<String>> {
    let chars: Zeroizing<Vec<char>> = Zeroizing::new(payload.chars().collect());
    let row = |row: &[char]| {
        let groups: Zeroizing<Vec<String>> =
            Zeroizing::new(row.chunks(GROUP).map(|group| group.iter().collect()).collect());
        Zeroizing::new(groups.join(" "))
    };
    chars.chunks(GROUP * GROUPS_A_ROW).map(row).collect()
}

/// In which row and group a character of the payload stands, all counted from 1. `index`: from 0.
pub fn place_of(index: usize) -> (usize, usize) {
    let group = index / GROUP;
    (group / GROUPS_A_ROW + 1, group % GROUPS_A_ROW + 1)
}

/// The date, in UTC.
pub fn date(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::credentials::Secret;
    use crate::taskrc::keys;

    pub(super) fn sheet(server: &str) -> (Credentials, Sheet) {
        let credentials = Credentials {
            server: server.parse().unwrap(),
            client_id: "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10".parse().unwrap(),
            secret: Secret::parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".into()).unwrap(),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let sheet = Sheet::of(&credentials, &Block::settings(&credentials, keys::URL).unwrap(), now);
        (credentials, sheet)
    }

    #[test]
    fn the_rows_typed_behind_the_server_are_the_link_however_they_are_typed() {
        let (credentials, sheet) = sheet("https://sync.example.org");
        let rows: Vec<&str> = sheet.rows.iter().map(|row| row.as_str()).collect();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0], "AF7M LJGS BMPE YOM7 LU5G ZDRL");
        for typed in [rows.join("\n"), rows.join(" ").to_lowercase(), rows.join("-").replace(' ', "-"), rows.concat()] {
            let text = format!("https://sync.example.org/j#\n{typed}\n");
            assert_eq!(Credentials::parse(&text).unwrap(), credentials, "{typed}");
        }
    }

    #[test]
    fn every_character_has_a_row_and_a_group() {
        let (_, sheet) = sheet("https://sync.example.org");
        let payload = sheet.link.split_once('#').unwrap().1;
        for (index, c) in payload.chars().enumerate() {
            let (row, group) = place_of(index);
            let group = sheet.rows[row - 1].split(' ').nth(group - 1).unwrap();
            assert_eq!(group.chars().nth(index % GROUP), Some(c));
        }
        assert_eq!([place_of(0), place_of(23), place_of(24), place_of(84)], [(1, 1), (1, 6), (2, 1), (4, 4)]);
    }

    #[test]
    fn the_file_name_says_which_kind_it_is() {
        let kind = |name: &str| Kind::of(Path::new(name)).ok();
        assert_eq!(
            [kind("a.html"), kind("a.TXT"), kind("a.pdf"), kind("a")],
            [Some(Kind::Html), Some(Kind::Text), None, None]
        );
    }
}
