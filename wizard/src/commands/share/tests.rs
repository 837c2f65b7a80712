//! Whole runs of `taskferry share`: data on standard output, words beside it.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::credentials::decode::{Decoded, decode};
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
    whoever has this link can read and change all your tasks: show it only to your own computers
    the server at `[SERVER]` can't read them: it never gets the secret
    note: `[SERVER]` can be reached only from this very computer
    note: for another one, name the address that it reaches: `taskferry share --server http://…`
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
fn a_terminal_shows_a_qr_code_that_fits_and_a_small_one_says_what_else_there_is() {
    let server = FakeServer::taskferry();
    let mut laptop = computer_in_sync(&server).with_variable("LANG", "C.UTF-8").with_window(80, 24);
    for words in ["share --qr", "share --qr --link"] {
        let run = laptop.run(words, &server);
        assert_eq!(run.exit, Exit::Fine);
        assert!((18..24).contains(&run.data.lines().count()), "{}", run.data);
        assert!(run.data.contains('▀') && run.data.contains("\u{1b}["), "{}", run.data);
        assert!(run.talk.contains("whoever has this QR code can read"), "{}", run.talk);
    }
    let mut laptop = laptop.with_variable("NO_COLOR", "1");
    assert!(!laptop.run("share --qr", &server).data.contains('\u{1b}'));

    let run = laptop.with_window(40, 12).run("share --qr", &server);
    assert_eq!((run.exit, run.data.as_str()), (Exit::Failed, ""));
    assert!(run.talk.contains("needs a terminal of ") && run.talk.contains("--png"), "{}", run.talk);
    assert!(!run.talk.contains("whoever has"), "{}", run.talk);
}

#[test]
fn without_a_terminal_a_qr_code_is_plain_text() {
    let server = FakeServer::taskferry();
    let run = computer_in_sync(&server).run("share --qr --text", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.data.lines().all(|line| line.chars().all(|c| matches!(c, ' ' | '#'))), "{}", run.data);
}

#[test]
fn a_picture_is_new_private_and_announced() {
    let server = FakeServer::taskferry();
    let mut laptop = computer_in_sync(&server);
    for (flag, name) in [("--png", "link.png"), ("--svg", "link.svg")] {
        let run = laptop.run(&format!("share {flag} {name}"), &server);
        assert_eq!((run.exit, run.data.as_str()), (Exit::Fine, ""));
        assert!(run.talk.contains(&format!("written to `{name}`, which only you can read")), "{}", run.talk);
        let mode = laptop.path(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let before = std::fs::read(laptop.path(name)).unwrap();
        let run = laptop.run(&format!("share {flag} {name}"), &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.contains("exists already"), "{}", run.talk);
        assert_eq!(std::fs::read(laptop.path(name)).unwrap(), before);
    }
}

#[test]
fn a_script_gets_the_link_or_the_place_of_the_picture() {
    let server = FakeServer::taskferry();
    let mut laptop = computer_in_sync(&server);
    let run = laptop.run("share --json", &server);
    assert_eq!(decode(&run.data).unwrap(), Decoded { credentials: server.credentials(1, "sesame"), checked: true });
    let run = laptop.run("share --json --png link.png", &server);
    assert_snapshot!(run.data.replace(&server.url(), "[SERVER]"), @r#"{"server":"[SERVER]","file":"link.png"}"#);
}

#[test]
fn another_address_of_the_same_server_is_handed_on_and_checked_like_any_other() {
    let server = FakeServer::taskferry();
    let run = computer_in_sync(&server).run("share --server HTTP://192.168.1.5:8080/", &server);
    assert_eq!(run.exit, Exit::Fine);
    let shared = decode(&run.data).unwrap().credentials;
    assert_eq!(shared.server.as_str(), "http://192.168.1.5:8080");
    assert_eq!(shared.client_id, server.credentials(1, "sesame").client_id);
    assert!(!run.talk.contains("only from this very computer"), "{}", run.talk);
    assert_eq!(server.asked(), Vec::<String>::new(), "this computer may not reach it");
    let run = computer_in_sync(&server).run("share --server 192.168.1.5", &server);
    assert_eq!((run.exit, run.data.as_str()), (Exit::Usage, ""));
    assert!(run.talk.contains("hint: did you mean `http://192.168.1.5`?"), "{}", run.talk);
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
