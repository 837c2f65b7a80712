//! `import`, `db`, `config`, `completions` and `man`, as typed.

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
