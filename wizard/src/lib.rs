//! The wizard: sets up Taskwarrior sync, brings the second computer in, and finds and mends what is wrong.
//!
//! # Map
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the command line, as typed |
//! | [`context`], [`observer`] | the world around one run: environment, places, whether a person is there; who is told of its steps |
//! | [`mod@run`] | one run, as every command gets it handed |
//! | [`terminal`], [`prompt`] | what is said, what is asked |
//! | [`json`], [`journal`] | the same for scripts; what `--verbose` says |
//! | [`words`], [`standing`] | numbers as people read them; how a computer and its account stand to each other |
//! | [`error`] | what failed, why, what mends it |
//! | [`commands`] | the first screen, setup, join, verify, …: one file each |
//! | [`flow`] | the steps they have in common |
//! | [`credentials`] | making, reading and proving credentials |
//! | [`qr`] | QR codes: drawing them, and reading them from pictures |
//! | [`sheet`] | the recovery sheet |
//! | [`cloud`], [`settings`] | the server that the program knows by itself; its own settings |
//! | [`taskrc`] | finding and changing Taskwarrior's configuration |
//! | [`taskwarrior`], [`platform`] | running Taskwarrior; how to get it |
//! | [`sync_settings`] | how Taskwarrior is configured to sync |
//! | [`interrupts`] | Ctrl-C while another program runs |
//! | [`server`] | asking a sync server |
//! | [`database`], [`former`] | reading Taskwarrior's database; tasks of Taskwarrior 2 beside it |
//! | [`checks`] | everything that sync depends on, piece by piece |
//! | [`proof`] | the account rebuilt from the server, and compared |
//! | [`seen`] | what was seen last of an account, to tell what happened to it |
//! | [`repair`] | what a computer and an account have together, where their histories have parted |
//! | [`rescue`] | another task database for this computer, without losing a task |
//! | [`pending`] | what waits for a server that was away |
//! | [`files`], [`notes`] | files that are replaced whole; small private ones of ours, for the next run |
//! | [`serving`] | a sync server on this very computer |
//!
//! # One run of `taskferry setup`
//!
//! 1. [`main`] reads the world into a [`context::Context`], and [`run()`] parses the command line.
//! 2. *Look:* [`flow::computer`] finds Taskwarrior, its taskrc and the account that it has already.
//! 3. *Ask:* [`commands::setup`] takes the server from the flags, or asks through a [`prompt::Prompter`]; [`server::probe`]
//!    looks whether there is a sync server. Nothing has changed so far.
//! 4. *Plan:* [`credentials::generate`] makes an account's credentials; [`taskrc::Taskrc::plan`] works out the new bytes;
//!    [`flow::plan`] shows it all as a diff, and asks.
//! 5. *Apply:* [`server::account`] registers the account, [`taskrc::write`] backs up and replaces the file.
//! 6. *Verify:* [`flow::apply`] reads the settings back through Taskwarrior, and takes them back if they differ.
//! 7. *First sync:* [`flow::first_sync`] runs `task sync`, and [`proof`] shows that it did what it reported; then the person
//!    is told what to do next.
//!
//! `taskferry join` goes the same way, with one more step behind 3: [`credentials::unseal`] proves the secret
//! against the account's own data.

// Terminals, permissions and signals are those of Unix. On Windows, Taskwarrior itself runs only in WSL, which is one; the
// binary says so there.
#![cfg(unix)]

pub mod checks;
pub mod cli;
pub mod cloud;
pub mod commands;
pub mod context;
pub mod credentials;
pub mod database;
pub mod error;
pub mod files;
pub mod flow;
pub mod former;
pub mod interrupts;
pub mod journal;
pub mod json;
pub mod notes;
pub mod observer;
pub mod pending;
pub mod platform;
pub mod prompt;
pub mod proof;
pub mod qr;
pub mod repair;
pub mod rescue;
pub mod run;
pub mod seen;
pub mod server;
pub mod serving;
pub mod settings;
pub mod sheet;
pub mod standing;
pub mod sync_settings;
pub mod taskrc;
pub mod taskwarrior;
pub mod terminal;
#[cfg(test)]
mod testing;
pub mod words;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Color, Command};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::observer::Observer;
use crate::prompt::Prompter;
use crate::run::Run;
use crate::terminal::{Screen, Terminal};

/// The program, on the real world. The only way in that does not take a [`Context`].
pub fn main() -> ExitCode {
    main_observed(Observer::default())
}

/// The same, with somebody who is told of each step of what takes several: for tests that end the process there.
pub fn main_observed(observer: Observer) -> ExitCode {
    let (mut input, mut data, mut talk) = (Unbuffered, io::stdout(), io::stderr());
    let columns = io::stderr().is_terminal().then(|| usize::from(console::Term::stderr().size().1));
    let context = match Context::of_this_process() {
        Ok(context) => context.observed_by(observer),
        Err(error) => {
            let screen = Screen { colored: false, columns };
            Terminal::new(&mut data, &mut talk, screen).say_failure(&Failure::from(error));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let streams = Streams { input: &mut input, data: &mut data, talk: &mut talk, columns };
    let is_dumb = context.is_dumb_terminal();
    let prompter =
        |screen: Screen| Box::new(prompt::terminal::Terminal::new(screen.colored, is_dumb)) as Box<dyn Prompter>;
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
    let mut run = Run {
        context,
        terminal: Terminal::new(streams.data, streams.talk, screen).verbose(cli.global.verbose),
        input: streams.input,
        prompter: &mut *prompter(screen),
        global: &cli.global,
        json: cli.command.as_ref().is_some_and(Command::wants_json),
        state: None,
    };
    let always = cli.command.as_ref().map(Command::always_tells).unwrap_or_default();
    let done = match &cli.command {
        Some(Command::Setup(args)) => commands::setup::run(&mut run, args),
        Some(Command::Join(args)) => commands::join::run(&mut run, args),
        Some(Command::Recover(args)) => commands::recover::run(&mut run, args),
        Some(Command::Share(args)) => commands::share::run(&mut run, args),
        Some(Command::Move(args)) => commands::moving::run(&mut run, args),
        Some(Command::Export(args)) => commands::export::run(&mut run, args),
        Some(Command::Status(args)) => commands::status::run(&mut run, args),
        Some(Command::Verify(args)) => commands::verify::run(&mut run, args),
        Some(Command::Doctor(args)) => commands::doctor::run(&mut run, args),
        Some(Command::Repair(args)) => commands::repair::run(&mut run, args),
        Some(Command::Sync(args)) => commands::sync::run(&mut run, args),
        Some(Command::Undo(args)) => commands::undo::run(&mut run, args),
        Some(Command::Home(args)) => commands::home::run(&mut run, args),
        Some(Command::Completions(args)) => commands::completions::run(&mut run, args),
        Some(Command::Man(args)) => commands::man::run(&mut run, args),
        None if run.can_ask() => commands::first_screen::run(&mut run),
        None => run.data(&Cli::command().render_help().to_string()),
    };
    run.terminal.say_journal();
    match done {
        Ok(()) => Exit::Fine,
        Err(failure) => {
            if !failure.error().is_told() {
                run.terminal.say_failure(&failure);
            }
            // That it can't be written changes nothing: this is a failure already.
            let _ = run.report(&json::Failed::new(&failure, always, run.state));
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
pub(crate) fn is_colored(wanted: Color, context: &Context, is_terminal: bool) -> bool {
    match wanted {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && !context.is_dumb_terminal() && context.var("NO_COLOR").is_none(),
    }
}
