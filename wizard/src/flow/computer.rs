//! What is on this computer: Taskwarrior, its configuration, and how it syncs now, if it does. Only looks.

use taskferry_protocol::ids::NotAUuid;
use taskferry_protocol::link::BadSecret;
use taskferry_protocol::server_url::BadServerUrl;
use zeroize::Zeroizing;

use super::Run;
use crate::credentials::{Credentials, Secret};
use crate::error::{Explain, Failure};
use crate::taskrc::{Taskrc, keys};
use crate::taskwarrior::{Taskwarrior, TaskwarriorError, Which};

/// This computer, as far as sync goes.
pub struct Computer<'a> {
    /// Its Taskwarrior.
    pub taskwarrior: Taskwarrior<'a>,
    /// Its configuration file.
    pub taskrc: Taskrc,
    /// The account that it syncs with already.
    pub account: Option<Credentials>,
    /// Tasks on it, finished and deleted ones included.
    pub tasks: u64,
}

/// Sync settings that are there, but not such that anything may be built on them.
#[derive(Debug, thiserror::Error)]
pub enum SyncSettingsError {
    /// Another way to sync is configured.
    #[error("this computer already syncs in another way: `{0}` is set")]
    OtherBackend(&'static str),
    /// Some of the three settings.
    #[error("the sync settings of this computer are incomplete: `{0}` is not set")]
    Incomplete(&'static str),
    /// Not an address that a server can have.
    #[error("`{}` of this computer can't be used", keys::URL)]
    Server(#[source] BadServerUrl),
    /// Not an ID that an account can have.
    #[error("`{}` of this computer can't be used", keys::CLIENT_ID)]
    ClientId(#[source] NotAUuid),
    /// Not a secret that can be carried on.
    #[error("`{}` of this computer can't be used", keys::SECRET)]
    Secret(#[source] BadSecret),
    /// A context brings settings of its own, which sync uses and `_get` doesn't show.
    #[error("the active context `{context}` overrides `{key}`")]
    Context {
        /// Its name.
        context: String,
        /// The setting.
        key: &'static str,
    },
}

impl Explain for SyncSettingsError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::OtherBackend(key) => format!(
                "Taskwarrior would go on with that one and never contact the server\n\
                 to give it up, run `task config {key}`, then the same command again"
            ),
            Self::Incomplete(_) => "remove the settings that begin with `sync.` from your taskrc, or complete them; \
                                    then run the same command again"
                .into(),
            Self::Server(_) | Self::ClientId(_) | Self::Secret(_) => {
                "correct the setting in your taskrc, then run the same command again".into()
            }
            Self::Context { .. } => "run `task context none`, then the same command again".into(),
        })
    }
}

/// A temporary file could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not make a temporary file")]
pub struct NoStandIn(#[source] std::io::Error);

impl Explain for NoStandIn {
    fn hint(&self) -> Option<String> {
        Some("make room in `/tmp`, or name another folder in the environment variable `TMPDIR`".into())
    }
}

impl<'a> Computer<'a> {
    /// Looks at this computer.
    pub fn look(run: &Run<'a>) -> Result<Self, Failure> {
        let taskwarrior = Taskwarrior::find(run.context, run.global.task.as_deref())?;
        let taskrc = Taskrc::find(run.context)?;
        let stand_in = taskrc.stand_in(run.context);
        let readable = stand_in.map(|bytes| taskwarrior.with_taskrc(&bytes)).transpose().map_err(NoStandIn)?;
        let looking = readable.as_ref().unwrap_or(&taskwarrior);
        let account = account(looking)?;
        // Tasks may be there without a taskrc, too: left behind by an older one, or brought along in a backup.
        let counts = taskrc.exists() || taskwarrior.has_default_data();
        let tasks = if counts { looking.count(Which::All)? } else { 0 };
        drop(readable);
        Ok(Self { taskwarrior, taskrc, account, tasks })
    }

    /// Says which Taskwarrior it is, since there may be several.
    pub fn introduce(&self, run: &mut Run<'_>) {
        let program = run.context.short(self.taskwarrior.program());
        run.terminal.say(&format!("found Taskwarrior {} (`{program}`)", self.taskwarrior.version()));
    }
}

/// The account that Taskwarrior is configured to sync with; `None` = it doesn't sync.
///
/// What can't be seen here: that this computer once synced with another account. Its tasks would then count as sent
/// already, and never reach a new one. Only Taskwarrior's database knows, and it is not ours to open.
fn account(taskwarrior: &Taskwarrior<'_>) -> Result<Option<Credentials>, Failure> {
    for backend in keys::OTHER_BACKENDS {
        if taskwarrior.get(backend)?.is_some() {
            return Err(SyncSettingsError::OtherBackend(backend).into());
        }
    }
    let configured = configured(taskwarrior)?;
    overriding_context(taskwarrior)?;
    Ok(configured)
}

/// The three settings as Taskwarrior reads them, whatever else is configured; `None` = none of them is set.
pub fn configured(taskwarrior: &Taskwarrior<'_>) -> Result<Option<Credentials>, Failure> {
    let server = match taskwarrior.get(keys::URL)? {
        Some(url) => Some(url),
        None => taskwarrior.get(keys::ORIGIN)?,
    };
    let settings = [
        (taskwarrior.version().url_key(), server),
        (keys::CLIENT_ID, taskwarrior.get(keys::CLIENT_ID)?),
        (keys::SECRET, taskwarrior.get(keys::SECRET)?),
    ];
    if settings.iter().all(|(_, value)| value.is_none()) {
        return Ok(None);
    }
    let [server, client_id, secret] = settings.map(|(key, value)| value.ok_or(SyncSettingsError::Incomplete(key)));
    Ok(Some(credentials(&server?, &client_id?, &secret?)?))
}

fn credentials(server: &str, client_id: &str, secret: &Zeroizing<String>) -> Result<Credentials, SyncSettingsError> {
    Ok(Credentials {
        server: server.parse().map_err(SyncSettingsError::Server)?,
        client_id: client_id.parse().map_err(SyncSettingsError::ClientId)?,
        secret: Secret::parse(secret.to_string()).map_err(SyncSettingsError::Secret)?,
    })
}

/// Fails if the active context brings sync settings of its own.
pub fn overriding_context(taskwarrior: &Taskwarrior<'_>) -> Result<(), Failure> {
    let Some(context) = taskwarrior.get("context")? else {
        return Ok(());
    };
    for key in [keys::URL, keys::CLIENT_ID, keys::SECRET] {
        if taskwarrior.get(&format!("context.{}.rc.{key}", *context))?.is_some() {
            return Err(SyncSettingsError::Context { context: crate::terminal::printable(&context), key }.into());
        }
    }
    Ok(())
}

/// Whether what Taskwarrior reads is what was meant; the proof that the file, its includes and its defaults add up.
pub fn reads_back(taskwarrior: &Taskwarrior<'_>, expected: &Credentials) -> Result<bool, TaskwarriorError> {
    let url = taskwarrior.get(taskwarrior.version().url_key())?;
    let id = taskwarrior.get(keys::CLIENT_ID)?;
    let secret = taskwarrior.get(keys::SECRET)?;
    Ok(url.is_some_and(|url| *url == expected.server.for_taskrc())
        && id.is_some_and(|id| *id == expected.client_id.expose().to_string())
        && secret.is_some_and(|secret| *secret == expected.secret.expose()))
}
