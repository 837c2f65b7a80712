//! `taskferry join`: every other computer. Proves that account and secret are right *before* anything changes, since
//! Taskwarrior itself reports success for a mistyped account, and a wrong secret would spoil the account for everybody.
//! Tasks that belong to another account come along ([`bring_along`]).

mod bring_along;

use std::io::{self, Read};
use std::path::Path;

use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::AccountState;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::credentials::decode::{Decoded, decode};
use crate::credentials::picture::{self, Pictured};
use crate::credentials::unseal::{UnsealError, prove};
use crate::error::{Explain, Failure};
use crate::flow::apply::apply;
use crate::flow::computer::Computer;
use crate::flow::first_sync::{Synced, first_sync};
use crate::flow::plan::Plan;
use crate::flow::recheck::recheck;
use crate::flow::replace::Way;
use crate::flow::{Run, Stopped, reach, replace, tasks};
use crate::json::JoinOutcome;
use crate::pending::{Pending, PendingJoin};
use crate::rescue::steps::{Command, unfinished};
use crate::server::Server;
use crate::server::account::Known;
use crate::server::probe::Kind;
use crate::server::sealed::FirstVersion;
use crate::{cli, json};

/// Bytes read from standard input; as generous as the prompt.
const INPUT_BYTES_MAX: u16 = u16::MAX;

/// Why this computer does not join. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Standard input failed.
    #[error("could not read standard input")]
    Input(#[source] io::Error),
    /// No account of this ID.
    #[error("`{server}` does not know this account")]
    UnknownAccount {
        /// The server.
        server: ServerUrl,
        /// Whether a typing error is ruled out.
        checked: bool,
    },
    /// Switched off by the operator.
    #[error("this account is disabled at `{server}`")]
    Disabled {
        /// The server.
        server: ServerUrl,
    },
    /// For good.
    #[error("this account was deleted at `{server}`")]
    Deleted {
        /// The server.
        server: ServerUrl,
    },
    /// Empty or unknown, on a server that can't tell which.
    #[error("`{server}` has no data for this account: either nothing was sent yet, or the account's ID is wrong")]
    NoData {
        /// The server.
        server: ServerUrl,
    },
    /// Nothing to prove the secret against, and no checksum either.
    #[error("nothing at `{server}` can prove the encryption secret yet, and these credentials have no checksum")]
    Unproved {
        /// The server.
        server: ServerUrl,
    },
    /// The proof failed.
    #[error("the credentials are not right for this account")]
    NotProved(#[source] UnsealError),
    /// A first sync that was cut between the version and its snapshot, in an account that was moved.
    #[error("the account at `{server}` is not complete: its history has neither a beginning nor a snapshot")]
    Incomplete {
        /// The server.
        server: ServerUrl,
    },
}

impl Explain for JoinError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Input(_) => return None,
            Self::UnknownAccount { checked: true, .. } => {
                "the link has no typing error, so the account was deleted there, or the server lost it\n\
                 run `taskferry share` on the first computer again and compare; nothing was changed here"
                    .into()
            }
            Self::UnknownAccount { checked: false, .. } => {
                "either the account's ID has a typing error, or the account was made on another server\n\
                 run `taskferry share` on the first computer and paste its link: a link can't be mistyped unnoticed"
                    .into()
            }
            Self::Disabled { .. } => "ask whoever runs the server".into(),
            Self::Deleted { .. } => "run `taskferry verify` on the first computer: it says how to go on\n\
                                     nothing was changed here"
                .into(),
            Self::NoData { .. } => "run `task sync` on the first computer, then the same command again here\n\
                                    if you are sure that the account is only empty, add `--allow-empty`"
                .into(),
            Self::Unproved { .. } => "paste the setup link instead (`taskferry share`), which carries a checksum\n\
                                      if you are sure of every character, add `--unproved`: a wrong secret would \
                                      lock the other computers out; nothing was changed here"
                .into(),
            Self::NotProved(UnsealError::WrongSecret) => {
                "run `taskferry share` on the first computer and paste its link; nothing was changed here".into()
            }
            Self::NotProved(UnsealError::NotAnEnvelope) => {
                "ask whoever runs the server: the account's data is damaged".into()
            }
            Self::Incomplete { .. } => "change a task on the first computer and run `task sync` there, \
                                        then the same command again here"
                .into(),
        })
    }
}

