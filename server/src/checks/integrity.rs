//! Is the data whole? Quick: every page is in order, by SQLite's own check. Thorough: every chain and every body too, as
//! `db check` does.

use super::{Check, Finding, World};
use crate::stop::Stopped;
use crate::storage::sqlite::examine::{self, Finding as Damage};
use crate::words;

/// The database's contents.
pub struct Integrity;

impl Check for Integrity {
    fn name(&self) -> &'static str {
        "integrity"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["database"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let db = match world.database() {
            Ok(db) => db,
            Err(finding) => return finding,
        };
        let looked = if world.is_thorough() {
            examine::examine(db, world.stop()).map(|seen| {
                let counts = [(seen.accounts, "account"), (seen.versions, "version"), (seen.snapshots, "snapshot")];
                let counts = counts.map(|(number, one)| words::count(number, one)).join(", ");
                (format!("every page, chain and body is in order: {counts}"), seen.findings)
            })
        } else {
            let good = "every page is in order; `--thorough` looks at chains and bodies too";
            examine::skim(db, world.stop()).map(|findings| (good.to_owned(), findings))
        };
        match looked {
            Ok((good, findings)) => judge(good, &findings),
            Err(Stopped) => Finding::skipped("stopped"),
        }
    }
}

fn judge(good: String, findings: &[Damage]) -> Finding {
    let Some(first) = findings.first() else { return Finding::ok(good) };
    let more = match findings.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Finding::problem(
        format!("the data is DAMAGED: {first}{more}"),
        "keep a copy of the whole data directory as it is\n\
         `taskferry-server db check` shows all of it\n\
         `taskferry-server restore latest --dry-run` says what the last backup would mean for people",
    )
}
