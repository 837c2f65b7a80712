//! `taskferry-server account …`, as typed.

use clap::{Args, Subcommand};

use super::DataArgs;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// List all accounts, oldest first
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
    /// Delete an account; its tasks are erased after a time of grace
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
    /// Give an account a quota of its own
    Quota(QuotaArgs),
}

/// Which account.
#[derive(Debug, Args)]
pub struct Which {
    /// The account: the beginning of its hash, as `account list` shows it, or its full client ID
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
}

/// `account list`.
#[derive(Debug, Args)]
pub struct ListArgs {
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
