//! Which state is it? The checks of `verify` and `doctor` tell, all of them, so that the three never say different things.

use super::{NotHere, Patient};
use crate::checks::runner::Pace;
use crate::checks::state;
use crate::checks::{Finding, Outcome, World};
use crate::credentials::unseal::Key;
use crate::error::Failure;
use crate::flow::Run;
use crate::flow::checking::{Aloud, check, say_finding};
use crate::flow::sync::database_of;
use crate::proof::poison::{self, ALL, Chain};
use crate::standing::State;

/// Checks that say whether a server can be reached at all.
const ON_THE_WAY: [&str; 5] = ["proxy", "name", "connection", "encryption", "sync server"];

/// Looks, and says what is wrong. Fails where it is nothing that this command mends.
pub(super) fn recognise(run: &mut Run<'_>, patient: &Patient<'_, '_>) -> Result<State, Failure> {
    run.terminal.say(&format!("looking how this computer and its account at `{}` stand …", patient.account.server));
    let world = World::look(run);
    let findings = check(run, &world, Pace::SideBySide, Aloud::No)?;
    drop(world);
    // A full account still gives everything, and may take what is to be sent. What is unfinished is this very repair.
    let is_beside = |name: &str| ["room", "unfinished"].contains(&name);
    let is_problem = |(name, finding): &&(&str, Finding)| finding.outcome == Outcome::Problem && !is_beside(name);
    let problems = || findings.iter().filter(is_problem);
    // What has no state has nothing to do with the account: no connection, for example.
    let others: Vec<_> = problems().filter(|(_, finding)| finding.state.is_none()).collect();
    if !others.is_empty() {
        let is_on_the_way = |(name, _): &&&(&str, Finding)| ON_THE_WAY.contains(name);
        run.state = others.iter().any(|found| is_on_the_way(&found)).then_some(State::Unreachable);
        for (name, finding) in others {
            say_finding(run, name, finding);
        }
        run.terminal.say("");
        return Err(NotHere::ComesFirst.into());
    }
    let Some((name, finding)) = problems().next() else {
        let position = findings.iter().find_map(|(_, finding)| finding.state);
        let state = position.unwrap_or(State::UpToDate);
        run.state = Some(state);
        return if state == State::Behind { look_further(run, patient) } else { Ok(state) };
    };
    let found = finding.state.unwrap_or(State::Gone);
    run.state = Some(found);
    if found == State::Spoiled {
        return look_further(run, patient);
    }
    if found.is_mended_by_repair() {
        say_without_remedy(run, name, finding);
        return Ok(found);
    }
    say_finding(run, name, finding);
    run.terminal.say("");
    Err(NotHere::SomebodyElse.into())
}

/// A state that only showed itself later.
pub(super) fn say(run: &mut Run<'_>, state: State) {
    run.state = Some(state);
    if let Some(finding) = state.problem() {
        say_without_remedy(run, "proof", &finding);
    }
}

/// This command is the remedy.
fn say_without_remedy(run: &mut Run<'_>, name: &str, finding: &Finding) {
    say_finding(run, name, &Finding { remedy: None, ..finding.clone() });
    run.terminal.say("nothing is lost on this computer, and `task` works on it as before");
}

/// Whether everything that the account has newer can be opened, however much it is. The account's ID is named where
/// somebody asked for it.
fn look_further(run: &mut Run<'_>, patient: &Patient<'_, '_>) -> Result<State, Failure> {
    let account = patient.account;
    let Some(database) = database_of(&patient.computer.taskwarrior) else {
        return Ok(State::Behind);
    };
    let base = database.stand()?.base;
    let Ok(key) = Key::derive(&account.client_id, &account.secret) else {
        return Ok(State::Behind);
    };
    let server = run.server(account.server.clone())?;
    let child = |parent| run.ask_server(&server, |server| server.child(&account.client_id, parent));
    match poison::look(&key, base, ALL, child)? {
        Chain::Good => Ok(State::Behind),
        Chain::Spoiled { good, .. } => {
            run.state = Some(State::Spoiled);
            let id = account.client_id.expose().to_string();
            let shown = if patient.args.show_account { &id } else { state::ACCOUNT };
            say_finding(run, "position", &state::spoiled(&account.server.to_string(), shown, good));
            if !patient.args.show_account {
                run.terminal.say_note(
                    "`taskferry repair --show-account` puts the account's ID there, for whoever runs the server: \
                     whoever has it can write to the account, but not read your tasks",
                );
            }
            run.terminal.say("");
            Err(NotHere::SomebodyElse.into())
        }
    }
}