/// What the server holds for the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Data that the secret unseals.
    ProvedData,
    /// The same, but not from its beginning: Taskwarrior itself could not merge this computer's tasks into it.
    ProvedSnapshot,
    /// Nothing yet.
    Nothing,
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Join) -> Result<(), Failure> {
    if unfinished(run.context) == Some(Command::Join) {
        return bring_along::go_on(run, args);
    }
    // Before anybody is asked for a link: it may be of no use here.
    let mut computer = Computer::look_to_change(run)?;
    replace::leftover_may_go(run, &mut computer, args.replace, args.yes)?;
    computer.introduce(run);
    ask_and_join(run, args, &computer)
}

/// The same on a computer that was looked at and introduced, for those who choose it in a menu.
pub(super) fn ask_and_join(run: &mut Run<'_>, args: &cli::Join, computer: &Computer<'_>) -> Result<(), Failure> {
    let decoded = ask(run, args)?;
    with(run, args, computer, decoded)
}

/// The same with credentials that were read already.
pub(super) fn with(
    run: &mut Run<'_>,
    args: &cli::Join,
    computer: &Computer<'_>,
    decoded: Decoded,
) -> Result<(), Failure> {
    let Decoded { credentials, checked } = decoded;
    if computer.account.as_ref() == Some(&credentials) {
        return already_joined(run, computer, &credentials);
    }
    let way = replace::make_way(run, computer, args.replace)?;
    let decoded = Decoded { credentials, checked };
    let Joined { arrived, now } = join(run, computer, &decoded, args, way)?;
    report(run, JoinOutcome::Joined, &decoded.credentials, arrived, Some(now))
}

/// What a join has brought.
struct Joined {
    /// Tasks that were not on this computer before.
    arrived: u64,
    now: Synced,
}

/// Goes on with a join for which the server was away.
pub fn finish(run: &mut Run<'_>, mut computer: Computer<'_>, pending: &PendingJoin, yes: bool) -> Result<(), Failure> {
    let PendingJoin { allow_empty, unproved, keep_recurrence, replace, .. } = *pending;
    let args = cli::Join { yes, replace, keep_recurrence, allow_empty, unproved, ..cli::Join::default() };
    replace::leftover_may_go(run, &mut computer, replace, yes)?;
    let way = replace::make_way(run, &computer, replace)?;
    join(run, &computer, &pending.decoded, &args, way).map(drop)
}

/// Joins, or keeps the credentials for later if the server is away.
fn join(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    decoded: &Decoded,
    args: &cli::Join,
    way: Way,
) -> Result<Joined, Failure> {
    let joined = match way {
        Way::Free => join_now(run, computer, decoded, args),
        Way::WithTasks => bring_along::join(run, computer, decoded, args),
    };
    match joined {
        Err(failure) if failure.error().is_server_down() => {
            let cli::Join { allow_empty, unproved, keep_recurrence, .. } = *args;
            // Whoever gave up an account for this has decided that, whether by the flag or by an answer.
            let replace = args.replace || computer.account.is_some();
            let pending = PendingJoin { decoded: decoded.clone(), allow_empty, unproved, keep_recurrence, replace };
            let kept = Pending::Join(pending).keep(run.context)?;
            let credentials = &decoded.credentials;
            // A link that was made on the computer where the server runs, with the address that it has there.
            let of_another = credentials.server.is_loopback() && failure.error().is_nobody_there();
            let here = of_another.then(|| {
                format!(
                    "`{}` is this very computer: if the server runs on the other one, run `taskferry share --server \
                     http://…` there, with the address that others reach, and join with that link\n",
                    credentials.server.host()
                )
            });
            let here = here.unwrap_or_default();
            Err(failure.with_hint(format!(
                "{here}the credentials are kept in `{}`, which only you can read; nothing else was changed\n\
                 run `taskferry verify` to finish once the server answers, or `taskferry undo` to forget them",
                run.context.short(&kept)
            )))
        }
        done => done,
    }
}

