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

    /// Nothing listens where this one's cloud sync should be.
    fn start_in(home: TempDir, words: &str) -> Self {
        Self::start_with_cloud("http://127.0.0.1:9", home, words)
    }

    fn start_with_cloud(cloud: &str, home: TempDir, words: &str) -> Self {
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
            .env("NO_COLOR", "1")
            .env("TASKFERRY_CLOUD", cloud)
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
    person.sees("your choice, 1 to 4 [2]").types("\u{3}").sees("stopped; nothing was changed").exits_with(130);
    let mut person = Session::start("setup");
    person
        .sees("your choice, 1 to 4 [2]")
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
    let start = || Session::start_with_cloud(&cloud, TempDir::new().unwrap(), "");
    let mut person = start();
    person.sees("(does not answer").sees("your choice, 1 to 4 [2]").types("4\r").exits_with(0);
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

#[test]
fn the_end_of_the_input_stops_as_ctrl_c_does() {
    let mut person = Session::start("setup");
    person.sees("your choice").types("\u{4}").sees("stopped; nothing was changed").exits_with(130);
}

#[test]
fn enter_after_half_a_link_gets_a_reaction_and_what_is_left_over_answers_nothing() {
    let mut person = Session::start("join");
    person.sees("paste the setup link").types("https://a.example/j#AEAQ\r");
    person.sees("(24 characters)").sees("not complete yet").types("\rleft over\r");
    person.sees("error: could not read the setup link").sees("paste the setup link").types("x");
    person.sees("(1 character)").types("\u{3}").sees("stopped; nothing was changed").exits_with(130);
}
