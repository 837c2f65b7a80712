//! The server at home as a service of its user, so that it starts by itself: a unit of systemd ([`systemd`]), an agent of launchd
//! on a Mac ([`launchd`]). Only files that this program wrote are changed or removed.

pub mod launchd;
pub mod systemd;

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::context::Context;
use crate::error::Explain;
use crate::files;
use crate::platform::Platform;
use crate::taskwarrior::on_path;
use crate::terminal::printable;

/// In each file that is ours.
const MARK: &str = "Written by `taskferry home install`";
/// Readable as other units are: there is no secret in it.
const FILE_MODE: u32 = 0o644;
/// Bytes of a file that can be ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What runs services here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// Linux.
    Systemd,
    /// macOS.
    Launchd,
}

/// What the service runs.
#[derive(Debug, Clone, Copy)]
pub struct Spec<'a> {
    /// `taskferry-server`.
    pub program: &'a Path,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where its data is: a service sees other variables than a shell.
    pub data: &'a Path,
}

/// The service of this user.
#[derive(Debug)]
pub struct Service<'a> {
    context: &'a Context,
    manager: Manager,
    file: PathBuf,
}

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Neither systemd nor launchd.
    #[error("there is no systemd here, and nothing else that could start the server by itself")]
    NoManager,
    /// A file of that name which somebody else wrote.
    #[error("`{}` was not written by taskferry", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A path that can't stand in such a file.
    #[error("`{}` has characters in its name that no service can have", path.display())]
    BadPath {
        /// The path.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("could not use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// The manager's own program failed.
    #[error("`{command}` failed")]
    Manager {
        /// What was run.
        command: String,
        /// What it said.
        #[source]
        why: Complaint,
    },
}

/// What the manager's program said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Complaint(String);

impl Explain for ServiceError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoManager => "run `taskferry home start` after each start of this computer, for example from cron: \
                                `@reboot taskferry home start`"
                .into(),
            Self::NotOurs { path } => {
                format!("it was left as it is; move `{}` away to have one written", path.display())
            }
            Self::BadPath { .. } => "install the programs, or keep the data, in a folder with a plainer name".into(),
            Self::File { .. } => "make room or mend the permissions, then run the same command again".into(),
            Self::Manager { why: Complaint(said), .. } if said.contains("bus") => {
                "services of a user need a session of systemd, which `su` and `sudo` don't open: log in as that user, \
                 for example by `ssh`\n\
                 without a service, `taskferry home start` starts the server until this computer is switched off"
                    .into()
            }
            Self::Manager { .. } => {
                "without a service, `taskferry home start` starts the server until this computer is \
                                     switched off"
                    .into()
            }
        })
    }
}

impl Manager {
    /// What there is.
    pub fn of(context: &Context) -> Option<Self> {
        if context.platform == Platform::MacOs {
            return Some(Self::Launchd);
        }
        on_path(context, OsStr::new("systemctl")).map(|_| Self::Systemd)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
        }
    }
}

impl<'a> Service<'a> {
    /// The service as it would be here.
    pub fn here(context: &'a Context) -> Result<Self, ServiceError> {
        let manager = Manager::of(context).ok_or(ServiceError::NoManager)?;
        let file = match manager {
            Manager::Systemd => systemd::place(context),
            Manager::Launchd => launchd::place(context),
        };
        Ok(Self { context, manager, file })
    }

    /// The service that is installed, if one of ours is.
    pub fn installed(context: &'a Context) -> Option<Self> {
        Self::here(context).ok().filter(|service| matches!(service.present(), Ok(Some(_))))
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Who runs it.
    pub fn manager(&self) -> Manager {
        self.manager
    }

    /// What its file is to hold.
    pub fn content(&self, spec: &Spec<'_>) -> Result<String, ServiceError> {
        match self.manager {
            Manager::Systemd => systemd::unit(spec),
            Manager::Launchd => launchd::agent(self.context, spec),
        }
    }

    /// What its file holds; `None` = there is none.
    pub fn present(&self) -> Result<Option<String>, ServiceError> {
        let failed = |why| ServiceError::File { path: self.file.clone(), why };
        let not_ours = || ServiceError::NotOurs { path: self.file.clone() };
        match std::fs::metadata(&self.file) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(failed(why)),
            Ok(file) if file.len() > FILE_BYTES_MAX => return Err(not_ours()),
            Ok(_) => {}
        }
        let text = String::from_utf8(std::fs::read(&self.file).map_err(failed)?).map_err(|_| not_ours())?;
        if text.contains(MARK) { Ok(Some(text)) } else { Err(not_ours()) }
    }

