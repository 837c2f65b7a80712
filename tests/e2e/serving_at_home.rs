//! A sync server on somebody's own computer: started by the wizard, there once, and there again.

use std::process::{Child, Command, Stdio};

use e2e::command::Outcome;
use e2e::http::Request;
use e2e::port::Port;
use e2e::tasks::to_do;
use e2e::{Person, TaskHome, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::PROGRAMS;

/// Somebody's computer with a port for their server: nobody else's test looks at it.
struct Computer {
    home: TaskHome,
    port: Port,
}

impl Computer {
    fn new() -> Self {
        Self { home: TaskHome::untouched(), port: Port::reserve() }
    }

    fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command_of(PROGRAMS);
        command.args(words).env("TASKFERRY_LISTEN", self.port.address().to_string());
        command
    }

    #[track_caller]
    fn wizard(&self, words: &[&str]) -> Outcome {
        e2e::command::run(&mut self.command(words), "")
    }

    #[track_caller]
    fn status(&self) -> Value {
        let said = self.wizard(&["home", "status", "--json"]).good().stdout;
        serde_json::from_str(&said).expect("JSON")
    }

    #[track_caller]
    fn process(&self) -> Pid {
        let process = self.status()["process"].as_i64().expect("a process");
        Pid::from_raw(i32::try_from(process).expect("a number")).expect("a process")
    }

    /// Ends the server without warning, as a crash does, and waits until it is gone.
    #[track_caller]
    fn kill(&self) {
        kill_process(self.process(), Signal::KILL).expect("a signal to our own server");
        self.wait_until_gone();
    }

    /// Whoever has no server any more is told so. Its process may be there a little longer, until somebody has waited for it.
    #[track_caller]
    fn wait_until_gone(&self) {
        wait::until("no server runs", || {
            let mut status = self.command(&["home", "status"]);
            let ended = status.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the wizard");
            ended.code() == Some(3)
        });
        assert!(Request::get("/livez").try_send(self.port.address()).is_err(), "nobody listens");
    }
}

