//! Whole runs of `taskferry join`: what is said, and that nothing changes unless account and secret were proved.

use insta::assert_snapshot;
use taskferry_protocol::VersionId;

use crate::credentials::Credentials;
use crate::database::Database;
use crate::error::Exit;
use crate::testing::computer::{FakeComputer, Transcript};
use crate::testing::lines_of;
use crate::testing::server::{FakeServer, version};

const JOIN: &str = "join --from-stdin --yes";

fn second_computer(credentials: &Credentials) -> FakeComputer {
    FakeComputer::new().with_input(&credentials.to_text())
}

fn json_of(credentials: &Credentials) -> String {
    let (server, id) = (&credentials.server, credentials.client_id.expose());
    format!(r#"{{"url":"{server}","client_id":"{id}","secret":"{}"}}"#, credentials.secret.expose())
}

/// The run was refused with this error, and the computer is as it was.
#[track_caller]
fn refused(run: &Transcript, computer: &FakeComputer, error: &str) {
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains(error), "{}", run.talk);
    assert_eq!((computer.read(".taskrc"), computer.syncs()), (None, 0));
}

#[test]
fn a_person_pastes_the_link_and_sees_how_many_tasks_arrived() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let link = credentials.to_text();
    let mut desktop = FakeComputer::new()
        .with(".task/arrives", "14")
        .with(".task/pending", "5")
        .with_person(&[("paste the setup link", &link), ("go on?", "enter")]);
    let run = desktop.run("join", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    the secret fits: it unseals the account's tasks

    this is going to happen:

      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + recurrence=off
        + # <<< taskferry <<<
      run `task sync`: fetches the account's tasks

    note: recurring tasks are left to the first computer (`recurrence=off`), else each would come twice
    note: to leave that setting as it is, add `--keep-recurrence`

    running `task sync` …

    joined; 14 tasks arrived
    this computer now has 14 tasks, 5 of them pending
    ");
    assert_eq!(desktop.syncs(), 1);
    assert!(desktop.read(".taskrc").unwrap().contains("\nsync.encryption_secret=sesame\n"));
}

#[test]
fn own_tasks_are_named_and_enter_alone_means_no() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let link = credentials.to_text();
    let mut desktop =
        FakeComputer::new().with(".taskrc", "").with_tasks(3).with_person(&[("paste", &link), ("go on?", "enter")]);
    let run = desktop.run("join", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    the secret fits: it unseals the account's tasks

    this is going to happen:

      change `~/.taskrc` (the former one is kept in `~/.local/state/taskferry/backups`)
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + recurrence=off
        + # <<< taskferry <<<
      run `task sync`: fetches the account's tasks, and sends 3 tasks of this computer to `[SERVER]`, where everybody who has the link can read them

    note: recurring tasks are left to the first computer (`recurrence=off`), else each would come twice
    note: to leave that setting as it is, add `--keep-recurrence`

    stopped; nothing was changed
    ");
    assert_eq!(desktop.read(".taskrc").as_deref(), Some(""));
}

#[test]
fn an_unknown_account_is_refused_with_what_a_link_rules_out() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    let mut desktop = second_computer(&credentials);
    let run = desktop.run(JOIN, &server);
    refused(&run, &desktop, "`[SERVER]` does not know this account");
    assert!(run.talk.contains("hint: the link has no typing error"), "{}", run.talk);

    let mut desktop = FakeComputer::new().with_input(&lines_of(&credentials));
    let run = desktop.run(JOIN, &server);
    refused(&run, &desktop, "does not know this account");
    assert!(run.talk.contains("hint: either the account's ID has a typing error, or"), "{}", run.talk);
}

#[test]
fn a_wrong_secret_is_refused_by_snapshot_and_by_version() {
    let server = FakeServer::taskferry();
    let (fresh, pruned) = (server.credentials(1, "sesame"), server.credentials(2, "sesame"));
    server.account(&fresh);
    server.pruned_account(&pruned);
    for id in [1, 2] {
        let mut desktop = second_computer(&server.credentials(id, "sesamE"));
        let run = desktop.run(JOIN, &server);
        refused(&run, &desktop, "the encryption secret does not fit the tasks on the server");
    }
}

#[test]
fn the_secret_is_proved_with_the_first_version_alone_where_there_is_one() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    assert_eq!(second_computer(&credentials).run(JOIN, &server).exit, Exit::Fine);
    let asked = server.asked();
    assert!(!asked.iter().any(|request| request.ends_with("/snapshot")), "{asked:?}");
}

