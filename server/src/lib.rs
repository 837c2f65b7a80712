//! `taskferry-server`: a TaskChampion-compatible sync server.
//!
//! # The map
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the command line, as typed |
//! | [`config`] | the same, checked, with environment and file; one struct per concern |
//! | [`commands`] | the verbs, one per file |
//! | [`deploy`] | getting the server onto a machine: files, commands, and whether it works |
//! | [`app`] | the server as a value: start, run, stop |
//! | `http` | route table, extractors, one endpoint per file, and the one place that chooses status codes |
//! | [`sync`] | the protocol without HTTP, around `taskchampion-sync-server-core` |
//! | [`admission`] | who may come in, and how much they may keep |
//! | [`clock`], [`volume`] | what time it is, and how full the volume |
//! | [`account_hash`] | how an account is named where its client ID must not stand |
//! | `maintenance` | what the server does by itself |
//! | `neighbour` | asks the server of this machine |
//! | [`perimeter`] | addresses, rate limits, connections: what stands between strangers and the rest |
//! | [`budget`] | how much memory bodies may take, all requests together |
//! | [`checks`] | everything that a healthy server depends on, looked at piece by piece |
//! | [`backup`] | copies of the data: made, proved, kept, put back |
//! | [`invite`] | invites, as the server knows them: by a hash |
//! | [`import`] | takes over the accounts of another server, or one from a file |
//! | [`export`] | writes one account into a file |
//! | [`stop`], [`progress`] | telling long work to stop; how far it is |
//! | `remedy` | what mends the causes that any command may run into |
//! | [`storage`] | the contract of a backend, its conformance suite, and the backends |
//! | [`privileges`] | from root to an unprivileged user, with no way back |
//! | [`metrics`], [`watch`] | what an operator's Prometheus is told, and what is looked at for it |
//! | [`telemetry`], [`terminal`] | logs, and the only place that prints |
//!
//! # The life of one request: a device pushes a version
//!
//! 1. The connection takes a place ([`perimeter`]). actix-web parses `POST /v1/client/add-version/{parent}`; past
//!    `http::observe`, which counts and times it, the route table (`http`) finds `add_version`.
//! 2. Extractors check the client ID, the version ID, and what the headers say of the body. What is wrong ends here, as a
//!    `Refusal`; so does a stranger who asks too often, at the throttle (`http::throttle`). Whoever has an account is delayed at most.
//! 3. The handler asks [`sync::SyncService::admit_version`], and through it the [`admission::Gate`], whether the account may
//!    send now, how large the body may be and how patient the request is, and then reads the body: whole if it is small, else
//!    piece by piece into storage.
//! 4. [`sync::SyncService::add_version`] takes the account's lock and asks a core of its own. The core reads the account through the seam, decides that the version follows, invents its ID, and "writes": the seam
//!    keeps that until `commit`, and then hands [`storage::Storage::commit`] one [`storage::Change`].
//! 5. The writer thread takes it together with whatever else is waiting, checks the parent again, writes all of it in one
//!    transaction, and answers each after the fsync.
//! 6. It publishes what the account now looks like, and the handler renders 200 with the new ID. If the device hung up meanwhile, the version is stored all the same.

pub mod account_hash;
pub mod admission;
pub mod app;
pub mod backup;
pub mod budget;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod deploy;
pub mod export;
mod http;
pub mod import;
pub mod invite;
mod maintenance;
pub mod metrics;
mod neighbour;
pub mod perimeter;
pub mod privileges;
pub mod progress;
mod remedy;
pub mod stop;
pub mod storage;
pub mod sync;
pub mod telemetry;
pub mod terminal;
pub mod volume;
mod watch;
mod words;

use std::error::Error;
use std::process::ExitCode;

#[doc(hidden)]
pub use self::http::untrusted;

use clap::{CommandFactory as _, Parser as _};

use self::cli::{Cli, Command};
use self::commands::VerbError;
use self::config::sources::Env;

/// The program: parses the command line, runs the verb, and turns its outcome into words and an exit code: 0 fine, 1 failed,
/// 2 used wrongly, 3 problems found.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` arrive here too; clap knows which stream and which code each has.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let Some(command) = cli.command else {
        let _ = Cli::command().print_help();
        return ExitCode::SUCCESS;
    };
    let env = Env::of_process();
    match command {
        Command::Serve(args) => finish(
            commands::serve::run(&args, &env),
            commands::serve::ServeError::hint,
            commands::serve::ServeError::is_usage,
        ),
        Command::Account(command) => verb(commands::account::run(&command, &env)),
        Command::Invite(command) => verb(commands::invite::run(&command, &env)),
        Command::Health(args) => commands::health::run(&args, &env),
        Command::Prune(args) => verb(commands::prune::run(&args, &env)),
        Command::Deploy(args) => finish(
            commands::deploy::run(&args.platform),
            commands::deploy::DeployError::hint,
            commands::deploy::DeployError::is_usage,
        ),
        Command::Backup(command) => verb(commands::backup::run(&command, &env)),
        Command::Restore(args) => verb(commands::restore::run(&args, &env)),
        Command::Import(args) => verb(commands::import::run(&args, &env)),
        Command::Db(command) => verb(commands::db::run(&command, &env)),
        Command::Stats(args) => verb(commands::stats::run(&args, &env)),
        Command::Doctor(args) => verb(commands::doctor::run(&args, &env)),
        Command::Config(command) => verb(commands::config::run(&command, &env)),
        Command::Completions(args) => verb(commands::completions::run(&args)),
        Command::Man(args) => verb(commands::man::run(&args)),
    }
}

fn verb(outcome: Result<(), VerbError>) -> ExitCode {
    if let Err(told) = &outcome
        && (told.is_choice() || told.is_finding())
    {
        terminal::say(&told.to_string());
        return ExitCode::from(if told.is_finding() { 3 } else { 1 });
    }
    finish(outcome, VerbError::hint, VerbError::is_usage)
}

fn finish<E: Error + 'static>(
    outcome: Result<(), E>,
    hint: impl Fn(&E) -> Option<String>,
    is_usage: impl Fn(&E) -> bool,
) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = hint(&error).or_else(|| remedy::of(&error));
            terminal::say(&terminal::error_text(&error, hint.as_deref()));
            ExitCode::from(if is_usage(&error) { 2 } else { 1 })
        }
    }
}
