//! `import`, `db`, `doctor`, `config`, `completions` and `man`, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DataArgs;

/// `import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Data directory of the reference server or of another Taskferry; it is only read
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Only show what would be taken over
    #[arg(long)]
    pub dry_run: bool,
    /// Whose data it becomes.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `db …`
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Show the database's files, sizes and free pages
    Status(DataArgs),
    /// Check everything in the database: pages, chains, bodies, snapshots
    Check(DataArgs),
    /// Give free space back to the file system, a little at a time
    Vacuum(DataArgs),
}

/// `doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is changed; a small file is written beside the data to see how fast the disk is, and
removed again. Exit code 3 if a problem was found, 0 if none was, or warnings only.")]
pub struct DoctorArgs {
    /// Walk every chain in the database too, as `db check` does
    #[arg(long)]
    pub thorough: bool,
    /// Print what a bug report needs, without addresses, IDs and paths
    #[arg(long)]
    pub report: bool,
    /// Where the server listens [default: as the running server was started, else by the settings]
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,
    /// Address under which people reach the server [default: likewise]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Whose data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show each setting with where it came from
    Show(SettingsArgs),
    /// Check all settings
    Check(SettingsArgs),
    /// Print a configuration file with all settings, explained
    Default,
}

/// The settings that a server started here would find.
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// Configuration file (TOML) [default: /etc/taskferry/server.toml or the user's]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for each command into this directory instead
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
