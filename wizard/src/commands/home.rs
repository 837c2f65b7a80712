//! `taskferry home …`: a sync server on this very computer. Started and stopped here, and made a service that starts by itself;
//! how other computers reach it is told, since that is what it does not do by itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use taskferry_protocol::ServerUrl;

use crate::cli;
use crate::context::Context;
use crate::error::{Exit, Explain, Failure};
use crate::flow::{Run, Stopped};
use crate::server::probe::Kind;
use crate::serving::home::{self, Home, HomeError, Whose};
use crate::serving::reach::{self, Ways};
use crate::serving::service::{Manager, Service, Spec};
use crate::serving::{Note, holder, keeper, log};
use crate::terminal::printable;

/// No server runs, where one was looked for.
#[derive(Debug, thiserror::Error)]
#[error("no server runs at home")]
pub struct NotRunning {
    was_there: bool,
}

impl Explain for NotRunning {
    fn hint(&self) -> Option<String> {
        Some(if self.was_there {
            "run `taskferry home start`".into()
        } else {
            "run `taskferry setup --home` to sync through one, or `taskferry home start` to start one".into()
        })
    }

    fn exit(&self) -> Exit {
        Exit::Found
    }
}

/// There is nothing to make a service of.
#[derive(Debug, thiserror::Error)]
#[error("the server at `{0}` was not started by you, so it is not yours to install")]
struct NotYours(ServerUrl);

