//! Servers that take new accounts only with an invite.

use insta::assert_snapshot;

use super::{INVITE, SETUP};
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

#[test]
fn an_invite_is_asked_for_where_one_is_needed() {
    let server = FakeServer::taskferry().invites(INVITE);
    let mut laptop = FakeComputer::new().with_person(&[
        ("invite", "GAYT-EMZU"),
        ("invite", "gayt emzu gu3d oobz mfrg gzdf myzq"),
        ("go on?", "enter"),
    ]);
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    `[SERVER]` takes new accounts only with an invite from whoever runs it
    error: the invite can't be used
      Caused by: an invite code has 28 letters and digits

    hint: it looks like `GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ`: copy it from what you were sent


    this is going to happen:

      create a new account at `[SERVER]`
      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    running `task sync` …

    sync with `[SERVER]` works; there are no tasks yet
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    assert_eq!(server.accounts(), 1);

    let mut script = FakeComputer::new();
    assert_eq!(script.run(&format!("{SETUP} --yes --invite {INVITE}"), &server).exit, Exit::Fine);
    assert_eq!(server.accounts(), 2);
}

#[test]
fn without_an_invite_and_without_anybody_its_flag_is_named() {
    let server = FakeServer::taskferry().invites(INVITE);
    let run = FakeComputer::new().run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.ends_with("hint: add `--invite CODE`\n"), "{}", run.talk);
    let mistyped = INVITE.replace("MYZQ", "MYZA");
    let run = FakeComputer::new().run(&format!("{SETUP} --yes --invite {mistyped}"), &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.contains("typing error") && !run.talk.contains("MYZA"), "{}", run.talk);
    assert_eq!(server.accounts(), 0);
}

#[test]
fn a_refused_invite_may_be_followed_by_another_one() {
    let server = FakeServer::taskferry().invites(INVITE);
    let other = taskferry_protocol::InviteCode::from_random([0; 16]).to_text();
    let script = [("invite", other.as_str()), ("go on?", "enter"), ("another invite", INVITE)];
    let mut laptop = FakeComputer::new().with_person(&script);
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("error: `[SERVER]` does not know this invite"), "{}", run.talk);
}

#[test]
fn an_invite_link_is_server_and_invite_in_one() {
    let server = FakeServer::taskferry().invites(INVITE);
    let words = format!("setup --yes --server [SERVER]/i#{}", INVITE.replace('-', ""));
    let run = FakeComputer::new().run(&words, &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    let link = format!("{}/i#{}", server.url(), INVITE.to_lowercase());
    let script = [("your choice", "2"), ("or invite link", link.as_str()), ("go on?", "enter")];
    assert_eq!(FakeComputer::new().with_person(&script).run("setup", &server).exit, Exit::Fine);
    let words = format!("setup --yes --server [SERVER] --invite {link}");
    assert_eq!(FakeComputer::new().run(&words, &server).exit, Exit::Fine);
    assert_eq!(server.accounts(), 3);
}

#[test]
fn a_mistyped_invite_link_is_told_and_one_in_the_place_of_a_setup_link_too() {
    let server = FakeServer::taskferry().invites(INVITE);
    let run = FakeComputer::new().run("setup --yes --server [SERVER]/i#GAYT", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(
        run.talk.starts_with("error: could not read the invite link\n  Caused by: the invite link has no usable code")
    );
    assert!(!run.talk.contains("GAYT"), "{}", run.talk);
    let link = format!("{}/i#{INVITE}", server.url());
    let run = FakeComputer::new().with_input(&link).run("join --from-stdin --yes", &server);
    assert!(run.talk.contains("error: this is an invite link: it makes a new account"), "{}", run.talk);
    assert!(run.talk.contains("hint: to make an account with it, run `taskferry setup --server LINK`"), "{}", run.talk);
    assert_eq!(server.accounts(), 0);
}
