//! Invites, as the server knows them: by the hash of their code.

use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use taskferry_protocol::InviteCode;

/// SHA-256 of an invite's code. No slow hash, as for passwords: a code has 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InviteHash([u8; 32]);

impl InviteHash {
    /// The hash of `code`.
    pub fn of(code: &InviteCode) -> Self {
        let digest = digest::digest(&digest::SHA256, code.expose());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        Self(hash)
    }

    /// As stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why an invite admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InviteFlaw {
    /// None has this code.
    #[error("no invite has this code")]
    Unknown,
    /// Its time is over.
    #[error("the invite has expired")]
    Expired,
    /// All of its uses are taken.
    #[error("the invite was used already")]
    Used,
}

/// The system has no randomness to give.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gave no random numbers")]
pub struct NoRandomness;

/// A fresh code, from the operating system's randomness.
pub fn new_code() -> Result<InviteCode, NoRandomness> {
    let mut bytes = [0; InviteCode::BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(InviteCode::from_random(bytes))
}
