//! A computer that syncs already is to get another account. What that means is said first, and its tasks come along.

use taskferry_protocol::ServerUrl;

use super::computer::Computer;
use super::sync::database_of;
use super::{Run, Stopped, tasks};
use crate::credentials::Credentials;
use crate::error::{Exit, Explain, Failure};
use crate::sync_settings::SyncSettingsError;

/// Why the present account stays.
#[derive(Debug, thiserror::Error)]
pub enum KeepsAccount {
    /// It has tasks, which only a move takes along.
    #[error("this computer already syncs with `{server}`, and has {} there", tasks(*.count))]
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
}

impl Explain for KeepsAccount {
    fn hint(&self) -> Option<String> {
        Some(
            match self {
                // Taskwarrior marks what it has sent; whereto, it does not remember. With another account it would say
                // "Success!" and send nothing of the old.
                Self::HasTasks { .. } => {
                    "to take all tasks along to a new account, run `taskferry move --server https://…`\n\
                     to bring other computers to the present one, run `taskferry share` here and `taskferry join` there"
                }
                Self::NotAsked { .. } => {
                    "to keep that account and bring other computers to it, run `taskferry share`\n\
                     to give it up on this computer, add `--replace`"
                }
            }
            .into(),
        )
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NotAsked { .. } => Exit::Usage,
            Self::HasTasks { .. } => Exit::Failed,
        }
    }
}

/// Makes sure that the present account may go from a computer without tasks. `replace`: the command line says so.
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

/// How a computer gets the account of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As it is: what it has was never sent anywhere, so Taskwarrior sends it.
    Free,
    /// It has tasks that Taskwarrior takes for sent, or that stand in another history: they have to be brought along.
    WithTasks,
}

/// Makes sure that this computer may get the account of another one.
pub fn make_way(run: &mut Run<'_>, computer: &Computer<'_>, replace: bool) -> Result<Way, Failure> {
    let stands_elsewhere = match database_of(&computer.taskwarrior) {
        Some(database) if computer.tasks > 0 => !database.stand()?.base.is_nil(),
        _ => false,
    };
    let Some(present) = &computer.account else {
        return Ok(if stands_elsewhere { Way::WithTasks } else { Way::Free });
    };
    if computer.tasks == 0 {
        give_up(run, computer, present, replace)?;
        return Ok(Way::Free);
    }
    if !replace {
        let server = present.server.clone();
        if !run.can_ask() {
            return Err(KeepsAccount::NotAsked { server }.into());
        }
        run.terminal.say(&format!(
            "this computer already syncs with `{server}`, and has {} there, which would come along\n\
             that account, and the other computers that use it, would stay as they are",
            tasks(computer.tasks)
        ));
        if !run.prompter.confirm("take them along to the other account?", false)? {
            return Err(Stopped::Declined.into());
        }
    }
    Ok(if stands_elsewhere { Way::WithTasks } else { Way::Free })
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
