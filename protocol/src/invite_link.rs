//! The invite link: a server's address and the code of an invite as one text that can be sent, opened and scanned.
//!
//! `BASE/i#CODE`, where BASE is the normalised server address and CODE an invite's ([`crate::invite`]). The code stands in the
//! fragment, which a browser never sends: neither the server nor a proxy gets to log it. Opened, it leads to a page that
//! says what to do; `taskferry setup --server` takes it in place of an address.

use std::fmt;

use zeroize::Zeroizing;

use crate::invite::{BadInvite, InviteCode};
use crate::server_url::{BadServerUrl, ServerUrl};
use crate::wire::INVITE_PAGE;

/// See the module. `Debug` is redacted: the code is a credential until it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteLink {
    /// The server that one is invited to.
    pub server: ServerUrl,
    /// What lets an account be created there.
    pub code: InviteCode,
}

/// Why a text is no invite link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadInviteLink {
    /// No `/i#` in it, or far too long.
    #[error("this is not an invite link")]
    NotALink,
    /// What stands before `/i#` is no server address.
    #[error("the invite link has a bad server address")]
    Server(#[source] BadServerUrl),
    /// What stands behind it is no code.
    #[error("the invite link has no usable code")]
    Code(#[source] BadInvite),
}

impl InviteLink {
    /// The longest text that can be a link, in bytes; longer input is refused unread.
    pub const LENGTH_MAX: usize = 1024;

    /// The link as text.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}{INVITE_PAGE}#{}", self.server, *self.code.to_text()))
    }

    /// Whether `text` looks like an invite link, be it damaged; tells it from a server's address and from a setup link.
    pub fn looks_like_one(text: &str) -> bool {
        text.contains("/i#")
    }

    /// Reads a link. White space anywhere and hyphens in the code are skipped; the code's case does not matter.
    pub fn parse(text: &str) -> Result<Self, BadInviteLink> {
        if text.len() > Self::LENGTH_MAX {
            return Err(BadInviteLink::NotALink);
        }
        let text: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect());
        let (base, code) = text.split_once("/i#").ok_or(BadInviteLink::NotALink)?;
        Ok(Self {
            server: base.parse().map_err(BadInviteLink::Server)?,
            code: code.parse().map_err(BadInviteLink::Code)?,
        })
    }
}

/// Without the code: for sentences.
impl fmt::Display for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an invite to {}", self.server)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINK: &str = "https://sync.example.org/i#GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ";

    #[test]
    fn a_link_is_a_server_and_a_code() {
        let link = InviteLink::parse(LINK).unwrap();
        assert_eq!((link.server.as_str(), link.code.expose()), ("https://sync.example.org", b"0123456789abcdef"));
        assert_eq!(*link.to_text(), LINK);
        assert!(InviteLink::looks_like_one(LINK) && !InviteLink::looks_like_one("https://sync.example.org"));
        for shown in [format!("{link:?}"), link.to_string()] {
            assert!(!shown.contains("GAYT"), "{shown}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_link_is_told() {
        assert_eq!(InviteLink::parse("https://sync.example.org/j#AAAA"), Err(BadInviteLink::NotALink));
        assert!(matches!(InviteLink::parse("sync.example.org/i#GAYT"), Err(BadInviteLink::Server(_))));
        assert_eq!(InviteLink::parse(&LINK[..LINK.len() - 2]), Err(BadInviteLink::Code(BadInvite::Length)));
        assert_eq!(InviteLink::parse(&LINK.replace("GAYT", "GAYU")), Err(BadInviteLink::Code(BadInvite::Mistyped)));
        assert_eq!(InviteLink::parse(&format!("{LINK}{}", " ".repeat(1024))), Err(BadInviteLink::NotALink));
    }

    proptest! {
        #[test]
        fn a_link_is_read_however_it_was_broken(bytes: [u8; 16], at in 0_usize..60, path in "(/[a-z]{1,8}){0,2}") {
            let server = format!("https://sync.example.org{path}").parse().unwrap();
            let link = InviteLink { server, code: InviteCode::from_random(bytes) };
            let mut text = link.to_text().to_string();
            text.insert_str(at, "\n ");
            prop_assert_eq!(InviteLink::parse(&text), Ok(link));
        }

        #[test]
        fn no_text_makes_the_decoder_stumble(text: String) {
            let _ = InviteLink::parse(&text);
            let _ = InviteLink::parse(&format!("https://a.example/i#{text}"));
        }
    }
}
