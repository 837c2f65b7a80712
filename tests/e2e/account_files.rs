//! An account moves, and is kept, in one file: whole or not at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Account, TaskHome, TestServer, wait};
use taskferry_protocol::VersionId;
use taskferry_protocol::account_file::check;
use taskferry_protocol::describe::AccountState;
use tempfile::TempDir;

use crate::{PROGRAMS, server};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// Writes the account into a file of this name, in a folder that lasts as long as the test.
#[track_caller]
fn export(server: &TestServer, account: &Account, folder: &TempDir) -> PathBuf {
    let path = folder.path().join("out.account");
    server.operate(["account", "export", &server.hash_of(account), text(&path)]).good();
    path
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn taskwarrior_carries_on_at_another_server_with_nothing_but_the_address_changed() {
    let (old, new, folder) = (server(), server(), folder());
    let settings = old.new_account();
    let laptop = TaskHome::with(&settings);
    laptop.task(["add", "made at the old server"]).good();
    laptop.sync().good();

    let file = export(&old, &Account::known_as(old.address(), settings.client_id), &folder);
    let told = new.operate(["account", "import", text(&file)]).good();
    assert!(told.stderr.contains("took over 1 version and a snapshot"), "{told}");

    let moved = e2e::SyncSettings { url: new.url(), ..settings };
    fs::write(laptop.taskrc(), moved.taskrc_lines()).expect("a taskrc");
    laptop.task(["add", "made at the new server"]).good();
    laptop.sync().good();
    let phone = TaskHome::with(&moved);
    phone.sync().good();
    assert_eq!((phone.tasks().len(), phone.tasks()), (2, laptop.tasks()));

    // And again: what went on here is not taken back.
    let again = new.operate(["account", "import", text(&file)]).good();
    assert!(again.stderr.contains("here already, with the same history; nothing was changed"), "{again}");
    phone.sync().good();
    assert_eq!(phone.tasks(), laptop.tasks());
}

#[test]
fn every_id_and_every_byte_arrives_and_the_quota_does_not() {
    let (old, new, folder) = (server(), server(), folder());
    let account = old.account();
    let [.., latest] = account.grow::<7>();
    let latest = account.append(latest, vec![b'x'; 900_000]);
    account.add_snapshot(latest, vec![b'y'; 700_000]).good();
    old.operate(["account", "quota", &old.hash_of(&account), "--bytes", "1GB"]).good();

    let file = export(&old, &account, &folder);
    let mode = fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds a credential");
    new.operate(["account", "import", text(&file)]).good();
    let moved = Account::known_as(new.address(), account.id());
    assert_eq!(moved.chain(), account.chain());
    assert_eq!(moved.snapshot().good().body, account.snapshot().good().body);
    let (here, there) = (moved.info(), account.info());
    assert_eq!(
        (here.snapshot, here.created_at, here.last_version_at),
        (there.snapshot, there.created_at, there.last_version_at)
    );
    assert_eq!(new.ask_operator(["account", "show", &new.hash_of(&moved)])["quota_bytes"], serde_json::Value::Null);
    new.operate(["db", "check"]).good();
    moved.append(latest, "goes on here");
}

#[test]
fn through_a_pipe_comes_the_file_and_nothing_else() {
    let (server, folder) = (server(), folder());
    let account = server.account();
    account.grow::<3>();
    let path = folder.path().join("piped.account");
    let piped = Command::new(PROGRAMS.server)
        .args(["account", "export", &server.hash_of(&account), "-", "--data-dir"])
        .arg(server.data_dir())
        .stdout(fs::File::create(&path).expect("a file"))
        .output()
        .expect("the program");
    assert!(piped.status.success() && piped.stderr.is_empty(), "{piped:?}");
    let head = check(fs::File::open(&path).expect("the file")).expect("a whole file");
    assert_eq!((head.versions, head.client_id), (3, account.id()));
    assert_eq!(head.server_epoch, Some(server.info().epoch));
}

#[test]
fn a_history_that_differs_is_refused_and_with_replace_it_is_kept_in_a_file() {
    let (old, new, folder) = (server(), server(), folder());
    let account = old.account();
    let theirs = account.grow::<2>();
    let here = Account::known_as(new.address(), account.id());
    let ours = here.append(VersionId::NIL, "ours");
    let file = export(&old, &account, &folder);

    let refused = new.operate(["account", "import", text(&file)]).exits_with(1);
    assert!(refused.stderr.contains("its history is another one") && refused.stderr.contains("--replace"), "{refused}");
    assert!(!refused.to_string().contains(&account.id().expose().to_string()), "no credential is shown");
    let nobody = new.operate(["account", "import", text(&file), "--replace"]).exits_with(2);
    assert!(nobody.stderr.contains("needs a yes"), "{nobody}");
    assert_eq!(here.chain().len(), 1);

    let done = new.ask_operator(["account", "import", text(&file), "--replace", "--yes"]);
    assert_eq!(done["outcome"], "replaced");
    wait::until("the server notices", || here.info().latest_version_id == theirs[1]);
    assert_eq!(here.chain(), account.chain());
    here.child_of(ours).refused(410, "version_gone");

    // What was here can be had back.
    let kept = PathBuf::from(done["kept"].as_str().expect("a path"));
    assert_eq!(fs::metadata(&kept).expect("the kept file").permissions().mode() & 0o777, 0o600);
    new.operate(["account", "import", text(&kept), "--replace", "--yes"]).good();
    wait::until("the server notices", || here.info().latest_version_id == ours);
    assert_eq!(here.chain()[0].body, b"ours");
    new.operate(["db", "check"]).good();
}

#[test]
fn what_was_switched_off_here_stays_off_and_what_was_deleted_comes_back_only_with_replace() {
    let (old, new, folder) = (server(), server(), folder());
    let account = old.account();
    account.grow::<2>();
    let file = export(&old, &account, &folder);
    let here = Account::known_as(new.address(), account.id());
    here.register();
    new.operate(["account", "disable", &new.hash_of(&here)]).good();
    let told = new.operate(["account", "import", text(&file)]).good();
    assert!(told.stderr.contains("it is disabled here"), "{told}");
    wait::until("the server notices", || here.info().versions == 2);
    assert_eq!(here.info().state, AccountState::Disabled);

    let hash = new.hash_of(&here);
    new.operate(["account", "delete", &hash, "--now", "--yes"]).good();
    let refused = new.operate(["account", "import", text(&file)]).exits_with(1);
    assert!(refused.stderr.contains("it was deleted"), "{refused}");
    new.operate(["account", "import", text(&file), "--replace", "--yes"]).good();
    wait::until("the server notices", || here.snapshot().status != 403);
    assert_eq!(here.chain(), account.chain());
}

#[test]
fn a_cut_an_altered_a_foreign_and_a_missing_file_change_nothing_and_are_told_apart() {
    let (old, new, folder) = (server(), server(), folder());
    let account = old.account();
    account.grow::<3>();
    let whole = fs::read(export(&old, &account, &folder)).expect("the file");
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    let path = folder.path().join("it.account");
    for (content, words) in [
        (&whole[..whole.len() - 1], "its end is missing"),
        (&whole[..whole.len() / 2], "its end is missing"),
        (&altered, "it is not what was written"),
        (&[&*whole, b"more"].concat(), "it is not what was written"),
        (b"SQLite format 3\0", "not an account file"),
        (b"TASKFERRY-ACCOUNT 9\n", "has a format that this version does not know"),
    ] {
        fs::write(&path, content).expect("a file");
        let refused = new.operate(["account", "import", text(&path)]).exits_with(1);
        assert!(refused.stderr.contains(words) && refused.stderr.contains("hint: "), "{refused}");
    }
    for nothing in [folder.path().join("nothing"), folder.path().to_owned()] {
        let refused = new.operate(["account", "import", text(&nothing)]).exits_with(1);
        assert!(refused.stderr.contains("who may read"), "{refused}");
    }
    let list = new.ask_operator(["account", "list"]);
    assert_eq!(list.as_array().map(Vec::len), Some(0), "{list}");
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let (server, folder) = (server(), folder());
    let account = server.account();
    account.grow::<1>();
    let path = folder.path().join("mine");
    fs::write(&path, "my letters").expect("a file");
    let refused = server.operate(["account", "export", &server.hash_of(&account), text(&path)]).exits_with(1);
    assert!(refused.stderr.contains("is there already"), "{refused}");
    assert_eq!(fs::read(&path).expect("the file"), b"my letters");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
}

#[test]
fn a_disk_that_fills_up_leaves_no_file_and_a_killed_export_can_be_made_again() {
    let (server, folder) = (server(), folder());
    let account = server.account();
    account.append(VersionId::NIL, vec![b'x'; 900_000]);
    let hash = server.hash_of(&account);
    let path = folder.path().join("out.account");
    let verb = ["account", "export", &hash, text(&path)];
    let full = server.operate_with_files_of(512, true, verb).exits_with(1);
    assert!(full.stderr.contains("could not write") && full.stderr.contains("File too large"), "{full}");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0, "nothing is left");

    server.operate_with_files_of(512, false, verb).was_killed();
    assert!(!path.exists(), "no file that is not whole has its name");
    server.operate(verb).good();
    check(fs::File::open(&path).expect("the file")).expect("a whole file");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "and nothing is left of the other");
}

