//! The address of a sync server in its one normalised spelling, so that two devices that mean the same server write the
//! same text, and the checksum of a setup link can cover it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// Why a text is no usable server address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadServerUrl {
    /// Longer than [`ServerUrl::LENGTH_MAX`] bytes.
    #[error("the address is longer than {} characters", ServerUrl::LENGTH_MAX)]
    TooLong,
    /// No `http://` or `https://` in front; the second field is what was probably meant.
    #[error("`{given}` does not start with `https://` or `http://`")]
    NoScheme {
        /// What was given.
        given: String,
    },
    /// The URL parser refused it.
    #[error("`{given}` is not a web address ({why})")]
    Malformed {
        /// What was given.
        given: String,
        /// The parser's reason.
        why: String,
    },
    /// `https://user:password@host/`.
    #[error("the address contains a user name or password")]
    HasCredentials,
    /// `?…` or `#…`.
    #[error("the address contains `?` or `#`")]
    HasQueryOrFragment,
    /// A character that Taskwarrior's configuration would interpret.
    #[error("the address contains a character that Taskwarrior's configuration can't hold: `{0}`")]
    UnsafeCharacter(char),
}

/// The normalised base address of a server: lower-case host, no default port, no trailing slash.
///
/// ```
/// use taskferry_protocol::ServerUrl;
/// let url: ServerUrl = "HTTPS://Tasks.Example.org:443/sync/".parse().unwrap();
/// assert_eq!(url.as_str(), "https://tasks.example.org/sync");
/// assert_eq!(url.for_taskrc(), "https://tasks.example.org/sync/");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    url: Url,
    text: String,
}

impl ServerUrl {
    /// The longest address accepted, in bytes.
    pub const LENGTH_MAX: usize = 512;

    /// The normalised text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As it must stand in `taskrc`: with a trailing slash where there is a path, because Taskwarrior before 3.5 drops
    /// the last segment otherwise.
    pub fn for_taskrc(&self) -> String {
        if self.has_path() { format!("{}/", self.text) } else { self.text.clone() }
    }

    /// The address of `path` (one of [`crate::wire`]'s constants) on this server.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Whether the server lies under a path, such as `https://example.org/sync`.
    pub fn has_path(&self) -> bool {
        !matches!(self.url.path(), "" | "/")
    }

    /// The host as it stands in the address; IPv6 addresses in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, given or by default.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// Whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this very computer.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }

    /// Whether the host is on a network of one's own, by its address or by a name that is reserved for that: the only
    /// places where plain http is acceptable unasked. The client ID travels in a header, and over plain http everybody
    /// on the way can read it.
    pub fn is_private(&self) -> bool {
        if self.is_loopback() {
            return true;
        }
        match self.url.host() {
            Some(Host::Ipv4(ip)) => is_private_ip(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => is_private_ip(ip.to_canonical()),
            Some(Host::Domain(name)) => {
                [".local", ".internal", ".home.arpa"].iter().any(|suffix| name.ends_with(suffix))
            }
            None => false,
        }
    }
}

fn is_private_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            // 100.64.0.0/10 is shared address space (RFC 6598), where VPNs such as Tailscale live.
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

impl FromStr for ServerUrl {
    type Err = BadServerUrl;

