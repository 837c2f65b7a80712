//! What an operator reads, to the letter: each verb about accounts and invites, done and refused. Names, IDs and moments, which
//! are new in every run, stand as words in braces.

use std::fs;
use std::path::Path;

use e2e::command::Outcome;
use e2e::{Account, TestServer};
use taskferry_protocol::VersionId;
use tempfile::TempDir;

use crate::{PROGRAMS, server};

/// A server with one account, and a folder for its files.
struct Desk {
    server: TestServer,
    account: Account,
    versions: [VersionId; 3],
    hash: String,
    folder: TempDir,
}

impl Desk {
    #[track_caller]
    fn new() -> Self {
        let server = server();
        let account = server.account();
        let versions = account.grow::<3>();
        let hash = server.hash_of(&account);
        Self { server, account, versions, hash, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path").to_owned()
    }

    #[track_caller]
    fn runs(&self, verb: &[&str]) -> Outcome {
        self.server.operate(verb)
    }

    /// What it said, as it would be said in any run.
    fn said(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, version) in (1..).zip(self.versions) {
            text = text.replace(&version.to_string(), &format!("{{version {number}}}"));
        }
        let known = [
            (self.hash.clone(), "{hash}"),
            (self.account.id().expose().to_string(), "{client ID}"),
            (path_text(self.folder.path()), "{folder}"),
            (path_text(self.server.data_dir()), "{data}"),
        ];
        for (found, word) in known {
            text = text.replace(&found, word);
        }
        moments(&text)
    }

    #[track_caller]
    fn fine(&self, verb: &[&str], stderr: &str) {
        let said = self.runs(verb).good();
        assert_eq!((self.said(&said.stdout).as_str(), self.said(&said.stderr).trim_end()), ("", stderr), "{verb:?}");
    }

    #[track_caller]
    fn refused(&self, verb: &[&str], code: i32, stderr: &str) {
        let said = self.runs(verb).exits_with(code);
        assert_eq!((self.said(&said.stdout).as_str(), self.said(&said.stderr).trim_end()), ("", stderr), "{verb:?}");
    }
}

fn path_text(path: &Path) -> String {
    path.to_str().expect("a path").to_owned()
}

/// With `{moment}` for `2026-11-23T05:25:29Z` and `20261123T052529.123Z`, `{day}` for `2026-11-23`, and `{age}` for `5 seconds ago`.
fn moments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let shapes = ["dddd-dd-ddTdd:dd:ddZ", "ddddddddTdddddd.dddZ", "dddd-dd-dd", "d seconds ago", "d second ago"];
        let found = shapes.into_iter().find(|shape| {
            rest.len() >= shape.len()
                && rest.bytes().zip(shape.bytes()).all(|(byte, expected)| match expected {
                    b'd' if shape.contains("ago") => byte.is_ascii_digit() || byte == b'd',
                    b'd' => byte.is_ascii_digit(),
                    expected => byte == expected,
                })
        });
        let length = found.map_or(first.len_utf8(), str::len);
        out.push_str(match found.map(str::len) {
            None => &rest[..length],
            Some(20) => "{moment}",
            Some(10) => "{day}",
            Some(_) => "{age}",
        });
        rest = &rest[length..];
    }
    out
}

