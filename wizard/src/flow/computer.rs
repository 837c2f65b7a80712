//! What is on this computer: Taskwarrior, its configuration, and how it syncs now, if it does. Only looks.

use taskferry_protocol::ids::NotAUuid;
use taskferry_protocol::link::BadSecret;
use taskferry_protocol::server_url::BadServerUrl;
use zeroize::Zeroizing;

use super::Run;
use crate::credentials::{Credentials, Secret};
use crate::database::Database;
use crate::error::{Explain, Failure};
use crate::former::Former;
use crate::taskrc::locate::TaskrcError;
use crate::taskrc::{Besides, Change, Taskrc, keys};
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
    /// Whether it makes the next one of a recurring task, as every computer does unless it is told not to.
    pub makes_recurring_tasks: bool,
    /// Sync settings that are there, but are no account: what a new account would take the place of.
    pub leftover: Option<SyncSettingsError>,
}

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
    /// Looks at a computer whose account is going to be used: settings that are none are an error.
    pub fn look(run: &Run<'a>) -> Result<Self, Failure> {
        let mut computer = Self::look_at(run)?;
        match computer.leftover.take() {
            Some(unusable) => Err(unusable.into()),
            None => Ok(computer),
        }
    }

    /// Looks at a computer that is going to get an account.
    pub fn look_to_change(run: &Run<'a>) -> Result<Self, Failure> {
        let computer = Self::look_at(run)?;
        if computer.account.is_none() {
            // Before anybody is asked for anything; with an account, only if it comes to a change.
            computer.taskrc.refuse_read_only()?;
        }
        Ok(computer)
    }

    fn look_at(run: &Run<'a>) -> Result<Self, Failure> {
        let taskwarrior = Taskwarrior::find(run.context, run.global.task.as_deref())?;
        let taskrc = Taskrc::find(run.context)?;
        let journal = run.terminal.journal();
        journal.write(|| format!("running `{}`", run.context.short(taskwarrior.program())));
        journal.write(|| format!("reading `{}`", run.context.short(taskrc.path())));
        let stand_in = taskrc.stand_in(run.context);
        let readable = stand_in.map(|bytes| taskwarrior.with_taskrc(&bytes)).transpose().map_err(NoStandIn)?;
        let looking = readable.as_ref().unwrap_or(&taskwarrior);
        let (account, leftover) = match present(looking)? {
            Present::Nothing => (None, None),
            Present::Account(account) => (Some(account), None),
            Present::Unusable(why) => (None, Some(why)),
        };
        // Tasks may be there without a taskrc, too: left behind by an older one, or brought along in a backup.
        let counts = taskrc.exists() || taskwarrior.has_default_data();
        let tasks = if counts { looking.count(Which::All)? } else { 0 };
        let makes_recurring_tasks = makes_recurring_tasks(looking)?;
        drop(readable);
        Ok(Self { taskwarrior, taskrc, account, tasks, makes_recurring_tasks, leftover })
    }

    /// Says which Taskwarrior it is, since there may be several.
    pub fn introduce(&self, run: &mut Run<'_>) {
        let program = run.context.short(self.taskwarrior.program());
        run.terminal.say(&format!("found Taskwarrior {} (`{program}`)", self.taskwarrior.version()));
    }

    /// Tasks of Taskwarrior 2 that were never imported.
    pub fn former(&self) -> Option<Former> {
        Former::look(&Database::in_folder(&self.taskwarrior.data_folder().ok()?))
    }

    /// Whether it syncs now, though with no account.
    pub fn syncs_in_another_way(&self) -> bool {
        matches!(self.leftover, Some(SyncSettingsError::OtherBackend(_)))
    }

    /// The settings whose lines go when this computer gets another account.
    fn superseded(&self) -> Vec<&'static str> {
        match &self.leftover {
            Some(SyncSettingsError::OtherBackend(_)) => [&keys::ACCOUNT[..], &keys::OTHER_BACKENDS].concat(),
            Some(_) => keys::ACCOUNT.to_vec(),
            None if self.account.is_some() => keys::ACCOUNT.to_vec(),
            None => Vec::new(),
        }
    }

    /// What would change on the disk to sync with `credentials`.
    pub fn plan(&self, credentials: &Credentials, recurrence_off: bool) -> Result<Change, TaskrcError> {
        let besides = Besides { superseded: &self.superseded(), recurrence_off };
        self.taskrc.plan_with(credentials, self.taskwarrior.version().url_key(), besides)
    }
}

/// Whether it makes the next one of a recurring task. Taskwarrior reads everything that it doesn't know as off.
pub fn makes_recurring_tasks(taskwarrior: &Taskwarrior<'_>) -> Result<bool, TaskwarriorError> {
    let is_on = |value: &str| ["1", "y", "yes", "on", "true"].contains(&value.to_ascii_lowercase().as_str());
    Ok(taskwarrior.get(keys::RECURRENCE)?.is_none_or(|value| is_on(&value)))
}

/// How Taskwarrior is configured to sync.
enum Present {
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
fn present(taskwarrior: &Taskwarrior<'_>) -> Result<Present, Failure> {
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
