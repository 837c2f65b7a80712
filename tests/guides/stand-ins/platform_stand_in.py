"""What the stand-ins of platforms' commands have in common: a check of the call, and Docker on the computer `internet`.

Small on purpose. A call is refused as the real command would refuse it (unknown commands and flags, nobody logged in, an app that is not
there); what it then does is what the platform documents to do with the files in the folder.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

STATE = pathlib.Path.home() / ".stand-in.json"
SSH = ["ssh", "-q", "root@internet"]


def die(text, status=1):
    print(f"Error: {text}", file=sys.stderr)
    sys.exit(status)


def state():
    return json.loads(STATE.read_text()) if STATE.exists() else {}


def remember(**news):
    STATE.write_text(json.dumps(state() | news))


def there(script, **more):
    """On the platform."""
    return subprocess.run([*SSH, script], check=True, text=True, capture_output=True, **more).stdout


def flags(words, known):
    """`known`: flags by their names, True if they take a value. The others in order, and the flags; refuses the rest."""
    others, found, words = [], {}, list(words)
    while words:
        word = words.pop(0)
        if word == "--":
            others += words
            break
        if not word.startswith("-"):
            others.append(word)
            continue
        name, has_value, value = word.partition("=")
        if name not in known:
            die(f"unknown flag: {name}")
        if known[name] and not has_value:
            if not words:
                die(f"flag needs an argument: {name}")
            value = words.pop(0)
        found[name] = value if has_value or known[name] else True
    return others, found


def build(folder, tag):
    """The Dockerfile of a folder, with the folder as its context, by the platform's builder."""
    pack = subprocess.Popen(["tar", "-C", folder, "--exclude=./target", "--exclude=./.git", "-cf", "-", "."], stdout=subprocess.PIPE)
    told = subprocess.run([*SSH, f"docker build --progress plain --tag {shlex.quote(tag)} - 2>&1"], stdin=pack.stdout, text=True, capture_output=True)
    if told.returncode:
        die(f"the build failed\n{told.stdout}")


def start(name, image, environment, *, port, options=(), volume=None, owner="0:0", mode="0755"):
    """One machine; the one before it stops first, since a volume can be attached once only."""
    stop(name)
    words = ["docker", "run", "--detach", "--name", name, "--stop-timeout", "40", "--publish", f"127.0.0.1:8090:{port}", *options]
    for key, value in environment.items():
        words += ["--env", f"{key}={value}"]
    if volume:
        source, destination = volume
        folder = f"/srv/volumes/{source}"
        # A new file system belongs to root, and is not quite empty.
        there(f"[ -d {folder} ] || {{ mkdir -p {folder}/lost+found; chown {owner} {folder}; chmod {mode} {folder}; }}")
        words += ["--volume", f"{folder}:{destination}"]
    there(shlex.join([*words, image]))


def stop(name):
    subprocess.run([*SSH, f"docker stop --time 40 {name}; docker rm {name}"], capture_output=True)


def wait_until_healthy(name, path, seconds):
    until = time.monotonic() + seconds
    while subprocess.run([*SSH, f"curl --fail --silent --max-time 5 http://127.0.0.1:8090{path}"], capture_output=True).returncode:
        if time.monotonic() > until:
            die(f"{path} was not healthy within {seconds} s\n{there(f'docker logs {name} 2>&1')}")
        time.sleep(0.5)


def log(name, follow=True):
    os.execvp("ssh", [*SSH[:1], "-tt", *SSH[1:], f"docker logs {'--follow ' if follow else ''}{name} 2>&1"])


def execute(name, command, user=None):
    """In the machine, as its terminal does it."""
    words = ["docker", "exec", "--interactive", "--tty", *(["--user", user] if user else []), name, *command]
    sys.exit(subprocess.run([*SSH[:1], "-tt", *SSH[1:], shlex.join(words)]).returncode)