impl Drop for Computer {
    /// A server at home outlives the wizard, but not the test.
    fn drop(&mut self) {
        let stopped = self.command(&["home", "stop"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !std::thread::panicking() {
            assert!(stopped.is_ok_and(|status| status.success()), "the server at home could not be stopped");
        }
    }
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn tasks_are_synced_at_home_and_survive_the_server_being_killed() {
    let laptop = Computer::new();
    let said = laptop.wizard(&["setup", "--home", "--yes"]).good();
    assert!(said.stderr.contains(&format!("start a sync server on this computer, at `{}`", laptop.url())), "{said}");
    assert!(said.stderr.contains("`taskferry home install` makes it start by itself"), "{said}");
    laptop.home.task(["add", "buy milk"]).good();
    laptop.home.sync().good();

    laptop.kill();
    let said = laptop.wizard(&["home", "status"]).exits_with(3);
    assert!(said.stderr.contains("hint: run `taskferry home start`"), "{said}");
    laptop.home.task(["add", "call Ada"]).good();
    laptop.home.sync().fails_with("error sending request");
    for looking in ["doctor", "status"] {
        let said = laptop.wizard(&[looking]).exits_with(3);
        assert!(said.stderr.contains("hint: run `taskferry home start`"), "{said}");
    }

    let said = laptop.wizard(&["home", "start"]).good();
    assert_eq!(said.stdout.trim(), laptop.url());
    laptop.home.sync().good();
    let said = laptop.wizard(&["verify"]).good();
    assert!(said.stderr.contains("has the same 2 tasks"), "{said}");

    // Under the address that another computer would use.
    let desktop = TaskHome::untouched();
    let address = format!("http://localhost:{}", laptop.port.address().port());
    let link = laptop.wizard(&["share", "--server", &address]).good().stdout;
    desktop.wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link).good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk", "call Ada"]);
    let said = laptop.wizard(&["undo", "--yes"]).good();
    assert!(said.stderr.contains("your server at home still runs"), "{said}");
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn at_a_terminal_it_takes_two_answers_and_a_second_setup_changes_nothing() {
    let laptop = Computer::new();
    let mut person = Person::starts(laptop.command(&[]).env("TASKFERRY_CLOUD", "http://127.0.0.1:9"));
    person.sees("a server on this very computer").sees("your choice, 1 to 5 [2]").answers("3");
    person.sees("start a sync server on this computer").sees("go on? [Y/n]").answers("");
    person.sees("works; there are no tasks yet").sees("run `taskferry home`");
    person.is_done_after(2);
    // The terminal is gone now, and the server is not.
    let server = laptop.process();
    let said = laptop.wizard(&["setup", "--home", "--yes"]).good();
    assert!(said.stderr.contains("is set up already, and works"), "{said}");
    assert_eq!(laptop.process(), server);
}

#[test]
fn two_starts_at_once_lead_to_one_server() {
    let laptop = Computer::new();
    let start = || {
        let mut command = laptop.command(&["home", "start"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the wizard")
    };
    let starts: Vec<Child> = (0..4).map(|_| start()).collect();
    for started in starts {
        let output = started.wait_with_output().expect("the wizard");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), laptop.url(), "{said}");
    }
    let first = laptop.process();
    let everywhere = format!("0.0.0.0:{}", laptop.port.address().port());
    let said = laptop.wizard(&["home", "start", "--listen", &everywhere]).exits_with(1);
    assert!(said.stderr.contains("hint: run `taskferry home stop` first"), "{said}");
    assert_eq!(laptop.wizard(&["home", "start"]).good().stdout.trim(), laptop.url());
    assert_eq!(laptop.process(), first);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn where_another_program_takes_the_port_doctor_follows_the_server() {
    let laptop = Computer::new();
    laptop.wizard(&["setup", "--home", "--yes"]).good();
    laptop.home.task(["add", "buy milk"]).good();
    laptop.home.sync().good();
    laptop.wizard(&["home", "stop"]).good();
    let squatter = std::net::TcpListener::bind(laptop.port.address()).expect("the port");

    let said = laptop.wizard(&["home", "start"]).good();
    let moved = said.stdout.trim().to_owned();
    assert_ne!(moved, laptop.url());
    assert!(said.stderr.contains("is taken by another program, so the server has moved"), "{said}");
    for looking in [["verify", "--no-sync"], ["doctor", "--json"]] {
        let said = laptop.wizard(&looking).exits_with(3);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(&format!("your server at home has moved to `{moved}`")), "{said}");
    }
    let said = laptop.wizard(&["setup", "--home", "--yes"]).good();
    assert!(said.stderr.contains("note: run `taskferry doctor --fix`"), "{said}");
    let said = laptop.wizard(&["doctor", "--fix"]).good();
    assert!(said.stderr.contains(&format!("mended: this computer now syncs with `{moved}`")), "{said}");
    laptop.home.task(["add", "call Ada"]).good();
    laptop.home.sync().good();
    let said = laptop.wizard(&["verify"]).good();
    assert!(said.stderr.contains("has the same 2 tasks"), "{said}");
    drop(squatter);
    // It stays where it is known to be.
    laptop.wizard(&["home", "stop"]).good();
    assert_eq!(laptop.wizard(&["home", "start"]).good().stdout.trim(), moved);
}

#[test]
fn what_keeps_the_server_from_starting_is_told_and_nothing_is_left_running() {
    let laptop = Computer::new();
    let data = laptop.home.path().join(".local/share/taskferry-server");
    std::fs::create_dir_all(&data).expect("a folder");
    std::fs::write(data.join("taskferry.sqlite3"), "not a database, but long enough to be looked at").expect("a file");
    let said = laptop.wizard(&["home", "start"]).exits_with(1);
    assert!(said.stderr.contains("error: the server did not start\n  Caused by: "), "{said}");
    assert!(Request::get("/livez").try_send(laptop.port.address()).is_err());
}

#[test]
fn a_stop_ends_the_server_and_its_keeper_and_leaves_the_data() {
    let laptop = Computer::new();
    laptop.wizard(&["home", "start"]).good();
    let said = laptop.wizard(&["home", "stop"]).good();
    assert!(said.stderr.contains("stopped; the data stays"), "{said}");
    laptop.wizard(&["home", "status"]).exits_with(3);
    assert!(Request::get("/livez").try_send(laptop.port.address()).is_err());
    assert!(laptop.home.path().join(".local/share/taskferry-server/taskferry.sqlite3").exists());
    assert!(laptop.wizard(&["home", "stop"]).good().stderr.contains("no server of yours runs here"));
}

/// systemd is not there in a container; a stand-in starts and stops what the unit says, as it would.
#[test]
#[cfg(target_os = "linux")]
fn as_a_service_it_is_started_by_systemd_and_taken_away_again() {
    let laptop = Computer::new();
    let bin = laptop.home.path().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let stand_in = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/systemctl.sh"));
    std::os::unix::fs::symlink(stand_in, bin.join("systemctl")).expect("a link");
    let run = |words: &[&str]| {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
        e2e::command::run(laptop.command(words).env("PATH", path), "")
    };
    laptop.wizard(&["home", "start"]).good();
    let by_hand = laptop.process();
    std::fs::write(laptop.home.path().join("no-bus"), "").expect("a file");
    let said = run(&["home", "install", "--yes"]).exits_with(1);
    assert!(said.stderr.contains("error: `systemctl --user daemon-reload` failed"), "{said}");
    assert_eq!(laptop.process(), by_hand, "where services don't work, nothing has changed");
    std::fs::remove_file(laptop.home.path().join("no-bus")).expect("a file");
    let said = run(&["home", "install", "--yes"]).good();
    assert!(said.stderr.contains("start it with systemd, now and whenever you log in"), "{said}");
    assert!(said.stderr.contains("`loginctl enable-linger`"), "{said}");
    let unit = laptop.home.path().join(".config/systemd/user/taskferry-home.service");
    let text = std::fs::read_to_string(&unit).expect("a unit");
    assert!(text.contains(&format!("serve --listen {}", laptop.port.address())), "{text}");
    assert_ne!(laptop.process(), by_hand);
    let said = run(&["home", "status"]).good();
    assert!(said.stderr.contains("starts: by itself, as a service of systemd"), "{said}");
    assert!(run(&["home", "install", "--yes"]).good().stderr.contains("it is installed already"));

    run(&["home", "stop"]).good();
    laptop.wizard(&["home", "status"]).exits_with(3);
    run(&["home", "start"]).good();
    run(&["home", "remove", "--yes"]).good();
    laptop.wizard(&["home", "status"]).exits_with(3);
    assert!(!unit.exists());
    let calls = std::fs::read_to_string(laptop.home.path().join("systemctl.calls")).expect("calls");
    assert!(calls.lines().all(|call| call.starts_with("--user ")), "{calls}");
    assert!(calls.contains("--user enable --now taskferry-home.service"), "{calls}");
    assert!(calls.contains("--user disable --now taskferry-home.service"), "{calls}");
}

#[test]
#[cfg_attr(not(systemd_analyze), ignore = "needs systemd-analyze: install systemd")]
fn systemd_itself_finds_nothing_wrong_with_the_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = taskferry::serving::service::Spec {
        program: std::path::Path::new(PROGRAMS.server),
        listen: "127.0.0.1:8080".parse().expect("an address"),
        data: &folder.path().join("da ta 100%"),
    };
    let unit = taskferry::serving::service::systemd::unit(&spec).expect("a unit");
    let file = folder.path().join(taskferry::serving::service::systemd::NAME);
    std::fs::write(&file, unit).expect("a file");
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--user", "--man=no"]).arg(&file);
    verify.env("XDG_RUNTIME_DIR", folder.path()).env("HOME", folder.path());
    let said = e2e::command::run(&mut verify, "").good();
    assert!(!said.stderr.contains("taskferry-home"), "{said}");
}
