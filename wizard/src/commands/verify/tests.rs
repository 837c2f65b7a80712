//! Whole runs of `taskferry verify`: what is said of each part, that nothing is sent where a part is bad, and that what was
//! left unfinished is finished.

use insta::assert_snapshot;
use taskferry_protocol::{VersionId, wire};

use crate::credentials::Credentials;
use crate::error::Exit;
use crate::testing::computer::{FakeComputer, Transcript};
use crate::testing::server::{FakeServer, version};

/// A computer with these credentials in its taskrc, which only its owner can read.
fn set_up(credentials: &Credentials) -> FakeComputer {
    let Credentials { server, client_id, secret } = credentials;
    let (id, secret) = (client_id.expose(), secret.expose());
    let lines = format!("sync.server.url={server}\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n");
    private(FakeComputer::new().with(".taskrc", &lines))
}

fn private(computer: FakeComputer) -> FakeComputer {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(computer.path(".taskrc"), PermissionsExt::from_mode(0o600)).unwrap();
    computer
}

/// A Taskferry, and credentials of an account with two tasks.
fn world() -> (FakeServer, Credentials) {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&[(1, "buy milk")], &[(2, "call Ada")]]);
    (server, credentials)
}

const BOTH: [(u128, &str); 2] = [(1, "buy milk"), (2, "call Ada")];

/// The run ended with 3 and this problem, and Taskwarrior was not even started to sync.
#[track_caller]
fn found(run: &Transcript, computer: &FakeComputer, problem: &str) {
    assert_eq!(run.exit, Exit::Found, "{}", run.talk);
    assert!(run.talk.contains(&format!("\n  problem  {problem}")), "{}", run.talk);
    assert!(run.talk.contains("\n           hint: "), "{}", run.talk);
    assert!(run.talk.contains("error: sync does not work as it should: 1 problem was found\n"), "{}", run.talk);
    assert_eq!(computer.syncs(), 0);
}

#[test]
fn where_all_is_well_every_part_is_named_and_the_sync_is_proved() {
    let (server, credentials) = world();
    let mut laptop = set_up(&credentials).with_database(version(2), &BOTH, 0);
    let run = laptop.run("verify", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
      ok       Taskwarrior: 3.5.0 (`~/bin/task`)
      ok       settings: sync with `[SERVER]`, account `00000000…`
      ok       other ways to sync: none is configured
      ok       context: none overrides the sync settings
      ok       permissions: only you can read `~/.taskrc`
      ok       recurrence: no task recurs
      ok       proxy: none, requests go straight to the server
      ok       name: `127.0.0.1` is an address already
      ok       connection: `127.0.0.1` answers on port [PORT]
      ok       encryption: none (`http://`), on a network of your own
      ok       sync server: Taskferry 9.9.9
      ok       description: everybody may create an account there
      ok       clock: agrees with the server's
      ok       protocol: answers as it should
      ok       account: is there, and in use
      ok       room: 748 B used, and no limit
      ok       secret: unseals the account's tasks
      ok       position: up to date

    running `task sync` …
    comparing this computer with what the server holds …
    proved: the account, rebuilt from the server, has the same 2 tasks as this computer

    sync with `[SERVER]` works, and this computer and the account have the same 2 tasks
    ");
    assert_eq!(laptop.syncs(), 1);
    assert_eq!(run.data, "");
}

#[test]
fn another_server_of_the_protocol_is_verified_without_what_only_taskferry_tells() {
    let server = FakeServer::other();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&[(1, "buy milk")]]);
    let run = set_up(&credentials).with_database(version(1), &BOTH[..1], 0).run("verify", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("\n  skipped  account: this server can't tell unknown accounts"), "{}", run.talk);
    assert!(run.talk.contains("\n  ok       secret: unseals"), "{}", run.talk);
    assert!(run.talk.contains("has the same 1 task as this computer"), "{}", run.talk);
}

#[test]
fn with_no_sync_it_only_looks() {
    let (server, credentials) = world();
    let mut laptop = set_up(&credentials);
    assert_eq!(laptop.run("verify --no-sync", &server).exit, Exit::Fine);
    assert_eq!(laptop.syncs(), 0);
    assert!(server.asked().iter().all(|request| request.starts_with("GET ")), "{:?}", server.asked());
}

