//! The entry points on seeds, and on a bounded number of their mutations. What fuzzing does for hours, for a second.

#![expect(clippy::expect_used, reason = "test code; Clippy sees only the functions marked `#[test]` as such")]

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use untrusted_input::{ENTRIES, Entry};

/// How many mutations of an entry's seeds are tried.
const CASES: u32 = 2_000;
/// The same where a damaged link is among them: locating a slip tries every possible one, some ten milliseconds each.
const CASES_WITH_LINKS: u32 = 250;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds")).join(name);
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("a folder of seeds").map(|entry| entry.expect("a seed").path()).collect();
    // Folders have no order of their own, and a failure should be found again.
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a seed")).collect()
}

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Mutation {
    Set(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize),
}

impl Mutation {
    fn any() -> impl Strategy<Value = Self> {
        // Bytes that mean something to one of the readers come up more often than chance would have it.
        let byte = || prop_oneof![any::<u8>(), select(b"\n\r\t =#/\\\"'{}[]:,-$~jJ\0\xff".to_vec())];
        prop_oneof![
            (any::<Index>(), byte()).prop_map(|(at, byte)| Self::Set(at, byte)),
            (any::<Index>(), 1..20_usize).prop_map(|(at, count)| Self::Remove(at, count)),
            (any::<Index>(), vec(byte(), 1..6)).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            (any::<Index>(), 1..40_usize).prop_map(|(at, count)| Self::Repeat(at, count)),
        ]
    }

    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match self {
            Self::Set(at, byte) => {
                let at = place(at);
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = *byte;
                }
            }
            Self::Remove(at, count) => {
                let at = place(at);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Self::Insert(at, inserted) => {
                let at = place(at);
                bytes.splice(at..at, inserted.iter().copied());
            }
            Self::Repeat(at, count) => {
                let at = place(at);
                let repeated = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, repeated);
            }
        }
    }
}

fn try_out(name: &str, cases: u32) {
    let (_, entry): &(_, Entry) = ENTRIES.iter().find(|(known, _)| *known == name).expect("an entry");
    let seeds = seeds(name);
    for seed in &seeds {
        entry(seed);
    }
    proptest!(ProptestConfig::with_cases(cases), |(seed in select(seeds), mutations in vec(Mutation::any(), 0..8))| {
        let mut input = seed;
        for mutation in &mutations {
            mutation.apply(&mut input);
        }
        entry(&input);
    });
}

#[test]
fn a_head_is_read_exactly_or_refused_with_a_reason() {
    try_out("request_head", CASES);
}

#[test]
fn a_registration_is_an_object_with_an_invite_or_refused_with_a_reason() {
    try_out("registration", CASES);
}

#[test]
fn a_setup_link_reads_back_as_itself_or_says_what_is_wrong() {
    try_out("setup_link", CASES_WITH_LINKS);
}

#[test]
fn an_invite_link_reads_back_as_itself_or_says_what_is_wrong() {
    try_out("invite_link", CASES);
}

#[test]
fn an_account_file_is_read_as_it_can_be_written_or_refused() {
    try_out("account_file", CASES);
}

#[test]
fn pasted_settings_read_back_as_themselves_or_come_with_a_hint() {
    try_out("credentials", CASES_WITH_LINKS);
}

#[test]
fn a_taskrc_keeps_every_foreign_byte_or_is_left_alone() {
    try_out("taskrc", CASES);
}

#[test]
fn every_entry_has_seeds_and_a_fuzz_target_that_calls_it() {
    for (name, _) in ENTRIES {
        assert!(seeds(name).len() >= 3, "{name}");
        let target =
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/fuzz_targets")).join(format!("{name}.rs"));
        let source = fs::read_to_string(target).expect("a fuzz target");
        assert!(source.contains(&format!("untrusted_input::{name}(")), "{source}");
    }
}
