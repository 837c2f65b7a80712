//! The operator of a server: the server's own verbs, as a process beside it, and a volume that is as full as a test needs it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal};
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
        let (mut screen, terminal) = terminal();
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

    /// The same as another user; only root can.
    #[track_caller]
    pub fn operate_as<S: AsRef<OsStr>>(&self, user: u32, verb: impl IntoIterator<Item = S>) -> Outcome {
        let mut command = self.beside();
        command.args(verb).arg("--data-dir").arg(self.data_dir()).uid(user).gid(user);
        run(&mut command, "")
    }

    /// The same, but Ctrl-C is pressed as soon as `now` says so.
    #[track_caller]
    pub fn operate_and_interrupt<S: AsRef<OsStr>>(
        &self,
        verb: impl IntoIterator<Item = S>,
        now: impl Fn() -> bool,
    ) -> (Option<i32>, String) {
        let mut command = self.beside();
        command.args(verb).arg("--data-dir").arg(self.data_dir());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a verb");
        wait::until("it is time to interrupt", now);
        rustix::process::kill_process(Pid::from_child(&child), Signal::INT).expect("a signal to our own child");
        let mut said = String::new();
        let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        (child.wait().expect("the end of our own child").code(), said)
    }

    /// Begins a verb that somebody is going to interrupt.
    #[track_caller]
    pub fn begin<S: AsRef<OsStr>>(&self, verb: impl IntoIterator<Item = S>) -> Underway {
        let mut command = self.beside();
        command.args(verb).arg("--data-dir").arg(self.data_dir());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a verb");
        let said = child.stderr.take().expect("its words");
        Underway::new(child, said)
    }

    /// The same in front of a terminal.
    #[track_caller]
    pub fn begin_at_a_terminal<S: AsRef<OsStr>>(&self, verb: impl IntoIterator<Item = S>) -> Underway {
        let (screen, terminal) = terminal();
        let end = || Stdio::from(terminal.try_clone().expect("a terminal"));
        let mut command = self.beside();
        command.args(verb).arg("--data-dir").arg(self.data_dir());
        let child = command.stdin(end()).stdout(Stdio::null()).stderr(end()).spawn().expect("a verb");
        Underway::new(child, screen)
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
        let noted = self.data_dir().join("taskferry.backup.json");
        if let Ok(text) = fs::read_to_string(&noted) {
            let mut backup: Value = serde_json::from_str(&text).expect("what is known of backups");
            for time in ["last_good_at", "last_try_at", "last_proved_at"] {
                if let Some(at) = backup[time].as_i64() {
                    backup[time] = (at - i64::from(days) * 86_400).into();
                }
            }
            fs::write(noted, backup.to_string()).expect("what is known of backups");
        }
    }
}

/// A terminal: where it shows and is typed into, and where programs have it.
fn terminal() -> (File, OwnedFd) {
    let screen = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal"));
    grantpt(&screen).and_then(|()| unlockpt(&screen)).expect("a terminal");
    let name = ptsname(&screen, Vec::new()).expect("a terminal's name");
    let terminal = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("a terminal");
    (screen, terminal)
}

/// A verb that is under way.
#[derive(Debug)]
pub struct Underway {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Underway {
    fn new(child: Child, mut words: impl Read + Send + 'static) -> Self {
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let heard = Arc::clone(&said);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            // A terminal whose last user went ends with an error.
            while let Ok(length @ 1..) = words.read(&mut piece) {
                heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..length]);
            }
        });
        Self { child, said, reader }
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until it has said this.
    #[track_caller]
    pub fn says(&self, words: &str) {
        wait::until(&format!("it says `{words}`"), || self.said().contains(words));
    }

    /// Waits until a signal no longer ends it by itself.
    #[track_caller]
    pub fn heeds(&self, signal: Signal) {
        let status = format!("/proc/{}/status", self.child.id());
        let heeds = || {
            let status = fs::read_to_string(&status).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
            caught >> (signal.as_raw() - 1) & 1 == 1
        };
        wait::until("it heeds the signal", heeds);
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn send(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("a signal to our own child");
    }

    /// Waits for its end. Returns its exit code and all that it said.
    #[track_caller]
    pub fn ends(mut self) -> (Option<i32>, String) {
        let mut status = None;
        wait::until("it ends", || {
            status = self.child.try_wait().expect("our own child");
            status.is_some()
        });
        self.reader.join().expect("its words");
        let said = String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
        (status.and_then(|status| status.code()), said)
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
