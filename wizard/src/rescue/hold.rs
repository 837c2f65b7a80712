//! Taskwarrior's database, held: no `task` writes until it is let go, and what becomes of it happens in one transaction, or not at
//! all. A `task` that runs is waited for, and one that is started waits.
//!
//! A copy of what was there is kept before anything changes, see [`super::keep`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use taskchampion::Operation;
use taskferry_protocol::VersionId;

use super::keep::{NotKept, keep};
use super::whole::{Mark, mark};
use crate::context::Context;
use crate::database::{Database, DatabaseError, Tasks, Why, content, not_sent};
use crate::error::Explain;

/// A `task sync` keeps the database locked while it talks to its server.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why the database was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Another program has it.
    #[error("Taskwarrior's database `{}` is in use", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It may not be written, or its folder may not.
    #[error("Taskwarrior's database `{}` is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Something happened to the tasks since they were read. Whoever reads them again may try again.
    #[error("your tasks were changed in the meantime")]
    ChangedMeanwhile,
    /// No copy.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// What is to be put there can't be read.
    #[error(transparent)]
    Unreadable(#[from] DatabaseError),
    /// SQLite failed: a full disk, for example.
    #[error("could not change Taskwarrior's database `{}`; it is as it was", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: rusqlite::Error,
    },
}

impl Explain for HoldError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::InUse { .. } => {
                "another `task` is running: wait for it, then run the same command again; nothing was changed".into()
            }
            Self::ReadOnly { path } => {
                let folder = path.parent().unwrap_or(path);
                format!("make it and its folder `{}` writable, then run the same command again", folder.display())
            }
            Self::ChangedMeanwhile => "run the same command again; nothing is lost".into(),
            Self::NotKept(why) => return why.hint(),
            Self::Unreadable(why) => return why.hint(),
            Self::Sqlite { .. } => "make room on the disk, then run the same command again; nothing is lost".into(),
        })
    }
}

/// Whether it can be written at all: looked at before anything else happens. As root, too: who takes the permission away
/// means it.
pub fn refuse_read_only(database: &Database) -> Result<(), HoldError> {
    use rustix::fs::{Access, access};
    use std::os::unix::fs::PermissionsExt;
    let path = database.path();
    let is_protected = |path: &Path| {
        let mode = std::fs::metadata(path).map_or(0o600, |metadata| metadata.permissions().mode());
        mode & 0o222 == 0 || access(path, Access::WRITE_OK).is_err()
    };
    if is_protected(path) || path.parent().is_some_and(is_protected) {
        return Err(HoldError::ReadOnly { path: path.into() });
    }
    Ok(())
}

/// The database, open, and not yet held.
pub struct Holder {
    connection: Connection,
    database: Database,
}

/// The database while nobody else can write to it. Letting it go without a change leaves it as it was.
pub struct Held<'a> {
    at: Transaction<'a>,
    database: &'a Database,
    kept: PathBuf,
}

impl Holder {
    /// Opens it; it must be there.
    pub fn open(database: &Database) -> Result<Self, HoldError> {
        Self::open_with_patience(database, PATIENCE)
    }

    fn open_with_patience(database: &Database, patience: Duration) -> Result<Self, HoldError> {
        refuse_read_only(database)?;
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(database.path(), flags)?;
            connection.busy_timeout(patience)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let connection = open().map_err(|why| failure(database, why))?;
        Ok(Self { connection, database: database.clone() })
    }

    /// Waits until nobody writes, and keeps a copy. Fails if anything happened since `expected` was read.
    pub fn hold(&mut self, context: &Context, expected: Mark) -> Result<Held<'_>, HoldError> {
        self.hold_keeping(expected, |database| keep(context, database))
    }

    /// The same where a copy of exactly that state is kept already.
    pub fn hold_as_kept(&mut self, expected: Mark, kept: &Path) -> Result<Held<'_>, HoldError> {
        self.hold_keeping(expected, |_| Ok(kept.to_owned()))
    }

    fn hold_keeping(
        &mut self,
        expected: Mark,
        keep: impl FnOnce(&Database) -> Result<PathBuf, NotKept>,
    ) -> Result<Held<'_>, HoldError> {
        let Self { connection, database } = self;
        let at = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|why| failure(database, why))?;
        match mark(&at) {
            Ok(now) if now == expected => {}
            Ok(_) => return Err(HoldError::ChangedMeanwhile),
            Err(why) => return Err(DatabaseError::new(database, why).into()),
        }
        let kept = keep(database)?;
        Ok(Held { at, database, kept })
    }
}

