//! Whose request it is: the peer's, or, where the peer is a proxy that the operator trusts, the address that the proxy
//! tells.
//!
//! A header is believed only if a trusted proxy sent it. Everybody else could write there what they like, and have a
//! rate limit of their own for every request.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::LazyLock;

use ipnet::IpNet;

use super::address::Address;

/// How many addresses of an `X-Forwarded-For` are looked at, from its end.
const HOPS_MAX: usize = 16;

/// Which proxies are trusted, and where they write the address of whoever they speak for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// In lower case; without one, nobody is believed.
    pub header: Option<String>,
    /// Networks of the proxies.
    pub trusted: Vec<IpNet>,
}

/// The header that is a list: each proxy appends the address that it was spoken to from.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// Headers that proxies add and people's devices don't: a sign that there is a proxy.
pub const FORWARDING_HEADERS: [&str; 4] = [FORWARDED_FOR, "x-real-ip", "forwarded", "fly-client-ip"];

impl Proxies {
    /// Whether `peer` may speak for others.
    pub(crate) fn trusts(&self, peer: Address) -> bool {
        self.header.is_some() && self.is_trusted(peer.ip())
    }

    fn is_trusted(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&ip))
    }

    /// Whom the trusted `peer` speaks for, by the values of [`Proxies::header`] in the order of the request. `peer`
    /// itself if they tell nothing.
    pub(crate) fn speaks_for<'a>(&self, peer: Address, values: impl Iterator<Item = &'a str>) -> Address {
        if self.header.as_deref() != Some(FORWARDED_FOR) {
            // One address. Of several headers the last one is the nearest proxy's.
            return values.last().and_then(parse).map_or(peer, Address::new);
        }
        // What stands left of the first untrusted address may be anybody's invention.
        let mut nearest = peer;
        let values: Vec<&str> = values.collect();
        for hop in values.into_iter().rev().flat_map(|value| value.rsplit(',')).take(HOPS_MAX) {
            let Some(ip) = parse(hop) else { break };
            nearest = Address::new(ip);
            if !self.is_trusted(nearest.ip()) {
                break;
            }
        }
        nearest
    }
}

/// An address as proxies write it: with or without a port, with or without brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip);
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Networks by address (`10.0.0.0/8`, `192.0.2.7`) or by name.
pub fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
    // 100.64.0.0/10 is for carriers' own use; the edges of several platforms speak from there.
    const PRIVATE: [&str; 7] =
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"];
    let all = |networks: &[&str]| networks.iter().filter_map(|network| IpNet::from_str(network).ok()).collect();
    match text {
        "loopback" => Ok(all(&LOOPBACK)),
        "private" => Ok(all(&PRIVATE)),
        _ => text
            .parse()
            .or_else(|_| text.parse().map(|ip: IpAddr| IpNet::from(ip.to_canonical())))
            .map(|network| vec![network])
            .map_err(|_| "a network such as `10.0.0.0/8`, an address, `private` or `loopback`".to_owned()),
    }
}

/// Whether an address can't come from the internet: if many strangers seem to have it, it is a proxy's.
pub(crate) fn is_local(address: Address) -> bool {
    static LOCAL: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
        ["loopback", "private"].into_iter().filter_map(|name| networks(name).ok()).flatten().collect()
    });
    LOCAL.iter().any(|network| network.contains(&address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::new(text.parse().unwrap())
    }

    fn proxies(header: &str, trusted: &[&str]) -> Proxies {
        let trusted = trusted.iter().flat_map(|text| networks(text).unwrap()).collect();
        Proxies { header: Some(header.to_owned()), trusted }
    }

    #[test]
    fn nobody_is_trusted_who_was_not_named() {
        assert!(!Proxies::default().trusts(address("127.0.0.1")));
        let private = proxies("x-real-ip", &["private"]);
        assert!(private.trusts(address("10.1.2.3")) && private.trusts(address("::ffff:172.16.0.1")));
        assert!(private.trusts(address("fdaa::3")));
        assert!(!private.trusts(address("127.0.0.1")) && !private.trusts(address("203.0.113.1")));
        assert!(proxies("x-real-ip", &["203.0.113.1"]).trusts(address("203.0.113.1")));
    }

    #[test]
    fn of_a_list_the_rightmost_address_that_is_no_proxys_counts() {
        let proxies = proxies(FORWARDED_FOR, &["10.0.0.0/8"]);
        let peer = address("10.0.0.1");
        for (values, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["6.6.6.6, 198.51.100.7, 10.0.0.9"], "198.51.100.7"),
            (&["6.6.6.6", "198.51.100.7", "10.0.0.9"], "198.51.100.7"),
            (&["6.6.6.6, 198.51.100.7:4711 , 10.0.0.9"], "198.51.100.7"),
            (&["6.6.6.6, [2001:db8::7]:443"], "2001:db8::7"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
            // Nothing beyond what can't be read is believed.
            (&["6.6.6.6, unknown, 10.0.0.9"], "10.0.0.9"),
            (&["6.6.6.6, unknown"], "10.0.0.1"),
            (&["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(proxies.speaks_for(peer, values.iter().copied()), address(expected), "{values:?}");
        }
    }

    #[test]
    fn a_long_list_is_not_read_to_its_beginning() {
        let proxies = proxies(FORWARDED_FOR, &["10.0.0.0/8"]);
        let list = format!("6.6.6.6{}", ", 10.0.0.9".repeat(1000));
        assert_eq!(proxies.speaks_for(address("10.0.0.1"), std::iter::once(&*list)), address("10.0.0.9"));
    }

    #[test]
    fn a_single_address_is_the_last_header_or_the_proxys_own() {
        let proxies = proxies("fly-client-ip", &["private"]);
        let peer = address("172.16.0.1");
        let told = |values: &[&str]| proxies.speaks_for(peer, values.iter().copied());
        assert_eq!(told(&["198.51.100.7"]), address("198.51.100.7"));
        assert_eq!(told(&["6.6.6.6", "198.51.100.7"]), address("198.51.100.7"));
        assert_eq!(told(&["6.6.6.6, 198.51.100.7"]), peer);
        assert_eq!(told(&["nonsense"]), peer);
    }
}
