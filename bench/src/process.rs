//! Servers as child processes: started on a free port, measured from outside, and stopped by their own handle.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fs_err as fs;
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};

use crate::units::float;

/// How long a server may take to listen; one with gigabytes of data from a disk that is busy needs some of it.
const START_WITHIN: Duration = Duration::from_mins(1);
/// How long it may take to stop in order.
const STOP_WITHIN: Duration = Duration::from_mins(1);
/// What every server of this program says when it serves, before its address.
const LISTENING: &str = "listening on http://";
/// So many of its last lines are told if it does not start.
const LINES_KEPT: usize = 20;

/// A variable of the environment.
pub(crate) type Variable = (&'static str, OsString);

/// A running server. It is killed if it is still there when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    lines: Receiver<String>,
}

/// What a process took of the machine's memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Now (`VmRSS`).
    pub(crate) now: u64,
    /// At most, since its start (`VmHWM`).
    pub(crate) peak: u64,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Self::start_with(command, &[])
    }

    /// The same, with these variables.
    pub(crate) fn start_with(command: &mut Command, variables: &[Variable]) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        alone(command, variables).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("could not start `{name}`"))?;
        let (sender, lines) = channel();
        let stderr = child.stderr.take();
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), lines };
        if let Some(stderr) = stderr {
            thread::spawn(move || forward(stderr, &sender));
        }
        server.address = server.listening().with_context(|| format!("`{name}` did not start"))?;
        Ok(server)
    }

    fn listening(&self) -> Result<SocketAddr> {
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(START_WITHIN) {
                Ok(line) => match line.split_once(LISTENING) {
                    Some((_, address)) => {
                        return address.trim().parse().with_context(|| format!("no address: `{line}`"));
                    }
                    None => said.push(line),
                },
                Err(RecvTimeoutError::Timeout) => bail!("it does not listen after {} s", START_WITHIN.as_secs()),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("it ended: {}", said.split_off(said.len().saturating_sub(LINES_KEPT)).join("\n"))
                }
            }
        }
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its memory, as the kernel counts it.
    pub(crate) fn memory(&self) -> Result<Memory> {
        memory_of(&self.child.id().to_string())
    }

    /// What it took of the processor so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(path).context("could not ask for a server's processor time")?;
        let ticks = ticks(&stat).context("no processor time")?;
        Ok(float(ticks) / float(clock_ticks_per_second()))
    }

    /// What it had the disk write so far, in bytes, as the kernel counts it; `None` where this user may not know.
    pub(crate) fn written(&self) -> Option<u64> {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).ok()?;
        let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?;
        line.trim().parse().ok()
    }

    /// Stops it in order and waits for its end.
    pub(crate) fn stop(mut self) -> Result<()> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).context("could not stop a server")?;
        }
        // Its stderr ends with it. What it says until then is not asked for.
        loop {
            match self.lines.recv_timeout(STOP_WITHIN) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => bail!("a server did not stop within {} s", STOP_WITHIN.as_secs()),
            }
        }
        let status = self.child.wait()?;
        // A server without a handler for the signal is ended by it, which is as good.
        if status.success() || status.code().is_none() {
            return Ok(());
        }
        bail!("a server stopped with {status}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Leaves a command only `PATH` of this program's environment, and these variables: a variable, or a configuration file in a home
/// directory, would be measured along.
pub(crate) fn alone<'a>(command: &'a mut Command, variables: &[Variable]) -> &'a mut Command {
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(variables.iter().map(|(name, value)| (name, value)))
}

/// The memory of this program itself.
pub(crate) fn own_memory() -> Result<Memory> {
    memory_of("self")
}

/// The memory of a child at most so far, in bytes; `None` once it has ended.
pub(crate) fn peak_memory(process: u32) -> Option<u64> {
    memory_of(&process.to_string()).ok().map(|memory| memory.peak)
}

fn memory_of(process: &str) -> Result<Memory> {
    let status =
        fs::read_to_string(format!("/proc/{process}/status")).context("could not ask for a process's memory")?;
    Ok(Memory {
        now: field(&status, "VmRSS:").context("no VmRSS")?,
        peak: field(&status, "VmHWM:").context("no VmHWM")?,
    })
}

/// Passes on what a child says, so that it never waits for a reader.
fn forward(stderr: ChildStderr, lines: &Sender<String>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // Nobody listens any more once the server is dropped; reading goes on until it has ended.
        let _ = lines.send(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
}

/// The processor's time in `/proc/PID/stat`, user and system together. The name in it, in brackets, may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    // The state is the third field of the file, and the first one here.
    let mut times = behind_name.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some(user + system)
}

/// A field of `/proc/PID/status`, which counts in KiB.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t    1234 kB\nVmRSS:\t     100 kB\n";
        assert_eq!(field(status, "VmHWM:"), Some(1_263_616));
        assert_eq!(field(status, "VmRSS:"), Some(102_400));
        assert_eq!(field(status, "VmSwap:"), None);
    }

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 120 34 5 6 20 0 9 0 100 200 300";
        assert_eq!(ticks(stat), Some(154));
        assert_eq!(ticks("7 (a"), None);
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn a_server_that_ends_at_once_is_reported_with_its_last_words() {
        let error = Server::start(Command::new("sh").args(["-c", "echo no room >&2; exit 1"])).unwrap_err();
        assert!(format!("{error:#}").contains("no room"), "{error:#}");
    }
}