impl Held<'_> {
    /// The folder with the copy of what was there.
    pub fn kept(&self) -> &Path {
        &self.kept
    }

    /// The tasks stay as they are, and so does their history. All of it counts as sent, up to the version `base` of the
    /// account, except for `waiting`, which leads from there to the tasks as they are.
    pub fn stands_at(self, base: VersionId, waiting: &[Operation]) -> Result<(), HoldError> {
        self.change(|at| {
            let keeps_sent = not_sent(at)? != "1";
            at.execute(if keeps_sent { "UPDATE operations SET synced = true" } else { "DELETE FROM operations" }, [])?;
            for operation in waiting {
                at.execute("INSERT INTO operations (data) VALUES (?)", [serde_json::to_string(operation)?])?;
            }
            set_base(at, base)
        })
    }

    /// The tasks become these, by `edits`, which wait to be sent; `task undo` takes them back together.
    pub fn adds(self, tasks: &Tasks, edits: &[Operation]) -> Result<(), HoldError> {
        self.change(|at| {
            put_tasks(at, tasks)?;
            for operation in std::iter::once(&Operation::UndoPoint).chain(edits) {
                at.execute("INSERT INTO operations (data) VALUES (?)", [serde_json::to_string(operation)?])?;
            }
            Ok(())
        })
    }

    /// The tasks become those that the account has at its version `base`. All that was done here counts as sent; what is
    /// remembered of it stays, between what came from elsewhere before and after, and tasks keep their numbers.
    pub fn joins(self, base: VersionId, tasks: &Tasks, [before, after]: [&[Operation]; 2]) -> Result<(), HoldError> {
        self.change(|at| {
            put_tasks(at, tasks)?;
            if not_sent(at)? == "1" {
                at.execute("DELETE FROM operations", [])?;
                return set_base(at, base);
            }
            // Written again, since the order tells how an attribute became what it is.
            let mut mine = at.prepare("SELECT data FROM operations ORDER BY id")?;
            let mine = mine.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            at.execute("DELETE FROM operations", [])?;
            let text = |news: &[Operation]| news.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
            for operation in text(before)?.iter().chain(&mine).chain(&text(after)?) {
                at.execute("INSERT INTO operations (data, synced) VALUES (?, true)", [operation])?;
            }
            set_base(at, base)
        })
    }

    /// Everything becomes what is in `fresh`.
    pub fn becomes(self, fresh: &Database) -> Result<(), HoldError> {
        let database = self.database;
        let rows = fresh.read(Rows::of)?;
        self.change(|at| rows.put(at)).map_err(|why| match why {
            HoldError::Sqlite { why, .. } => failure(database, why),
            other => other,
        })
    }

    fn change(self, change: impl FnOnce(&Transaction<'_>) -> Result<(), Why>) -> Result<(), HoldError> {
        let Self { at, database, .. } = self;
        match change(&at) {
            Ok(()) => at.commit().map_err(|why| failure(database, why)),
            Err(Why::Sqlite(why)) => Err(failure(database, why)),
            Err(why) => Err(DatabaseError::new(database, why).into()),
        }
    }
}

/// Makes them all tasks that there are. Those that stay keep their numbers; new ones get theirs from Taskwarrior.
fn put_tasks(at: &Transaction<'_>, tasks: &Tasks) -> Result<(), Why> {
    let present = content(at)?.tasks;
    for gone in present.keys().filter(|id| !tasks.contains_key(*id)) {
        at.execute("DELETE FROM tasks WHERE uuid = ?", [gone.to_string()])?;
        at.execute("DELETE FROM working_set WHERE uuid = ?", [gone.to_string()])?;
    }
    for (id, task) in tasks.iter().filter(|(id, task)| present.get(*id) != Some(task)) {
        let row = (id.to_string(), serde_json::to_string(task)?);
        at.execute("INSERT OR REPLACE INTO tasks (uuid, data) VALUES (?, ?)", row)?;
    }
    Ok(())
}

