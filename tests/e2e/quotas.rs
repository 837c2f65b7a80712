//! How much an account may keep, and what the server does as its volume runs full: who is refused, and who goes on.

use std::fmt::Write as _;
use std::fs;

use e2e::http::Connection;
use e2e::operator::PretendedVolume;
use e2e::{Account, Replica, TaskHome, TestServer, wait};
use taskferry_protocol::VersionId;

use crate::PROGRAMS;

const HOUR: i64 = 3600;
const DAYS: i64 = 2 * 24 * HOUR;

/// A server where an account may keep this much, from its second day on.
#[track_caller]
fn server_with_quota(bytes: &str) -> TestServer {
    PROGRAMS.server().option("--quota-bytes", bytes).start()
}

/// What large bodies take in the database, whether something links them or not.
fn bytes_in_chunks(server: &TestServer) -> usize {
    let database = rusqlite::Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    let sum = database.query_row("SELECT coalesce(sum(length(data)), 0) FROM chunk", [], |row| row.get(0));
    sum.expect("a number")
}

/// Each is replaced while somebody reads it and takes nothing: kept are the present one, and the one before it for its reader.
#[test]
fn who_reads_replaced_snapshots_slowly_keeps_no_more_than_one_of_them() {
    const SNAPSHOT: usize = 10_000_000;
    let server = PROGRAMS.server().start();
    let account = server.account();
    let mut at = VersionId::NIL;
    let mut readers = Vec::new();
    for number in 0..4_u8 {
        at = account.append(at, "a version");
        account.add_snapshot(at, vec![number; SNAPSHOT]).good();
        let mut reader = Connection::open(server.address()).expect("a connection");
        let fetch = account.request("GET", "/v1/client/snapshot");
        reader.send(&fetch.head(server.address())).expect("a request");
        reader.wait_for_its_beginning().expect("the beginning of an answer");
        readers.push(reader);
    }
    wait::until("older ones are swept", || bytes_in_chunks(&server) <= 2 * SNAPSHOT);
    let whole: Vec<bool> = readers.into_iter().map(|mut reader| reader.next_answer().is_ok()).collect();
    assert_eq!(whole, [false, false, true, true]);
}

#[test]
fn a_quota_is_kept_to_the_last_byte_and_refuses_nothing_but_new_versions() {
    let server = server_with_quota("1000");
    let account = server.account();
    server.age(&account, DAYS);
    account.add_version(VersionId::NIL, vec![1; 1001]).refused(507, "quota_exceeded");
    assert!(account.chain().is_empty(), "nothing was stored");
    let first = account.append(VersionId::NIL, vec![1; 400]);
    server.age(&account, HOUR);
    let second = account.append(first, vec![1; 600]);
    server.age(&account, HOUR);

    account.add_version(second, "x").refused(507, "quota_exceeded");
    assert_eq!(account.chain().len(), 2);
    // Only a snapshot makes it possible to prune a full account, so it is kept.
    account.add_snapshot(second, vec![2; 500]).good();
    assert_eq!(account.snapshot().good().body, vec![2; 500]);
    account.add_snapshot(second, vec![3; 1001]).good();
    assert_eq!(account.snapshot().good().body, vec![2; 500], "over what a snapshot may take");

    let other = server.account();
    other.append(VersionId::NIL, "another account's quota is its own");
}

#[test]
fn a_push_under_way_overruns_the_quota_and_not_without_end() {
    let server = server_with_quota("1000");
    let account = server.account();
    server.age(&account, DAYS);
    let first = account.append(VersionId::NIL, vec![1; 1000]);
    let second = account.append(first, vec![1; 999]);
    account.add_version(second, vec![1; 2]).refused(507, "quota_exceeded");
    let third = account.append(second, vec![1; 1]);
    account.add_version(third, vec![1; 1]).refused(507, "quota_exceeded");
}

