//! `taskferry sync`: `task sync` with patience and honest words. Where so much was sent that Taskwarrior may have lost a part
//! of it, the sync is proved; and nothing is sent with a secret that does not open the account, nor to another account than the one
//! with which this computer synced before: with a mistyped ID, Taskwarrior reports success, and the other computers never see it.
//! Where it reports success and nothing is shared, this command does not.

use crate::commands::share::ShareError;
use crate::error::{Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::proving::{Mend, prove_now, say_what_others_lack};
use crate::flow::sync::{database_of, sync};
use crate::flow::{Run, success, tasks};
use crate::json::SyncOutcome;
use crate::seen::Seen;
use crate::standing::State;
use crate::{cli, json};

/// This computer is where it was left with another account.
#[derive(Debug, thiserror::Error)]
#[error("nothing was sent: {}", State::OtherAccount.sentence().unwrap_or_default())]
struct OfAnotherAccount;

impl Explain for OfAnotherAccount {
    fn hint(&self) -> Option<String> {
        Some(format!(
            "if the account's ID was changed by hand, look for a typing error: `taskferry share` on a computer that syncs shows it\n{}",
            State::OtherAccount.remedy()?
        ))
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Sync) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let account = computer.account.as_ref().ok_or(ShareError::NotSetUp)?;
    let stand = database_of(&computer.taskwarrior).and_then(|database| database.stand().ok());
    // What was seen is a hint; to be refused by mistake loses nothing, and `repair` looks closely.
    if stand.is_some_and(|stand| Seen::find(run.context).was_of_another(&account.client_id, stand.base)) {
        return Err(OfAnotherAccount.into());
    }
    let sent = sync(run, &computer.taskwarrior, account)?;
    success::confirm(run, &computer.taskwarrior, account, sent)?;
    run.terminal.say(&match sent.tasks {
        0 => format!("in sync with `{}`; there was nothing to send", account.server),
        count => format!("in sync with `{}`; changes of {} were sent", account.server, tasks(count)),
    });
    if sent.is_several_versions() || args.mend {
        let mend = if args.mend { Mend::Yes } else { Mend::Ask };
        prove_now(run, &computer.taskwarrior, account, mend)?;
        say_what_others_lack(run, &computer.taskwarrior, account)?;
    }
    run.report(&json::Sync { outcome: SyncOutcome::Synced, server: account.server.to_string(), sent: sent.tasks })
}

#[cfg(test)]
mod tests;
