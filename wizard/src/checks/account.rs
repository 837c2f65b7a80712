//! Does the server know the account, and may it be used?

use super::state::State;
use super::{Check, Finding, Interrupted, Waiting, World};
use taskferry_protocol::describe::AccountState;

use crate::server::account::Known;
use crate::server::probe::Kind;

/// The account, where the server can tell.
pub struct Account;

impl Check for Account {
    fn name(&self) -> &'static str {
        "account"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["protocol"]
    }

    fn look(&self, world: &World<'_>, waiting: Waiting<'_>) -> Result<Finding, Interrupted> {
        let (Ok(credentials), Some(Kind::Taskferry(_))) = (world.credentials(), world.kind()) else {
            return Ok(Finding::skipped("this server can't tell unknown accounts from empty ones"));
        };
        let known = match world.ask(waiting, |server| server.account(&credentials.client_id))? {
            Ok(known) => known,
            Err(finding) => return Ok(finding),
        };
        Ok(match known {
            Known::Account(info) if info.state == AccountState::Disabled => Finding::problem(
                format!("the account is disabled at `{}`", credentials.server),
                "ask whoever runs the server; your tasks are still on this computer\n\
                 to go on without it, run `taskferry move --without-old`, which takes them to a new account",
            )
            .in_state(State::Disabled),
            Known::Account(info) => {
                let sentence = if info.is_empty() { "is there, and empty" } else { "is there, and in use" };
                world.found_account(*info);
                Finding::ok(sentence)
            }
            Known::Unknown => Finding::problem(
                format!("`{}` does not know this account", credentials.server),
                "either its ID has a typing error, or the server lost it; your tasks are still on this computer\n\
                 run `taskferry share` on a computer that syncs, and compare\n\
                 where no other computer syncs either, run `taskferry repair`: it puts the tasks of this one there again",
            )
            .in_state(State::UnknownAccount),
            Known::Deleted => Finding::problem(
                format!("the account was deleted at `{}`", credentials.server),
                "your tasks are still on this computer: `taskferry move --without-old` takes them to a new account\n\
                 or ask whoever runs the server: for some days, a deleted account can be had back",
            )
            .in_state(State::Deleted),
            Known::NotOffered => Finding::skipped("this server can't tell unknown accounts from empty ones"),
        })
    }
}
