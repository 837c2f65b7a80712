//! Where the account is to be: what is asked, and what somebody may answer.

use insta::assert_snapshot;

use super::INVITE;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

#[test]
fn the_server_is_asked_for_until_it_is_an_address() {
    let server = FakeServer::taskferry();
    let url = server.url();
    let script = [("your choice", "2"), ("address", "tasks.example.org"), ("address", url.as_str()), ("go on?", "no")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    looking for cloud sync at `http://127.0.0.1:9` …

    through which server shall your computers share tasks?
    none can read them: they are encrypted here first

      1  set up sync: cloud sync at `http://127.0.0.1:9` (does not answer right now)
      2  set up sync: a server of your own, or one that you were invited to
      3  set up sync: a server on this very computer (needs `taskferry-server`, not found)
      4  join from another computer, which syncs already
      5  skip: set up nothing now

    error: the server's address can't be used
      Caused by: `tasks.example.org` does not start with `https://` or `http://`

    hint: did you mean `https://tasks.example.org`?

    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`

    this is going to happen:

      create a new account at `[SERVER]`
      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    stopped; nothing was changed
    ");
}

#[test]
fn a_server_at_home_is_suggested_with_http_and_enter_accepts_it() {
    let server = FakeServer::taskferry();
    let address = server.url().replace("http://", "");
    let script = [("your choice", "2"), ("address", address.as_str()), ("[http://127.0.0.1:", ""), ("go on?", "yes")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("hint: did you mean `[SERVER]`?"), "{}", run.talk);
}

#[test]
fn an_empty_answer_is_told_what_is_wanted() {
    let server = FakeServer::taskferry();
    let script = [("your choice", "2"), ("address", ""), ("address", " "), ("address", "")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(
        run.talk.ends_with(
            "error: the address of a sync server is needed here\n\nhint: it looks like `https://tasks.example.org`\n"
        ),
        "{}",
        run.talk
    );
}

#[test]
fn a_setup_link_in_the_place_of_an_address_is_recognised_and_not_shown_again() {
    let server = FakeServer::taskferry();
    let link = server.credentials(1, "sesame").to_text();
    let run = FakeComputer::new().run(&format!("setup --server {}", *link), &server);
    assert_eq!(run.exit, Exit::Usage);
    assert_snapshot!(run.talk, @r"
    error: this is a setup link, not the address of a server

    hint: run `taskferry join`, and paste the link when it asks for it
    ");
}

#[test]
fn a_computer_that_syncs_nowhere_is_offered_cloud_sync_first_and_enter_takes_it() {
    let (server, cloud) = (FakeServer::taskferry(), FakeServer::taskferry());
    let mut laptop =
        FakeComputer::new().with_cloud(&cloud).with_person(&[("your choice, 1 to 5 [1]", ""), ("go on?", "enter")]);
    let run = laptop.run("setup", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk.replace(&cloud.url(), "[CLOUD]"), @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    looking for cloud sync at `[CLOUD]` …

    through which server shall your computers share tasks?
    none can read them: they are encrypted here first

      1  set up sync: cloud sync at `[CLOUD]`, nothing to run yourself
      2  set up sync: a server of your own, or one that you were invited to
      3  set up sync: a server on this very computer (needs `taskferry-server`, not found)
      4  join from another computer, which syncs already
      5  skip: set up nothing now

    asking `[CLOUD]` …
    found Taskferry 9.9.9 at `[CLOUD]`

    this is going to happen:

      create a new account at `[CLOUD]`
      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[CLOUD]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    running `task sync` …

    sync with `[CLOUD]` works; there are no tasks yet
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    assert_eq!((cloud.accounts(), server.accounts()), (1, 0));

    let mut script = FakeComputer::new().with_cloud(&cloud);
    assert_eq!(script.run("setup --cloud --yes", &server).exit, Exit::Fine);
    assert_eq!(cloud.accounts(), 2);
}

#[test]
fn cloud_sync_that_does_not_answer_like_a_sync_server_is_shown_so_and_is_not_the_default() {
    let server = FakeServer::taskferry();
    let parked = FakeServer::taskferry().answers(200, ("content-type", "text/html"), b"this domain is for sale");
    for computer in [FakeComputer::new(), FakeComputer::new().with_cloud(&parked)] {
        let mut laptop = computer.with_person(&[("your choice, 1 to 5 [2]", "5")]);
        let run = laptop.run("setup", &server);
        assert_eq!(run.exit, Exit::Fine);
        assert!(run.talk.contains("(does not answer right now)"), "{}", run.talk);
        assert!(run.talk.ends_with("nothing was changed; later, run `taskferry setup`\n"), "{}", run.talk);
        assert_eq!(laptop.read(".taskrc"), None);
    }
}

#[test]
fn the_address_of_cloud_sync_comes_from_the_environment_else_from_the_settings() {
    let (server, cloud) = (FakeServer::taskferry(), FakeServer::taskferry());
    let settings = format!("cloud = \"{}\"\n", cloud.url());
    let file = ".config/taskferry/config.toml";
    let mut laptop = FakeComputer::new().with_variable("TASKFERRY_CLOUD", "").with(file, &settings);
    assert_eq!(laptop.run("setup --cloud --yes", &server).exit, Exit::Fine);
    assert_eq!(cloud.accounts(), 1);

    let mut desktop = FakeComputer::new().with_cloud(&server).with(file, &settings);
    assert_eq!(desktop.run("setup --cloud --yes", &server).exit, Exit::Fine);
    assert_eq!((cloud.accounts(), server.accounts()), (1, 1));
}

#[test]
fn an_account_of_another_computer_is_joined_from_the_same_menu() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let link = credentials.to_text();
    let script = [("your choice", "4"), ("paste the setup link", link.as_str()), ("go on?", "enter")];
    let mut desktop = FakeComputer::new().with_person(&script);
    let run = desktop.run("setup", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.contains("joined; "), "{}", run.talk);
}

#[test]
fn an_answer_that_is_no_choice_is_asked_again_and_a_link_is_recognised() {
    let server = FakeServer::taskferry();
    let link = server.credentials(1, "sesame").to_text();
    let script = [("your choice", "cloud"), ("your choice", "7"), ("your choice", "0")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert_eq!(run.talk.matches("error: that is none of the numbers from 1 to 5").count(), 3, "{}", run.talk);
    let invited = format!("https://sync.example.org/i#{INVITE}");
    let script = [("your choice", invited.as_str()), ("your choice", "5")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert!(run.talk.contains("error: this is an invite link, not the number of a choice"), "{}", run.talk);
    let script = [("your choice", link.as_str()), ("your choice", "5")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert!(run.talk.contains("error: this is a setup link") && !run.talk.contains("/j#"), "{}", run.talk);
}

#[test]
fn to_skip_changes_nothing_and_asks_nobody() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    let run = laptop.run("setup --skip", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"nothing was set up, and nothing was changed; later, run `taskferry setup`");
    assert_eq!((laptop.read(".taskrc"), server.asked().len()), (None, 0));
}