#[test]
fn a_computer_without_sync_is_told_how_to_begin() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "settings: sync is not set up on this computer");
    assert!(run.talk.contains("  skipped  what needs `settings` first: permissions, "), "{}", run.talk);
    assert_eq!(laptop.read(".taskrc"), None);
}

#[test]
fn a_missing_taskwarrior_is_the_one_problem() {
    let (server, credentials) = world();
    let mut laptop = set_up(&credentials);
    std::fs::remove_file(laptop.path("bin/task")).unwrap();
    let run = laptop.run("verify", &server);
    assert_eq!(run.exit, Exit::Found);
    assert!(run.talk.starts_with("  problem  Taskwarrior: Taskwarrior is not installed"), "{}", run.talk);
    assert!(run.talk.contains("1 problem was found"), "{}", run.talk);
}

#[test]
fn a_wrong_secret_is_found_before_it_spoils_the_account() {
    let (server, credentials) = world();
    let wrong = server.credentials(1, "sesamE");
    let mut laptop = set_up(&wrong).with_database(version(2), &BOTH, 100);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "secret: the encryption secret does not fit the tasks on the server");
    assert!(!run.talk.contains("sesam"), "{}", run.talk);
    drop(credentials);
}

#[test]
fn an_unknown_and_a_disabled_account_are_told_apart() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    let mut laptop = set_up(&credentials);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "account: `[SERVER]` does not know this account");
    server.disabled_account(&credentials);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "account: the account is disabled at `[SERVER]`");
}

#[test]
fn a_device_that_the_account_left_behind_is_led_to_repair() {
    let (server, credentials) = world();
    let mut laptop = set_up(&credentials).with_database(version(77), &BOTH, 0);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "position: the account does not have the version at which this computer was last");
    assert!(run.talk.contains("hint: run `taskferry repair`: it brings both together again"), "{}", run.talk);
}

#[test]
fn an_emptied_account_is_noticed_although_taskwarrior_would_report_success() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.empty_account(&credentials);
    let mut laptop = set_up(&credentials).with_database(version(2), &BOTH, 0);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "position: this computer has synced before, but the account is empty");
}

#[test]
fn a_computer_that_is_behind_or_has_something_to_send_is_fine() {
    let (server, credentials) = world();
    let run = set_up(&credentials).with_database(version(1), &BOTH[..1], 0).run("verify --no-sync", &server);
    assert!(run.talk.contains("  ok       position: the account has something newer"), "{}", run.talk);
    let run = set_up(&credentials).with_database(version(2), &BOTH, 100).run("verify --no-sync", &server);
    assert!(run.talk.contains("  ok       position: up to date; changes of 1 task wait to be sent\n"), "{}", run.talk);
}

#[test]
fn a_wrong_path_or_a_web_page_is_not_taken_for_a_sync_server() {
    let server = FakeServer::other().answers(404, ("x", "y"), b"");
    let mut laptop = set_up(&server.credentials(1, "sesame"));
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "sync server: `[SERVER]` answers, but it is not a TaskChampion sync server");
}

#[test]
fn a_server_that_is_down_is_one_problem_and_what_builds_on_it_is_skipped() {
    let (server, credentials) = world();
    let down = Credentials { server: "http://127.0.0.1:1".parse().unwrap(), ..credentials };
    let mut laptop = set_up(&down);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "connection: nobody listens on port 1 of `127.0.0.1`");
    let skipped =
        "\n  skipped  what needs `connection` first: encryption, sync server, description, clock, protocol, account, ";
    assert!(run.talk.contains(skipped), "{}", run.talk);
}

#[test]
fn a_name_that_leads_nowhere_is_said_to() {
    let (server, credentials) = world();
    let nowhere = Credentials { server: "http://tasks.invalid.localdomain.internal".parse().unwrap(), ..credentials };
    let mut laptop = set_up(&nowhere);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "name: `tasks.invalid.localdomain.internal` leads to no address");
}

#[test]
fn an_active_context_and_other_ways_to_sync_are_found() {
    let (server, credentials) = world();
    let taskrc = set_up(&credentials).read(".taskrc").unwrap();
    let context = format!("{taskrc}context=work\ncontext.work.rc.sync.server.url=https://b.example\n");
    let mut laptop = private(FakeComputer::new().with(".taskrc", &context));
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "context: the active context `work` overrides `sync.server.url`");
    let mut laptop = private(FakeComputer::new().with(".taskrc", &format!("{taskrc}sync.local.server_dir=/x\n")));
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "other ways to sync: `sync.local.server_dir` is set");
}

