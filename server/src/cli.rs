//! The command line, as typed. Values are texts here; `config` checks them, whichever way they came in.

pub mod account;
pub mod backup;
pub mod deploy;
pub mod invite;
pub mod operate;
mod perimeter;
pub mod prune;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::perimeter::PerimeterArgs;

/// `taskferry-server`.
#[derive(Debug, Parser)]
#[command(
    name = "taskferry-server",
    version,
    about = "A TaskChampion-compatible sync server for Taskwarrior.",
    after_help = "Start one with `taskferry-server serve`; no flags are needed.",
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do; without it, the help is shown.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until it is told to stop
    Serve(Box<ServeArgs>),
    /// List, show, change, move and delete accounts, also beside a running server
    #[command(subcommand, visible_alias = "client")]
    Account(account::AccountCommand),
    /// Invite people to a server with `--registration invite`
    #[command(subcommand)]
    Invite(invite::InviteCommand),
    /// Take away old versions that no device needs any more, also beside a running server
    Prune(prune::PruneArgs),
    /// Ask a running server whether it is ready
    Health(HealthArgs),
    /// Write what a platform needs to run the server, and say what to type there
    Deploy(deploy::DeployArgs),
    /// Make, list, verify and prune backups, also beside a running server
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Put a backup in the place of the data; the server must be stopped
    Restore(backup::RestoreArgs),
    /// Take over all accounts from another server's data directory
    Import(operate::ImportArgs),
    /// Look at the database, check it, and give free space back
    #[command(subcommand)]
    Db(operate::DbCommand),
    /// Show totals: accounts, versions, sizes, the last backup
    Stats(DataArgs),
    /// Look at everything that the server depends on, and say what mends what is wrong
    Doctor(operate::DoctorArgs),
    /// Show, check and explain the settings
    #[command(subcommand)]
    Config(operate::ConfigCommand),
    /// Print completions for a shell
    Completions(operate::CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(operate::ManArgs),
}

/// `serve`. Each flag is also an environment variable (`--data-dir` is `TASKFERRY_DATA_DIR`) and a line in the
/// configuration file (`data_dir = "…"`); the flag wins, then the environment, then the file.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Every flag is also an environment variable (`--data-dir` is `TASKFERRY_DATA_DIR`) and a line
in the configuration file (`data_dir = \"…\"`). The flag wins, then the environment, then the
file. LISTEN, DATA_DIR, SNAPSHOT_DAYS, SNAPSHOT_VERSIONS, CLIENT_ID, CREATE_CLIENTS and PORT
are understood too.")]
pub struct ServeArgs {
    /// Address and port to listen on; may be given several times [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,
    /// Directory that holds the data; created if it is not there
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Address under which people reach this server, such as https://sync.example.org
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Path under which everything is served, such as /sync
    #[arg(long, value_name = "PATH")]
    pub base_path: Option<String>,
    /// Configuration file (TOML) [default: /etc/taskferry/server.toml or the user's]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Ask for a snapshot after this many days [default: 14]
    #[arg(long, value_name = "DAYS")]
    pub snapshot_days: Option<String>,
    /// Ask for a snapshot after this many versions [default: 100]
    #[arg(long, value_name = "COUNT")]
    pub snapshot_versions: Option<String>,
    /// Largest version accepted, such as 100MiB [default: 100MiB]
    #[arg(long, value_name = "BYTES")]
    pub max_version_bytes: Option<String>,
    /// Largest snapshot kept; a larger one is accepted and dropped [default: 100MiB]
    #[arg(long, value_name = "BYTES")]
    pub max_snapshot_bytes: Option<String>,
    /// Who may create an account: open (everybody), invite (who has an invite) or closed (nobody) [default: open]
    #[arg(long, value_name = "WHO")]
    pub registration: Option<String>,
    /// Whether people may delete their own accounts: on or off; the operator can bring one back for 30 days [default: on]
    #[arg(long, value_name = "SWITCH")]
    pub self_deletion: Option<String>,
    /// Accounts that may be created whatever registration says, which is closed then unless told otherwise; may be given several
    /// times, or with commas. Others on this machine see flags: prefer CLIENT_ID or the configuration file
    #[arg(long, value_name = "CLIENT_ID")]
    pub allow_client_id: Vec<String>,
    /// New accounts in an hour, of everybody together, without invites [default: 100]
    #[arg(long, value_name = "COUNT")]
    pub new_accounts_per_hour: Option<String>,
    /// New accounts in a day [default: 500]
    #[arg(long, value_name = "COUNT")]
    pub new_accounts_per_day: Option<String>,
    /// What an account may keep, in versions and snapshot together; on its first day a quarter of it [default: 64MiB]
    #[arg(long, value_name = "BYTES")]
    pub quota_bytes: Option<String>,
    /// How many versions an account may keep; on its first day a quarter of it [default: 100000]
    #[arg(long, value_name = "COUNT")]
    pub quota_versions: Option<String>,
    /// The largest snapshot that an account may keep; a larger one is accepted and dropped [default: 16MiB]
    #[arg(long, value_name = "BYTES")]
    pub quota_snapshot_bytes: Option<String>,
    /// Free space on the volume below which nobody can send; new accounts end at four times, and accounts of the first day at
    /// twice of it [default: a tenth of the volume, at most 256MiB]
    #[arg(long, value_name = "BYTES")]
    pub min_free: Option<String>,
    /// For tests: take free and whole bytes of the volume from this file
    #[arg(long, value_name = "FILE", hide = true)]
    pub pretended_volume: Option<String>,
    /// For tests: as if there were so much memory
    #[arg(long, value_name = "BYTES", hide = true)]
    pub pretended_memory: Option<String>,
    /// Rate limits and quotas: on or off; `off` is for benchmarks and private networks [default: on]
    #[arg(long, value_name = "SWITCH")]
    pub limits: Option<String>,
    /// Take versions away that are older than this and that nobody needs any more, such as 180d [default: never]
    #[arg(long, value_name = "TIME")]
    pub prune_after: Option<String>,
    /// Address and port for Prometheus metrics (`/metrics`); keep it private [default: none]
    #[arg(long, value_name = "ADDR")]
    pub metrics_listen: Option<String>,
    /// Make a backup so often, such as 6h [default: never]
    #[arg(long, value_name = "TIME")]
    pub backup_every: Option<String>,
    /// Backups.
    #[command(flatten)]
    pub backup: backup::BackupFlags,
    /// What to log: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How to log: human or json [default: human]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// What strangers may do.
    #[command(flatten)]
    pub perimeter: PerimeterArgs,
}

/// `health`. Without `--url`, the server that `serve` with the same settings would be.
#[derive(Debug, Default, Args)]
pub struct HealthArgs {
    /// Address of the server, plain http [default: where this machine's server listens]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Where the server listens, if it was told with `--listen`
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,
    /// Configuration file (TOML) [default: /etc/taskferry/server.toml or the user's]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Which server's data a command is about.
#[derive(Debug, Default, Args)]
pub struct DataArgs {
    /// Directory that holds the server's data
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// The server's configuration file (TOML) [default: /etc/taskferry/server.toml or the user's]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
