//! `account export`.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::json;
use taskferry_protocol::account_file::Head;

use super::super::door::Door;
use super::super::interrupt::interruptible;
use super::super::{VerbError, words};
use super::kept::ENDING;
use crate::cli::account::ExportArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::export::{Export, ExportError};
use crate::storage::sqlite::directory::DATABASE_FILE;
use crate::terminal;

/// What stands for standard output.
const PIPE: &str = "-";

pub(super) fn run(args: &ExportArgs, env: &Env) -> Result<(), VerbError> {
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    let hash = door.hasher.of(record.client);
    let export = Export::of(record.client, &door.directory.join(DATABASE_FILE), now())?;
    if args.file.as_deref().is_some_and(|file| file == Path::new(PIPE)) {
        return to_pipe(&export);
    }
    let path = args.file.clone().unwrap_or_else(|| PathBuf::from(format!("{hash}{ENDING}")));
    interruptible(args.data.json, |stop| export.write_to(&path, stop))?;
    if args.data.json {
        terminal::print(&as_json(&hash.to_string(), export.head(), &path).to_string());
    } else {
        terminal::say(&format!(
            "account {hash}: {} in\n  `{}`\nwhoever has this file can write to the account: keep it as you keep a password",
            contents(export.head()),
            path.display()
        ));
    }
    Ok(())
}

/// Nothing but the file goes there, so nothing is said either.
fn to_pipe(export: &Export) -> Result<(), VerbError> {
    if terminal::is_shown() {
        return Err(VerbError::NotForATerminal);
    }
    let path = Path::new("standard output");
    let failed = |cause: std::io::Error| ExportError::File { path: path.to_owned(), cause: cause.into() };
    let out = terminal::data_out().map(File::from).map_err(failed)?;
    Ok(interruptible(true, |stop| export.write(&out, path, stop))?)
}

/// `12 versions and a snapshot (9.4 kB)`.
pub(super) fn contents(head: &Head) -> String {
    let snapshot = if head.snapshot_bytes > 0 { " and a snapshot" } else { "" };
    let bytes = head.version_bytes.saturating_add(head.snapshot_bytes);
    format!("{}{snapshot} ({})", words::count(head.versions, "version"), words::size(bytes))
}

fn as_json(account: &str, head: &Head, path: &Path) -> serde_json::Value {
    json!({
        "account": account,
        "file": path,
        "latest_version_id": head.latest_version_id.to_string(),
        "versions": head.versions,
        "version_bytes": head.version_bytes,
        "snapshot_bytes": head.snapshot_bytes,
    })
}
