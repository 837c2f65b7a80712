//! `taskferry setup`: the first computer. Makes an account and configures Taskwarrior for it.

use taskferry_protocol::ServerUrl;

use crate::cli;
use crate::credentials::Credentials;
use crate::credentials::generate::generate;
use crate::error::{Explain, Failure};
use crate::flow::apply::apply;
use crate::flow::computer::Computer;
use crate::flow::first_sync::{Synced, first_sync};
use crate::flow::plan::Plan;
use crate::flow::{Run, server_url, tasks};
use crate::server::Server;
use crate::server::account::Registered;
use crate::server::probe::Kind;

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

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Setup) -> Result<(), Failure> {
    let address = ask(run, args)?;

    let computer = Computer::look(run)?;
    computer.introduce(run);
    if let Some(present) = &computer.account {
        return already_set_up(run, present, &address);
    }

    let server = Server::new(address, run.global.insecure_http)?;
    let kind = server.probe()?;
    run.terminal.say(&format!("found {} at `{}`", kind.name(), server.url()));

    let credentials = generate(server.url().clone())?;
    let plan = plan(args, &computer, &kind, &credentials)?;
    plan.show(run);
    if args.dry_run {
        run.terminal.say("nothing was changed: this was only the plan");
        return Ok(());
    }
    plan.confirm(run, args.yes)?;

    // The account first: if the server refuses, nothing was changed here; if writing fails later, an account without
    // data is left behind there, and a second run makes another.
    let registered = match kind {
        Kind::Taskferry(_) => server.register(&credentials.client_id)?,
        Kind::Other => Registered::NotOffered,
    };
    apply(run, &computer, &plan, &credentials)?;
    let synced = if args.no_sync { None } else { Some(first_sync(run, &computer)?) };
    if let Some(synced) = synced {
        refuse_false_success(&server, &credentials, synced)?;
    }

    say_what_is_next(run, &credentials, registered, synced);
    Ok(())
}

/// Taskwarrior reports success, too, when it holds all tasks for sent already and sends nothing.
fn refuse_false_success(server: &Server, credentials: &Credentials, synced: Synced) -> Result<(), Failure> {
    if synced.all > 0 && !server.has_data(&credentials.client_id)? {
        return Err(NothingSent { count: synced.all }.into());
    }
    Ok(())
}

fn ask(run: &mut Run<'_>, args: &cli::Setup) -> Result<ServerUrl, Failure> {
    if let Some(given) = &args.server {
        return Ok(server_url(given)?);
    }
    run.must_be_able_to_ask("setup needs the address of a sync server", "add `--server https://…`")?;
    run.ask_until_ok(|prompter| {
        let answer = prompter.line("address of the sync server (https://…)")?;
        Ok(server_url(&answer)?)
    })
}

fn already_set_up(run: &mut Run<'_>, present: &Credentials, wanted: &ServerUrl) -> Result<(), Failure> {
    if present.server != *wanted {
        return Err(SyncsElsewhere { present: present.server.clone() }.into());
    }
    run.terminal.say(&format!("sync with `{wanted}` is set up already; nothing was changed"));
    run.terminal.say("next: run `taskferry share` here, and `taskferry join` on your other computer");
    Ok(())
}

fn plan(args: &cli::Setup, computer: &Computer<'_>, kind: &Kind, credentials: &Credentials) -> Result<Plan, Failure> {
    let server = &credentials.server;
    Ok(Plan {
        at_server: matches!(kind, Kind::Taskferry(_)).then(|| format!("create a new account at `{server}`")),
        change: computer.taskrc.plan(credentials, computer.taskwarrior.version().url_key())?,
        note: Plan::note(&computer.taskrc),
        first_sync: (!args.no_sync).then(|| match computer.tasks {
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