    /// Writes its file, unless it is as it should be.
    pub fn write(&self, spec: &Spec<'_>) -> Result<(), ServiceError> {
        let content = self.content(spec)?;
        let before = self.present()?;
        if before.as_ref() == Some(&content) {
            return Ok(());
        }
        files::replace(&self.file, content.as_bytes(), FILE_MODE)
            .map_err(|why| ServiceError::File { path: self.file.clone(), why })?;
        if self.manager == Manager::Systemd
            && let Err(why) = self.run("systemctl", &["--user", "daemon-reload"])
        {
            if before.is_none() {
                // A unit that nobody reads is none.
                let _ = std::fs::remove_file(&self.file);
            }
            return Err(why);
        }
        Ok(())
    }

    /// Starts it now, and from now on by itself.
    pub fn start(&self) -> Result<(), ServiceError> {
        match self.manager {
            Manager::Systemd => self.run("systemctl", &["--user", "enable", "--now", systemd::NAME]).map(drop),
            Manager::Launchd => {
                // One that is loaded already can't be loaded again.
                let _ = self.run("launchctl", &["bootout", &launchd::target()]);
                let file = self.file.to_string_lossy();
                self.run("launchctl", &["bootstrap", &launchd::domain(), &file]).map(drop)
            }
        }
    }

    /// Stops it for now.
    pub fn stop(&self) -> Result<(), ServiceError> {
        match self.manager {
            Manager::Systemd => self.run("systemctl", &["--user", "stop", systemd::NAME]).map(drop),
            Manager::Launchd => self.run("launchctl", &["bootout", &launchd::target()]).map(drop),
        }
    }

    /// Whether the manager runs it now.
    pub fn is_running(&self) -> bool {
        match self.manager {
            Manager::Systemd => self.run("systemctl", &["--user", "--quiet", "is-active", systemd::NAME]).is_ok(),
            Manager::Launchd => self.run("launchctl", &["print", &launchd::target()]).is_ok(),
        }
    }

    /// Stops it and takes it away. What it served stays.
    pub fn remove(&self) -> Result<(), ServiceError> {
        match self.manager {
            Manager::Systemd => self.run("systemctl", &["--user", "disable", "--now", systemd::NAME]).map(drop)?,
            Manager::Launchd => {
                // It may not be loaded.
                let _ = self.stop();
            }
        }
        std::fs::remove_file(&self.file).map_err(|why| ServiceError::File { path: self.file.clone(), why })?;
        match self.manager {
            Manager::Systemd => self.run("systemctl", &["--user", "daemon-reload"]).map(drop),
            Manager::Launchd => Ok(()),
        }
    }

