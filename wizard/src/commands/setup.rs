//! `taskferry setup`: the first computer. Makes an account and configures Taskwarrior for it.

use taskferry_protocol::{ClientId, InviteCode, ServerUrl};

use super::home::{say_how_long, say_moved};
use super::verify::finish::finish_pending;
use super::{join, moving};
use crate::credentials::Credentials;
use crate::credentials::generate::generate;
use crate::error::{Exit, Explain, Failure};
use crate::flow::admission::{address_or_invite, admission, admitted, ask_for_address, invite_code};
use crate::flow::apply::apply;
use crate::flow::computer::Computer;
use crate::flow::first_sync::{Synced, first_sync};
use crate::flow::menu::choose;
use crate::flow::plan::Plan;
use crate::flow::recheck::recheck;
use crate::flow::{Run, Stopped, reach, replace, tasks};
use crate::former;
use crate::json::SetupOutcome;
use crate::pending::Pending;
use crate::server::account::{Known, Registered};
use crate::server::probe::Kind;
use crate::server::{Server, ServerError};
use crate::serving::Home;
use crate::serving::home::Whose;
use crate::serving::program::Program;
use crate::{cli, cloud, json};

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
    if args.skip {
        return skip(run);
    }
    // What is on the command line is looked at before anything else, and this computer before anybody is asked.
    let (given, invited) = match &args.server {
        Some(text) => {
            let (server, invited) = address_or_invite(text)?;
            (Some(server), invited)
        }
        None if args.cloud => (Some(cloud::address(run)?), None),
        None => (None, None),
    };
    let home = if args.home { Some(Home::look(run, None)?) } else { None };
    let given = given.or_else(|| home.as_ref().map(|home| home.url().clone()));
    let invite = args.invite.as_deref().map(invite_code).transpose()?.or(invited);
    let mut computer = Computer::look_to_change(run)?;
    replace::leftover_may_go(run, &mut computer, args.replace, args.yes)?;
    computer.introduce(run);
    if let Some(present) = &computer.account {
        if !args.replace && given.as_ref().is_none_or(|wanted| *wanted == present.server) {
            if let (Some(home), false) = (home, args.dry_run) {
                home.start(run)?;
            }
            return already_set_up(run, args, invite, &computer, present);
        }
        if let (Some(home), true) = (&home, present.server.is_loopback() && !args.dry_run)
            && has_moved(run, home.clone(), present)?
        {
            return report(run, SetupOutcome::AlreadySetUp, present, None);
        }
        if computer.tasks > 0 && run.can_ask() && !args.yes {
            return offer_to_move(run, args, invite, &computer, present, (given, home));
        }
        replace::give_up(run, &computer, present, args.replace)?;
    }
    if let Some(home) = home {
        return set_up_at_home(run, args, invite, &computer, home);
    }
    if let Some(address) = given {
        return set_up(run, args, invite, &computer, address);
    }
    run.must_be_able_to_ask(
        "setup needs to know through which server to sync",
        "add `--server https://…`, `--cloud`, `--home` or `--skip`",
    )?;
    match choose_where(run, "skip: set up nothing now")? {
        Where::Server(address, invited) => set_up(run, args, invite.or(invited), &computer, address),
        Where::Home => at_home(run, args, invite, &computer),
        Where::Join => join::ask_and_join(run, &cli::Join { replace: args.replace, ..cli::Join::default() }, &computer),
        Where::Neither => skip(run),
    }
}

/// Whether the server at home is the one that this computer is set up for, only at another port since. Starts it to find out.
fn has_moved(run: &mut Run<'_>, home: Home, present: &Credentials) -> Result<bool, Failure> {
    let (server, _) = home.start(run)?;
    if !matches!(server.account(&present.client_id)?, Known::Account(_)) {
        return Ok(false);
    }
    run.terminal.say_note(&format!(
        "this computer is set up for `{}`, and your server at home has moved to `{}`\n\
         run `taskferry doctor --fix`, which changes the address in your taskrc",
        present.server,
        server.url()
    ));
    Ok(true)
}

