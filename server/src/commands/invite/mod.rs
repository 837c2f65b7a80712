//! `taskferry-server invite …`: one verb per file.

mod create;
mod list;
mod revoke;

use super::VerbError;
use crate::cli::invite::InviteCommand;
use crate::config::sources::Env;

/// Carries out the verb.
pub fn run(command: &InviteCommand, env: &Env) -> Result<(), VerbError> {
    match command {
        InviteCommand::Create(args) => create::run(args, env),
        InviteCommand::List(args) => list::run(args, env),
        InviteCommand::Revoke(args) => revoke::run(args, env),
    }
}
