//! Reads pasted credentials: hidden, several lines if need be, of any length up to a limit.
//!
//! Not a password prompt of a library: those take one line, and the rest of a paste would land in the shell, run as
//! commands and stay in its history. Here the terminal marks where a paste ends (bracketed paste), and what is left
//! over is thrown away.

use std::io::{self, Write};

use zeroize::Zeroizing;

use super::PromptError;
use super::tty::{Asking, CTRL_C, typed};

/// Bytes of a paste; a setup link has some 130, a whole taskrc a few thousand.
const BYTES_MAX: usize = 64 * 1024;

/// Asks on standard error and reads from the terminal at standard input. `is_dumb`: it can do nothing but print one line below the
/// other, so pastes are not marked, and how much has arrived is said at the end.
pub fn read(question: &str, enough: &dyn Fn(&str) -> bool, is_dumb: bool) -> Result<Zeroizing<String>, PromptError> {
    let _asking = Asking::hidden(!is_dumb)?;
    let mut screen = io::stderr();
    let mut input = Input::default();
    let mut piece = Zeroizing::new([0_u8; 1024]);
    let mut was_told = false;
    // On a line of its own: the line below is drawn anew with each piece, and must never be longer than the screen.
    write!(screen, "{question}:\r\n")?;
    loop {
        screen.flush()?;
        let bytes = typed(&mut *piece)?;
        let mut state = State::Open;
        for byte in bytes {
            state = input.feed(*byte, enough);
            if matches!(state, State::Done | State::Cancelled) {
                break;
            }
        }
        // A hidden answer still has to show that it arrived.
        match state {
            State::Open if is_dumb => {}
            _ if is_dumb => write!(screen, "{}", so_far(input.characters()))?,
            _ => write!(screen, "\r\x1b[K{}", so_far(input.characters()))?,
        }
        match state {
            State::Open => {}
            State::Unfinished if was_told => {}
            State::Unfinished => {
                was_told = true;
                write!(screen, "\r\n{UNFINISHED}\r\n")?;
            }
            State::Done => {
                writeln!(screen)?;
                return Ok(input.text());
            }
            State::Cancelled => {
                writeln!(screen)?;
                return Err(PromptError::Interrupted);
            }
        }
    }
}

const UNFINISHED: &str = "not complete yet: paste the rest, or press Enter again to see what is missing";

fn so_far(characters: usize) -> String {
    match characters {
        0 => String::new(),
        1 => "  (1 character)".into(),
        more => format!("  ({more} characters)"),
    }
}

/// What was read so far; knows keys and the marks of a paste, but no terminal.
struct Input {
    /// Never grows: what it held before would stay in memory.
    bytes: Zeroizing<Vec<u8>>,
    /// An escape sequence that is under way, from its ESC on.
    sequence: Vec<u8>,
    in_paste: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Enter was pressed, and something is missing.
    Unfinished,
    Done,
    Cancelled,
}

impl Default for Input {
    fn default() -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(BYTES_MAX)), sequence: Vec::new(), in_paste: false }
    }
}

