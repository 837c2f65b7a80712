//! Taskwarrior itself, as a program that is run: where it is, which version, what it is configured to, and its `sync`.
//!
//! Its files are not opened from here ([`crate::database`] reads its database). Every child runs with closed standard input, since a question nobody sees would
//! wait for ever, and without the user's hooks, which may call `task sync` themselves.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::Explain;
use crate::former;
use crate::interrupts::Interrupts;
use crate::taskrc::keys;
use crate::terminal::printable;

/// A Taskwarrior that can sync.
pub struct Taskwarrior<'a> {
    program: PathBuf,
    version: Version,
    context: &'a Context,
    /// Read in the place of the user's taskrc, if that can't be read as it is.
    stand_in: Option<NamedTempFile>,
}

/// As `task --version` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// The first that speaks the protocol.
    pub const OLDEST: Self = Self::new(3, 0, 0);
    /// The first that reads [`keys::URL`].
    const WITH_URL: Self = Self::new(3, 1, 0);

    const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `3.5.0`, also with something behind it, such as `3.6.0-dev (a1b2c3)`.
    fn parse(text: &str) -> Option<Self> {
        let first = text.split_whitespace().next()?;
        let mut numbers = first.split('.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse().ok()
        });
        Some(Self::new(numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
    }

    /// Where the server's address goes. [`keys::ORIGIN`] still works in later versions, with a warning at each sync.
    pub fn url_key(self) -> &'static str {
        if self < Self::WITH_URL { keys::ORIGIN } else { keys::URL }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Which tasks to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Finished and deleted ones included: all that a sync carries.
    All,
    /// Those that a person thinks of.
    Pending,
}

/// Why Taskwarrior can't be used, or failed.
#[derive(Debug, thiserror::Error)]
pub enum TaskwarriorError {
    /// No `task` on PATH.
    #[error("Taskwarrior is not installed: there is no `task` on your PATH")]
    Missing {
        /// How to install it here.
        advice: String,
    },
    /// It was started, and something else answered; there are other programs called `task`.
    #[error("`{}` is not Taskwarrior", program.display())]
    NotTaskwarrior {
        /// The program.
        program: PathBuf,
    },
    /// Before 3.0 it speaks another protocol.
    #[error("Taskwarrior {found} is too old to sync with this kind of server: it takes {} or newer", Version::OLDEST)]
    TooOld {
        /// What is installed.
        found: Version,
        /// How to get a newer one here.
        advice: String,
    },
    /// The operating system could not run it.
    #[error("could not run `{}`", program.display())]
    NotRunnable {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// Ctrl-C while it ran.
    #[error("stopped")]
    Interrupted,
    /// It ran and failed.
    #[error("`task {command}` failed")]
    Failed {
        /// What it was asked to do.
        command: &'static str,
        /// What it said.
        #[source]
        why: Complaint,
    },
}

/// What Taskwarrior wrote to standard error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Complaint(String);

impl Explain for TaskwarriorError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { advice } => Some(advice.clone()),
            Self::TooOld { advice, .. } => Some(format!(
                "{advice}\nyour tasks stay as they are: with the newer one, run `{}`, which takes them over",
                former::IMPORT
            )),
            Self::NotTaskwarrior { .. } | Self::NotRunnable { .. } => {
                Some("name the right program with `--task PATH`".into())
            }
            Self::Failed { why: Complaint(said), .. } if said.contains("include file") => {
                Some("the included file is missing: create it with `touch`, then run the same command again".into())
            }
            Self::Failed { why: Complaint(said), .. } if said.contains("locked") => {
                Some("another `task` is running: wait for it, then run the same command again".into())
            }
            Self::Failed { why: Complaint(said), .. } if said.starts_with("Malformed entry") => Some(
                "mend or remove that line of your taskrc: each is a setting (`name=value`), an `include`, or a comment (`#`)"
                    .into(),
            ),
            // What is to be done for a sync depends on what it was for; its callers say so.
            Self::Failed { command: "sync", .. } | Self::Interrupted => None,
            Self::Failed { .. } => {
                Some("once `task list` works again on this computer, run the same command again".into())
            }
        }
    }
}

impl TaskwarriorError {
    /// Whether a sync got no answer at all. Taskwarrior says the same for a name that is none, a refused connection and a
    /// certificate that is not believed.
    pub fn is_no_answer(&self) -> bool {
        matches!(self, Self::Failed { why: Complaint(said), .. } if said.contains("error sending request"))
    }

