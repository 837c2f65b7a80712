//! `taskferry status`: does sync work, and what waits to be sent or fetched? One or two small requests, and no `task sync`.

use std::time::SystemTime;

use serde::Serialize;
use taskferry_protocol::VersionId;
use taskferry_protocol::describe::{AccountInfo, AccountState};

use crate::checks::position::Account;
use crate::checks::state::State;
use crate::cli;
use crate::commands::share::ShareError;
use crate::credentials::Credentials;
use crate::credentials::unseal::Key;
use crate::database::{Stand, Unsent};
use crate::error::{Exit, Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::sync::database_of;
use crate::flow::{Run, tasks};
use crate::proof::poison::{self, Chain};
use crate::rescue::steps::{Command, unfinished};
use crate::seen::Seen;
use crate::server::account::Known;
use crate::server::sealed::Follows;
use crate::server::{Server, ServerError};

/// What there is to say.
#[derive(Debug, Serialize)]
struct Status {
    state: State,
    works: bool,
    server: String,
    account: String,
    tasks: u64,
    unsent_changes: u64,
    unsent_tasks: u64,
    server_has_newer: Option<bool>,
    last_change_seconds_ago: Option<u64>,
    snapshot_seconds_ago: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The command that did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupted: Option<&'static str>,
}

/// Sync does not work.
#[derive(Debug, thiserror::Error)]
#[error("sync does not work: {why}")]
pub struct DoesNotWork {
    why: String,
    state: State,
}

impl Explain for DoesNotWork {
    fn hint(&self) -> Option<String> {
        Some(if self.state.is_mended_by_repair() && self.state != State::UnknownAccount {
            "run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more".into()
        } else {
            "run `taskferry doctor` to find out why".into()
        })
    }

    fn exit(&self) -> Exit {
        Exit::Found
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Status) -> Result<(), Failure> {
    look(run, args).map_err(Failure::as_found)
}

fn look(run: &mut Run<'_>, args: &cli::Status) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let account = computer.account.as_ref().ok_or(ShareError::NotSetUp)?;
    let stand = database_of(&computer.taskwarrior).map(|database| database.stand()).transpose()?;
    let stand = stand.unwrap_or(Stand {
        base: VersionId::NIL,
        unsent: Unsent::default(),
        newest_shared: None,
        has_recurring: false,
        is_empty: true,
    });
    let server = run.server(account.server.clone())?;
    let answer = ask(run, &server, account, &stand);
    if let Err(ServerError::Interrupted) = answer {
        return Err(ServerError::Interrupted.into());
    }
    let known = answer.as_ref().ok().and_then(|answer| answer.known.clone());
    let interrupted = unfinished(run.context).map(Command::words);
    let status = Status { interrupted, ..Status::of(account, computer.tasks, &stand, answer) };
    if args.json {
        run.report(&status)?;
    } else {
        status.say(run);
    }
    if let (Some(command), false) = (status.interrupted, args.json) {
        run.terminal.say_note(&format!("`{command}` was interrupted on this computer: run it again, it goes on"));
    }
    let state = status.state;
    if let Some(why) = status.why {
        return Err(DoesNotWork { why, state }.into());
    }
    if let Some(known) = known {
        Seen::note(run.context, &account.client_id, stand.base, Some(&known.epoch));
    }
    Ok(())
}

/// What the server says.
struct Answer {
    known: Option<AccountInfo>,
    state: State,
}

/// Versions that are looked at before it is said that `task sync` fetches them.
const NEXT_VERSIONS_MAX: u32 = 8;

fn ask(run: &Run<'_>, server: &Server, account: &Credentials, stand: &Stand) -> Result<Answer, ServerError> {
    let id = &account.client_id;
    let known = match server.account(id)? {
        Known::Account(info) if info.state == AccountState::Disabled => {
            return Ok(Answer { known: Some(*info), state: State::Disabled });
        }
        Known::Account(info) => Some(*info),
        Known::Unknown => return Ok(Answer { known: None, state: State::UnknownAccount }),
        Known::Deleted => return Ok(Answer { known: None, state: State::Deleted }),
        Known::NotOffered => None,
    };
    let follows = match &known {
        // Saves a request: the usual case.
        Some(info) if info.latest_version_id == stand.base => Follows::Nothing,
        _ => server.follows(id, stand.base)?,
    };
    let has_data = match &known {
        Some(info) => !info.is_empty(),
        None if follows == Follows::Nothing => server.has_data(id)?,
        None => true,
    };
    let has_beginning = follows == Follows::Gone && server.follows(id, VersionId::NIL)? == Follows::Newer;
    let seen = Seen::find(run.context);
    let state = Account { id, follows, has_data, has_beginning, known: known.as_ref(), seen: &seen }.state(stand);
    if state == State::Behind
        && !stand.base.is_nil()
        && let Ok(key) = Key::derive(id, &account.secret)
        && let Chain::Spoiled { .. } =
            poison::look(&key, stand.base, NEXT_VERSIONS_MAX, |parent| server.child(id, parent))?
    {
        return Ok(Answer { known, state: State::Spoiled });
    }
    Ok(Answer { known, state })
}

impl Status {
    fn of(account: &Credentials, tasks: u64, stand: &Stand, answer: Result<Answer, ServerError>) -> Self {
        let (known, state, why) = match answer {
            Err(why) => (None, State::Unreachable, Some(why.to_string())),
            Ok(Answer { known, state }) => (known, state, why(state).map(str::to_owned)),
        };
        Self {
            works: why.is_none(),
            server: account.server.to_string(),
            account: account.client_id.short(),
            tasks,
            unsent_changes: stand.unsent.changes,
            unsent_tasks: stand.unsent.tasks,
            server_has_newer: why.is_none().then_some(state == State::Behind),
            last_change_seconds_ago: known.as_ref().and_then(|known| known.last_version_at).map(seconds_ago),
            snapshot_seconds_ago: known
                .and_then(|known| known.snapshot)
                .map(|snapshot| seconds_ago(snapshot.stored_at)),
            state,
            why,
            interrupted: None,
        }
    }

    fn say(&self, run: &mut Run<'_>) {
        let Self { server, account, .. } = self;
        run.terminal.say(&format!("this computer syncs with `{server}`, account `{account}`"));
        run.terminal.say(&format!("on this computer: {}", tasks(self.tasks)));
        run.terminal.say(&match self.unsent_tasks {
            0 => "to send: nothing".to_owned(),
            count => format!("to send: changes of {}; run `task sync`", tasks(count)),
        });
        match self.server_has_newer {
            Some(true) => run.terminal.say("to fetch: other computers have changed something; run `task sync`"),
            Some(false) => run.terminal.say("to fetch: nothing"),
            None => {}
        }
        if let Some(seconds) = self.last_change_seconds_ago {
            run.terminal.say(&format!("the account was last changed {} ago", span(seconds)));
        }
        if let Some(seconds) = self.snapshot_seconds_ago {
            run.terminal.say(&format!("its snapshot, from which new computers start, is {} old", span(seconds)));
        }
        if !self.works {
            run.terminal.say("");
        }
    }
}

/// Why sync does not work in this state, in few words; `None` = it does.
fn why(state: State) -> Option<&'static str> {
    Some(match state {
        State::UpToDate | State::Unsent | State::Behind => return None,
        State::UnknownAccount => "the server does not know this account",
        State::Disabled => "the account is disabled",
        State::Deleted => "the account was deleted",
        State::Emptied => "the account is empty, though this computer has synced before",
        State::Ahead => "the server was taken back to an older state",
        State::Spoiled => "a computer with another secret has changed the account",
        state => state.sentence().unwrap_or("it is not known why"),
    })
}

/// Since `time`, in seconds since 1970-01-01 UTC. A clock that is behind makes it 0.
fn seconds_ago(time: i64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    now.saturating_sub(time.try_into().unwrap_or(0))
}

/// `5 minutes`, `1 day`: the largest unit that fits.
fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests;
