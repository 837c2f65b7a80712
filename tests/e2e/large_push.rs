//! A first sync of 10,000 tasks arrives whole, whatever happens to the server in its middle. Stock Taskwarrior commits only at
//! the end of a push: after a refusal in its middle, the next try silently drops the rest and reports success.

use std::thread;

use e2e::operator::PretendedVolume;
use e2e::{Account, SyncSettings, TaskHome, TestServer, Turnstile, wait};
use rustix::process::Signal;
use strangers::{Attack, Strangers};
use taskferry_protocol::VersionId;

use crate::PROGRAMS;

const TASKS: u32 = 10_000;
/// What 10,000 tasks make.
const VERSIONS: u32 = 8;
const MIDDLE: u32 = 4;

/// A computer that syncs its tasks for the first time, and what happens when half of them have arrived.
#[track_caller]
fn first_sync(server: &TestServer, settings: &SyncSettings, meanwhile: impl FnOnce()) -> TaskHome {
    let turnstile = Turnstile::closing_before_version(MIDDLE, server.address());
    let laptop = TaskHome::with_many_tasks(&SyncSettings { url: turnstile.url(), ..settings.clone() }, TASKS);
    thread::scope(|scope| {
        let syncing = scope.spawn(|| laptop.sync());
        turnstile.wait_until_closed();
        meanwhile();
        turnstile.open();
        syncing.join().expect("a sync").good();
    });
    assert!(turnstile.versions() >= VERSIONS, "too small to have a middle: {} versions", turnstile.versions());
    laptop
}

#[cfg_attr(not(taskwarrior), ignore = "no Taskwarrior: run tests/setup.sh")]
#[test]
fn a_first_sync_of_10_000_tasks_arrives_whole_although_everything_is_refused_from_its_middle_on() {
    let volume = PretendedVolume::with_free_mb(1000);
    // A young account may begin a push below a quarter of the quota: this one crosses it with its seventh version.
    let setup = PROGRAMS.server().option("--quota-bytes", "24MB").option("--pretended-volume", volume.file());
    let setup = setup.option("--limit-new-accounts", "off");
    let mut server = setup.start();
    let (settings, other) = (server.new_account(), server.account());
    // From the very address that the push comes from; it goes on until the end.
    let mut flood = None;
    let laptop = first_sync(&server, &settings, || {
        let strangers = Strangers::against(server.address()).from(server.address().ip()).on(8);
        let begun = strangers.begin(Attack::UnknownAccounts).expect("a flood");
        wait::until("the address is over its limit", || begun.tally().answered(429) > 0);
        flood = Some(begun);
        volume.set_free_mb(180);
        wait::until("the server notices", || server.unknown_account().register().status == 503);
        other.add_version(VersionId::NIL, "begins now").refused(503, "storage_low");
        server.signal(Signal::TERM);
        server.wait_until_it_refuses();
    });
    drop(flood);
    server.wait_for_its_end();
    volume.set_free_mb(1000);
    server.start();
    let account = Account::known_as(server.address(), settings.client_id).info();
    assert!(account.quota_bytes < Some(account.version_bytes), "it crossed its quota: {account:?}");
    let phone = TaskHome::with(&settings);
    phone.sync().good();
    let tasks = phone.tasks();
    assert_eq!(tasks.len(), usize::try_from(TASKS).expect("a small number"));
    assert_eq!(tasks, laptop.tasks());
}
