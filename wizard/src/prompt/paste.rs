//! Reads pasted credentials: hidden, several lines if need be, of any length up to a limit.
//!
//! Not a password prompt of a library: those take one line, and the rest of a paste would land in the shell, run as
//! commands and stay in its history. Here the terminal marks where a paste ends (bracketed paste), and what is left
//! over is thrown away.

use std::io::{self, Read, Write};

use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

/// Bytes of a paste; a setup link has some 130, a whole taskrc a few thousand.
const BYTES_MAX: usize = 64 * 1024;

const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const STOP_MARKING: &[u8] = b"\x1b[?2004l";

/// Asks on standard error and reads from the terminal at standard input.
pub fn read(question: &str, enough: &dyn Fn(&str) -> bool) -> io::Result<Zeroizing<String>> {
    let _quiet = Quiet::begin()?;
    let mut screen = io::stderr();
    let mut input = Input::default();
    let mut piece = Zeroizing::new([0_u8; 1024]);
    loop {
        // A hidden answer still has to show that it arrived.
        let count = input.text().chars().count();
        let so_far = if count == 0 { String::new() } else { format!("({count} characters)") };
        write!(screen, "\r\x1b[K{question}: {so_far}")?;
        screen.flush()?;
        let length = io::stdin().read(&mut *piece)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for byte in &piece[..length] {
            match input.feed(*byte, enough) {
                State::Open => {}
                State::Done => {
                    writeln!(screen)?;
                    return Ok(Zeroizing::new(input.text().into_owned()));
                }
                State::Cancelled => {
                    writeln!(screen)?;
                    return Err(io::ErrorKind::Interrupted.into());
                }
            }
        }
    }
}

/// The terminal without echo and line editing, for as long as this lives. Signals by key are off too: Ctrl-C comes as a
/// byte, so that the terminal is always put right again.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        io::stderr().write_all(MARK_PASTES)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = io::stderr().write_all(STOP_MARKING);
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// What was read so far; knows keys and the marks of a paste, but no terminal.
#[derive(Default)]
struct Input {
    bytes: Zeroizing<Vec<u8>>,
    /// An escape sequence that is under way, from its ESC on.
    sequence: Vec<u8>,
    in_paste: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    Done,
    Cancelled,
}

impl Input {
    fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    fn feed(&mut self, byte: u8, enough: &dyn Fn(&str) -> bool) -> State {
        if !self.sequence.is_empty() {
            self.feed_sequence(byte);
            return State::Open;
        }
        match byte {
            b'\x1b' => self.sequence.push(byte),
            b'\r' | b'\n' if self.in_paste => self.push(b'\n'),
            b'\r' | b'\n' => {
                let empty_line = self.bytes.last().is_none_or(|last| *last == b'\n');
                self.push(b'\n');
                if empty_line || enough(&self.text()) {
                    return State::Done;
                }
            }
            0x03 => return State::Cancelled,
            0x04 if self.bytes.is_empty() => return State::Cancelled,
            0x04 => return State::Done,
            0x08 | 0x7f => drop(self.bytes.pop()),
            // Ctrl-U, as in a shell: start anew.
            0x15 => self.bytes.clear(),
            _ => self.push(byte),
        }
        State::Open
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() < BYTES_MAX {
            self.bytes.push(byte);
        }
    }

    /// Arrow keys and the like mean nothing here; only the two marks do.
    fn feed_sequence(&mut self, byte: u8) {
        self.sequence.push(byte);
        match (self.sequence.as_slice(), byte) {
            (b"\x1b[", _) => return,
            (b"\x1b[200~", _) => self.in_paste = true,
            (b"\x1b[201~", _) => self.in_paste = false,
            ([b'\x1b', b'[', ..], 0x20..=0x3f) if self.sequence.len() < 16 => return,
            _ => {}
        }
        self.sequence.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out, where a text is enough once it has all of `a`, `b` and `c`.
    fn typed(bytes: &[u8]) -> (State, String) {
        let mut input = Input::default();
        let enough = |text: &str| ['a', 'b', 'c'].iter().all(|letter| text.contains(*letter));
        for byte in bytes {
            let state = input.feed(*byte, &enough);
            if state != State::Open {
                return (state, input.text().into_owned());
            }
        }
        (State::Open, input.text().into_owned())
    }

    #[test]
    fn enter_ends_it_once_there_is_enough() {
        assert_eq!(typed(b"a\rb\rc\rrest"), (State::Done, "a\nb\nc\n".into()));
        assert_eq!(typed(b"a\rb\r"), (State::Open, "a\nb\n".into()));
    }

    #[test]
    fn an_empty_line_ends_it_in_any_case() {
        assert_eq!(typed(b"a\r\rb"), (State::Done, "a\n\n".into()));
        assert_eq!(typed(b"\r"), (State::Done, "\n".into()));
    }

    #[test]
    fn a_marked_paste_ends_only_with_a_key() {
        assert_eq!(typed(b"\x1b[200~a\r\nb\r\n\r\nc\n\x1b[201~"), (State::Open, "a\n\nb\n\n\n\nc\n".into()));
        assert_eq!(typed(b"\x1b[200~abc\x1b[201~\r"), (State::Done, "abc\n".into()));
    }

    #[test]
    fn control_keys_do_what_they_do_elsewhere() {
        assert_eq!(typed(b"ab\x03"), (State::Cancelled, "ab".into()));
        assert_eq!(typed(b"\x04"), (State::Cancelled, String::new()));
        assert_eq!(typed(b"ab\x04"), (State::Done, "ab".into()));
        assert_eq!(typed(b"ax\x7fb"), (State::Open, "ab".into()));
        assert_eq!(typed(b"xyz\x15a"), (State::Open, "a".into()));
        assert_eq!(typed(b"a\x1b[A\x1b[1;5Cb\x1bOc"), (State::Open, "abc".into()));
    }

    #[test]
    fn a_flood_is_bounded() {
        assert_eq!(typed(&vec![b'x'; BYTES_MAX + 1]).1.len(), BYTES_MAX);
    }
}
