//! The process that outlives the wizard: it has a session of its own, so that no closing terminal ends it, runs the server, and
//! writes what the server says to a log that stays short. A file given to the server itself would grow for ever.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process, setsid};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{self, SignalKind};

use super::log::Log;
use super::program::Program;
use crate::context::Context;
use crate::error::{Explain, Failure};

/// What is read at once, in bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// Why it is not kept running.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Neither log nor signals nor process.
    #[error("could not keep the server running")]
    System(#[source] io::Error),
    /// It ended by itself.
    #[error("the server has ended: {0}")]
    Ended(ExitStatus),
}

impl Explain for KeepError {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry home status`, which says where its log is".into())
    }
}

/// Starts the process. It says nothing: whether the server serves is asked from the server.
pub fn spawn(context: &Context, listen: SocketAddr, data: &Path) -> io::Result<Child> {
    let own = context.program.as_ref().ok_or_else(|| io::Error::other("it is not known where this program is"))?;
    let mut command = Command::new(own);
    command.args(["home", "keep", "--listen"]).arg(listen.to_string()).arg("--data-dir").arg(data);
    command.env_clear().envs(context.env()).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Is that process, until the server ends.
pub fn keep(context: &Context, listen: SocketAddr, data: &Path) -> Result<(), Failure> {
    // Where it is the first of its session already, as under a service manager, that stays so.
    let _ = setsid();
    let mut log = Log::open(context).map_err(KeepError::System)?;
    let done = run(context, listen, data, &mut log);
    if let Err(failure) = &done {
        // Nobody sees this process, so what went wrong goes where people look.
        log.write(format!("error: {}\n", failure.error()).as_bytes());
    }
    done
}

fn run(context: &Context, listen: SocketAddr, data: &Path, log: &mut Log) -> Result<(), Failure> {
    let program = Program::find(context)?;
    let signals = Signals::catch().map_err(KeepError::System)?;
    let mut server = Command::new(program.path())
        .args(["serve", "--listen"])
        .arg(listen.to_string())
        .arg("--data-dir")
        .arg(data)
        .env_clear()
        .envs(context.env())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(KeepError::System)?;
    signals.pass_on_to(&server);
    if let Some(mut said) = server.stderr.take() {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match said.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => log.write(&piece[..length]),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }
    let status = server.wait().map_err(KeepError::System)?;
    if status.success() { Ok(()) } else { Err(KeepError::Ended(status).into()) }
}

/// SIGTERM and SIGINT, which are the server's, and SIGHUP, which is nobody's.
struct Signals {
    runtime: Runtime,
    stop: [unix::Signal; 2],
    _hang_up: unix::Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let (stop, hang_up) = {
            let _inside = runtime.enter();
            let stop = [unix::signal(SignalKind::terminate())?, unix::signal(SignalKind::interrupt())?];
            (stop, unix::signal(SignalKind::hangup())?)
        };
        Ok(Self { runtime, stop, _hang_up: hang_up })
    }

    /// From now on, as long as this process lives, which ends with the server.
    fn pass_on_to(self, server: &Child) {
        let pid = Pid::from_child(server);
        std::thread::spawn(move || {
            let Self { runtime, stop: [mut term, mut int], _hang_up } = self;
            runtime.block_on(async {
                loop {
                    tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
                    let _ = kill_process(pid, Signal::TERM);
                }
            });
        });
    }
}

/// What starts this process for a service manager that keeps no logs itself.
pub fn command_line(program: PathBuf, listen: SocketAddr, data: &Path) -> Vec<std::ffi::OsString> {
    let words = ["home", "keep", "--listen"].map(Into::into);
    std::iter::once(program.into_os_string())
        .chain(words)
        .chain([listen.to_string().into(), "--data-dir".into(), data.into()])
        .collect()
}