#[test]
fn a_taskrc_that_taskwarrior_can_not_read_is_one_problem() {
    let (server, credentials) = world();
    let taskrc = set_up(&credentials).read(".taskrc").unwrap();
    let mut laptop = private(FakeComputer::new().with(".taskrc", &format!("{taskrc}rubbish\n")));
    let run = laptop.run("verify", &server);
    assert_snapshot!(run.talk, @r"
      ok       Taskwarrior: 3.5.0 (`~/bin/task`)
      problem  settings: `task _get` failed: Malformed entry 'rubbish' in config file.
               hint: mend or remove that line of your taskrc: each is a setting (`name=value`), an `include`, or a comment (`#`)
      skipped  what needs `settings` first: other ways to sync, context, permissions, recurrence, proxy, name, connection, encryption, sync server, description, clock, protocol, account, room, secret, position

    error: sync does not work as it should: 1 problem was found

    hint: mend what is named above, then run the same command again
    ");
    assert_eq!(run.exit, Exit::Found);
}

/// They would seem to be lost, since no sync brings them.
#[test]
fn tasks_of_taskwarrior_2_that_were_never_imported_are_told_of() {
    let (server, credentials) = world();
    let id = uuid::Uuid::from_u128(1);
    let laptop = set_up(&credentials).with(".task/pending.data", &format!("[description:\"milk\" uuid:\"{id}\"]\n"));
    let mut laptop = laptop.with_database(version(2), &[], 0);
    let said = "  warning  older tasks: not imported yet: 1 task of Taskwarrior 2 in `~/.task`, which no sync takes along\n           \
                hint: run `taskferry sync`; if they are missing still, run `task import-v2`, then `taskferry sync` again\n";
    let run = laptop.run("verify --no-sync", &server);
    assert!(run.talk.contains(said), "{}", run.talk);
    let run = laptop.with_database(version(2), &BOTH, 0).run("verify --no-sync", &server);
    assert!(!run.talk.contains("older tasks"), "they are there: {}", run.talk);
}

#[test]
fn what_may_hurt_later_is_a_warning_and_no_problem() {
    let server = FakeServer::taskferry().with_clock_ahead(3 * 3600);
    let credentials = server.credentials(1, "sesame");
    server.empty_account(&credentials);
    let run = set_up(&credentials).run("verify --no-sync", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(
        run.talk.contains("  warning  clock: this computer's clock is 3 hours behind the server's"),
        "{}",
        run.talk
    );
}

#[test]
fn a_full_account_is_a_problem() {
    let server = FakeServer::taskferry().with_quota(10);
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&BOTH]);
    let mut laptop = set_up(&credentials);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "room: ");
    assert!(run.talk.contains("of 10 B used: nothing more is accepted"), "{}", run.talk);
}

#[test]
fn json_has_every_finding_and_nothing_else_on_standard_output() {
    let (server, _) = world();
    let run = set_up(&server.credentials(1, "sesamE")).run("verify --json", &server);
    assert_eq!(run.exit, Exit::Found);
    let json: serde_json::Value = serde_json::from_str(&run.data).unwrap();
    assert_eq!(json["works"], false);
    let findings = json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), crate::checks::all().len());
    let secret = findings.iter().find(|finding| finding["check"] == "secret").unwrap();
    assert_eq!(secret["outcome"], "problem");
    assert!(secret["remedy"].as_str().unwrap().starts_with("don't run `task sync` here"));
    assert!(!run.talk.contains("  problem  "), "{}", run.talk);
}

#[test]
fn a_server_that_wakes_up_is_waited_for_and_the_wait_is_told() {
    let (server, credentials) = world();
    server.refuses_for_now(2);
    let run = set_up(&credentials).run("verify --no-sync", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    let wait = "sync server: `[SERVER]` can't answer right now (status 503); trying again in 1 s\n";
    assert_eq!(run.talk.matches(wait).count(), 2, "{}", run.talk);
}

#[test]
fn a_server_that_never_wakes_up_is_a_problem_in_the_end() {
    let (server, credentials) = world();
    server.refuses_for_now(u32::MAX);
    let mut laptop = set_up(&credentials);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "sync server: `[SERVER]` can't answer right now (status 503)");
}

