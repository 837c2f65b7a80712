//! Proves a secret against data that another device sealed with it, opens such data, and seals some.
//!
//! TaskChampion's sync protocol seals each version and snapshot like this:
//!
//! | what | how |
//! |---|---|
//! | key | PBKDF2-HMAC-SHA256 of the secret, 600,000 rounds, salt = the 16 bytes of the client ID |
//! | cipher | ChaCha20-Poly1305 |
//! | envelope | one byte `1`, 12 bytes nonce, ciphertext with its 16-byte tag |
//! | authenticated too | one byte `1`, 16 bytes of a version ID: a snapshot's own, a version's *parent* |
//!
//! Written here rather than taken from the `taskchampion` crate, which would bring its database and HTTP client along
//! for these few lines: here only its engine is used, to rebuild an account ([`crate::proof`]). What is unsealed is wiped on
//! drop.

use std::num::NonZeroU32;

use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{aead, pbkdf2};
use taskferry_protocol::{ClientId, VersionId};
use zeroize::Zeroizing;

use super::Secret;

/// Fixed by the protocol; about 0.2 s on a small machine.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
const ENVELOPE: u8 = 1;
const APP_ID: u8 = 1;
const HEADER_BYTES: usize = 1 + aead::NONCE_LEN;

/// A sealed body as it came from the server.
pub struct Sealed {
    /// The version ID that was authenticated together with the body: a snapshot's own, a version's parent.
    pub bound_to: VersionId,
    /// Envelope and ciphertext.
    pub body: Vec<u8>,
}

/// Why a body could not be unsealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Cut off, or not from a TaskChampion client at all.
    #[error("what the server holds is not sealed as Taskwarrior seals it")]
    NotAnEnvelope,
    /// The secret differs, or somebody changed the data: by design these look the same.
    #[error("the encryption secret does not fit the tasks on the server")]
    WrongSecret,
}

/// Whether `secret` is the one that `sealed` was sealed with, by an account named `client_id`.
pub fn prove(sealed: Sealed, client_id: &ClientId, secret: &Secret) -> Result<(), UnsealError> {
    Key::derive(client_id, secret)?.unseal(sealed).map(drop)
}

/// What an account's data is sealed with. Derived once for many bodies, since that is slow on purpose.
pub struct Key(aead::LessSafeKey);

impl Key {
    /// The key of this account.
    pub fn derive(client_id: &ClientId, secret: &Secret) -> Result<Self, UnsealError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        let secret = secret.expose().as_bytes();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, client_id.as_bytes(), secret, &mut *bytes);
        // Fails only for a key of the wrong length, and the array above has the right one.
        let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, &*bytes).map_err(|_| UnsealError::WrongSecret)?;
        Ok(Self(aead::LessSafeKey::new(key)))
    }

    /// Seals as Taskwarrior does, with a nonce from the operating system.
    pub fn seal(&self, plain: &[u8], bound_to: VersionId) -> Result<Vec<u8>, Unspecified> {
        let mut nonce = [0; aead::NONCE_LEN];
        SystemRandom::new().fill(&mut nonce)?;
        let mut sealed = Vec::with_capacity(HEADER_BYTES + plain.len() + aead::MAX_TAG_LEN);
        sealed.push(ENVELOPE);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, bound_data(bound_to), &mut sealed[HEADER_BYTES..])?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// What was sealed.
    pub fn unseal(&self, sealed: Sealed) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let Sealed { bound_to, body } = sealed;
        let mut body = Zeroizing::new(body);
        if body.len() < HEADER_BYTES || body[0] != ENVELOPE {
            return Err(UnsealError::NotAnEnvelope);
        }
        let nonce = aead::Nonce::try_assume_unique_for_key(&body[1..HEADER_BYTES]);
        let nonce = nonce.map_err(|_| UnsealError::NotAnEnvelope)?;
        let opened = self.0.open_within(nonce, bound_data(bound_to), &mut body, HEADER_BYTES..);
        let length = opened.map_err(|_| UnsealError::WrongSecret)?.len();
        body.truncate(length);
        Ok(body)
    }
}

fn bound_data(version: VersionId) -> aead::Aad<[u8; 17]> {
    let mut data = [APP_ID; 17];
    data[1..].copy_from_slice(version.as_bytes());
    aead::Aad::from(data)
}

/// Seals as another device would, for the tests of the whole crate.
#[cfg(test)]
pub(crate) fn seal(plain: &[u8], bound_to: VersionId, client_id: &ClientId, secret: &Secret) -> Vec<u8> {
    Key::derive(client_id, secret).unwrap().seal(plain, bound_to).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ClientId {
        "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10".parse().unwrap()
    }

    fn version() -> VersionId {
        "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab".parse().unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::parse(text.into()).unwrap()
    }

    fn sealed(body: Vec<u8>) -> Sealed {
        Sealed { bound_to: version(), body }
    }

    #[test]
    fn the_right_secret_is_proved() {
        let body = seal(b"{}", version(), &id(), &secret("sesame"));
        assert_eq!(prove(sealed(body), &id(), &secret("sesame")), Ok(()));
    }

    /// Sealed by an implementation that shares no code with this one: Python's `hashlib.pbkdf2_hmac` and the
    /// ChaCha20-Poly1305 of RFC 8439 written out. `testing/golden_seal.py` makes it again.
    #[test]
    fn data_of_another_implementation_is_proved() {
        let body = data_encoding::HEXLOWER.decode(include_bytes!("../testing/golden_seal.hex").trim_ascii()).unwrap();
        assert_eq!(prove(sealed(body), &id(), &secret("open sesame")), Ok(()));
    }

    #[test]
    fn a_wrong_secret_account_or_version_is_not() {
        let body = || seal(b"{}", version(), &id(), &secret("sesame"));
        assert_eq!(prove(sealed(body()), &id(), &secret("sesamE")), Err(UnsealError::WrongSecret));
        assert_eq!(prove(sealed(body()), &ClientId::generate(), &secret("sesame")), Err(UnsealError::WrongSecret));
        let elsewhere = Sealed { bound_to: VersionId::NIL, body: body() };
        assert_eq!(prove(elsewhere, &id(), &secret("sesame")), Err(UnsealError::WrongSecret));
    }

    #[test]
    fn what_was_cut_off_or_is_of_another_kind_is_refused() {
        let whole = seal(b"{}", version(), &id(), &secret("sesame"));
        let refused = |body: &[u8]| prove(sealed(body.to_vec()), &id(), &secret("sesame")).unwrap_err();
        assert_eq!(refused(&[]), UnsealError::NotAnEnvelope);
        assert_eq!(refused(&whole[..12]), UnsealError::NotAnEnvelope);
        assert_eq!(refused(&whole[..13]), UnsealError::WrongSecret);
        assert_eq!(refused(&whole[..whole.len() - 1]), UnsealError::WrongSecret);
        assert_eq!(refused(&[&[2], &whole[1..]].concat()), UnsealError::NotAnEnvelope);
    }
}
