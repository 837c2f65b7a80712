//! The wizard: sets up Taskwarrior sync, and brings the second computer in.
//!
//! # Map
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the command line, as typed |
//! | [`context`] | the world around one run: environment, places, whether a person is there |
//! | [`terminal`], [`prompt`] | what is said, what is asked |
//! | [`error`] | what failed, why, what mends it |
//! | [`commands`] | setup, join, verify, …: one file each |
//! | [`flow`] | the steps they have in common |
//! | [`credentials`] | making, reading and proving credentials |
//! | [`taskrc`] | finding and changing Taskwarrior's configuration |
//! | [`taskwarrior`] | running Taskwarrior |
//! | [`interrupts`] | Ctrl-C while another program runs |
//! | [`server`] | asking a sync server |
//! | [`database`] | reading Taskwarrior's database |
//! | [`checks`] | everything that sync depends on, piece by piece |
//! | [`proof`] | the account rebuilt from the server, and compared |
//! | [`pending`] | what waits for a server that was away |
//!
//! # One run of `taskferry setup`
//!
//! 1. [`main`] reads the world into a [`context::Context`], and [`run`] parses the command line.
//! 2. *Ask:* [`commands::setup`] takes the server from `--server`, or asks through a [`prompt::Prompter`].
//! 3. *Look:* [`flow::computer`] finds Taskwarrior, its taskrc and the account that it has already; [`server::probe`]
//!    looks whether the address is a sync server. Nothing has changed so far.
//! 4. *Plan:* [`credentials::generate`] makes an account's credentials; [`taskrc::Taskrc::plan`] works out the new bytes;
//!    [`flow::plan`] shows it all as a diff, and asks.
//! 5. *Apply:* [`server::account`] registers the account, [`taskrc::write`] backs up and replaces the file.
//! 6. *Verify:* [`flow::apply`] reads the settings back through Taskwarrior, and takes them back if they differ.
//! 7. *First sync:* [`flow::first_sync`] runs `task sync`, and [`proof`] shows that it did what it reported; then the person
//!    is told what to do next.
//!
//! `taskferry join` goes the same way, with one more step between 3 and 4: [`credentials::unseal`] proves the secret
//! against the account's own data.

pub mod checks;
pub mod cli;
pub mod commands;
pub mod context;
pub mod credentials;
pub mod database;
pub mod error;
pub mod flow;
pub mod interrupts;
pub mod pending;
pub mod prompt;
pub mod proof;
pub mod server;
pub mod taskrc;
pub mod taskwarrior;
pub mod terminal;
#[cfg(test)]
mod testing;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Color, Command};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::flow::Run;
use crate::prompt::Prompter;
use crate::terminal::{Screen, Terminal};

/// The program, on the real world. The only way in that does not take a [`Context`].
pub fn main() -> ExitCode {
    let (mut input, mut data, mut talk) = (Unbuffered, io::stdout(), io::stderr());
    let columns = io::stderr().is_terminal().then(|| usize::from(console::Term::stderr().size().1));
    let context = match Context::of_this_process() {
        Ok(context) => context,
        Err(error) => {
            let screen = Screen { colored: false, columns };
            Terminal::new(&mut data, &mut talk, screen).say_failure(&Failure::from(error));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let streams = Streams { input: &mut input, data: &mut data, talk: &mut talk, columns };
    let prompter = |screen: Screen| Box::new(prompt::terminal::Terminal::new(screen.colored)) as Box<dyn Prompter>;
    ExitCode::from(run(std::env::args_os(), &context, streams, prompter) as u8)
}

/// Standard input without a buffer, which would keep what was read: secrets are.
struct Unbuffered;

impl Read for Unbuffered {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(io::stdin(), bytes)?)
    }
}

/// The three standard streams.
pub struct Streams<'a> {
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Standard output.
    pub data: &'a mut dyn Write,
    /// Standard error.
    pub talk: &'a mut dyn Write,
    /// The width of the terminal that standard error is, if it is one.
    pub columns: Option<usize>,
}

/// The program in the world that it is given.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    context: &Context,
    mut streams: Streams<'_>,
    prompter: impl FnOnce(Screen) -> Box<dyn Prompter>,
) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(message) => return say_usage(&message, &mut streams),
    };
    let columns = streams.columns;
    let screen = Screen { colored: is_colored(cli.global.color, context, columns.is_some()), columns };
    let Some(command) = &cli.command else {
        let _ = write!(streams.data, "{}", Cli::command().render_help());
        return Exit::Fine;
    };
    let mut run = Run {
        context,
        terminal: Terminal::new(streams.data, streams.talk, screen),
        input: streams.input,
        prompter: &mut *prompter(screen),
        global: &cli.global,
    };
    let done = match command {
        Command::Setup(args) => commands::setup::run(&mut run, args),
        Command::Join(args) => commands::join::run(&mut run, args),
        Command::Share(args) => commands::share::run(&mut run, args),
        Command::Status(args) => commands::status::run(&mut run, args),
        Command::Verify(args) => commands::verify::run(&mut run, args),
        Command::Doctor(args) => commands::doctor::run(&mut run, args),
        Command::Sync(args) => commands::sync::run(&mut run, args),
        Command::Undo(args) => commands::undo::run(&mut run, args),
        Command::Completions(args) => commands::completions::run(&mut run, args),
        Command::Man(args) => commands::man::run(&mut run, args),
    };
    match done {
        Ok(()) => Exit::Fine,
        Err(failure) => {
            run.terminal.say_failure(&failure);
            failure.exit()
        }
    }
}

/// Help and version are what was asked for, hence data; a wrong command line is talk.
fn say_usage(message: &clap::Error, streams: &mut Streams<'_>) -> Exit {
    if message.use_stderr() {
        let _ = write!(streams.talk, "{message}");
        return Exit::Usage;
    }
    let _ = write!(streams.data, "{message}");
    Exit::Fine
}

/// `NO_COLOR` as <https://no-color.org> has it: set and not empty.
fn is_colored(wanted: Color, context: &Context, is_terminal: bool) -> bool {
    let can = || is_terminal && context.var("TERM").is_none_or(|term| term != "dumb");
    match wanted {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => can() && context.var("NO_COLOR").is_none(),
    }
}
