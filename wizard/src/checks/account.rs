//! Does the server know the account, and may it be used?

use super::{Check, Finding, Interrupted, Waiting, World};
use taskferry_protocol::describe::AccountState;

use crate::server::account::Known;
use crate::server::probe::Kind;
use crate::standing::State;

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
            Known::Account(info) if info.state == AccountState::Disabled => {
                found(State::Disabled, format!("the account is disabled at `{}`", credentials.server))
            }
            Known::Account(info) => {
                let sentence = if info.is_empty() { "is there, and empty" } else { "is there, and in use" };
                world.found_account(*info);
                Finding::ok(sentence)
            }
            Known::Unknown => {
                found(State::UnknownAccount, format!("`{}` does not know this account", credentials.server))
            }
            Known::Deleted => found(State::Deleted, format!("the account was deleted at `{}`", credentials.server)),
            Known::NotOffered => Finding::skipped("this server can't tell unknown accounts from empty ones"),
        })
    }
}

fn found(state: State, sentence: String) -> Finding {
    Finding::problem(sentence, state.remedy().unwrap_or_default()).in_state(state)
}
