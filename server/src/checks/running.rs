//! How the running server was started: its flags and its environment, as the system shows them to whoever may see them. The
//! settings that count are those, and not what the operator's own shell would say.

use std::path::{Path, PathBuf};

use clap::Parser as _;

use crate::cli::{Cli, Command, ServeArgs};
use crate::config::sources::Env;

/// See the module.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) serve: ServeArgs,
    pub(super) env: Env,
}

impl Running {
    /// Of the process `pid`, if it is a server of ours and this user may know how it was started. Linux only. A server that gave
    /// up being root shows its environment to nobody; then `own` stands for it, which in a container is the same.
    pub(super) fn find(pid: u32, own: &Env) -> Option<Self> {
        Self::read(&PathBuf::from(format!("/proc/{pid}")), own)
    }

    fn read(process: &Path, own: &Env) -> Option<Self> {
        let texts = |file: &str| -> Option<Vec<String>> {
            let bytes = std::fs::read(process.join(file)).ok()?;
            let ended = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
            Some(ended.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect())
        };
        let Some(Command::Serve(mut serve)) = Cli::try_parse_from(texts("cmdline")?).ok()?.command else { return None };
        let env = match texts("environ") {
            Some(environment) => Env::from_pairs(environment.iter().filter_map(|text| text.split_once('='))),
            None => own.clone(),
        };
        // What it was told stands from where it was started.
        let config = serve.config.take().or_else(|| env.get("TASKFERRY_CONFIG").map(PathBuf::from));
        serve.config = match config {
            Some(path) if path.is_relative() => Some(std::fs::read_link(process.join("cwd")).ok()?.join(path)),
            config => config,
        };
        Some(Self { serve: *serve, env })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cmdline: &str, environ: &str) -> Option<Running> {
        let process = tempfile::tempdir().unwrap();
        std::fs::write(process.path().join("cmdline"), cmdline).unwrap();
        std::fs::write(process.path().join("environ"), environ).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/srv/somewhere", process.path().join("cwd")).unwrap();
        Running::read(process.path(), &Env::default())
    }

    #[test]
    #[cfg(unix)]
    fn flags_and_environment_are_those_of_the_process() {
        let running = read(
            "/usr/bin/taskferry-server\0serve\0--listen\0[::]:80\0--config\0server.toml\0",
            "HOME=/home/ada\0TASKFERRY_REGISTRATION=invite\0ODD\0",
        );
        let Running { serve, env } = running.unwrap();
        assert_eq!(serve.listen, ["[::]:80"]);
        assert_eq!(serve.config.as_deref(), Some(Path::new("/srv/somewhere/server.toml")));
        assert_eq!(env.get("TASKFERRY_REGISTRATION"), Some("invite"));
        assert!(read("taskferry-server\0serve\0", "").unwrap().serve.config.is_none());

        let process = tempfile::tempdir().unwrap();
        std::fs::write(process.path().join("cmdline"), "taskferry-server\0serve\0").unwrap();
        let hidden = Running::read(process.path(), &Env::from_pairs([("PORT", "9000")])).unwrap();
        assert_eq!(hidden.env.get("PORT"), Some("9000"), "where its own can't be seen");
    }

    #[test]
    fn another_program_that_got_the_number_is_not_asked() {
        for cmdline in ["", "vim\0notes\0", "taskferry-server\0stats\0", "taskferry-server\0serve\0--no-such-flag\0"] {
            assert!(read(cmdline, "").is_none(), "{cmdline:?}");
        }
        assert!(Running::read(Path::new("/nowhere"), &Env::default()).is_none());
    }
}
