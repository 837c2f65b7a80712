//! The command line, as typed. Every question that a command asks has a flag here; what the values mean is checked by
//! the commands themselves.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// Sets up Taskwarrior sync, brings the second computer in, and proves that both share the same tasks.
#[derive(Debug, Parser)]
#[command(name = "taskferry", version, max_term_width = 80, after_help = WHERE_TO_START)]
pub struct Cli {
    /// What to do; nothing = ask, where somebody sits at a terminal, else show the help.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
}

const WHERE_TO_START: &str = "\
Where to start:
  on the first computer     taskferry setup
                            taskferry share
  on every other computer   taskferry join
  to another server         taskferry move
  where something is odd    taskferry doctor
  where sync can't go on    taskferry repair";

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Taskwarrior's program [default: `task`, found on PATH]
    #[arg(long, global = true, value_name = "PATH")]
    pub task: Option<PathBuf>,
    /// Allow plain http to a public address: everybody on the way can then read the account's ID
    #[arg(long, global = true)]
    pub insecure_http: bool,
    /// Never ask: a missing answer is an error that names its flag
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Say which files are read and what is asked of which server
    #[arg(long, global = true)]
    pub verbose: bool,
    /// When to use colour: auto, always or never; auto = on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", hide_possible_values = true)]
    pub color: Color,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Even into a file.
    Always,
    /// Not at all.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up sync on the first computer, with a new account
    Setup(Setup),
    /// Join the account of another computer
    Join(Join),
    /// Get the tasks back with a recovery sheet, or test one
    Recover(Recover),
    /// Print what another computer needs to join, or write a recovery sheet
    Share(Share),
    /// Move all tasks to a new account, on another server or on the same one
    Move(Move),
    /// Save everything that the server holds, as tasks or as an encrypted backup
    Export(Export),
    /// Show whether sync works, and what waits to be sent or fetched
    Status(Status),
    /// Check every part of sync, sync, and prove that this computer and the account have the same tasks
    Verify(Verify),
    /// Find out what is wrong, and mend what can be mended
    Doctor(Doctor),
    /// Bring this computer and its account together again where sync can't go on, and keep every task
    Repair(Repair),
    /// Run `task sync` with patience, and prove it where much was sent
    Sync(Sync),
    /// Take back what taskferry changed last on this computer
    Undo(Undo),
    /// Run a sync server of your own on this computer, and make it start by itself
    Home(Home),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page
    Man(Man),
}

/// `taskferry setup`
#[derive(Debug, Default, Args)]
#[command(group = ArgGroup::new("where"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Setup {
    /// Sync through the cloud server that this program knows: nothing to run yourself
    ///
    /// Another one can be named in the environment variable TASKFERRY_CLOUD, or with `cloud = "https://…"` in
    /// `~/.config/taskferry/config.toml`.
    #[arg(long, group = "where")]
    pub cloud: bool,
    /// Sync through a server of one's own, such as `https://tasks.example.org`; an invite link goes here, too
    #[arg(long, value_name = "URL", group = "where")]
    pub server: Option<String>,
    /// Sync through a server on this very computer, which is started if it does not run; see `taskferry home`
    #[arg(long, group = "where")]
    pub home: bool,
    /// Set up nothing now
    #[arg(long, group = "where")]
    pub skip: bool,
    /// The invite that the server's operator gave you, where it takes new accounts only with one
    #[arg(long, value_name = "CODE")]
    pub invite: Option<String>,
    /// Give up how this computer syncs now; refused while it has tasks that a new account would never get
    #[arg(long)]
    pub replace: bool,
    /// Accept the plan without being asked
    #[arg(long, short)]
    pub yes: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the first `task sync` to you
    #[arg(long)]
    pub no_sync: bool,
    /// If the server can't be reached now, set up all the same, and finish later with `taskferry verify`
    #[arg(long)]
    pub later: bool,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `taskferry join`
#[derive(Debug, Default, Args)]
#[command(group = ArgGroup::new("from"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Join {
    /// Read the setup link, or the lines for taskrc, from standard input
    #[arg(long, group = "from")]
    pub from_stdin: bool,
    /// Read the QR code in a picture: a screenshot, a photo, or a file of `taskferry share --png`
    #[arg(long, value_name = "FILE", group = "from")]
    pub image: Option<PathBuf>,
    /// Accept the plan without being asked
    #[arg(long, short)]
    pub yes: bool,
    /// Give up how this computer syncs now; refused while it has tasks that the account would never get
    #[arg(long)]
    pub replace: bool,
    /// Leave `recurrence` as it is: each computer where it is on makes its own copies of recurring tasks
    #[arg(long)]
    pub keep_recurrence: bool,
    /// Join even where nobody can tell whether the account exists: on a server other than Taskferry, without any data
    #[arg(long)]
    pub allow_empty: bool,
    /// Join an empty account with a secret that nothing can prove: a mistyped one locks the other computers out
    #[arg(long)]
    pub unproved: bool,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `taskferry recover`
