//! Does the secret open the account's tasks?

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::credentials::unseal::{UnsealError, prove};
use crate::server::sealed::FirstVersion;

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
        let id = &credentials.client_id;
        // The first version before the snapshot, which holds everything and may take minutes to fetch.
        let sealed = world.ask(waiting, |server| match server.first_version(id)? {
            FirstVersion::Found(sealed) => Ok(Some(sealed)),
            FirstVersion::None | FirstVersion::Gone => server.snapshot(id),
        })?;
        Ok(match sealed {
            Err(finding) => finding,
            Ok(None) => Finding::skipped("the account has nothing yet that could prove it"),
            Ok(Some(sealed)) => match prove(sealed, id, &credentials.secret) {
                Ok(()) => Finding::ok("unseals the account's tasks"),
                Err(why @ UnsealError::WrongSecret) => Finding::problem(
                    why.to_string(),
                    "don't run `task sync` here: what it sends could be opened by no other computer\n\
                     run `taskferry share` on a computer that syncs, then `taskferry undo` and `taskferry join` here",
                ),
                Err(why) => {
                    Finding::problem(why.to_string(), "ask whoever runs the server: the account's data is damaged")
                }
            },
        })
    }
}
