//! How the server starts, stops and refuses to start.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use e2e::http::{Connection, Request};
use e2e::{TestServer, wait};
use rustix::process::Signal;
use taskferry_protocol::VersionId;

use crate::{PROGRAMS, server};

#[test]
fn a_server_told_to_stop_finishes_what_is_under_way() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = server();
        let account = server.account();
        let body = vec![b'x'; 100_000];
        let mut under_way = begin(&account.adding_version(VersionId::NIL, body.clone()), &server);
        under_way.send(&body[..50_000]).expect("half of its body");

        server.signal(signal);
        server.wait_until_it_refuses();
        under_way.send(&body[50_000..]).expect("the other half");
        let added = under_way.answer().expect("an answer").good().version_id();
        let status = server.wait_for_its_end();
        assert_eq!(status.code(), Some(0), "{signal:?}");

        server.start();
        assert_eq!(account.child_of(VersionId::NIL).good().version_id(), added);
    }
}

#[test]
fn a_server_told_to_stop_in_the_middle_of_a_large_push_waits_for_its_end() {
    let mut server = server();
    let (pushing, other) = (server.account(), server.account());
    // More than 1 MB of changes arrives as several versions, all but the last one large.
    let first = pushing.append(VersionId::NIL, vec![b'x'; 1_000_000]);

    server.signal(Signal::TERM);
    server.wait_until_it_refuses();
    other.add_version(VersionId::NIL, "begins now").refused(503, "stopping");
    let second = pushing.append(first, vec![b'y'; 1_000_000]);
    let last = pushing.append(second, "the rest");
    pushing.add_snapshot(last, "all of it").good();
    pushing.child_of(last).is_nothing_there();
    assert_eq!(server.wait_for_its_end().code(), Some(0));

    server.start();
    assert_eq!(pushing.chain().len(), 3);
    assert_eq!(pushing.snapshot().good().version_id(), last);
}

#[test]
fn a_server_told_to_stop_while_the_first_large_version_arrives_waits_for_the_whole_push() {
    let mut server = server();
    let (pushing, other) = (server.account(), server.account());
    let body = vec![b'x'; 1_000_000];
    let mut arriving = begin(&pushing.adding_version(VersionId::NIL, body.clone()), &server);
    arriving.send(&body[..500_000]).expect("half of its body");

    server.signal(Signal::TERM);
    server.wait_until_it_refuses();
    other.add_version(VersionId::NIL, "begins now").refused(503, "stopping");
    arriving.send(&body[500_000..]).expect("the other half");
    let first = arriving.answer().expect("an answer").good().version_id();
    let last = pushing.append(first, "the rest");
    pushing.add_snapshot(last, "all of it").good();
    pushing.child_of(last).is_nothing_there();
    assert_eq!(server.wait_for_its_end().code(), Some(0));

    server.start();
    assert_eq!(pushing.chain().len(), 2);
}

#[test]
fn a_server_told_twice_to_stop_does_so_at_once() {
    let mut server = server();
    let account = server.account();
    let under_way = begin(&account.adding_version(VersionId::NIL, "never sent"), &server);

    server.signal(Signal::TERM);
    server.wait_until_it_refuses();
    let asked_again = Instant::now();
    server.signal(Signal::TERM);
    server.wait_for_its_end();
    // The one request under way never ends, so a first signal alone takes as long as the server allows it: 8 seconds.
    let took = asked_again.elapsed();
    assert!(took < Duration::from_secs(6), "it took {took:?}");
    assert!(under_way.answer().is_err());
}

#[test]
fn a_server_that_is_still_opening_its_data_is_alive_and_not_ready() {
    let setup = PROGRAMS.server();
    fs::create_dir_all(setup.data_dir()).expect("a data directory");
    // Another process that holds the database stands in for the upgrade of a large one.
    let holder = rusqlite::Connection::open(setup.data_dir().join("taskferry.sqlite3")).expect("a database");
    holder.execute_batch("BEGIN EXCLUSIVE").expect("an exclusive lock");
    let mut server = setup.begin_to_start();

    wait::until("the server is alive", || Request::get("/livez").try_send(server.address()).is_ok());
    assert_eq!(Request::get("/livez").send(server.address()).status, 200);
    let ready = Request::get("/readyz").send(server.address());
    assert_eq!(ready.status, 503);
    assert!(String::from_utf8_lossy(&ready.body).contains("the server is starting"), "{ready:?}");
    let refused = server.unknown_account().child_of(VersionId::NIL);
    refused.refused(503, "starting");
    assert!(refused.header("retry-after").is_some());

    drop(holder);
    server.wait_until_it_serves();
    server.account().append(VersionId::NIL, "served");
}

