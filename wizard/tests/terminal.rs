//! The real binary in a real terminal: what keys do, and that the terminal is left as it was found.

#![expect(clippy::unwrap_used, reason = "a test may be blunt: a panic here is a finding")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, tcgetattr};
use taskferry_protocol::wire::ROOT_TEXT;
use tempfile::TempDir;

/// For the next sign of life, also on a busy machine.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// `taskferry` with somebody in front of it.
struct Session {
    keyboard: File,
    screen: String,
    terminal: OwnedFd,
    before: Termios,
    program: Child,
    home: TempDir,
}

impl Session {
    fn start(words: &str) -> Self {
        Self::start_in(TempDir::new().unwrap(), words)
    }

    fn start_in(home: TempDir, words: &str) -> Self {
        Self::start_with(home, words, ("NO_COLOR", "1"))
    }

    /// With one more environment variable. Nothing listens where cloud sync is looked for, unless that is the variable.
    fn start_with(home: TempDir, words: &str, variable: (&str, &str)) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let terminal = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let before = tcgetattr(terminal.as_fd()).unwrap();
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let program = Command::new(env!("CARGO_BIN_EXE_taskferry"))
            .args(["--task", concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/task.sh")])
            .args(words.split_whitespace())
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("TASKFERRY_CLOUD", "http://127.0.0.1:9")
            .env(variable.0, variable.1)
            .current_dir(home.path())
            .stdin(end())
            .stdout(Stdio::null())
            .stderr(end())
            .spawn()
            .unwrap();
        Self { keyboard: keyboard.into(), screen: String::new(), terminal, before, program, home }
    }

    /// Waits until `text` stands on the screen, in what came since the last call.
    fn sees(&mut self, text: &str) -> &mut Self {
        let mut piece = [0; 4096];
        while !self.screen.contains(text) {
            let mut ready = [PollFd::new(&self.keyboard, PollFlags::IN)];
            poll(&mut ready, Some(&PATIENCE)).unwrap();
            assert!(!ready[0].revents().is_empty(), "waiting for {text:?}, the screen shows {:?}", self.screen);
            let length = self.keyboard.read(&mut piece).unwrap();
            self.screen.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        let rest = self.screen.split_once(text).unwrap().1.to_owned();
        self.screen = rest;
        self
    }

    fn types(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Ctrl-C while nothing is asked. The signal itself, since no test can be a terminal's session leader.
    fn interrupts(&mut self) -> &mut Self {
        let pid = Pid::from_raw(self.program.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        self
    }

    /// How it ended; the terminal is as before.
    fn exits_with(&mut self, code: i32) {
        assert_eq!(self.program.wait().unwrap().code(), Some(code));
        let after = tcgetattr(self.terminal.as_fd()).unwrap();
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(format!("{:?}", after.special_codes), format!("{:?}", self.before.special_codes));
    }
}

#[test]
fn ctrl_c_at_a_question_says_that_nothing_was_changed() {
    let mut person = Session::start("setup");
    person.sees("your choice, 1 to 5 [2]").types("\u{3}").sees("stopped; nothing was changed").exits_with(130);
    let mut person = Session::start("setup");
    person
        .sees("your choice, 1 to 5 [2]")
        .types("2\r")
        .sees("address of the sync server")
        .types("http://\u{3}")
        .sees("stopped; nothing was changed")
        .exits_with(130);
    let mut person = Session::start("join");
    person.sees("paste the setup link").types("http\u{3}").sees("stopped; nothing was changed").exits_with(130);
}

/// The address of a server that knows the protocol's greeting, and nothing else.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let (status, body) = if request[..length].starts_with(b"GET / ") { (200, ROOT_TEXT) } else { (404, "") };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn a_word_that_is_no_yes_is_not_taken_for_one() {
    let mut person = Session::start(&format!("setup --server {}", server()));
    person.sees("go on? [Y/n]").types("stop\r").sees("please answer `y` or `n`");
    person.sees("go on? [Y/n]").types("no\r").sees("stopped; nothing was changed").exits_with(1);
    assert!(!person.home.path().join(".taskrc").exists());
}

#[test]
fn ctrl_c_at_the_plan_changes_nothing() {
    let mut person = Session::start(&format!("setup --server {}", server()));
    person.sees("go on? [Y/n]").types("y\u{3}").sees("stopped; nothing was changed").exits_with(130);
    assert!(!person.home.path().join(".taskrc").exists());
}

#[test]
fn a_cloud_that_is_silent_does_not_hold_up_the_menu_and_ctrl_c_ends_the_wait() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let cloud = format!("http://{}", silent.local_addr().unwrap());
    let start = || Session::start_with(TempDir::new().unwrap(), "", ("TASKFERRY_CLOUD", &cloud));
    let mut person = start();
    person.sees("(does not answer").sees("your choice, 1 to 5 [2]").types("5\r").exits_with(0);
    let mut person = start();
    person.sees("looking for cloud sync").interrupts().sees("stopped; nothing was changed").exits_with(130);
}

#[test]
fn ctrl_c_while_a_server_does_not_answer_says_that_nothing_was_changed() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut person = Session::start(&format!("setup --server http://{}", silent.local_addr().unwrap()));
    person.sees("asking `").interrupts().sees("stopped; nothing was changed").exits_with(130);
}

#[test]
fn ctrl_c_during_the_first_sync_says_what_is_in_place_and_how_to_finish() {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join(".task")).unwrap();
    std::fs::write(home.path().join(".task/slow"), "").unwrap();
    let mut person = Session::start_in(home, &format!("setup --yes --server {}", server()));
    person.sees("running `task sync`").interrupts().sees("the settings are in place: run `task sync` to finish");
    person.exits_with(130);
    assert!(person.home.path().join(".taskrc").exists());
}

