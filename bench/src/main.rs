//! `taskferry-bench`: measures the sync server, and plays populations on it.
//!
//! | module | holds |
//! |---|---|
//! | `cli` | the command line |
//! | `compare` | reference, ceiling and this server under the same loads, in turns, as ratios |
//! | `simulate` | months of a population in minutes: disk, memory, bandwidth, latency |
//! | `hostile` | how an honest account fares while strangers attack |
//! | `schema` | what each choice in the database's schema costs an append |
//! | `ceiling` | the same HTTP stack, answering without doing anything |
//! | `client` | devices that speak the sync protocol, cheap enough to share the cores with the server |
//! | `load` | many devices at once, for a time, into a histogram |
//! | `process`, `cargo`, `scratch` | servers as child processes, how they are built, and where their data lies |
//! | `units`, `random`, `terminal` | numbers in words, numbers out of a seed, and the only place that prints |
//!
//! Only ratios of one run mean anything: the load generator, the server and whatever else the machine does share its cores.

mod cargo;
mod ceiling;
mod cli;
mod client;
mod compare;
mod hostile;
mod load;
mod process;
mod random;
mod schema;
mod scratch;
mod simulate;
mod terminal;
mod units;

use std::process::ExitCode;

use clap::Parser as _;

use self::cli::{Cli, Command};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Compare(args) => compare::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Hostile(args) => hostile::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Ceiling(args) => ceiling::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::say(&terminal::error_text(&error));
            ExitCode::FAILURE
        }
    }
}