/// A request of which the server has read the head and awaits the body.
#[track_caller]
fn begin(request: &Request, server: &TestServer) -> Connection {
    let head = request.clone().header("expect", "100-continue").head(server.address());
    let mut connection = Connection::open(server.address()).expect("a connection");
    connection.send(&head).expect("the head sent");
    connection.wait_for_continue().expect("the server to have read the head");
    connection
}

#[test]
fn an_idle_connection_does_not_keep_a_server_from_stopping() {
    let mut server = server();
    let _idle = Connection::open(server.address()).expect("a connection");
    server.stop();
}

#[test]
fn a_second_server_on_the_same_data_is_refused_and_the_first_goes_on() {
    let first = server();
    let account = first.account();
    let refused = PROGRAMS.server().on_data_of(&first).run_to_its_end().exits_with(1);
    let directory = first.data_dir().display().to_string();
    for words in ["error: another server", &directory, "hint: stop that server first"] {
        assert!(refused.stderr.contains(words), "{refused}");
    }
    account.append(VersionId::NIL, "still served");
}

#[test]
fn only_the_servers_own_user_can_read_its_data() {
    let server = server();
    server.account().grow::<1>();
    let mode = |path: &Path| fs::metadata(path).expect("the data").permissions().mode() & 0o777;
    assert_eq!(mode(server.data_dir()), 0o700);
    for file in fs::read_dir(server.data_dir()).expect("the data directory") {
        let file = file.expect("the data directory").path();
        assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
    }
}

/// Starting empty in its place would lock out every device but the first that comes.
#[test]
fn a_directory_with_the_reference_servers_data_is_left_as_it_is() {
    let setup = PROGRAMS.server();
    let reference = setup.data_dir().join("taskchampion-sync-server.sqlite3");
    fs::create_dir(setup.data_dir()).expect("a data directory");
    fs::write(&reference, "years of history").expect("a database");
    let refused = setup.run_to_its_end().exits_with(1);
    assert!(refused.stderr.contains("taskchampion-sync-server.sqlite3"), "{refused}");
    assert!(refused.stderr.contains("hint: "), "{refused}");
    let left: Vec<_> = fs::read_dir(setup.data_dir()).expect("the data directory").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::read(&reference).expect("the database"), b"years of history");
}

#[test]
fn health_is_told_to_programs_too() {
    let mut server = server();
    let ask = |server: &TestServer| {
        server.operate_as_typed(["health", "--json", "--url", &server.url()].map(Into::into)).either_way()
    };
    let said = ask(&server);
    assert_eq!((said.code(), said.stdout.trim()), (0, r#"{"problem":null,"ready":true}"#));
    server.stop();
    let said = ask(&server);
    assert_eq!(said.code(), 1);
    assert!(said.stdout.contains(r#""ready":false"#) && said.stdout.contains("could not ask the server at"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let first = server();
    let address = first.address().to_string();
    let refused = PROGRAMS.server().listening_on(&address).run_to_its_end().exits_with(1);
    assert!(refused.stderr.contains(&address), "{refused}");
}

#[test]
fn a_server_on_port_zero_says_where_it_listens() {
    let server = PROGRAMS.server().listening_on("127.0.0.1:0").start();
    assert_ne!(server.address().port(), 0);
}

/// systemd's `Type=notify`: started means ready, so what depends on the service waits for an upgrade too.
#[test]
fn a_service_manager_is_told_when_the_server_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(wait::LIMIT)).expect("a bound");
    let told = || {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).trim_end().to_owned()
    };

    let mut server = PROGRAMS.server().variable("NOTIFY_SOCKET", &path).start();
    assert_eq!(told(), "READY=1");
    server.stop();
    assert_eq!(told(), "STOPPING=1");
}
