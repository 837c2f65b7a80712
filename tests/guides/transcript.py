"""What was typed and what was printed, as it is kept: docs/transcripts/.

What every run makes anew is replaced by a name for it, the same thing always by the same name, so that two runs differ only where the
programs do. Everything else stays as it was on the screen.
"""

import re

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# What it looks like, and how the n-th of its kind is written.
NUMBERED = [
    (rf"\b{UUID}\b", "{:08x}-0000-4000-8000-000000000000"),
    (r"\b[0-9a-f]{40,}\b", "({:d}. secret or checksum)"),
    (r"\b[0-9a-f]{12}\b", "{:012x}"),
    (r"\b[0-9a-f]{8}(?=…)", "{:08x}"),
    (r"\b[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}\b", "{:04x}-0000-0000"),
    (r"(?<=/j#)[0-9A-Z]{24,}", "(what the link of the {:d}. account holds)"),
    (r"(?<=/i#)[0-9A-Z-]{12,}|\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){6}\b", "(code of the {:d}. invite)"),
    (r"\b\d{8}T\d{6}\.\d{3}Z\b", "20260101T000000.{:03d}Z"),
]
ANY = re.compile("|".join(f"({pattern})" for pattern, _ in NUMBERED))
PLAIN = [
    (re.compile(r"\b20\d\d-\d\d-\d\d([T ])\d\d:\d\d(:\d\d)?(\.\d+)?"), r"2026-01-01\g<1>00:00:00"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "2026-01-01"),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d"), "Thu Jan  1 00:00:00"),
    (re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d"), "Jan  1 00:00:00"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|µs)\b"), "5 ms"),
    (re.compile(r"(?<![\d.])\d+\.\d+ ?s\b"), "0.5 s"),
    (re.compile(r"(?<=[a-z])\[\d+\]: "), "[100]: "),
    (re.compile(r"\(process \d+\)"), "(process 100)"),
    (re.compile(r"\b\d{8}T\d{9}Z\b"), "20260101T000000000Z"),
    (re.compile(r"^(row \d+: )[0-9A-Z ]+$"), r"\1(as it stands on the sheet)"),
    # The machine's own size.
    (re.compile(r"\b\d+\.\d GB (may be used|available)"), r"16.0 GB \1"),
    (re.compile(r"\b\d+\.\d GB of \d+\.\d GB free"), "20.0 GB of 80.0 GB free"),
    (re.compile(r"\b\d+ seconds? (ago|old)\b"), r"some seconds \1"),
]
# Half blocks, as QR codes are drawn with.
DRAWN = re.compile(r"^[ █▀▄]{20,}$")
SECRETS = re.compile(r"AGE-SECRET-KEY-[0-9A-Z]+")


# Of one command's output; what is longer is for a program to read.
LINES_MAX = 90


class Transcript:
    def __init__(self, head, values):
        """`values`: what stands in the page for something that only a run knows, and what that is; in the transcript it stays."""
        self.head, self.body, self.seen, self.values = head, [], {}, values
        self.raw = ""

    def with_values(self, line):
        for on_page, real in self.values.items():
            line = re.sub(rf"\b{on_page}\b", real, line)
        return line

    def heading(self, text):
        self.body += ["", f"--- {text}", ""]

    def typed(self, prompt, line):
        self.raw += line + "\n"
        self.body.append(prompt + line)

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
        if len(shown) > LINES_MAX:
            shown[LINES_MAX - 10:] = [f"(and {len(shown) - LINES_MAX + 10} lines more)"]
        if text.strip("\n"):
            self.body += shown

    def plain(self, text):
        text = SECRETS.sub("AGE-SECRET-KEY-(hidden)", text)
        for on_page, real in self.values.items():
            text = text.replace(real, on_page)
        text = ANY.sub(self.named, text)
        for pattern, instead in PLAIN:
            text = pattern.sub(instead, text)
        return text

    def named(self, match):
        if match[0] in self.values:
            return match[0]
        kind = match.lastindex - 1
        known = self.seen.setdefault(kind, {})
        return NUMBERED[kind][1].format(known.setdefault(match[0], len(known) + 1))

    def text(self):
        return "\n".join([*self.head, *self.body]).rstrip() + "\n"
