//! Do visitors come through a proxy that nobody told the server about? Then all of them are one to its limits.

use super::world::Said;
use super::{Check, Finding, World};

/// Forwarded addresses.
pub struct Proxy;

/// As `/readyz` names it.
const SUSPECTED: &str = "unconfigured_proxy";

impl Check for Proxy {
    fn name(&self) -> &'static str {
        "proxy"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let config = match world.good_config() {
            Ok(config) => config,
            Err(finding) => return finding,
        };
        let suspected = match world.neighbour().map(|neighbour| &neighbour.said) {
            Some(Said::Readiness { warnings, .. }) => warnings.iter().any(|warning| warning == SUSPECTED),
            _ => false,
        };
        let is_https = world.public_url().is_some_and(|url| url.is_https());
        judge(suspected, is_https, !config.perimeter.proxies.trusted.is_empty())
    }
}

fn judge(suspected: bool, is_https: bool, is_told: bool) -> Finding {
    let remedy = "name it: `--trusted-proxy loopback`, `private`, or its network; see docs/LIMITS.md";
    match (suspected, is_https, is_told) {
        (true, ..) => Finding::warning(
            "visitors come from an address that is not of the internet, as from a proxy that the server was not told of",
            remedy,
        ),
        // The server itself speaks no TLS: somebody stands in front.
        (false, true, false) => Finding::warning(
            "people come by https, so there is a proxy, and the server was not told which: all visitors look like one",
            remedy,
        ),
        (false, _, true) => Finding::ok("visitors' addresses are taken from the proxy that the settings name"),
        (false, false, false) => Finding::ok("none, visitors come straight to the server"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn a_proxy_that_nobody_named_is_noticed_by_its_traffic_or_by_the_address() {
        assert_eq!(judge(true, false, false).outcome, Outcome::Warning);
        assert_eq!(judge(true, false, true).outcome, Outcome::Warning, "not the one that was named");
        assert_eq!(judge(false, true, false).outcome, Outcome::Warning);
        assert_eq!(judge(false, true, true).outcome, Outcome::Ok);
        assert_eq!(judge(false, false, false).outcome, Outcome::Ok);
    }
}
