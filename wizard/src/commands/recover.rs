//! `taskferry recover`: joins with what stands on a recovery sheet, typed row by row. `--test` proves that a sheet opens the
//! account, and touches nothing of this computer: no file is written, and Taskwarrior is not even looked for.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use taskferry_protocol::describe::AccountState;
use taskferry_protocol::link::{BadLink, Slip};
use taskferry_protocol::{ServerUrl, VersionId};
use zeroize::Zeroizing;

use super::{join, status};
use crate::cli;
use crate::credentials::Credentials;
use crate::credentials::decode::{DecodeError, Decoded, decode};
use crate::database::Tasks;
use crate::error::{Exit, Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::{Run, reach, replace, server_url, tasks};
use crate::proof::count;
use crate::proof::rebuild::{RebuildError, Rebuilt, Start, rebuild};
use crate::server::ServerError;
use crate::server::account::Known;
use crate::server::probe::Kind;
use crate::sheet::{date, place_of};

/// Rows of the longest code there is.
const ROWS_MAX: usize = 24;
/// Characters of the code of an account that this program made.
const USUAL_CHARACTERS: usize = 85;
/// How often rows are asked for again.
const CORRECTIONS_MAX: usize = 5;

/// Why the sheet does not open the account.
#[derive(Debug, thiserror::Error)]
pub enum DoesNotOpen {
    /// The server has no such account.
    #[error("`{server}` does not know the account of this sheet")]
    Unknown {
        /// The server.
        server: ServerUrl,
    },
    /// Deleted, and its ID is never accepted again.
    #[error("the account of this sheet was deleted at `{server}`")]
    Deleted {
        /// The server.
        server: ServerUrl,
    },
    /// Switched off by the operator.
    #[error("the account of this sheet is disabled at `{server}`")]
    Disabled {
        /// The server.
        server: ServerUrl,
    },
    /// It can't be rebuilt.
    #[error("the sheet does not open the account")]
    Sealed(#[source] RebuildError),
    /// Ctrl-C. Nothing is ever changed.
    #[error("stopped; nothing was changed")]
    Interrupted,
}

impl Explain for DoesNotOpen {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { .. } => "the sheet has no typing error, so the account was deleted there, or moved to another server\n\
                                     if a computer still syncs, make a new sheet there: `taskferry share --sheet sheet.html`"
                .into(),
            Self::Deleted { .. } => "if that was a mistake, ask whoever runs the server soon: for a while it can be brought back\n\
                                     if a computer still has the tasks, run `taskferry verify` there"
                .into(),
            Self::Disabled { .. } => "ask whoever runs the server".into(),
            Self::Sealed(RebuildError::Server(why)) => return why.hint(),
            Self::Sealed(_) => "if a computer still syncs, run `taskferry verify` there; its tasks are the safest copy".into(),
            Self::Interrupted => return None,
        })
    }

    fn is_choice(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    fn exit(&self) -> Exit {
        if self.is_choice() { Exit::Interrupted } else { Exit::Found }
    }
}

/// What a test showed, for scripts.
#[derive(Debug, Serialize)]
struct Tested {
    opens: bool,
    /// Whether anything was there to prove the secret against.
    proved: bool,
    server: String,
    account: String,
    tasks: u64,
    pending: usize,
    newest_change_seconds_ago: Option<u64>,
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Recover) -> Result<(), Failure> {
    if args.test {
        let decoded = read(run, args)?;
        return test(run, &decoded);
    }
    // Before anybody types: it may be of no use here.
    let mut computer = Computer::look_to_change(run)?;
    replace::leftover_may_go(run, &mut computer, args.replace, args.yes)?;
    computer.introduce(run);
    let decoded = read(run, args)?;
    // The computers that made the next of recurring tasks are lost, so this one does.
    let args = cli::Join {
        yes: args.yes,
        replace: args.replace,
        keep_recurrence: true,
        json: args.json,
        ..cli::Join::default()
    };
    join::with(run, &args, &computer, decoded)
}

fn read(run: &mut Run<'_>, args: &cli::Recover) -> Result<Decoded, Failure> {
    if args.from_stdin || args.image.is_some() {
        let from = cli::Join { from_stdin: args.from_stdin, image: args.image.clone(), ..cli::Join::default() };
        return join::ask(run, &from);
    }
    run.must_be_able_to_ask(
        "recover needs what stands on the sheet",
        "add `--image FILE` with a picture of it, or `--from-stdin` and give it the server and the rows as a link",
    )?;
    typed(run)
}

