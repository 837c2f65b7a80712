//! `taskferry setup`: the first computer. Makes an account and configures Taskwarrior for it.

use taskferry_protocol::ServerUrl;
use taskferry_protocol::server_url::BadServerUrl;

use crate::cli;
use crate::credentials::Credentials;
use crate::credentials::generate::generate;
use crate::error::{Exit, Explain, Failure};
use crate::flow::apply::apply;
use crate::flow::computer::Computer;
use crate::flow::first_sync::{Synced, first_sync};
use crate::flow::plan::Plan;
use crate::flow::recheck::recheck;
use crate::flow::{Run, Stopped, likely_meant, reach, server_url, tasks};
use crate::pending::Pending;
use crate::server::account::Registered;
use crate::server::probe::Kind;
use crate::server::{Server, ServerError};

/// This computer has an account on another server.
#[derive(Debug, thiserror::Error)]
#[error("this computer already syncs with `{present}`")]
pub struct SyncsElsewhere {
    present: ServerUrl,
}

impl Explain for SyncsElsewhere {
    fn hint(&self) -> Option<String> {
        // Taskwarrior marks what it has sent, whereto it does not remember: after a change of the account it would say
        // "Success!" and send nothing of the old.
        Some(
            "a new account would stay empty: Taskwarrior does not send again what it has sent before\n\
             to bring other computers to the present account, run `taskferry share`"
                .into(),
        )
    }
}

/// The first sync was a success, but the account is still empty.
#[derive(Debug, thiserror::Error)]
#[error("the settings are in place, but Taskwarrior sent none of the {} of this computer", tasks(*.count))]
pub struct NothingSent {
    count: u64,
}

impl Explain for NothingSent {
    fn hint(&self) -> Option<String> {
        // A new account asks for a snapshot with the first version that it gets, and a snapshot holds everything.
        Some(
            "it takes them for sent already, since this computer synced with another account before\n\
             run `task add hello`, then `task sync`: the first change takes everything along"
                .into(),
        )
    }
}

