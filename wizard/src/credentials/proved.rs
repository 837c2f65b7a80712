//! The note that a secret was proved to open what an account holds, for the next time.
//!
//! It must not help anybody to guess a weak secret. A checksum would, however it is salted: whoever finds the file could try
//! millions of guesses a second. So the note is what every version on the server is: a few bytes that are sealed with the account's
//! key. Whoever has it can try guesses exactly as fast as the server itself can, by 600,000 rounds of key derivation each, and
//! the server is one that nobody has to trust. Nothing that is faster to look at is kept: not even for a secret of 64 hex digits,
//! which may be the checksum of a word.
//!
//! It opens with that secret and that account alone (the account's ID is the salt), and names the server. So it needs no name of the
//! secret, and says nothing of any other pair.

use serde::{Deserialize, Serialize};
use taskferry_protocol::{ServerUrl, VersionId};

use super::Credentials;
use super::unseal::{Key, Sealed};

/// Bound to this, and hence never a version or a snapshot of the account, whoever puts it there.
const BOUND_TO: VersionId = VersionId::from_uuid(uuid::Uuid::from_u128(0x7a5f_e117_9000_8000_8000_7072_6f76_6564));

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proved(String);

impl Proved {
    /// The account that this key is of was looked at, on this server, and opened. `None` = no randomness; it is looked at again.
    pub fn of(key: &Key, server: &ServerUrl) -> Option<Self> {
        let sealed = key.seal(server.as_str().as_bytes(), BOUND_TO).ok()?;
        Some(Self(data_encoding::BASE64.encode(&sealed)))
    }

    /// Whether that was this account, with this secret. Takes as long as deriving a key does.
    pub fn fits(&self, account: &Credentials) -> bool {
        let Ok(body) = data_encoding::BASE64.decode(self.0.as_bytes()) else {
            return false;
        };
        let opened = Key::derive(&account.client_id, &account.secret)
            .and_then(|key| key.unseal(Sealed { bound_to: BOUND_TO, body }));
        opened.is_ok_and(|server| *server == account.server.as_str().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::ClientId;

    use super::*;
    use crate::credentials::Secret;

    fn account(number: u128, server: &str, secret: &str) -> Credentials {
        Credentials {
            server: server.parse().unwrap(),
            client_id: ClientId::from_uuid(uuid::Uuid::from_u128(number)),
            secret: Secret::parse(secret.into()).unwrap(),
        }
    }

    #[test]
    fn it_fits_one_secret_of_one_account_on_one_server() {
        let here = account(1, "https://a.example", "sesame");
        let key = Key::derive(&here.client_id, &here.secret).unwrap();
        let proved = Proved::of(&key, &here.server).unwrap();
        assert!(proved.fits(&here));
        assert!(!proved.fits(&account(1, "https://a.example", "sesamE")));
        assert!(!proved.fits(&account(2, "https://a.example", "sesame")));
        assert!(!proved.fits(&account(1, "https://b.example", "sesame")));
    }

    #[test]
    fn what_is_no_note_fits_nothing() {
        let here = account(1, "https://a.example", "sesame");
        for text in ["", "?", "AQID"] {
            assert!(!Proved(text.into()).fits(&here), "{text}");
        }
    }

    #[test]
    fn two_notes_of_one_secret_have_nothing_in_common() {
        let here = account(1, "https://a.example", "sesame");
        let key = Key::derive(&here.client_id, &here.secret).unwrap();
        let [one, other] = [(); 2].map(|()| Proved::of(&key, &here.server).unwrap());
        assert_ne!(one, other, "nobody can tell whether two computers have the same secret");
        let text = serde_json::to_string(&one).unwrap();
        assert!(!text.contains("sesame") && !text.contains("a.example"), "{text}");
    }
}