/// Of many bodies that would each fit, those are kept that fit together.
#[test]
fn bodies_that_arrive_side_by_side_have_together_what_a_push_may_have() {
    const BODY: usize = 1_900_000;
    const BODIES: usize = 12;
    const QUOTA: usize = 2_000_000;
    let server = PROGRAMS.server().option("--quota-bytes", QUOTA.to_string()).with_metrics().start();
    let account = server.account();
    server.age(&account, DAYS);
    let first = account.append(VersionId::NIL, "a version");
    let received = || server.metrics().sum("taskferry_received_bytes_total", &[]);
    let (before, nearly_all) = (received(), vec![1; BODY - 1]);
    let mut arriving: Vec<Connection> = (0..BODIES)
        .map(|_| {
            let mut connection = Connection::open(server.address()).expect("a connection");
            let upload = account.adding_version(first, vec![1; BODY]);
            connection.send(&upload.head(server.address())).expect("a head");
            connection.send(&nearly_all).expect("nearly all of a body");
            connection
        })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "a few million")]
    let all = (BODIES * (BODY - 1)) as f64;
    wait::until("the server has read them", || received() - before >= all);
    // What came of those that are refused by now is swept while the others still wait for their ends.
    wait::until("no more is kept than fits", || bytes_in_chunks(&server) <= 2 * QUOTA);
    let mut statuses: Vec<u16> = arriving
        .iter_mut()
        .map(|connection| {
            connection.send(&[1]).expect("the rest of a body");
            connection.next_answer().expect("its answer").status
        })
        .collect();
    statuses.sort_unstable();
    let refused = statuses.iter().filter(|status| **status == 507).count();
    assert!(refused >= BODIES - 2 && statuses.iter().filter(|status| **status == 200).count() <= 1, "{statuses:?}");
    drop(arriving);
    account.append(account.info().latest_version_id, "there is room again");
}

#[test]
fn a_young_account_has_a_quarter_and_an_operator_can_give_any_account_more() {
    let server = server_with_quota("1000");
    let account = server.account();
    assert_eq!(account.info().quota_bytes, Some(250));
    account.add_version(VersionId::NIL, vec![1; 251]).refused(507, "quota_exceeded");

    server.operate(["account", "quota", &server.hash_of(&account), "--bytes", "2kB"]).good();
    wait::until("the server notices", || account.info().quota_bytes == Some(2000));
    account.append(VersionId::NIL, vec![1; 2000]);
    server.operate(["account", "quota", &server.hash_of(&account), "--bytes", "default"]).good();
    wait::until("the server notices", || account.info().quota_bytes == Some(250));
}

#[test]
fn from_four_fifths_of_its_quota_on_an_account_is_asked_for_a_snapshot() {
    let server = server_with_quota("1000");
    let account = server.account();
    server.age(&account, DAYS);
    let first = account.append(VersionId::NIL, vec![1; 100]);
    account.add_snapshot(first, vec![2; 100]).good();
    let answer = account.add_version(first, vec![1; 599]).good();
    assert_eq!(answer.header("x-snapshot-request"), None);
    let answer = account.add_version(answer.version_id(), vec![1; 1]).good();
    assert_eq!(answer.header("x-snapshot-request"), Some("urgency=high"));
}

#[test]
fn a_number_of_versions_is_a_quota_too() {
    let server = PROGRAMS.server().option("--quota-versions", "8").start();
    let account = server.account();
    let [.., fourth] = account.grow::<4>();
    account.add_version(fourth, "twice a young account's quarter").refused(507, "quota_exceeded");
    assert_eq!(account.info().quota_versions, Some(2));
}

#[test]
fn limits_off_means_no_quota() {
    let server = PROGRAMS.server().option("--quota-bytes", "4").option("--limits", "off").start();
    let account = server.account();
    account.grow::<5>();
    assert_eq!((account.info().quota_bytes, account.info().quota_versions), (None, None));
}

