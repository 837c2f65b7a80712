//! A computer of its own for one test: an empty home, `task.sh` in the place of Taskwarrior, and a person who answers
//! from a script.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use taskferry_protocol::VersionId;
use tempfile::TempDir;

use super::server::FakeServer;
use crate::Streams;
use crate::context::{Context, Window};
use crate::error::Exit;
use crate::platform::Platform;
use crate::prompt::scripted::Scripted;

/// See the module.
pub(crate) struct FakeComputer {
    home: TempDir,
    env: BTreeMap<OsString, OsString>,
    input: String,
    window: Option<Window>,
    platform: Platform,
    /// `None` = nobody is there.
    script: Option<Vec<(&'static str, String)>>,
}

/// What a run looked like.
#[derive(Debug)]
pub(crate) struct Transcript {
    /// How it ended.
    pub(crate) exit: Exit,
    /// Standard output.
    pub(crate) data: String,
    /// Standard error, with `[HOME]`, `[SERVER]` and so on for what differs from run to run.
    pub(crate) talk: String,
}

impl FakeComputer {
    /// With Taskwarrior, without a taskrc.
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        // A link, not a copy: a program that was just written can't be run while another test's thread is between fork and
        // exec, since the child still holds it open for writing ("text file busy").
        std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/task.sh"), bin.join("task"))
            .unwrap();
        std::fs::create_dir(home.path().join(".task")).unwrap();
        let path = format!("{}:/usr/bin:/bin", bin.display());
        // No test may ask the real cloud. Nothing listens at this port.
        let cloud = ("TASKFERRY_CLOUD".into(), "http://127.0.0.1:9".into());
        let env = [("HOME".into(), home.path().into()), ("PATH".into(), path.into()), cloud].into();
        Self { home, env, input: String::new(), window: None, platform: Platform::Unknown, script: None }
    }

    /// Writes a file below the home.
    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// With an environment variable.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// With `server` as the cloud sync that it knows.
    pub(crate) fn with_cloud(self, server: &FakeServer) -> Self {
        self.with_variable("TASKFERRY_CLOUD", &server.url())
    }

    /// With a screen of this size behind standard output.
    pub(crate) fn with_window(mut self, columns: usize, rows: usize) -> Self {
        self.window = Some(Window { columns, rows });
        self
    }

    /// Which runs this.
    pub(crate) fn with_platform(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }

    /// With another program on PATH.
    pub(crate) fn with_program(self, name: &str, script: &str) -> Self {
        let name = format!("bin/{name}");
        let this = self.with(&name, script);
        let path = this.path(&name);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        super::until_it_runs(&path);
        this
    }

    /// With so many tasks.
    pub(crate) fn with_tasks(self, count: u32) -> Self {
        self.with(".task/count", &count.to_string())
    }

    /// With Taskwarrior's database: at this version, with these tasks as (UUID, description), and with so many bytes of changes
    /// that were not sent yet.
    pub(crate) fn with_database(self, base: VersionId, tasks: &[(u128, &str)], unsent_bytes: usize) -> Self {
        let path = self.path(".task/taskchampion.sqlite3");
        let _ = std::fs::remove_file(&path);
        let database = rusqlite::Connection::open(path).unwrap();
        database
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE operations (id INTEGER PRIMARY KEY AUTOINCREMENT, data STRING,
                     synced bool DEFAULT false,
                     uuid GENERATED ALWAYS AS (coalesce(json_extract(data, '$.Update.uuid'),
                         json_extract(data, '$.Create.uuid'), json_extract(data, '$.Delete.uuid'))) VIRTUAL);
                 CREATE INDEX operations_by_uuid ON operations (uuid);
                 CREATE INDEX operations_by_synced ON operations (synced);
                 CREATE TABLE sync_meta (key STRING PRIMARY KEY, value STRING);
                 CREATE TABLE tasks (uuid STRING PRIMARY KEY, data STRING);
                 CREATE TABLE working_set (id INTEGER PRIMARY KEY, uuid STRING);",
            )
            .unwrap();
        if !base.is_nil() {
            database.execute("INSERT INTO sync_meta VALUES ('base_version', ?)", [base.to_string()]).unwrap();
        }
        for (id, description) in tasks {
            let data = serde_json::json!({ "description": description, "status": "pending" }).to_string();
            let id = uuid::Uuid::from_u128(*id).to_string();
            database.execute("INSERT INTO tasks VALUES (?, ?)", [id, data]).unwrap();
        }
        database.execute("INSERT INTO operations (data) VALUES ('\"UndoPoint\"')", []).unwrap();
        if unsent_bytes > 0 {
            let change = serde_json::json!({ "Update": {
                "uuid": uuid::Uuid::from_u128(999), "property": "description", "old_value": null,
                "value": "x".repeat(unsent_bytes), "timestamp": "2026-01-01T00:00:00Z"
            }});
            database.execute("INSERT INTO operations (data) VALUES (?)", [change.to_string()]).unwrap();
        }
        self
    }

    /// Gives standard input for the following runs.
    pub(crate) fn with_input(mut self, input: &str) -> Self {
        self.input = input.into();
        self
    }

    /// Puts somebody in front of the terminal, for the next run: (part of the question, answer).
    pub(crate) fn with_person(mut self, script: &[(&'static str, &str)]) -> Self {
        self.script = Some(script.iter().map(|(question, answer)| (*question, (*answer).to_owned())).collect());
        self
    }

    /// A path below the home.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// The text of a file below the home, if it is there.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok()
    }

    /// How often Taskwarrior synced.
    pub(crate) fn syncs(&self) -> usize {
        self.read(".task/synced").map_or(0, |text| text.lines().count())
    }

    /// Runs `taskferry` with these words. Somebody is there only if a script was given.
    pub(crate) fn run(&mut self, words: &str, server: &FakeServer) -> Transcript {
        let script = std::mem::take(&mut self.script);
        let mut context = Context::new(self.env.clone(), self.home.path().into(), script.is_some()).unwrap();
        context.window = self.window;
        context.platform = self.platform.clone();
        let (mut data, mut talk) = (Vec::new(), Vec::new());
        let mut input = self.input.as_bytes();
        let streams = Streams { input: &mut input, data: &mut data, talk: &mut talk, columns: None };
        let words = words.replace("[SERVER]", &server.url());
        let args = std::iter::once("taskferry").chain(words.split_whitespace()).map(OsString::from);
        let script: Vec<(&'static str, &str)> = script.iter().flatten().map(|(q, a)| (*q, a.as_str())).collect();
        let exit = crate::run(args, &context, streams, |_| Box::new(Scripted::new(&script)));
        let home = self.home.path().display().to_string();
        let talk = String::from_utf8(talk).unwrap().replace(&server.url(), "[SERVER]").replace(&home, "[HOME]");
        let talk = talk.replace(&format!("port {}", server.port()), "port [PORT]");
        Transcript { exit, data: String::from_utf8(data).unwrap(), talk }
    }
}
