//! Does the server's name lead to an address?

use super::proxy;
use super::{Check, Finding, Interrupted, Waiting, World};

/// Name resolution.
pub struct Name;

impl Check for Name {
    fn name(&self) -> &'static str {
        "name"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["proxy"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let server = match world.server() {
            Ok(server) => server,
            Err(finding) => return Ok(finding),
        };
        if proxy::for_server(world.context, server.url()).is_some() && !server.url().is_loopback() {
            return Ok(Finding::skipped("the proxy looks it up"));
        }
        let host = server.url().host();
        Ok(match server.resolve() {
            Err(why) => return Finding::from_server(&why),
            Ok(Ok(addresses)) => {
                let first = addresses.first().map(|address| address.ip().to_string()).unwrap_or_default();
                let more =
                    if addresses.len() > 1 { format!(" and {} more", addresses.len() - 1) } else { String::new() };
                world.found_addresses(addresses);
                if host.trim_matches(['[', ']']) == first {
                    Finding::ok(format!("`{host}` is an address already"))
                } else {
                    Finding::ok(format!("`{host}` is {first}{more}"))
                }
            }
            Ok(Err(why)) => Finding::problem(
                format!("`{host}` leads to no address: {why}"),
                "check the spelling of the server's address, and whether this computer is online",
            ),
        })
    }
}
