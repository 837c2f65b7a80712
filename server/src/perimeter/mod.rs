//! The perimeter: what stands between strangers and the server, without HTTP.
//!
//! | file | does |
//! |---|---|
//! | [`address`] | makes addresses canonical, and says what one visitor is |
//! | [`proxies`] | whom a proxy speaks for, and which proxies are believed |
//! | [`connections`] | how many connections there may be, and which has to go |
//! | [`rate`], [`rates`] | who may ask how often |
//! | [`cells`] | the memory of the rates, which never grows |
//!
//! Everything here is bounded by its construction: tables of a fixed size, one place per connection. Nothing waits for
//! a lock during a request, and nothing is allocated for one (but for the list in an `X-Forwarded-For`).

pub(crate) mod address;
mod cells;
pub(crate) mod connections;
pub mod proxies;
pub mod rate;
pub(crate) mod rates;

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use governor::clock::MonotonicClock;

use self::address::Address;
pub use self::connections::ConnectionLimits;
use self::connections::{Connection, Connections, Place};
pub use self::proxies::Proxies;
pub use self::rate::Rate;
pub use self::rates::RateSettings;
use self::rates::Rates;

/// What the operator decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who is believed about addresses.
    pub proxies: Proxies,
    /// Who may ask how often; `None` is everybody and always.
    pub rates: Option<RateSettings>,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Perimeter {
    proxies: Proxies,
    rates: Option<Rates>,
    pub(crate) connections: Arc<Connections>,
    /// Set once it looks as if there were a proxy that nobody configured.
    proxy_suspected: AtomicBool,
}

impl Perimeter {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            proxies: settings.proxies.clone(),
            rates: settings.rates.as_ref().map(|rates| Rates::new(rates, &MonotonicClock)),
            connections: Arc::new(Connections::new(settings.connections.within_open_files())),
            proxy_suspected: AtomicBool::new(false),
        }
    }

    /// The rates, unless they are off.
    pub(crate) const fn rates(&self) -> Option<&Rates> {
        self.rates.as_ref()
    }

    /// A connection comes in.
    pub(crate) fn place(&self, peer: IpAddr, socket: Option<TcpStream>) -> Place {
        let peer = Address::new(peer);
        let place = self.connections.place(peer, self.proxies.trusts(peer), socket);
        if place.was_turned_away() {
            self.suspect_if_local(peer, "too many connections come from");
        }
        place
    }

    /// Whose request it is. `header` finds the values of a header, in the order of the request.
    pub(crate) fn address_of<'a, V>(&self, connection: &Connection, header: impl FnOnce(&str) -> V) -> Address
    where
        V: Iterator<Item = &'a str>,
    {
        match &self.proxies.header {
            Some(name) if connection.is_proxy() => self.proxies.speaks_for(connection.peer(), header(name)),
            _ => connection.peer(),
        }
    }

    /// Somebody was refused for what came from their address before.
    pub(crate) fn limit_reached_by(&self, address: Address) {
        self.suspect_if_local(address, "a rate limit was reached by");
    }

    /// A request with headers that only proxies send.
    pub(crate) fn forwarded_by(&self, connection: &Connection) {
        if !connection.is_proxy() {
            self.suspect_if_local(connection.peer(), "a proxy seems to pass requests on from");
        }
    }

    /// Whether it looks as if there were a proxy that was not configured.
    pub(crate) fn suspects_proxy(&self) -> bool {
        self.proxy_suspected.load(Ordering::Relaxed)
    }

    /// Strangers don't have local addresses, proxies do. Said once: the log of a busy server is not the place to repeat
    /// it.
    fn suspect_if_local(&self, address: Address, what: &str) {
        if !proxies::is_local(address) || self.proxy_suspected.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(
            "{what} {}, which is not an address of the internet: if a proxy stands there, everybody behind it shares one rate \
             limit; name it with `--trusted-proxy` and its header with `--client-ip-header`",
            address.ip()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn perimeter(proxies: Proxies) -> Perimeter {
        let connections = ConnectionLimits { total: 10, per_address: Some(1) };
        Perimeter::new(&Settings { proxies, rates: None, connections })
    }

    fn address_of(perimeter: &Perimeter, peer: &str, headers: &[&'static str]) -> String {
        let place = perimeter.place(peer.parse().unwrap(), None);
        perimeter.address_of(&place.connection, |_| headers.iter().copied()).ip().to_string()
    }

    #[test]
    fn a_header_is_believed_from_trusted_proxies_only() {
        let trusted = proxies::networks("private").unwrap();
        let perimeter = perimeter(Proxies { header: Some("x-real-ip".into()), trusted });
        assert_eq!(address_of(&perimeter, "10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(address_of(&perimeter, "::ffff:10.0.0.1", &["::ffff:198.51.100.7"]), "198.51.100.7");
        assert_eq!(address_of(&perimeter, "203.0.113.1", &["198.51.100.7"]), "203.0.113.1");
        assert_eq!(address_of(&perimeter, "127.0.0.1", &["198.51.100.7"]), "127.0.0.1");
    }

    #[test]
    fn a_proxy_that_nobody_configured_is_noticed_and_a_strangers_header_is_not() {
        let perimeter = perimeter(Proxies::default());
        let stranger = perimeter.place("203.0.113.1".parse().unwrap(), None);
        perimeter.forwarded_by(&stranger.connection);
        perimeter.limit_reached_by(stranger.connection.peer());
        assert!(!perimeter.suspects_proxy());
        let proxy = perimeter.place("172.17.0.1".parse().unwrap(), None);
        perimeter.forwarded_by(&proxy.connection);
        assert!(perimeter.suspects_proxy());
    }
}
