//! How the server starts, stops and refuses to start.

use e2e::TestServer;
use e2e::http::Connection;
use rustix::process::Signal;
use taskferry_protocol::VersionId;

use crate::{PROGRAMS, server};

#[test]
fn a_server_told_to_stop_finishes_what_is_under_way() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = server();
        let account = server.account();
        let body = vec![b'x'; 100_000];
        let request = account
            .adding_version(VersionId::NIL, body.clone())
            .header("expect", "100-continue");
        let mut under_way = Connection::open(server.address()).expect("a connection");
        under_way
            .send(&request.head(server.address()))
            .expect("the head of a request");
        under_way.wait_for_continue().expect("the server to have read the head");
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
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let first = server();
    let address = first.address().to_string();
    let refused = PROGRAMS
        .server()
        .without_listen_flag()
        .option("--listen", &address)
        .run_to_its_end()
        .exits_with(1);
    assert!(refused.stderr.contains(&address), "{refused}");
}

#[test]
fn a_server_on_port_zero_says_where_it_listens() {
    let server: TestServer = PROGRAMS
        .server()
        .without_listen_flag()
        .option("--listen", "127.0.0.1:0")
        .start();
    assert_ne!(server.address().port(), 0);
}

#[test]
fn client_ids_are_never_logged() {
    let mut server = PROGRAMS.server().option("--log-level", "trace").start();
    let account = server.account();
    let version = account.append(VersionId::NIL, "first");
    account.add_snapshot(version, "a snapshot").good();
    account.child_of(VersionId::NIL).good();
    account.add_version(VersionId::NIL, "conflict");
    account.describe().good();
    let log = server.log().clone();
    server.stop();
    let log = log.text().to_lowercase();
    let id = account.id().expose();
    assert!(
        !log.contains(&id.hyphenated().to_string()) && !log.contains(&id.simple().to_string()),
        "{log}"
    );
}