    fn from_str(given: &str) -> Result<Self, BadServerUrl> {
        let given = given.trim();
        if given.len() > Self::LENGTH_MAX {
            return Err(BadServerUrl::TooLong);
        }
        // The parser would quietly drop tabs and newlines from the middle of an address.
        if let Some(bad) = given.chars().find(|c| c.is_control() || c.is_whitespace()) {
            return Err(BadServerUrl::UnsafeCharacter(bad));
        }
        let lower = given.to_ascii_lowercase();
        if !lower.starts_with("https://") && !lower.starts_with("http://") {
            return Err(BadServerUrl::NoScheme { given: given.into() });
        }
        let url =
            Url::parse(given).map_err(|why| BadServerUrl::Malformed { given: given.into(), why: why.to_string() })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadServerUrl::HasCredentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BadServerUrl::HasQueryOrFragment);
        }
        let text = url.as_str().trim_end_matches('/').to_owned();
        // The parser writes a character that is no ASCII as up to twelve, and everybody else reads what it wrote.
        if text.len() > Self::LENGTH_MAX {
            return Err(BadServerUrl::TooLong);
        }
        // What is left of RFC 3986 after parsing is safe in a taskrc value, but for `$`, which expands variables, and
        // `\`, which escapes; `#` and control characters can't get here.
        if let Some(bad) = text.chars().find(|c| matches!(c, '$' | '\\' | '#' | '"' | '\'') || !c.is_ascii_graphic()) {
            return Err(BadServerUrl::UnsafeCharacter(bad));
        }
        let url =
            Url::parse(&text).map_err(|why| BadServerUrl::Malformed { given: given.into(), why: why.to_string() })?;
        Ok(Self { url, text })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn different_spellings_of_one_server_become_one() {
        for spelling in [
            "https://a.example",
            "https://A.example/",
            "HTTPS://a.example:443",
            "https://a.example//",
            " https://a.example ",
        ] {
            assert_eq!(url(spelling).as_str(), "https://a.example", "{spelling}");
        }
        assert_eq!(url("http://[::1]:8080/").as_str(), "http://[::1]:8080");
        assert_eq!(url("http://127.1:80").as_str(), "http://127.0.0.1");
    }

    #[test]
    fn a_path_is_kept_and_gets_its_slash_in_taskrc() {
        assert_eq!(url("https://a.example/sync").for_taskrc(), "https://a.example/sync/");
        assert_eq!(url("https://a.example").for_taskrc(), "https://a.example");
        assert_eq!(
            url("https://a.example/sync/").join("/v1/client/snapshot"),
            "https://a.example/sync/v1/client/snapshot"
        );
    }

    #[test]
    fn what_can_not_be_a_server_is_refused_with_its_reason() {
        use BadServerUrl as E;
        assert!(matches!("tasks.example.org".parse::<ServerUrl>(), Err(E::NoScheme { .. })));
        assert!(matches!("localhost:8080".parse::<ServerUrl>(), Err(E::NoScheme { .. })));
        assert!(matches!("file:///etc/passwd".parse::<ServerUrl>(), Err(E::NoScheme { .. })));
        assert!(matches!("https://".parse::<ServerUrl>(), Err(E::Malformed { .. })));
        assert!(matches!("http://a:99999".parse::<ServerUrl>(), Err(E::Malformed { .. })));
        assert_eq!("https://u:p@a.example".parse::<ServerUrl>(), Err(E::HasCredentials));
        assert_eq!("https://a.example/?x".parse::<ServerUrl>(), Err(E::HasQueryOrFragment));
        assert_eq!("https://a.example/#x".parse::<ServerUrl>(), Err(E::HasQueryOrFragment));
        assert_eq!("https://a.example/$HOME".parse::<ServerUrl>(), Err(E::UnsafeCharacter('$')));
        assert_eq!("https://a.example/\nhooks.location=/tmp".parse::<ServerUrl>(), Err(E::UnsafeCharacter('\n')));
        assert_eq!(format!("https://a.example/{}", "x".repeat(600)).parse::<ServerUrl>(), Err(E::TooLong));
    }

    #[test]
    fn an_address_is_too_long_also_if_it_becomes_so_as_it_is_normalised() {
        let of = |umlauts: usize| format!("https://a.example/{}", "ü".repeat(umlauts)).parse::<ServerUrl>();
        let longest = of(82).unwrap();
        assert!(longest.as_str().len() <= ServerUrl::LENGTH_MAX);
        assert_eq!(longest.as_str().parse(), Ok(longest));
        assert_eq!(of(83), Err(BadServerUrl::TooLong));
    }

    #[test]
    fn plain_http_is_private_only_on_networks_of_ones_own() {
        for private in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]",
            "http://192.168.1.5",
            "http://10.0.0.1",
            "http://100.101.102.103",
            "http://[fd00::1]",
            "http://pi.local",
            "http://[::ffff:192.168.0.1]",
        ] {
            assert!(url(private).is_private(), "{private}");
        }
        for public in [
            "http://tasks.example.org",
            "http://8.8.8.8",
            "http://[2001:db8::1]",
            "http://100.1.2.3",
            "http://localhost.example",
        ] {
            assert!(!url(public).is_private(), "{public}");
        }
    }
}
