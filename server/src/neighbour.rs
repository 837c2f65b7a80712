//! Asks the server of this machine something, over plain http, as its own neighbour. By hand: one small request to a known
//! server is not worth an HTTP library.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::Config;

/// For each step of asking. The server's own check takes two seconds at most.
const STEP_WITHIN: Duration = Duration::from_secs(3);
/// How much of the answer is read.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// What came back; whatever stands there is not necessarily a server of ours.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Of the first line; 0 if it can't be read.
    pub(crate) status: u16,
    /// The first line.
    pub(crate) head: String,
    /// What follows the head.
    pub(crate) body: String,
}

/// `GET path`.
pub(crate) fn get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, STEP_WITHIN)?;
    stream.set_read_timeout(Some(STEP_WITHIN))?;
    stream.set_write_timeout(Some(STEP_WITHIN))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let head = head.lines().next().unwrap_or_default();
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    Ok(Answer { status: status.unwrap_or(0), head: head.to_owned(), body: body.to_owned() })
}

/// Where a server with this configuration is reached from here.
pub(crate) fn own(config: &Config) -> SocketAddr {
    let loopback = match config.listen.addresses.first() {
        Some(address) if !address.ip().is_unspecified() => return *address,
        Some(address) if address.is_ipv6() && !config.listen.ipv4_fallback => IpAddr::V6(Ipv6Addr::LOCALHOST),
        // A wildcard that takes both, or that fell back to IPv4.
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(loopback, config.listen.addresses.first().map_or(0, SocketAddr::port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ServeArgs;
    use crate::config::sources::Env;

    fn own_address(variables: &[(&str, &str)]) -> String {
        let mut env = Env::from_pairs([("HOME", "/home/someone")]);
        env.extend(variables.iter().copied());
        own(&Config::load(&ServeArgs::default(), &env).unwrap()).to_string()
    }

    #[test]
    fn it_asks_where_this_machines_server_listens() {
        assert_eq!(own_address(&[]), "127.0.0.1:8080");
        assert_eq!(own_address(&[("PORT", "9000")]), "127.0.0.1:9000");
        assert_eq!(own_address(&[("LISTEN", "0.0.0.0:9000")]), "127.0.0.1:9000");
        assert_eq!(own_address(&[("LISTEN", "[::]:9000")]), "[::1]:9000");
        assert_eq!(own_address(&[("LISTEN", "192.0.2.1:9000")]), "192.0.2.1:9000");
    }
}
