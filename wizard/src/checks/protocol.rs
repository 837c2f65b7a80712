//! Does it answer a request of the sync protocol as it should?

use super::{Check, Finding, Interrupted, Waiting, World};
use taskferry_protocol::{VersionId, codes};

use crate::server::{Server, ServerError};

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
        let follows = |server: &Server| match server.follows(&account, VersionId::NIL) {
            // That is an answer, too; what it means is for `account` to say.
            Err(ServerError::Refused { problem }) if is_about_the_account(&problem.code) => Ok(()),
            answer => answer.map(drop),
        };
        Ok(match world.ask(waiting, follows)? {
            Ok(()) => Finding::ok("answers as it should"),
            Err(finding) => finding,
        })
    }
}

fn is_about_the_account(code: &str) -> bool {
    [codes::ACCOUNT_DISABLED, codes::ACCOUNT_DELETED, codes::REGISTRATION_CLOSED, codes::INVITE_NEEDED].contains(&code)
}
