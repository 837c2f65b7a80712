//! What the server runs with: checked, complete, and never looked at twice.
//!
//! `cli` holds what was typed; [`sources`] finds for each setting the text that counts, and where it came from; here the
//! texts become values, one struct per concern. Nothing behind this module reads an environment variable or a flag.

pub mod backup;
mod perimeter;
pub mod sources;
pub(crate) mod values;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::{self, Limits};

pub(crate) use self::perimeter::platform_note;
use self::sources::{Given, Setting, Sources};
use crate::admission::newcomers::Rates;
use crate::admission::quota::Quota;
use crate::admission::registration::Registration;
use crate::budget;
use crate::cli::{DataArgs, ServeArgs};
use crate::perimeter::Settings as Perimeter;
use crate::privileges::User;
use crate::storage::UnixSeconds;
use crate::sync::SnapshotPolicy;

/// Everything that `serve` needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Where the data lies.
    pub data_dir: PathBuf,
    /// How people reach the server, if that is known.
    pub public_url: Option<ServerUrl>,
    /// Path in front of every route: empty, or `/sync`.
    pub base_path: String,
    /// When to ask for snapshots.
    pub snapshots: SnapshotPolicy,
    /// Largest bodies.
    pub body_limits: Limits,
    /// Who may create an account.
    pub registration: Registration,
    /// Whether people may delete their own accounts.
    pub self_deletion: bool,
    /// How many accounts may be created, by everybody together.
    pub newcomers: Rates,
    /// How much an account may keep.
    pub quota: Quota,
    /// Free bytes below which no push begins; `None`: by the volume's size.
    pub min_free: Option<u64>,
    /// For tests: a file that says how full the volume is.
    pub pretended_volume: Option<PathBuf>,
    /// How much memory may be used, in bytes.
    pub memory: u64,
    /// Whether rate limits and quotas are in force. Off for benchmarks and private networks; what protects the server itself
    /// (body limits, memory, the disk's free space) stays.
    pub limits_on: bool,
    /// After how many seconds versions that nobody needs any more are taken away; `None` = never.
    pub prune_after: Option<UnixSeconds>,
    /// What strangers may do.
    pub perimeter: Perimeter,
    /// Origins of pages that may sync from a browser.
    pub origins: Vec<String>,
    /// Whom to become when started as root.
    pub user: Option<User>,
    /// Where the metrics are, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Backups.
    pub backups: backup::Backups,
    /// What to log and how.
    pub log: Log,
    /// Things that are odd enough to mention at the start, in words.
    pub notes: Vec<String>,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// At least one address; port 0 lets the system choose.
    pub addresses: Vec<SocketAddr>,
    /// Whether an IPv6 wildcard may fall back to IPv4's where the machine has no IPv6.
    pub ipv4_fallback: bool,
}

/// What to log and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is logged.
    pub level: tracing::Level,
    /// One JSON object a line, for machines.
    pub json: bool,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A text that does not mean anything here.
    #[error("{origin}: `{text}` is not {expected}")]
    Value {
        /// The flag, variable or file and key.
        origin: String,
        /// What was given.
        text: String,
        /// What would be right.
        expected: String,
    },
    /// The file can't be read.
    #[error("could not read the configuration file `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key that no setting has.
    #[error("`{}` has a key that does not exist: `{key}`", .path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The nearest one that exists.
        nearest: Option<String>,
    },
    /// The reference server's way to close registration, beside our way to open it.
    #[error("{open} asks for open registration, and {closed} for a closed one")]
    Contradiction {
        /// The flag, variable or file and key.
        open: String,
        /// The variable.
        closed: String,
    },
    /// No home directory to put the data into.
    #[error("there is no home directory to keep the data in")]
    NoHome,
}

impl ConfigError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::UnknownKey { nearest: None, .. } => {
                Some("the keys are the flags of `taskferry-server serve --help`, with `_` for `-`".into())
            }
            Self::Contradiction { closed, .. } => {
                Some(format!("unset {closed} to let everybody create an account, or take `open` away"))
            }
            Self::NoHome => Some("name one with `--data-dir DIR`".into()),
            Self::Value { .. } => Some("`taskferry-server serve --help` shows what each setting takes".into()),
            Self::File { .. } => Some("mend the file, or name another one with `--config FILE`".into()),
        }
    }
}