    /// Whether a sync failed since this computer can't go on from where it was: its version is gone, or what follows can't be
    /// opened.
    pub fn has_parted(&self) -> bool {
        let Self::Failed { why: Complaint(said), .. } = self else {
            return false;
        };
        said.contains("responded with 410") || said.contains("unsealing")
    }

    /// Whether a sync failed only because the server was overloaded or not awake yet.
    pub fn is_not_now(&self) -> bool {
        let Self::Failed { why: Complaint(said), .. } = self else {
            return false;
        };
        ["429", "502", "503", "504"].iter().any(|status| said.contains(&format!("responded with {status}")))
    }
}

impl<'a> Taskwarrior<'a> {
    /// The program that was named, else `task` on PATH.
    pub fn find(context: &'a Context, named: Option<&Path>) -> Result<Self, TaskwarriorError> {
        let program = match named {
            // A bare name is looked up like a command; anything with a `/` is a path.
            Some(path) if path.components().count() > 1 => Some(context.cwd().join(path)),
            Some(name) => on_path(context, name.as_os_str()),
            None => on_path(context, OsStr::new("task")),
        };
        let program = program.ok_or_else(|| TaskwarriorError::Missing { advice: how_to_install(context) })?;
        let unknown = Self { program, version: Version::OLDEST, context, stand_in: None };
        let output = unknown.run(&["--version"])?;
        let version = output.status.success().then(|| Version::parse(&String::from_utf8_lossy(&output.stdout)));
        let Some(version) = version.flatten() else {
            return Err(TaskwarriorError::NotTaskwarrior { program: unknown.program });
        };
        if version < Version::OLDEST {
            return Err(TaskwarriorError::TooOld { found: version, advice: how_to_install(context) });
        }
        Ok(Self { version, ..unknown })
    }

    /// The same program, with `taskrc` in the place of the user's: without one, or with an include that is missing,
    /// Taskwarrior refuses to start, and could not say what else there is.
    pub fn with_taskrc(&self, taskrc: &[u8]) -> io::Result<Self> {
        let mut file = NamedTempFile::with_prefix("taskferry-")?;
        file.write_all(taskrc)?;
        Ok(Self { program: self.program.clone(), stand_in: Some(file), ..*self })
    }

    /// Whether there is anything to count: Taskwarrior would make its folder just to say that it is empty. Where it looks
    /// without a setting: `$TASKDATA`, else `~/.task`.
    pub fn has_default_data(&self) -> bool {
        let folder = self.context.var("TASKDATA").map_or_else(|| self.context.home().join(".task"), PathBuf::from);
        folder.exists()
    }

    /// The folder with its database. It is made, if it isn't there, so this is only for a Taskwarrior that is in use.
    pub fn data_folder(&self) -> Result<PathBuf, TaskwarriorError> {
        let home = self.context.home();
        if let Some(given) = self.context.var("TASKDATA") {
            return Ok(self.context.cwd().join(given));
        }
        let output = match self.succeed("_get", &["rc.hooks=off", "_get", "rc.data.location"]) {
            // Without a taskrc it says nothing; but whoever took that away may still have their tasks.
            Err(TaskwarriorError::Failed { why: Complaint(said), .. }) if said.contains("without rc file") => {
                return Ok(home.join(".task"));
            }
            done => done?,
        };
        let given = String::from_utf8_lossy(&output.stdout);
        let given = Path::new(given.trim_end_matches('\n'));
        Ok(match given.strip_prefix("~") {
            Ok(below) => home.join(below),
            Err(_) if given.as_os_str().is_empty() => home.join(".task"),
            Err(_) => self.context.cwd().join(given),
        })
    }