/// Proves that the sheet opens the account, or says why it doesn't.
fn test(run: &mut Run<'_>, decoded: &Decoded) -> Result<(), Failure> {
    let credentials = &decoded.credentials;
    let found =
        |why: ServerError| if why.exit() == Exit::Interrupted { why.into() } else { Failure::from(why).as_found() };
    let (server, kind) = reach(run, credentials.server.clone()).map_err(found)?;
    let known = match kind {
        Kind::Taskferry(_) => {
            run.ask_server(&server, |server| server.account(&credentials.client_id)).map_err(found)?
        }
        Kind::Other => Known::NotOffered,
    };
    let at = || credentials.server.clone();
    match &known {
        Known::Unknown => return Err(DoesNotOpen::Unknown { server: at() }.into()),
        Known::Deleted => return Err(DoesNotOpen::Deleted { server: at() }.into()),
        Known::Account(info) if info.state == AccountState::Disabled => {
            return Err(DoesNotOpen::Disabled { server: at() }.into());
        }
        Known::Account(_) | Known::NotOffered => {}
    }
    run.terminal.say("opening the account as a new computer would …");
    let rebuilt = rebuild(server, credentials, Start::Snapshot, VersionId::NIL).map_err(|why| match why {
        RebuildError::Server(ServerError::Interrupted) => DoesNotOpen::Interrupted,
        why => DoesNotOpen::Sealed(why),
    })?;
    let tested = Tested::of(credentials, &rebuilt);
    tested.say(run, matches!(known, Known::NotOffered), decoded.checked);
    run.report(&tested)
}

impl Tested {
    fn of(credentials: &Credentials, rebuilt: &Rebuilt) -> Self {
        let Rebuilt { at, tasks, .. } = rebuilt;
        Self {
            opens: true,
            proved: !at.is_nil(),
            server: credentials.server.to_string(),
            account: credentials.client_id.short(),
            tasks: count(tasks),
            pending: tasks.values().filter(|task| task.get("status").is_some_and(|status| status == "pending")).count(),
            newest_change_seconds_ago: newest(tasks).map(status::seconds_ago),
        }
    }

    fn say(&self, run: &mut Run<'_>, nobody_can_tell: bool, checked: bool) {
        let server = &self.server;
        if !self.proved {
            run.terminal.say(&if nobody_can_tell {
                format!("\n`{server}` holds nothing for this account: it is empty, or was never there")
            } else {
                format!("\nthe account is there at `{server}`, and empty")
            });
            run.terminal.say_note(if checked {
                "nothing there can prove the code yet, but its checksum fits: it is typed as it was printed"
            } else {
                "nothing there can prove the secret yet"
            });
            return;
        }
        let count = tasks(self.tasks);
        run.terminal.say(&format!("\nthe sheet opens the account: {count}, {} pending", self.pending));
        if let Some(seconds) = self.newest_change_seconds_ago {
            let day = SystemTime::now().checked_sub(Duration::from_secs(seconds)).map(date).unwrap_or_default();
            run.terminal.say(&format!("the newest change is {} old ({day})", status::span(seconds)));
        }
        run.terminal.say("nothing was changed on this computer, or on the server");
    }
}

/// When a task was changed last: seconds since 1970-01-01 UTC.
fn newest(tasks: &Tasks) -> Option<i64> {
    let times = tasks.values().flat_map(|task| ["modified", "entry", "end"].map(|key| task.get(key)?.parse().ok()));
    times.flatten().max()
}

/// What somebody types from paper.
struct Typed {
    server: Zeroizing<String>,
    rows: Vec<Zeroizing<String>>,
}

/// Asks for the server and for one row after the other, and after a slip only for that row again.
fn typed(run: &mut Run<'_>) -> Result<Decoded, Failure> {
    run.terminal.say(
        "type what stands on the sheet; it is shown while you type, so look who looks on\n\
         capitals or not, with spaces or without: both are right\n",
    );
    let server = run.ask_until_ok(|prompter| {
        let answer = Zeroizing::new(prompter.line("server")?);
        if !Credentials::looks_like_one(&answer) {
            server_url(&answer)?;
        }
        Ok(answer)
    })?;
    if Credentials::looks_like_one(&server) {
        return Ok(decode(&server)?);
    }
    let mut typed = Typed { server, rows: Vec::new() };
    typed.ask_for_more(run)?;
    for _ in 0..CORRECTIONS_MAX {
        let Err(error) = typed.decode() else { break };
        typed.correct(run, error)?;
    }
    Ok(typed.decode()?)
}

impl Typed {
    /// As a link. Spaces and line breaks mean nothing in its code.
    fn text(&self) -> Zeroizing<String> {
        let server: &str = self.server.trim().trim_end_matches('/');
        let mut text = Zeroizing::new(String::with_capacity(4096));
        text.push_str(server);
        text.push_str("/j#");
        for row in &self.rows {
            text.push_str(row);
            text.push('\n');
        }
        text
    }

    fn decode(&self) -> Result<Decoded, DecodeError> {
        decode(&self.text())
    }

    fn characters(&self) -> usize {
        self.rows.iter().map(|row| code_characters(row)).sum()
    }