const LISTEN: Setting = Setting { name: "listen", reference: &["LISTEN"] };
const DATA_DIR: Setting = Setting { name: "data-dir", reference: &["DATA_DIR"] };
const PUBLIC_URL: Setting = Setting { name: "public-url", reference: &[] };
const BASE_PATH: Setting = Setting { name: "base-path", reference: &[] };
const SNAPSHOT_DAYS: Setting = Setting { name: "snapshot-days", reference: &["SNAPSHOT_DAYS"] };
const SNAPSHOT_VERSIONS: Setting = Setting { name: "snapshot-versions", reference: &["SNAPSHOT_VERSIONS"] };
const MAX_VERSION_BYTES: Setting = Setting { name: "max-version-bytes", reference: &[] };
const MAX_SNAPSHOT_BYTES: Setting = Setting { name: "max-snapshot-bytes", reference: &[] };
const LIMITS: Setting = Setting { name: "limits", reference: &[] };
const PRUNE_AFTER: Setting = Setting { name: "prune-after", reference: &[] };
const METRICS_LISTEN: Setting = Setting { name: "metrics-listen", reference: &[] };
const LOG_LEVEL: Setting = Setting { name: "log-level", reference: &[] };
const LOG_FORMAT: Setting = Setting { name: "log-format", reference: &[] };

const REGISTRATION: Setting = Setting { name: "registration", reference: &[] };
const SELF_DELETION: Setting = Setting { name: "self-deletion", reference: &[] };
const ALLOW_CLIENT_ID: Setting = Setting { name: "allow-client-id", reference: &["CLIENT_ID"] };
/// The reference server's way to say "closed".
const CREATE_CLIENTS: &str = "CREATE_CLIENTS";
const NEW_ACCOUNTS_PER_HOUR: Setting = Setting { name: "new-accounts-per-hour", reference: &[] };
const NEW_ACCOUNTS_PER_DAY: Setting = Setting { name: "new-accounts-per-day", reference: &[] };
const QUOTA_BYTES: Setting = Setting { name: "quota-bytes", reference: &[] };
const QUOTA_VERSIONS: Setting = Setting { name: "quota-versions", reference: &[] };
const QUOTA_SNAPSHOT_BYTES: Setting = Setting { name: "quota-snapshot-bytes", reference: &[] };
const MIN_FREE: Setting = Setting { name: "min-free", reference: &[] };
const PRETENDED_VOLUME: Setting = Setting { name: "pretended-volume", reference: &[] };
const PRETENDED_MEMORY: Setting = Setting { name: "pretended-memory", reference: &[] };

/// All of them, for the configuration file.
const SETTINGS: &[&Setting] = &[
    &LISTEN,
    &DATA_DIR,
    &PUBLIC_URL,
    &BASE_PATH,
    &SNAPSHOT_DAYS,
    &SNAPSHOT_VERSIONS,
    &MAX_VERSION_BYTES,
    &MAX_SNAPSHOT_BYTES,
    &LIMITS,
    &PRUNE_AFTER,
    &METRICS_LISTEN,
    &LOG_LEVEL,
    &LOG_FORMAT,
    &REGISTRATION,
    &SELF_DELETION,
    &ALLOW_CLIENT_ID,
    &NEW_ACCOUNTS_PER_HOUR,
    &NEW_ACCOUNTS_PER_DAY,
    &QUOTA_BYTES,
    &QUOTA_VERSIONS,
    &QUOTA_SNAPSHOT_BYTES,
    &MIN_FREE,
    &PRETENDED_VOLUME,
    &PRETENDED_MEMORY,
    &perimeter::TRUSTED_PROXY,
    &perimeter::CLIENT_IP_HEADER,
    &perimeter::LIMIT_ACCOUNT,
    &perimeter::LIMIT_ADDRESS,
    &perimeter::LIMIT_LOOKUPS,
    &perimeter::LIMIT_UNKNOWN,
    &perimeter::LIMIT_NEW_ACCOUNTS,
    &perimeter::LIMIT_PAGES,
    &perimeter::MAX_CONNECTIONS_PER_ADDRESS,
    &perimeter::MAX_CONNECTIONS,
    &perimeter::ALLOW_ORIGIN,
    &perimeter::USER,
    &backup::EVERY,
    &backup::TO,
    &backup::KEEP,
    &backup::MAX_BYTES,
    &backup::RECIPIENT,
    &backup::PART_BYTES,
];

