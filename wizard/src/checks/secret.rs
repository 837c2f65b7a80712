//! Does the secret open the account's tasks?

use taskferry_protocol::VersionId;

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::credentials::unseal::UnsealError;
use crate::proof::opens::{self, Opens};
use crate::standing::State;

/// The secret, proved against the account's own data.
pub struct Secret;

impl Check for Secret {
    fn name(&self) -> &'static str {
        "secret"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["account"]
    }

    fn look(&self, world: &World<'_>, waiting: Waiting<'_>) -> Result<Finding, Interrupted> {
        let credentials = match world.credentials() {
            Ok(credentials) => credentials,
            Err(finding) => return Ok(finding),
        };
        let base = world.stand().and_then(Result::ok).map_or(VersionId::NIL, |stand| stand.base);
        let opens = match world.ask(waiting, |server| opens::look(server, credentials, base))? {
            Ok(opens) => opens,
            Err(finding) => return Ok(finding),
        };
        Ok(match opens {
            Opens::Yes(_) => Finding::ok("unseals the account's tasks"),
            Opens::NotItsSnapshot(_) => Finding::ok("unseals the account's tasks, though not its snapshot"),
            Opens::NothingThere => Finding::skipped("the account has nothing yet that could prove it"),
            Opens::No(why @ UnsealError::WrongSecret) => {
                let state = State::WrongSecret;
                Finding::problem(why.to_string(), state.remedy().unwrap_or_default()).in_state(state)
            }
            Opens::No(why) => {
                Finding::problem(why.to_string(), "ask whoever runs the server: the account's data is damaged")
            }
        })
    }
}
