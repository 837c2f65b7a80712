//! Writes one account into an account file ([`taskferry_protocol::account_file`]): of one moment, beside a running server, in flat
//! memory. The file is private, and under its name only once it is whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use taskferry_protocol::ClientId;
use taskferry_protocol::account_file::{AccountFileError, Head, Kind, Record, Writer};

use crate::import::source::{Account, Sink, Skip, Source, SourceError};
use crate::import::taskferry::Taskferry;
use crate::stop::{Stop, Stopped};
use crate::storage::UnixSeconds;
use crate::storage::sqlite::directory::{new_private_file, sync_directory};

/// What a file is called until it is whole.
const UNFINISHED: &str = ".unfinished";

/// Why there is no file. What was begun of it is gone again.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The data can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The account can't be taken out.
    #[error("this account can't be exported: {0}")]
    Account(Skip),
    /// There is something already.
    #[error("`{}` is there already", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A body can't be read.
    #[error("could not read what is stored of the account")]
    Body(#[source] rusqlite::Error),
    /// It can't be written.
    #[error("could not write `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: AccountFileError,
    },
    /// Told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl ExportError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Account(Skip::Deleted) => {
                Some("`taskferry-server account enable` brings it back while its tasks are still there".into())
            }
            Self::Account(_) => Some("`taskferry-server db check` says what is wrong with it".into()),
            Self::Exists { .. } => Some("it was left as it is; choose another name".into()),
            Self::File { cause: AccountFileError::Io(cause), .. }
                if cause.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("the command acts as the data's owner: choose a place where that user may write, or `-`".into())
            }
            Self::File { .. } => Some("nothing is left of it; make room, or choose another place".into()),
            Self::Source(_) | Self::Body(_) | Self::Stopped(_) => None,
        }
    }
}

/// An account, looked at and ready to be written.
#[derive(Debug)]
pub struct Export {
    source: Taskferry,
    account: Account,
    head: Head,
}

impl Export {
    /// Looks at the account in this database. Until it is dropped, what it sees is of one moment.
    pub fn of(client: ClientId, database: &Path, now: UnixSeconds) -> Result<Self, ExportError> {
        let source = Taskferry::open(database)?;
        let account = source.account(client, now)?.map_err(ExportError::Account)?;
        let head = Head {
            client_id: client,
            server_epoch: Some(source.epoch()?),
            exported_at: now,
            created_at: Some(account.created_at),
            latest_version_id: account.latest(),
            versions: account.links.len() as u64,
            version_bytes: account.version_bytes(),
            snapshot_bytes: account.snapshot.map_or(0, |snapshot| snapshot.bytes),
        };
        Ok(Self { source, account, head })
    }

    /// What the file says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Writes it into a new file at `path`, which must not be there; whole and durable, or not at all.
    pub fn write_to(&self, path: &Path, stop: &Stop) -> Result<(), ExportError> {
        let failed = |cause: io::Error| ExportError::File { path: path.to_owned(), cause: cause.into() };
        if path.symlink_metadata().is_ok() {
            return Err(ExportError::Exists { path: path.to_owned() });
        }
        let mut name = path.as_os_str().to_owned();
        name.push(UNFINISHED);
        let unfinished = PathBuf::from(name);
        let written = (|| {
            let file = new_private_file(&unfinished).map_err(failed)?;
            self.write(&file, path, stop)?;
            file.sync_all().map_err(failed)?;
            fs_err::rename(&unfinished, path).map_err(failed)?;
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            sync_directory(directory.unwrap_or(Path::new("."))).map_err(failed)
        })();
        written.inspect_err(|_| drop(std::fs::remove_file(&unfinished)))
    }

    /// Writes it into an open file; `path` is what that is called.
    pub fn write(&self, file: &File, path: &Path, stop: &Stop) -> Result<(), ExportError> {
        let failed = |cause| ExportError::File { path: path.to_owned(), cause };
        let mut writer = Writer::begin(BufWriter::new(file), &self.head).map_err(failed)?;
        if let Some(snapshot) = &self.account.snapshot {
            let record = record(Kind::Snapshot, snapshot.version, snapshot.stored_at, snapshot.bytes);
            put(&mut writer, path, &record, &mut |into| self.source.snapshot_body(snapshot, into))?;
        }
        for link in &self.account.links {
            stop.check()?;
            let record = record(Kind::Version { parent: link.parent }, link.version, link.stored_at, link.bytes);
            put(&mut writer, path, &record, &mut |into| self.source.version_body(link, into))?;
        }
        writer.finish().map_err(failed).map(drop)
    }
}

