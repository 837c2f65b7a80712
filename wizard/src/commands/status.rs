//! `taskferry status`: does sync work, and what waits to be sent or fetched? One or two small requests, and no `task sync`.

mod advice;

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use taskferry_protocol::VersionId;
use taskferry_protocol::describe::{AccountInfo, AccountState};

use crate::checks::copies::in_words as copies_in_words;
use crate::checks::home::is_expected_at;
use crate::checks::position::Account;
use crate::cli;
use crate::commands::share::ShareError;
use crate::context::Context;
use crate::credentials::Credentials;
use crate::credentials::unseal::Key;
use crate::database::{Database, Stand, Unsent};
use crate::error::{Exit, Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::sync::database_of;
use crate::flow::{Run, tasks};
use crate::pending::Pending;
use crate::proof::poison::{self, Chain, GLANCE};
use crate::rescue::copies::{self, Copies};
use crate::rescue::steps::{Command, unfinished};
use crate::seen::Seen;
use crate::server::account::Known;
use crate::server::sealed::Follows;
use crate::server::{Server, ServerError};
use crate::standing::State;
use crate::taskrc::others::{self, Other};
use advice::Situation;

/// What there is to say.
#[derive(Debug, Serialize)]
struct Status {
    state: State,
    works: Option<bool>,
    server: String,
    account: String,
    tasks: u64,
    unsent_changes: u64,
    unsent_tasks: u64,
    oldest_unsent_seconds_ago: Option<u64>,
    server_has_newer: Option<bool>,
    newest_synced_change_seconds_ago: Option<u64>,
    last_change_seconds_ago: Option<u64>,
    snapshot_seconds_ago: Option<u64>,
    other_accounts: Vec<Other>,
    /// Of the tasks, from before moves, joins, repairs and undos.
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<Copies>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What comes next.
    hints: Vec<String>,
    /// The command that did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupted: Option<&'static str>,
}

/// Sync does not work.
#[derive(Debug, thiserror::Error)]
#[error("sync does not work: {why}")]
pub struct DoesNotWork {
    why: String,
    hint: Option<String>,
    is_told: bool,
}

impl Explain for DoesNotWork {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn is_told(&self) -> bool {
        self.is_told
    }

    fn exit(&self) -> Exit {
        Exit::Found
    }
}

/// Seconds for each answer of the server.
const ANSWER_SECONDS: u64 = 5;
/// From which age on a change that waits is worth a word.
const TELLS_OF_WAITING_SECONDS: u64 = 600;
/// What `--short` says where there is no account.
const OFF: &str = "off";
/// Where a command did not come to its end.
const INTERRUPTED: &str = "interrupted";
/// And where nobody can tell, such as without Taskwarrior.
const ERROR: &str = "error";

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Status) -> Result<(), Failure> {
    match look(run, args) {
        // A prompt shows one word in any case; who wants to know more leaves the flag away.
        Err(failure) if args.short && !failure.error().is_told() && !failure.error().is_choice() => {
            let why = failure.error().to_string();
            run.data(if why == ShareError::NotSetUp.to_string() { OFF } else { ERROR })?;
            Err(DoesNotWork { why, hint: None, is_told: true }.into())
        }
        done => done.map_err(Failure::as_found),
    }
}

