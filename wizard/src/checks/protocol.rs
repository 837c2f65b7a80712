//! Does it answer a request of the sync protocol as it should?

use super::{Check, Finding, Interrupted, Waiting, World};
use taskferry_protocol::VersionId;

/// The question for the first version of the account.
pub struct Protocol;

impl Check for Protocol {
    fn name(&self) -> &'static str {
        "protocol"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["sync server"]
    }

    fn look(&self, world: &World<'_>, waiting: Waiting<'_>) -> Result<Finding, Interrupted> {
        let account = match world.credentials() {
            Ok(credentials) => credentials.client_id,
            Err(finding) => return Ok(finding),
        };
        Ok(match world.ask(waiting, |server| server.follows(&account, VersionId::NIL))? {
            Ok(_) => Finding::ok("answers as it should"),
            Err(finding) => finding,
        })
    }
}
