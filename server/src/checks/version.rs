//! Is the program itself sound?

use super::{Check, Finding, World};
use crate::storage::sqlite::schema;

/// The version, and that of the SQLite in it: some of them can corrupt a database.
pub struct Version;

impl Check for Version {
    fn name(&self) -> &'static str {
        "version"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn look(&self, _: &World<'_>) -> Finding {
        match schema::check_sqlite() {
            Ok(()) => Finding::ok(format!("{} with SQLite {}", env!("CARGO_PKG_VERSION"), rusqlite::version())),
            Err(error) => Finding::from_error(&error, error.hint()),
        }
    }
}
