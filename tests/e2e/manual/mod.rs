//! The manual says what is the case.
//!
//! | module | promises |
//! |---|---|
//! | [`runnable`] | what a guide marks as runnable runs, in order, on real computers with a real server |
//! | [`commands`] | no page names a command or a flag that the programs don't take |
//! | [`configuration`] | `docs/CONFIGURATION.md` lists every flag as the programs define it |
//! | [`messages`] | what Taskwarrior really says stands in the page on troubleshooting, word by word |
//! | [`links`] | every link leads to a page and a heading, and the book has all pages |
//! | [`transcripts`] | what the guides say to type was typed as it stands, on real computers, and the transcripts are of these pages |
//! | [`words`] | people are told of accounts and computers |
//!
//! `.ci/book` makes the book itself.

mod commands;
mod configuration;
mod links;
mod messages;
mod runnable;
mod transcripts;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A page, by its path in the repository.
#[derive(Debug)]
struct Page {
    path: String,
    text: String,
}

/// A fenced block of a page.
#[derive(Debug)]
struct Block<'a> {
    /// `docs/guide/phones.md:12`, for whoever looks for it.
    place: String,
    language: &'a str,
    /// What stands in `<!-- try: … -->` right in front of it.
    computer: Option<&'a str>,
    /// As it would be copied: without the columns that a list puts in front.
    text: String,
}

impl Page {
    #[track_caller]
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(repository().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        Self { path: path.to_owned(), text }
    }

    /// Its fenced blocks, in order.
    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().enumerate();
        let mut computer = None;
        while let Some((number, line)) = lines.next() {
            let trimmed = line.trim_start();
            if let Some(marker) = trimmed.strip_prefix("<!-- try: ") {
                computer = marker.strip_suffix(" -->");
                assert!(computer.is_some(), "{}:{}: {line}", self.path, number + 1);
            } else if let Some(language) = trimmed.strip_prefix("```") {
                let indentation = line.len() - trimmed.len();
                let content = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim_start() != "```");
                let content = content.map(|line| line.get(indentation..).unwrap_or_default().to_owned() + "\n");
                let place = format!("{}:{}", self.path, number + 1);
                blocks.push(Block { place, language, computer: computer.take(), text: content.collect() });
            } else {
                assert!(computer.is_none(), "{}:{}: a marker without a block", self.path, number);
            }
        }
        blocks
    }

    /// Its lines outside of fenced blocks, numbered from 1.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut fenced = false;
        (1..).zip(self.text.lines()).filter(move |(_, line)| {
            let is_fence = line.trim_start().starts_with("```");
            fenced ^= is_fence;
            !fenced && !is_fence
        })
    }
}

/// Every page that people read: those in the root, and everything in `docs`.
fn pages() -> Vec<Page> {
    let mut paths: Vec<String> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned).to_vec();
    collect_pages("docs", &mut paths);
    assert!(paths.len() > 30, "{paths:?}");
    paths.iter().map(|path| Page::read(path)).collect()
}

fn collect_pages(folder: &str, found: &mut Vec<String>) {
    let mut names: Vec<PathBuf> =
        fs::read_dir(repository().join(folder)).expect(folder).map(|entry| entry.expect(folder).path()).collect();
    names.sort();
    for path in names {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let within = format!("{folder}/{name}");
        if path.is_dir() {
            collect_pages(&within, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(within);
        }
    }
}
