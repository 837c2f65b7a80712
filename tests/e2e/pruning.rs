//! What pruning means for computers: nothing for those that come now and then, a clear end for those that stayed away too
//! long, and no lost task for anybody.

use e2e::{Account, ServerSetup, SyncSettings, TaskHome, TestServer};
use taskferry_protocol::VersionId;

use crate::PROGRAMS;

/// A server that asks for a snapshot every few versions.
fn server() -> ServerSetup {
    PROGRAMS.server().option("--snapshot-versions", "4")
}

/// A laptop that adds so many tasks, and syncs after each.
#[track_caller]
fn adds(laptop: &TaskHome, count: u32) {
    for number in 0..count {
        laptop.task(["add", &format!("task {number}")]).good();
        laptop.sync().good();
    }
}

/// Restarts the server after so many days.
#[track_caller]
fn days_later(server: &mut TestServer, days: u32) {
    server.stop();
    server.let_days_pass(days);
    server.start();
}

fn versions(server: &TestServer, settings: &SyncSettings) -> u64 {
    Account::known_as(server.address(), settings.client_id).info().versions
}

#[cfg_attr(not(taskwarrior), ignore = "no Taskwarrior: run tests/setup.sh")]
#[test]
fn computers_that_come_now_and_then_and_new_ones_do_not_notice_that_old_versions_are_gone() {
    let mut server = server().start();
    let settings = server.new_account();
    let (laptop, desk) = (TaskHome::with(&settings), TaskHome::with(&settings));
    adds(&laptop, 12);
    days_later(&mut server, 200);
    // The desk was last here now; the laptop goes on.
    desk.sync().good();
    adds(&laptop, 3);

    let would = server.ask_operator(["prune", "--dry-run"]);
    let before = versions(&server, &settings);
    assert_eq!((&would["pruned"]["versions"], before), (&0.into(), 15));
    let done = server.ask_operator(["prune", "--yes"]);
    let pruned = done["pruned"]["versions"].as_u64().expect("a number");
    assert_eq!(
        done["pruned"],
        would["prunable"]
            .as_object()
            .map(|all| { serde_json::json!({ "versions": all["versions"], "bytes": all["bytes"] }) })
            .expect("an object")
    );
    assert!(pruned >= 5, "{done}");
    e2e::wait::until("the server notices", || versions(&server, &settings) == before - pruned);

    let phone = TaskHome::with(&settings);
    for computer in [&desk, &phone, &laptop] {
        computer.sync().good();
    }
    phone.task(["add", "from the phone"]).good();
    phone.sync().good();
    laptop.sync().good();
    desk.sync().good();
    assert_eq!(laptop.tasks().len(), 16);
    assert_eq!((phone.tasks(), desk.tasks()), (laptop.tasks(), laptop.tasks()));
}

#[cfg_attr(not(taskwarrior), ignore = "no Taskwarrior: run tests/setup.sh")]
#[test]
fn a_computer_that_stayed_away_too_long_is_told_so_and_keeps_its_tasks() {
    let mut server = server().start();
    let settings = server.new_account();
    let (laptop, desk) = (TaskHome::with(&settings), TaskHome::with(&settings));
    adds(&laptop, 2);
    desk.sync().good();
    adds(&laptop, 10);
    days_later(&mut server, 100);

    let would = server.ask_operator(["prune", "--older-than", "120d", "--yes"]);
    assert_eq!(would["pruned"]["versions"], 0, "nothing is that old");
    let done = server.ask_operator(["prune", "--older-than", "90d", "--yes"]);
    assert!(done["pruned"]["versions"].as_u64() >= Some(3), "{done}");

    // The desk has something of its own, and is told that it can't go on; nothing of it is lost.
    desk.task(["add", "from the desk"]).good();
    desk.sync().fails_with("410");
    assert_eq!(desk.tasks().len(), 3);
}

