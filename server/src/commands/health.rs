//! `taskferry-server health`: asks a running server whether it is ready. For a container's health check, so that an
//! image needs neither a shell nor `curl`.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;

use serde_json::json;
use taskferry_protocol::ServerUrl;

use crate::cli::{HealthArgs, ServeArgs};
use crate::config::sources::Env;
use crate::config::{Config, ConfigError};
use crate::neighbour::{self, get};
use crate::terminal;

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
    let asked = ask(args, env);
    if args.json {
        let problem = asked.as_ref().err().map(ToString::to_string);
        terminal::print(&json!({ "ready": asked.is_ok(), "problem": problem }).to_string());
    }
    match asked {
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
        (neighbour::own(&Config::load(&serve, env)?), String::new())
    };
    let unreachable = |cause| HealthError::Unreachable { address: address.to_string(), cause };
    let answer = get(address, &format!("{path}/readyz")).map_err(unreachable)?;
    if answer.status == 200 {
        return Ok(());
    }
    let shown = if answer.body.is_empty() { answer.head } else { answer.body };
    Err(HealthError::NotReady { address: address.to_string(), answer: terminal::printable(&shown) })
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

#[cfg(test)]
mod tests {
    use super::*;

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
