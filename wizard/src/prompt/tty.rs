//! The terminal at standard input, in the two states in which questions are asked. Bytes come straight from the file
//! descriptor: a buffer of the library would keep secrets unwiped, and hand the rest of one answer to the next question.

use std::io::{self, Write};

use rustix::io::{read, retry_on_intr};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};

use super::PromptError;

const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const STOP_MARKING: &[u8] = b"\x1b[?2004l";
/// Ctrl-C, as a byte.
pub(super) const CTRL_C: u8 = 0x03;

/// The terminal as a question needs it, for as long as this lives. Signals by key are off: Ctrl-C comes as a byte, so that
/// the terminal is always put right again, and something can be said. What was typed before the question, and what is left
/// over after the answer, is thrown away.
pub(super) struct Asking {
    before: Termios,
    /// Whether pastes are marked.
    marks: bool,
}

impl Asking {
    /// For an answer that is shown; the terminal itself does the editing.
    pub(super) fn shown() -> io::Result<Self> {
        Self::begin(false, |terminal| {
            terminal.local_modes.remove(LocalModes::ISIG);
            // Ends a line like Enter does, else Ctrl-C would come only with it.
            terminal.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        })
    }

    /// For an answer that is hidden: no echo, byte by byte, and pastes marked, where the terminal can do that.
    pub(super) fn hidden(marks: bool) -> io::Result<Self> {
        Self::begin(marks, |terminal| {
            terminal.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            terminal.special_codes[SpecialCodeIndex::VMIN] = 1;
            terminal.special_codes[SpecialCodeIndex::VTIME] = 0;
        })
    }

    fn begin(marks: bool, adapt: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut asking = before.clone();
        adapt(&mut asking);
        tcsetattr(io::stdin(), OptionalActions::Flush, &asking)?;
        let asking = Self { before, marks };
        if marks {
            io::stderr().write_all(MARK_PASTES)?;
        }
        Ok(asking)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if self.marks {
            let _ = io::stderr().write_all(STOP_MARKING);
        }
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// What was typed while [`Asking`]; waits for it.
pub(super) fn typed(piece: &mut [u8]) -> Result<&[u8], PromptError> {
    match retry_on_intr(|| read(io::stdin(), &mut *piece)) {
        // The end of the input: Ctrl-D, or a terminal that is gone.
        Ok(0) => Err(PromptError::Interrupted),
        Ok(length) => Ok(&piece[..length]),
        Err(why) => Err(PromptError::Io(why.into())),
    }
}
