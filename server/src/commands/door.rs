//! What all verbs beside the server share: which data, opened as whom, and how to find an account in it.

use std::path::{Path, PathBuf};

use taskferry_protocol::{ClientId, ServerUrl};

use super::VerbError;
use crate::account_hash::{AccountHash, AccountHasher};
use crate::cli::DataArgs;
use crate::config::Beside;
use crate::config::sources::Env;
use crate::privileges;
use crate::remedy;
use crate::storage::UnixSeconds;
use crate::storage::admin::{Administration as _, Record};
use crate::storage::select::Selection;
use crate::storage::sqlite::administrator::Administrator;

/// Digits of a hash that are enough to name an account.
const PREFIX_DIGITS_MIN: usize = 4;

/// The data, opened.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) data: Administrator,
    pub(super) hasher: AccountHasher,
    /// Where it lies.
    pub(super) directory: PathBuf,
    /// How people reach the server, if that is known.
    pub(super) public_url: Option<ServerUrl>,
}

impl Door {
    pub(super) fn open(args: &DataArgs, env: &Env) -> Result<Self, VerbError> {
        Self::open_with(args, None, env)
    }

    /// With an address from the command line.
    pub(super) fn open_with(args: &DataArgs, public_url: Option<&String>, env: &Env) -> Result<Self, VerbError> {
        let Beside { data_dir, public_url, .. } =
            Beside::load(args, public_url.map_or(&[], std::slice::from_ref), env)?;
        act_as_owner(&data_dir).map_err(VerbError::Owner)?;
        let data = Administrator::open(&data_dir)?;
        let hasher = AccountHasher::new(data.salt());
        Ok(Self { data, hasher, directory: data_dir, public_url })
    }

    /// The data directory alone.
    pub(super) fn directory(args: &DataArgs, env: &Env) -> Result<PathBuf, VerbError> {
        let Beside { data_dir, .. } = Beside::load(args, &[], env)?;
        act_as_owner(&data_dir).map_err(VerbError::Owner)?;
        Ok(data_dir)
    }

    /// The same for a command that may be the first to write there, before any server: what it makes must be the server's.
    pub(super) fn directory_to_fill(args: &DataArgs, env: &Env) -> Result<PathBuf, VerbError> {
        let Beside { data_dir, user, .. } = Beside::load(args, &[], env)?;
        if user.is_some() && rustix::process::geteuid().is_root() && privileges::is_fresh(&data_dir) {
            privileges::drop_to(user, &data_dir)?;
        }
        act_as_owner(&data_dir).map_err(VerbError::Owner)?;
        Ok(data_dir)
    }

    /// The account that `text` names.
    pub(super) fn find(&self, text: &str) -> Result<Record, VerbError> {
        let nobody = || VerbError::NoSuchAccount;
        if let Ok(client) = text.parse::<ClientId>() {
            return self.data.record(client)?.ok_or_else(nobody);
        }
        let prefix = text.to_ascii_lowercase();
        let is_prefix = (PREFIX_DIGITS_MIN..=AccountHash::DIGITS).contains(&prefix.len())
            && prefix.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_prefix {
            return Err(VerbError::NotAnAccount);
        }
        let (mut found, mut count) = (None, 0_usize);
        self.data.records(&Selection::default(), &mut |record| {
            if self.hasher.of(record.client).to_string().starts_with(&prefix) {
                found = Some(record);
                count += 1;
            }
        })?;
        match count {
            0 | 1 => found.ok_or_else(nobody),
            _ => Err(VerbError::Ambiguous { prefix, count }),
        }
    }

    /// The same account, as it stands now.
    pub(super) fn again(&self, client: ClientId) -> Result<Record, VerbError> {
        self.data.record(client)?.ok_or(VerbError::NoSuchAccount)
    }
}

/// A duration such as `7d` or `12h 30m`, in seconds.
pub(super) fn seconds(flag: &'static str, text: &str) -> Result<UnixSeconds, VerbError> {
    let wrong = || VerbError::Duration { flag, text: text.to_owned() };
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    // Ten years: far beyond any use, and within what sums of times can hold.
    let seconds = span.total((jiff::Unit::Second, jiff::SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?;
    if !(0.0..=315_360_000.0).contains(&seconds) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was compared with its bounds")]
    Ok(seconds as UnixSeconds)
}

/// Gives up being root in favour of the data's owner: what SQLite creates beside its file would otherwise be root's, and the
/// server could not open it any more.
///
/// For the calling thread only, as the system has it: to be called while there is no other.
#[cfg(target_os = "linux")]
pub(super) fn act_as_owner(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::process::{Gid, Uid, geteuid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

    // Without a directory there is nothing to create either; whoever opens it says so in better words.
    let Ok(owner) = std::fs::metadata(directory) else { return Ok(()) };
    if !geteuid().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    let (user, group) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    remedy::acts_as(owner.uid());
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn act_as_owner(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_typed_as_people_say_them() {
        for (text, expected) in [("7d", 604_800), ("12h", 43_200), ("1h 30m", 5400), ("2w", 1_209_600), ("0d", 0)] {
            assert_eq!(seconds("grace", text).unwrap(), expected, "{text}");
        }
        for text in ["", "7", "soon", "-1d", "99999d", "1mo"] {
            assert!(seconds("grace", text).is_err(), "{text}");
        }
    }
}
