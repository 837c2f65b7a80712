//! The account that a computer is about to leave, one last time: what other computers have sent there comes along; and what there
//! is to say if it can't be reached any more.

use super::computer::Computer;
use super::guard::WouldSpoil;
use super::sync::{NoSync, NotCaught, NotSynced, SyncStopped, sync};
use super::{Run, Stopped};
use crate::error::{Explain, Failure};
use crate::interrupts::Interrupts;
use crate::sync_settings::SyncSettingsError;
use crate::taskwarrior::TaskwarriorError;

/// Nobody knows what else is in the old account, and nobody said that it doesn't matter.
#[derive(Debug, thiserror::Error)]
#[error("there was no sync with the old account, so what other computers have sent there since is not on this one")]
pub struct OldNotSynced(#[source] NoFarewell);

/// Why there was no sync with the account that is left.
#[derive(Debug, thiserror::Error)]
pub enum NoFarewell {
    /// It failed.
    #[error(transparent)]
    Failed(#[from] NoSync),
    /// It was not even tried.
    #[error(transparent)]
    WouldSpoil(#[from] WouldSpoil),
}

impl Explain for OldNotSynced {
    fn hint(&self) -> Option<String> {
        let (first, without) = match &self.0 {
            NoFarewell::Failed(_) => (
                "wait until its server answers, and run the same command again; nothing was changed",
                "if it is gone for good, add `--without-old`",
            ),
            NoFarewell::WouldSpoil(WouldSpoil::UnknownAccount { .. }) => (
                "nothing was changed\n\
                 if another computer still syncs, compare `taskferry share` on both: the account's ID may be mistyped here",
                "if the account is gone for good, add `--without-old`",
            ),
            NoFarewell::WouldSpoil(WouldSpoil::Sealed(_)) => (
                "nothing was changed\n\
                 for the right secret, run `taskferry share` on a computer that syncs, and `taskferry join --replace` here",
                "if no computer has another one, add `--without-old`",
            ),
        };
        Some(format!(
            "{first}\n\
             {without}: what is on this computer goes to the new account, and your other computers bring theirs along \
             when they join it"
        ))
    }
}

/// How the computer syncs before it leaves, for the plan; `None` = not at all.
pub fn old_way(computer: &Computer<'_>) -> Option<String> {
    match (&computer.account, &computer.leftover) {
        (Some(account), _) => Some(format!("`{}`", account.server)),
        (None, Some(SyncSettingsError::OtherBackend(key))) => Some(format!("`{key}`")),
        (None, _) => None,
    }
}

/// Runs `task sync` as the computer is set up now. If that fails, somebody has to say that it goes on without.
pub fn sync_once_more(run: &mut Run<'_>, computer: &Computer<'_>, without_old: bool, yes: bool) -> Result<(), Failure> {
    let Some(failed) = try_sync(run, computer)? else {
        return Ok(());
    };
    let failed = OldNotSynced(failed);
    if without_old {
        run.terminal.say_note(
            "there was no sync with the old account; going on with what is on this computer, as `--without-old` says",
        );
        return Ok(());
    }
    if !run.can_ask() || yes {
        return Err(failed.into());
    }
    let why = std::error::Error::source(&failed).map(ToString::to_string).unwrap_or_default();
    run.terminal.say(&format!(
        "{failed}: {why}\n\
         your other computers bring theirs along when they join the new account"
    ));
    if run.prompter.confirm("go on with what is on this computer?", false)? {
        return Ok(());
    }
    Err(Stopped::Declined.into())
}

/// The same where nothing depends on it: the others bring along by themselves what they have sent there.
pub fn say_farewell(run: &mut Run<'_>, computer: &Computer<'_>) -> Result<(), Failure> {
    if let Some(why) = try_sync(run, computer)? {
        run.terminal.say_note(&format!(
            "there was no sync with the present account ({why}); going on with what is on this computer"
        ));
    }
    Ok(())
}

/// Why there was none, if there was none; an interruption is an end.
fn try_sync(run: &mut Run<'_>, computer: &Computer<'_>) -> Result<Option<NoFarewell>, Failure> {
    match (&computer.account, &computer.leftover) {
        (Some(account), _) => match sync(run, &computer.taskwarrior, account) {
            Ok(_) => Ok(None),
            Err(NotSynced::Failed(why)) => Ok(Some(why.into())),
            Err(NotSynced::WouldSpoil(why)) => Ok(Some(why.into())),
            Err(why) => Err(why.into()),
        },
        (None, Some(SyncSettingsError::OtherBackend(_))) => {
            let interrupts = Interrupts::catch().map_err(NotCaught::new)?;
            run.terminal.say("running `task sync` …");
            match computer.taskwarrior.sync(interrupts) {
                Ok(()) => Ok(None),
                Err(TaskwarriorError::Interrupted) => Err(SyncStopped.into()),
                Err(why) => Ok(Some(NoSync::from(why).into())),
            }
        }
        (None, _) => Ok(None),
    }
}