/// The sync was a success, but whether the tasks arrived could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("the settings are in place and `task sync` reports success, but the server could not be asked what it holds")]
pub struct NotConfirmed(#[source] ServerError);

impl Explain for NotConfirmed {
    fn hint(&self) -> Option<String> {
        Some("run the same command again, once the cause is gone".into())
    }

    fn exit(&self) -> Exit {
        self.0.exit()
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Setup) -> Result<(), Failure> {
    // What is on the command line is looked at before anything else, and this computer before anybody is asked.
    let given = args.server.as_deref().map(server_url).transpose()?;
    let computer = Computer::look(run)?;
    if let Some(present) = &computer.account {
        computer.introduce(run);
        return already_set_up(run, args, &computer, present, given.as_ref());
    }
    let address = match given {
        Some(address) => address,
        None => ask(run)?,
    };
    computer.introduce(run);
    let (server, kind) = match reach(run, address.clone()) {
        Err(why) if why.is_server_down() => return without_server(run, args, &computer, address, why),
        reached => reached?,
    };

    let credentials = generate(server.url().clone())?;
    let plan = plan(!args.no_sync, &computer, &kind, &credentials)?;
    plan.show(run);
    if args.dry_run {
        run.terminal.say("nothing was changed: this was only the plan");
        return Ok(());
    }
    plan.confirm(run, args.yes)?;

    // The account first: if the server refuses, nothing was changed here; if writing fails later, an account without
    // data is left behind there, and a second run makes another.
    let registered = match kind {
        Kind::Taskferry(_) => match run.ask_server(&server, |server| server.register(&credentials.client_id)) {
            Err(why) if why.is_server_down() => return keep_for_later(run, &computer, &plan, &credentials, why),
            registered => registered?,
        },
        Kind::Other => Registered::NotOffered,
    };
    apply(run, &computer, &plan, &credentials)?;
    let synced = if args.no_sync { None } else { Some(first_sync(run, &computer, &credentials)?) };
    if let Some(synced) = synced {
        refuse_false_success(&server, &credentials, synced)?;
    }

    say_what_is_next(run, &credentials, registered, synced);
    Ok(())
}

/// That the server is down is no reason to start over later, if the person is sure of the address.
fn without_server(
    run: &mut Run<'_>,
    args: &cli::Setup,
    computer: &Computer<'_>,
    address: ServerUrl,
    why: ServerError,
) -> Result<(), Failure> {
    if !args.later {
        if !run.can_ask() || args.yes {
            return Err(Failure::from(why).with_hint(
                "check the address, and that the server is running; then run the same command again\n\
                 if you are sure of the address, add `--later` to set up now and finish with `taskferry verify`",
            ));
        }
        run.terminal.say(&format!("{why}; is it only down for now?"));
        if !run.prompter.confirm("set up now, and finish later with `taskferry verify`?", false)? {
            return Err(Stopped::Declined.into());
        }
    }
    let credentials = generate(address)?;
    let plan = plan(false, computer, &Kind::Other, &credentials)?;
    plan.show(run);
    if args.dry_run {
        run.terminal.say("nothing was changed: this was only the plan");
        return Ok(());
    }
    plan.confirm(run, args.yes)?;
    keep_for_later(run, computer, &plan, &credentials, why)
}

/// Writes the settings, and notes what is left to do.
fn keep_for_later(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    plan: &Plan,
    credentials: &Credentials,
    why: ServerError,
) -> Result<(), Failure> {
    // Before the settings: a run that is killed in between leaves a note that leads to nothing, not an account that
    // nobody registers.
    let Credentials { server, client_id, .. } = credentials;
    Pending::Setup { server: server.clone(), client_id: *client_id }.keep(run.context)?;
    apply(run, computer, plan, credentials)?;
    Err(SetUpWithoutServer(why).into())
}

/// The settings are in place, but the server has not heard of the account.
#[derive(Debug, thiserror::Error)]
#[error("the settings are in place, but the server could not be reached")]
pub struct SetUpWithoutServer(#[source] ServerError);

impl Explain for SetUpWithoutServer {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry verify` to finish, once the server answers".into())
    }
}

/// Taskwarrior reports success, too, when it holds all tasks for sent already and sends nothing.
fn refuse_false_success(server: &Server, credentials: &Credentials, synced: Synced) -> Result<(), Failure> {
    if synced.all > 0 && !server.has_data(&credentials.client_id).map_err(NotConfirmed)? {
        return Err(NothingSent { count: synced.all }.into());
    }
    Ok(())
}

fn ask(run: &mut Run<'_>) -> Result<ServerUrl, Failure> {
    run.must_be_able_to_ask("setup needs the address of a sync server", "add `--server https://…`")?;
    let mut meant: Option<ServerUrl> = None;
    run.ask_until_ok(|prompter| {
        let question = match &meant {
            Some(meant) => format!("address of the sync server [{meant}]"),
            None => "address of the sync server (https://…)".into(),
        };
        let answer = prompter.line(&question)?;
        if let (Some(meant), true) = (meant.take(), answer.is_empty()) {
            return Ok(meant);
        }
        let read = server_url(&answer);
        if let Err(Stopped::BadServer(BadServerUrl::NoScheme { given })) = &read {
            meant = likely_meant(given);
        }
        Ok(read?)
    })
}

fn already_set_up(
    run: &mut Run<'_>,
    args: &cli::Setup,
    computer: &Computer<'_>,
    present: &Credentials,
    wanted: Option<&ServerUrl>,
) -> Result<(), Failure> {
    let server = &present.server;
    if wanted.is_some_and(|wanted| wanted != server) {
        return Err(SyncsElsewhere { present: server.clone() }.into());
    }
    let sync = !args.no_sync && !args.dry_run;
    let how = match recheck(run, computer, present, sync)? {
        Some(_) => "is set up already, and works",
        None => "is set up already",
    };
    run.terminal.say(&format!("sync with `{server}` {how}; no setting was changed"));
    run.terminal.say("next: run `taskferry share` here, and `taskferry join` on your other computer");
    Ok(())
}

fn plan(sync: bool, computer: &Computer<'_>, kind: &Kind, credentials: &Credentials) -> Result<Plan, Failure> {
    let server = &credentials.server;
    Ok(Plan {
        at_server: matches!(kind, Kind::Taskferry(_)).then(|| format!("create a new account at `{server}`")),
        change: computer.taskrc.plan(credentials, computer.taskwarrior.version().url_key())?,
        note: Plan::note(&computer.taskrc),
        first_sync: sync.then(|| match computer.tasks {
            0 => "run `task sync`".into(),
            count => format!("run `task sync`: sends {} to the server, encrypted", tasks(count)),
        }),
        enter_means: true,
    })
}

fn say_what_is_next(run: &mut Run<'_>, credentials: &Credentials, registered: Registered, synced: Option<Synced>) {
    let server = &credentials.server;
    let done = match synced {
        None => format!("sync with `{server}` is set up; run `task sync` when you are ready"),
        Some(Synced { all: 0, .. }) => format!("sync with `{server}` works; there are no tasks yet"),
        Some(Synced { all, .. }) => format!("sync with `{server}` works; it now holds {}", tasks(all)),
    };
    run.terminal.say(&format!("\n{done}"));
    if registered == Registered::NotOffered && synced.is_none_or(|synced| synced.all == 0) {
        run.terminal
            .say("other computers can join only after the first sync of a task: this server knows no empty accounts");
    }
    run.terminal.say("next: run `taskferry share` here, and `taskferry join` on your other computer");
}

#[cfg(test)]
mod tests;
