//! `--forget-old`: deletes the account that was left, where its server lets a person do that. Asked for on its own, since computers
//! that have not joined the new account by then are shut out.

use std::time::SystemTime;

use taskferry_protocol::describe::Deletion;

use crate::cli;
use crate::credentials::Credentials;
use crate::error::{Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::{Run, reach};
use crate::json::{self, MoveOutcome};
use crate::server::account::Known;
use crate::server::probe::Kind;
use crate::sync_settings::configured;
use crate::taskrc::record::Entry;

/// Why the old account stays.
#[derive(Debug, thiserror::Error)]
pub enum NotForgotten {
    /// Nothing is known of a move.
    #[error("the last change that taskferry made on this computer was no move, so there is no old account to delete")]
    NoMove,
    /// Its server has no such request.
    #[error("the server of the old account does not let people delete their accounts")]
    NotOffered,
    /// Nobody said so.
    #[error("the old account stays: to delete it has to be accepted")]
    NotAccepted,
}

impl Explain for NotForgotten {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoMove => "to move to another account, run `taskferry move --server https://…`".into(),
            Self::NotOffered => "ask whoever runs it to delete the account".into(),
            Self::NotAccepted => "add `--yes` to accept it unasked".into(),
        })
    }
}

/// `taskferry move --forget-old` alone: for the account that this computer moved from last.
pub fn run(run: &mut Run<'_>, args: &cli::Move) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let from = old_account(run, &computer)?.ok_or(NotForgotten::NoMove)?;
    if args.dry_run {
        run.terminal.say(&format!("the account `{}` at `{}` would be deleted", from.client_id.short(), from.server));
        run.terminal.say("nothing was changed: this was only the plan");
        return report(run, MoveOutcome::OnlyPlanned, false);
    }
    let deleted = delete(run, &from, args.yes)?;
    report(run, MoveOutcome::OnlyForgotten, deleted)
}

fn report(run: &mut Run<'_>, outcome: MoveOutcome, old_account_deleted: bool) -> Result<(), Failure> {
    let (server, tasks, fingerprint, kept) = (None, None, None, None);
    run.report(&json::Move { outcome, server, tasks, fingerprint, kept, old_account_deleted })
}

/// From the backup of the settings that the move has replaced: they have no other copy.
fn old_account(run: &Run<'_>, computer: &Computer<'_>) -> Result<Option<Credentials>, Failure> {
    let Some((_, Entry { files, database: Some(_) })) = Entry::newest(run.context)? else {
        return Ok(None);
    };
    for backup in files.into_iter().filter_map(|file| file.backup) {
        let Ok(bytes) = fs_err::read(backup).map(zeroize::Zeroizing::new) else { continue };
        let Ok(former) = computer.taskwarrior.with_taskrc(&bytes) else { continue };
        if let Ok(Some(account)) = configured(&former)
            && computer.account.as_ref() != Some(&account)
        {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

/// Deletes it, if that is accepted. Whether it was.
pub fn delete(run: &mut Run<'_>, account: &Credentials, yes: bool) -> Result<bool, Failure> {
    let (server, kind) = reach(run, account.server.clone())?;
    if !matches!(&kind, Kind::Taskferry(info) if info.allows_deletion()) {
        return Err(NotForgotten::NotOffered.into());
    }
    let known = run.ask_server(&server, |server| server.account(&account.client_id))?;
    if matches!(known, Known::Deleted | Known::Unknown) {
        run.terminal.say(&format!("the old account at `{}` is deleted already", account.server));
        return Ok(true);
    }
    if !yes {
        if !run.can_ask() {
            return Err(NotForgotten::NotAccepted.into());
        }
        run.terminal.say(&format!(
            "the old account at `{}` is about to be deleted: a computer that has not joined the new one can't sync \
             any more until it does; its tasks stay on it",
            account.server
        ));
        if !run.confirm_midway("delete the old account?", false, "the old account stays as it is")? {
            run.terminal.say("the old account stays as it is");
            return Ok(false);
        }
    }
    let deletion = run.ask_server(&server, |server| server.delete_account(&account.client_id))?;
    run.terminal.say(&format!(
        "the old account at `{}` is deleted{}",
        account.server,
        deletion.map(until).unwrap_or_default()
    ));
    Ok(true)
}

/// When its data goes.
fn until(deletion: Deletion) -> String {
    const DAY: u64 = 24 * 3600;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    match u64::try_from(deletion.erase_at).unwrap_or(0).saturating_sub(now).div_ceil(DAY) {
        0 => String::new(),
        1 => "; its data goes within a day".into(),
        days => format!("; its data goes in {days} days, and until then whoever runs the server can bring it back"),
    }
}
