//! An account file ([`taskferry_protocol::account_file`]) as the source of one account.
//!
//! It is read twice: once whole, which proves that it is what was written and notes where each body lies, and then body by body.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use taskferry_protocol::ClientId;
use taskferry_protocol::account_file::{AccountFileError, Head, Kind, PIECE_BYTES, Reader};

use super::source::{Account, Link, SURELY_OLDER, Sink, Skip, SnapshotLink, Source, SourceError};
use crate::storage::UnixSeconds;

/// See the module.
#[derive(Debug)]
pub struct AccountFile {
    file: Mutex<File>,
    head: Head,
    account: Account,
}

impl AccountFile {
    /// Opens the file and reads all of it. `now` stands for times that it doesn't know.
    pub fn open(path: &Path, now: UnixSeconds) -> Result<Self, SourceError> {
        let failed = |cause: AccountFileError| SourceError::File { path: path.to_owned(), cause };
        let file = File::open(path).map_err(|cause| failed(cause.into()))?;
        // A directory opens like a file, and then can't be read.
        let (head, account) = read(&file, now).map_err(failed)?;
        Ok(Self { file: Mutex::new(file), head, account })
    }

    /// What the file says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The account in it.
    pub fn only(&self) -> &Account {
        &self.account
    }

    fn body(&self, at: i64, bytes: u64, into: Sink<'_>) -> rusqlite::Result<()> {
        let failed = |error: std::io::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at.unsigned_abs())).map_err(failed)?;
        let (mut piece, mut left) = (vec![0; PIECE_BYTES], bytes);
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            let next = &mut piece[..size];
            file.read_exact(next).map_err(failed)?;
            into(next)?;
            left -= size as u64;
        }
        Ok(())
    }
}

fn read(file: &File, now: UnixSeconds) -> Result<(Head, Account), AccountFileError> {
    let mut reader = Reader::open(BufReader::new(file))?;
    let head = reader.head().clone();
    let mut account = Account {
        client: head.client_id,
        state: 0,
        reason: None,
        // An account whose age is not known must not be taken for one of today: newcomers have less.
        created_at: head.created_at.unwrap_or(now - SURELY_OLDER),
        last_version_at: None,
        quota: (None, None),
        links: Vec::new(),
        snapshot: None,
        notes: Vec::new(),
    };
    while let Some(record) = reader.next()? {
        // No file is so long that its places don't fit.
        let row = i64::try_from(reader.position()).unwrap_or(i64::MAX);
        let (version, bytes) = (record.version, record.bytes);
        let stored_at = record.stored_at.unwrap_or(now);
        match record.kind {
            Kind::Snapshot => {
                account.snapshot = Some(SnapshotLink { version, stored_at, versions_since: 0, bytes, row });
            }
            Kind::Version { parent } => {
                account.links.push(Link { parent, version, stored_at, bytes, row });
                account.last_version_at = record.stored_at;
            }
        }
    }
    if let Some(snapshot) = &mut account.snapshot {
        let since = account.links.iter().rev().take_while(|link| link.version != snapshot.version);
        snapshot.versions_since = since.count() as u64;
    }
    Ok((head, account))
}

impl Source for AccountFile {
    fn kind(&self) -> &'static str {
        "an account file"
    }

    fn clients(&self) -> Result<Vec<ClientId>, SourceError> {
        Ok(vec![self.account.client])
    }

    fn account(&self, client: ClientId, _: UnixSeconds) -> Result<Result<Account, Skip>, SourceError> {
        let is_it = client == self.account.client;
        Ok(if is_it { Ok(self.account.clone()) } else { Err(Skip::Broken("it is not in the file")) })
    }

    fn version_body(&self, link: &Link, into: Sink<'_>) -> rusqlite::Result<()> {
        self.body(link.row, link.bytes, into)
    }

    fn snapshot_body(&self, snapshot: &SnapshotLink, into: Sink<'_>) -> rusqlite::Result<()> {
        self.body(snapshot.row, snapshot.bytes, into)
    }
}
