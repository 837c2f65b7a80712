"""A person at a terminal of one of the computers: types a line, reads what comes, answers what is asked.

The terminal is a real one of 80 columns, over ssh. The prompt carries an invisible mark with how the last command ended, so nothing
has to be guessed from the looks of the screen.
"""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

COLUMNS, ROWS = 80, 50
PATIENCE_SECONDS = 60.0
# After a question nothing comes until somebody answers.
QUIET_SECONDS = 0.6

MARK = re.compile(r"\x1b\]7;(end (\d+)|more)\x07")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


# What goes on until Ctrl-C.
FOLLOWS = re.compile(r" (-f|--follow)\b|^fly logs|^railway logs")


class Stuck(Exception):
    pass


PIECES = re.compile(r"\x1b7.*?\x1b8|\x1b\[([0-9;:?]*)([a-zA-Z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Z]|\x1b.|[\r\n\b]|[^\x1b\r\n\b]+", re.DOTALL)


def as_seen(text):
    """What stays on the screen of what was printed: lines that were written over show what came last. What a program draws elsewhere
    on the screen and comes back from (`ESC 7` to `ESC 8`) is left out."""
    lines, row, column = [""], 0, 0
    for piece in PIECES.finditer(text):
        found, number, letter = piece[0], piece[1], piece[2]
        count = int(number) if number and number.isdigit() else 1
        if found == "\n":
            row += 1
        elif found == "\r":
            column = 0
        elif found == "\b":
            column = max(0, column - 1)
        elif letter == "A":
            row = max(0, row - count)
        elif letter == "B":
            row += count
        elif letter == "C":
            column += count
        elif letter == "D":
            column = max(0, column - count)
        elif letter == "G":
            column = max(0, count - 1)
        elif letter == "K":
            lines[row] = lines[row][:column] if number in ("", "0") else ""
        elif letter == "J":
            lines[row:] = [lines[row][:column]] if number in ("", "0") else [""]
        elif not found.startswith("\x1b"):
            line = lines[row].ljust(column)
            lines[row] = line[:column] + found + line[column + len(found):]
            column += len(found)
        while len(lines) <= row:
            lines.append("")
    return "\n".join(line.rstrip() for line in lines)


class Terminal:
    def __init__(self, command, answers, transcript, patience=PATIENCE_SECONDS):
        self.patience, self.answers, self.transcript, self.received = patience, answers, transcript, ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "TERM": "xterm", "HOME": "/nonexistent", "LANG": "C.UTF-8"})
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.read_to_prompt(before_typing=True)
        # A program that is halted for a moment from outside is still the one in front.
        os.write(self.file, b"set +m\r")
        self.echo()
        self.prompt, _ = self.read_to_prompt(before_typing=True)

    def read_more(self, seconds):
        ready, _, _ = select.select([self.file], [], [], seconds)
        if not ready:
            return False
        try:
            piece = os.read(self.file, 65536)
        except OSError:
            piece = b""
        if not piece:
            raise Stuck(f"the terminal was closed:\n{self.received}")
        self.received += self.decoder.decode(piece)
        return True

    def read_to_prompt(self, before_typing=False, until=None, follows=False):
        """Reads and answers up to the next prompt: its text, and how the command ended. `until`: or to where this is seen.
        What `follows` a log is ended with Ctrl-C, as soon as it has said something."""
        deadline, looked_at = time.monotonic() + self.patience, -1
        while True:
            marks = list(MARK.finditer(self.received))
            # A program that was interrupted may have said something behind the prompt.
            if marks and (self.received.endswith(("$ ", "# ", "> ")) or len(self.received) == looked_at):
                mark = marks[-1]
                prompt = re.match(r"[^$#>]*[$#>] |", ESCAPES.sub("", self.received[mark.end():]))[0]
                self.show(self.received[:marks[0].start()], before_typing)
                self.received = ""
                return prompt, None if marks[0][2] is None else int(marks[0][2])
            if until and re.search(until, as_seen(self.received)):
                self.show(self.received, before_typing)
                self.received = ""
                return None, None
            if time.monotonic() > deadline:
                raise Stuck(f"no end after {self.patience:.0f} s:\n{as_seen(self.received)[-3000:]}")
            if self.read_more(QUIET_SECONDS) or len(self.received) == looked_at:
                continue
            looked_at = len(self.received)
            if follows and looked_at:
                os.write(self.file, b"\x03")
                follows = False
            question = as_seen(self.received).rstrip().rsplit("\n", 1)[-1]
            for pattern, answer in self.answers:
                if re.search(pattern, question):
                    text = answer(question) if callable(answer) else answer
                    os.write(self.file, text.encode() + b"\r")
                    break

    def show(self, text, hidden=False):
        if not hidden:
            self.transcript.show(as_seen(text))

    def echo(self):
        """The typed line comes back; the transcript has it already."""
        while "\n" not in self.received:
            self.read_more(30.0)
        self.received = self.received.split("\n", 1)[1]

    def type(self, lines, until=None, stop=None):
        """Types lines one after the other; those that failed, and how. `stop`: on which of them nothing more is typed."""
        failed = []
        for line in lines:
            self.transcript.typed(self.prompt or "> ", line)
            os.write(self.file, self.transcript.with_values(line).encode() + b"\r")
            self.echo()
            prompt, status = self.read_to_prompt(until=until, follows=bool(FOLLOWS.search(line)))
            if until and prompt is None:
                return []
            self.prompt = prompt
            if status:
                failed.append((line, status))
                if stop and stop(line, status):
                    break
        return failed

    def interrupt(self):
        os.write(self.file, b"\x03")
        self.transcript.show("^C")
        self.prompt, _ = self.read_to_prompt()

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        finally:
            os.close(self.file)
