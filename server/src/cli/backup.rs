//! `backup` and `restore`, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DataArgs;

/// How backups are made; the server's settings, and flags of the commands that need them.
#[derive(Debug, Default, Clone, Args)]
pub struct BackupFlags {
    /// Where backups go: a folder, or s3://BUCKET/PREFIX; may be given several times [default: `backups` in the data
    /// directory]
    #[arg(long, value_name = "PLACE", visible_alias = "to")]
    pub backup_to: Vec<String>,
    /// How many backups are kept at each place [default: 14]
    #[arg(long, value_name = "COUNT", visible_alias = "keep")]
    pub backup_keep: Option<String>,
    /// How large the kept backups may be together at each place; the newest is kept always [default: no limit]
    #[arg(long, value_name = "BYTES", visible_alias = "max-bytes")]
    pub backup_max_bytes: Option<String>,
    /// Encrypt backups to this age recipient (age1…); may be given several times [default: not encrypted]
    #[arg(long, value_name = "RECIPIENT", visible_alias = "recipient")]
    pub backup_recipient: Vec<String>,
    /// Size of the parts in which a large backup goes up to a bucket; smaller ones suit slow lines, and services want 5MiB at
    /// least [default: 8MiB]
    #[arg(long, value_name = "BYTES", visible_alias = "part-bytes")]
    pub backup_part_bytes: Option<String>,
}

/// `backup …`
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Make a backup now, prove it, keep it, and remove those that have had their time
    Create(CreateArgs),
    /// List the backups at each place
    List(ListArgs),
    /// Open backups and check everything in them, as if they were needed
    Verify(VerifyArgs),
    /// Remove the backups that have had their time
    Prune(PruneArgs),
}

/// `backup create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// How and where to.
    #[command(flatten)]
    pub backup: BackupFlags,
    /// Whose data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `backup list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where.
    #[command(flatten)]
    pub backup: BackupFlags,
    /// Whose data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `backup verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A backup's name [default: the newest at each place]
    #[arg(conflicts_with = "all")]
    pub name: Option<String>,
    /// All of them
    #[arg(long)]
    pub all: bool,
    /// File with the age key of encrypted backups
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub backup: BackupFlags,
    /// Whose data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `backup prune`
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Only show what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Where, and how many stay.
    #[command(flatten)]
    pub backup: BackupFlags,
    /// Whose data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A backup's name or file, `latest`, a folder or s3://BUCKET/PREFIX (its newest), or a database file
    #[arg(value_name = "BACKUP")]
    pub backup: String,
    /// Only show what it would mean for the accounts
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// File with the age key of an encrypted backup
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Whose data.
    #[command(flatten)]
    pub data: DataArgs,
}