/// Another account for a computer whose tasks are in one already: only a move takes them along.
fn offer_to_move(
    run: &mut Run<'_>,
    args: &cli::Setup,
    invite: Option<InviteCode>,
    computer: &Computer<'_>,
    present: &Credentials,
    (given, home): (Option<ServerUrl>, Option<Home>),
) -> Result<(), Failure> {
    let to = given.as_ref().map_or_else(|| "another server".to_owned(), |address| format!("`{address}`"));
    run.terminal.say(&format!(
        "this computer already syncs with `{}`, and has {} there",
        present.server,
        tasks(computer.tasks)
    ));
    if !run.prompter.confirm(&format!("move them to a new account at {to}?"), true)? {
        return Err(Stopped::Declined.into());
    }
    let (address, invited) = match given {
        Some(address) => (address, None),
        None => moving::choose_where(run)?,
    };
    if let (Some(home), false) = (home, args.dry_run) {
        home.start(run)?;
    }
    moving::move_to(run, &move_instead(args), invite.or(invited), computer, address)
}

/// The same wishes for a move.
fn move_instead(args: &cli::Setup) -> cli::Move {
    cli::Move { yes: args.yes, dry_run: args.dry_run, json: args.json, ..cli::Move::default() }
}

/// Where an account is to be.
pub(super) enum Where {
    /// A new one, at this server, with the invite that came with its address.
    Server(ServerUrl, Option<InviteCode>),
    /// A new one, at a server on this computer.
    Home,
    /// On another computer, which has it already.
    Join,
    /// The last entry of the menu.
    Neither,
}

/// Asks for it; `last` is what else there is.
pub(super) fn choose_where(run: &mut Run<'_>, last: &str) -> Result<Where, Failure> {
    #[derive(Clone, Copy, PartialEq)]
    enum Choice {
        Cloud,
        Own,
        Home,
        Join,
        Last,
    }
    let cloud = cloud::address(run)?;
    // Offered only if it is there: nobody should choose what can't work.
    let (default, cloud_words) = match cloud::look(run, &cloud) {
        Ok(()) => (Choice::Cloud, format!("set up sync: cloud sync at `{cloud}`, nothing to run yourself")),
        Err(error) if error.is_choice() => return Err(error.into()),
        Err(_) => (Choice::Own, format!("set up sync: cloud sync at `{cloud}` (does not answer right now)")),
    };
    let home_words = match Program::find(run.context) {
        Ok(_) => "set up sync: a server on this very computer, started for you",
        Err(_) => "set up sync: a server on this very computer (needs `taskferry-server`, not found)",
    };
    let choices = [
        (Choice::Cloud, cloud_words),
        (Choice::Own, "set up sync: a server of your own, or one that you were invited to".into()),
        (Choice::Home, home_words.into()),
        (Choice::Join, "join from another computer, which syncs already".into()),
        (Choice::Last, last.to_owned()),
    ];
    run.terminal.say(
        "through which server shall your computers share tasks?\n\
         none can read them: they are encrypted here first\n",
    );
    Ok(match choose(run, &choices, default)? {
        Choice::Cloud => Where::Server(cloud, None),
        Choice::Own => {
            let (server, invited) = ask_for_address(run)?;
            Where::Server(server, invited)
        }
        Choice::Home => Where::Home,
        Choice::Join => Where::Join,
        Choice::Last => Where::Neither,
    })
}

fn skip(run: &mut Run<'_>) -> Result<(), Failure> {
    run.terminal.say("nothing was set up, and nothing was changed; later, run `taskferry setup`");
    run.report(&json::Setup { outcome: SetupOutcome::Skipped, server: None, tasks: None })
}

/// A new account at `address`, for a computer without one, or one that gives its account up.
pub(super) fn set_up(
    run: &mut Run<'_>,
    args: &cli::Setup,
    invite: Option<InviteCode>,
    computer: &Computer<'_>,
    address: ServerUrl,
) -> Result<(), Failure> {
    if moving::is_needed(computer)? {
        return moving::move_to(run, &move_instead(args), invite, computer, address);
    }
    let (server, kind) = match reach(run, address.clone()) {
        Err(why) if why.is_server_down() => return without_server(run, args, invite, computer, address, why),
        reached => reached?,
    };
    let invite = match invite {
        None if args.dry_run => None,
        invite => admission(run, &kind, server.url(), invite, "add `--invite CODE`")?,
    };

    let credentials = generate(server.url().clone())?;
    let plan = plan(!args.no_sync, computer, new_account(&kind, server.url()), &credentials)?;
    plan.show(run);
    if args.dry_run {
        return only_planned(run, &credentials);
    }
    plan.confirm(run, args.yes)?;
    let done = carry_out(run, args, computer, &plan, &credentials, (&server, &kind), invite)?;
    say_what_is_next(run, &credentials, done.registered, done.synced);
    report(run, SetupOutcome::SetUp, &credentials, done.synced)
}

