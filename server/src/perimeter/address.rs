//! Addresses, and what counts as one visitor.
//!
//! An address is made canonical before anything else looks at it: behind a socket that takes both families, `a.b.c.d`
//! appears as `::ffff:a.b.c.d`, and grouped as IPv6, all of IPv4 would be one visitor.

use std::net::IpAddr;

/// A canonical address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(IpAddr);

/// Who shares a limit: an IPv4 address, or a /64 of IPv6, which is what one household or one machine gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subscriber {
    V4(u32),
    V6(u64),
}

/// Who is one party, whatever they do: an IPv4 address, or a /48 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Visitor {
    Subscriber(Subscriber),
    Site(Site),
}

/// A /48 of IPv6, which is what one customer of a hoster gets: 65,536 subscribers that are one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Site(u64);

impl Address {
    pub(crate) const fn new(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }

    pub(crate) const fn ip(self) -> IpAddr {
        self.0
    }

    pub(crate) fn subscriber(self) -> Subscriber {
        match self.0 {
            IpAddr::V4(ip) => Subscriber::V4(ip.to_bits()),
            IpAddr::V6(_) => Subscriber::V6(self.network()),
        }
    }

    pub(crate) fn visitor(self) -> Visitor {
        self.site().map_or_else(|| Visitor::Subscriber(self.subscriber()), Visitor::Site)
    }

    /// None for IPv4, which has nothing wider that belongs to one person.
    pub(crate) fn site(self) -> Option<Site> {
        self.0.is_ipv6().then(|| Site(self.network() >> 16))
    }

    const fn network(self) -> u64 {
        match self.0 {
            IpAddr::V4(_) => 0,
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::new(text.parse().unwrap())
    }

    #[test]
    fn an_ipv4_address_is_the_same_visitor_in_both_spellings_and_not_another_ones() {
        assert_eq!(address("::ffff:192.0.2.1").subscriber(), address("192.0.2.1").subscriber());
        assert_ne!(address("::ffff:192.0.2.1").subscriber(), address("::ffff:192.0.2.2").subscriber());
        assert_eq!(address("::ffff:192.0.2.1").site(), None);
    }

    #[test]
    fn an_ipv6_visitor_is_a_64_and_their_site_a_48() {
        let (one, same, neighbour, other) = (
            address("2001:db8:1:2::1"),
            address("2001:db8:1:2:ffff::9"),
            address("2001:db8:1:3::1"),
            address("2001:db8:2:2::1"),
        );
        assert_eq!(one.subscriber(), same.subscriber());
        assert_ne!(one.subscriber(), neighbour.subscriber());
        assert_eq!(one.site(), neighbour.site());
        assert_ne!(one.site(), other.site());
    }
}
