//! `taskferry man [COMMAND]`: the manual page, made from the definition of the command line.

use clap::CommandFactory;

use crate::cli::{self, Cli};
use crate::error::{Exit, Explain, Failure};
use crate::flow::{Run, Stopped};
use crate::terminal::printable;

/// A page was asked for that is none.
#[derive(Debug, thiserror::Error)]
#[error("there is no command `{0}`")]
pub struct NoSuchCommand(String);

impl Explain for NoSuchCommand {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry help` to see them all".into())
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Man) -> Result<(), Failure> {
    let mut program = Cli::command();
    program.build();
    let command = match &args.command {
        None => program,
        Some(name) => {
            let command = program.find_subcommand(name).ok_or_else(|| NoSuchCommand(printable(name)))?;
            let page = format!("taskferry-{}", command.get_name());
            command.clone().display_name(page)
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Stopped::Output)?;
    run.data(&String::from_utf8_lossy(&page))
}