#[test]
fn taking_an_account_back() {
    let desk = Desk::new();
    let [first, second, third] = desk.versions.map(|version| version.to_string());
    desk.account.add_snapshot(desk.versions[2], "snapshot").good();
    let plan = "\
account {hash}: back to version
  {version 1} of {moment}
2 versions (18 B) and the snapshot go, and are kept in a file
computers that have none of that go on as if it had never been; one that has
is told that its history is gone (410), and `taskferry repair` brings it back
nothing was changed";
    desk.fine(&["account", "rewind", &desk.hash, "--to", &first, "--dry-run"], plan);
    desk.refused(
        &["account", "rewind", &desk.hash, "--to", &second],
        2,
        "error: taking an account back needs a yes, and nobody can be asked here\n\nhint: add `--yes`",
    );
    desk.fine(
        &["account", "rewind", &desk.hash, "--to", &third, "--yes"],
        "account {hash}: that is its latest version; nothing was changed",
    );
    desk.refused(
        &["account", "rewind", &desk.hash, "--to", "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab", "--yes"],
        1,
        "\
error: this account has no such version

hint: `taskferry verify`, on a computer that is affected, names the last good one
hint: `taskferry-server account show` has the latest",
    );
    desk.refused(
        &["account", "rewind", &desk.hash, "--to", "yesterday", "--yes"],
        2,
        "error: `--to`: `yesterday` is not a version's ID",
    );
    desk.fine(
        &["account", "rewind", &desk.hash, "--to", &first, "--yes"],
        "\
account {hash}: taken back; 2 versions (18 B) and the snapshot went
as it was before, it is kept in
  `{data}/kept-accounts/{hash}-{moment}.account`
and `taskferry-server account import FILE --replace` brings that back",
    );
}

#[test]
fn an_account_file_written_and_taken_over() {
    let desk = Desk::new();
    let file = desk.file("out.account");
    desk.fine(
        &["account", "export", &desk.hash, &file],
        "\
account {hash}: 3 versions (27 B) in
  `{folder}/out.account`
whoever has this file can write to the account: keep it as you keep a password",
    );
    desk.refused(
        &["account", "export", &desk.hash, &file],
        1,
        "error: `{folder}/out.account` is there already\n\nhint: it was left as it is; choose another name",
    );
    desk.fine(
        &["account", "import", &file],
        "account {hash}: here already, with the same history; nothing was changed",
    );
    desk.runs(&["account", "rewind", &desk.hash, "--to", &VersionId::NIL.to_string(), "--yes"]).good();
    desk.fine(&["account", "import", &file], "account {hash}: it was here and empty; took over 3 versions (27 B)");
    desk.runs(&["account", "rewind", &desk.hash, "--to", &desk.versions[0].to_string(), "--yes"]).good();
    desk.refused(
        &["account", "import", &file],
        1,
        "\
error: this account was not taken over: there is an account with this ID already, and its history is another one

hint: `--replace` takes the file's history instead, and keeps what is here in a file",
    );
    desk.refused(
        &["account", "import", &file, "--replace"],
        2,
        "error: replacing an account needs a yes, and nobody can be asked here\n\nhint: add `--yes`",
    );
    desk.fine(
        &["account", "import", &file, "--replace", "--yes"],
        "\
account {hash}: took over 3 versions (27 B), in the place of what was here
what was here before is in
  `{data}/kept-accounts/{hash}-{moment}.account`",
    );
    // On another server.
    let new = server();
    let told = new.operate(["account", "import", &file]).good();
    let hash = new.hash_of(&desk.account);
    assert_eq!(
        told.stderr,
        format!(
            "account {hash}: took over 3 versions (27 B);\n\
             its computers sync here as soon as they have this server's address\n"
        )
    );
}

#[test]
fn files_that_hold_no_account() {
    let desk = Desk::new();
    let file = desk.file("it.account");
    desk.runs(&["account", "export", &desk.hash, &file]).good();
    let whole = fs::read(&file).expect("the file");
    fs::write(&file, &whole[..40]).expect("a file");
    desk.refused(
        &["account", "import", &file],
        1,
        "\
error: could not take an account from `{folder}/it.account`
  Caused by: the account file is incomplete: its end is missing

hint: nothing was changed; copy the file again from where it was made, or export the account again",
    );
    fs::write(&file, "a letter to my grandmother").expect("a file");
    desk.refused(
        &["account", "import", &file],
        1,
        "\
error: could not take an account from `{folder}/it.account`
  Caused by: this is not an account file

hint: `taskferry-server account export` and `taskferry export --sealed` make account files",
    );
    desk.refused(
        &["account", "import", &desk.file("nothing")],
        1,
        "\
error: could not take an account from `{folder}/nothing`
  Caused by: No such file or directory (os error 2)

hint: nothing was changed; check the path, and who may read the file",
    );
    desk.refused(
        &["account", "export", &desk.hash, &desk.file("no-such-folder/out.account")],
        1,
        "\
error: could not write `{folder}/no-such-folder/out.account`
  Caused by: failed to open file `{folder}/no-such-folder/out.account.unfinished`: No such file or directory (os error 2)

hint: nothing is left of it; make room, or choose another place",
    );
}

