//! `taskferry sync`: `task sync` with patience and honest words. Where so much was sent that Taskwarrior may have lost a part
//! of it, the sync is proved; and nothing is sent with a secret that does not open the account.

use crate::commands::share::ShareError;
use crate::error::Failure;
use crate::flow::computer::Computer;
use crate::flow::proving::{Mend, prove_now, say_what_others_lack};
use crate::flow::sync::sync;
use crate::flow::{Run, tasks};
use crate::json::SyncOutcome;
use crate::seen::Seen;
use crate::{cli, json};

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Sync) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let account = computer.account.as_ref().ok_or(ShareError::NotSetUp)?;
    let sent = sync(run, &computer.taskwarrior, account)?;
    run.terminal.say(&match sent.tasks {
        0 => format!("in sync with `{}`; there was nothing to send", account.server),
        count => format!("in sync with `{}`; changes of {} were sent", account.server, tasks(count)),
    });
    if sent.is_several_versions() || args.mend {
        let mend = if args.mend { Mend::Yes } else { Mend::Ask };
        prove_now(run, &computer.taskwarrior, account, mend)?;
        say_what_others_lack(run, &computer.taskwarrior, account)?;
    }
    Seen::note_after_sync(run, &computer.taskwarrior, account);
    run.report(&json::Sync { outcome: SyncOutcome::Synced, server: account.server.to_string(), sent: sent.tasks })
}

#[cfg(test)]
mod tests;
