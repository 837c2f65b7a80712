//! How an account is named where its client ID must not stand: in logs, and in what an operator's commands show.
//!
//! A client ID is a credential. Its hash under a salt that lies in the data, and nowhere else, says nothing about it, and is the
//! same in the log of the running server and in the output of a command beside it. It changes with the data: two servers
//! can't compare their logs.

use std::fmt;

use ring::hmac;
use taskferry_protocol::ClientId;

/// Twelve hexadecimal digits. Two of a million accounts share one with a probability of 1 in 560.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountHash(u64);

impl AccountHash {
    /// Digits of its text.
    pub const DIGITS: usize = 12;
}

impl fmt::Display for AccountHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad`, so that tables can ask for a width.
        f.pad(&format!("{:0digits$x}", self.0, digits = Self::DIGITS))
    }
}

/// Names accounts under one salt. Half a microsecond each.
#[derive(Clone)]
pub struct AccountHasher(hmac::Key);

impl AccountHasher {
    /// Under `salt`, which is [`crate::storage::Storage::salt`].
    pub fn new(salt: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()))
    }

    /// The account's name.
    pub fn of(&self, client: ClientId) -> AccountHash {
        let tag = hmac::sign(&self.0, client.as_bytes());
        let first = tag.as_ref().iter().take(AccountHash::DIGITS / 2);
        AccountHash(first.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl fmt::Debug for AccountHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountHasher(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u128) -> ClientId {
        ClientId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn an_account_has_one_name_per_salt_and_it_never_changes() {
        let hasher = AccountHasher::new("one salt");
        // The first digits of HMAC-SHA256, so that logs of different versions agree.
        assert_eq!(hasher.of(client(7)).to_string(), "84f251767481");
        assert_ne!(hasher.of(client(7)), hasher.of(client(8)));
        assert_ne!(hasher.of(client(7)), AccountHasher::new("another salt").of(client(7)));
    }

    #[test]
    fn a_name_has_twelve_digits_and_fits_into_a_table() {
        let name = AccountHash(0xab);
        assert_eq!(name.to_string(), "0000000000ab");
        assert_eq!(format!("{name:>14}|"), "  0000000000ab|");
    }
}
