//! The world around one run of the program: environment, places, user, and whether somebody sits at a terminal.
//!
//! Read once in [`Context::of_this_process`]; everything else gets it handed in, so a test can run the whole program in
//! a world of its own. Streams are in [`crate::terminal`], questions in [`crate::prompt`].

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::Explain;
use crate::observer::Observer;
use crate::platform::Platform;

/// The world around one run.
#[derive(Debug, Clone)]
pub struct Context {
    env: BTreeMap<OsString, OsString>,
    home: PathBuf,
    cwd: PathBuf,
    /// Whether a person can be asked: standard input and standard error are both a terminal. Standard output is not
    /// looked at, since `taskferry share > file` still has somebody in front of it.
    pub interactive: bool,
    /// The screen that standard output is, if it is one: what a QR code has to fit into.
    pub window: Option<Window>,
    /// What the computer runs, for advice on what to install.
    pub platform: Platform,
    /// Told of each step of what takes several; see [`crate::rescue::steps`].
    pub observer: Observer,
    /// Where this program itself is, if that can be told: what belongs to it lies beside it.
    pub program: Option<PathBuf>,
}

/// The size of a screen, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Characters in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// Why the world is not one to work in.
#[derive(Debug, thiserror::Error)]
pub enum BadContext {
    /// Everything that is written belongs into somebody's home.
    #[error("the environment variable `HOME` is not set")]
    NoHome,
    /// The current folder was deleted, or may not be read.
    #[error("could not tell which folder this is")]
    NoCwd(#[source] std::io::Error),
    /// Files written now would belong to root, in a home where their owner then can't change them.
    #[error("this runs as root, but in the home of another user: `{}`", home.display())]
    SudoInForeignHome {
        /// That home.
        home: PathBuf,
    },
}

impl Explain for BadContext {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("set it to your home folder and run the same command again".into()),
            Self::NoCwd(_) => Some("change to another folder, for example with `cd`".into()),
            Self::SudoInForeignHome { .. } => Some("run the same command without `sudo`".into()),
        }
    }
}

impl Context {
    /// The real world.
    pub fn of_this_process() -> Result<Self, BadContext> {
        let cwd = std::env::current_dir().map_err(BadContext::NoCwd)?;
        let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let context = Self::new(std::env::vars_os().collect(), cwd, interactive)?;
        let home_owner = std::fs::metadata(&context.home).ok().map(|home| home.uid());
        context.refuse_foreign_home(rustix::process::geteuid().as_raw(), home_owner)?;
        let size = console::Term::stdout().size_checked();
        let window = size.map(|(rows, columns)| Window { columns: columns.into(), rows: rows.into() });
        let program = std::env::current_exe().ok();
        Ok(Self { window, platform: Platform::here(), program, ..context })
    }

    /// A world made of parts.
    pub fn new(env: BTreeMap<OsString, OsString>, cwd: PathBuf, interactive: bool) -> Result<Self, BadContext> {
        let home = env.get(OsStr::new("HOME")).filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.ok_or(BadContext::NoHome)?;
        let (window, platform, observer) = (None, Platform::Unknown, Observer::default());
        Ok(Self { env, home, cwd, interactive, window, platform, observer, program: None })
    }

    /// The same world, with somebody who is told of steps.
    #[must_use]
    pub fn observed_by(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// `sudo` keeps `HOME` on some systems. Plain root in its own home is fine: containers work that way.
    fn refuse_foreign_home(&self, effective_uid: u32, home_owner: Option<u32>) -> Result<(), BadContext> {
        let by_sudo = self.var("SUDO_USER").is_some();
        if effective_uid == 0 && by_sudo && home_owner.is_some_and(|owner| owner != 0) {
            return Err(BadContext::SudoInForeignHome { home: self.home.clone() });
        }
        Ok(())
    }

    /// An environment variable; one that is set but empty counts as not set.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.env.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Whether the terminal shows more than ASCII, by the locale: the first of the three variables that is set counts.
    pub fn speaks_utf8(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| self.var(name));
        let locale = locale.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        locale.ends_with("utf-8") || locale.ends_with("utf8")
    }

    /// Whether the terminal can do nothing but print one line below the other.
    pub fn is_dumb_terminal(&self) -> bool {
        self.var("TERM").is_some_and(|term| term == "dumb")
    }

    /// The whole environment, for child processes.
    pub fn env(&self) -> &BTreeMap<OsString, OsString> {
        &self.env
    }

    /// The user's home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where relative paths begin.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// `$XDG_CONFIG_HOME`, else `~/.config`. As the XDG specification wants it, a relative path counts as not set.
    pub fn config_home(&self) -> PathBuf {
        self.xdg("XDG_CONFIG_HOME", ".config")
    }

    /// Our folder for settings: `taskferry` in [`Self::config_home`].
    pub fn our_config_dir(&self) -> PathBuf {
        self.config_home().join("taskferry")
    }

    /// Our folder for what must outlive a run but is no setting, such as backups: `$XDG_STATE_HOME/taskferry`, else
    /// `~/.local/state/taskferry`.
    pub fn state_dir(&self) -> PathBuf {
        self.xdg("XDG_STATE_HOME", ".local/state").join("taskferry")
    }

    /// `$XDG_DATA_HOME`, else `~/.local/share`.
    pub fn data_home(&self) -> PathBuf {
        self.xdg("XDG_DATA_HOME", ".local/share")
    }

    fn xdg(&self, variable: &str, below_home: &str) -> PathBuf {
        let given = self.var(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        given.unwrap_or_else(|| self.home.join(below_home))
    }

    /// `path` as a person writes it: with `~` for the home.
    pub fn short(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(below) => format!("~/{}", below.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(vars: &[(&str, &str)]) -> Context {
        let env = vars.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Context::new(env, "/".into(), false).unwrap()
    }

    #[test]
    fn no_home_is_an_error_and_so_is_an_empty_one() {
        assert!(matches!(Context::new(BTreeMap::new(), "/".into(), false), Err(BadContext::NoHome)));
        let empty = [("HOME".into(), "".into())].into();
        assert!(matches!(Context::new(empty, "/".into(), false), Err(BadContext::NoHome)));
    }

    #[test]
    fn places_follow_the_xdg_variables_unless_they_are_relative() {
        assert_eq!(context(&[("HOME", "/home/ada")]).state_dir(), Path::new("/home/ada/.local/state/taskferry"));
        let moved = context(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/s"), ("XDG_CONFIG_HOME", "here")]);
        assert_eq!(moved.state_dir(), Path::new("/s/taskferry"));
        assert_eq!(moved.config_home(), Path::new("/home/ada/.config"));
    }

    #[test]
    fn sudo_in_the_home_of_another_user_is_refused() {
        let sudo = context(&[("HOME", "/home/ada"), ("SUDO_USER", "ada")]);
        assert!(matches!(sudo.refuse_foreign_home(0, Some(1000)), Err(BadContext::SudoInForeignHome { .. })));
        assert!(sudo.refuse_foreign_home(0, Some(0)).is_ok());
        assert!(sudo.refuse_foreign_home(1000, Some(1000)).is_ok());
    }

    #[test]
    fn plain_root_is_fine() {
        assert!(context(&[("HOME", "/root")]).refuse_foreign_home(0, Some(0)).is_ok());
    }
}
