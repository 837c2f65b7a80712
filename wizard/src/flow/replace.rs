//! A computer that syncs already is to get another account. What that means is said first, and where it would lose tasks, it
//! is refused.

use taskferry_protocol::ServerUrl;

use super::computer::{Computer, SyncSettingsError};
use super::{Run, Stopped, tasks};
use crate::credentials::Credentials;
use crate::error::{Exit, Explain, Failure};

/// Why the present account stays.
#[derive(Debug, thiserror::Error)]
pub enum KeepsAccount {
    /// It has tasks, and they would stay behind.
    #[error("this computer already syncs with `{server}`, and has {} that another account would never get", tasks(*.count))]
    HasTasks {
        /// The present server.
        server: ServerUrl,
        /// How many.
        count: u64,
    },
    /// Nobody said that it may go.
    #[error("this computer already syncs with `{server}`")]
    NotAsked {
        /// The present server.
        server: ServerUrl,
    },
    /// It syncs without a server, and has tasks.
    #[error("this computer syncs in another way (`{key}`), and has {} that belong to that", tasks(*.count))]
    OtherWay {
        /// The setting.
        key: &'static str,
        /// How many.
        count: u64,
    },
}

impl Explain for KeepsAccount {
    fn hint(&self) -> Option<String> {
        Some(
            match self {
                // Taskwarrior marks what it has sent; whereto, it does not remember. With another account it would say
                // "Success!" and send nothing of the old.
                Self::HasTasks { .. } => {
                    "Taskwarrior does not send again what it has sent before, so the present account is kept\n\
                     to bring other computers to it, run `taskferry share` here and `taskferry join` there"
                }
                Self::NotAsked { .. } => {
                    "to keep that account and bring other computers to it, run `taskferry share`\n\
                     to give it up on this computer, add `--replace`"
                }
                Self::OtherWay { .. } => {
                    "Taskwarrior can't bring them into an account that has a history of its own\n\
                     run `task export > tasks.json`, move the folder `~/.task` away, run the same command again, \
                     then run `task import tasks.json`"
                }
            }
            .into(),
        )
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NotAsked { .. } => Exit::Usage,
            Self::HasTasks { .. } | Self::OtherWay { .. } => Exit::Failed,
        }
    }
}

/// Makes sure that the present account may go from this computer. `replace`: the command line says so.
pub fn give_up(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    present: &Credentials,
    replace: bool,
) -> Result<(), Failure> {
    let server = present.server.clone();
    if computer.tasks > 0 {
        return Err(KeepsAccount::HasTasks { server, count: computer.tasks }.into());
    }
    if replace {
        return Ok(());
    }
    if !run.can_ask() {
        return Err(KeepsAccount::NotAsked { server }.into());
    }
    run.terminal.say(&format!(
        "this computer already syncs with `{server}`; it has no tasks, so none would be lost here\n\
         that account, and the other computers that use it, would stay as they are"
    ));
    if run.prompter.confirm("give it up on this computer?", false)? { Ok(()) } else { Err(Stopped::Declined.into()) }
}

/// Makes sure that sync settings which are no account may go. Those that never worked may; another way to sync goes only if
/// somebody says so, by the command line or at the plan.
pub fn leftover_may_go(run: &Run<'_>, computer: &mut Computer<'_>, replace: bool, yes: bool) -> Result<(), Failure> {
    let is_asked_at_the_plan = run.can_ask() && !yes;
    if replace || is_asked_at_the_plan {
        return Ok(());
    }
    match computer.leftover.take_if(|leftover| matches!(leftover, SyncSettingsError::OtherBackend(_))) {
        Some(other) => Err(other.into()),
        None => Ok(()),
    }
}

/// Makes sure that no tasks which belong to another way to sync are in the way: an account with a history takes none that were
/// sent elsewhere before, and the sync would fail once the settings are in place.
fn refuse_other_way(computer: &Computer<'_>) -> Result<(), KeepsAccount> {
    match computer.leftover {
        Some(SyncSettingsError::OtherBackend(key)) if computer.tasks > 0 => {
            Err(KeepsAccount::OtherWay { key, count: computer.tasks })
        }
        _ => Ok(()),
    }
}

/// Makes sure that this computer is free for the account of another one.
pub fn make_way(run: &mut Run<'_>, computer: &Computer<'_>, replace: bool) -> Result<(), Failure> {
    match &computer.account {
        Some(present) => give_up(run, computer, present, replace),
        None => Ok(refuse_other_way(computer)?),
    }
}

/// The note about it in the plan.
pub fn note(leftover: &SyncSettingsError) -> String {
    match leftover {
        SyncSettingsError::OtherBackend(key) => {
            format!("`{key}` goes: with it, Taskwarrior would never contact a server; the data there stays as it is")
        }
        never_worked => format!("former settings go, since they never worked: {never_worked}"),
    }
}
