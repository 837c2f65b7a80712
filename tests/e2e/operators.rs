//! What an operator does to accounts, beside a running server.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use e2e::{Account, Replica, wait};
use taskferry_protocol::VersionId;
use taskferry_protocol::describe::AccountState;

use crate::{PROGRAMS, server};

#[test]
fn every_account_is_listed_by_its_hash_and_never_by_its_id() {
    let server = server();
    let (ada, bob) = (server.account(), server.account());
    let [.., latest] = ada.grow::<3>();
    ada.add_snapshot(latest, "a snapshot").good();

    let list = server.ask_operator(["account", "list"]);
    let all = list.as_array().expect("a list");
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["versions"], &all[0]["snapshot"]["bytes"]), (&3.into(), &10.into()));
    assert_eq!(all[1]["account"].as_str(), Some(server.hash_of(&bob).as_str()));

    let table = server.operate(["client", "ls"]).good().stdout;
    assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    for text in [list.to_string(), table, server.operate(["account", "show", &server.hash_of(&ada)]).good().stdout] {
        assert!(!text.contains(&ada.id().expose().to_string()), "{text}");
    }
    let revealed = server.operate(["account", "show", "--reveal", &server.hash_of(&ada)]).good().stdout;
    assert!(revealed.contains(&ada.id().expose().to_string()), "{revealed}");
}

#[test]
fn a_disabled_account_is_refused_with_the_operators_reason_until_it_is_enabled() {
    let server = server();
    let (ada, bob) = (server.account(), server.account());
    let [latest] = ada.grow();
    ada.child_of(latest).is_nothing_there();

    let hash = server.hash_of(&ada);
    server.operate(["account", "disable", &hash[..6], "--reason", "please write to me"]).good();
    wait::until("the server notices", || ada.child_of(latest).status == 403);
    let refused = ada.child_of(latest).refused(403, "account_disabled");
    assert!(refused.detail.contains("please write to me"), "{refused:?}");
    ada.snapshot().refused(403, "account_disabled");
    ada.add_version(latest, "in the middle of a push").refused(403, "account_disabled");
    ada.add_snapshot(latest, "a snapshot").refused(403, "account_disabled");
    ada.register().refused(403, "account_disabled");
    assert_eq!(ada.info().state, AccountState::Disabled);
    bob.append(VersionId::NIL, "bob's, as ever");

    server.operate(["account", "enable", &hash]).good();
    wait::until("the server notices", || ada.child_of(latest).status == 404);
    assert_eq!(ada.chain().len(), 1);
    ada.append(latest, "and on it goes");
}

#[test]
fn a_deleted_account_is_not_started_again_by_an_old_device() {
    let server = server();
    let settings = server.new_account();
    let mut laptop = Replica::with(&settings);
    laptop.add("buy milk");
    laptop.sync().good();

    let account = Account::known_as(server.address(), settings.client_id);
    let hash = server.hash_of(&account);
    server.operate(["account", "rm", &hash, "--yes"]).good();
    wait::until("the server notices", || account.snapshot().status == 403);
    laptop.add("call Ada");
    laptop.sync().fails_with("403");
    Replica::with(&settings).sync().fails_with("403");
    account.register().refused(403, "account_deleted");
    account.describe().refused(403, "account_deleted");
    server.operate(["account", "create", &settings.client_id.expose().to_string()]).fails_with("was deleted");

    // Within the time of grace it comes back whole, and the laptop goes on as if nothing had been.
    server.operate(["account", "enable", &hash]).good();
    wait::until("the server notices", || account.snapshot().status != 403);
    laptop.sync().good();
    let mut phone = Replica::with(&settings);
    phone.sync().good();
    assert_eq!(phone.tasks(), laptop.tasks());
    assert_eq!(phone.tasks().len(), 2);
}

