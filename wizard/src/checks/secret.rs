//! Does the secret open the account's tasks?

use super::state::State;
use super::{Check, Finding, Interrupted, Waiting, World};
use crate::credentials::unseal::{Sealed, UnsealError, prove};
use crate::server::sealed::{Child, FirstVersion};

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
        let (sealed, is_snapshot) = match world.ask(waiting, |server| server.first_version(id))? {
            Err(finding) => return Ok(finding),
            Ok(FirstVersion::Found(sealed)) => (Some(sealed), false),
            Ok(FirstVersion::None | FirstVersion::Gone) => match world.ask(waiting, |server| server.snapshot(id))? {
                Err(finding) => return Ok(finding),
                Ok(snapshot) => (snapshot, true),
            },
        };
        let Some(sealed) = sealed else {
            return Ok(Finding::skipped("the account has nothing yet that could prove it"));
        };
        Ok(match prove(sealed, id, &credentials.secret) {
            Ok(()) => Finding::ok("unseals the account's tasks"),
            // A computer with another secret makes a snapshot, too. Where this one goes on, it goes on with its own.
            Err(UnsealError::WrongSecret) if is_snapshot && opens_what_follows(world, waiting)? => {
                Finding::ok("unseals the account's tasks, though not its snapshot")
            }
            Err(why @ UnsealError::WrongSecret) => Finding::problem(
                why.to_string(),
                "don't run `task sync` here: what it sends could be opened by no other computer\n\
                 run `taskferry share` on a computer that syncs, then `taskferry undo` and `taskferry join` here\n\
                 if all of your computers say this, ask whoever runs the server to take the account back to where it \
                 was good",
            )
            .in_state(State::WrongSecret),
            Err(why) => Finding::problem(why.to_string(), "ask whoever runs the server: the account's data is damaged"),
        })
    }
}

/// Whether the secret opens the version that follows the one at which this computer is.
fn opens_what_follows(world: &World<'_>, waiting: Waiting<'_>) -> Result<bool, Interrupted> {
    let (Ok(credentials), Some(Ok(stand))) = (world.credentials(), world.stand()) else {
        return Ok(false);
    };
    let child = world.ask(waiting, |server| server.child(&credentials.client_id, stand.base))?;
    Ok(match child {
        Ok(Child::Found { sealed, .. }) => {
            let sealed = Sealed { bound_to: stand.base, ..sealed };
            prove(sealed, &credentials.client_id, &credentials.secret).is_ok()
        }
        _ => false,
    })
}
