//! `taskferry-server account …`, as typed.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::DataArgs;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// List accounts: all of them, oldest first, or as the flags say
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one account
    Show(ShowArgs),
    /// Create an account, whatever registration says
    Create(CreateArgs),
    /// Switch an account off; its tasks stay, and its devices are told so
    Disable(DisableArgs),
    /// Switch an account on again, also a deleted one whose tasks are still there
    Enable(EnableArgs),
    /// Delete an account; its tasks are erased after a time of grace, or now
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
    /// Give an account a quota of its own
    Quota(QuotaArgs),
    /// Take an account back to one of its versions; what goes is kept in a file
    Rewind(RewindArgs),
    /// Write an account into a file, sealed as it is
    Export(ExportArgs),
    /// Take an account over from a file
    Import(ImportArgs),
}

/// Which account.
#[derive(Debug, Args)]
pub struct Which {
    /// The account: the beginning of its hash, as `account list` shows it, or its full client ID
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
}

/// `account list --state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListState {
    /// In use
    Active,
    /// Switched off
    Disabled,
    /// Deleted, and not erased yet
    Deleted,
    /// Deleted and erased
    Erased,
}

/// `account list --sort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListOrder {
    /// The oldest first
    Created,
    /// Who came last, first
    Seen,
    /// The largest first
    Size,
    /// Most versions first
    Versions,
}

/// `account list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only accounts that stand so
    #[arg(long, value_name = "STATE")]
    pub state: Option<ListState>,
    /// Only accounts whose devices did not come for so long, such as 180d; known to the week
    #[arg(long, value_name = "TIME")]
    pub inactive: Option<String>,
    /// Only accounts with more in versions and snapshot together, such as 100MB
    #[arg(long, value_name = "BYTES")]
    pub over: Option<String>,
    /// What comes first
    #[arg(long, value_name = "ORDER", default_value = "created")]
    pub sort: ListOrder,
    /// The other way round
    #[arg(long)]
    pub reverse: bool,
    /// So many at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// With `--limit`: which page
    #[arg(long, value_name = "NUMBER", default_value = "1", requires = "limit")]
    pub page: NonZeroU32,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which account.
    #[command(flatten)]
    pub which: Which,
    /// Show its client ID too; whoever knows it can read and write what is stored
    #[arg(long)]
    pub reveal: bool,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The client ID [default: a new one]
    #[arg(value_name = "CLIENT_ID")]
    pub client_id: Option<String>,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account disable`.
#[derive(Debug, Args)]
pub struct DisableArgs {
    /// Which account.
    #[command(flatten)]
    pub which: Which,
    /// What its devices are told, such as "please write to me"
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account enable`.
#[derive(Debug, Args)]
pub struct EnableArgs {
    /// Which account.
    #[command(flatten)]
    pub which: Which,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Which account.
    #[command(flatten)]
    pub which: Which,
    /// For how long it can be brought back with `account enable`, such as 7d or 12h
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub grace: String,
    /// Erase its tasks at once, and what was kept of them in files: nothing can bring them back
    #[arg(long, conflicts_with = "grace")]
    pub now: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account quota`.
#[derive(Debug, Args)]
pub struct QuotaArgs {
    /// Which account.
    #[command(flatten)]
    pub which: Which,
    /// What it may keep, in versions and snapshot together, such as 200MiB; `default` is everybody's
    #[arg(long, value_name = "BYTES", required_unless_present = "versions")]
    pub bytes: Option<String>,
    /// How many versions it may keep; `default` is everybody's
    #[arg(long, value_name = "COUNT")]
    pub versions: Option<String>,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account rewind`.
#[derive(Debug, Args)]
pub struct RewindArgs {
    /// Which account.
    #[command(flatten)]
    pub which: Which,
    /// The version that is to be the latest again; `00000000-0000-0000-0000-000000000000` empties the account
    #[arg(long, value_name = "VERSION")]
    pub to: String,
    /// Only show what would go
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Which account.
    #[command(flatten)]
    pub which: Which,
    /// The new file, or `-` for standard output [default: the account's hash and `.account`, here]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `account import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The account file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// If the account is here with another history, or was deleted: take the file's instead
    #[arg(long)]
    pub replace: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}