#[test]
fn a_known_but_empty_account_is_named_so_and_joined() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.empty_account(&credentials);
    let run = second_computer(&credentials).run(JOIN, &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    the account is there, but empty: nothing was sent to it yet

    this is going to happen:

      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + recurrence=off
        + # <<< taskferry <<<
      run `task sync`

    note: recurring tasks are left to the first computer (`recurrence=off`), else each would come twice
    note: to leave that setting as it is, add `--keep-recurrence`

    running `task sync` …

    joined; the account has no tasks yet
    ");
}

#[test]
fn an_empty_account_is_joined_with_a_checksum_or_at_ones_own_risk_but_not_with_bare_lines() {
    for server in [FakeServer::taskferry(), FakeServer::other()] {
        let credentials = server.credentials(1, "sesame");
        server.empty_account(&credentials);
        let join = format!("{JOIN} --allow-empty");
        for text in [lines_of(&credentials), json_of(&credentials)] {
            let mut desktop = FakeComputer::new().with_input(&text);
            let run = desktop.run(&join, &server);
            refused(&run, &desktop, "nothing at `[SERVER]` can prove the encryption secret yet");
            assert!(
                run.talk.contains("paste the setup link instead (`taskferry share`), which carries a checksum"),
                "{}",
                run.talk
            );
            assert_eq!(desktop.run(&format!("{join} --unproved"), &server).exit, Exit::Fine);
        }
        assert_eq!(second_computer(&credentials).run(&join, &server).exit, Exit::Fine);
    }
}

#[test]
fn bare_lines_join_an_account_with_data_since_that_proves_them() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let run = FakeComputer::new().with_input(&lines_of(&credentials)).run(JOIN, &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
}

#[test]
fn a_disabled_account_is_refused() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.disabled_account(&credentials);
    let mut desktop = second_computer(&credentials);
    let run = desktop.run(JOIN, &server);
    refused(&run, &desktop, "this account is disabled");
}

/// Taskwarrior would ask for the history from its beginning, and fail for ever.
#[test]
fn an_account_whose_beginning_is_gone_takes_tasks_that_are_brought_along() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.pruned_history(&credentials, &[&[(1, "buy milk")], &[(3, "from the laptop")]]);
    let own = [(2, "call Ada")];
    let mut desktop =
        second_computer(&credentials).with(".taskrc", "").with_tasks(1).with_database(VersionId::NIL, &own, 0);
    let run = desktop.run(JOIN, &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("proved: the account has all 3 tasks of both"), "{}", run.talk);
    let content = Database::in_folder(&desktop.path(".task")).content().unwrap();
    assert_eq!((content.base, content.tasks.len()), (version(3), 3));

    server.pruned_account(&credentials);
    assert_eq!(second_computer(&credentials).run(JOIN, &server).exit, Exit::Fine, "it has none, and looks at none");
}

#[test]
fn another_server_without_data_needs_a_yes_or_the_flag() {
    let server = FakeServer::other();
    let credentials = server.credentials(1, "sesame");
    let mut desktop = second_computer(&credentials);
    let run = desktop.run(JOIN, &server);
    refused(&run, &desktop, "either nothing was sent yet, or the account's ID is wrong");
    assert!(run.talk.contains("`--allow-empty`"), "{}", run.talk);
    assert_eq!(desktop.run(&format!("{JOIN} --allow-empty"), &server).exit, Exit::Fine);

    let link = credentials.to_text();
    let script = [("paste", link.as_str()), ("only empty", "yes"), ("go on?", "enter")];
    assert_eq!(FakeComputer::new().with_person(&script).run("join", &server).exit, Exit::Fine);
}

#[test]
fn another_server_with_data_proves_the_secret_all_the_same() {
    let server = FakeServer::other();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    assert_eq!(second_computer(&credentials).run(JOIN, &server).exit, Exit::Fine);
    let mut desktop = second_computer(&server.credentials(1, "mellon"));
    let run = desktop.run(JOIN, &server);
    refused(&run, &desktop, "the credentials are not right for this account");
}

#[test]
fn joining_twice_equals_joining_once_and_another_account_is_refused() {
    let server = FakeServer::taskferry();
    let (mine, other) = (server.credentials(1, "sesame"), server.credentials(2, "mellon"));
    server.account(&mine);
    server.account(&other);
    let mut desktop = second_computer(&mine);
    assert_eq!(desktop.run(JOIN, &server).exit, Exit::Fine);
    let taskrc = desktop.read(".taskrc");
    let run = desktop.run(JOIN, &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.ends_with("joined already, and syncs; no setting was changed\n"), "{}", run.talk);
    desktop = desktop.with_input(&other.to_text());
    let run = desktop.run(JOIN, &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.contains("error: this computer already syncs with `[SERVER]`"), "{}", run.talk);
    assert_eq!((desktop.read(".taskrc"), desktop.syncs()), (taskrc, 2));

    assert_eq!(desktop.run(&format!("{JOIN} --replace"), &server).exit, Exit::Fine);
    let replaced = desktop.read(".taskrc").unwrap();
    assert!(replaced.contains("sync.encryption_secret=mellon\n") && !replaced.contains("sesame"), "{replaced}");
}