    /// Rows until the code is whole, or the person says so with an empty one.
    fn ask_for_more(&mut self, run: &mut Run<'_>) -> Result<(), Failure> {
        while self.rows.len() < ROWS_MAX {
            let question = match self.rows.len() + 1 {
                number @ 1..5 => format!("row {number}"),
                number => format!("row {number} (Enter alone: there are no more)"),
            };
            let row = Zeroizing::new(run.prompter.line(&question)?);
            if row.is_empty() {
                return Ok(());
            }
            self.rows.push(row);
            let is_usual = self.rows[0].trim_start().starts_with(['A', 'a']);
            if self.decode().is_ok() || (is_usual && self.characters() >= USUAL_CHARACTERS) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Says what is wrong, and asks again for as little as possible.
    fn correct(&mut self, run: &mut Run<'_>, error: DecodeError) -> Result<(), Failure> {
        let (why, near) = match error {
            DecodeError::Link { why: why @ (BadLink::Damaged(_) | BadLink::CutOff), near } => (why, near),
            // Nothing that could be mended here by looking at the paper again.
            other => return Err(other.into()),
        };
        let before = self.server.trim().trim_end_matches('/').chars().filter(|c| !c.is_whitespace()).count()
            + Credentials::MIDDLE_BYTES;
        let BadLink::Damaged(slip) = why else {
            say(run, Mistyped::TooShort, "go on with the rows that are missing; Enter alone looks through all");
            let rows = self.rows.len();
            self.ask_for_more(run)?;
            return if self.rows.len() > rows { Ok(()) } else { self.look_through(run) };
        };
        match slip.map(position) {
            Some(position) if position <= before => {
                say(run, Mistyped::Once, "it is in the server's address");
                self.ask_for_server(run)
            }
            Some(position) => {
                let (row, group) = self.typed_place(position - before - 1);
                let near = near.map(|near| format!(", at the brackets: `{near}`")).unwrap_or_default();
                say(run, Mistyped::Once, &format!("look at row {row}, group {group}{near}"));
                self.ask_for_row(run, row)
            }
            None => {
                say(run, Mistyped::Often, "compare with the sheet row by row; Enter alone keeps a row");
                self.ask_for_server(run)?;
                self.look_through(run)
            }
        }
    }

    fn look_through(&mut self, run: &mut Run<'_>) -> Result<(), Failure> {
        for row in 1..=self.rows.len() {
            self.ask_for_row(run, row)?;
            if self.decode().is_ok() {
                break;
            }
        }
        Ok(())
    }

    fn ask_for_server(&mut self, run: &mut Run<'_>) -> Result<(), Failure> {
        let question = format!("server [{}]", crate::terminal::printable(&self.server));
        let answer = run.ask_until_ok(|prompter| {
            let answer = Zeroizing::new(prompter.line(&question)?);
            if !answer.is_empty() {
                server_url(&answer)?;
            }
            Ok(answer)
        })?;
        if !answer.is_empty() {
            self.server = answer;
        }
        Ok(())
    }

    fn ask_for_row(&mut self, run: &mut Run<'_>, row: usize) -> Result<(), Failure> {
        let Some(present) = self.rows.get_mut(row - 1) else {
            return self.ask_for_more(run);
        };
        let question = Zeroizing::new(format!("row {row} [{}]", crate::terminal::printable(present)));
        let answer = Zeroizing::new(run.prompter.line(&question)?);
        if !answer.is_empty() {
            *present = answer;
        }
        Ok(())
    }

    /// In which of the typed rows a character of the code stands, and in which group of the sheet's row.
    fn typed_place(&self, index: usize) -> (usize, usize) {
        let mut left = index;
        for (number, row) in (1..).zip(&self.rows) {
            let characters = code_characters(row);
            if left < characters {
                return (number, place_of(left).1);
            }
            left -= characters;
        }
        (self.rows.len(), place_of(index).1)
    }
}

/// What counts in a row: neither spaces nor the hyphens of groups.
fn code_characters(row: &str) -> usize {
    row.chars().filter(|c| !c.is_whitespace() && *c != '-').count()
}

/// Of the link's characters, counted from 1.
fn position(slip: Slip) -> usize {
    match slip {
        Slip::Changed { position, .. }
        | Slip::Swapped { position }
        | Slip::Extra { position }
        | Slip::Missing { position } => position,
    }
}

/// What is wrong with what was typed, as its checksum tells.
#[derive(Debug, thiserror::Error)]
enum Mistyped {
    #[error("one character is mistyped")]
    Once,
    #[error("more than one character is mistyped")]
    Often,
    #[error("the code is not complete yet")]
    TooShort,
}

impl Explain for Mistyped {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

fn say(run: &mut Run<'_>, wrong: Mistyped, hint: &str) {
    run.terminal.say("");
    run.terminal.say_failure(&Failure::from(wrong).with_hint(hint));
    run.terminal.say("");
}

#[cfg(test)]
mod tests;
