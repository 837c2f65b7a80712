//! Is there a database of ours, and of this version?

use super::{Check, Finding, World};
use crate::storage::sqlite::directory::DATABASE_FILE;
use crate::storage::sqlite::{administrator::AdministratorError, schema};
use crate::words;

/// The database's file.
pub struct Database;

impl Check for Database {
    fn name(&self) -> &'static str {
        "database"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["version", "data directory", "permissions"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        look(world).unwrap_or_else(|finding| finding)
    }
}

fn look(world: &World<'_>) -> Result<Finding, Finding> {
    let directory = world.data_dir()?;
    let bytes = match std::fs::metadata(directory.join(DATABASE_FILE)) {
        Ok(file) if file.is_file() => file.len(),
        _ => {
            let error = AdministratorError::NoData { directory: directory.to_owned() };
            return Err(Finding::from_error(&error, error.hint()));
        }
    };
    let db = world.database()?;
    let unreadable = |error: rusqlite::Error| {
        Finding::problem(
            format!("it can't be read: {error}"),
            "look at the volume and the system's log; `taskferry-server restore` puts the last good backup back",
        )
    };
    if schema::is_older(db).map_err(unreadable)? {
        return Ok(Finding::warning(
            "it was written by an older version",
            "start this version's server once: it upgrades the data",
        ));
    }
    let accounts: u64 =
        db.query_row("SELECT count(*) FROM account WHERE state < 2", [], |row| row.get(0)).map_err(unreadable)?;
    Ok(Finding::ok(format!("{}, {}", words::size(bytes), words::count(accounts, "account"))))
}