/// Writes a record, and its body as the source reads it.
fn put<W: Write>(
    writer: &mut Writer<W>,
    path: &Path,
    record: &Record,
    read: &mut dyn FnMut(Sink<'_>) -> rusqlite::Result<()>,
) -> Result<(), ExportError> {
    let failed = |cause| ExportError::File { path: path.to_owned(), cause };
    writer.record(record).map_err(failed)?;
    // The source can only say that SQLite failed; what failed here goes past it.
    let mut unwritten = None;
    let done = read(&mut |piece| {
        writer.piece(piece).map_err(|error| {
            unwritten = Some(error);
            rusqlite::Error::InvalidQuery
        })
    });
    match (unwritten, done) {
        (Some(cause), _) => Err(failed(cause)),
        (None, done) => done.map_err(ExportError::Body),
    }
}

fn record(kind: Kind, version: taskferry_protocol::VersionId, stored_at: UnixSeconds, bytes: u64) -> Record {
    Record { kind, version, stored_at: (stored_at > 0).then_some(stored_at), bytes }
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::VersionId;
    use uuid::Uuid;

    use super::*;
    use crate::import::file::AccountFile;
    use crate::import::target::{Found, Target, TargetError};
    use crate::storage::admin::{Administration as _, Order};
    use crate::storage::conformance::{self, add, client, put_snapshot, staged, version};
    use crate::storage::prune::{Cursor, Retention};
    use crate::storage::sqlite::SqliteStorage;
    use crate::storage::sqlite::administrator::Administrator;
    use crate::storage::sqlite::directory::DATABASE_FILE;
    use crate::storage::sqlite::examine::examine;
    use crate::storage::{Change, OwnQuota, Storage as _};

    const NOW: i64 = 1_800_000_000;

    /// A server's data, with the account of [`client`] 1 in it.
    struct Server(tempfile::TempDir);

    impl Server {
        fn new() -> Self {
            let server = Self(tempfile::tempdir().unwrap());
            server.with(async |_| {});
            server
        }

        /// Lets its storage do something, and closes it.
        fn with(&self, act: impl AsyncFnOnce(&SqliteStorage)) {
            conformance::run(|| async {
                let storage = SqliteStorage::open(self.0.path()).unwrap();
                act(&storage).await;
                storage.close().await.unwrap();
            });
        }

        /// With so many versions, the fourth of which is large, and a snapshot of one of them.
        fn with_account(versions: u128, snapshot: u128) -> Self {
            let server = Self::new();
            server.with(async |storage| {
                for n in 1..=versions {
                    let size = if n == 4 { 600_000 } else { 10 };
                    let body = staged(storage, vec![u8::try_from(n).unwrap(); size]).await;
                    let now = NOW + i64::try_from(n).unwrap();
                    let change = add(client(1), version(n - 1), version(n), body);
                    storage.commit(Change { now, ..change }).await.unwrap();
                    if n == snapshot {
                        let body = staged(storage, vec![9; 700_000]).await;
                        storage.commit(put_snapshot(client(1), version(n), body)).await.unwrap();
                    }
                }
            });
            server
        }

        fn database(&self) -> PathBuf {
            self.0.path().join(DATABASE_FILE)
        }

        fn export(&self, name: &str) -> PathBuf {
            let path = self.0.path().join(name);
            let export = Export::of(client(1), &self.database(), NOW).unwrap();
            export.write_to(&path, &Stop::default()).unwrap();
            path
        }

        fn find(&self, file: &Path) -> Found {
            let file = AccountFile::open(file, NOW).unwrap();
            Target::open(self.0.path()).unwrap().find(file.only()).unwrap()
        }

        fn take(&self, file: &Path) -> Found {
            let file = AccountFile::open(file, NOW).unwrap();
            let mut target = Target::open(self.0.path()).unwrap();
            let found = target.find(file.only()).unwrap();
            target.put(&file, file.only(), found).unwrap();
            drop(target);
            self.is_sound();
            found
        }

        fn is_sound(&self) {
            let db = crate::storage::sqlite::schema::open_to_look(&self.database()).unwrap();
            assert_eq!(examine(&db, &Stop::default()).unwrap().findings, []);
        }

        fn account(&self) -> crate::storage::Account {
            Administrator::open(self.0.path()).unwrap().record(client(1)).unwrap().unwrap().account
        }
    }

    /// What an account file holds, server and age aside; its records as a checksum, which a failed test can show.
    fn contents(path: &Path) -> (Head, u32) {
        let head = taskferry_protocol::account_file::check(fs_err::File::open(path).unwrap()).unwrap();
        let bytes = fs_err::read(path).unwrap();
        let (at, _) = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap();
        let records = ring::digest::digest(&ring::digest::SHA256, &bytes[at..bytes.len() - 32]);
        let sum = u32::from_be_bytes(*records.as_ref().first_chunk().unwrap());
        (Head { server_epoch: None, created_at: None, ..head }, sum)
    }

    #[test]
    fn an_account_arrives_on_another_server_byte_for_byte_and_goes_on_there() {
        let (old, new) = (Server::with_account(7, 5), Server::new());
        let file = old.export("out.account");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs_err::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(new.take(&file), Found::Nothing);
        assert_eq!(contents(&new.export("again.account")), contents(&file));
        let (here, there) = (new.account(), old.account());
        assert_eq!((here.tip, here.snapshot, here.created_at), (there.tip, there.snapshot, there.created_at));
        assert_eq!(new.find(&file), Found::Same);
        new.with(async |storage| {
            storage.commit(add(client(1), version(7), version(8), "goes on")).await.unwrap();
        });
        assert_eq!(new.find(&file), Found::Same, "its devices may go on before it is taken over again");
    }

    #[test]
    fn a_pruned_and_an_empty_account_arrive_too() {
        let old = Server::with_account(12, 11);
        old.with(async |storage| {
            let all = Retention::since(NOW + 1_000_000);
            while storage.prune_some(Cursor::default(), all).await.unwrap().versions > 0 {}
        });
        let (file, new) = (old.export("out.account"), Server::new());
        new.take(&file);
        assert_eq!(contents(&new.export("again.account")), contents(&file));
        assert_eq!((new.account().versions, new.account().latest()), (5, version(12)));

        let (empty, new) = (Server::new(), Server::new());
        Administrator::open(empty.0.path()).unwrap().order(client(1), &Order::Create, NOW).unwrap();
        assert_eq!(new.take(&empty.export("out.account")), Found::Nothing);
        assert_eq!((new.account().versions, new.account().latest()), (0, VersionId::NIL));
    }

    #[test]
    fn of_an_account_of_which_only_the_snapshot_is_known_new_versions_follow_it() {
        let snapshot = Record { kind: Kind::Snapshot, version: version(7), stored_at: None, bytes: 3 };
        let head = Head {
            client_id: client(1),
            server_epoch: None,
            exported_at: NOW,
            created_at: None,
            latest_version_id: version(7),
            versions: 0,
            version_bytes: 0,
            snapshot_bytes: 3,
        };
        let new = Server::new();
        let file = new.0.path().join("made.account");
        let mut writer = Writer::begin(fs_err::File::create(&file).unwrap(), &head).unwrap();
        writer.record(&snapshot).unwrap();
        writer.piece(b"all").unwrap();
        writer.finish().unwrap();
        assert_eq!(new.take(&file), Found::Nothing);
        assert_eq!(new.find(&file), Found::Same);
        assert_eq!(contents(&new.export("again.account")).0.latest_version_id, version(7));
        assert!(new.account().created_at < NOW - 24 * 60 * 60, "not a newcomer");
        new.with(async |storage| {
            let beside = storage.commit(add(client(1), version(6), version(8), "beside")).await;
            assert!(beside.is_err());
            storage.commit(add(client(1), version(7), version(8), "goes on")).await.unwrap();
        });
        new.is_sound();
        assert_eq!(new.find(&file), Found::Same);
        assert_eq!(new.account().tip.ids(), [version(8), version(7), VersionId::NIL]);
    }

    #[test]
    fn an_account_that_is_here_and_empty_is_filled_and_keeps_its_own_quota() {
        let (old, new) = (Server::with_account(3, 2), Server::new());
        let operator = Administrator::open(new.0.path()).unwrap();
        operator.order(client(1), &Order::Create, NOW - 5).unwrap();
        let quota = OwnQuota { bytes: Some(7), versions: None };
        operator.order(client(1), &Order::SetQuota(quota), NOW).unwrap();
        operator.order(client(1), &Order::Disable { reason: None }, NOW).unwrap();
        drop(operator);
        assert!(matches!(new.take(&old.export("out.account")), Found::Empty(_)));
        let account = new.account();
        assert_eq!((account.versions, account.quota, account.created_at), (3, quota, NOW - 5));
        assert!(account.barred.is_some(), "what the operator switched off stays off");
    }

    #[test]
    fn another_history_is_replaced_whole_and_what_large_bodies_took_is_let_go() {
        let (old, new) = (Server::with_account(7, 5), Server::new());
        new.with(async |storage| {
            let body = staged(storage, vec![1; 600_000]).await;
            storage.commit(add(client(1), VersionId::NIL, version(77), body)).await.unwrap();
            storage.commit(add(client(2), VersionId::NIL, version(2), "another's")).await.unwrap();
        });
        let file = old.export("out.account");
        assert!(matches!(new.take(&file), Found::Another(there) if there.latest == version(77)));
        assert_eq!(contents(&new.export("again.account")), contents(&file));
        // The next start sweeps.
        new.with(async |storage| while storage.child(client(1), version(3)).await.unwrap().is_none() {});
        let operator = Administrator::open(new.0.path()).unwrap();
        assert_eq!(operator.record(client(2)).unwrap().unwrap().account.versions, 1);
    }

    #[test]
    fn a_deleted_account_is_in_use_again_with_what_is_in_the_file() {
        let (old, new) = (Server::with_account(3, 2), Server::with_account(1, 1));
        let operator = Administrator::open(new.0.path()).unwrap();
        let far = jiff::Timestamp::now().as_second() + 1_000_000;
        operator.order(client(1), &Order::Delete { erase_at: far }, NOW - 1_000_000_000).unwrap();
        let file = old.export("out.account");
        assert!(matches!(new.take(&file), Found::Deleted(_)));
        assert_eq!((new.account().versions, new.account().barred), (3, None));
        operator.order(client(1), &Order::Delete { erase_at: far }, NOW - 1_000_000_000).unwrap();
        while operator.erase_some(client(1)).unwrap() {}
        assert!(matches!(Export::of(client(1), &new.database(), NOW), Err(ExportError::Account(Skip::Deleted))));
        assert!(matches!(new.take(&file), Found::Deleted(there) if there.is_empty()));
        assert_eq!((new.account().versions, new.account().barred), (3, None));
    }

    #[test]
    fn what_changed_since_it_was_looked_for_is_not_replaced() {
        let (old, new) = (Server::with_account(3, 2), Server::with_account(1, 9));
        let rewound = Administrator::open(new.0.path()).unwrap();
        let file = AccountFile::open(&old.export("out.account"), NOW).unwrap();
        let mut target = Target::open(new.0.path()).unwrap();
        let found = target.find(file.only()).unwrap();
        let rewind = rewound.look_back(client(1), VersionId::NIL).unwrap();
        rewound.rewind(client(1), &rewind, &mut |_| ()).unwrap();
        assert!(matches!(target.put(&file, file.only(), found), Err(TargetError::Changed)));
        assert_eq!(new.account().versions, 0);
    }

    #[test]
    fn a_file_that_is_there_is_left_alone_and_one_that_was_not_finished_is_taken_again() {
        let server = Server::with_account(3, 2);
        let file = server.export("out.account");
        let export = Export::of(client(1), &server.database(), NOW).unwrap();
        assert!(matches!(export.write_to(&file, &Stop::default()), Err(ExportError::Exists { .. })));
        let next = server.0.path().join("next.account");
        fs_err::write(server.0.path().join("next.account.unfinished"), vec![7; 2_000_000]).unwrap();
        export.write_to(&next, &Stop::default()).unwrap();
        assert_eq!(contents(&next), contents(&file));
        assert!(!server.0.path().join("next.account.unfinished").exists());
    }

    #[test]
    fn an_export_that_is_stopped_or_fails_leaves_nothing() {
        let server = Server::with_account(3, 2);
        let export = Export::of(client(1), &server.database(), NOW).unwrap();
        let (stop, path) = (Stop::default(), server.0.path().join("out.account"));
        stop.set();
        assert!(matches!(export.write_to(&path, &stop), Err(ExportError::Stopped(_))));
        let nowhere = server.0.path().join("no-such-folder/out.account");
        assert!(matches!(export.write_to(&nowhere, &Stop::default()), Err(ExportError::File { .. })));
        let left = fs_err::read_dir(server.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with("out")));
    }

    #[test]
    fn a_full_disk_is_told_and_not_taken_for_a_file() {
        let full = Path::new("/dev/full");
        let Ok(device) = fs_err::OpenOptions::new().write(true).open(full) else { return };
        let server = Server::with_account(5, 2);
        let export = Export::of(client(1), &server.database(), NOW).unwrap();
        let told = export.write(device.file(), full, &Stop::default()).unwrap_err();
        let ExportError::File { cause: AccountFileError::Io(cause), .. } = told else { panic!("{told:?}") };
        assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn an_account_that_is_not_there_is_no_file() {
        let server = Server::new();
        let nobody = ClientId::from_uuid(Uuid::from_u128(99));
        assert!(matches!(Export::of(nobody, &server.database(), NOW), Err(ExportError::Account(Skip::Broken(_)))));
    }
}
