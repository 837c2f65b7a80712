//! Is it a sync server, and under this very path? To Taskwarrior every wrong path looks like a fine, empty server.

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::server::Server;

/// The text at the root, which all servers of the protocol have.
pub struct Greeting;

impl Check for Greeting {
    fn name(&self) -> &'static str {
        "sync server"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["connection", "encryption"]
    }

    fn look(&self, world: &World<'_>, waiting: Waiting<'_>) -> Result<Finding, Interrupted> {
        Ok(match world.ask(waiting, Server::probe)? {
            Ok(kind) => {
                let sentence = kind.name();
                world.found_kind(kind);
                Finding::ok(sentence)
            }
            Err(finding) => finding,
        })
    }
}