/// For tests, and nobody else's business.
const FOR_TESTS: &[&Setting] = &[&PRETENDED_VOLUME, &PRETENDED_MEMORY];

/// Whose values are credentials.
const SECRET: &[&Setting] = &[&ALLOW_CLIENT_ID];

/// A setting, as it stands in the environment and the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its key in the file.
    pub key: String,
    /// What was given; hidden if it is secret.
    pub value: Option<String>,
    /// Where; `None`: nowhere, the default counts.
    pub origin: Option<String>,
}

/// All settings, unchecked, with where each comes from.
pub fn shown(file: Option<&std::path::Path>, env: &sources::Env) -> Result<Vec<Shown>, ConfigError> {
    let sources = Sources::new(env, file, SETTINGS)?;
    let all = SETTINGS.iter().filter(|setting| FOR_TESTS.iter().all(|other| setting.name != other.name));
    Ok(all
        .map(|setting| {
            let given = sources.find(setting, &[]);
            let secret = SECRET.iter().any(|secret| secret.name == setting.name);
            let text = |given: &Given| if secret { "(hidden)".to_owned() } else { given.text() };
            Shown {
                key: setting.key(),
                value: given.as_ref().map(text).or_else(|| computed(setting, env)),
                origin: given.map(|given| given.origin().to_owned()),
            }
        })
        .collect())
}

/// A default that depends on who asks.
fn computed(setting: &Setting, env: &sources::Env) -> Option<String> {
    if setting.name != DATA_DIR.name {
        return None;
    }
    sources::default_data_dir(env).map(|directory| directory.display().to_string())
}

const DEFAULT_PORT: u16 = 8080;
const DEFAULT_BODY_BYTES: u64 = 100 * 1024 * 1024;

impl Config {
    /// Checks what was typed, what the environment says, and what the configuration file says.
    pub fn load(args: &ServeArgs, env: &sources::Env) -> Result<Self, ConfigError> {
        let sources = Sources::new(env, args.config.as_deref(), SETTINGS)?;
        let one = |setting, flag: &Option<String>| sources.find(setting, flag.as_slice());

        let public_url = public_url(&sources, args.public_url.as_slice())?;
        let base_path = or_default(one(&BASE_PATH, &args.base_path), values::base_path, String::new())?;
        let data_dir = data_dir(&sources, env, args.data_dir.as_slice())?;
        let mut notes = notes(env, &sources, &data_dir);
        notes.extend(path_note(public_url.as_ref(), &base_path));
        let limits_on = or_default(one(&LIMITS, &args.limits), values::on_or_off, true)?;
        let memory =
            or_default(one(&PRETENDED_MEMORY, &args.pretended_memory), values::bytes, budget::machine_memory())?;
        let perimeter = perimeter::perimeter(&sources, env, &args.perimeter, limits_on, memory, &mut notes)?;
        Ok(Self {
            listen: listen(&sources, &args.listen)?,
            backups: backup::Backups::load(&sources, env, args.backup_every.as_ref(), &args.backup, data_dir.clone())?,
            data_dir,
            public_url,
            base_path,
            snapshots: snapshots(&sources, args)?,
            body_limits: body_limits(&sources, args)?,
            registration: registration(&sources, args)?,
            self_deletion: or_default(one(&SELF_DELETION, &args.self_deletion), values::on_or_off, true)?,
            newcomers: newcomers(&sources, args)?,
            quota: quota(&sources, args)?,
            min_free: one(&MIN_FREE, &args.min_free).map(|given| given.parse(values::bytes)).transpose()?,
            pretended_volume: one(&PRETENDED_VOLUME, &args.pretended_volume)
                .map(|given| given.parse(values::path))
                .transpose()?,
            memory,
            prune_after: one(&PRUNE_AFTER, &args.prune_after)
                .map(|given| given.parse(values::retention))
                .transpose()?,
            limits_on,
            perimeter,
            origins: perimeter::origins(&sources, &args.perimeter)?,
            user: one(&perimeter::USER, &args.perimeter.user).map(|given| given.parse(values::user)).transpose()?,
            metrics_listen: one(&METRICS_LISTEN, &args.metrics_listen)
                .map(|given| given.parse(values::address))
                .transpose()?,
            log: Log {
                level: or_default(one(&LOG_LEVEL, &args.log_level), values::log_level, tracing::Level::INFO)?,
                json: or_default(one(&LOG_FORMAT, &args.log_format), values::log_format, false)?,
            },
            notes,
        })
    }
}

