//! The real server program, on a port and a data directory of its own.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::{fs, thread};

use rustix::process::{Pid, Signal};
use taskferry_protocol::ClientId;
use taskferry_protocol::describe::ServerInfo;
use taskferry_protocol::wire::WELL_KNOWN;
use tempfile::TempDir;
use uuid::Uuid;

use crate::account::Account;
use crate::command::{Outcome, run};
use crate::http::Request;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::port::Port;
use crate::{Programs, wait};

/// What a server is started with.
#[derive(Debug)]
pub struct ServerSetup {
    program: PathBuf,
    folder: TempDir,
    port: Port,
    listen: Option<String>,
    data_dir: PathBuf,
    base_path: String,
    flags: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

impl Programs {
    /// A server yet to be started: a free port, an empty data directory, all else by default.
    pub fn server(&self) -> ServerSetup {
        let folder = tempfile::Builder::new().prefix("server-").tempdir().expect("a temporary folder");
        let port = Port::reserve();
        ServerSetup {
            program: self.server.into(),
            data_dir: folder.path().join("data"),
            folder,
            listen: Some(port.address().to_string()),
            port,
            base_path: String::new(),
            flags: Vec::new(),
            variables: Vec::new(),
        }
    }
}

impl ServerSetup {
    /// One more argument after `serve`.
    #[must_use]
    pub fn flag(mut self, flag: impl Into<OsString>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// `--name value`.
    #[must_use]
    pub fn option(self, name: &str, value: impl Into<OsString>) -> Self {
        self.flag(name).flag(value)
    }

    /// Everything under a path, such as `/sync`.
    #[must_use]
    pub fn under(mut self, path: &str) -> Self {
        path.clone_into(&mut self.base_path);
        self.option("--base-path", path)
    }

    /// One more environment variable; there are no others but `HOME` and `PATH`.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// A configuration file with this content, named by `--config`.
    #[must_use]
    pub fn config_file(self, content: &str) -> Self {
        let file = self.folder.path().join("server.toml");
        fs::write(&file, content).expect("a configuration file");
        self.flag("--config").flag(file)
    }

    /// Metrics on a port of the system's choice.
    #[must_use]
    pub fn with_metrics(self) -> Self {
        self.option("--metrics-listen", "127.0.0.1:0")
    }

    /// `--listen` with this address instead of a port of its own.
    #[must_use]
    pub fn listening_on(mut self, address: &str) -> Self {
        self.listen = Some(address.to_owned());
        self
    }

    /// No `--listen`: something else says where.
    #[must_use]
    pub fn without_listen_flag(mut self) -> Self {
        self.listen = None;
        self
    }

    /// Another server's data directory.
    #[must_use]
    pub fn on_data_of(mut self, other: &TestServer) -> Self {
        other.data_dir().clone_into(&mut self.data_dir);
        self
    }

    /// Where it will keep its data; not there yet.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Starts it and waits until it serves.
    #[track_caller]
    pub fn start(self) -> TestServer {
        let mut server = TestServer { setup: self, running: None };
        server.start();
        server
    }

    /// Starts it and waits for nothing.
    #[track_caller]
    pub fn begin_to_start(self) -> TestServer {
        let mut server = TestServer { setup: self, running: None };
        server.spawn();
        server
    }

    /// Runs it as a server that is expected to give up at once.
    #[track_caller]
    pub fn run_to_its_end(&self) -> Outcome {
        run(&mut self.command(), "")
    }

    /// Runs another verb on its data before it was ever started.
    #[track_caller]
    pub fn operate<S: AsRef<OsStr>>(&self, verb: impl IntoIterator<Item = S>) -> Outcome {
        run(self.program().args(verb).arg("--data-dir").arg(&self.data_dir), "")
    }

    /// The same, without naming its data.
    #[track_caller]
    pub fn operate_as_typed<S: AsRef<OsStr>>(&self, verb: impl IntoIterator<Item = S>) -> Outcome {
        run(self.program().args(verb), "")
    }

    /// The program, in the server's own world: nothing of the machine's configuration reaches it.
    fn program(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", self.folder.path()).env("PATH", "/usr/bin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path());
        command
    }

    fn command(&self) -> Command {
        let mut command = self.program();
        command.arg("serve");
        if let Some(address) = &self.listen {
            command.arg("--listen").arg(address);
        }
        command.arg("--data-dir").arg(&self.data_dir).args(&self.flags);
        command
    }
}

#[derive(Debug)]
struct Running {
    child: Child,
    address: SocketAddr,
    log: Log,
}

impl Drop for Running {
    /// Ends it, by its handle, whatever state the test left it in.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server's log\n{}", self.log.text());
        }
    }
}

/// A server of the test's own. It ends with the test; if the test fails, its log is shown.
#[derive(Debug)]
pub struct TestServer {
    setup: ServerSetup,
    running: Option<Running>,
}

/// The three values that a computer needs to sync, as a person copies them.
#[derive(Debug, Clone)]
pub struct SyncSettings {
    /// The server.
    pub url: String,
    /// The account.
    pub client_id: ClientId,
    /// What its tasks are encrypted with.
    pub secret: String,
}

