//! What checks look at, each of it looked at once, when the first of them asks.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Deserialize;
use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::{SERVER_NAME, ServerInfo};
use taskferry_protocol::wire::WELL_KNOWN;

use super::Finding;
use super::outside::{self, Outside};
use super::running::Running;
use crate::backup::status::Status;
use crate::cli::ServeArgs;
use crate::cli::operate::DoctorArgs;
use crate::clock;
use crate::config::sources::Env;
use crate::config::{Beside, Config, ConfigError};
use crate::neighbour;
use crate::stop::Stop;
use crate::storage::UnixSeconds;
use crate::storage::sqlite::directory::{DATABASE_FILE, Holder, holder};
use crate::storage::sqlite::schema::{self, SchemaError};
use crate::volume::{Pretended, Volume, VolumeOf};

/// The settings, the data, the running server, and the way to it.
#[derive(Debug)]
pub struct World<'a> {
    args: &'a DoctorArgs,
    env: Env,
    stop: Stop,
    /// The settings are those of the running server.
    is_running: bool,
    config: Result<Config, ConfigError>,
    data_dir: Option<PathBuf>,
    now: UnixSeconds,
    database: OnceCell<Result<Connection, SchemaError>>,
    neighbour: OnceCell<Option<Neighbour>>,
    outside: OnceCell<Option<Outside>>,
}

/// What answers where the server should be.
#[derive(Debug)]
pub struct Neighbour {
    /// Where it was asked.
    pub address: SocketAddr,
    /// What it said.
    pub said: Said,
}

/// What was said there.
#[derive(Debug)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Something, and not what a server of ours says.
    SomethingElse,
    /// By a server of ours.
    Readiness {
        /// Why it can't serve; nothing: it can.
        reasons: Vec<String>,
        /// What is odd.
        warnings: Vec<String>,
        /// How it describes itself; not while it starts.
        info: Option<Box<ServerInfo>>,
    },
}

/// What `/readyz` says.
#[derive(Debug, Deserialize)]
struct Readiness {
    reasons: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

impl<'a> World<'a> {
    /// Reads the settings, the running server's if that can be seen and no other ones were named, and looks at nothing else yet.
    pub fn new(args: &'a DoctorArgs, env: &Env) -> Self {
        // Settings that are wrong elsewhere may still say where the data lies.
        let data_dir = Beside::load(&args.data, &[], env).ok().map(|beside| beside.data_dir);
        let running =
            data_dir.as_deref().filter(|_| args.data.config.is_none()).and_then(|data_dir| running(data_dir, env));
        let is_running = running.is_some();
        let Running { mut serve, env } = running.unwrap_or_else(|| {
            let config = args.data.config.clone();
            Running { serve: ServeArgs { config, ..ServeArgs::default() }, env: env.clone() }
        });
        // What is asked about here is what was named here.
        serve.data_dir = args.data.data_dir.clone().or_else(|| Some(data_dir.as_ref()?.to_str()?.to_owned()));
        if !args.listen.is_empty() {
            serve.listen.clone_from(&args.listen);
        }
        if args.public_url.is_some() {
            serve.public_url.clone_from(&args.public_url);
        }
        let config = Config::load(&serve, &env);
        Self {
            args,
            env,
            stop: Stop::default(),
            is_running,
            config,
            data_dir,
            now: clock::now(),
            database: OnceCell::new(),
            neighbour: OnceCell::new(),
            outside: OnceCell::new(),
        }
    }

    /// From now on, whoever looks stops when this says so.
    pub fn heed(&mut self, stop: &Stop) {
        self.stop = stop.clone();
    }

    /// Whether to stop.
    pub const fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Whether every chain is to be walked.
    pub const fn is_thorough(&self) -> bool {
        self.args.thorough
    }

    /// The environment.
    pub const fn env(&self) -> &Env {
        &self.env
    }

    /// Whether the settings are those with which the running server was started, and not what one started here would find.
    pub const fn has_the_running_servers_settings(&self) -> bool {
        self.is_running
    }