/// What Taskwarrior reports as success after it lost the rest of a large push.
#[test]
fn tasks_that_the_account_lacks_are_found_and_put_back_where_somebody_says_yes() {
    let (server, credentials) = world();
    let three = [BOTH[0], BOTH[1], (3, "lost on the way")];
    let laptop = || set_up(&credentials).with_database(version(2), &three, 0);

    let run = laptop().run("verify", &server);
    assert_eq!(run.exit, Exit::Found);
    let lacks =
        "the account lacks 1 of the 3 tasks on this computer, or parts of them, though Taskwarrior takes them for sent";
    assert!(run.talk.contains(&format!("error: {lacks}\n")), "{}", run.talk);
    assert!(run.talk.contains("hint: run `taskferry sync --mend`"), "{}", run.talk);
    let run = laptop().with_person(&[("put all 3 tasks of this computer", "no")]).run("verify", &server);
    assert_eq!(run.exit, Exit::Found);
    assert!(!server.has_snapshot(&credentials), "{}", run.talk);
    let run = laptop().with_person(&[("put all 3 tasks of this computer", "ctrl-c")]).run("verify", &server);
    let stands =
        "\nstopped; your tasks are safe on this computer; run `taskferry sync --mend` to put them on the server\n";
    assert_eq!(run.exit, Exit::Interrupted);
    assert!(run.talk.ends_with(stands) && !server.has_snapshot(&credentials), "a sync came before: {}", run.talk);

    let run = laptop().with_person(&[("put all 3 tasks of this computer", "yes")]).run("verify", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("mended: the account now has the same 3 tasks as this computer"), "{}", run.talk);
    assert!(server.has_snapshot(&credentials));
    let run = laptop().run("verify", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
}

/// A snapshot of this computer would hide there what only the account has.
#[test]
fn an_account_with_tasks_of_its_own_is_never_overwritten() {
    let (server, credentials) = world();
    for mine in [&BOTH[..1], &[BOTH[0], (2, "call Grace")], &[BOTH[0], (3, "x")]] {
        let run = set_up(&credentials).with_database(version(2), mine, 0).run("verify --mend", &server);
        assert_eq!(run.exit, Exit::Found);
        assert!(run.talk.contains("error: this computer and the account differ, though both are"), "{}", run.talk);
        assert!(!server.has_snapshot(&credentials));
    }
}

/// The same account, and not the same secret: that is what the join was for.
#[test]
fn a_join_with_the_right_secret_is_not_forgotten_on_a_computer_that_has_a_wrong_one() {
    let (server, credentials) = world();
    let (id, url) = (credentials.client_id.expose(), server.url());
    let mistyped = format!("sync.server.url={url}\nsync.server.client_id={id}\nsync.encryption_secret=wrong\n");
    let mut desktop = FakeComputer::new().with_input(&credentials.to_text()).with(".taskrc", &mistyped);
    server.refuses_for_now(u32::MAX);
    assert_eq!(desktop.run("join --from-stdin --replace --yes", &server).exit, Exit::Failed);
    server.refuses_for_now(0);
    let status = desktop.run("status", &server).talk;
    assert!(!status.contains("`task sync`"), "{status}");
    assert!(status.ends_with("note: a join waits to be finished; run `taskferry verify`\n"), "{status}");
    let run = desktop.run("verify --yes", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(!desktop.read(".taskrc").unwrap().contains("wrong"), "{}", run.talk);
    assert_eq!(desktop.read(".local/state/taskferry/pending.json"), None);
}

#[test]
fn a_join_that_a_server_interrupted_is_finished() {
    let (server, credentials) = world();
    let mut desktop = FakeComputer::new().with_input(&credentials.to_text()).with(".task/arrives", "2");
    server.refuses_for_now(u32::MAX);
    let run = desktop.run("join --from-stdin --yes", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk.lines().filter(|line| !line.contains("trying again")).collect::<Vec<_>>().join("\n"), @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    error: `[SERVER]` can't answer right now (status 503)

    hint: the credentials are kept in `~/.local/state/taskferry/pending.json`, which only you can read; nothing else was changed
    hint: run `taskferry verify` to finish once the server answers, or `taskferry undo` to forget them
    ");
    assert_eq!((desktop.read(".taskrc"), desktop.syncs()), (None, 0));
    let pending = desktop.read(".local/state/taskferry/pending.json").unwrap();

    // Still down: everything stays as it is.
    let run = desktop.run("verify --yes", &server);
    assert_eq!(run.exit, Exit::Found);
    assert_eq!(desktop.read(".local/state/taskferry/pending.json"), Some(pending.clone()));
    assert_eq!(desktop.read(".taskrc"), None);

    server.refuses_for_now(0);
    let mut desktop = desktop.with_person(&[("go on?", "enter")]);
    let run = desktop.run("verify", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.starts_with("finishing to join the account at `[SERVER]`\n"), "{}", run.talk);
    assert!(run.talk.contains("joined; 2 tasks arrived"), "{}", run.talk);
    assert_eq!(desktop.read(".local/state/taskferry/pending.json"), None);

    // Killed after the settings were written, and before the file was removed.
    let mut desktop = desktop.with(".local/state/taskferry/pending.json", &pending);
    let run = desktop.run("verify", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(!run.talk.contains("finishing"), "{}", run.talk);
    assert_eq!(desktop.read(".local/state/taskferry/pending.json"), None);
}

#[test]
fn a_link_that_was_kept_and_proves_wrong_later_still_changes_nothing() {
    let (server, _) = world();
    let wrong = server.credentials(1, "sesamE");
    server.refuses_for_now(u32::MAX);
    let mut desktop = FakeComputer::new().with_input(&wrong.to_text());
    assert_eq!(desktop.run("join --from-stdin --yes", &server).exit, Exit::Failed);
    server.refuses_for_now(0);
    let run = desktop.run("verify --yes", &server);
    assert_eq!(run.exit, Exit::Found);
    assert!(run.talk.contains("the encryption secret does not fit"), "{}", run.talk);
    assert_eq!(desktop.read(".taskrc"), None);
}

#[test]
fn a_setup_whose_registration_was_refused_for_now_is_finished() {
    let server = FakeServer::taskferry();
    server.refuses_for_now_at(wire::REGISTER, u32::MAX);
    let mut laptop = FakeComputer::new();
    let run = laptop.run("setup --yes --server [SERVER]", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(
        run.talk.contains("error: the settings are in place, but the server could not be reached\n"),
        "{}",
        run.talk
    );
    assert!(run.talk.ends_with("hint: run `taskferry verify` to finish, once the server answers\n"), "{}", run.talk);
    let taskrc = laptop.read(".taskrc").unwrap();
    assert_eq!((server.accounts(), laptop.syncs()), (0, 0));
    assert!(!laptop.read(".local/state/taskferry/pending.json").unwrap().contains("secret"));

    server.refuses_for_now_at(wire::REGISTER, 0);
    let run = laptop.run("verify --no-sync", &server);
    assert!(run.talk.contains("the account is registered at `[SERVER]`\n"), "{}", run.talk);
    assert_eq!(server.accounts(), 1);
    assert_eq!(laptop.read(".taskrc"), Some(taskrc));
    assert_eq!(laptop.read(".local/state/taskferry/pending.json"), None);
}

#[test]
fn who_is_sure_of_the_address_sets_up_while_the_server_is_down() {
    let server = FakeServer::taskferry();
    server.refuses_for_now(u32::MAX);
    let script = [("set up now, and finish later", "yes"), ("go on?", "enter")];
    let mut asked = FakeComputer::new().with_person(&script);
    let run = asked.run("setup --server [SERVER]", &server);
    assert_eq!(run.exit, Exit::Failed, "{}", run.talk);
    let mut flagged = FakeComputer::new();
    let run = flagged.run("setup --yes --later --server [SERVER]", &server);
    assert_eq!(run.exit, Exit::Failed, "{}", run.talk);

    server.refuses_for_now(0);
    for computer in [&mut asked, &mut flagged] {
        assert!(computer.read(".taskrc").unwrap().contains("sync.server.url="));
        let run = computer.run("verify --no-sync", &server);
        assert!(run.talk.contains("the account is registered"), "{}", run.talk);
    }
    assert_eq!(server.accounts(), 2);
}

const INVITE: &str = "GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ";

#[test]
fn an_invite_is_kept_with_what_waits_for_the_server() {
    let server = FakeServer::taskferry().invites(INVITE);
    server.refuses_for_now(u32::MAX);
    let mut laptop = FakeComputer::new();
    let run = laptop.run(&format!("setup --yes --later --server [SERVER] --invite {INVITE}"), &server);
    assert_eq!(run.exit, Exit::Failed, "{}", run.talk);
    server.refuses_for_now(0);
    let run = laptop.run("verify --no-sync", &server);
    assert!(run.talk.contains("the account is registered"), "{}", run.talk);
    assert_eq!(server.accounts(), 1);
}

#[test]
fn an_invite_that_is_needed_only_later_can_still_be_given() {
    let server = FakeServer::taskferry().invites(INVITE);
    server.refuses_for_now(u32::MAX);
    let mut laptop = FakeComputer::new();
    laptop.run("setup --yes --later --server [SERVER]", &server);
    let mut desktop = FakeComputer::new();
    desktop.run("setup --yes --later --server [SERVER]", &server);
    server.refuses_for_now(0);

    let run = laptop.run("verify", &server);
    assert_eq!(run.exit, Exit::Usage, "{}", run.talk);
    assert!(run.talk.contains("hint: run `taskferry setup --invite CODE` to finish"), "{}", run.talk);
    let run = laptop.run(&format!("setup --invite {INVITE}"), &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    let run = desktop.with_person(&[("invite", INVITE)]).run("verify --no-sync", &server);
    assert!(run.talk.contains("the account is registered"), "{}", run.talk);
    assert_eq!(server.accounts(), 2);
}

#[test]
fn a_join_that_takes_another_accounts_place_is_finished_too() {
    let (server, credentials) = world();
    let present = server.credentials(2, "mellon");
    server.empty_account(&present);
    let mut desktop = private(FakeComputer::new().with(".taskrc", &set_up(&present).read(".taskrc").unwrap()));
    desktop = desktop.with_input(&credentials.to_text());
    server.refuses_for_now(u32::MAX);
    assert_eq!(desktop.run("join --from-stdin --yes --replace", &server).exit, Exit::Failed);
    server.refuses_for_now(0);
    let run = desktop.run("verify --yes", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("joined; "), "{}", run.talk);
    assert!(desktop.read(".taskrc").unwrap().contains(&credentials.client_id.expose().to_string()));
}

#[test]
fn a_script_gets_findings_also_where_a_join_was_finished() {
    let (server, credentials) = world();
    let mut desktop = FakeComputer::new().with_input(&credentials.to_text());
    server.refuses_for_now(u32::MAX);
    let run = desktop.run("join --from-stdin --yes --json", &server);
    let json: serde_json::Value = serde_json::from_str(&run.data).unwrap();
    assert!(json["hints"][1].as_str().unwrap().starts_with("run `taskferry verify` to finish"), "{json}");
    server.refuses_for_now(0);
    let run = desktop.run("verify --yes --json", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    let json: serde_json::Value = serde_json::from_str(&run.data).unwrap();
    assert_eq!(json["works"], true);
}

#[test]
fn what_waits_for_another_account_than_the_present_one_is_forgotten() {
    let (server, credentials) = world();
    server.refuses_for_now(u32::MAX);
    let mut desktop = FakeComputer::new().with_input(&server.credentials(2, "mellon").to_text());
    assert_eq!(desktop.run("join --from-stdin --yes", &server).exit, Exit::Failed);
    server.refuses_for_now(0);
    let mut desktop = private(desktop.with(".taskrc", &set_up(&credentials).read(".taskrc").unwrap()));
    let run = desktop.run("verify --no-sync", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("note: something was left unfinished for another account"), "{}", run.talk);
    assert_eq!(desktop.read(".local/state/taskferry/pending.json"), None);
}

#[test]
fn a_setup_that_was_killed_before_it_wrote_anything_can_begin_again() {
    let server = FakeServer::taskferry();
    let pending =
        format!(r#"{{"pending":"setup","server":"{}","account":"{}"}}"#, server.url(), uuid::Uuid::from_u128(1));
    let mut laptop = FakeComputer::new().with(".local/state/taskferry/pending.json", &pending);
    let run = laptop.run("verify", &server);
    found(&run, &laptop, "settings: sync is not set up on this computer");
    assert!(run.talk.starts_with("note: a setup was stopped before anything was written"), "{}", run.talk);
    assert_eq!((laptop.read(".local/state/taskferry/pending.json"), server.accounts()), (None, 0));
}

#[test]
fn a_base_of_nil_is_a_computer_that_never_synced() {
    let (server, credentials) = world();
    let run = set_up(&credentials).with_database(VersionId::NIL, &[], 0).run("verify --no-sync", &server);
    assert!(run.talk.contains("  ok       position: the account has something newer"), "{}", run.talk);
}