#[test]
fn an_account_created_switched_off_and_on_and_given_a_quota() {
    let desk = Desk::new();
    desk.fine(
        &["account", "disable", &desk.hash, "--reason", "please write to me"],
        "account {hash}: disabled; its devices are refused from now on, and its tasks stay",
    );
    desk.fine(&["account", "enable", &desk.hash], "account {hash}: enabled; its devices can sync again");
    desk.fine(&["account", "quota", &desk.hash, "--bytes", "200MiB"], "account {hash}: its quota is set: 209.7 MB");
    desk.fine(
        &["account", "quota", &desk.hash, "--versions", "1"],
        "account {hash}: its quota is set: 209.7 MB, 1 version",
    );
    desk.refused(
        &["account", "quota", &desk.hash, "--bytes", "much"],
        2,
        "error: `--bytes`: `much` is not a size such as `500KB` or `100MiB`, at least 1, or `default`",
    );
    desk.refused(
        &["account", "create", &desk.account.id().expose().to_string()],
        1,
        "error: this account exists already\n\nhint: `taskferry-server account show` tells of it",
    );
    desk.refused(
        &["account", "show", "adas-laptop"],
        2,
        "\
error: this is neither the beginning of an account's hash nor a client ID

hint: `taskferry-server account list` shows all accounts",
    );
    desk.refused(
        &["account", "enable", "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab"],
        1,
        "error: there is no such account\n\nhint: `taskferry-server account list` shows all accounts",
    );
}

#[test]
fn an_account_deleted_with_time_to_regret_it_and_for_good() {
    let desk = Desk::new();
    desk.fine(
        &["account", "delete", &desk.hash, "--yes"],
        "account {hash}: deleted\n`account enable` brings it back until {moment}",
    );
    desk.refused(
        &["account", "export", &desk.hash],
        1,
        "\
error: this account can't be exported: it was deleted

hint: `taskferry-server account enable` brings it back while its tasks are still there",
    );
    desk.refused(
        &["account", "delete", &desk.hash, "--now"],
        2,
        "error: deleting an account needs a yes, and nobody can be asked here\n\nhint: add `--yes`",
    );
    let for_good = ["account", "delete", &desk.hash, "--now", "--yes"];
    desk.fine(&for_good, "account {hash}: deleted and erased; its devices are refused for ever");
    desk.fine(&for_good, "account {hash}: erased already; nothing was changed");
    desk.refused(
        &["account", "enable", &desk.hash],
        1,
        "\
error: this account was deleted, and its data is erased

hint: its devices can be set up with a new account",
    );
}