    /// The world in which it runs.
    pub fn context(&self) -> &'a Context {
        self.context
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What a setting is, includes and defaults considered; `None` = empty or not set. Needs a taskrc: without one,
    /// Taskwarrior fails.
    pub fn get(&self, key: &str) -> Result<Option<Zeroizing<String>>, TaskwarriorError> {
        // Taskwarrior makes its folder and database for every command, even for one that looks at no task. To look must not
        // change anything, so it gets another folder for that.
        let not_runnable = |why| TaskwarriorError::NotRunnable { program: self.program.clone(), why };
        let elsewhere = tempfile::Builder::new().prefix("taskferry-").tempdir().map_err(not_runnable)?;
        let mut command = self.command(&["rc.hooks=off", "_get", &format!("rc.{key}")]);
        let output = succeeded("_get", command.env("TASKDATA", elsewhere.path()).output().map_err(not_runnable)?)?;
        let value = Zeroizing::new(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned());
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    /// How many tasks there are, whatever the active context shows.
    pub fn count(&self, which: Which) -> Result<u64, TaskwarriorError> {
        let quietly = ["rc.hooks=off", "rc.verbose=nothing", "rc.gc=off", "rc.recurrence=off", "rc.context="];
        let filter: &[&str] = match which {
            Which::All => &[],
            Which::Pending => &["status:pending"],
        };
        let output = self.succeed("count", &[&quietly, filter, &["count"]].concat())?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().map_err(|_| TaskwarriorError::Failed {
            command: "count",
            why: Complaint(format!("expected a number, got `{}`", printable(&text))),
        })
    }

    /// All tasks as JSON, as `task import` reads it, whatever the active context shows.
    pub fn export(&self) -> Result<Zeroizing<Vec<u8>>, TaskwarriorError> {
        let quietly = ["rc.hooks=off", "rc.verbose=nothing", "rc.gc=off", "rc.recurrence=off", "rc.context="];
        self.succeed("export", &[&quietly[..], &["export"]].concat()).map(|output| Zeroizing::new(output.stdout))
    }

    /// `task sync`. What it prints on success is not shown: the callers say it better. It may take long, so Ctrl-C ends
    /// it, and not this program, which has something to say then.
    pub fn sync(&self, interrupts: Interrupts) -> Result<(), TaskwarriorError> {
        let not_runnable = |why| TaskwarriorError::NotRunnable { program: self.program.clone(), why };
        let mut command = self.command(&["rc.hooks=off", "rc.confirmation=off", "sync"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(not_runnable)?;
        let (output, interrupted) = interrupts.wait(child);
        if interrupted {
            return Err(TaskwarriorError::Interrupted);
        }
        succeeded("sync", output.map_err(not_runnable)?).map(drop)
    }

    fn succeed(&self, command: &'static str, arguments: &[&str]) -> Result<Output, TaskwarriorError> {
        succeeded(command, self.run(arguments)?)
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, TaskwarriorError> {
        let output = self.command(arguments).output();
        output.map_err(|why| TaskwarriorError::NotRunnable { program: self.program.clone(), why })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let taskrc = self.stand_in.as_ref().map(|file| ("TASKRC", file.path()));
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .envs(self.context.env())
            .envs(taskrc)
            .current_dir(self.context.cwd())
            .stdin(Stdio::null());
        command
    }
}

/// The output of a program that ended well, or its complaint.
fn succeeded(command: &'static str, output: Output) -> Result<Output, TaskwarriorError> {
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // Announcements of overrides come first; the complaint is the last line.
    let said = said.lines().map(printable).rfind(|line| !line.is_empty());
    let why = Complaint(said.unwrap_or_else(|| output.status.to_string()));
    Err(TaskwarriorError::Failed { command, why })
}

/// A program of this name on PATH.
pub(crate) fn on_path(context: &Context, name: &OsStr) -> Option<PathBuf> {
    let runnable = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(context.var("PATH")?).map(|folder| context.cwd().join(folder).join(name)).find(runnable)
}

fn how_to_install(context: &Context) -> String {
    context.platform.how_to_install(on_path(context, OsStr::new("brew")).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_task_prints_them() {
        assert_eq!(Version::parse("3.5.0\n"), Some(Version::new(3, 5, 0)));
        assert_eq!(Version::parse("3.6.0-dev (a1b2c3)"), Some(Version::new(3, 6, 0)));
        assert_eq!(Version::parse("3.10"), Some(Version::new(3, 10, 0)));
        assert_eq!(Version::parse("Task version: v3.39.2"), None, "another program of that name");
        assert_eq!(Version::parse(""), None);
    }

    #[test]
    fn the_key_of_the_server_follows_the_version() {
        assert_eq!(Version::new(3, 0, 2).url_key(), "sync.server.origin");
        assert_eq!(Version::new(3, 1, 0).url_key(), "sync.server.url");
        assert_eq!(Version::new(3, 10, 0).url_key(), "sync.server.url");
    }
}
