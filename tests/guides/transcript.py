"""What was typed and what was printed, as it is kept: docs/transcripts/.

What every run makes anew is replaced by a name for it, the same thing always by the same name, so that two runs differ only where the
programs do. Everything else stays as it was on the screen.
"""

import re

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# What it looks like, and how the n-th of its kind is written.
NUMBERED = [
    (rf"\b{UUID}\b", "{:08x}-0000-4000-8000-000000000000"),
    (r"\b[0-9a-f]{64}\b", "({:d}. secret or checksum)"),
    (r"\b[0-9a-f]{12}\b", "{:012x}"),
    (r"\b[0-9a-f]{8}(?=…)", "{:08x}"),
    (r"\b[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}\b", "{:04x}-0000-0000"),
    (r"(?<=/j#)[0-9A-Z]{24,}", "(what the link of the {:d}. account holds)"),
    (r"(?<=/i#)[0-9A-Z-]{12,}|\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){6}\b", "(code of the {:d}. invite)"),
    (r"\b\d{8}T\d{6}\.\d{3}Z\b", "20260101T000000.{:03d}Z"),
]
ANY = re.compile("|".join(f"({pattern})" for pattern, _ in NUMBERED))
PLAIN = [
    (re.compile(r"\b20\d\d-\d\d-\d\d([T ])\d\d:\d\d(:\d\d)?(\.\d+)?"), r"2026-01-01\g<1>00:00\g<2>"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "2026-01-01"),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d"), "Thu Jan  1 00:00:00"),
    (re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d"), "Jan  1 00:00:00"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|µs)\b"), "5 ms"),
    (re.compile(r"\b\d+\.\d+ ?s\b"), "0.5 s"),
    (re.compile(r"\b\d+ seconds? (ago|old)\b"), r"some seconds \1"),
]
# Half blocks, as QR codes are drawn with.
DRAWN = re.compile(r"^[ █▀▄]{20,}$")
SECRETS = re.compile(r"AGE-SECRET-KEY-[0-9A-Z]+")


class Transcript:
    def __init__(self, head):
        self.head, self.body, self.seen = head, [], {}
        self.raw = ""

    def heading(self, text):
        self.body += ["", f"--- {text}", ""]

    def typed(self, prompt, line):
        self.raw += line + "\n"
        self.body.append(self.plain(prompt + line))

    def show(self, text):
        self.raw += text + "\n"
        shown, drawn = [], False
        for line in text.strip("\n").split("\n"):
            if DRAWN.match(line):
                if not drawn:
                    shown.append("(a QR code)")
                drawn = True
                continue
            drawn = False
            shown.append(self.plain(line))
        if text.strip("\n"):
            self.body += shown

    def plain(self, text):
        text = SECRETS.sub("AGE-SECRET-KEY-(hidden)", text)
        text = ANY.sub(self.named, text)
        for pattern, instead in PLAIN:
            text = pattern.sub(instead, text)
        return text

    def named(self, match):
        kind = match.lastindex - 1
        known = self.seen.setdefault(kind, {})
        return NUMBERED[kind][1].format(known.setdefault(match[0], len(known) + 1))

    def text(self):
        return "\n".join([*self.head, *self.body]).rstrip() + "\n"
