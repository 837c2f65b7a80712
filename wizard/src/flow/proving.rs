//! Proves a sync, says how it went, and offers the cure where the account lacks what Taskwarrior took for sent.

use super::sync::database_of;
use super::{Run, tasks};
use crate::credentials::Credentials;
use crate::database::Database;
use crate::error::{Exit, Explain, Failure};
use crate::proof::compare::Difference;
use crate::proof::cure::send_snapshot;
use crate::proof::{Verdict, missing_in_history, prove};
use crate::server::Server;
use crate::taskwarrior::Taskwarrior;

/// The account is not what this computer has.
#[derive(Debug, thiserror::Error)]
pub enum NotEqual {
    /// Tasks are missing there, and nothing else is wrong.
    #[error(
        "the account lacks {} of the {} on this computer, or parts of them, though Taskwarrior takes them for sent",
        .missing, tasks(*.all)
    )]
    Lacks {
        /// How many are missing.
        missing: u64,
        /// How many there are.
        all: u64,
    },
    /// Anything else.
    #[error(
        "this computer and the account differ, though both are at the same version: {} only here, {} only there, {} \
         with other content",
        .0.only_here.len(), .0.only_there.len(), .0.changed.len() + .0.older_there.len()
    )]
    Differs(Difference),
    /// The cure was not taken.
    #[error("the server did not take the snapshot: the account still lacks tasks of this computer")]
    NotCured,
}

impl Explain for NotEqual {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Lacks { .. } => "an earlier sync was cut while it sent them; they are safe on this computer\n\
                                   run `taskferry sync --mend` to put all tasks of this computer on the server again"
                .into(),
            Self::Differs(_) => {
                "run `taskferry repair`: it puts both together, keeps a copy, and loses no task of either".into()
            }
            Self::NotCured => "change any task, run `task sync`, then `taskferry sync --mend` again".into(),
        })
    }

    fn exit(&self) -> Exit {
        Exit::Found
    }
}

/// Whether a snapshot may be sent without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// The person said so already.
    Yes,
    /// Where somebody can be asked.
    Ask,
}

/// Compares this computer with the account, and says so. `None` = there was nothing to compare, or another computer was
/// faster.
pub fn prove_now(
    run: &mut Run<'_>,
    taskwarrior: &Taskwarrior<'_>,
    account: &Credentials,
    mend: Mend,
) -> Result<Option<u64>, Failure> {
    let Some(database) = database_of(taskwarrior) else {
        return Ok(None);
    };
    // Nothing on either side: Taskwarrior sends nothing then, and there is nothing to claim.
    if database.content()?.is_blank() {
        return Ok(None);
    }
    run.terminal.say("comparing this computer with what the server holds …");
    match prove(run.server(account.server.clone())?, account, &database)? {
        Verdict::Equal { tasks: count } => {
            run.terminal.say(&match count {
                0 => "proved: the account has no tasks, and neither has this computer".to_owned(),
                count => format!(
                    "proved: the account, rebuilt from the server, has the same {} as this computer",
                    tasks(count)
                ),
            });
            Ok(Some(count))
        }
        // Whoever asked for the sync knows better what that means.
        Verdict::Empty => Ok(None),
        Verdict::Overtaken => {
            run.terminal.say("another computer synced meanwhile; run `taskferry verify` to compare again");
            Ok(None)
        }
        Verdict::Different(difference) if difference.is_only_a_lack() => {
            let server = run.server(account.server.clone())?;
            cure(run, &server, account, &database, difference.lacking(), mend)
        }
        Verdict::Different(difference) => Err(NotEqual::Differs(difference).into()),
    }
}

/// After a sync that sent several versions: a snapshot that was made in between holds everything, and hides from a new
/// computer what the versions lack.
pub fn say_what_others_lack(
    run: &mut Run<'_>,
    taskwarrior: &Taskwarrior<'_>,
    account: &Credentials,
) -> Result<(), Failure> {
    let Some(database) = database_of(taskwarrior) else {
        return Ok(());
    };
    let server = run.server(account.server.clone())?;
    if let Some(missing @ 1..) = missing_in_history(server, account, &database)? {
        run.terminal.say_note(&format!(
            "an earlier sync was cut while it sent much: computers that joined before lack {}, and don't fetch them by \
             themselves\nrun `taskferry verify` on each of them: it tells what to do",
            tasks(missing)
        ));
    }
    Ok(())
}

/// Puts everything on the server as a snapshot, which new computers start from.
fn cure(
    run: &mut Run<'_>,
    server: &Server,
    account: &Credentials,
    database: &Database,
    missing: u64,
    mend: Mend,
) -> Result<Option<u64>, Failure> {
    let content = database.content()?;
    let all = content.tasks.len().try_into().unwrap_or(u64::MAX);
    let lacks = NotEqual::Lacks { missing, all };
    if mend == Mend::Ask {
        if !run.can_ask() {
            return Err(lacks.into());
        }
        run.terminal.say(&format!("{lacks}; an earlier sync was cut while it sent them"));
        let question = format!("put all {} of this computer on the server again, encrypted?", tasks(all));
        let stands = "your tasks are safe on this computer; run `taskferry sync --mend` to put them on the server";
        if !run.confirm_midway(&question, true, stands)? {
            return Err(lacks.into());
        }
    }
    send_snapshot(server, account, &content)?;
    let again = run.server(account.server.clone())?;
    if !matches!(prove(again, account, database)?, Verdict::Equal { .. }) {
        return Err(NotEqual::NotCured.into());
    }
    run.terminal.say(&format!("mended: the account now has the same {} as this computer", tasks(all)));
    run.terminal
        .say_note("computers that synced before may lack them still: `taskferry verify` there tells what to do");
    Ok(Some(all))
}
