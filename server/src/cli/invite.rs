//! `taskferry-server invite …`, as typed.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};

use super::DataArgs;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum InviteCommand {
    /// Make an invite, for a server with `--registration invite`
    Create(CreateArgs),
    /// List all invites, oldest first
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Take an invite back; accounts that it created stay
    #[command(visible_alias = "rm")]
    Revoke(RevokeArgs),
}

/// `invite create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// How many accounts it may create
    #[arg(long, value_name = "N", default_value = "1")]
    pub uses: NonZeroU32,
    /// How long it can be used, such as 7d or 12h
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub expires: String,
    /// Address under which people reach the server [default: the server's setting]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `invite list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `invite revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// Its number, as `invite list` shows it
    #[arg(value_name = "NUMBER")]
    pub number: i64,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}