/// A computer with a task of its own and one that both have, at version 3 of another account.
fn with_tasks_of_another_account(server: &FakeServer, taskrc: &str) -> (FakeComputer, Credentials) {
    let account = server.credentials(2, "mellon");
    server.history(&account, &[&[(1, "buy milk"), (3, "from the laptop")]]);
    let tasks = [(1, "buy milk"), (2, "call Ada")];
    let desktop = second_computer(&account).with(".taskrc", taskrc).with_tasks(2).with_database(version(3), &tasks, 0);
    (desktop, account)
}

#[test]
fn tasks_of_another_account_come_along_where_somebody_says_so_and_can_be_taken_back() {
    let server = FakeServer::taskferry();
    let mine = server.credentials(1, "sesame");
    let before = lines_of(&mine);
    let (mut desktop, account) = with_tasks_of_another_account(&server, &before);
    let run = desktop.run(JOIN, &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.contains("this computer already syncs with `[SERVER]`"), "{}", run.talk);
    assert_eq!((desktop.read(".taskrc"), desktop.syncs()), (Some(before.clone()), 0));

    let run = desktop.run(&format!("{JOIN} --replace"), &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    the secret fits: it unseals the account's tasks
    comparing the tasks of this computer with the account's …

    this is going to happen:

      run `task sync` once more with the present account (`[SERVER]`)
      send to the account what only this computer has: 1 task
      bring to this computer what only the account has: 1 task
      keep a copy of the tasks of this computer in `~/.local/state/taskferry/databases`
      change `~/.taskrc` (the former one is kept in `~/.local/state/taskferry/backups`)
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        - sync.server.client_id=(hidden)
        - sync.encryption_secret=(hidden)
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + recurrence=off
        + # <<< taskferry <<<
      run `task sync` with the account

    note: recurring tasks are left to the first computer (`recurrence=off`), else each would come twice
    note: to leave that setting as it is, add `--keep-recurrence`
    note: whoever has the link to the account can read what is sent to it

    running `task sync` …
    sending what only this computer has, encrypted …
    rebuilding the account from its server, as a new computer would …
    proved: the account has all 3 tasks of both
    the former settings are kept as `~/.local/state/taskferry/backups/taskrc.0001`
    running `task sync` …
    comparing this computer with what the server holds …
    proved: the account, rebuilt from the server, has the same 3 tasks as this computer

    joined; no task was new to this computer
    this computer now has 2 tasks, 2 of them pending
    its own tasks reach your other computers with their next `task sync`
    a copy of the tasks as they were is in `~/.local/state/taskferry/databases/0002`; `taskferry undo` takes this back
    ");
    let database = Database::in_folder(&desktop.path(".task"));
    let content = database.content().unwrap();
    assert_eq!((content.base, content.tasks.len()), (version(2), 3));
    assert!(server.has_snapshot(&account));

    let run = desktop.run("undo --yes", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    let content = database.content().unwrap();
    assert_eq!((content.base, content.tasks.len()), (version(3), 2));
    assert_eq!(desktop.read(".taskrc"), Some(before));
}

#[test]
fn a_person_is_asked_before_tasks_of_another_account_come_along() {
    let server = FakeServer::taskferry();
    let before = lines_of(&server.credentials(1, "sesame"));
    let (mut desktop, _) = with_tasks_of_another_account(&server, &before);
    desktop = desktop.with_person(&[("take them along to the other account?", "enter")]);
    let run = desktop.run("join --from-stdin", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.ends_with("stopped; nothing was changed\n"), "{}", run.talk);
    assert_eq!((desktop.read(".taskrc"), desktop.syncs()), (Some(before), 0));
}

#[test]
fn tasks_that_belong_to_another_way_to_sync_come_along() {
    let server = FakeServer::taskferry();
    let (mut desktop, _) = with_tasks_of_another_account(&server, "sync.local.server_dir=/x\n");
    let run = desktop.run(&format!("{JOIN} --replace"), &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("run `task sync` once more with the present account (`sync.local.server_dir`)"));
    assert!(!desktop.read(".taskrc").unwrap().contains("local"));

    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let mut desktop = second_computer(&credentials).with(".taskrc", "sync.local.server_dir=/x\n");
    assert_eq!(desktop.run(&format!("{JOIN} --replace"), &server).exit, Exit::Fine);
    assert!(!desktop.read(".taskrc").unwrap().contains("local"));
}

#[test]
fn recurring_tasks_are_left_to_the_first_computer_unless_that_is_not_wanted_or_done_already() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    for (taskrc, words, expected) in [
        ("", "", true),
        ("recurrence=on\n", "", true),
        ("recurrence=off\n", "", false),
        ("recurrence=no\n", "", false),
        ("", " --keep-recurrence", false),
    ] {
        let mut desktop = second_computer(&credentials).with(".taskrc", taskrc);
        let run = desktop.run(&format!("{JOIN}{words}"), &server);
        assert_eq!(run.exit, Exit::Fine);
        assert_eq!(run.talk.contains("note: recurring tasks are left to the first computer"), expected, "{taskrc:?}");
        let written = desktop.read(".taskrc").unwrap().contains("\nrecurrence=off\n# <<< taskferry");
        assert_eq!(written, expected, "{taskrc:?}{words}");
    }
}

/// A picture of these texts as QR codes, one above the other.
fn picture(computer: &FakeComputer, name: &str, texts: &[&str]) {
    let (scale, quiet) = (4, 6);
    let codes: Vec<_> = texts.iter().map(|text| qrcode::QrCode::new(text).unwrap()).collect();
    let side = codes.iter().map(qrcode::QrCode::width).max().unwrap() + 2 * quiet;
    let pixels = |modules: usize| u32::try_from(modules * scale).unwrap();
    let picture = image::GrayImage::from_fn(pixels(side), pixels(side * codes.len()), |x, y| {
        let (x, y) = (x as usize / scale, y as usize / scale);
        let code = &codes[y / side];
        let inside = quiet..quiet + code.width();
        let dark = inside.contains(&x)
            && inside.contains(&(y % side))
            && code[(x - quiet, y % side - quiet)] == qrcode::Color::Dark;
        image::Luma([if dark { 0 } else { 255 }])
    });
    picture.save(computer.path(name)).unwrap();
}

#[test]
fn the_picture_that_one_computer_saves_brings_the_other_one_in() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    for words in ["--png link.png", "--text --png link.png"] {
        let mut laptop = FakeComputer::new().with(".taskrc", &lines_of(&credentials));
        assert_eq!(laptop.run(&format!("share {words}"), &server).exit, Exit::Fine);
        let mut desktop = FakeComputer::new();
        std::fs::copy(laptop.path("link.png"), desktop.path("photo")).unwrap();
        let run = desktop.run("join --image photo --yes --keep-recurrence", &server);
        assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
        assert!(desktop.read(".taskrc").unwrap().contains(&lines_of(&credentials)));
    }
}

