//! How Taskwarrior is configured to sync, as Taskwarrior itself reads it: with an account, in another way, or not at all. Only looks.

use taskferry_protocol::ids::NotAUuid;
use taskferry_protocol::link::BadSecret;
use taskferry_protocol::server_url::BadServerUrl;
use zeroize::Zeroizing;

use crate::credentials::{Credentials, Secret};
use crate::error::{Explain, Failure};
use crate::taskrc::keys;
use crate::taskwarrior::{Taskwarrior, TaskwarriorError};

/// Sync settings that are there, but not such that anything may be built on them.
#[derive(Debug, thiserror::Error)]
pub enum SyncSettingsError {
    /// Another way to sync is configured.
    #[error("this computer already syncs in another way: `{0}` is set")]
    OtherBackend(&'static str),
    /// The same, and an account that it hides.
    #[error("this computer has an account, but syncs in another way: `{0}` is set, and wins")]
    TwoWays(&'static str),
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
            Self::OtherBackend(_) => "Taskwarrior would go on with that one and never contact a server\n\
                                      to give it up, run `taskferry setup --replace`, or `taskferry join --replace`"
                .into(),
            Self::TwoWays(key) => format!(
                "to sync with the account, run `taskferry doctor --fix`, which takes `{key}` out of your taskrc\n\
                 then run the same command again"
            ),
            Self::Incomplete(_) | Self::Server(_) | Self::ClientId(_) | Self::Secret(_) => {
                "run `taskferry setup`, or `taskferry join`, which put others in their place\n\
                 or correct the settings that begin with `sync.` in your taskrc"
                    .into()
            }
            Self::Context { .. } => "run `task context none`, then the same command again".into(),
        })
    }
}

/// Whether it makes the next one of a recurring task. Taskwarrior reads everything that it doesn't know as off.
pub fn makes_recurring_tasks(taskwarrior: &Taskwarrior<'_>) -> Result<bool, TaskwarriorError> {
    let is_on = |value: &str| ["1", "y", "yes", "on", "true"].contains(&value.to_ascii_lowercase().as_str());
    Ok(taskwarrior.get(keys::RECURRENCE)?.is_none_or(|value| is_on(&value)))
}

/// How Taskwarrior is configured to sync.
pub enum Present {
    /// Not at all.
    Nothing,
    /// With an account.
    Account(Credentials),
    /// In a way that is no account, or never worked.
    Unusable(SyncSettingsError),
}

/// How Taskwarrior is configured to sync.
///
/// What can't be seen here: that this computer once synced with another account. Its tasks would then count as sent
/// already, and never reach a new one. Only Taskwarrior's database knows; the first sync brings it to light.
pub fn present(taskwarrior: &Taskwarrior<'_>) -> Result<Present, Failure> {
    overriding_context(taskwarrior)?;
    let settings = Settings::read(taskwarrior)?;
    match other_backend(taskwarrior)? {
        // It hides the account. Which of the two is meant, only a person can say.
        Some(key) if settings.are_complete() => return Err(SyncSettingsError::TwoWays(key).into()),
        Some(key) => return Ok(Present::Unusable(SyncSettingsError::OtherBackend(key))),
        None => {}
    }
    Ok(match settings.account() {
        Ok(account) => account.map_or(Present::Nothing, Present::Account),
        Err(why) => Present::Unusable(why),
    })
}

/// The account that Taskwarrior has, whatever else is configured; `None` = none of its settings is there.
pub fn configured(taskwarrior: &Taskwarrior<'_>) -> Result<Option<Credentials>, Failure> {
    Ok(Settings::read(taskwarrior)?.account()?)
}

/// The three settings of an account, as Taskwarrior reads them.
struct Settings([(&'static str, Option<Zeroizing<String>>); 3]);

impl Settings {
    fn read(taskwarrior: &Taskwarrior<'_>) -> Result<Self, TaskwarriorError> {
        let server = match taskwarrior.get(keys::URL)? {
            Some(url) => Some(url),
            None => taskwarrior.get(keys::ORIGIN)?,
        };
        Ok(Self([
            (taskwarrior.version().url_key(), server),
            (keys::CLIENT_ID, taskwarrior.get(keys::CLIENT_ID)?),
            (keys::SECRET, taskwarrior.get(keys::SECRET)?),
        ]))
    }

    fn are_complete(&self) -> bool {
        self.0.iter().all(|(_, value)| value.is_some())
    }

    fn account(self) -> Result<Option<Credentials>, SyncSettingsError> {
        if self.0.iter().all(|(_, value)| value.is_none()) {
            return Ok(None);
        }
        let [server, client_id, secret] = self.0.map(|(key, value)| value.ok_or(SyncSettingsError::Incomplete(key)));
        let (server, client_id, secret) = (server?, client_id?, secret?);
        Ok(Some(Credentials {
            server: server.parse().map_err(SyncSettingsError::Server)?,
            client_id: client_id.parse().map_err(SyncSettingsError::ClientId)?,
            secret: Secret::parse(secret.to_string()).map_err(SyncSettingsError::Secret)?,
        }))
    }
}

fn other_backend(taskwarrior: &Taskwarrior<'_>) -> Result<Option<&'static str>, TaskwarriorError> {
    for key in keys::OTHER_BACKENDS {
        if taskwarrior.get(key)?.is_some() {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Fails if the active context brings sync settings of its own.
pub fn overriding_context(taskwarrior: &Taskwarrior<'_>) -> Result<(), Failure> {
    let Some(context) = taskwarrior.get("context")? else {
        return Ok(());
    };
    for key in keys::ACCOUNT.into_iter().chain(keys::OTHER_BACKENDS) {
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
    Ok(other_backend(taskwarrior)?.is_none()
        && url.is_some_and(|url| *url == expected.server.for_taskrc())
        && id.is_some_and(|id| *id == expected.client_id.expose().to_string())
        && secret.is_some_and(|secret| *secret == expected.secret.expose()))
}
