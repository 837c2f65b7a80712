//! `taskferry-server completions SHELL`.

use clap::CommandFactory as _;

use super::VerbError;
use crate::cli::Cli;
use crate::cli::operate::CompletionsArgs;
use crate::terminal;

/// Carries out the verb.
pub fn run(args: &CompletionsArgs) -> Result<(), VerbError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "taskferry-server", &mut script);
    terminal::print(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