#[test]
fn among_several_codes_the_one_of_ours_is_taken_and_named() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let mut desktop = FakeComputer::new();
    picture(&desktop, "desk.png", &["https://shop.example/42", &credentials.to_text()]);
    let run = desktop.run("join --image desk.png --yes", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("2 QR codes are in the picture; number "), "{}", run.talk);
}

#[test]
fn a_picture_without_one_clear_link_is_refused_by_what_it_shows() {
    let server = FakeServer::taskferry();
    let link = |id| server.credentials(id, "sesame").to_text().to_string();
    let damaged = link(1).replace("/j#A", "/j#B");
    for (texts, what) in [
        (vec!["https://shop.example/42".to_owned()], "no QR code in `[HOME]/p.png` is a setup link"),
        (vec!["a".into(), "b".into()], "none of the 2 QR codes in `[HOME]/p.png` is a setup link"),
        (vec![link(1), link(2)], "`[HOME]/p.png` shows the setup links of 2 accounts"),
        (vec![damaged, "a".into()], "the setup link has a typing error"),
    ] {
        let mut desktop = FakeComputer::new();
        picture(&desktop, "p.png", &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let run = desktop.run("join --image p.png --yes", &server);
        refused(&run, &desktop, what);
        assert!(run.talk.contains("hint: "), "{}", run.talk);
    }
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn what_share_gives_to_a_script_is_read_back_and_join_tells_what_arrived() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let shared = FakeComputer::new().with(".taskrc", &lines_of(&credentials)).run("share --json", &server).data;
    let mut desktop = FakeComputer::new().with(".task/arrives", "14").with(".task/pending", "5").with_input(&shared);
    let data = |run: Transcript| run.data.replace(&server.url(), "[SERVER]");
    assert_snapshot!(data(desktop.run(&format!("{JOIN} --json"), &server)), @r#"{"outcome":"joined","server":"[SERVER]","arrived":14,"tasks":{"all":14,"pending":5}}"#);
    let again = FakeComputer::new()
        .with(".taskrc", &lines_of(&credentials))
        .with_input(&shared)
        .run(&format!("{JOIN} --json"), &server);
    assert_snapshot!(data(again), @r#"{"outcome":"already-joined","server":"[SERVER]","arrived":0,"tasks":{"all":0,"pending":0}}"#);
}

#[test]
fn a_typing_error_is_located_and_can_be_mended_at_the_prompt() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.empty_account(&credentials);
    let link = credentials.to_text();
    let damaged = link.replace("/j#A", "/j#B");
    let script = [("paste", damaged.as_str()), ("paste", link.as_str()), ("go on?", "enter")];
    let run = FakeComputer::new().with_person(&script).run("join", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.contains("has a typing error: character "), "{}", run.talk);
}

#[test]
fn ctrl_c_at_a_question_changes_nothing() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let link = credentials.to_text();
    let mut desktop = FakeComputer::new().with_person(&[("paste", &link), ("go on?", "ctrl-c")]);
    let run = desktop.run("join", &server);
    assert_eq!(run.exit, Exit::Interrupted);
    assert_eq!(desktop.read(".taskrc"), None);
}

#[test]
fn credentials_that_no_taskrc_can_hold_are_refused_before_the_server_hears_of_them() {
    let server = FakeServer::taskferry();
    for secret in ["pa#ss", "pa$s", "~home", "pa\\ss"] {
        let mut desktop = second_computer(&server.credentials(1, secret));
        let run = desktop.run(JOIN, &server);
        refused(&run, &desktop, "these credentials can't be used with Taskwarrior");
        assert!(!run.talk.contains(secret), "{}", run.talk);
    }
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn own_tasks_count_without_a_taskrc_too() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let mut desktop = second_computer(&credentials).with_tasks(3).with(".task/arrives", "4");
    let run = desktop.run(JOIN, &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.contains("and sends 3 tasks of this computer"), "{}", run.talk);
    assert!(run.talk.contains("joined; 4 tasks arrived\nthis computer now has 7 tasks"), "{}", run.talk);
}

#[test]
fn without_a_taskrc_and_tasks_a_refusal_leaves_no_folder_behind() {
    let server = FakeServer::taskferry();
    let mut desktop = second_computer(&server.credentials(1, "sesame"));
    std::fs::remove_dir_all(desktop.path(".task")).unwrap();
    let run = desktop.run(JOIN, &server);
    refused(&run, &desktop, "does not know this account");
    assert!(!desktop.path(".task").exists());
}

/// Every `task` fails there until the file is made, and the wizard is what makes it.
#[test]
fn a_computer_with_the_same_dotfiles_gets_the_private_file_that_they_include() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let taskrc = "color=off\n# >>> taskferry: sync settings; `taskferry share` shows them >>>\n\
                  include ~/.config/taskferry/sync.taskrc\n# <<< taskferry <<<\n";
    let mut desktop = second_computer(&credentials).with(".taskrc", taskrc).with_tasks(2);
    let run = desktop.run(JOIN, &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("\n  create `~/.config/taskferry/sync.taskrc`\n"), "{}", run.talk);
    assert!(!run.talk.contains("change `") && run.talk.contains("sends 2 tasks"), "{}", run.talk);
    assert_eq!(desktop.read(".taskrc").as_deref(), Some(taskrc));
    assert!(desktop.read(".config/taskferry/sync.taskrc").unwrap().contains("\nsync.encryption_secret=sesame\n"));

    let again = desktop.run(JOIN, &server);
    assert_eq!(again.exit, Exit::Fine, "{}", again.talk);
}

#[test]
fn a_link_to_a_server_on_the_other_computer_itself_is_recognised_where_nobody_answers() {
    let server = FakeServer::taskferry();
    let nobody = Credentials { server: "http://127.0.0.1:1".parse().unwrap(), ..server.credentials(1, "sesame") };
    let mut desktop = FakeComputer::new().with_input(&nobody.to_text());
    let run = desktop.run("join --from-stdin --yes", &server);
    assert_eq!(run.exit, Exit::Failed);
    let hint = "\nhint: `127.0.0.1` is this very computer: if the server runs on the other one, run `taskferry share --server \
                http://…` there, with the address that others reach, and join with that link\nhint: the credentials are kept";
    assert!(run.talk.contains(hint), "{}", run.talk);
}
