//! A computer with the real Taskwarrior and the real wizard.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::command::{Outcome, run};
use crate::server::SyncSettings;
use crate::tasks::{Task, TaskSet, task_set};
use crate::{Programs, replica};

/// A home directory of its own, and nothing else of the machine: no other variables, no other configuration.
#[derive(Debug)]
pub struct TaskHome {
    folder: TempDir,
}

impl TaskHome {
    /// A computer on which Taskwarrior was never started: not even a `.taskrc`.
    pub fn untouched() -> Self {
        Self { folder: tempfile::Builder::new().prefix("home-").tempdir().expect("a temporary folder") }
    }

    /// A computer on which Taskwarrior is used, and does not sync.
    pub fn with_an_empty_taskrc() -> Self {
        let home = Self::untouched();
        fs::write(home.taskrc(), "").expect("a taskrc");
        home
    }

    /// A computer whose owner wrote the three lines into `.taskrc` by hand.
    pub fn with(settings: &SyncSettings) -> Self {
        let home = Self::untouched();
        fs::write(home.taskrc(), settings.taskrc_lines()).expect("a taskrc");
        home
    }

    /// A computer on which so many tasks were made before it synced for the first time. They are written by Taskwarrior's
    /// engine, because `task import` of 10,000 takes an hour.
    pub fn with_many_tasks(settings: &SyncSettings, count: u32) -> Self {
        let home = Self::with(settings);
        replica::fill(&home.path().join(".task"), count);
        home
    }

    /// Where the home directory is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file that Taskwarrior reads.
    pub fn taskrc(&self) -> PathBuf {
        self.path().join(".taskrc")
    }

    /// Runs Taskwarrior. Nobody is there to answer its questions.
    #[track_caller]
    pub fn task<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        run(&mut self.command_of_task(args), "")
    }

    /// Taskwarrior, still to be started.
    pub fn command_of_task<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.command(taskwarrior());
        command.arg("rc.confirmation=off").args(args);
        command
    }

    /// `task import` of this JSON.
    #[track_caller]
    pub fn import(&self, json: &str) -> Outcome {
        run(self.command(taskwarrior()).args(["rc.confirmation=off", "import", "-"]), json)
    }

    /// More tasks than one version takes. Few but long ones: importing many takes Taskwarrior minutes.
    #[track_caller]
    pub fn add_more_than_one_version_takes(&self) {
        for number in 0..6 {
            let text = format!("{number} {}", "very long ".repeat(30_000));
            self.import(&format!(r#"{{"description":"{text}","status":"pending"}}"#)).good();
        }
    }

    /// `task sync`.
    #[track_caller]
    pub fn sync(&self) -> Outcome {
        self.task(["sync"])
    }

    /// All tasks on this computer.
    #[track_caller]
    pub fn tasks(&self) -> TaskSet {
        let export = self.task(["rc.gc=off", "rc.hooks=off", "rc.verbose=nothing", "export"]).good().stdout;
        let tasks: Vec<Task> = serde_json::from_str(&export).expect("what `task export` prints");
        task_set(tasks)
    }

    /// Runs the wizard with `input` pasted into it.
    #[track_caller]
    pub fn wizard<S: AsRef<OsStr>>(
        &self,
        programs: Programs,
        args: impl IntoIterator<Item = S>,
        input: &str,
    ) -> Outcome {
        run(self.command_of(programs).args(args), input)
    }

    /// The wizard, still to be started.
    pub fn command_of(&self, programs: Programs) -> Command {
        self.command(Path::new(programs.wizard))
    }

    /// A program started by the owner of this home.
    fn command(&self, program: &Path) -> Command {
        let path =
            format!("{}:/usr/local/bin:/usr/bin:/bin", taskwarrior().parent().unwrap_or(Path::new("/")).display());
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.path()).env("PATH", path).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        command.current_dir(self.path());
        command
    }
}

/// The Taskwarrior that `build.rs` found. Tests that need one are ignored where it found none.
const TASKWARRIOR: Option<&str> = option_env!("TASKWARRIOR");

/// Its program.
#[track_caller]
pub fn taskwarrior() -> &'static Path {
    Path::new(TASKWARRIOR.expect("Taskwarrior: run tests/setup.sh, then build again"))
}
