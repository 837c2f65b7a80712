//! Other accounts on this computer, as far as they are known of: in taskrc files that this program has changed, in the usual places
//! of one, and in contexts of the present one.
//!
//! Read by looking at the lines, not through Taskwarrior: it would have to be run once for each of them, and nothing is decided by
//! what is found here; a person is only reminded of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use taskferry_protocol::{ClientId, ServerUrl};

use super::record::Entry;
use super::{edit, keys};
use crate::context::Context;
use crate::terminal::printable;

/// Bytes of a taskrc that is looked into; more than anybody's has.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// How many are told.
const OTHERS_MAX: usize = 20;

/// Another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Other {
    /// The file.
    pub file: String,
    /// The context in it, if it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The server.
    pub server: String,
    /// The account's ID, shortened.
    pub account: String,
}

/// All of them but `present`. `taskrc`: the present file.
pub fn find(context: &Context, present: Option<&ClientId>, taskrc: &Path) -> Vec<Other> {
    let usual = [context.home().join(".taskrc"), context.config_home().join("task/taskrc")];
    let changed = Entry::all(context).into_iter().flat_map(|entry| entry.files).map(|file| file.path);
    let files: BTreeSet<PathBuf> = usual.into_iter().chain(changed).chain([taskrc.to_owned()]).collect();
    let mut seen: BTreeSet<ClientId> = present.copied().into_iter().collect();
    let mut others = Vec::new();
    for file in files {
        for found in accounts(&file) {
            if seen.insert(found.client_id) {
                others.push(Other {
                    file: file.display().to_string(),
                    context: found.context,
                    server: found.server.to_string(),
                    account: found.client_id.short(),
                });
            }
        }
    }
    others.truncate(OTHERS_MAX);
    others
}

struct Found {
    context: Option<String>,
    server: ServerUrl,
    client_id: ClientId,
}

/// The accounts in one file: its own, and those of its contexts.
fn accounts(file: &Path) -> Vec<Found> {
    if std::fs::metadata(file).is_ok_and(|file| !file.is_file() || file.len() > FILE_BYTES_MAX) {
        return Vec::new();
    }
    let Ok(bytes) = std::fs::read(file) else {
        return Vec::new();
    };
    let settings: Vec<(String, String)> = edit::lines(&bytes).filter_map(setting).collect();
    let prefixes: BTreeSet<&str> = settings.iter().filter_map(|(key, _)| prefix(key)).collect();
    let of = |prefix: &str| {
        let value = |key: &str| {
            let whole = format!("{prefix}{key}");
            settings.iter().rfind(|(key, _)| *key == whole).map(|(_, value)| value.replace("\\/", "/"))
        };
        let server = value(keys::URL).or_else(|| value(keys::ORIGIN))?;
        Some(Found {
            context: prefix.strip_prefix("context.").and_then(|rest| rest.strip_suffix(".rc.")).map(printable),
            server: server.parse().ok()?,
            client_id: value(keys::CLIENT_ID)?.parse().ok()?,
        })
    };
    prefixes.into_iter().filter_map(of).collect()
}

fn setting(line: &[u8]) -> Option<(String, String)> {
    let line = std::str::from_utf8(line).ok()?.split('#').next()?;
    let (key, value) = line.split_once('=')?;
    Some((key.trim().to_owned(), value.trim().to_owned()))
}

/// What stands before a setting of an account: nothing, or a context.
fn prefix(key: &str) -> Option<&str> {
    let prefix = key.strip_suffix(keys::CLIENT_ID)?;
    (prefix.is_empty() || (prefix.starts_with("context.") && prefix.ends_with(".rc."))).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00000000-0000-0000-0000-000000000001";
    const TWO: &str = "11111111-1111-1111-1111-111111111111";
    const THREE: &str = "22222222-2222-2222-2222-222222222222";

    #[test]
    fn accounts_of_contexts_and_of_other_files_are_found_and_the_present_one_is_not() {
        let home = tempfile::tempdir().unwrap();
        let context = Context::new([("HOME".into(), home.path().into())].into(), "/".into(), false).unwrap();
        let taskrc = home.path().join("work.taskrc");
        std::fs::write(
            &taskrc,
            format!(
                "sync.server.url=https://a.example\nsync.server.client_id={ONE} # mine\n\
                 context.work.rc.sync.server.url=https:\\/\\/b.example\ncontext.work.rc.sync.server.client_id={TWO}\n\
                 report.sync.server.client_id={THREE}\n"
            ),
        )
        .unwrap();
        let own = format!("sync.server.origin=https://c.example\nsync.server.client_id={THREE}\n");
        std::fs::write(home.path().join(".taskrc"), own).unwrap();
        let present: ClientId = ONE.parse().unwrap();
        let found = find(&context, Some(&present), &taskrc);
        let told: Vec<_> = found
            .iter()
            .map(|other| (other.context.as_deref(), other.server.as_str(), other.account.as_str()))
            .collect();
        let [two, three] = [TWO, THREE].map(|id| id.parse::<ClientId>().unwrap().short());
        assert_eq!(
            told,
            [(None, "https://c.example", three.as_str()), (Some("work"), "https://b.example", two.as_str())]
        );
    }

    #[test]
    fn what_is_no_account_is_none() {
        let home = tempfile::tempdir().unwrap();
        let context = Context::new([("HOME".into(), home.path().into())].into(), "/".into(), false).unwrap();
        let taskrc = home.path().join(".taskrc");
        for text in ["", "sync.server.client_id=x\n", "sync.server.url=https://a.example\n", "\u{fffd}=\n"] {
            std::fs::write(&taskrc, text).unwrap();
            assert_eq!(find(&context, None, &taskrc), []);
        }
    }
}