impl Explain for NotYours {
    fn hint(&self) -> Option<String> {
        Some("whoever runs it decides that; it may be a service of the system already".into())
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Home) -> Result<(), Failure> {
    match &args.verb {
        Some(cli::HomeVerb::Start(args)) => start(run, args),
        Some(cli::HomeVerb::Stop) => stop(run),
        Some(cli::HomeVerb::Status(args)) => status(run, args.json),
        None => status(run, false),
        Some(cli::HomeVerb::Install(args)) => install(run, args),
        Some(cli::HomeVerb::Remove(args)) => remove(run, args.yes),
        Some(cli::HomeVerb::Keep(args)) => keeper::keep(run.context, args.listen, &args.data_dir),
    }
}

/// For scripts the address is data; at a terminal it was just read.
fn start(run: &mut Run<'_>, args: &cli::HomeStart) -> Result<(), Failure> {
    let home = Home::look(run, args.listen)?;
    let (url, runs, moved_from) = (home.url().clone(), home.runs(), home.moved_from());
    let (_, kind) = home.start(run)?;
    run.terminal.say(&match runs {
        None => format!("{} runs at `{url}`", kind.name()),
        Some(Whose::Own) => format!("{} runs already, at `{url}`", kind.name()),
        Some(Whose::Others) => format!("{} runs already, at `{url}`; it was not started by you", kind.name()),
    });
    if runs == Some(Whose::Others) {
        run.terminal.say_note(&format!(
            "to start one of your own beside it, name another port: `taskferry home start --listen 127.0.0.1:{}`",
            url.port().saturating_add(1)
        ));
    }
    if let Some(before) = moved_from {
        say_moved(run, before, &url);
    }
    if runs.is_none() {
        say_how_long(run);
    }
    if run.context.window.is_some() { Ok(()) } else { run.data(url.as_str()) }
}

/// Computers that were set up for the former address don't find it any more.
pub(super) fn say_moved(run: &mut Run<'_>, before: SocketAddr, url: &ServerUrl) {
    run.terminal.say_note(&format!(
        "port {} is taken by another program, so the server has moved to `{url}`\n\
         this computer: run `taskferry doctor --fix`, which changes the address in your taskrc",
        before.port()
    ));
}

/// What ends it, and what doesn't.
pub(super) fn say_how_long(run: &mut Run<'_>) {
    if Service::installed(run.context).is_none() {
        run.terminal.say_note(
            "the server runs until this computer is switched off; `taskferry home install` makes it start by itself",
        );
    }
}

fn stop(run: &mut Run<'_>) -> Result<(), Failure> {
    if home::stop(run)? {
        run.terminal.say("stopped; the data stays, and `taskferry home start` starts it again");
    } else {
        run.terminal.say("no server of yours runs here");
    }
    Ok(())
}

/// What there is, for scripts.
#[derive(Debug, Default, Serialize)]
struct Status {
    running: bool,
    /// Whether it runs on this person's data; of somebody else's, only the address is told.
    own: bool,
    url: Option<String>,
    version: Option<String>,
    listen: Option<SocketAddr>,
    data: Option<String>,
    log: Option<String>,
    process: Option<u32>,
    service: Option<&'static str>,
    runs_without_login: Option<bool>,
}

/// The server at home as it is now.
struct Present {
    kind: Kind,
    url: ServerUrl,
    whose: Whose,
    listen: SocketAddr,
    data: PathBuf,
    process: Option<u32>,
}

fn status(run: &mut Run<'_>, json: bool) -> Result<(), Failure> {
    let present = match present(run) {
        Ok(present) => present,
        Err(failure) => {
            // A script gets its answer in any case.
            if json && failure.error().exit() == Exit::Found {
                run.report(&Status::default())?;
            }
            return Err(failure);
        }
    };
    if json {
        return run.report(&Status::of(run.context, &present));
    }
    present.say(run);
    Ok(())
}

/// What runs; [`NotRunning`] if nothing does.
fn present(run: &mut Run<'_>) -> Result<Present, Failure> {
    let note = Note::find(run.context)?;
    let data = home::data(run.context)?;
    let holder = match &data {
        Some(data) => holder::of(data).map_err(HomeError::System)?,
        None => None,
    };
    // Where one would be started is of no interest here, nor why it couldn't.
    let home = match holder {
        Some(_) => Some(Home::look(run, None)?),
        None => Home::look(run, None).ok(),
    };
    let not_running = NotRunning { was_there: note.is_some() };
    let Some((home, whose)) = home.and_then(|home| home.runs().map(|whose| (home, whose))) else {
        return Err(not_running.into());
    };
    let url = home.url().clone();
    let (_, kind) = home.start(run)?;
    Ok(Present {
        kind,
        whose,
        listen: note.map_or_else(|| SocketAddr::from(([127, 0, 0, 1], url.port())), |note| note.listen),
        data: data.unwrap_or_default(),
        process: holder.and_then(|holder| holder.process),
        url,
    })
}

impl Status {
    fn of(context: &Context, present: &Present) -> Self {
        let Present { kind, url, whose, listen, data, process } = present;
        let version = match kind {
            Kind::Taskferry(info) => Some(printable(&info.version)),
            Kind::Other => None,
        };
        let running = Self { running: true, url: Some(url.to_string()), version, ..Self::default() };
        if *whose == Whose::Others {
            return running;
        }
        let service = Service::installed(context);
        let log = Some(log::place(context)).filter(|log| service.is_none() && log.exists());
        Self {
            own: true,
            listen: Some(*listen),
            data: Some(data.display().to_string()),
            log: log.map(|log| log.display().to_string()),
            process: *process,
            service: service.as_ref().map(|service| service.manager().name()),
            runs_without_login: service.as_ref().and_then(Service::lingers),
            ..running
        }
    }
}

impl Present {
    fn say(&self, run: &mut Run<'_>) {
        let context = run.context;
        run.terminal.say(&format!("{} runs at `{}`", self.kind.name(), self.url));
        if self.whose == Whose::Others {
            run.terminal.say("it was not started by you; whoever runs it looks after it");
            return;
        }
        run.terminal.say(&format!("data: `{}`", context.short(&self.data)));
        if let Some(service) = Service::installed(context) {
            run.terminal.say(&format!("starts: by itself, as a service of {}", service.manager().name()));
            say_lingering(run, &service);
        } else {
            run.terminal.say(&format!("log: `{}`", context.short(&log::place(context))));
            run.terminal.say("starts: when you say so; `taskferry home install` makes it start by itself");
        }
        say_ways(run, self.listen);
    }
}

/// How other computers get there.
fn say_ways(run: &mut Run<'_>, listen: SocketAddr) {
    let Ways { now, ways, then } = reach::ways(listen, reach::own_address());
    run.terminal.say(&format!("\n{now}\n"));
    for (number, way) in (1..).zip(&ways) {
        run.terminal.say_choice(number, way);
    }
    run.terminal.say(&format!("\n{then}"));
}

fn install(run: &mut Run<'_>, args: &cli::HomeInstall) -> Result<(), Failure> {
    let service = Service::here(run.context)?;
    let present = service.present()?;
    let home = Home::look(run, args.listen)?;
    if home.runs() == Some(Whose::Others) {
        return Err(NotYours(home.url().clone()).into());
    }
    let program = crate::serving::program::Program::find(run.context)?;
    let usual = program.usual(run.context)?;
    let note = Note::find(run.context)?;
    let (listen, data) = match (&note, home.runs()) {
        (Some(note), Some(_)) => (note.listen, note.data.clone()),
        (note, _) => {
            let data = note.as_ref().map_or(usual.data, |note| note.data.clone());
            (home.listen().unwrap_or(usual.listen), data)
        }
    };
    let spec = Spec { program: program.path(), listen, data: &data };
    let content = service.content(&spec)?;
    let file = run.context.short(service.file());
    if present.as_ref() == Some(&content) && service.is_running() {
        run.terminal.say(&format!("it is installed already, and runs at `{}`", home.url()));
        say_lingering(run, &service);
        return Ok(());
    }
    run.terminal.say("this is going to happen:\n");
    if home.runs().is_some() {
        run.terminal.say("  stop the server for a moment");
    }
    run.terminal.say(&format!("  {} `{file}`", if present.is_some() { "change" } else { "create" }));
    let lines: Vec<String> = content.lines().map(|line| format!("+ {line}")).collect();
    run.terminal.say_diff(&lines.join("\n"));
    run.terminal.say(&format!("  start it with {}, now and whenever you log in\n", service.manager().name()));
    confirm(run, args.yes)?;
    // Before anything stops: where services don't work, the server goes on as it was.
    service.write(&spec)?;
    let was_running = home.runs().is_some();
    if was_running {
        home::stop(run)?;
    }
    let start = |run: &mut Run<'_>| Home::look(run, Some(listen))?.start(run);
    let (server, kind) = match start(run) {
        Ok(started) => started,
        Err(failure) => {
            // What does not work now will not work at the next login.
            let _ = service.remove();
            if was_running {
                start(run)?;
                run.terminal.say("the server runs as it did before");
            }
            return Err(failure);
        }
    };
    run.terminal.say(&format!("{} runs at `{}`, and starts by itself from now on", kind.name(), server.url()));
    say_lingering(run, &service);
    Ok(())
}

/// systemd ends the services of somebody who has logged out, unless it is told to let them linger.
fn say_lingering(run: &mut Run<'_>, service: &Service<'_>) {
    match (service.manager(), service.lingers()) {
        (_, Some(true)) => run.terminal.say_note("the server runs whether you are logged in or not"),
        (Manager::Systemd, _) => run.terminal.say_note(
            "the server runs while you are logged in; `loginctl enable-linger` makes it run from the start of this computer on",
        ),
        (Manager::Launchd, _) => run.terminal.say_note("the server runs while you are logged in"),
    }
}

fn remove(run: &mut Run<'_>, yes: bool) -> Result<(), Failure> {
    let service = Service::here(run.context)?;
    if service.present()?.is_none() {
        run.terminal.say("it is not installed; nothing was changed");
        return Ok(());
    }
    run.terminal.say("this is going to happen:\n");
    run.terminal.say("  stop the server, if it runs");
    run.terminal.say(&format!("  remove `{}`\n", run.context.short(service.file())));
    confirm(run, yes)?;
    service.remove()?;
    if let Some(data) = home::data(run.context)? {
        // The manager may return before the server has ended.
        holder::wait_until_free(&data, Duration::from_secs(45)).map_err(HomeError::System)?;
        run.terminal.say(&format!("removed; the data stays in `{}`", run.context.short(&data)));
    }
    Ok(())
}

fn confirm(run: &mut Run<'_>, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    run.must_be_able_to_ask("this has to be accepted", "add `--yes` to accept it unasked")?;
    if run.prompter.confirm("go on?", true)? { Ok(()) } else { Err(Stopped::Declined.into()) }
}

#[cfg(test)]
mod tests;