/// The same at a server on this computer, which is looked at or chosen in the menu.
pub(super) fn at_home(
    run: &mut Run<'_>,
    args: &cli::Setup,
    invite: Option<InviteCode>,
    computer: &Computer<'_>,
) -> Result<(), Failure> {
    let home = Home::look(run, None)?;
    set_up_at_home(run, args, invite, computer, home)
}

/// The server is a part of the plan: it is started after somebody has agreed, and before the account is made.
fn set_up_at_home(
    run: &mut Run<'_>,
    args: &cli::Setup,
    invite: Option<InviteCode>,
    computer: &Computer<'_>,
    home: Home,
) -> Result<(), Failure> {
    let Some(start) = home.plan(run.context) else {
        if home.runs() == Some(Whose::Others) {
            run.terminal.say(&format!("a server runs at `{}` already; it was not started by you", home.url()));
        }
        return set_up(run, args, invite, computer, home.url().clone());
    };
    if moving::is_needed(computer)? && !args.dry_run {
        let url = home.url().clone();
        home.start(run)?;
        return moving::move_to(run, &move_instead(args), invite, computer, url);
    }
    let credentials = generate(home.url().clone())?;
    let at_server = format!("{start}\n  create a new account there");
    let plan = plan(!args.no_sync, computer, Some(at_server), &credentials)?;
    plan.show(run);
    if args.dry_run {
        return only_planned(run, &credentials);
    }
    plan.confirm(run, args.yes)?;
    let moved_from = home.moved_from();
    let (server, kind) = home.start(run)?;
    let invite = admission(run, &kind, server.url(), invite, "add `--invite CODE`")?;
    let done = carry_out(run, args, computer, &plan, &credentials, (&server, &kind), invite)?;
    say_how_it_is(run, &credentials, done.synced);
    if let Some(before) = moved_from {
        say_moved(run, before, server.url());
    }
    say_how_long(run);
    run.terminal.say("next: run `taskferry home`, which tells how other computers reach this one");
    report(run, SetupOutcome::SetUp, &credentials, done.synced)
}

fn only_planned(run: &mut Run<'_>, credentials: &Credentials) -> Result<(), Failure> {
    run.terminal.say("nothing was changed: this was only the plan");
    report(run, SetupOutcome::OnlyPlanned, credentials, None)
}

/// What became of a plan that was carried out.
struct Done {
    registered: Registered,
    synced: Option<Synced>,
}

/// Makes the account, writes the settings and syncs.
fn carry_out(
    run: &mut Run<'_>,
    args: &cli::Setup,
    computer: &Computer<'_>,
    plan: &Plan,
    credentials: &Credentials,
    (server, kind): (&Server, &Kind),
    invite: Option<InviteCode>,
) -> Result<Done, Failure> {
    // The account first: if the server refuses, nothing was changed here; if writing fails later, an account without
    // data is left behind there, and a second run makes another.
    let account = &credentials.client_id;
    let registered = match kind {
        Kind::Taskferry(_) => match run.ask_server(server, |server| server.register(account, invite.as_ref())) {
            Err(why) if why.is_server_down() => {
                return Err(keep_for_later(run, computer, plan, credentials, invite, why));
            }
            answer => admitted(run, server, account, answer?)?,
        },
        Kind::Other => Registered::NotOffered,
    };
    apply(run, computer, plan, credentials)?;
    let synced = if args.no_sync { None } else { Some(first_sync(run, computer, credentials)?) };
    if let Some(synced) = synced {
        refuse_false_success(server, credentials, synced)?;
    }
    Ok(Done { registered, synced })
}

fn report(
    run: &mut Run<'_>,
    outcome: SetupOutcome,
    credentials: &Credentials,
    synced: Option<Synced>,
) -> Result<(), Failure> {
    let server = Some(credentials.server.as_str().to_owned());
    run.report(&json::Setup { outcome, server, tasks: synced.map(json::Tasks::from) })
}

/// Goes on with a setup for which the server was away: its settings are in place, and the account is to be made.
pub fn finish(
    run: &mut Run<'_>,
    server: ServerUrl,
    account: &ClientId,
    invite: Option<InviteCode>,
) -> Result<(), Failure> {
    let (server, kind) = reach(run, server)?;
    if let Kind::Taskferry(_) = kind {
        let instead = "run `taskferry setup --invite CODE` to finish";
        let invite = admission(run, &kind, server.url(), invite, instead)?;
        let answer = run.ask_server(&server, |server| server.register(account, invite.as_ref()))?;
        admitted(run, &server, account, answer)?;
        run.terminal.say(&format!("the account is registered at `{}`", server.url()));
    }
    Ok(Pending::forget(run.context)?)
}

