//! Finishes a setup or a join for which the server was away.

use taskferry_protocol::InviteCode;

use crate::commands::{join, setup};
use crate::error::Failure;
use crate::flow::Run;
use crate::flow::computer::Computer;
use crate::pending::Pending;

/// What was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// There was nothing, or what is left to do is what verify does anyway.
    Nothing,
    /// A join, with its sync and its proof.
    Join,
}

/// Finishes what is pending, if anything is. An `invite` that is given now counts for more than one that was kept.
pub fn finish_pending(run: &mut Run<'_>, yes: bool, invite: Option<InviteCode>) -> Result<Finished, Failure> {
    let Some(pending) = Pending::find(run.context)? else {
        return Ok(Finished::Nothing);
    };
    let computer = Computer::look_to_change(run)?;
    let present = computer.account.as_ref().map(|account| account.client_id);
    match pending {
        // Killed after the settings were written, and before this was removed. The ID alone may be there with another secret.
        Pending::Join(pending) if computer.account.as_ref() == Some(&pending.decoded.credentials) => {
            Pending::forget(run.context)?;
            Ok(Finished::Nothing)
        }
        Pending::Join(pending) if present.is_none() || pending.replace => {
            run.terminal.say(&format!("finishing to join the account at `{}`", pending.decoded.credentials.server));
            computer.introduce(run);
            join::finish(run, computer, &pending, yes)?;
            Ok(Finished::Join)
        }
        Pending::Setup { server, client_id, invite: kept } if present == Some(client_id) => {
            setup::finish(run, server, &client_id, invite.or(kept))?;
            Ok(Finished::Nothing)
        }
        Pending::Join(_) | Pending::Setup { .. } => {
            run.terminal.say_note(match present {
                Some(_) => {
                    "something was left unfinished for another account than the one that this computer syncs with now; \
                     that is forgotten"
                }
                None => {
                    "a setup was stopped before anything was written; that is forgotten: run `taskferry setup` again"
                }
            });
            Pending::forget(run.context)?;
            Ok(Finished::Nothing)
        }
    }
}
