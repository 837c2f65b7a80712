//! What was seen last of each account that this computer syncs with: the version at which this computer was, and the server's epoch.
//! With it, an account that was taken back to an older state is told from one that this computer was away from for too long, and
//! both from one that it never synced with. And that its secret was proved ([`crate::credentials::proved`]), so that it need not be
//! looked at before every sync.
//!
//! A hint, never the ground for anything that could lose a task: computers sync without us, too. So it is written
//! where there is a chance, and one that can't be read or written is as good as none.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use taskferry_protocol::{ClientId, VersionId};

use crate::context::Context;
use crate::credentials::Credentials;
use crate::credentials::proved::Proved;
use crate::credentials::unseal::Key;
use crate::files::{OWNER_ONLY, make_own, replace};
use crate::taskrc::record::checksum;

/// Accounts that are remembered; a computer rarely has a second one.
const ACCOUNTS_MAX: usize = 16;
/// More than the file has, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// What was seen of all accounts, the newest first.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    accounts: Vec<Sight>,
}

/// What was seen of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sight {
    /// A checksum of its ID, which itself is a credential.
    account: String,
    /// The version at which this computer was.
    base: VersionId,
    /// The server's epoch, where it tells.
    epoch: Option<String>,
    /// That the secret opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proved: Option<Proved>,
}

impl Seen {
    /// What is remembered.
    pub fn find(context: &Context) -> Self {
        let read = || {
            let path = place(context);
            if std::fs::metadata(&path).ok()?.len() > FILE_BYTES_MAX {
                return None;
            }
            serde_json::from_slice(&std::fs::read(path).ok()?).ok()
        };
        read().unwrap_or_default()
    }

    /// The epoch of this account's server, as it was last seen.
    pub fn epoch(&self, account: &ClientId) -> Option<&str> {
        self.of(account)?.epoch.as_deref()
    }

    /// Whether the secret was proved before to open this account. Slow, on purpose.
    pub fn is_proved(&self, account: &Credentials) -> bool {
        let proved = self.of(&account.client_id).and_then(|sight| sight.proved.as_ref());
        proved.is_some_and(|proved| proved.fits(account))
    }

    /// Whether this computer was at this version when it synced with another account than this one.
    pub fn was_of_another(&self, account: &ClientId, base: VersionId) -> bool {
        let mut those = self.accounts.iter().filter(|sight| sight.base == base && !base.is_nil());
        let is_this = |sight: &Sight| sight.account == name(account);
        those.clone().next().is_some() && !those.any(is_this)
    }

    /// Remembers that this computer was seen at `base` of an account, on a server of this epoch.
    pub fn note(context: &Context, account: &ClientId, base: VersionId, epoch: Option<&str>) {
        Self::change(context, account, |sight| Sight { base, epoch: epoch.map(ToOwned::to_owned), ..sight });
    }

    /// Remembers that this secret opens what the account holds; `key` is what it was opened with.
    pub fn note_proved(context: &Context, account: &Credentials, key: &Key) {
        let proved = Proved::of(key, &account.server);
        Self::change(context, &account.client_id, |sight| Sight { proved, ..sight });
    }

    fn change(context: &Context, account: &ClientId, change: impl FnOnce(Sight) -> Sight) {
        let seen = Self::find(context);
        let nothing = || Sight { account: name(account), base: VersionId::NIL, epoch: None, proved: None };
        let sight = change(seen.of(account).cloned().unwrap_or_else(nothing));
        // A status bar asks every minute.
        if seen.accounts.first() == Some(&sight) {
            return;
        }
        let others = seen.accounts.into_iter().filter(|other| other.account != sight.account);
        let accounts = std::iter::once(sight.clone()).chain(others).take(ACCOUNTS_MAX).collect();
        let write = || {
            make_own(&context.state_dir())?;
            replace(&place(context), &serde_json::to_vec(&Self { accounts })?, OWNER_ONLY)
        };
        let _: std::io::Result<()> = write();
    }

    fn of(&self, account: &ClientId) -> Option<&Sight> {
        let name = name(account);
        self.accounts.iter().find(|sight| sight.account == name)
    }
}

fn name(account: &ClientId) -> String {
    let mut name = checksum(account.as_bytes());
    name.truncate(32);
    name
}

fn place(context: &Context) -> PathBuf {
    context.state_dir().join("seen.json")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::home;
    use crate::testing::server::version;

    fn account(number: u128) -> ClientId {
        ClientId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn each_account_has_its_last_sight_and_none_is_named() {
        let (_home, context) = home();
        assert_eq!(Seen::find(&context), Seen::default());
        Seen::note(&context, &account(1), version(1), Some("old"));
        Seen::note(&context, &account(1), version(2), Some("new"));
        Seen::note(&context, &account(2), version(7), None);
        let seen = Seen::find(&context);
        assert_eq!(
            (seen.epoch(&account(1)), seen.epoch(&account(2)), seen.epoch(&account(3))),
            (Some("new"), None, None)
        );
        assert!(seen.was_of_another(&account(2), version(2)));
        assert!(!seen.was_of_another(&account(1), version(2)));
        assert!(!seen.was_of_another(&account(1), version(1)), "nobody knows any more");
        let path = place(&context);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!std::fs::read_to_string(path).unwrap().contains(&account(1).expose().to_string()));
    }

    #[test]
    fn that_a_secret_was_proved_is_remembered_until_it_changes_and_gives_it_to_nobody() {
        let (_home, context) = home();
        let account = |secret: &str| Credentials {
            server: "https://a.example".parse().unwrap(),
            client_id: account(1),
            secret: crate::credentials::Secret::parse(secret.into()).unwrap(),
        };
        let here = account("sesame");
        assert!(!Seen::find(&context).is_proved(&here));
        Seen::note_proved(&context, &here, &Key::derive(&here.client_id, &here.secret).unwrap());
        Seen::note(&context, &here.client_id, version(2), Some("e"));
        let seen = Seen::find(&context);
        assert!(seen.is_proved(&here));
        assert!(!seen.is_proved(&account("sesamE")));
        assert_eq!(seen.epoch(&here.client_id), Some("e"));
        assert!(!std::fs::read_to_string(place(&context)).unwrap().contains("sesame"));
    }

    #[test]
    fn what_an_earlier_program_has_written_is_understood() {
        let (_home, context) = home();
        Seen::note(&context, &account(1), version(1), Some("e"));
        assert!(
            !std::fs::read_to_string(place(&context)).unwrap().contains("proved"),
            "as it was before there were any"
        );
        assert_eq!(Seen::find(&context).epoch(&account(1)), Some("e"));
    }

    #[test]
    fn what_can_not_be_read_is_as_good_as_nothing() {
        let (_home, context) = home();
        Seen::note(&context, &account(1), version(1), Some("e"));
        std::fs::write(place(&context), "{").unwrap();
        assert_eq!(Seen::find(&context), Seen::default());
    }
}