/// Everything in a database, as it is stored.
struct Rows {
    base: VersionId,
    tasks: Vec<(String, String)>,
    /// And whether it was sent.
    operations: Vec<(String, bool)>,
    numbers: Vec<(i64, String)>,
}

impl Rows {
    fn of(at: &Transaction<'_>) -> Result<Self, Why> {
        let waits = not_sent(at)?;
        let mut tasks = at.prepare("SELECT uuid, data FROM tasks")?;
        let tasks = tasks.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut operations = at.prepare(&format!("SELECT data, NOT ({waits}) FROM operations ORDER BY id"))?;
        let operations = operations.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut numbers = at.prepare("SELECT id, uuid FROM working_set WHERE uuid IS NOT NULL ORDER BY id")?;
        let numbers = numbers.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(Self { base: crate::database::base(at)?, tasks, operations, numbers })
    }

    /// In the place of all that is there. Operations get numbers that were never used before, so that no mark comes again.
    fn put(&self, at: &Transaction<'_>) -> Result<(), Why> {
        let keeps_sent = not_sent(at)? != "1";
        at.execute_batch("DELETE FROM tasks; DELETE FROM operations; DELETE FROM working_set;")?;
        for (id, data) in &self.tasks {
            at.execute("INSERT INTO tasks (uuid, data) VALUES (?, ?)", [id, data])?;
        }
        for (data, sent) in &self.operations {
            if keeps_sent {
                at.execute("INSERT INTO operations (data, synced) VALUES (?, ?)", (data, sent))?;
            } else if !sent {
                at.execute("INSERT INTO operations (data) VALUES (?)", [data])?;
            }
        }
        for row in &self.numbers {
            at.execute("INSERT INTO working_set (id, uuid) VALUES (?, ?)", (row.0, &row.1))?;
        }
        set_base(at, self.base)
    }
}

/// Without one is how Taskwarrior says "never synced".
fn set_base(at: &Transaction<'_>, base: VersionId) -> Result<(), Why> {
    at.execute("DELETE FROM sync_meta WHERE key = 'base_version'", [])?;
    if !base.is_nil() {
        at.execute("INSERT INTO sync_meta (key, value) VALUES ('base_version', ?)", [base.to_string()])?;
    }
    Ok(())
}