#[cfg_attr(not(taskwarrior), ignore = "no Taskwarrior: run tests/setup.sh")]
#[test]
fn a_computer_that_has_tasks_of_its_own_can_not_join_behind_what_is_gone_and_keeps_them() {
    let mut server = server().start();
    let settings = server.new_account();
    let laptop = TaskHome::with(&settings);
    adds(&laptop, 12);
    days_later(&mut server, 200);
    server.ask_operator(["prune", "--yes"]);

    let desk = TaskHome::with(&settings);
    desk.task(["add", "from the desk"]).good();
    e2e::wait::until("the server notices", || versions(&server, &settings) < 12);
    desk.sync().fails_with("410");
    assert_eq!(desk.tasks().len(), 1);
    laptop.sync().good();
}

#[test]
fn a_server_that_is_told_to_prunes_by_itself_and_large_bodies_leave_the_file() {
    let mut server = PROGRAMS.server().option("--prune-after", "180d").start();
    let account = server.account();
    let mut at = VersionId::NIL;
    for number in 0..12_u8 {
        at = account.append(at, vec![number; 600_000]);
    }
    account.add_snapshot(at, "all of it").good();
    days_later(&mut server, 200);
    e2e::wait::until("old versions are gone", || account.info().versions == 5);
    // Three pieces each of the five versions that are left.
    let database = rusqlite::Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    let pieces = || database.query_row("SELECT count(*) FROM chunk", [], |row| row.get::<_, u32>(0));
    e2e::wait::until("the bodies of old versions are gone", || pieces() == Ok(15));
    account.child_of(VersionId::NIL).refused(410, "version_gone");
    assert_eq!(account.snapshot().good().version_id(), at);
    account.append(at, "and on it goes");
}

#[test]
fn a_device_that_came_and_did_not_get_through_is_waited_for() {
    let mut server = PROGRAMS.server().start();
    let account = server.account();
    let [_, second, third, .., last] = account.grow::<12>();
    account.add_snapshot(last, "all of it").good();
    days_later(&mut server, 200);
    // A device that knows two versions asks for the third, and goes offline.
    assert_eq!(account.child_of(second).good().version_id(), third);
    server.restart();
    assert_eq!(server.ask_operator(["prune", "--yes"])["pruned"]["versions"], 2);
    assert_eq!(account.child_of(second).good().version_id(), third);
    days_later(&mut server, 200);
    assert_eq!(server.ask_operator(["prune", "--yes"])["pruned"]["versions"], 5);
    account.child_of(second).refused(410, "version_gone");
}

#[test]
fn without_a_yes_nothing_is_pruned() {
    let mut server = PROGRAMS.server().start();
    let account = server.account();
    let [.., last] = account.grow::<12>();
    account.add_snapshot(last, "all of it").good();
    server.operate(["prune", "--yes"]).good();
    assert_eq!(account.info().versions, 12, "nothing is old");
    days_later(&mut server, 200);
    let refused = server.operate(["prune"]).exits_with(2);
    assert!(refused.stderr.contains("error: pruning needs a yes"), "{refused}");
    assert_eq!(account.info().versions, 12);
    let dry = server.operate(["prune", "--dry-run"]).good();
    assert!(dry.stderr.contains("7 versions of 1 account") && dry.stderr.contains("nothing was changed"), "{dry}");
    server.operate(["prune", "--older-than", "7d"]).exits_with(2);
}

#[test]
fn without_a_server_vacuum_deletes_what_was_given_up_itself() {
    let mut server = PROGRAMS.server().start();
    let account = server.account();
    let mut at = VersionId::NIL;
    for number in 0..3_u8 {
        at = account.append(at, vec![number; 600_000]);
    }
    let hash = server.hash_of(&account);
    server.stop();
    server.operate(["account", "rewind", &hash, "--to", &VersionId::NIL.to_string(), "--yes"]).good();
    let unlinked = || server.ask_operator(["db", "status"])["unlinked_bytes"].as_u64();
    assert_eq!(unlinked(), Some(1_800_000));
    let status = server.operate(["db", "status"]).good();
    assert!(status.stdout.contains("unlinked in it      1.8 MB"), "{status}");
    let done = server.ask_operator(["db", "vacuum"]);
    assert_eq!((&done["complete"], &done["unlinked_bytes"]), (&true.into(), &0.into()), "{done}");
    assert!(done["given_back_bytes"].as_u64() >= Some(1_800_000), "{done}");
    assert!(done["file_bytes"].as_u64() < Some(1_000_000), "{done}");
    server.operate(["db", "check"]).good();
}
