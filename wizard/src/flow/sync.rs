//! One `task sync`, with patience: a server that says "not now" is waited for, and the sync is tried again. Every `task sync` with
//! an account of a server goes through here, so that none sends anything that nobody else can open ([`super::guard`]).

use super::Run;
use super::guard::{NotSent, WouldSpoil, secret_fits};
use crate::credentials::Credentials;
use crate::database::{Database, Unsent};
use crate::error::{Exit, Explain, Failure};
use crate::interrupts::Interrupts;
use crate::seen::Seen;
use crate::server::account::Known;
use crate::server::{Server, ServerError};
use crate::taskwarrior::{Taskwarrior, TaskwarriorError};

/// How often a sync is tried that the server refuses for now.
const TRIES_MAX: u32 = 3;

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum NoSync {
    /// Taskwarrior.
    #[error(transparent)]
    Taskwarrior(#[from] TaskwarriorError),
    /// The look before it, so it was not begun.
    #[error(transparent)]
    Look(#[from] ServerError),
}

impl NoSync {
    fn has_parted(&self) -> bool {
        matches!(self, Self::Taskwarrior(why) if why.has_parted())
    }
}

/// The sync failed, for good.
#[derive(Debug, thiserror::Error)]
#[error("the sync failed")]
pub struct SyncFailed(#[source] NoSync);

impl Explain for SyncFailed {
    fn hint(&self) -> Option<String> {
        Some(if self.0.has_parted() {
            "run `taskferry repair`, which says what has happened and mends it; nothing is lost on this computer".into()
        } else {
            "run `taskferry doctor` to find out why; nothing is lost on this computer".into()
        })
    }
}

/// Signals could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the sync could not be started")]
pub struct NotCaught(#[source] std::io::Error);

impl Explain for NotCaught {}

impl NotCaught {
    /// For this reason.
    pub fn new(why: std::io::Error) -> Self {
        Self(why)
    }
}

/// Ctrl-C while it ran.
#[derive(Debug, thiserror::Error)]
#[error("stopped; run `taskferry sync` to finish")]
pub struct SyncStopped;

impl Explain for SyncStopped {
    fn is_choice(&self) -> bool {
        true
    }

    fn exit(&self) -> Exit {
        Exit::Interrupted
    }
}

/// Why there was no sync, for callers that say it in their own words.
#[derive(Debug)]
pub enum NotSynced {
    /// It failed.
    Failed(NoSync),
    /// It was not begun: what would be sent could be opened by no other computer.
    WouldSpoil(WouldSpoil),
    /// Signals could not be set up.
    NotCaught(std::io::Error),
    /// Ctrl-C.
    Stopped,
}

impl From<NotSynced> for Failure {
    fn from(why: NotSynced) -> Self {
        match why {
            NotSynced::Failed(why) => SyncFailed(why).into(),
            NotSynced::WouldSpoil(why) => why.into(),
            NotSynced::NotCaught(why) => NotCaught(why).into(),
            NotSynced::Stopped => SyncStopped.into(),
        }
    }
}

impl From<NotSent> for NotSynced {
    fn from(why: NotSent) -> Self {
        match why {
            NotSent::WouldSpoil(why) => Self::WouldSpoil(why),
            NotSent::NotLooked(ServerError::Interrupted) => Self::Stopped,
            NotSent::NotLooked(why) => Self::Failed(why.into()),
        }
    }
}

/// Runs `task sync`. What it sent, as far as that was known before.
pub fn sync(run: &mut Run<'_>, taskwarrior: &Taskwarrior<'_>, account: &Credentials) -> Result<Unsent, NotSynced> {
    // Taskwarrior does not tell how much it sends. Without a database there is nothing.
    let stand = database_of(taskwarrior).map(|database| database.stand().ok());
    if let Some(stand) = &stand {
        secret_fits(run, account, stand.as_ref())?;
    }
    let unsent = stand.flatten().map(|stand| stand.unsent).unwrap_or_default();
    let mut tries = 1;
    loop {
        // Caught before anything is said of it: whatever was set up before is in place from here on.
        let interrupts = Interrupts::catch().map_err(NotSynced::NotCaught)?;
        run.terminal.say("running `task sync` …");
        match taskwarrior.sync(interrupts) {
            Ok(()) => return Ok(unsent),
            Err(TaskwarriorError::Interrupted) => return Err(NotSynced::Stopped),
            Err(why) if tries < TRIES_MAX && why.is_not_now() && wait_for_server(run, account) => tries += 1,
            // Once: if the server answers us all the same, it was restarting, or Taskwarrior goes another way.
            Err(why) if tries == 1 && why.is_no_answer() && wait_for_server(run, account) => tries += 1,
            Err(why) => return Err(NotSynced::Failed(why.into())),
        }
    }
}

/// Waits until the server answers; only it knows for how long. Whether it does.
fn wait_for_server(run: &mut Run<'_>, account: &Credentials) -> bool {
    let Ok(server) = run.server(account.server.clone()) else {
        return false;
    };
    run.ask_server(&server, Server::probe).is_ok()
}

/// Asks the server, and remembers where this computer is now. A hint, so that it fails is no failure.
pub fn note_seen(run: &Run<'_>, taskwarrior: &Taskwarrior<'_>, account: &Credentials) {
    let Some(stand) = database_of(taskwarrior).and_then(|database| database.stand().ok()) else {
        return;
    };
    let known = run.server(account.server.clone()).and_then(|server| server.account(&account.client_id));
    if let Ok(Known::Account(known)) = known {
        Seen::note(run.context, &account.client_id, stand.base, Some(&known.epoch));
    }
}

/// Taskwarrior's database, if it is there already.
pub fn database_of(taskwarrior: &Taskwarrior<'_>) -> Option<Database> {
    let folder = taskwarrior.data_folder().ok()?;
    Some(Database::in_folder(&folder)).filter(Database::exists)
}