#[derive(Debug, Default, Args)]
#[command(group = ArgGroup::new("from"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Recover {
    /// Only prove that the sheet opens the account: this computer is not touched, and needs no Taskwarrior
    ///
    /// Ends with 3 if the sheet does not open it.
    #[arg(long, conflicts_with_all = ["yes", "replace"])]
    pub test: bool,
    /// Read the server and the rows as a setup link (`https://…/j#…`) from standard input
    #[arg(long, group = "from")]
    pub from_stdin: bool,
    /// Read the QR code in a picture of the sheet
    #[arg(long, value_name = "FILE", group = "from")]
    pub image: Option<PathBuf>,
    /// Accept the plan without being asked
    #[arg(long, short)]
    pub yes: bool,
    /// Give up how this computer syncs now; refused while it has tasks that the account would never get
    #[arg(long)]
    pub replace: bool,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `taskferry share`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what"), group = ArgGroup::new("how"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Share {
    /// A setup link for `taskferry join` (the default)
    #[arg(long, group = "what")]
    pub link: bool,
    /// The three lines for taskrc, which phone apps understand too
    #[arg(long, group = "what")]
    pub text: bool,
    /// Hand on another address of the server: the one under which the other computer reaches it
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Draw it as a QR code on the terminal
    #[arg(long, group = "how")]
    pub qr: bool,
    /// Save it as a QR code, in a new picture that only you can read
    #[arg(long, value_name = "FILE", group = "how")]
    pub png: Option<PathBuf>,
    /// The same as a drawing that scales
    #[arg(long, value_name = "FILE", group = "how")]
    pub svg: Option<PathBuf>,
    /// Write a recovery sheet to a new file that only you can read: `.html`, a page to print, or `.txt`
    #[arg(long, value_name = "FILE", group = "how", conflicts_with = "what")]
    pub sheet: Option<PathBuf>,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `taskferry move`
#[derive(Debug, Default, Args)]
#[command(group = ArgGroup::new("where"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Move {
    /// Move to the cloud server that this program knows
    #[arg(long, group = "where")]
    pub cloud: bool,
    /// Move to this server, such as `https://tasks.example.org`; the present one may be named, too
    #[arg(long, value_name = "URL", group = "where")]
    pub server: Option<String>,
    /// The invite that the new server's operator gave you, where it takes new accounts only with one
    #[arg(long, value_name = "CODE")]
    pub invite: Option<String>,
    /// If the old account can't be synced once more, move what is on this computer all the same
    #[arg(long)]
    pub without_old: bool,
    /// Delete the old account on its server afterwards: computers that have not moved yet can't sync with it any more.
    /// Without `--server` and `--cloud`: delete the one from which this computer moved last
    #[arg(long)]
    pub forget_old: bool,
    /// Accept the plan without being asked
    #[arg(long, short)]
    pub yes: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `taskferry export`
#[derive(Debug, Default, Args)]
pub struct Export {
    /// A new file, which only you can read; without one, or with `-`, standard output
    pub file: Option<PathBuf>,
    /// Print each task on a line of its own, instead of one list
    #[arg(long, conflicts_with = "sealed")]
    pub json_lines: bool,
    /// Save the account as the server has it, sealed: for `taskferry-server account import` on another server
    #[arg(long, requires = "file")]
    pub sealed: bool,
}

/// `taskferry status`
#[derive(Debug, Default, Args)]
#[command(after_help = STATUS_FOR_SCRIPTS)]
pub struct Status {
    /// Print one word, for a prompt: `ok`, how many tasks wait to be sent, `behind`, or what is wrong
    #[arg(long, conflicts_with = "json")]
    pub short: bool,
    /// Ask no server: tell only what this computer knows
    #[arg(long)]
    pub offline: bool,
    /// Print one line of JSON, for a status bar or a script
    #[arg(long)]
    pub json: bool,
}

const STATUS_FOR_SCRIPTS: &str = "\
For scripts and status bars:
  exit code 0   sync works, whether or not something waits
            3   it does not work, or is not set up
  --json        one line; `state` is up-to-date, unsent, behind, unreachable,
                not-asked (--offline), or what is wrong, such as disabled;
                `hints` are what comes next
  --short       ok, a number of tasks, or the state; off: sync is not set up;
                interrupted: a move, a join or a repair is to be finished
The server gets 5 seconds for an answer.";

