//! `taskferry-server serve`: start, say where, run until told to stop.

use std::net::SocketAddr;

use sd_notify::NotifyState;
use taskferry_protocol::describe::Registration;

use crate::app::{Application, RunError, StartError};
use crate::backup::schedule::Schedule;
use crate::cli::ServeArgs;
use crate::config::sources::Env;
use crate::config::{Config, ConfigError, platform_note};
use crate::privileges::{self, PrivilegeError};
use crate::{telemetry, terminal};

/// Why `serve` ended otherwise than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It could not give up its privileges.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It could not go on.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The runtime or the signal handlers could not be set up.
    #[error("could not set up the server's runtime")]
    Runtime(#[source] std::io::Error),
}

impl ServeError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Privileges(error) => error.hint(),
            Self::Start(error) => error.hint(),
            Self::Run(_) | Self::Runtime(_) => None,
        }
    }

    /// Whether it is a matter of how the program was called.
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}

/// Runs until SIGTERM or SIGINT. A second signal stops at once.
pub fn run(args: &ServeArgs, env: &Env) -> Result<(), ServeError> {
    let mut config = Config::load(args, env)?;
    // Before anything has a thread of its own, and before anything is opened.
    config.notes.extend(privileges::drop_to(config.user, &config.data_dir)?.map(str::to_owned));
    let repeats = telemetry::start(&config.log);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Runtime)?;
    let outcome = runtime.block_on(async {
        // Before anything is opened: a signal during start-up must not kill the process half-way.
        let mut signals = Signals::new().map_err(ServeError::Runtime)?;
        let (stop, at_once) = signals.split();
        tokio::spawn(async move { repeats.report().await });
        let mut stop = std::pin::pin!(stop);
        let application = tokio::select! {
            started = Application::start(&config) => started?,
            // An upgrade that is under way rolls back.
            () = &mut stop => return Ok(()),
        };
        terminal::say(&banner(&config, application.addresses(), application.metrics_address()));
        tell_service_manager(NotifyState::Ready);
        let platform = platform_note(env);
        for note in &config.notes {
            // That it runs on a platform which is known is as it should be; everything else here is odd.
            if Some(note) == platform.as_ref() {
                tracing::info!("{note}");
            } else {
                tracing::warn!("{note}");
            }
        }
        let mut backups = match config.backups.every {
            Some(every) => Some(Schedule::start(config.backups.plan.clone(), every).map_err(ServeError::Runtime)?),
            None => None,
        };
        let stop = async {
            stop.await;
            // It has its own pace to end, while requests end.
            if let Some(backups) = &mut backups {
                backups.stop();
            }
            tell_service_manager(NotifyState::Stopping);
        };
        application.run_until(stop, at_once).await?;
        drop(backups);
        tracing::info!("stopped");
        Ok(())
    });
    // Not to wait for an upgrade that a signal interrupted.
    runtime.shutdown_background();
    outcome
}

/// For systemd's `Type=notify`: the service counts as started once it is ready, however long an upgrade took. Where nobody
/// manages the process (`NOTIFY_SOCKET` is not set), nothing happens; and whether it was heard changes nothing for us.
fn tell_service_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "the service manager can't be told");
    }
}

/// What a person needs to know now: where it listens, where the data lies, who may come in, and what to type next.
fn banner(config: &Config, addresses: &[SocketAddr], metrics: Option<SocketAddr>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let base = &config.base_path;
    let mut lines = vec![format!("taskferry-server {version}")];
    lines.extend(addresses.iter().map(|address| format!("  listening on http://{address}{base}")));
    lines.extend(metrics.map(|address| format!("  metrics on http://{address}/metrics")));
    lines.push(format!("  data in {}", config.data_dir.display()));
    let (who, next) = registration(config, &address_for_people(config, addresses));
    lines.push(format!("  registration is {who}"));
    lines.push(String::new());
    lines.extend(next);
    lines.join("\n")
}

/// Who may come in, and what to type next.
fn registration(config: &Config, address: &str) -> (&'static str, [String; 2]) {
    let setup = |with: &str| {
        ["next, on the computer that has your tasks:".to_owned(), format!("  taskferry setup --server {address}{with}")]
    };
    match config.registration.policy {
        Registration::Open => ("open: everybody who reaches this server can create an account", setup("")),
        Registration::Invite => ("by invite: make one with `taskferry-server invite create`", setup(" --invite CODE")),
        Registration::Closed | Registration::Unknown => (
            "closed: nobody can create an account",
            ["next, to create one yourself:".to_owned(), "  taskferry-server account create".to_owned()],
        ),
    }
}

fn address_for_people(config: &Config, addresses: &[SocketAddr]) -> String {
    if let Some(url) = &config.public_url {
        return url.as_str().to_owned();
    }
    let base = &config.base_path;
    match addresses.first() {
        Some(address) if address.ip().is_unspecified() => format!("http://THIS-MACHINE:{}{base}", address.port()),
        Some(address) => format!("http://{address}{base}"),
        None => String::new(),
    }
}

/// SIGTERM and SIGINT, twice.
struct Signals {
    first: tokio::sync::watch::Receiver<u32>,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (count, first) = tokio::sync::watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { first })
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        let (count, first) = tokio::sync::watch::channel(0);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { first })
    }

    /// The first signal and the second one.
    fn split(&mut self) -> (impl Future<Output = ()> + use<>, impl Future<Output = ()> + use<>) {
        let (mut one, mut two) = (self.first.clone(), self.first.clone());
        (
            async move {
                let _ = one.wait_for(|count| *count >= 1).await;
            },
            async move {
                let _ = two.wait_for(|count| *count >= 2).await;
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &ServeArgs) -> Config {
        Config::load(args, &Env::from_pairs([("HOME", "/home/someone")])).unwrap()
    }

    #[test]
    fn the_banner_ends_with_the_next_command() {
        let config = config(&ServeArgs::default());
        let banner = banner(&config, &["127.0.0.1:8080".parse().unwrap()], None);
        assert_eq!(
            banner,
            "taskferry-server 0.1.0\n  \
             listening on http://127.0.0.1:8080\n  \
             data in /home/someone/.local/share/taskferry-server\n  \
             registration is open: everybody who reaches this server can create an account\n\n\
             next, on the computer that has your tasks:\n  \
             taskferry setup --server http://127.0.0.1:8080"
        );
    }

    #[test]
    fn the_public_address_is_the_one_to_type() {
        let args = ServeArgs { public_url: Some("https://sync.example.org".into()), ..ServeArgs::default() };
        assert_eq!(address_for_people(&config(&args), &[]), "https://sync.example.org");
        let wildcard = "[::]:9000".parse().unwrap();
        assert_eq!(address_for_people(&config(&ServeArgs::default()), &[wildcard]), "http://THIS-MACHINE:9000");
    }
}
