#!/usr/bin/env python3
"""How long the first minutes take somebody who types like a person, on two fresh homes, in real terminals, with the real programs and
real Taskwarrior. Prints the times; ends with 1 if one of them is over what is promised: 60 s and four answers for the first
computer, 30 s and two answers for the second.

  cargo build --workspace && tests/first-minutes.py [FOLDER-OF-THE-PROGRAMS]

Not a test: what takes a person's time takes it here, too. Before each answer the person looks at the screen for two seconds, types
commands and addresses key by key, and pastes the link. How long it would take to read every word instead is printed beside it.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

TO_LOOK_SECONDS = 2.0  # before each answer
WORDS_A_SECOND = 4.0  # 240 words a minute: quiet reading of every word
KEYS_A_SECOND = 4.0  # some 50 words a minute: an average typist
TO_COPY_SECONDS = 3.0  # a link from one window to the other
PATIENCE_SECONDS = 60.0

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "target"))


def die(text):
    print(f"first-minutes: {text}", file=sys.stderr)
    sys.exit(2)


class Person:
    """Somebody at a terminal of 80 columns and 24 rows, who types a command and answers questions."""

    def __init__(self, environment, command):
        self.began = time.monotonic()
        self.screen, self.seen, self.read, self.answers, self.reading = "", 0, 0, 0, 0.0
        time.sleep((len(" ".join(command)) + 1) / KEYS_A_SECOND)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(environment["HOME"])
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def sees(self, text):
        until = time.monotonic() + PATIENCE_SECONDS
        while text not in self.screen[self.seen:]:
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, until - time.monotonic()))
            try:
                piece = os.read(self.terminal, 4096) if ready else b""
            except OSError:
                piece = b""
            if not piece:
                die(f"waited in vain for {text!r} on this screen:\n{self.screen}")
            self.screen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", piece.decode("utf-8", "replace"))
        self.seen = self.screen.index(text, self.seen) + len(text)

    def looks(self):
        words = len(self.screen[self.read:].split())
        self.read = len(self.screen)
        self.reading += max(0.0, words / WORDS_A_SECOND - TO_LOOK_SECONDS)
        time.sleep(TO_LOOK_SECONDS)

    def answers_with(self, text, pasted=False):
        self.looks()
        self.answers += 1
        if pasted:
            time.sleep(TO_COPY_SECONDS)
            os.write(self.terminal, f"\x1b[200~{text}\x1b[201~".encode())
        else:
            for key in text:
                time.sleep(1 / KEYS_A_SECOND)
                os.write(self.terminal, key.encode())
        time.sleep(1 / KEYS_A_SECOND)
        os.write(self.terminal, b"\r")

    def is_done(self):
        """Seconds, the same with every word read, and how many answers it took."""
        seconds = time.monotonic() - self.began
        _, status = os.waitpid(self.pid, 0)
        if status != 0:
            die(f"the program ended with {status}:\n{self.screen}")
        os.close(self.terminal)
        return seconds, seconds + self.reading, self.answers


def main():
    programs = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(TARGET, "debug"))
    unpacked = os.path.abspath(os.path.join(TARGET, "taskwarrior"))
    path = os.pathsep.join([programs, unpacked, "/usr/local/bin", "/usr/bin", "/bin"])
    for name in ["taskferry", "taskferry-server", "task"]:
        if not shutil.which(name, path=path):
            die(f"there is no `{name}`: run `cargo build --workspace` and tests/setup.sh first")
    with tempfile.TemporaryDirectory() as folder:
        return measure(folder, path)


def measure(folder, path):
    def home(name):
        place = os.path.join(folder, name)
        os.mkdir(place)
        return {"HOME": place, "PATH": path, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    server = subprocess.Popen(
        [shutil.which("taskferry-server", path=path), "serve", "--listen", "127.0.0.1:0"],
        env=home("server"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    try:
        url = None
        for line in server.stderr:
            if found := re.search(r"listening on (http://\S+)", line):
                url = found.group(1)
            if line.startswith("next"):
                break
        if not url:
            die("the server did not start")
        rows = [
            ("first computer, cloud sync", *cloud(home("laptop"), url), 60, 4),
            ("first computer, a server of one's own", *own_server(home("other"), url), 60, 4),
            ("first computer, a server at home", *at_home(home("hermit")), 60, 4),
            ("second computer, a pasted link", *second(folder, home("desktop")), 30, 2),
        ]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    print(f"{'':38} seconds   promised   answers   promised   every word read")
    kept = True
    for name, seconds, reading, answers, seconds_max, answers_max in rows:
        kept = kept and seconds <= seconds_max and answers <= answers_max
        print(f"{name:38} {seconds:7.1f}   {seconds_max:8}   {answers:7}   {answers_max:8}   {reading:15.1f}")
    print("all kept" if kept else "NOT kept")
    return 0 if kept else 1


def cloud(home, url):
    person = Person(home | {"TASKFERRY_CLOUD": url}, ["taskferry"])
    person.sees("your choice")
    person.answers_with("")
    person.sees("go on?")
    person.answers_with("")
    person.sees("on your other computer")
    return person.is_done()


def own_server(home, url):
    # Nothing listens there, so cloud sync is not the default.
    person = Person(home | {"TASKFERRY_CLOUD": "http://127.0.0.1:9"}, ["taskferry"])
    person.sees("your choice")
    person.answers_with("2")
    person.sees("address of the sync server")
    person.answers_with(url.removeprefix("http://"))
    person.sees("did you mean")
    person.sees("address of the sync server")
    person.answers_with("")
    person.sees("go on?")
    person.answers_with("")
    person.sees("on your other computer")
    return person.is_done()


def at_home(home):
    home = home | {"TASKFERRY_CLOUD": "http://127.0.0.1:9", "TASKFERRY_LISTEN": "127.0.0.1:18080"}
    try:
        person = Person(home, ["taskferry", "setup", "--home"])
        person.sees("go on?")
        person.answers_with("")
        person.sees("next: run")
        return person.is_done()
    finally:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["taskferry", "home", "stop"], env=home, check=False, **quiet)


def second(folder, home):
    laptop = home | {"HOME": os.path.join(folder, "laptop")}
    for words in [["task", "rc.confirmation=off", "add", "buy milk"], ["task", "sync"]]:
        subprocess.run(words, env=laptop, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shared = subprocess.run(
        ["taskferry", "share"], env=laptop, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    person = Person(home, ["taskferry", "join"])
    person.sees("paste the setup link")
    person.answers_with(shared.stdout.strip(), pasted=True)
    person.sees("go on?")
    person.answers_with("")
    person.sees("joined; 1 task arrived")
    person.sees("pending")
    return person.is_done()


if __name__ == "__main__":
    sys.exit(main())