/// Some 4 MB, as four versions: stock Taskwarrior sends about 1 MB with each.
fn import_large_tasks(computer: &TaskHome, tasks: usize) {
    let mut file = String::from("[");
    for number in 0..tasks {
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(file, "{comma}{{\"description\":\"task {number} {}\"}}", "word ".repeat(20_000));
    }
    file.push(']');
    let path = computer.path().join("tasks.json");
    fs::write(&path, file).expect("a file");
    computer.task(["rc.hooks=off".as_ref(), "import".as_ref(), path.as_os_str()]).good();
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_push_of_real_taskwarrior_that_crosses_its_quota_in_the_middle_arrives_whole() {
    // A young account may begin a push below 2.5 MB.
    let server = server_with_quota("10MB");
    let settings = server.new_account();
    let laptop = TaskHome::with(&settings);
    import_large_tasks(&laptop, 40);
    laptop.sync().good();

    let account = Account::known_as(server.address(), settings.client_id);
    let info = account.info();
    assert!(info.versions >= 4 && info.version_bytes > 2_500_000, "it crossed its quota: {info:?}");
    let phone = TaskHome::with(&settings);
    phone.sync().good();
    assert_eq!(phone.tasks().len(), 40);
    assert_eq!(phone.tasks(), laptop.tasks());

    // The next push begins above it.
    server.age(&account, HOUR);
    laptop.task(["add", "one more"]).good();
    laptop.sync().fails_with("507");
    assert_eq!(account.info().versions, info.versions);
}

#[test]
fn a_first_sync_of_ten_thousand_tasks_fits_a_young_account_by_default() {
    let server = PROGRAMS.server().start();
    let settings = server.new_account();
    let mut laptop = Replica::with(&settings);
    laptop.add_many((0..10_000).map(|number| format!("task number {number} of a person who has a lot to do")));
    laptop.sync().good();
    let mut phone = Replica::with(&settings);
    phone.sync().good();
    assert_eq!(phone.tasks().len(), 10_000);
    assert_eq!(phone.tasks(), laptop.tasks());
}

#[test]
fn as_the_volume_runs_full_the_dispensable_is_refused_first_and_reading_goes_on() {
    let volume = PretendedVolume::with_free_mb(1000);
    let setup = PROGRAMS.server().option("--pretended-volume", volume.file());
    let server = setup.option("--limit-new-accounts", "off").start();
    let [old, under_way, young] = [(); 3].map(|()| server.account());
    let [mut old_at, mut under_way_at, young_at] = [&old, &under_way, &young].map(|account| account.grow::<1>()[0]);
    server.age(&old, DAYS);
    server.age(&under_way, DAYS);
    server.age(&young, HOUR);

    volume.set_free_mb(350);
    wait::until("no accounts are created", || server.unknown_account().register().status == 503);
    let stranger = server.unknown_account();
    let refused = stranger.register();
    refused.refused(503, "storage_low");
    assert!(refused.header("retry-after").is_some());
    stranger.add_version(VersionId::NIL, "first").refused(503, "storage_low");
    stranger.describe().refused(404, "unknown_account");
    let young_at = young.append(young_at, "still accepted");
    server.age(&young, HOUR);

    volume.set_free_mb(180);
    wait::until("young accounts can't send", || young.add_version(VersionId::NIL, "probe").status == 503);
    young.add_version(young_at, "refused").refused(503, "storage_low");
    old_at = old.append(old_at, "still accepted");
    server.age(&old, HOUR);

    under_way_at = under_way.append(under_way_at, "a push begins");
    volume.set_free_mb(70);
    wait::until("nobody can begin to send", || old.add_version(VersionId::NIL, "probe").status == 503);
    old.add_version(old_at, "refused").refused(503, "storage_low");
    under_way_at = under_way.append(under_way_at, "and goes on");
    under_way.add_snapshot(under_way_at, "its snapshot").good();
    assert_eq!(under_way.snapshot().good().body, b"its snapshot");
    assert_eq!([&old, &young].map(|account| account.chain().len()), [2, 2], "reading goes on");

    volume.set_free_mb(30);
    wait::until("nothing is stored any more", || under_way.add_version(VersionId::NIL, "probe").status == 503);
    under_way.add_snapshot(under_way_at, "another").good();
    assert_eq!(under_way.snapshot().good().body, b"its snapshot", "there is no room for it");
    assert_eq!(under_way.chain().len(), 3);

    volume.set_free_mb(1000);
    wait::until("everything is accepted again", || server.unknown_account().register().status == 201);
    young.append(young_at, "accepted again");
}

#[test]
fn new_accounts_are_limited_for_the_whole_world_together() {
    let server = PROGRAMS.server().option("--new-accounts-per-hour", "3").start();
    let first = [(); 3].map(|()| server.account());
    let stranger = server.unknown_account();
    let refused = stranger.register();
    refused.refused(429, "too_many_accounts");
    let seconds: u32 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("Retry-After");
    assert!((1..=1201).contains(&seconds), "{seconds}");
    stranger.add_version(VersionId::NIL, "first").refused(429, "too_many_accounts");
    stranger.describe().refused(404, "unknown_account");
    for account in first {
        account.grow::<2>();
        assert_eq!(account.register().status, 200);
    }
    server.operate(["account", "create"]).good();
}