fn failure(database: &Database, why: rusqlite::Error) -> HoldError {
    let path = database.path().to_owned();
    match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => HoldError::InUse { path },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => HoldError::ReadOnly { path },
        _ => HoldError::Sqlite { path, why },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use uuid::Uuid;

    use super::*;
    use crate::rescue::fresh::{Contents, Fresh};
    use crate::testing::computer::FakeComputer;
    use crate::testing::server::version;

    const MILK: (u128, &str) = (1, "buy milk");

    struct Laptop {
        computer: FakeComputer,
        context: Context,
        database: Database,
    }

    /// With one task, at version 1, and one change of 10 bytes that waits.
    fn laptop() -> Laptop {
        let computer = FakeComputer::new().with_database(version(1), &[MILK], 10);
        let home = computer.path("");
        let context = Context::new([("HOME".into(), home.clone().into())].into(), home, false).unwrap();
        let database = Database::in_folder(&computer.path(".task"));
        Laptop { computer, context, database }
    }

    impl Laptop {
        /// As a `task` that changes something.
        fn adds_a_change(&self) {
            let connection = Connection::open(self.database.path()).unwrap();
            connection.execute("INSERT INTO operations (data) VALUES ('\"UndoPoint\"')", []).unwrap();
        }

        fn mark(&self) -> Mark {
            self.database.whole().unwrap().mark
        }
    }

    fn create(id: u128) -> Operation {
        Operation::Create { uuid: Uuid::from_u128(id) }
    }

    #[test]
    fn it_stands_at_another_version_with_its_tasks_and_the_former_state_is_kept() {
        let laptop = laptop();
        let before = laptop.database.whole().unwrap();
        let mut holder = Holder::open(&laptop.database).unwrap();
        let held = holder.hold(&laptop.context, before.mark).unwrap();
        let kept = held.kept().to_owned();
        held.stands_at(version(7), &[create(5)]).unwrap();

        let after = laptop.database.whole().unwrap();
        assert_eq!((after.content.base, &after.waiting), (version(7), &vec![create(5)]));
        assert_eq!(after.content.tasks, before.content.tasks);
        let copy = Database::in_folder(&kept).whole().unwrap();
        assert_eq!((copy.content.base, copy.waiting, copy.mark), (version(1), before.waiting, before.mark));
        assert_eq!(kept, laptop.computer.path(".local/state/taskferry/databases/0001"));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&kept), mode(Database::in_folder(&kept).path())], [0o700, 0o600]);
    }

    #[test]
    fn it_becomes_another_database_and_no_mark_comes_again() {
        let laptop = laptop();
        let before = laptop.mark();
        let tasks = laptop.database.content().unwrap().tasks;
        let other = [(Uuid::from_u128(2), tasks[&Uuid::from_u128(1)].clone())].into();
        let contents = Contents { tasks: &other, base: version(3), waiting: vec![create(4)], numbers: &[] };
        let fresh = Fresh::write(&laptop.context, contents).unwrap();
        let mut holder = Holder::open(&laptop.database).unwrap();
        holder.hold(&laptop.context, before).unwrap().becomes(&fresh.database()).unwrap();

        let after = laptop.database.whole().unwrap();
        assert_eq!(after.content.tasks.keys().map(Uuid::as_u128).collect::<Vec<_>>(), [2, 4]);
        assert_eq!((after.content.base, after.waiting), (version(3), vec![create(4)]));
        assert_eq!(after.numbers, [Some(Uuid::from_u128(2))]);
        assert_ne!(after.mark, before);
    }

    #[test]
    fn what_happened_since_it_was_read_is_noticed_and_nothing_is_changed() {
        let laptop = laptop();
        let before = laptop.mark();
        laptop.adds_a_change();
        let now = laptop.mark();
        let mut holder = Holder::open(&laptop.database).unwrap();
        let refused = holder.hold(&laptop.context, before).map(drop);
        assert!(matches!(refused, Err(HoldError::ChangedMeanwhile)), "{refused:?}");
        assert_eq!(laptop.mark(), now);
        assert!(!laptop.computer.path(".local/state/taskferry/databases").exists());
    }

    #[test]
    fn while_it_is_held_nobody_writes_and_letting_go_changes_nothing() {
        let laptop = laptop();
        let before = laptop.mark();
        let mut holder = Holder::open(&laptop.database).unwrap();
        let held = holder.hold(&laptop.context, before).unwrap();
        let mut other = Holder::open_with_patience(&laptop.database, Duration::ZERO).unwrap();
        let refused = other.hold(&laptop.context, before).map(drop);
        assert!(matches!(refused, Err(HoldError::InUse { .. })), "{refused:?}");
        assert_eq!(laptop.mark(), before, "whoever reads may");
        drop(held);
        assert!(other.hold(&laptop.context, before).is_ok());
        assert_eq!(laptop.mark(), before);
    }

    #[test]
    fn a_protected_file_or_folder_is_refused_before_anything_happens() {
        for protected in [".task/taskchampion.sqlite3", ".task"] {
            let laptop = laptop();
            let path = laptop.computer.path(protected);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode & !0o222)).unwrap();
            let refused = Holder::open(&laptop.database).map(drop);
            assert!(matches!(refused, Err(HoldError::ReadOnly { .. })), "{refused:?}");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
    }

    /// Before Taskwarrior 3.3, what was sent is not kept.
    #[test]
    fn an_older_database_keeps_its_form() {
        let laptop = laptop();
        Connection::open(laptop.database.path())
            .unwrap()
            .execute_batch("DROP INDEX operations_by_uuid; DROP INDEX operations_by_synced; ALTER TABLE operations DROP COLUMN synced; ALTER TABLE operations DROP COLUMN uuid;")
            .unwrap();
        let mut holder = Holder::open(&laptop.database).unwrap();
        let held = holder.hold(&laptop.context, laptop.mark()).unwrap();
        held.stands_at(version(7), &[]).unwrap();
        let after = laptop.database.whole().unwrap();
        assert_eq!((after.content.base, after.waiting.len(), after.content.tasks.len()), (version(7), 0, 1));
    }
}