/// A public address that does not end in the base path is right only behind a proxy that changes paths.
fn path_note(public_url: Option<&ServerUrl>, base_path: &str) -> Option<String> {
    let url = public_url.filter(|url| !url.as_str().ends_with(base_path))?;
    Some(format!("`{url}` does not end in `{base_path}`: a proxy has to add that path to what it passes on"))
}

fn or_default<T>(
    given: Option<Given>,
    parse: impl Fn(&str) -> Result<T, String>,
    default: T,
) -> Result<T, ConfigError> {
    given.map_or(Ok(default), |given| given.parse(parse))
}

/// `PORT`, as platforms set it, ranks with the reference server's names: above the file, below `LISTEN`.
fn listen(sources: &Sources<'_>, flags: &[String]) -> Result<Listen, ConfigError> {
    let given = sources.find(&LISTEN, flags);
    let from_file = given.as_ref().is_none_or(Given::is_from_file);
    if let Some(port) = sources.variable("PORT").filter(|_| from_file) {
        let port = port.parse(values::whole_number)?;
        let address = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
        return Ok(Listen { addresses: vec![address], ipv4_fallback: true });
    }
    let addresses = match given {
        Some(given) => given.parse_list(values::addresses)?,
        None => vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT)],
    };
    Ok(Listen { addresses, ipv4_fallback: false })
}

fn data_dir(sources: &Sources<'_>, env: &sources::Env, flag: &[String]) -> Result<PathBuf, ConfigError> {
    match sources.find(&DATA_DIR, flag) {
        Some(given) => given.parse(values::path),
        None => sources::default_data_dir(env).ok_or(ConfigError::NoHome),
    }
}

fn public_url(sources: &Sources<'_>, flag: &[String]) -> Result<Option<ServerUrl>, ConfigError> {
    sources.find(&PUBLIC_URL, flag).map(|given| given.parse(values::url)).transpose()
}

fn body_limits(sources: &Sources<'_>, args: &ServeArgs) -> Result<Limits, ConfigError> {
    let bytes = |setting, flag: &Option<String>| {
        or_default(sources.find(setting, flag.as_slice()), values::bytes, DEFAULT_BODY_BYTES)
    };
    Ok(Limits {
        version_bytes: bytes(&MAX_VERSION_BYTES, &args.max_version_bytes)?,
        snapshot_bytes: bytes(&MAX_SNAPSHOT_BYTES, &args.max_snapshot_bytes)?,
    })
}

fn snapshots(sources: &Sources<'_>, args: &ServeArgs) -> Result<SnapshotPolicy, ConfigError> {
    let one = |setting, flag: &Option<String>| sources.find(setting, flag.as_slice());
    let default = SnapshotPolicy::default();
    Ok(SnapshotPolicy {
        days: or_default(one(&SNAPSHOT_DAYS, &args.snapshot_days), values::whole_number, default.days)?,
        versions: or_default(one(&SNAPSHOT_VERSIONS, &args.snapshot_versions), values::whole_number, default.versions)?,
    })
}

