//! Somebody at a terminal: reads the screen, types, and is counted when they answer.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::wait;

/// A program in a terminal of 80 columns and 24 rows, and a person in front of it.
#[derive(Debug)]
pub struct Person {
    keyboard: File,
    terminal: OwnedFd,
    before: Termios,
    program: Child,
    /// All that was on the screen so far.
    screen: String,
    /// How much of it was looked at.
    seen: usize,
    answers: usize,
}

impl Person {
    /// Starts `command` in a terminal.
    #[track_caller]
    pub fn starts(command: &mut Command) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&keyboard).expect("a terminal");
        unlockpt(&keyboard).expect("a terminal");
        let name = ptsname(&keyboard, Vec::new()).expect("a terminal");
        let terminal = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("a terminal");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(terminal.as_fd(), size).expect("a terminal");
        let before = tcgetattr(terminal.as_fd()).expect("a terminal");
        let end = || Stdio::from(terminal.try_clone().expect("a terminal"));
        let program = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("a program");
        Self { keyboard: keyboard.into(), terminal, before, program, screen: String::new(), seen: 0, answers: 0 }
    }

    /// Waits until `text` stands on the screen, below what was seen before.
    #[track_caller]
    pub fn sees(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + wait::LIMIT;
        let mut piece = [0; 4096];
        loop {
            if let Some(at) = self.screen[self.seen..].find(text) {
                self.seen += at + text.len();
                return self;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let mut ready = [PollFd::new(&self.keyboard, PollFlags::IN)];
            let left = Timespec::try_from(left).expect("a short time");
            poll(&mut ready, Some(&left)).expect("a terminal");
            assert!(!ready[0].revents().is_empty(), "waited in vain for {text:?} on this screen:\n{}", self.screen);
            let length = self.keyboard.read(&mut piece).expect("a terminal");
            self.screen.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
    }

    /// Types `text` and presses Enter.
    pub fn answers(&mut self, text: &str) -> &mut Self {
        self.answers += 1;
        self.keyboard.write_all(format!("{text}\r").as_bytes()).expect("a terminal");
        self
    }

    /// The program ends well, the terminal is as before, and so many answers were needed.
    #[track_caller]
    pub fn is_done_after(mut self, answers: usize) -> String {
        let status = self.program.wait().expect("a program");
        assert!(status.success(), "{status}, with this on the screen:\n{}", self.screen);
        let after = tcgetattr(self.terminal.as_fd()).expect("a terminal");
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(self.answers, answers, "answers were needed:\n{}", self.screen);
        self.screen
    }
}
