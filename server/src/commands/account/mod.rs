//! `taskferry-server account …`: one verb per file. An account is shown by its hash; its client ID is a credential, and shown
//! only by `create` and by `show --reveal`.

mod create;
mod delete;
mod disable;
mod enable;
mod export;
mod import;
mod kept;
mod list;
mod quota;
mod rewind;
mod show;

use serde_json::{Value, json};

use super::VerbError;
use super::door::Door;
use crate::cli::account::AccountCommand;
use crate::config::sources::Env;
use crate::storage::Barred;
use crate::storage::admin::Record;
use crate::terminal;

/// Carries out the verb.
pub fn run(command: &AccountCommand, env: &Env) -> Result<(), VerbError> {
    match command {
        AccountCommand::List(args) => list::run(args, env),
        AccountCommand::Show(args) => show::run(args, env),
        AccountCommand::Create(args) => create::run(args, env),
        AccountCommand::Disable(args) => disable::run(args, env),
        AccountCommand::Enable(args) => enable::run(args, env),
        AccountCommand::Delete(args) => delete::run(args, env),
        AccountCommand::Quota(args) => quota::run(args, env),
        AccountCommand::Rewind(args) => rewind::run(args, env),
        AccountCommand::Export(args) => export::run(args, env),
        AccountCommand::Import(args) => import::run(args, env),
    }
}

/// The account for programs.
fn as_json(door: &Door, record: &Record, reveal: bool) -> Value {
    let account = &record.account;
    let reason = match &account.barred {
        Some(Barred::Disabled { reason }) => reason.clone(),
        _ => None,
    };
    let mut value = json!({
        "account": door.hasher.of(record.client).to_string(),
        "state": record.state().name(),
        "reason": reason,
        "erase_at": record.erase_at,
        "created_at": account.created_at,
        "last_version_at": account.last_version_at,
        "seen_at": record.seen_at(),
        "latest_version_id": account.latest().to_string(),
        "versions": account.versions,
        "version_bytes": account.version_bytes,
        "snapshot": account.snapshot.map(|snapshot| json!({
            "version_id": snapshot.version.to_string(),
            "stored_at": snapshot.stored_at,
            "bytes": snapshot.bytes,
            "versions_since": snapshot.versions_since,
        })),
        "quota_bytes": account.quota.bytes,
        "quota_versions": account.quota.versions,
    });
    if reveal {
        value["client_id"] = record.client.expose().to_string().into();
    }
    value
}

/// After a change: says so, or shows the account as it now is.
fn tell(door: &Door, record: &Record, json: bool, words: &str) -> Result<(), VerbError> {
    if json {
        terminal::print(&as_json(door, &door.again(record.client)?, false).to_string());
    } else {
        terminal::say(&format!("account {}: {words}", door.hasher.of(record.client)));
    }
    Ok(())
}
