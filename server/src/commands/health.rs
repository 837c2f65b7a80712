//! `taskferry-server health`: asks a running server whether it is ready. For a container's health check, so that an
//! image needs neither a shell nor `curl`.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use taskferry_protocol::ServerUrl;

use crate::cli::{HealthArgs, ServeArgs};
use crate::config::sources::Env;
use crate::config::{Config, ConfigError};
use crate::terminal;

/// For each step of asking. The server's own check takes two seconds at most.
const STEP_WITHIN: Duration = Duration::from_secs(3);
/// How much of the answer is read.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Why a server does not count as ready.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("`{url}` is not an address that can be asked")]
    Url { url: String },
    #[error("could not ask the server at {address}")]
    Unreachable {
        address: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("the server at {address} is not ready: {answer}")]
    NotReady { address: String, answer: String },
}

impl HealthError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Url { .. } => Some("name one with plain http, such as `--url http://127.0.0.1:8080`".into()),
            Self::Unreachable { .. } => {
                Some("start it with `taskferry-server serve`, or name it with `--url URL`".into())
            }
            Self::NotReady { .. } => None,
        }
    }
}

/// Exit code 0 if it is ready, 1 if not, 2 if it can't be known whom to ask.
pub fn run(args: &HealthArgs, env: &Env) -> ExitCode {
    match ask(args, env) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::say(&terminal::error_text(&error, error.hint().as_deref()));
            ExitCode::from(if matches!(error, HealthError::Config(_) | HealthError::Url { .. }) { 2 } else { 1 })
        }
    }
}

fn ask(args: &HealthArgs, env: &Env) -> Result<(), HealthError> {
    let (address, path) = if let Some(url) = &args.url {
        of_url(url)?
    } else {
        let serve = ServeArgs { listen: args.listen.clone(), config: args.config.clone(), ..ServeArgs::default() };
        (own(&Config::load(&serve, env)?), String::new())
    };
    let unreachable = |cause| HealthError::Unreachable { address: address.to_string(), cause };
    let answer = get(address, &format!("{path}/readyz")).map_err(unreachable)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let shown = if body.is_empty() { head.lines().next().unwrap_or_default() } else { body };
    // Whatever stands there is not necessarily ours.
    let answer = shown.chars().filter(|c| !c.is_control()).take(500).collect();
    Err(HealthError::NotReady { address: address.to_string(), answer })
}

/// Where a server with this configuration is reached from here.
fn own(config: &Config) -> SocketAddr {
    let loopback = match config.listen.addresses.first() {
        Some(address) if !address.ip().is_unspecified() => return *address,
        Some(address) if address.is_ipv6() && !config.listen.ipv4_fallback => IpAddr::V6(Ipv6Addr::LOCALHOST),
        // A wildcard that takes both, or that fell back to IPv4.
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(loopback, config.listen.addresses.first().map_or(0, SocketAddr::port))
}

fn of_url(text: &str) -> Result<(SocketAddr, String), HealthError> {
    let wrong = || HealthError::Url { url: text.to_owned() };
    let url: ServerUrl = text.parse().map_err(|_| wrong())?;
    let rest = url.as_str().strip_prefix("http://").ok_or_else(wrong)?;
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let host = if has_port { host.to_owned() } else { format!("{host}:80") };
    let address = host.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(wrong)?;
    Ok((address, path))
}

/// By hand: one request to a known server is not worth an HTTP library.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, STEP_WITHIN)?;
    stream.set_read_timeout(Some(STEP_WITHIN))?;
    stream.set_write_timeout(Some(STEP_WITHIN))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn an_address_may_be_given_with_and_without_port_and_path() {
        let url =
            |text| of_url(text).map(|(address, path)| format!("{address} {path}")).map_err(|error| error.to_string());
        assert_eq!(url("http://127.0.0.1:8080/sync/").unwrap(), "127.0.0.1:8080 /sync");
        assert_eq!(url("http://127.0.0.1").unwrap(), "127.0.0.1:80 ");
        assert_eq!(url("http://[::1]:8080").unwrap(), "[::1]:8080 ");
        assert!(url("https://127.0.0.1").is_err());
    }
}
