//! An image's file system, run as a container engine does it: as process 1 of namespaces of its own, on a read-only root, with a
//! volume at `/data` and a loopback that nobody else hears. It needs root, `unshare`, `nsenter` and `ip`, and no engine.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::{fs, thread};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::command::{Outcome, run};
use crate::log::Log;
use crate::wait;

/// What an engine sets where neither the image nor its base does.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Puts the root file system together inside of the new namespaces, and becomes the program.
const ENTER: &str = "\
mount --bind \"$1\" \"$2\"
mount --bind \"$3\" \"$2/data\"
mount -t proc proc \"$2/proc\"
mount -t tmpfs -o mode=755 tmpfs \"$2/dev\"
for device in full null random urandom zero; do
  touch \"$2/dev/$device\"
  mount --bind \"/dev/$device\" \"$2/dev/$device\"
done
mount -o remount,bind,ro \"$2\"
ip link set lo up
user=$4
at=$2
shift 4
exec chroot --userspec=\"$user\" --groups=\"${user#*:}\" \"$at\" \"$@\"";

/// What is run, and how.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its file system.
    pub root: PathBuf,
    /// `NAME`, value.
    pub environment: Vec<(String, String)>,
    /// Entry point and command.
    pub call: Vec<String>,
    /// What an engine runs to see whether it is well.
    pub health: Vec<String>,
}

impl Image {
    /// From an image's configuration, as `docker image inspect` and `buildah inspect` show it.
    #[track_caller]
    pub fn of_configuration(root: PathBuf, configuration: &Value) -> Self {
        let words = |value: &Value| -> Vec<String> {
            let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
        };
        let environment = words(&configuration["Env"]).into_iter();
        let environment = environment.map(|line| {
            let (name, value) = line.split_once('=').expect("a variable");
            (name.to_owned(), value.to_owned())
        });
        let health = words(&configuration["Healthcheck"]["Test"]);
        assert_eq!(health.first().map(String::as_str), Some("CMD"), "without a shell: {health:?}");
        Self {
            root,
            environment: environment.collect(),
            call: [words(&configuration["Entrypoint"]), words(&configuration["Cmd"])].concat(),
            health: health[1..].to_vec(),
        }
    }

    /// The same with another value of a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(old, _)| old != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it as root, with this volume at `/data`.
    #[track_caller]
    pub fn start(&self, volume: &Path) -> Container {
        self.start_as("0:0", volume)
    }

    /// Starts it as `UID:GID`.
    #[track_caller]
    pub fn start_as(&self, user: &str, volume: &Path) -> Container {
        let place = tempfile::Builder::new().prefix("container-").tempdir().expect("a temporary folder");
        for folder in ["dev", "proc"] {
            fs::create_dir_all(self.root.join(folder)).expect("a place to mount at");
        }
        let mut command = self.with_environment("unshare");
        // Killed with whoever started it, until it gives up root: then the system forgets that, and `Drop` has to do it. What was
        // mounted ends with it.
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
        command.args(["sh", "-euc", ENTER, "enter"]);
        command.arg(&self.root).arg(place.path()).arg(volume).arg(user).args(&self.call);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a container");
        let log = Log::follow(child.stderr.take().expect("its standard error"));
        Container { image: self.clone(), child, log, _place: place }
    }

    fn with_environment(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", PATH).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// One that was started. It ends with the test.
#[derive(Debug)]
pub struct Container {
    image: Image,
    child: Child,
    log: Log,
    _place: tempfile::TempDir,
}

impl Container {
    /// Why containers can't be run here; `None` where they can.
    pub fn unable() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("only root can".to_owned());
        }
        let trial =
            ["--mount", "--net", "--pid", "--fork", "--propagation", "private", "ip", "link", "set", "lo", "up"];
        let tried = Command::new("unshare").args(trial).output();
        match tried {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(why) => Some(format!("unshare: {why}")),
        }
    }

    /// Waits until the image's own health check finds it well.
    #[track_caller]
    pub fn wait_until_it_is_well(&self) {
        wait::until(&format!("the container is well; its log:\n{}", self.log.text()), || self.health().is_good());
    }

    /// The image's health check, run in it.
    #[track_caller]
    pub fn health(&self) -> Outcome {
        self.execute(&self.image.health)
    }

    /// Runs a command in it, as `docker exec` does: as root, with the image's environment.
    #[track_caller]
    pub fn execute<S: AsRef<str>>(&self, call: &[S]) -> Outcome {
        let mut command = self.image.with_environment("nsenter");
        command.arg("--target").arg(self.process().as_raw_nonzero().to_string());
        command.args(["--mount", "--net", "--pid", "--root", "--wd", "--"]).args(call.iter().map(AsRef::as_ref));
        run(&mut command, "")
    }

    /// The same command, but that it reaches the network of this container. Its variables are those that were set on it.
    #[track_caller]
    pub fn reached_by(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg("--target").arg(self.process().as_raw_nonzero().to_string()).args(["--net", "--"]);
        inside.arg(command.get_program()).args(command.get_args());
        inside.env_clear().envs(command.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }

    /// Its process 1, by the number that it has outside.
    #[track_caller]
    pub fn process(&self) -> Pid {
        let mut found = None;
        wait::until("the container has a process", || {
            found = self.process_now();
            found.is_some() || self.log.is_closed()
        });
        found.unwrap_or_else(|| panic!("the container ended:\n{}", self.log.text()))
    }

    fn process_now(&self) -> Option<Pid> {
        let parent = self.child.id();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
        Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
    }

    /// What it has said.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Stops it as an engine does, and waits until it has ended.
    #[track_caller]
    pub fn stop(self) -> (ExitStatus, String) {
        rustix::process::kill_process(self.process(), Signal::TERM).expect("a signal to our own container");
        self.wait_for_its_end()
    }

    /// Waits until it has ended by itself: how, and what it said.
    #[track_caller]
    pub fn wait_for_its_end(mut self) -> (ExitStatus, String) {
        self.log.wait_until_closed();
        let status = self.child.wait().expect("the end of our own child");
        (status, self.log.text())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // With its process 1, everything in it ends.
        if let Some(process) = self.process_now() {
            let _ = rustix::process::kill_process(process, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the container's log\n{}", self.log.text());
        }
    }
}