    /// Whether it also runs while its user is not logged in; `None` = nobody can tell.
    pub fn lingers(&self) -> Option<bool> {
        match self.manager {
            Manager::Systemd => {
                let user = self.context.var("USER").or_else(|| self.context.var("LOGNAME"))?.to_str()?.to_owned();
                let said = self.run("loginctl", &["show-user", &user, "--property=Linger"]).ok()?;
                Some(String::from_utf8_lossy(&said.stdout).trim() == "Linger=yes")
            }
            Manager::Launchd => Some(false),
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<Output, ServiceError> {
        let failed = |why: String| ServiceError::Manager {
            command: [&[program], arguments].concat().join(" "),
            why: Complaint(why),
        };
        let path = on_path(self.context, OsStr::new(program)).unwrap_or_else(|| program.into());
        let mut command = Command::new(path);
        command.args(arguments).env_clear().envs(self.context.env()).current_dir("/").stdin(Stdio::null());
        let output = command.output().map_err(|why| failed(why.to_string()))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().map(printable).find(|line| !line.is_empty());
        Err(failed(said.unwrap_or_else(|| output.status.to_string())))
    }
}

/// A path as text without control characters, which would be a line of their own in a file.
fn plain(path: &Path) -> Result<&str, ServiceError> {
    let bad = || ServiceError::BadPath { path: path.into() };
    path.to_str().filter(|text| !text.chars().any(char::is_control)).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::until_it_runs;

    /// A world with programs that write down how they were called.
    fn world(platform: Platform, programs: &[&str]) -> (tempfile::TempDir, Context) {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for name in programs {
            let path = bin.join(name);
            let script = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$HOME/called\"\n\
                          [ ! -e \"$HOME/no-bus\" ] || { echo 'Failed to connect to bus' >&2; exit 1; }\n\
                          case $0 in */loginctl) echo Linger=yes ;; esac\n";
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            until_it_runs(&path);
        }
        let _ = std::fs::remove_file(home.path().join("called"));
        let env =
            [("HOME".into(), home.path().into()), ("PATH".into(), bin.into_os_string()), ("USER".into(), "ada".into())];
        let mut context = Context::new(env.into(), home.path().into(), false).unwrap();
        context.platform = platform;
        context.program = Some("/opt/taskferry".into());
        (home, context)
    }

    fn called(context: &Context) -> Vec<String> {
        let text = std::fs::read_to_string(context.home().join("called")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    fn spec() -> Spec<'static> {
        Spec {
            program: Path::new("/usr/bin/taskferry-server"),
            listen: "127.0.0.1:8080".parse().unwrap(),
            data: Path::new("/home/ada/data"),
        }
    }

    #[test]
    fn a_unit_is_written_once_started_and_removed_again() {
        let (_home, context) = world(Platform::Unknown, &["systemctl", "loginctl"]);
        assert!(Service::installed(&context).is_none());
        let service = Service::here(&context).unwrap();
        service.write(&spec()).unwrap();
        service.write(&spec()).unwrap();
        service.start().unwrap();
        assert!(service.is_running());
        assert_eq!(service.lingers(), Some(true));
        assert_eq!(
            Service::installed(&context).unwrap().file(),
            context.home().join(".config/systemd/user/taskferry-home.service")
        );
        service.stop().unwrap();
        service.remove().unwrap();
        assert!(Service::installed(&context).is_none());
        assert_eq!(
            called(&context),
            [
                "systemctl --user daemon-reload",
                "systemctl --user enable --now taskferry-home.service",
                "systemctl --user --quiet is-active taskferry-home.service",
                "loginctl show-user ada --property=Linger",
                "systemctl --user stop taskferry-home.service",
                "systemctl --user disable --now taskferry-home.service",
                "systemctl --user daemon-reload",
            ]
        );
    }

    #[test]
    fn on_a_mac_launchd_does_the_same() {
        let (_home, context) = world(Platform::MacOs, &["launchctl"]);
        let service = Service::here(&context).unwrap();
        service.write(&spec()).unwrap();
        service.start().unwrap();
        service.remove().unwrap();
        let domain = launchd::domain();
        let file = context.home().join("Library/LaunchAgents/taskferry-home.plist");
        assert_eq!(
            called(&context),
            [
                format!("launchctl bootout {domain}/taskferry-home"),
                format!("launchctl bootstrap {domain} {}", file.display()),
                format!("launchctl bootout {domain}/taskferry-home"),
            ]
        );
        assert!(!file.exists());
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let (_home, context) = world(Platform::Unknown, &["systemctl"]);
        let service = Service::here(&context).unwrap();
        std::fs::create_dir_all(service.file().parent().unwrap()).unwrap();
        std::fs::write(service.file(), "[Service]\nExecStart=/bin/true\n").unwrap();
        assert!(matches!(service.write(&spec()), Err(ServiceError::NotOurs { .. })));
        assert!(Service::installed(&context).is_none());
        assert_eq!(std::fs::read_to_string(service.file()).unwrap(), "[Service]\nExecStart=/bin/true\n");
        assert_eq!(called(&context), Vec::<String>::new());
    }

    #[test]
    fn without_a_session_the_way_out_is_named() {
        let (_home, context) = world(Platform::Unknown, &["systemctl"]);
        std::fs::write(context.home().join("no-bus"), "").unwrap();
        let service = Service::here(&context).unwrap();
        let error = service.write(&spec()).unwrap_err();
        assert_eq!(error.to_string(), "`systemctl --user daemon-reload` failed");
        assert!(!service.file().exists());
        assert!(error.hint().unwrap().contains("`ssh`"), "{error:?}");
        let (_home, nothing) = world(Platform::Unknown, &[]);
        assert!(matches!(Service::here(&nothing), Err(ServiceError::NoManager)));
    }
}
