//! `taskferry completions SHELL`: a completion script, made from the definition of the command line.

use clap::CommandFactory;

use crate::cli::{self, Cli};
use crate::error::Failure;
use crate::flow::Run;

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "taskferry", &mut script);
    run.data(&String::from_utf8_lossy(&script))
}
