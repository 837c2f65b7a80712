//! What all checks look at. Made once; what one check finds out is there for those that build on it.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::AccountInfo;

use super::{Finding, Interrupted};
use crate::context::Context;
use crate::credentials::Credentials;
use crate::database::{Database, DatabaseError, Stand};
use crate::error::Failure;
use crate::former::Former;
use crate::journal::Journal;
use crate::run::Run;
use crate::server::probe::Kind;
use crate::server::{Server, ServerError};
use crate::sync_settings::configured;
use crate::taskrc::Taskrc;
use crate::taskwarrior::Taskwarrior;

/// Told before each pause in which a server is waited for.
pub type Waiting<'a> = &'a (dyn Fn(&ServerError, Duration) + Sync);

/// What all checks look at.
pub struct World<'a> {
    /// The world around this run.
    pub context: &'a Context,
    /// Taskwarrior, or why it can't be used.
    pub taskwarrior: Result<Taskwarrior<'a>, Failure>,
    /// Its configuration, or why it can't be read.
    pub taskrc: Result<Taskrc, Failure>,
    /// The account that is set up; `None` inside = none is.
    pub account: Result<Option<Credentials>, Failure>,
    /// Taskwarrior's database, if it was found.
    pub database: Option<Database>,
    insecure_http: bool,
    journal: Journal,
    addresses: OnceLock<Vec<SocketAddr>>,
    kind: OnceLock<Kind>,
    known: OnceLock<AccountInfo>,
}

impl<'a> World<'a> {
    /// Looks at this computer; asks no server yet.
    pub fn look(run: &Run<'a>) -> Self {
        let context = run.context;
        let taskwarrior = Taskwarrior::find(context, run.global.task.as_deref()).map_err(Failure::from);
        let taskrc = Taskrc::find(context).map_err(Failure::from);
        let readable = match (&taskwarrior, &taskrc) {
            (Ok(taskwarrior), Ok(taskrc)) if taskrc.exists() => Some(taskwarrior),
            _ => None,
        };
        let account = readable.map_or(Ok(None), configured);
        let folder = readable.filter(|_| matches!(account, Ok(Some(_)))).and_then(|it| it.data_folder().ok());
        let database = folder.map(|folder| Database::in_folder(&folder)).filter(Database::exists);
        Self {
            context,
            taskwarrior,
            taskrc,
            account,
            database,
            insecure_http: run.global.insecure_http,
            journal: run.terminal.journal().clone(),
            addresses: OnceLock::new(),
            kind: OnceLock::new(),
            known: OnceLock::new(),
        }
    }

    /// The account that is set up. Checks that need one build on `settings`, which says what is wrong otherwise.
    pub fn credentials(&self) -> Result<&Credentials, Finding> {
        match &self.account {
            Ok(Some(credentials)) => Ok(credentials),
            _ => Err(Finding::skipped("no account is set up")),
        }
    }

    /// A connection of the caller's own, so that checks don't wait for each other.
    pub fn server(&self) -> Result<Server, Finding> {
        self.server_at(self.credentials()?.server.clone())
    }

    /// The same for another server.
    pub fn server_at(&self, url: ServerUrl) -> Result<Server, Finding> {
        let server = Server::new(url, self.insecure_http).map_err(|why| Finding::from_error(&why))?;
        Ok(server.with_journal(self.journal.clone()))
    }

    /// Asks the server, with patience.
    pub fn ask<T>(
        &self,
        waiting: Waiting<'_>,
        ask: impl FnMut(&Server) -> Result<T, ServerError>,
    ) -> Result<Result<T, Finding>, Interrupted> {
        let server = match self.server() {
            Ok(server) => server,
            Err(finding) => return Ok(Err(finding)),
        };
        match server.patiently(waiting, ask) {
            Ok(answer) => Ok(Ok(answer)),
            Err(why) => Finding::from_server(&why).map(Err),
        }
    }

    /// How far this computer is; `None` = nobody knows, since the database was not found.
    pub fn stand(&self) -> Option<Result<Stand, DatabaseError>> {
        self.database.as_ref().map(Database::stand)
    }

    /// Tasks of Taskwarrior 2 that were never imported, where the database was found.
    pub fn former(&self) -> Option<Former> {
        self.database.as_ref().and_then(Former::look)
    }

    /// The addresses behind the server's name, once they are known.
    pub fn addresses(&self) -> Option<&[SocketAddr]> {
        self.addresses.get().map(Vec::as_slice)
    }

    pub(super) fn found_addresses(&self, addresses: Vec<SocketAddr>) {
        let _ = self.addresses.set(addresses);
    }

    /// What kind of server it is, once that is known.
    pub fn kind(&self) -> Option<&Kind> {
        self.kind.get()
    }

    pub(super) fn found_kind(&self, kind: Kind) {
        let _ = self.kind.set(kind);
    }

    /// What the server says of the account, once it was asked, and if it can tell.
    pub fn known(&self) -> Option<&AccountInfo> {
        self.known.get()
    }

    pub(super) fn found_account(&self, known: AccountInfo) {
        let _ = self.known.set(known);
    }
}
