//! Whole runs of `taskferry share`: data on standard output, words beside it.

use insta::assert_snapshot;

use crate::credentials::decode::decode;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

fn computer_in_sync(server: &FakeServer) -> FakeComputer {
    let credentials = server.credentials(1, "sesame");
    FakeComputer::new().with(
        ".taskrc",
        &format!(
            "sync.server.url={}\nsync.server.client_id={}\nsync.encryption_secret=sesame\n",
            server.url(),
            credentials.client_id.expose()
        ),
    )
}

#[test]
fn the_link_is_the_only_thing_on_standard_output() {
    let server = FakeServer::taskferry();
    let run = computer_in_sync(&server).run("share", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_eq!(run.data.lines().count(), 1);
    assert_eq!(decode(&run.data).unwrap().credentials, server.credentials(1, "sesame"));
    assert_snapshot!(run.talk, @r"
    whoever has this link can read and change all your tasks: keep it to yourself
    on your other computer, run `taskferry join` and paste what follows

    note: `[SERVER]` can be reached only from this very computer
    ");
    assert_eq!(server.asked(), Vec::<String>::new(), "no server is needed to share");
}

#[test]
fn the_text_form_is_three_lines_for_any_taskrc() {
    let server = FakeServer::taskferry();
    let run = computer_in_sync(&server).run("share --text", &server);
    assert_snapshot!(run.data.replace(&server.url(), "[SERVER]"), @r"
    sync.server.url=[SERVER]
    sync.server.client_id=00000000-0000-0000-0000-000000000001
    sync.encryption_secret=sesame
    ");
}

#[test]
fn an_address_in_the_old_key_is_shared_too() {
    let server = FakeServer::taskferry();
    let old = computer_in_sync(&server).read(".taskrc").unwrap().replace("server.url", "server.origin");
    let run = FakeComputer::new().with(".taskrc", &old).run("share", &server);
    assert_eq!(decode(&run.data).unwrap().credentials, server.credentials(1, "sesame"));
}

#[test]
fn without_an_account_there_is_nothing_to_share() {
    let server = FakeServer::taskferry();
    let run = FakeComputer::new().run("share", &server);
    assert_eq!((run.exit, run.data.as_str()), (Exit::Failed, ""));
    assert_snapshot!(run.talk, @r"
    error: sync is not set up on this computer

    hint: run `taskferry setup`, or `taskferry join` if another computer has it already
    ");
}
