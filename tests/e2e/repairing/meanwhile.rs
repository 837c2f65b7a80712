//! What happens on the computer while a repair runs.

use std::{fs, thread};

use e2e::tasks::to_do;
use e2e::{TaskHome, TestServer, Turnstile, wait};

use super::{add_and_sync, assert_equal, back_up, joined, repair, restore, set_up, versions};
use crate::server;

/// A server that was restored to before a task of the laptop's; and what holds a repair up, before it sends anything.
fn ahead_and_held_up() -> (TestServer, TaskHome, Turnstile) {
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk"]);
    back_up(&server);
    add_and_sync(&laptop, &["lost by the server"]);
    restore(&mut server);
    let turnstile = Turnstile::closing_before_version(1, server.address());
    let taskrc = fs::read_to_string(laptop.taskrc()).expect("a taskrc");
    fs::write(laptop.taskrc(), taskrc.replace(&server.url(), &turnstile.url())).expect("a taskrc");
    (server, laptop, turnstile)
}

/// It comes along, instead of being overwritten.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_is_typed_while_a_repair_runs_is_not_lost() {
    let (_server, laptop, turnstile) = ahead_and_held_up();
    thread::scope(|threads| {
        let repairing = threads.spawn(|| repair(&laptop));
        turnstile.wait_until_closed();
        laptop.task(["add", "typed meanwhile"]).good();
        turnstile.open();
        let said = repairing.join().expect("a repair").good();
        assert!(said.stderr.contains("something was changed on this computer meanwhile; looking again"), "{said}");
    });
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "lost by the server", "typed meanwhile"]);
    assert_equal(&[&laptop, &joined(&laptop)]);
}

/// As a `task sync` over a slow line: it holds the database all the while.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_task_that_holds_the_database_is_waited_for() {
    let (server, laptop, turnstile) = ahead_and_held_up();
    thread::scope(|threads| {
        let repairing = threads.spawn(|| repair(&laptop));
        turnstile.wait_until_closed();
        let database = rusqlite::Connection::open(laptop.path().join(".task/taskchampion.sqlite3")).expect("it");
        database.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        turnstile.open();
        wait::until("all of it arrives at the server", || versions(&server, &laptop) >= 2);
        database.execute_batch("ROLLBACK").expect("an unlock");
        repairing.join().expect("a repair").good();
    });
    assert_equal(&[&laptop, &joined(&laptop)]);
}
