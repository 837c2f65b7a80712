//! Inputs that can't be right, one a line: each is answered by a sentence that names the remedy, and changes nothing on this
//! computer or on the server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

/// What somebody does wrong.
struct Mistake {
    /// The command line; `[SERVER]` is one that works.
    words: &'static str,
    /// Standard input.
    input: String,
    /// Files that are there, below the home.
    files: Vec<(&'static str, String)>,
    /// What the error must say.
    says: &'static str,
    /// What the hint must say.
    remedy: &'static str,
}

fn mistake(words: &'static str, says: &'static str, remedy: &'static str) -> Mistake {
    Mistake { words, input: String::new(), files: Vec::new(), says, remedy }
}

impl Mistake {
    fn input(mut self, input: impl Into<String>) -> Self {
        self.input = input.into();
        self
    }

    fn file(mut self, path: &'static str, text: impl Into<String>) -> Self {
        self.files.push((path, text.into()));
        self
    }
}

const JOIN: &str = "join --from-stdin --yes";
const SETUP: &str = "setup --server [SERVER] --yes";

fn mistakes(server: &FakeServer) -> Vec<Mistake> {
    let credentials = server.credentials(1, "sesame");
    let known = server.credentials(2, "sesame");
    let link = known.to_text();
    let lines = |server: &str, id: &str, secret: &str| {
        format!("sync.server.url={server}\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n")
    };
    let id = known.client_id.expose().to_string();
    let url = server.url();
    vec![
        // Addresses.
        mistake("setup --server tasks.example.org --yes", "can't be used", "did you mean `https://tasks.example.org`?"),
        mistake("setup --server localhost:8080 --yes", "can't be used", "did you mean `http://localhost:8080`?"),
        mistake(
            "setup --server ftp://tasks.example.org --yes",
            "can't be used",
            "it looks like `https://tasks.example.org`",
        ),
        mistake("setup --server https://u:p@a.example --yes", "can't be used", "it looks like `https://"),
        mistake("setup --server https://a.example/?x --yes", "can't be used", "it looks like `https://"),
        mistake("setup --server http://tasks.example.org --yes", "plain http", "`--insecure-http`"),
        mistake("setup --server [SERVER]/nowhere --yes", "not a TaskChampion sync server", "is the path right?"),
        mistake("setup --server http://127.0.0.1:9 --yes", "could not reach", "that the server is running"),
        mistake("setup --yes", "through which server", "`--server https://…`, `--cloud`, `--home` or `--skip`"),
        mistake("setup --server [SERVER]", "the plan has to be accepted", "add `--yes`"),
        // Invites.
        mistake("setup --server [SERVER] --yes --invite friend", "the invite can't be used", "it looks like `GAYT-"),
        // What is pasted or piped.
        mistake(JOIN, "neither a setup link nor sync settings", "copy the whole link").input(""),
        mistake(JOIN, "neither a setup link nor sync settings", "copy the whole link").input("hello\n"),
        mistake(JOIN, "its end is missing", "copy the whole link").input(&link[..link.len() - 30]),
        mistake(JOIN, "typing error", "copy the whole link").input(link.replace("/j#A", "/j#B")),
        mistake(JOIN, "does not know this account", "the link has no typing error").input(&*credentials.to_text()),
        mistake(JOIN, "the encryption secret does not fit", "paste its link").input(lines(&url, &id, "mellon")),
        mistake(JOIN, "a part is missing: the encryption secret", "copy all three lines")
            .input(format!("sync.server.url={url}\nsync.server.client_id={id}\n")),
        mistake(JOIN, "the account's ID is mistyped", "copy all three lines").input(lines(&url, "7ec5", "sesame")),
        mistake(JOIN, "can't be used", "copy all three lines").input(lines("nowhere", &id, "sesame")),
        mistake(JOIN, "can't be used with Taskwarrior", "a new one with `taskferry setup`").input(lines(
            &url,
            &id,
            "'pass$word'",
        )),
        mistake("join", "join needs a setup link", "`--from-stdin`"),
        // Pictures.
        mistake("join --image none.png --yes", "could not read", "check the name"),
        mistake("join --image notes.txt --yes", "not a picture", "save it as PNG").file("notes.txt", "no picture"),
        // What is on this computer.
        mistake(SETUP, "already syncs in another way", "`taskferry setup --replace`")
            .file(".taskrc", "sync.local.server_dir=/x\n"),
        mistake(SETUP, "the active context `work` overrides", "`task context none`")
            .file(".taskrc", "context=work\ncontext.work.rc.sync.server.url=https://work.example\n"),
        mistake(SETUP, "changed by hand", "remove the lines between").file(".taskrc", "# >>> taskferry\ncolor=off\n"),
        mistake(SETUP, "is too old", "install Taskwarrior 3").file(".task/version", "2.6.2"),
        mistake("setup --cloud --yes", "could not understand", "correct the file")
            .file(".config/taskferry/config.toml", "cloud = 7\n"),
        // Nothing to share.
        mistake("share", "not set up", "run `taskferry setup`"),
        mistake("share --qr", "incomplete", "run `taskferry setup`")
            .file(".taskrc", "sync.server.url=https://a.example\n"),
    ]
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn every_wrong_input_is_answered_with_a_remedy_and_changes_nothing() {
    let server = FakeServer::taskferry();
    server.account(&server.credentials(2, "sesame"));
    let mistakes = mistakes(&server);
    assert!(mistakes.len() >= 20);
    for Mistake { words, input, files: there, says, remedy } in mistakes {
        let mut computer = FakeComputer::new().with_input(&input);
        // Without a word about cloud sync, the settings count.
        if words.contains("--cloud") {
            computer = computer.with_variable("TASKFERRY_CLOUD", "");
        }
        for (path, text) in there {
            computer = computer.with(path, &text);
        }
        let before = files(&computer.path(""));
        let run = computer.run(words, &server);
        assert!(matches!(run.exit, Exit::Failed | Exit::Usage), "{words}: {}", run.talk);
        let (error, hint) = run.talk.split_once("hint: ").unwrap_or_else(|| panic!("{words}: {}", run.talk));
        assert!(error.contains("error: ") && error.contains(says), "{words}: {}", run.talk);
        assert!(hint.contains(remedy), "{words}: {}", run.talk);
        assert_eq!(run.data, "", "{words}");
        assert!(!run.talk.contains("sesame") && !run.talk.contains("mellon"), "{words}: {}", run.talk);
        assert!(files(&computer.path("")) == before, "{words} changed a file");
    }
    assert_eq!(server.accounts(), 1, "no mistake made an account");
}
