//! `taskferry-server prune`, as typed.

use clap::Args;

use super::DataArgs;

/// `prune`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Keep everything that is newer, such as 180d; from 30d to 730d
    #[arg(long, value_name = "TIME", default_value = "180d")]
    pub older_than: String,
    /// Show what would go, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Which server's data.
    #[command(flatten)]
    pub data: DataArgs,
}
