//! `taskferry-server` as a program: where it is, and what it is set to by environment and configuration file. It is asked for
//! its settings, since only it knows what flags, variables and files add up to.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use crate::context::Context;
use crate::error::Explain;
use crate::taskwarrior::on_path;
use crate::terminal::printable;

const NAME: &str = "taskferry-server";
/// Where it listens unless it is set to another place.
const USUAL_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// A server program that answers to its name.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
}

/// What it does unless it is told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usual {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where its data is.
    pub data: PathBuf,
    /// The path in front of everything: empty, or `/sync`.
    pub base_path: String,
}

/// Why there is no server to start.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Neither beside this program nor on PATH.
    #[error("the server is not installed: there is no `{NAME}` beside this program or on your PATH")]
    Missing,
    /// Another program of that name.
    #[error("`{}` is not a Taskferry server", path.display())]
    NotTheServer {
        /// The program.
        path: PathBuf,
    },
    /// The operating system could not run it.
    #[error("could not run `{}`", path.display())]
    NotRunnable {
        /// The program.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// A setting of it makes no sense.
    #[error("the settings of `{NAME}` can't be used")]
    Settings(#[source] Complaint),
}

/// What the server said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Complaint(String);

impl Explain for ProgramError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing => "with the installer of Taskferry: `sh install.sh --only taskferry-server`\n\
                              on Debian and Ubuntu, the package `taskferry-server`; in a clone, `cargo install --path server`\n\
                              or choose another server: run `taskferry setup`"
                .into(),
            Self::NotTheServer { .. } | Self::NotRunnable { .. } => {
                format!("install `{NAME}` beside `taskferry`, or put its folder first on your PATH")
            }
            Self::Settings(_) => format!("run `{NAME} config check`"),
        })
    }
}

impl Program {
    /// Looks beside this program first, so that a pair that was unpacked together stays together; then on PATH.
    pub fn find(context: &Context) -> Result<Self, ProgramError> {
        let path = beside(context).or_else(|| on_path(context, NAME.as_ref())).ok_or(ProgramError::Missing)?;
        let output = run(context, &path, &["--version"])?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().strip_prefix(NAME).filter(|_| output.status.success()) {
            Some(_) => Ok(Self { path }),
            None => Err(ProgramError::NotTheServer { path }),
        }
    }

    /// The program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is set to.
    pub fn usual(&self, context: &Context) -> Result<Usual, ProgramError> {
        #[derive(Deserialize)]
        struct Setting {
            key: String,
            value: Option<String>,
        }
        let output = run(context, &self.path, &["config", "show", "--json"])?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().map(printable).find(|line| !line.is_empty()).unwrap_or_default();
            return Err(ProgramError::Settings(Complaint(said.trim_start_matches("error: ").to_owned())));
        }
        let complaint = |what: &str| ProgramError::Settings(Complaint(what.to_owned()));
        let settings: Vec<Setting> =
            serde_json::from_slice(&output.stdout).map_err(|_| complaint("they are not what this version expects"))?;
        let value = |key: &str| settings.iter().find(|setting| setting.key == key)?.value.clone();
        let listen = match value("listen") {
            None => USUAL_LISTEN,
            // Several are one text with commas; the first is where this computer asks.
            Some(text) => {
                let first = text.split(',').next().unwrap_or_default().trim().to_owned();
                first.parse().map_err(|_| complaint("`listen` is not an address and a port"))?
            }
        };
        let data = value("data_dir").map(|given| context.cwd().join(given));
        Ok(Usual {
            listen,
            data: data.unwrap_or_else(|| context.data_home().join(NAME)),
            base_path: value("base_path").unwrap_or_default(),
        })
    }
}

/// This program's own name with `-server` behind it, then the usual name: whoever keeps several versions beside each other under
/// names of their own gets the one that belongs to this.
fn beside(context: &Context) -> Option<PathBuf> {
    let own = context.program.as_ref()?;
    let folder = own.parent()?;
    let mut named_alike = own.file_name()?.to_owned();
    named_alike.push("-server");
    [folder.join(named_alike), folder.join(NAME)].into_iter().find(|path| path.is_file())
}

fn run(context: &Context, path: &Path, arguments: &[&str]) -> Result<Output, ProgramError> {
    let mut command = Command::new(path);
    command.args(arguments).env_clear().envs(context.env()).current_dir(context.cwd()).stdin(Stdio::null());
    command.output().map_err(|why| ProgramError::NotRunnable { path: path.into(), why })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::until_it_runs;

    fn world(own: &str) -> (tempfile::TempDir, Context) {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("bin")).unwrap();
        let env = [("HOME".into(), home.path().into()), ("PATH".into(), "/usr/bin:/bin".into())].into();
        let mut context = Context::new(env, home.path().into(), false).unwrap();
        context.program = Some(home.path().join("bin").join(own));
        (home, context)
    }

    fn program(context: &Context, name: &str, script: &str) {
        let path = context.home().join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        until_it_runs(&path);
    }

    #[test]
    fn the_one_that_is_named_after_this_program_comes_first() {
        let (_home, context) = world("ferry-2");
        assert!(matches!(Program::find(&context), Err(ProgramError::Missing)));
        program(&context, NAME, "echo taskferry-server 1.0.0");
        assert!(Program::find(&context).unwrap().path().ends_with(NAME));
        program(&context, "ferry-2-server", "echo taskferry-server 2.0.0");
        assert!(Program::find(&context).unwrap().path().ends_with("ferry-2-server"));
    }

    #[test]
    fn another_program_of_that_name_is_told() {
        let (_home, context) = world("taskferry");
        program(&context, NAME, "echo another 1.0.0");
        assert!(matches!(Program::find(&context), Err(ProgramError::NotTheServer { .. })));
    }

    #[test]
    fn what_it_is_set_to_is_asked_from_it() {
        let (home, context) = world("taskferry");
        let shown = |settings: &str| {
            let script = format!("case $1 in --version) echo taskferry-server 1.0.0 ;; *) echo '{settings}' ;; esac");
            program(&context, NAME, &script);
            Program::find(&context).unwrap().usual(&context)
        };
        let usual = shown(r#"[{"key":"listen","value":"127.0.0.1:8080"},{"key":"data_dir","value":null}]"#).unwrap();
        let data = home.path().join(".local/share/taskferry-server");
        assert_eq!(usual, Usual { listen: USUAL_LISTEN, data, base_path: String::new() });
        let usual = shown(
            r#"[{"key":"listen","value":"[::]:9000, 127.0.0.1:9000"},{"key":"data_dir","value":"/data"},
                {"key":"base_path","value":"/sync"}]"#,
        )
        .unwrap();
        assert_eq!((usual.listen.to_string(), usual.base_path), ("[::]:9000".into(), "/sync".into()));
        assert_eq!(usual.data, Path::new("/data"));
        assert!(matches!(shown("what?"), Err(ProgramError::Settings(_))));
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_told_in_its_own_words() {
        let (_home, context) = world("taskferry");
        let script = "case $1 in --version) echo taskferry-server 1.0.0 ;; \
                      *) echo 'error: `x` is not a size' >&2; exit 2 ;; esac";
        program(&context, NAME, script);
        let error = Program::find(&context).unwrap().usual(&context).unwrap_err();
        assert!(matches!(&error, ProgramError::Settings(Complaint(said)) if said == "`x` is not a size"), "{error:?}");
    }
}
