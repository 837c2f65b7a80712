//! A program run to its end, and what it said.

use std::io::{Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::{fmt, thread};

use crate::wait;

/// How a program ended, still to be judged.
#[must_use = "judge it: `.good()`, `.fails_with(…)` or `.exits_with(…)`"]
#[derive(Debug)]
pub struct Outcome(Transcript);

/// What a program said.
#[derive(Debug, Clone)]
pub struct Transcript {
    call: String,
    status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Outcome {
    /// It succeeded.
    #[track_caller]
    pub fn good(self) -> Transcript {
        assert!(self.0.status.success(), "expected success:\n{}", self.0);
        self.0
    }

    /// It ended, well or not.
    pub fn either_way(self) -> Transcript {
        self.0
    }

    /// It failed, and told the person why.
    #[track_caller]
    pub fn fails_with(self, words: &str) -> Transcript {
        assert!(!self.0.status.success(), "expected a failure:\n{}", self.0);
        assert!(self.0.stderr.contains(words), "expected `{words}` on standard error:\n{}", self.0);
        self.0
    }

    /// It was killed by a signal.
    #[track_caller]
    pub fn was_killed(self) -> Transcript {
        assert!(self.0.status.code().is_none(), "expected to see it killed:\n{}", self.0);
        self.0
    }

    /// It ended with this exit code.
    #[track_caller]
    pub fn exits_with(self, code: i32) -> Transcript {
        assert_eq!(self.0.status.code(), Some(code), "expected exit code {code}:\n{}", self.0);
        self.0
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, status, stdout, stderr } = self;
        write!(f, "$ {call}\n{stdout}--- standard error\n{stderr}--- {status}")
    }
}

/// Runs `command` to its end with `input` as its standard input.
#[track_caller]
pub fn run(command: &mut Command, input: &str) -> Outcome {
    let call = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("could not run {call}: {why}"));

    let (stdin, input) = (child.stdin.take(), input.to_owned());
    thread::spawn(move || {
        // A program that does not read its input closes the pipe; that is its right.
        let _ = stdin.map(|mut stdin| stdin.write_all(input.as_bytes()));
    });
    let stdout = read_aside(child.stdout.take());
    let stderr = read_aside(child.stderr.take());
    let (Ok(stdout), Ok(stderr)) = (stdout.recv_timeout(wait::LIMIT), stderr.recv_timeout(wait::LIMIT)) else {
        let _ = child.kill();
        panic!("{call} did not end");
    };
    let status = child.wait().unwrap_or_else(|why| panic!("could not wait for {call}: {why}"));
    Outcome(Transcript { call, status, stdout, stderr })
}

/// Reads a stream to its end, on a thread of its own, so that no full pipe blocks the program.
fn read_aside(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