/// A home in which setup was run, without a first sync.
fn set_up(server: &str) -> TempDir {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join(".taskrc"), "color=off\n").unwrap();
    let mut person = Session::start_in(home, &format!("setup --yes --no-sync --server {server}"));
    person.sees("is set up; run `task sync`").exits_with(0);
    person.home
}

#[test]
fn verify_goes_through_every_part_and_syncs() {
    let mut person = Session::start_in(set_up(&server()), "verify");
    person.sees("  ok       Taskwarrior: 3.5.0").sees("  ok       sync server: ").sees("  skipped  secret: ");
    person.sees("running `task sync` …").sees("works").exits_with(0);
}

#[test]
fn undo_asks_and_brings_the_file_back() {
    let mut person = Session::start_in(set_up(&server()), "undo");
    person.sees("restore `~/.taskrc`, byte for byte").sees("go on? [Y/n]").types("n\r");
    person.sees("stopped; nothing was changed").exits_with(1);
    assert!(std::fs::read_to_string(person.home.path().join(".taskrc")).unwrap().contains("sync.server.url="));

    let mut person = Session::start_in(person.home, "undo");
    person.sees("go on? [Y/n]").types("\r").sees("restored `~/.taskrc`").exits_with(0);
    assert_eq!(std::fs::read_to_string(person.home.path().join(".taskrc")).unwrap(), "color=off\n");
}

#[test]
fn with_colour_what_is_looked_at_moves_and_leaves_only_findings() {
    let mut person = Session::start_with(set_up(&server()), "doctor", ("TERM", "xterm"));
    person.sees("Taskwarrior: 3.5.0").sees("sync server: ").sees("no problem was found").exits_with(0);
}

#[test]
fn ctrl_c_while_a_server_is_checked_stops_with_a_word() {
    let home = set_up(&server());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let taskrc = std::fs::read_to_string(home.path().join(".taskrc")).unwrap();
    let url = format!("sync.server.url=http://{}", silent.local_addr().unwrap());
    let moved: Vec<_> =
        taskrc.lines().map(|line| if line.starts_with("sync.server.url=") { url.as_str() } else { line }).collect();
    std::fs::write(home.path().join(".taskrc"), moved.join("\n")).unwrap();
    for command in ["verify", "doctor"] {
        let again = TempDir::new().unwrap();
        std::fs::copy(home.path().join(".taskrc"), again.path().join(".taskrc")).unwrap();
        let mut person = Session::start_in(again, command);
        person.sees("encryption: ").interrupts().sees("stopped; nothing was changed").exits_with(130);
    }
}

#[test]
fn the_end_of_the_input_stops_as_ctrl_c_does() {
    let mut person = Session::start("setup");
    person.sees("your choice").types("\u{4}").sees("stopped; nothing was changed").exits_with(130);
}

/// There is no bracketed paste in it, nor a way back to the beginning of a line.
#[test]
fn a_dumb_terminal_gets_nothing_but_text() {
    let mut person = Session::start_with(TempDir::new().unwrap(), "join", ("TERM", "dumb"));
    person
        .sees("\npaste the setup link")
        .types("https://a.example/j#AEAQ\r")
        .sees(":\r\r\n  (24 characters)\r\r\nnot complete");
    person.types("\u{3}").sees("stopped; nothing was changed").exits_with(130);
}

#[test]
fn enter_after_half_a_link_gets_a_reaction_and_what_is_left_over_answers_nothing() {
    let mut person = Session::start("join");
    person.sees("paste the setup link").types("https://a.example/j#AEAQ\r");
    person.sees("(24 characters)").sees("not complete yet").types("\rleft over\r");
    person.sees("error: could not read the setup link").sees("paste the setup link").types("x");
    person.sees("(1 character)").types("\u{3}").sees("stopped; nothing was changed").exits_with(130);
}