    /// The settings, if they are good.
    pub const fn config(&self) -> &Result<Config, ConfigError> {
        &self.config
    }

    /// The settings, for checks that build on them.
    pub fn good_config(&self) -> Result<&Config, Finding> {
        self.config.as_ref().map_err(|_| Finding::skipped("the settings can't be used"))
    }

    /// Where the data lies, if that can be known.
    pub fn data_dir(&self) -> Result<&Path, Finding> {
        self.data_dir.as_deref().ok_or_else(|| Finding::skipped("nobody says where the data lies"))
    }

    /// The same, where this user may look into it: what can't be seen is not "none".
    pub fn open_data_dir(&self) -> Result<&Path, Finding> {
        let directory = self.data_dir()?;
        match std::fs::read_dir(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(Finding::waiting_for("permissions"))
            }
            _ => Ok(directory),
        }
    }

    /// When the world was looked at.
    pub const fn now(&self) -> UnixSeconds {
        self.now
    }

    /// The volume of the data.
    pub fn volume(&self) -> Result<Box<dyn Volume>, Finding> {
        let pretended = self.config.as_ref().ok().and_then(|config| config.pretended_volume.clone());
        Ok(match pretended {
            Some(file) => Box::new(Pretended(file)),
            None => Box::new(VolumeOf(self.data_dir()?.to_owned())),
        })
    }

    /// The database, for looking.
    pub fn database(&self) -> Result<&Connection, Finding> {
        let file = self.data_dir()?.join(DATABASE_FILE);
        let opened = self.database.get_or_init(|| schema::open_to_look(&file));
        opened.as_ref().map_err(|error| Finding::from_error(error, error.hint()))
    }

    /// What is known of backups.
    pub fn backups(&self) -> Result<Status, Finding> {
        Ok(Status::read(self.open_data_dir()?))
    }

    /// The process that holds the data, if one does.
    pub fn holder(&self) -> Option<Holder> {
        holder(self.data_dir.as_deref()?)
    }

    /// What answers where the server should be.
    pub fn neighbour(&self) -> Option<&Neighbour> {
        self.neighbour.get_or_init(|| Some(ask(self.config.as_ref().ok()?))).as_ref()
    }

    /// How the running server describes itself.
    pub fn info(&self) -> Option<&ServerInfo> {
        match &self.neighbour()?.said {
            Said::Readiness { info, .. } => info.as_deref(),
            _ => None,
        }
    }

    /// The address for people: by the settings, else by the running server, which may have been told otherwise.
    pub fn public_url(&self) -> Option<ServerUrl> {
        let told = || self.info()?.public_url.as_deref()?.parse().ok();
        self.config.as_ref().ok()?.public_url.clone().or_else(told)
    }

    /// What is there.
    pub fn outside(&self) -> Option<&Outside> {
        self.outside.get_or_init(|| Some(outside::ask(&self.public_url()?))).as_ref()
    }
}

/// How the server was started that holds this directory.
fn running(data_dir: &Path, own: &Env) -> Option<Running> {
    Running::find(holder(data_dir)?.pid?, own)
}

fn ask(config: &Config) -> Neighbour {
    let address = neighbour::own(config);
    let said = match neighbour::get(address, "/readyz") {
        Err(_) => Said::Nothing,
        Ok(answer) => match serde_json::from_str(&answer.body) {
            Ok(Readiness { reasons, warnings }) if matches!(answer.status, 200 | 503) => {
                Said::Readiness { reasons, warnings, info: describe(address, config).map(Box::new) }
            }
            _ => Said::SomethingElse,
        },
    };
    Neighbour { address, said }
}

fn describe(address: SocketAddr, config: &Config) -> Option<ServerInfo> {
    let answer = neighbour::get(address, &format!("{}{WELL_KNOWN}", config.base_path)).ok()?;
    serde_json::from_str::<ServerInfo>(&answer.body).ok().filter(|info| info.name == SERVER_NAME)
}
