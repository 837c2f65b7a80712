//! The operator of a server: the server's own verbs, as a process beside it, and a volume that is as full as a test needs it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Outcome, run};
use crate::{Account, TestServer, wait};

impl TestServer {
    /// Runs a verb on this server's data, whether it runs or not. Nobody is there to answer its questions.
    #[track_caller]
    pub fn operate<S: AsRef<OsStr>>(&self, verb: impl IntoIterator<Item = S>) -> Outcome {
        run(self.beside().args(verb).arg("--data-dir").arg(self.data_dir()), "")
    }

    /// The same, without naming its data.
    #[track_caller]
    pub fn operate_as_typed(&self, verb: impl IntoIterator<Item = std::ffi::OsString>) -> Outcome {
        run(self.beside().args(verb), "")
    }

    /// The same for a process whose files can't grow beyond so many KiB, as if the disk were full: writing fails where it
    /// `survives` that, and else the system kills it in the middle.
    #[track_caller]
    pub fn operate_with_files_of<S: AsRef<OsStr>>(
        &self,
        kib: u32,
        survives: bool,
        verb: impl IntoIterator<Item = S>,
    ) -> Outcome {
        let trap = if survives { "trap '' XFSZ; " } else { "" };
        let beside = self.beside();
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().envs(beside.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.args(["-c", &format!("{trap}ulimit -f {}; exec \"$@\"", kib * 2), "sh"]).arg(beside.get_program());
        run(shell.args(beside.get_args()).args(verb).arg("--data-dir").arg(self.data_dir()), "")
    }

    /// The same in front of a terminal, where somebody types `keys`. Returns its exit code and what the screen showed.
    #[track_caller]
    pub fn operate_at_a_terminal<S: AsRef<OsStr>>(
        &self,
        verb: impl IntoIterator<Item = S>,
        keys: &str,
    ) -> (Option<i32>, String) {
        let mut screen = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal"));
        grantpt(&screen).and_then(|()| unlockpt(&screen)).expect("a terminal");
        let name = ptsname(&screen, Vec::new()).expect("a terminal's name");
        let terminal = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("a terminal");
        // Typed ahead: the terminal keeps it until somebody reads.
        screen.write_all(keys.as_bytes()).expect("a keyboard");
        let end = || Stdio::from(terminal.try_clone().expect("a terminal"));
        let mut command = self.beside();
        command.args(verb).arg("--data-dir").arg(self.data_dir());
        let status = command.stdin(end()).stdout(Stdio::null()).stderr(end()).status().expect("the program");
        // With its last user gone the terminal ends, with an error that is its way to say so.
        drop((command, terminal));
        let mut shown = Vec::new();
        let _ = screen.read_to_end(&mut shown);
        (status.code(), String::from_utf8_lossy(&shown).into_owned())
    }

    /// The same for a verb that answers in JSON.
    #[track_caller]
    pub fn ask_operator<S: AsRef<OsStr>>(&self, verb: impl IntoIterator<Item = S>) -> Value {
        let said = run(self.beside().args(verb).arg("--json").arg("--data-dir").arg(self.data_dir()), "").good().stdout;
        serde_json::from_str(&said).unwrap_or_else(|why| panic!("not JSON ({why}): {said}"))
    }

    /// How the operator's verbs name an account.
    #[track_caller]
    pub fn hash_of(&self, account: &Account) -> String {
        let shown = self.ask_operator(["account", "show", &account.id().expose().to_string()]);
        shown["account"].as_str().expect("a hash").to_owned()
    }

    /// Makes an account older than it is, as if its devices had last sent something that long ago, too.
    #[track_caller]
    pub fn age(&self, account: &Account, seconds: i64) {
        let before = account.info();
        let database = Connection::open(self.data_dir().join("taskferry.sqlite3")).expect("the database");
        let aged = database.execute(
            "UPDATE account SET created_at = created_at - ?1, last_version_at = last_version_at - ?1 WHERE client_id = ?2",
            (seconds, account.id().as_bytes()),
        );
        assert_eq!(aged, Ok(1));
        wait::until("the server notices the other process", || account.info().created_at != before.created_at);
    }

    /// Makes everything in the data so many days older than it is. The server must be stopped, so that it has written down
    /// what it knows.
    #[track_caller]
    pub fn let_days_pass(&self, days: u32) {
        let database = Connection::open(self.data_dir().join("taskferry.sqlite3")).expect("the database");
        let passed = format!(
            "UPDATE version SET stored_at = stored_at - {days} * 86400;
             UPDATE account SET created_at = created_at - {days} * 86400, last_version_at = last_version_at - {days} * 86400,
                 snapshot_at = snapshot_at - {days} * 86400;
             UPDATE stand SET week = week - {days} / 7;"
        );
        database.execute_batch(&passed).expect("time to pass");
    }
}

/// A volume of 1 GB that is as full as the test says.
#[derive(Debug)]
pub struct PretendedVolume {
    folder: TempDir,
}

impl PretendedVolume {
    const TOTAL_MB: u64 = 1000;

    /// With this much space left.
    pub fn with_free_mb(free: u64) -> Self {
        let volume = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        volume.set_free_mb(free);
        volume
    }

    /// What `--pretended-volume` takes.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    /// From now on this much is left; the server looks every second.
    pub fn set_free_mb(&self, free: u64) {
        let next: &Path = &self.folder.path().join("next");
        fs::write(next, format!("{} {}", free * 1_000_000, Self::TOTAL_MB * 1_000_000)).expect("a file");
        // In one step: the server never reads half of it.
        fs::rename(next, self.file()).expect("a file");
    }
}