impl SyncSettings {
    /// The lines for `.taskrc`.
    pub fn taskrc_lines(&self) -> String {
        format!(
            "sync.server.url={}\nsync.server.client_id={}\nsync.encryption_secret={}\n",
            self.url,
            self.client_id.expose(),
            self.secret
        )
    }
}

impl TestServer {
    /// Starts it, again or for the first time, and waits until it serves.
    #[track_caller]
    pub fn start(&mut self) {
        self.spawn();
        self.wait_until_it_serves();
    }

    #[track_caller]
    fn spawn(&mut self) {
        assert!(self.running.is_none(), "the server runs already");
        let mut command = self.setup.command();
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a server");
        let log = Log::follow(child.stderr.take().expect("its standard error"));
        self.running = Some(Running { child, address: self.setup.port.address(), log });
    }

    /// Waits until it says where it listens.
    #[track_caller]
    pub fn wait_until_it_serves(&mut self) {
        let running = self.running.as_mut().expect("a server that was started");
        match running.log.wait_for("where it listens", listening_address) {
            Some(address) => running.address = address,
            None => panic!("the server ended before it listened: {:?}", running.child.wait()),
        }
        let ready = Request::get("/readyz").send(running.address);
        assert_eq!(ready.status, 200, "a server that says it listens is ready: {ready:?}");
    }

    /// Where it listens.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("a running server").address
    }

    /// The address for people and their configuration. Stays the same while the server is down.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.setup.port.address(), self.setup.base_path)
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> &Path {
        &self.setup.data_dir
    }

    /// The same program, for a verb beside it.
    pub(crate) fn beside(&self) -> Command {
        self.setup.program()
    }

    /// What it has said since it was started.
    #[track_caller]
    pub fn log(&self) -> &Log {
        &self.running.as_ref().expect("a running server").log
    }

    /// An account that it has not heard of.
    #[track_caller]
    pub fn unknown_account(&self) -> Account {
        Account::unknown_to(self.address())
    }

    /// An account that is registered and empty.
    #[track_caller]
    pub fn account(&self) -> Account {
        let account = self.unknown_account();
        let answer = account.register();
        assert_eq!(answer.status, 201, "{answer:?}");
        account
    }

    /// What computers need for a new account.
    pub fn new_account(&self) -> SyncSettings {
        SyncSettings {
            url: self.url(),
            client_id: ClientId::generate(),
            secret: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
        }
    }

    /// What it says about itself.
    #[track_caller]
    pub fn info(&self) -> ServerInfo {
        Request::get(WELL_KNOWN).send(self.address()).good().json()
    }

    /// The most memory that it took since it was started, in bytes, as the kernel counts it.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub fn peak_memory(&self) -> u64 {
        let child = &self.running.as_ref().expect("a running server").child;
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("Linux's /proc");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib * 1024
    }

    /// Where its metrics are. It was started [`ServerSetup::with_metrics`].
    #[track_caller]
    pub fn metrics_address(&self) -> SocketAddr {
        let address = self.log().wait_for("where the metrics are", |line| address_behind("metrics on http://", line));
        address.expect("a running server")
    }

    /// What it tells Prometheus. It was started [`ServerSetup::with_metrics`].
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        let answer = Request::get("/metrics").send(self.metrics_address()).good();
        assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
        Metrics::parse(String::from_utf8(answer.body).expect("text"))
    }

    /// Sends a signal, and waits for nothing.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let child = &self.running.as_ref().expect("a running server").child;
        rustix::process::kill_process(Pid::from_child(child), signal).expect("a signal to our own child");
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn wait_for_its_end(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("a running server");
        running.log.wait_until_closed();
        running.child.wait().expect("the end of our own child")
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait_for_its_end();
        assert!(status.success(), "stopped, but not well: {status}");
    }

    /// Ends it without warning, as a crash does.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let status = self.wait_for_its_end();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "it ended before it was killed: {status}");
    }

    /// Its process.
    #[track_caller]
    pub fn process(&self) -> u32 {
        self.running.as_ref().expect("a running server").child.id()
    }

    /// `taskferry-server health` about it.
    #[track_caller]
    pub fn health(&self, address: &str) -> Outcome {
        let mut command = Command::new(&self.setup.program);
        command.args(["health", "--url", address]).env_clear().env("HOME", self.setup.folder.path());
        run(&mut command, "")
    }

    /// Stops it and starts it again, on the same port and data.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// Whether its process is there.
    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether it takes new requests.
    pub fn is_ready(&self) -> bool {
        self.running.as_ref().is_some_and(|running| {
            Request::get("/readyz").try_send(running.address).is_ok_and(|answer| answer.status == 200)
        })
    }

    /// Waits until it takes no new requests.
    #[track_caller]
    pub fn wait_until_it_refuses(&self) {
        wait::until("the server takes no new requests", || !self.is_ready());
    }
}

/// The address in the line that says where the server listens.
fn listening_address(line: &str) -> Option<SocketAddr> {
    address_behind("listening on http://", line)
}

fn address_behind(words: &str, line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(words)?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']'))).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
