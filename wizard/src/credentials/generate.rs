//! Fresh credentials, from the operating system's randomness. Nothing of them leaves the computer here.

use ring::rand::{SecureRandom, SystemRandom};
use taskferry_protocol::link::BadSecret;
use taskferry_protocol::{ClientId, ServerUrl};
use zeroize::Zeroizing;

use super::{Credentials, Secret};
use crate::error::Explain;

/// Bytes of randomness in a secret: as many as the key that is derived from it.
const SECRET_BYTES: usize = 32;

/// Why no credentials could be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// Rare: for example early at boot.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// Can't happen with the format above; reported rather than assumed.
    #[error("could not make a secret")]
    Secret(#[source] BadSecret),
}

impl Explain for GenerateError {}

/// Credentials for a new account on `server`.
pub fn generate(server: ServerUrl) -> Result<Credentials, GenerateError> {
    Ok(Credentials { server, client_id: ClientId::generate(), secret: generate_secret()? })
}

/// 64 lower-case hex digits rather than the full alphabet: they mean the same in every taskrc, shell and phone app, and a
/// setup link can carry them as 32 raw bytes.
fn generate_secret() -> Result<Secret, GenerateError> {
    let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| GenerateError::NoRandomness)?;
    Secret::parse(data_encoding::HEXLOWER.encode(&*bytes)).map_err(GenerateError::Secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_64_lower_case_hex_digits_and_never_twice_the_same() {
        let (one, two) = (generate_secret().unwrap(), generate_secret().unwrap());
        assert_eq!(one.expose().len(), 64);
        assert!(one.expose().bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        assert_ne!(one, two);
    }

    #[test]
    fn an_account_id_is_a_random_uuid() {
        let server: ServerUrl = "https://a.example".parse().unwrap();
        let (one, two) = (generate(server.clone()).unwrap(), generate(server).unwrap());
        assert_eq!(one.client_id.expose().get_version_num(), 4);
        assert_ne!(one.client_id, two.client_id);
    }
}