#[test]
fn one_account_looked_at() {
    let desk = Desk::new();
    desk.account.add_snapshot(desk.versions[2], "snapshot").good();
    let shown = desk.runs(&["account", "show", &desk.hash]).good().stdout;
    let shown = desk.said(&shown);
    let without_ages: String =
        shown.lines().map(|line| line.split(", ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    assert_eq!(
        without_ages,
        "\
account     {hash}
state       active
created     {moment} ({age})
last sent   {moment} ({age})
versions    3 (27 B)
latest      {version 3}
snapshot    8 B
quota       as everybody"
    );
    assert!(shown.contains(" and 0 versions old\n"), "{shown}");
}

#[test]
fn accounts_that_are_looked_for_and_not_there() {
    let empty = server();
    let list = |words: &[&str]| empty.operate([&["account", "ls"], words].concat()).good();
    assert_eq!(list(&[]).stderr, "there are no accounts yet\n");
    let desk = Desk::new();
    let heading = "ACCOUNT       STATE     CREATED     LAST SEEN   VERSIONS        SIZE    SNAPSHOT\n";
    for (flags, stdout, stderr) in [
        (&["--inactive", "180d"][..], heading.to_owned(), "there are no accounts like this\n"),
        (&["--limit", "1", "--page", "2"], heading.to_owned(), "there are no more accounts like this\n"),
        (
            &["--limit", "1"],
            format!("{heading}{{hash}}  active    {{day}}  {{day}}         3        27 B           -\n"),
            "there may be more: `--page 2`\n",
        ),
    ] {
        let said = desk.runs(&[&["account", "list"], flags].concat()).good();
        assert_eq!((desk.said(&said.stdout), said.stderr.as_str()), (stdout, stderr), "{flags:?}");
    }
    let refused = desk.runs(&["account", "list", "--over", "much"]).exits_with(2);
    assert!(refused.stderr.starts_with("error: `--over`: `much` is not a size"), "{refused}");
    desk.runs(&["account", "list", "--page", "2"]).exits_with(2);
    desk.runs(&["account", "list", "--limit", "0"]).exits_with(2);
}

#[test]
fn at_a_terminal_an_invite_is_shown_to_a_camera_too() {
    let server = server();
    let verb = ["invite", "create", "--public-url", "https://sync.example.org"];
    let (code, screen) = server.operate_at_a_terminal(verb, "");
    assert_eq!(code, Some(0), "{screen}");
    // Where nobody looks, nothing is drawn.
    assert!(screen.contains('▀') && screen.contains("\u{1b}[38;5;16;48;5;231m"), "{screen}");
    assert!(!server.operate(verb).good().to_string().contains('▀'));
}

#[test]
fn an_invite_made_listed_and_taken_back() {
    let server = PROGRAMS.server().option("--registration", "invite").start();
    let with_url = server.operate(["invite", "create", "--public-url", "https://sync.example.org"]).good();
    let lines: Vec<&str> = with_url.stdout.lines().collect();
    let [link, command, more] = lines[..] else { panic!("{with_url}") };
    let code = link.strip_prefix("https://sync.example.org/i#").expect("a link");
    assert_eq!(
        [command, more],
        ["taskferry setup --server https://sync.example.org \\", &format!("  --invite {code}")]
    );
    assert_eq!(
        moments(&with_url.stderr),
        "invite 1: for one account, until {moment}\nthe link for whoever is invited:\n\
         or what to type on the computer that has the tasks:\n"
    );

    let without = server.operate(["invite", "create", "--uses", "5"]).good();
    assert_eq!(
        moments(&without.stderr),
        "invite 2: for 5 accounts, until {moment}\n\
         its code, and what to type on the computer that has the tasks:\n\n\
         hint: with `--public-url URL`, there is a link too, and the server's address stands in the command\n"
    );
    let list = server.operate(["invite", "list"]).good();
    assert_eq!(
        moments(&list.stdout),
        "NUMBER  USED        CREATED     EXPIRES     STATE\n     1  0 of 1      {day}  {day}  open\n     \
         2  0 of 5      {day}  {day}  open\n"
    );
    let revoked = server.operate(["invite", "rm", "2"]).good();
    assert_eq!(revoked.stderr, "invite 2: revoked; accounts that it created stay\n");
    let unknown = server.operate(["invite", "rm", "2"]).exits_with(1);
    assert_eq!(
        unknown.stderr,
        "error: there is no invite 2\n\nhint: `taskferry-server invite list` shows all invites\n"
    );
}
