"""What a reader types while following a page, cut out of the page itself.

A fenced block of `sh` is typed as it stands; of one of `console`, the lines behind `$ `. Everything else (`text`, `toml`, `yaml` …) is
read, not typed. In front of a block may stand one of

  <!-- try: COMPUTER -->    typed there, and run by `cargo test` too
  <!-- on: COMPUTER -->     typed there; `laptop+desktop` one after the other; `server,anew` after that one was set up anew
  <!-- rows: COMPUTER -->   in front of a table: the commands in its last column but those in capitals are typed there, row by row
  <!-- run -->              typed in a terminal of its own, and left running
  <!-- write: FILE -->      what a reader writes into that file, on the computer of the block before; any language
  <!-- edit: FILE -->       lines that a reader makes read like this, in that file
  <!-- shown -->            an example of what it looks like; not typed
  <!-- test -->             not typed: `.ci/run` runs it

A block without any goes on where the last one was. tests/e2e/manual/transcripts.rs reads pages by the same rules.
"""

import itertools
import re
from dataclasses import dataclass

FIRST = "laptop"
MARKER = re.compile(r"^\s*<!-- (try|on|rows|run|write|edit|shown|test)(?:: ([^ ]+))? -->$")


@dataclass
class Block:
    place: str  # docs/guide/phones.md:12
    heading: str
    computer: str
    kind: str  # typed, left running, written, edited
    lines: list
    file: str = ""


COMMANDS = ("taskferry", "taskferry-server", "task", "sudo", "docker", "fly", "railway", "kubectl", "journalctl", "systemctl")


def commands_in(row):
    """What a row of a table says that one types: no values that a reader has to fill in, no editors."""
    cell = [each for each in row.strip().strip("|").split("|")][1]
    commands = re.findall(r"`([^`]+)`", cell)
    return [each for each in commands if each.split()[0] in COMMANDS and not re.search(r"[A-Z]{4,}| edit ", each)]


def blocks(path, text):
    found, marker, computer, heading = [], None, FIRST, ""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if match := MARKER.match(line):
            marker = match.groups()
        elif line.startswith("|") and marker and marker[0] == "rows":
            here, marker = marker[1], None
            rows = [line, *(inner for _, inner in itertools.takewhile(lambda each: each[1].startswith("|"), lines))]
            typed = [command for row in rows[2:] for command in commands_in(row)]
            found.append(Block(f"{path}:{number}", heading, here, "typed", typed))
        elif line.startswith("#"):
            heading = line.lstrip("# ")
        elif (stripped := line.lstrip()).startswith("```"):
            language, indentation = stripped[3:].strip(), len(line) - len(stripped)
            content = []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                content.append(inner[indentation:])
            kind, value = marker or (None, None)
            marker = None
            if kind in ("try", "on"):
                computer = value
            if kind in ("shown", "test"):
                continue
            here, computer = computer, computer.removesuffix(",anew")
            place = f"{path}:{number}"
            if kind in ("write", "edit"):
                found.append(Block(place, heading, here, {"write": "written", "edit": "edited"}[kind], content, value))
            elif language in ("sh", "console"):
                if language == "console":
                    content = [inner[2:] for inner in content if inner.startswith("$ ")]
                typed = [inner for inner in content if inner.strip()]
                found.append(Block(place, heading, here, "left running" if kind == "run" else "typed", typed))
    return found