/// `taskferry verify`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Verify {
    /// Accept the plan for what is to be finished without being asked
    #[arg(long, short)]
    pub yes: bool,
    /// Only look: run no `task sync`, and prove nothing
    #[arg(long)]
    pub no_sync: bool,
    /// Put tasks that the account lacks on the server again without being asked
    #[arg(long)]
    pub mend: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// `taskferry doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Mend what is safe to mend; a backup is kept of every file that changes
    #[arg(long)]
    pub fix: bool,
    /// Print a report for a bug report: without secret, account, server and home
    #[arg(long, conflicts_with_all = ["fix", "json"])]
    pub report: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// `taskferry repair`
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Repair {
    /// Accept the plan without being asked
    #[arg(long, short)]
    pub yes: bool,
    /// Say what is wrong and what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Bring in what only this backup of the account has: a file of `taskferry export --sealed`
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// The invite that the server's operator gave you, where it lost the account and takes new ones only with one
    #[arg(long, value_name = "CODE")]
    pub invite: Option<String>,
    /// Name the account by its ID in a command that whoever runs the server needs; else it is not shown
    #[arg(long)]
    pub show_account: bool,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `taskferry sync`
#[derive(Debug, Args)]
pub struct Sync {
    /// Prove the sync, and put tasks that the account lacks on the server again without being asked
    #[arg(long)]
    pub mend: bool,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `taskferry undo`
#[derive(Debug, Args)]
pub struct Undo {
    /// Accept what is going to happen without being asked
    #[arg(long, short)]
    pub yes: bool,
}

/// `taskferry home`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Home {
    /// What to do; nothing = show whether it runs
    #[command(subcommand)]
    pub verb: Option<HomeVerb>,
}

/// What to do with the server at home.
#[derive(Debug, Subcommand)]
pub enum HomeVerb {
    /// Start it, unless it runs, and print its address
    Start(HomeStart),
    /// Stop it; its data stays
    Stop,
    /// Show whether it runs, where, and how other computers reach it; ends with 3 if it does not run
    Status(HomeStatus),
    /// Make it a service that starts by itself: of systemd, or of launchd on a Mac
    Install(HomeInstall),
    /// Take that service away; the data stays
    Remove(HomeRemove),
    /// What `start` leaves running: the server, and its log
    #[command(hide = true)]
    Keep(HomeKeep),
}

/// `taskferry home start`
#[derive(Debug, Args)]
pub struct HomeStart {
    /// Where it listens: `0.0.0.0:8080` lets other computers of your network reach it [default: where it listened last, else
    /// `127.0.0.1:8080` or the next free port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

/// `taskferry home status`
#[derive(Debug, Args)]
pub struct HomeStatus {
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// `taskferry home install`
#[derive(Debug, Args)]
pub struct HomeInstall {
    /// Where it listens [default: as for `start`]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Accept the plan without being asked
    #[arg(long, short)]
    pub yes: bool,
}

/// `taskferry home remove`
#[derive(Debug, Args)]
pub struct HomeRemove {
    /// Accept the plan without being asked
    #[arg(long, short)]
    pub yes: bool,
}

/// `taskferry home keep`
#[derive(Debug, Args)]
pub struct HomeKeep {
    /// Where it listens
    #[arg(long)]
    pub listen: SocketAddr,
    /// Where its data is
    #[arg(long)]
    pub data_dir: PathBuf,
}

/// `taskferry completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(value_enum, hide_possible_values = true)]
    pub shell: clap_complete::Shell,
}

/// `taskferry man`
#[derive(Debug, Args)]
pub struct Man {
    /// A command to describe instead of the program
    pub command: Option<String>,
}

impl Command {
    /// Whether a script wants the outcome, or the failure, as JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Self::Setup(args) => args.json,
            Self::Join(args) => args.json,
            Self::Recover(args) => args.json,
            Self::Share(args) => args.json,
            Self::Move(args) => args.json,
            Self::Status(args) => args.json,
            Self::Verify(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Repair(args) => args.json,
            Self::Sync(args) => args.json,
            Self::Home(args) => matches!(&args.verb, Some(HomeVerb::Status(args)) if args.json),
            Self::Export(_) | Self::Undo(_) | Self::Completions(_) | Self::Man(_) => false,
        }
    }

    /// Which fields a script finds in the outcome however the command ends.
    pub fn always_tells(&self) -> Always {
        match self {
            Self::Status(_) => Always { works: true, state: true },
            Self::Verify(_) | Self::Doctor(_) => Always { works: true, state: false },
            Self::Repair(_) => Always { works: false, state: true },
            _ => Always::default(),
        }
    }
}

/// Fields that a script finds in the outcome however a command ends; see [`crate::json`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Always {
    /// `works`: whether sync does; `null` = nobody knows.
    pub works: bool,
    /// `state`: how this computer and its account stand to each other; `null` = nobody knows.
    pub state: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_help_text() {
        let mut command = Cli::command();
        command.build();
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            for arg in sub.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", sub.get_name(), arg.get_id());
            }
        }
    }
}
