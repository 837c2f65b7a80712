//! Does anybody listen there?

use super::{Check, Finding, Interrupted, Waiting, World, home};
use std::io::ErrorKind;

/// A connection, without a word said.
pub struct Connection;

impl Check for Connection {
    fn name(&self) -> &'static str {
        "connection"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["name"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let (server, addresses) = match (world.server(), world.addresses()) {
            (Err(finding), _) => return Ok(finding),
            (_, None) => return Ok(Finding::skipped("the proxy makes it")),
            (Ok(server), Some(addresses)) => (server, addresses),
        };
        let (host, port) = (server.url().host(), server.url().port());
        Ok(match server.connect(addresses) {
            Err(why) => return Finding::from_server(&why),
            Ok(Ok(_)) => Finding::ok(format!("`{host}` answers on port {port}")),
            Ok(Err(why))
                if why.kind() == ErrorKind::ConnectionRefused && home::is_expected_at(world.context, server.url()) =>
            {
                Finding::problem("your server at home does not run", "run `taskferry home start`")
            }
            Ok(Err(why)) if why.kind() == ErrorKind::ConnectionRefused => Finding::problem(
                format!("nobody listens on port {port} of `{host}`"),
                "check that the server is running, and that the port in its address is right",
            ),
            Ok(Err(why)) if why.kind() == ErrorKind::TimedOut => Finding::problem(
                format!("`{host}` does not answer on port {port}"),
                "check that the server is running; a firewall on the way may swallow the connection",
            ),
            Ok(Err(why)) => Finding::problem(
                format!("`{host}` can't be reached on port {port}: {why}"),
                "check whether this computer is online",
            ),
        })
    }
}