/// That the server is down is no reason to start over later, if the person is sure of the address.
fn without_server(
    run: &mut Run<'_>,
    args: &cli::Setup,
    invite: Option<InviteCode>,
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
    let plan = plan(false, computer, None, &credentials)?;
    plan.show(run);
    if args.dry_run {
        return only_planned(run, &credentials);
    }
    plan.confirm(run, args.yes)?;
    Err(keep_for_later(run, computer, &plan, &credentials, invite, why))
}

/// Writes the settings, and notes what is left to do. How that ends: with the reason why something is.
fn keep_for_later(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    plan: &Plan,
    credentials: &Credentials,
    invite: Option<InviteCode>,
    why: ServerError,
) -> Failure {
    // Before the settings: a run that is killed in between leaves a note that leads to nothing, not an account that
    // nobody registers.
    let Credentials { server, client_id, .. } = credentials;
    let pending = Pending::Setup { server: server.clone(), client_id: *client_id, invite };
    if let Err(why) = pending.keep(run.context) {
        return why.into();
    }
    match apply(run, computer, plan, credentials) {
        Ok(()) => SetUpWithoutServer(why).into(),
        Err(failure) => failure,
    }
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

fn already_set_up(
    run: &mut Run<'_>,
    args: &cli::Setup,
    invite: Option<InviteCode>,
    computer: &Computer<'_>,
    present: &Credentials,
) -> Result<(), Failure> {
    let server = &present.server;
    let sync = !args.no_sync && !args.dry_run;
    if !args.dry_run {
        finish_pending(run, args.yes, invite)?;
    }
    let synced = recheck(run, computer, present, sync)?;
    let how = if synced.is_some() { "is set up already, and works" } else { "is set up already" };
    run.terminal.say(&format!("sync with `{server}` {how}; no setting was changed"));
    run.terminal.say("next: run `taskferry share` here, and `taskferry join` on your other computer");
    report(run, SetupOutcome::AlreadySetUp, present, synced)
}

/// What the plan does on the server, where that can be done beforehand.
fn new_account(kind: &Kind, server: &ServerUrl) -> Option<String> {
    matches!(kind, Kind::Taskferry(_)).then(|| format!("create a new account at `{server}`"))
}

fn plan(
    sync: bool,
    computer: &Computer<'_>,
    at_server: Option<String>,
    credentials: &Credentials,
) -> Result<Plan, Failure> {
    let mut notes = Plan::notes(computer);
    // Only here: nobody has imported them into an account that is new.
    notes.extend(computer.former().map(|former| {
        let sentence = former.sentence(computer.taskwarrior.context());
        format!("{sentence}\nrun `{}` to have them on all your computers, before this or afterwards", former::IMPORT)
    }));
    Ok(Plan {
        at_server,
        change: computer.plan(credentials, false)?,
        notes,
        first_sync: sync.then(|| match computer.tasks {
            0 => "run `task sync`".into(),
            count => format!("run `task sync`: sends {} to the server, encrypted", tasks(count)),
        }),
        enter_means: !computer.syncs_in_another_way(),
    })
}

/// How sync is now.
fn say_how_it_is(run: &mut Run<'_>, credentials: &Credentials, synced: Option<Synced>) {
    let server = &credentials.server;
    let done = match synced {
        None => format!("sync with `{server}` is set up; run `task sync` when you are ready"),
        Some(Synced { all: 0, .. }) => format!("sync with `{server}` works; there are no tasks yet"),
        Some(Synced { all, .. }) => format!("sync with `{server}` works; it now holds {}", tasks(all)),
    };
    run.terminal.say(&format!("\n{done}"));
}

fn say_what_is_next(run: &mut Run<'_>, credentials: &Credentials, registered: Registered, synced: Option<Synced>) {
    say_how_it_is(run, credentials, synced);
    if registered == Registered::NotOffered && synced.is_none_or(|synced| synced.all == 0) {
        run.terminal
            .say("other computers can join only after the first sync of a task: this server knows no empty accounts");
    }
    run.terminal.say("next: run `taskferry share` here, and `taskferry join` on your other computer");
}

#[cfg(test)]
mod tests;