#[test]
fn an_import_that_fails_or_is_killed_in_the_middle_leaves_nothing_half_done() {
    let (old, new, folder) = (server(), server(), folder());
    let account = old.account();
    account.append(VersionId::NIL, vec![b'x'; 3_000_000]);
    let file = export(&old, &account, &folder);
    let verb = ["account", "import", text(&file)];
    let full = new.operate_with_files_of(1024, true, verb).exits_with(1);
    assert!(full.stderr.contains("could not take over an account"), "{full}");
    new.operate_with_files_of(1024, false, verb).was_killed();

    let here = Account::known_as(new.address(), account.id());
    here.describe().refused(404, "unknown_account");
    new.operate(["db", "check"]).good();
    new.account().append(VersionId::NIL, "the server goes on meanwhile");
    new.operate(verb).good();
    assert_eq!(here.chain(), account.chain());
}

#[test]
fn two_imports_of_one_file_at_once_take_it_over_once() {
    let (old, new, folder) = (server(), server(), folder());
    let account = old.account();
    account.append(VersionId::NIL, vec![b'x'; 900_000]);
    let file = export(&old, &account, &folder);
    std::thread::scope(|scope| {
        let imports: Vec<_> = (0..3).map(|_| scope.spawn(|| new.operate(["account", "import", text(&file)]))).collect();
        for import in imports {
            // The one that came between another's look and its deed is told so.
            let told = format!("{:?}", import.join().expect("no panic"));
            let fine = ["took over", "here already", "the account changed meanwhile"];
            assert!(fine.iter().any(|words| told.contains(words)), "{told}");
        }
    });
    assert_eq!(Account::known_as(new.address(), account.id()).chain(), account.chain());
    new.operate(["db", "check"]).good();
}

#[test]
fn a_stopped_server_and_a_directory_without_data_are_told_apart() {
    let (mut old, folder) = (server(), folder());
    let account = old.account();
    account.grow::<2>();
    let hash = old.hash_of(&account);
    old.stop();
    let path = folder.path().join("out.account");
    old.operate(["account", "export", &hash, text(&path)]).good();
    old.operate(["account", "import", text(&path)]).good();

    let nowhere = PROGRAMS.server();
    let refused = nowhere.operate(["account", "import", text(&path)]).exits_with(1);
    assert!(refused.stderr.contains("there is no data of a server"), "{refused}");
    assert!(!nowhere.data_dir().exists(), "no database by accident");
}
