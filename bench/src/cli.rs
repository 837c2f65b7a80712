//! The command line, as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// `taskferry-bench`.
#[derive(Debug, Parser)]
#[command(name = "taskferry-bench", version, about = "Measures the sync server.", disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure the reference, the HTTP stack alone and this server in turns, and print their ratios
    Compare(CompareArgs),
    /// Play a population in compressed time and report what it takes
    Simulate(SimulateArgs),
    /// Attack the server in every way, and report how an honest account fares meanwhile
    Hostile(HostileArgs),
    /// Measure what each choice in the database's schema costs an append
    Schema(SchemaArgs),
    /// Answer the protocol's requests without doing anything, until terminated
    Ceiling(CeilingArgs),
}

/// Which server, and where its data lies.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// This project's server [default: a release build of now]
    #[arg(long, value_name = "PATH")]
    pub(crate) server: Option<PathBuf>,
    /// One more argument for `taskferry-server serve`; may be given several times
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub(crate) server_arg: Vec<String>,
    /// Where the servers' data lies meanwhile; a real disk [default: beside the build's output]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Write the report into this file too, as Markdown
    #[arg(long, value_name = "FILE.md")]
    pub(crate) out: Option<PathBuf>,
}

/// `compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// How often each server gets its turn; medians are over these
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// How long each turn is, after a tenth of it to warm up
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Only these workloads; `--list` names them
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Name the workloads and end
    #[arg(long)]
    pub(crate) list: bool,
    /// Numbers of accounts at which a fresh device's first request is measured
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_values_t = [1_000, 10_000])]
    pub(crate) accounts: Vec<u64>,
    /// The number of accounts after which the memory at rest is measured
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub(crate) idle_accounts: u64,
    /// The reference [default: `bench/peer`, built on demand]
    #[arg(long, value_name = "PATH")]
    pub(crate) reference: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// `simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// How many accounts
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) accounts: u32,
    /// How many devices an account has at most; each number from 1 to this is equally frequent
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) devices: u8,
    /// How many days are played
    #[arg(long, value_name = "COUNT", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: u32,
    /// Within how many of the first days everybody's devices join
    #[arg(long, value_name = "COUNT", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) join_days: u32,
    /// End at the first midnight after this many minutes of play
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub(crate) minutes: Option<u64>,
    /// Turn the server's clock a day further each midnight, through this library: `libfaketimeMT.so.1` of libfaketime
    #[arg(long, value_name = "LIBRARY")]
    pub(crate) clock: Option<PathBuf>,
    /// Each seventh midnight, prune as `taskferry-server prune --older-than TIME` does
    #[arg(long, value_name = "TIME", requires = "clock")]
    pub(crate) prune_after: Option<String>,
    /// Afterwards, time what an operator waits for with that much data: starts, backups, checks, pruning, a restore
    #[arg(long)]
    pub(crate) operate: bool,
    /// The same seed plays the same population
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many connections play it
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) connections: u32,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// `hostile`.
#[derive(Debug, Args)]
pub(crate) struct HostileArgs {
    /// How long each attack is, after a tenth of it to warm up
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// How many connections the strangers have
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = connections)]
    pub(crate) connections: usize,
    /// Only these attacks
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// `schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// How often each variant gets its turn; medians are over these
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// How many appends a turn has
    #[arg(long, value_name = "COUNT", default_value_t = 6_400, value_parser = clap::value_parser!(u32).range(64..=10_000_000))]
    pub(crate) appends: u32,
    /// Where the databases lie meanwhile; a real disk [default: beside the build's output]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// `ceiling`.
#[derive(Debug, Args)]
pub(crate) struct CeilingArgs {
    /// The size of the snapshot that it hands out
    #[arg(long, value_name = "BYTES", default_value_t = 1_000_000)]
    pub(crate) snapshot_bytes: u64,
}

fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=4096).contains(&count) => Ok(count),
        _ => Err("a whole number from 1 to 4096".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.1 to 3600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