fn look(run: &mut Run<'_>, args: &cli::Status) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let Some(account) = &computer.account else {
        return Err(not_set_up(run));
    };
    let database = database_of(&computer.taskwarrior);
    let stand = database.as_ref().map(Database::stand).transpose()?;
    let stand = stand.unwrap_or(Stand {
        base: VersionId::NIL,
        unsent: Unsent::default(),
        newest_shared: None,
        has_recurring: false,
        is_empty: true,
    });
    let answer = if args.offline {
        None
    } else {
        let server = run.server(account.server.clone())?.within_seconds(ANSWER_SECONDS);
        Some(ask(run, &server, account, &stand))
    };
    if let Some(Err(ServerError::Interrupted)) = answer {
        return Err(ServerError::Interrupted.into());
    }
    let known = answer.as_ref().and_then(|answer| answer.as_ref().ok()?.known.clone());
    let mut status = match answer {
        Some(answer) => Status::of(account, computer.tasks, &stand, answer),
        None => Status::without_server(account, computer.tasks, &stand),
    };
    status.interrupted = unfinished(run.context).map(Command::words);
    let situation = Situation {
        state: status.state,
        unsent: status.unsent_tasks,
        interrupted: status.interrupted,
        at_home: is_expected_at(run.context, &account.server),
        pending: pending(run.context, account),
        // A prompt has no advice, and deriving a key takes its time.
        proved: args.short || status.unsent_tasks == 0 || Seen::find(run.context).is_proved(account),
    };
    let hint = situation.hint();
    status.hints = hint.iter().flat_map(|hint| hint.lines()).map(str::to_owned).collect();
    if !args.short {
        let oldest = database.as_ref().map(Database::oldest_unsent).transpose()?.flatten();
        status.oldest_unsent_seconds_ago = oldest.map(seconds_ago);
        status.copies = copies::look(run.context);
        status.other_accounts = others::find(run.context, Some(&account.client_id), computer.taskrc.path());
    }
    if args.short {
        run.data(&status.short())?;
    } else if args.json {
        run.report(&status)?;
    } else {
        status.say(run, situation);
    }
    let is_said = status.why.is_some() && status.state != State::Unreachable;
    if let (Some(note), false) = (situation.note(), args.json || args.short || is_said) {
        run.terminal.say_note(&note);
    }
    if let Some(why) = status.why {
        return Err(DoesNotWork { why, hint, is_told: args.short }.into());
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
    if known.is_none() && !has_data {
        // Whoever knows nothing of syncing says the same of every account.
        server.probe()?;
    }
    let has_beginning = follows == Follows::Gone && server.follows(id, VersionId::NIL)? == Follows::Newer;
    let seen = Seen::find(run.context);
    let state = Account { id, follows, has_data, has_beginning, known: known.as_ref(), seen: &seen }.state(stand);
    if state == State::Behind
        && !stand.base.is_nil()
        && let Ok(key) = Key::derive(id, &account.secret)
        // Where that takes too long, it is found by `verify`.
        && let Ok(Chain::Spoiled { .. }) = poison::look(&key, stand.base, GLANCE, |parent| server.child(id, parent))
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
            works: Some(why.is_none()),
            server: account.server.to_string(),
            account: account.client_id.short(),
            tasks,
            unsent_changes: stand.unsent.changes,
            unsent_tasks: stand.unsent.tasks,
            oldest_unsent_seconds_ago: None,
            server_has_newer: why.is_none().then_some(state == State::Behind),
            newest_synced_change_seconds_ago: stand.newest_shared.map(seconds_ago),
            other_accounts: Vec::new(),
            copies: None,
            last_change_seconds_ago: known.as_ref().and_then(|known| known.last_version_at).map(seconds_ago),
            snapshot_seconds_ago: known
                .and_then(|known| known.snapshot)
                .map(|snapshot| seconds_ago(snapshot.stored_at)),
            state,
            why,
            hints: Vec::new(),
            interrupted: None,
        }
    }

    /// What this computer knows by itself.
    fn without_server(account: &Credentials, tasks: u64, stand: &Stand) -> Self {
        let state = if stand.unsent.changes == 0 { State::NotAsked } else { State::Unsent };
        // As if the server could not be reached, but for that it was not tried.
        let not_asked = ServerError::Setup(std::io::Error::other("not asked"));
        let unreachable = Self::of(account, tasks, stand, Err(not_asked));
        Self { state, works: None, why: None, ..unreachable }
    }

    /// One word, for a prompt.
    fn short(&self) -> String {
        match self.state {
            _ if self.interrupted.is_some() && self.why.is_none() => INTERRUPTED.into(),
            State::UpToDate => "ok".into(),
            State::Unsent | State::NotAsked => self.unsent_tasks.to_string(),
            state => {
                serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
            }
        }
    }

    fn say(&self, run: &mut Run<'_>, situation: Situation) {
        let Self { server, account, .. } = self;
        run.terminal.say(&format!("this computer syncs with `{server}`, account `{account}`"));
        run.terminal.say(&format!("on this computer: {}", tasks(self.tasks)));
        run.terminal.say(&situation.to_send());
        if let Some(seconds) = self.oldest_unsent_seconds_ago.filter(|seconds| *seconds >= TELLS_OF_WAITING_SECONDS) {
            run.terminal.say(&format!("the oldest of these changes has been waiting for {}", span(seconds)));
        }
        match situation.to_fetch() {
            _ if self.works.is_none() => run.terminal.say("to fetch: not known, since the server was not asked"),
            Some(line) => run.terminal.say(&line),
            None => {}
        }
        // When Taskwarrior synced last is written down nowhere; when a change was made that has been synced is.
        if let Some(seconds) = self.newest_synced_change_seconds_ago {
            run.terminal.say(&format!("the newest change here that was synced is {} old", span(seconds)));
        }
        if let Some(seconds) = self.last_change_seconds_ago {
            run.terminal.say(&format!("the account was last changed {} ago", span(seconds)));
        }
        if let Some(seconds) = self.snapshot_seconds_ago {
            run.terminal.say(&format!("its snapshot, from which new computers start, is {} old", span(seconds)));
        }
        if !self.other_accounts.is_empty() {
            run.terminal.say("other accounts on this computer:");
        }
        for Other { file, context, server, account } in &self.other_accounts {
            let place = run.context.short(Path::new(file));
            let context = context.as_ref().map(|name| format!(", context `{name}`")).unwrap_or_default();
            run.terminal.say(&format!("  `{place}`{context}: `{server}`, account `{account}`"));
        }
        if let Some(copies) = &self.copies {
            run.terminal.say(&format!("{} in `{}`", copies_in_words(copies), run.context.short(&copies.folder)));
        }
        if self.works == Some(false) {
            run.terminal.say("");
        }
    }
}

/// What is left to do may be known all the same.
fn not_set_up(run: &Run<'_>) -> Failure {
    let failure = Failure::from(ShareError::NotSetUp);
    match Pending::find(run.context) {
        Ok(Some(_)) => failure.with_hint(
            "an account waits for its server: run `taskferry verify` to finish that, or `taskferry undo` to forget it",
        ),
        _ => failure,
    }
}

/// What waits for a server that was away.
fn pending(context: &Context, account: &Credentials) -> Option<&'static str> {
    match Pending::find(context).ok()?? {
        Pending::Setup { client_id, .. } => (client_id == account.client_id).then_some("setup"),
        Pending::Join(pending) => (pending.decoded.credentials != *account).then_some("join"),
    }
}

/// Why sync does not work in this state, in few words; `None` = it does.
fn why(state: State) -> Option<&'static str> {
    Some(match state {
        State::NotAsked | State::UpToDate | State::Unsent | State::Behind => return None,
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
pub(super) fn seconds_ago(time: i64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    now.saturating_sub(time.try_into().unwrap_or(0))
}

/// `5 minutes`, `1 day`: the largest unit that fits.
pub(super) fn span(seconds: u64) -> String {
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
