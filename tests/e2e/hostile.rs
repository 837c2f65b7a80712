//! Whatever strangers do, an honest account completes all of its syncs without one refusal, and the server stays small.
//!
//! The strangers come from another address of this machine (127.6.6.6), all from the same one, as a flood from one network
//! does.

use e2e::{Account, Replica, TestServer, wait};
use strangers::{Attack, Running, Strangers, Tally};
use taskferry_protocol::VersionId;

use crate::PROGRAMS;

/// Syncs with a change of the honest account during each attack.
const SYNCS: u32 = 40;
/// What the server may take, whatever happens.
const PEAK_BYTES: u64 = 200 * 1024 * 1024;

/// A server under attack, an honest account beside it that keeps syncing, and what the strangers got.
#[track_caller]
fn an_honest_account_is_served_during(attack: Attack) -> Tally {
    an_honest_account_is_served_by(&PROGRAMS.server().start(), |strangers| strangers.begin(attack))
}

/// The same for any server and any number of strangers.
#[track_caller]
fn an_honest_account_is_served_by(
    server: &TestServer,
    begin: impl FnOnce(Strangers) -> std::io::Result<Running>,
) -> Tally {
    let account = server.account();
    let settings = server.new_account();
    let mut laptop = Replica::with(&settings);
    laptop.add("from before");
    laptop.sync().good();

    let attack = begin(Strangers::against(server.address())).expect("an attack");
    assert!(attack.wait_for(64, wait::LIMIT), "the attack did not get going");
    syncs_without_a_refusal(&account);
    laptop.restart(&settings);
    laptop.add_many((0..100).map(|number| format!("task {number}")));
    laptop.sync().good();
    let mut phone = Replica::with(&settings);
    phone.sync().good();
    assert_eq!(phone.tasks(), laptop.tasks());

    assert_stays_small(server);
    attack.stop()
}

/// What Taskwarrior sends, request by request, each over a connection of its own.
#[track_caller]
fn syncs_without_a_refusal(account: &Account) {
    let mut at = VersionId::NIL;
    for number in 0..SYNCS {
        account.child_of(at).is_nothing_there();
        at = account.append(at, format!("change {number}"));
        account.child_of(at).is_nothing_there();
    }
}

#[track_caller]
fn assert_stays_small(server: &TestServer) {
    let peak = server.peak_memory();
    assert!(peak < PEAK_BYTES, "{} MiB", peak / 1024 / 1024);
}

#[test]
fn a_flood_of_unknown_accounts() {
    an_honest_account_is_served_during(Attack::UnknownAccounts);
}

#[test]
fn a_flood_under_forged_addresses() {
    an_honest_account_is_served_during(Attack::ForgedAddresses);
}

#[test]
fn a_flood_of_new_accounts() {
    an_honest_account_is_served_during(Attack::NewAccounts);
}

#[test]
fn a_flood_of_page_views() {
    an_honest_account_is_served_during(Attack::Pages);
}

#[test]
fn devices_that_never_rest() {
    an_honest_account_is_served_during(Attack::RestlessDevice);
}

#[test]
fn accounts_that_want_all_the_room() {
    an_honest_account_is_served_during(Attack::GreedyAccount);
}

#[test]
fn connections_that_say_nothing() {
    an_honest_account_is_served_during(Attack::HalfOpen);
}

#[test]
fn heads_that_come_byte_by_byte() {
    an_honest_account_is_served_during(Attack::SlowHeads);
}

#[test]
fn bodies_that_come_byte_by_byte() {
    an_honest_account_is_served_during(Attack::SlowBodies);
}

/// More of them than there are places, from more addresses than a limit per address could hold back.
#[test]
fn bodies_that_come_byte_by_byte_from_everywhere() {
    let server = PROGRAMS.server().option("--max-connections", "100").start();
    an_honest_account_is_served_by(&server, |strangers| strangers.from_many(20).on(300).begin(Attack::SlowBodies));
}

#[test]
fn readers_that_take_nothing_from_everywhere() {
    let setup = PROGRAMS.server().option("--max-connections", "40").option("--limit-new-accounts", "off");
    let server = setup.start();
    an_honest_account_is_served_by(&server, |strangers| {
        let deaf = strangers.from_many(5).on(40).begin(Attack::DeafReaders)?;
        // While they still store what they won't read, they push like everybody.
        assert!(deaf.wait_until_held(40, wait::LIMIT), "the attack did not get going");
        Ok(deaf)
    });
}

/// So little memory that these strangers alone could hold all of what is for bodies.
#[test]
fn bodies_that_hoard_the_memory() {
    let server = PROGRAMS.server().option("--pretended-memory", "64MiB").start();
    an_honest_account_is_served_by(&server, |strangers| {
        let hoarders = strangers.begin(Attack::Hoarders)?;
        assert!(hoarders.wait_until_held(64, wait::LIMIT), "the attack did not get going");
        Ok(hoarders)
    });
}

#[test]
fn readers_that_take_nothing() {
    an_honest_account_is_served_during(Attack::DeafReaders);
}

#[test]
fn heads_that_never_end() {
    an_honest_account_is_served_during(Attack::HugeHeads);
}
