//! `taskferry share`: prints what another computer needs to join. Read from Taskwarrior at that moment, never from a
//! copy: the secret has one home.

use std::io;

use crate::cli;
use crate::error::{Explain, Failure};
use crate::flow::Run;
use crate::flow::computer::Computer;
use crate::taskrc::{BadBlock, Block, keys};

/// Why there is nothing to share.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// No account.
    #[error("sync is not set up on this computer")]
    NotSetUp,
    /// The settings are such that no other taskrc could hold them.
    #[error("the sync settings of this computer can't be passed on")]
    Unusable(#[source] BadBlock),
    /// The very output failed.
    #[error("could not write to standard output")]
    Output(#[source] io::Error),
}

impl Explain for ShareError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotSetUp => {
                Some("run `taskferry setup`, or `taskferry join` if another computer has it already".into())
            }
            Self::Unusable(why) => why.hint(),
            Self::Output(_) => None,
        }
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Share) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let credentials = computer.account.ok_or(ShareError::NotSetUp)?;
    // Also for a link: who joins has to write these values to a taskrc.
    let block = Block::settings(&credentials, keys::URL).map_err(ShareError::Unusable)?;
    let (text, warning) = if args.text {
        (block.setting_lines(), "whoever has these lines can read and change all your tasks: keep them to yourself")
    } else {
        (credentials.to_text(), "whoever has this link can read and change all your tasks: keep it to yourself")
    };
    run.terminal.say(warning);
    run.terminal.say("on your other computer, run `taskferry join` and paste what follows\n");
    if credentials.server.is_loopback() {
        run.terminal.say(&format!("note: `{}` can be reached only from this very computer\n", credentials.server));
    }
    run.terminal.data(text.trim_end()).map_err(ShareError::Output)?;
    Ok(())
}

#[cfg(test)]
mod tests;
