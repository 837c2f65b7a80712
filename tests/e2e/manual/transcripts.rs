//! What a guide tells people to type was typed as it stands, and `docs/transcripts/` has what came of it. A page that changed since
//! asks for another walk.
//!
//! Which lines those are is read from the page by the rules of `tests/guides/page.py`.

use std::fs;

use super::{Page, pages, repository};

/// Pages with commands that are not walked, and why.
const NOT_WALKED: [(&str, &str); 6] = [
    ("CONTRIBUTING.md", "for whoever changes the programs"),
    ("README.md", "`.ci/run` and CI build and test; its two computers are tests/first-minutes.py"),
    ("docs/CAPACITY.md", "measurements take hours"),
    ("docs/LIMITS.md", "reference"),
    ("docs/LOGGING.md", "reference"),
    ("docs/PROTOCOL.md", "reference"),
];

/// What stands in front of a block, and what it means for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Typed,
    NotTyped,
}

impl Marker {
    fn in_line(line: &str) -> Option<Self> {
        let inner = line.trim().strip_prefix("<!-- ")?.strip_suffix(" -->")?;
        match inner.split(": ").next()? {
            "try" | "on" | "run" => Some(Self::Typed),
            "shown" | "test" | "write" | "edit" => Some(Self::NotTyped),
            _ => None,
        }
    }
}

/// The lines of a page that a reader types: all of a block of `sh`, and of one of `console` what stands behind `$ `.
fn typed(page: &Page) -> Vec<(String, String)> {
    let mut typed = Vec::new();
    let mut marker = None;
    let mut lines = page.text.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = Marker::in_line(line) {
            marker = Some(found);
            continue;
        }
        let trimmed = line.trim_start();
        let Some(language) = trimmed.strip_prefix("```") else { continue };
        let indentation = line.len() - trimmed.len();
        let content = lines.by_ref().take_while(|line| line.trim() != "```");
        let content: Vec<&str> = content.map(|line| line.get(indentation..).unwrap_or_default()).collect();
        if marker.take() == Some(Marker::NotTyped) {
            continue;
        }
        let commands: Vec<&str> = match language {
            "sh" => content.into_iter().filter(|line| !line.trim().is_empty()).collect(),
            "console" => content.into_iter().filter_map(|line| line.strip_prefix("$ ")).collect(),
            _ => continue,
        };
        typed.extend(commands.into_iter().map(|command| (page.path.clone(), command.to_owned())));
    }
    typed
}

fn transcript_of(page: &str) -> String {
    let name = page.strip_prefix("docs/").unwrap_or(page).strip_suffix(".md").unwrap_or(page);
    format!("docs/transcripts/{}.txt", name.to_lowercase())
}

/// What was typed: behind the prompt of a shell, the first one or the one for further lines.
fn typed_in(transcript: &str) -> impl Iterator<Item = &str> {
    transcript.lines().filter_map(|line| {
        let behind =
            |end: &str| line.split_once(end).filter(|(prompt, _)| prompt.contains('@') && !prompt.contains(' '));
        line.strip_prefix("> ").or_else(|| behind("$ ").or_else(|| behind("# ")).map(|(_, command)| command))
    })
}

#[test]
fn what_a_guide_says_to_type_was_typed_in_this_order() {
    let mut walked = 0;
    for page in pages() {
        let commands = typed(&page);
        if commands.is_empty() || NOT_WALKED.iter().any(|(path, _)| *path == page.path) {
            continue;
        }
        walked += 1;
        let name = transcript_of(&page.path);
        let again = format!("`{}` changed: `tests/guides/walk {0}` follows it again", page.path);
        let transcript =
            fs::read_to_string(repository().join(&name)).unwrap_or_else(|why| panic!("{name}: {why}\n{again}"));
        let mut lines = typed_in(&transcript);
        for (_, command) in commands {
            assert!(
                lines.any(|line| line == command),
                "{name} does not have, or not in this order:\n{command}\n{again}"
            );
        }
    }
    assert!(walked >= 15, "only {walked}");
}

/// A transcript tells of the guide, and not of the machine that it was made on.
#[test]
fn no_transcript_holds_what_opens_or_names_anything() {
    let mut found = Vec::new();
    let mut folders = vec![repository().join("docs/transcripts")];
    let mut transcripts = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("transcripts") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            transcripts += 1;
            let text = fs::read_to_string(&path).expect("text");
            for (number, line) in (1..).zip(text.lines()) {
                let long = |word: &str| word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let secret = line.split(|c: char| !c.is_ascii_alphanumeric()).any(long);
                if secret || ["/root/", "/target/", "/tmp/"].iter().any(|place| line.contains(place)) {
                    found.push(format!("{}:{number}: {line}", path.display()));
                }
            }
        }
    }
    assert_eq!(found, [] as [String; 0]);
    assert!(transcripts >= 15, "only {transcripts}");
}

/// A page that is not walked has commands; without any, it need not be excused.
#[test]
fn what_is_not_walked_has_a_reason() {
    for (path, reason) in NOT_WALKED {
        assert!(!reason.is_empty() && repository().join(path).is_file(), "{path}");
        assert!(!repository().join(transcript_of(path)).exists(), "{path} is walked");
    }
}