fn join_now(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    decoded: &Decoded,
    args: &cli::Join,
) -> Result<Joined, Failure> {
    let Decoded { credentials, checked } = decoded;
    // Also checks that the credentials can be written at all, before the server hears of them.
    let recurrence_off = !args.keep_recurrence && computer.makes_recurring_tasks;
    let change = computer.plan(credentials, recurrence_off || computer.taskrc.leaves_recurrence())?;

    let (server, kind) = reach(run, credentials.server.clone())?;
    let account = Account { server: &server, credentials, checked: *checked };
    let holds = account.look(run, args, &kind, computer.tasks)?;
    if holds == Holds::ProvedSnapshot {
        return bring_along::join_known(run, computer, credentials, args);
    }

    let mut notes = Plan::notes(computer);
    notes.extend(recurrence_off.then(|| RECURRENCE.to_owned()));
    let plan = Plan {
        at_server: None,
        change,
        notes,
        first_sync: Some(match (computer.tasks, holds) {
            (0, Holds::Nothing) => "run `task sync`".into(),
            (0, _) => "run `task sync`: fetches the account's tasks".into(),
            (count, _) => format!(
                "run `task sync`: fetches the account's tasks, and sends {} of this computer \
                 to `{}`, where everybody who has the link can read them",
                tasks(count),
                server.url()
            ),
        }),
        enter_means: computer.tasks == 0 && !computer.syncs_in_another_way(),
    };
    plan.show(run);
    plan.confirm(run, args.yes)?;

    apply(run, computer, &plan, credentials)?;
    // From here on the settings are in place, and the sync is what is left.
    Pending::forget(run.context)?;
    let now = first_sync(run, computer, credentials)?;
    say_what_arrived(run, holds, computer.tasks, now);
    Ok(Joined { arrived: now.all.saturating_sub(computer.tasks), now })
}

/// Two computers that both make the next task of a recurring one make two of each, for ever (seen).
const RECURRENCE: &str = "recurring tasks are left to the first computer (`recurrence=off`), else each would come twice\n\
                          to leave that setting as it is, add `--keep-recurrence`";

fn already_joined(run: &mut Run<'_>, computer: &Computer<'_>, present: &Credentials) -> Result<(), Failure> {
    let synced = recheck(run, computer, present, true)?;
    run.terminal.say("this computer has joined already, and syncs; no setting was changed");
    let arrived = synced.map_or(0, |synced| synced.all.saturating_sub(computer.tasks));
    report(run, JoinOutcome::AlreadyJoined, present, arrived, synced)
}

fn report(
    run: &mut Run<'_>,
    outcome: JoinOutcome,
    credentials: &Credentials,
    arrived: u64,
    synced: Option<Synced>,
) -> Result<(), Failure> {
    let server = credentials.server.as_str().to_owned();
    run.report(&json::Join { outcome, server, arrived, tasks: synced.map(json::Tasks::from) })
}

/// Reads credentials: from where the flags say, or from a person.
pub(super) fn ask(run: &mut Run<'_>, args: &cli::Join) -> Result<Decoded, Failure> {
    if args.from_stdin {
        // With room for all of it: a text that grows leaves its former self in memory.
        let mut text = Zeroizing::new(String::with_capacity(usize::from(INPUT_BYTES_MAX) + 1));
        run.input.take(INPUT_BYTES_MAX.into()).read_to_string(&mut text).map_err(JoinError::Input)?;
        return Ok(decode(&text)?);
    }
    if let Some(path) = &args.image {
        return from_picture(run, &run.context.cwd().join(path));
    }
    run.must_be_able_to_ask(
        "join needs a setup link",
        "add `--from-stdin` and give it the output of `taskferry share`, or `--image FILE`",
    )?;
    run.ask_until_ok(|prompter| {
        let enough = |text: &str| decode(text).err().is_none_or(|error| !error.is_unfinished());
        let text = prompter.paste("paste the setup link, or the lines of `taskferry share --text`", &enough)?;
        Ok(decode(&text)?)
    })
}

fn from_picture(run: &mut Run<'_>, path: &Path) -> Result<Decoded, Failure> {
    run.terminal.journal().write(|| format!("reading `{}`", run.context.short(path)));
    let Pictured { decoded, number, count } = picture::read(path)?;
    if count > 1 {
        run.terminal.say(&format!("{count} QR codes are in the picture; number {number} is a setup link"));
    }
    Ok(decoded)
}

/// The account to be joined.
struct Account<'a> {
    server: &'a Server,
    credentials: &'a Credentials,
    checked: bool,
}

