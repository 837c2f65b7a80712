//! Cloud sync: the server that this program knows by itself. Who builds the program, runs it or configures it may name
//! another one.

use taskferry_protocol::ServerUrl;
use taskferry_protocol::server_url::BadServerUrl;

use crate::error::{Exit, Explain, Failure};
use crate::run::Run;
use crate::server::ServerError;
use crate::settings::Settings;

/// The built-in address. A build for other people sets `TASKFERRY_BUILD_CLOUD`.
pub const ADDRESS: &str = match option_env!("TASKFERRY_BUILD_CLOUD") {
    Some(address) => address,
    None => "https://sync.brainplorp.com",
};
/// The environment variable that names another one for a run.
const VARIABLE: &str = "TASKFERRY_CLOUD";
/// How long each of its two answers may take before it is offered; nobody should wait for a menu.
const PATIENCE_SECONDS: u64 = 4;

/// The configured address is none.
#[derive(Debug, thiserror::Error)]
#[error("the address of cloud sync in {source_of_it} can't be used")]
pub struct BadCloud {
    source_of_it: &'static str,
    #[source]
    why: BadServerUrl,
}

impl Explain for BadCloud {
    fn hint(&self) -> Option<String> {
        Some("it looks like `https://sync.example.org`; without it, the built-in one is used".into())
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Its address: from the environment, else from `config.toml`, else the built-in one.
pub fn address(run: &Run<'_>) -> Result<ServerUrl, Failure> {
    let parse = |text: &str, source_of_it| text.parse().map_err(|why| BadCloud { source_of_it, why });
    if let Some(given) = run.context.var(VARIABLE) {
        return Ok(parse(&given.to_string_lossy(), "the environment variable `TASKFERRY_CLOUD`")?);
    }
    match Settings::read(run.context)?.cloud {
        Some(given) => Ok(parse(&given, "`config.toml`")?),
        None => Ok(parse(ADDRESS, "this build of the program")?),
    }
}

/// Whether it answers as a sync server does, soon.
pub fn look(run: &mut Run<'_>, address: &ServerUrl) -> Result<(), ServerError> {
    // Before anything is said, since it also catches Ctrl-C.
    let server = run.server(address.clone())?;
    run.terminal.say(&format!("looking for cloud sync at `{address}` …\n"));
    server.probe_within(PATIENCE_SECONDS).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_address_is_one() {
        assert!(ADDRESS.parse::<ServerUrl>().is_ok_and(|address| address.is_https()));
    }
}