fn newcomers(sources: &Sources<'_>, args: &ServeArgs) -> Result<Rates, ConfigError> {
    let rate = |setting, flag: &Option<String>, default| {
        or_default(sources.find(setting, flag.as_slice()), values::at_least_one, default)
    };
    let default = Rates::default();
    Ok(Rates {
        per_hour: rate(&NEW_ACCOUNTS_PER_HOUR, &args.new_accounts_per_hour, default.per_hour)?,
        per_day: rate(&NEW_ACCOUNTS_PER_DAY, &args.new_accounts_per_day, default.per_day)?,
    })
}

fn quota(sources: &Sources<'_>, args: &ServeArgs) -> Result<Quota, ConfigError> {
    let one = |setting, flag: &Option<String>| sources.find(setting, flag.as_slice());
    let default = Quota::default();
    Ok(Quota {
        bytes: or_default(one(&QUOTA_BYTES, &args.quota_bytes), values::bytes, default.bytes)?,
        versions: or_default(one(&QUOTA_VERSIONS, &args.quota_versions), values::whole_number, default.versions)?,
        snapshot_bytes: or_default(
            one(&QUOTA_SNAPSHOT_BYTES, &args.quota_snapshot_bytes),
            values::bytes,
            default.snapshot_bytes,
        )?,
    })
}

/// Who may create an account: by our flag, or in the reference server's words, where an allow-list is a closed server that lets
/// these accounts in. Starting open where the operator asked for closed would be the one wrong answer.
fn registration(sources: &Sources<'_>, args: &ServeArgs) -> Result<Registration, ConfigError> {
    let listed = sources.find(&ALLOW_CLIENT_ID, &args.allow_client_id);
    let create = sources.variable(CREATE_CLIENTS);
    let closed = create.filter(|given| given.parse(|text| Ok(values::is_yes(text))).is_ok_and(|yes| !yes));
    let given = sources.find(&REGISTRATION, args.registration.as_slice());

    let by_reference = closed.as_ref().or(listed.as_ref());
    let policy = match (&given, by_reference) {
        (Some(given), by_reference) => {
            let policy = given.parse(values::registration)?;
            if let (describe::Registration::Open, Some(closed)) = (policy, by_reference) {
                let (open, closed) = (given.origin().to_owned(), closed.origin().to_owned());
                return Err(ConfigError::Contradiction { open, closed });
            }
            policy
        }
        (None, Some(_)) => describe::Registration::Closed,
        (None, None) => describe::Registration::Open,
    };
    let listed = match listed {
        // As in the reference server, where nobody's account is created then.
        _ if closed.is_some() => Vec::new(),
        Some(given) => given.parse_hidden_list(values::client_id)?,
        None => Vec::new(),
    };
    Ok(Registration { policy, listed: listed.into_iter().collect() })
}

/// What a command beside the server needs to know of its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// Where the data lies.
    pub data_dir: PathBuf,
    /// How people reach the server, if that is known.
    pub public_url: Option<ServerUrl>,
    /// Whom the server becomes when it is started as root.
    pub user: Option<User>,
}

impl Beside {
    /// From the same sources as the server's.
    pub fn load(args: &DataArgs, public_url_flag: &[String], env: &sources::Env) -> Result<Self, ConfigError> {
        let sources = Sources::new(env, args.config.as_deref(), SETTINGS)?;
        let data_dir = data_dir(&sources, env, args.data_dir.as_slice())?;
        let user = sources.find(&perimeter::USER, &[]).map(|given| given.parse(values::user)).transpose()?;
        Ok(Self { data_dir, public_url: public_url(&sources, public_url_flag)?, user })
    }
}

fn notes(env: &sources::Env, sources: &Sources<'_>, data_dir: &std::path::Path) -> Vec<String> {
    let mut notes = sources.unknown_variables();
    if env.get("DATABASE_URL").is_some() {
        let data_dir = data_dir.display();
        notes.push(format!("`DATABASE_URL` is set and not used: this server keeps its data in `{data_dir}`"));
    }
    notes
}

#[cfg(test)]
mod tests;