impl Account<'_> {
    /// Finds out what the server holds, and proves the secret against it.
    fn look(&self, run: &mut Run<'_>, args: &cli::Join, kind: &Kind, own_tasks: u64) -> Result<Holds, Failure> {
        let server = || self.server.url().clone();
        let id = &self.credentials.client_id;
        let known = match kind {
            Kind::Taskferry(_) => run.ask_server(self.server, |server| server.account(id))?,
            Kind::Other => Known::NotOffered,
        };
        match &known {
            Known::Unknown => {
                return Err(JoinError::UnknownAccount { server: server(), checked: self.checked }.into());
            }
            Known::Deleted => return Err(JoinError::Deleted { server: server() }.into()),
            Known::Account(info) if info.state == AccountState::Disabled => {
                return Err(JoinError::Disabled { server: server() }.into());
            }
            Known::Account(info) if info.is_empty() => {
                self.refuse_unproved(args)?;
                run.terminal.say("the account is there, but empty: nothing was sent to it yet");
                return Ok(Holds::Nothing);
            }
            Known::Account(_) | Known::NotOffered => {}
        }
        if let Some(holds) = self.prove(own_tasks)? {
            run.terminal.say("the secret fits: it unseals the account's tasks");
            return Ok(holds);
        }
        self.refuse_unproved(args)?;
        self.accept_nothing(run, args)?;
        Ok(Holds::Nothing)
    }

    /// What there was to prove the secret against, if there was anything.
    fn prove(&self, own_tasks: u64) -> Result<Option<Holds>, Failure> {
        let id = &self.credentials.client_id;
        // The first version before the snapshot, which holds everything and may take minutes to fetch. With tasks of its
        // own Taskwarrior skips the snapshot, and asks for the history from its beginning.
        let (sealed, holds) = match self.server.first_version(id)? {
            FirstVersion::Found(sealed) => (sealed, Holds::ProvedData),
            beginning => match (self.server.snapshot(id)?, beginning) {
                (Some(sealed), _) if own_tasks > 0 => (sealed, Holds::ProvedSnapshot),
                (Some(sealed), _) => (sealed, Holds::ProvedData),
                (None, FirstVersion::Gone) => {
                    return Err(JoinError::Incomplete { server: self.server.url().clone() }.into());
                }
                (None, _) => return Ok(None),
            },
        };
        prove(sealed, id, &self.credentials.secret).map_err(JoinError::NotProved)?;
        Ok(Some(holds))
    }

    /// With a mistyped secret the first change sent from here would be the account's beginning, which no other computer
    /// can open: they would be locked out of their own account. A link's checksum rules that out.
    fn refuse_unproved(&self, args: &cli::Join) -> Result<(), JoinError> {
        if self.checked || args.unproved {
            return Ok(());
        }
        Err(JoinError::Unproved { server: self.server.url().clone() })
    }

    /// An empty account and one that does not exist look alike here, so somebody has to know.
    fn accept_nothing(&self, run: &mut Run<'_>, args: &cli::Join) -> Result<(), Failure> {
        let error = JoinError::NoData { server: self.server.url().clone() };
        if args.allow_empty {
            return Ok(());
        }
        if !run.can_ask() {
            return Err(error.into());
        }
        run.terminal.say(&error.to_string());
        if run.prompter.confirm("is it only empty, and do you want to join it?", false)? {
            return Ok(());
        }
        Err(Stopped::Declined.into())
    }
}

fn say_what_arrived(run: &mut Run<'_>, holds: Holds, before: u64, now: Synced) {
    let said = match (holds, now.all.saturating_sub(before)) {
        (Holds::Nothing, 0) => "joined; the account has no tasks yet".to_owned(),
        (Holds::ProvedData | Holds::ProvedSnapshot, 0) => "joined; no task was new to this computer".to_owned(),
        (_, arrived) => format!("joined; {} arrived", tasks(arrived)),
    };
    run.terminal.say(&format!("\n{said}"));
    if now.all > 0 {
        run.terminal.say(&format!("this computer now has {}, {} of them pending", tasks(now.all), now.pending));
    }
    if before > 0 {
        run.terminal.say("its own tasks reach your other computers with their next `task sync`");
    }
}

#[cfg(test)]
mod tests;
