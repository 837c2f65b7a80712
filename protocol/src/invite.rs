//! The code of an invite: 128 random bits that let somebody create an account, as a text that can be read out and typed.
//!
//! RFC 4648 base32 without padding, in groups of four, of the 16 bytes and one byte of checksum (the last one of their CRC-32,
//! IEEE): 28 characters. The checksum is there so that a typing error is told before a server is asked; it misses one of 256.
//!
//! ```text
//! GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ
//! ```

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use zeroize::{Zeroize as _, Zeroizing};

/// An invite's code: a credential until it is used. `Debug` is redacted, and it is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteCode(Zeroizing<[u8; Self::BYTES]>);

/// Why a text is no invite code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadInvite {
    /// It has another length.
    #[error("an invite code has {} letters and digits", InviteCode::CHARACTERS)]
    Length,
    /// A character that base32 does not have, or the checksum does not fit.
    #[error("the invite code has a typing error")]
    Mistyped,
}

impl InviteCode {
    /// Random bytes in a code.
    pub const BYTES: usize = 16;
    /// Letters and digits in its text.
    pub const CHARACTERS: usize = 28;
    const GROUP: usize = 4;

    /// From 16 bytes of the operating system's randomness.
    pub fn from_random(bytes: [u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be hashed.
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The code as it is handed on.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut framed = Zeroizing::new(self.0.to_vec());
        framed.push(checksum(&self.0));
        let plain = Zeroizing::new(BASE32_NOPAD.encode(&framed));
        let mut text = Zeroizing::new(String::with_capacity(Self::CHARACTERS / Self::GROUP * (Self::GROUP + 1)));
        for (n, character) in plain.chars().enumerate() {
            if n > 0 && n % Self::GROUP == 0 {
                text.push('-');
            }
            text.push(character);
        }
        text
    }
}

impl FromStr for InviteCode {
    type Err = BadInvite;

    /// White space and hyphens anywhere are skipped; case does not matter.
    fn from_str(text: &str) -> Result<Self, BadInvite> {
        // Collected only as far as a code goes: the text comes from outside.
        let characters = text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(Self::CHARACTERS + 1);
        let plain: Zeroizing<String> = Zeroizing::new(characters.map(|c| c.to_ascii_uppercase()).collect());
        if plain.chars().count() != Self::CHARACTERS {
            return Err(BadInvite::Length);
        }
        let mut framed = BASE32_NOPAD.decode(plain.as_bytes()).map_err(|_| BadInvite::Mistyped)?;
        let code = framed
            .split_first_chunk()
            .filter(|(bytes, sum)| **sum == [checksum(bytes)])
            .map(|(bytes, _)| Self(Zeroizing::new(*bytes)));
        framed.zeroize();
        code.ok_or(BadInvite::Mistyped)
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(…)")
    }
}

fn checksum(bytes: &[u8; InviteCode::BYTES]) -> u8 {
    crc32fast::hash(bytes).to_be_bytes()[3]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_has_seven_groups_of_four() {
        let code = InviteCode::from_random(*b"0123456789abcdef");
        assert_eq!(*code.to_text(), "GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ");
        assert_eq!(format!("{code:?}"), "InviteCode(…)");
    }

    #[test]
    fn what_is_too_short_or_too_long_is_told_from_a_typing_error() {
        let text = InviteCode::from_random([7; 16]).to_text();
        assert_eq!(text[..text.len() - 1].parse::<InviteCode>(), Err(BadInvite::Length));
        assert_eq!(format!("{}A", *text).parse::<InviteCode>(), Err(BadInvite::Length));
        assert_eq!("".parse::<InviteCode>(), Err(BadInvite::Length));
        assert_eq!(text.replacen('A', "1", 1).parse::<InviteCode>(), Err(BadInvite::Mistyped));
        assert_eq!("é".repeat(InviteCode::CHARACTERS).parse::<InviteCode>(), Err(BadInvite::Mistyped));
    }

    proptest! {
        #[test]
        fn a_code_is_read_however_it_was_typed(bytes: [u8; 16]) {
            let code = InviteCode::from_random(bytes);
            let text = code.to_text();
            let (spaced, plain) = (text.replace('-', " "), text.replace('-', ""));
            for typed in [text.to_string(), text.to_lowercase(), spaced, plain, format!("\n {} ", *text)] {
                let read: InviteCode = typed.parse()?;
                prop_assert_eq!(&read, &code);
            }
        }

        #[test]
        fn no_text_makes_the_decoder_stumble(text: String) {
            let _ = text.parse::<InviteCode>();
        }
    }
}