#[test]
fn after_its_time_of_grace_a_deleted_account_is_erased_and_still_refused() {
    let server = server();
    let (ada, bob) = (server.account(), server.account());
    let [.., latest] = ada.grow::<50>();
    ada.add_snapshot(latest, vec![7; 1_000_000]).good();
    bob.grow::<2>();

    let hash = server.hash_of(&ada);
    server.operate(["account", "delete", &hash, "--grace", "0d", "--yes"]).good();
    wait::until("the server has erased it", || server.ask_operator(["account", "show", &hash])["state"] == "erased");
    let left = server.ask_operator(["account", "show", &hash]);
    assert_eq!((&left["versions"], &left["version_bytes"]), (&0.into(), &0.into()));
    assert!(left["snapshot"].is_null(), "{left}");
    ada.add_version(VersionId::NIL, "starting anew").refused(403, "account_deleted");
    server.operate(["account", "enable", &hash]).exits_with(1);
    assert_eq!(bob.chain().len(), 2);
}

#[test]
fn deleting_asks_and_without_anybody_to_ask_it_does_nothing() {
    let server = server();
    let account = server.account();
    let refused = server.operate(["account", "delete", &server.hash_of(&account)]).exits_with(2);
    assert!(refused.stderr.contains("--yes"), "{refused}");
    account.append(VersionId::NIL, "still there");
}

#[test]
fn at_a_terminal_deleting_tells_what_it_means_and_only_a_yes_is_a_yes() {
    let server = server();
    let account = server.account();
    let [.., latest] = account.grow::<3>();
    let hash = server.hash_of(&account);
    for no in ["\n", "n\n", "what?\n", "\u{4}"] {
        let (code, screen) = server.operate_at_a_terminal(["account", "delete", &hash], no);
        assert_eq!(code, Some(1), "{no:?}: {screen}");
        for words in [hash.as_str(), "3 versions", "refused for ever", "stopped; nothing was changed"] {
            assert!(screen.contains(words), "{no:?}: {screen}");
        }
    }
    account.append(latest, "still there");
    let (code, screen) = server.operate_at_a_terminal(["account", "delete", &hash], "yes\n");
    assert_eq!(code, Some(0), "{screen}");
    wait::until("the server notices", || account.snapshot().status == 403);
}

#[test]
fn a_text_that_names_no_account_is_told_from_an_account_that_is_not_there() {
    let server = server();
    server.account();
    let nonsense = server.operate(["account", "show", "adas-laptop"]).exits_with(2);
    assert!(!nonsense.stderr.contains("adas-laptop"), "it might be a mistyped credential: {nonsense}");
    server.operate(["account", "show", "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab"]).exits_with(1);
    server.operate(["account", "disable", "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab"]).exits_with(1);
}

#[test]
fn a_mistyped_directory_is_an_error_and_no_new_database() {
    let setup = PROGRAMS.server();
    let nowhere = setup.data_dir().to_owned();
    let server = server();
    let verb =
        ["account", "create", "--data-dir"].map(Into::into).into_iter().chain([nowhere.clone().into_os_string()]);
    server.operate_as_typed(verb).fails_with("there is no data of a server");
    assert!(!nowhere.exists());
}

#[test]
fn the_verbs_find_the_data_by_the_servers_own_settings() {
    let server = server();
    let account = server.account();
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), format!("data_dir = {:?}\n", server.data_dir())).expect("a configuration file");
    let verb = ["account", "ls", "--config"].map(Into::into).into_iter().chain([file.path().as_os_str().to_owned()]);
    let listed = server.operate_as_typed(verb).good().stdout;
    assert!(listed.contains(&server.hash_of(&account)), "{listed}");
}

#[test]
fn what_root_does_leaves_nothing_behind_that_the_server_can_not_open() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        return; // only root could leave something behind
    }
    let mut server = server();
    server.account();
    server.stop();
    // A data directory of another user, in a place that this user can reach.
    fs::set_permissions(server.data_dir().parent().expect("a parent"), fs::Permissions::from_mode(0o755))
        .expect("permissions");
    let files =
        || fs::read_dir(server.data_dir()).expect("the data directory").map(|file| file.expect("a file").path());
    for path in files().chain([server.data_dir().to_owned()]) {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
    }
    // Another reader keeps the files beside the database from being removed again.
    let reader = rusqlite::Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    server.operate(["account", "create"]).good();
    let count: u32 = reader.query_row("SELECT count(*) FROM account", [], |row| row.get(0)).expect("a count");
    assert_eq!(count, 2);
    for file in files() {
        assert_eq!(fs::metadata(&file).expect("a file").uid(), NOBODY, "{}", file.display());
    }
}