impl Input {
    fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(String::from_utf8_lossy(&self.bytes).into_owned())
    }

    fn characters(&self) -> usize {
        let begins_one = |byte: &&u8| !byte.is_ascii_control() && **byte & 0xc0 != 0x80;
        self.bytes.iter().filter(begins_one).count()
    }

    fn feed(&mut self, byte: u8, enough: &dyn Fn(&str) -> bool) -> State {
        if !self.sequence.is_empty() && self.belongs_to_sequence(byte) {
            return State::Open;
        }
        match byte {
            b'\x1b' => self.sequence.push(byte),
            b'\r' | b'\n' if self.in_paste => self.push(b'\n'),
            b'\r' | b'\n' => {
                let empty_line = self.bytes.last().is_none_or(|last| *last == b'\n');
                self.push(b'\n');
                if empty_line || self.is_full() || enough(&self.text()) {
                    return State::Done;
                }
                return State::Unfinished;
            }
            CTRL_C => return State::Cancelled,
            0x04 if self.bytes.is_empty() => return State::Cancelled,
            0x04 => return State::Done,
            0x08 | 0x7f => {
                // A whole character, however many bytes it has.
                while self.bytes.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            // Ctrl-U, as in a shell: start anew.
            0x15 => self.bytes.clear(),
            _ => self.push(byte),
        }
        State::Open
    }

    fn push(&mut self, byte: u8) {
        if !self.is_full() {
            self.bytes.push(byte);
        }
    }

    fn is_full(&self) -> bool {
        self.bytes.len() == BYTES_MAX
    }

    /// Whether the byte is a part of the escape sequence under way. Arrow keys and the like mean nothing here; only the two
    /// marks do. The Escape key alone begins a sequence that never goes on: what is typed or pasted behind it counts.
    fn belongs_to_sequence(&mut self, byte: u8) -> bool {
        let goes_on = self.sequence.len() > 1 || matches!(byte, b'[' | b'O');
        if byte.is_ascii_control() || !goes_on {
            self.sequence.clear();
            return false;
        }
        self.sequence.push(byte);
        match self.sequence.as_slice() {
            b"\x1b[" | b"\x1bO" => return true,
            b"\x1b[200~" => self.in_paste = true,
            b"\x1b[201~" => self.in_paste = false,
            [b'\x1b', b'[', .., 0x20..=0x3f] if self.sequence.len() < 16 => return true,
            _ => {}
        }
        self.sequence.clear();
        true
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
            if matches!(state, State::Done | State::Cancelled) {
                return (state, input.text().to_string());
            }
        }
        (State::Open, input.text().to_string())
    }

    #[test]
    fn enter_ends_it_once_there_is_enough() {
        assert_eq!(typed(b"a\rb\rc\rrest"), (State::Done, "a\nb\nc\n".into()));
        assert_eq!(typed(b"a\rb\r"), (State::Open, "a\nb\n".into()));
    }

    #[test]
    fn enter_after_half_of_it_is_noticed() {
        let mut input = Input::default();
        assert_eq!(input.feed(b'a', &|_| false), State::Open);
        assert_eq!(input.feed(b'\r', &|_| false), State::Unfinished);
        assert_eq!(input.feed(b'\r', &|_| false), State::Done);
    }

    #[test]
    fn characters_are_counted_and_taken_back_whole() {
        let mut input = Input::default();
        for byte in "aü\r".bytes() {
            input.feed(byte, &|_| false);
        }
        assert_eq!(input.characters(), 2);
        input.feed(0x7f, &|_| false);
        input.feed(0x7f, &|_| false);
        assert_eq!(*input.text(), "a");
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
        assert_eq!(typed(b"a\x1b[A\x1b[1;5Cb\x1bOAc"), (State::Open, "abc".into()));
    }

    #[test]
    fn the_escape_key_alone_takes_nothing_from_what_comes_behind_it() {
        assert_eq!(typed(b"a\x1b\x03"), (State::Cancelled, "a".into()));
        assert_eq!(typed(b"\x1b\x04"), (State::Cancelled, String::new()));
        assert_eq!(typed(b"\x1b[\x03"), (State::Cancelled, String::new()));
        assert_eq!(typed(b"\x1babc\r"), (State::Done, "abc\n".into()));
        assert_eq!(typed(b"abc\x1b\r"), (State::Done, "abc\n".into()));
        assert_eq!(typed(b"\x1b\x1b\x1b[200~a\nb\nc\n\x1b[201~\r"), (State::Done, "a\nb\nc\n\n".into()));
    }

    #[test]
    fn a_flood_is_bounded_and_enter_still_ends_it() {
        let mut flood = vec![b'x'; BYTES_MAX + 1];
        assert_eq!(typed(&flood).1.len(), BYTES_MAX);
        flood.push(b'\r');
        assert_eq!(typed(&flood).0, State::Done);
    }
}
