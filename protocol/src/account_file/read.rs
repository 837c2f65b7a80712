//! Reads an account file, record by record and piece by piece.

use std::io::{self, Read};

use ring::digest;
use uuid::Uuid;

use super::course::Course;
use super::{AccountFileError, END, FORMAT, HEAD_BYTES_MAX, Head, Kind, MAGIC, PIECE_BYTES, Record, SNAPSHOT, VERSION};
use crate::ids::VersionId;

/// Digits that a format's number may have.
const FORMAT_DIGITS_MAX: usize = 6;

/// See the module. The source is read in small steps: give it something that buffers.
///
/// What it hands out is proved to be what was written only when [`Reader::next`] has said `None`. Who can't take back what they
/// did with it calls [`check`] first.
#[derive(Debug)]
pub struct Reader<R> {
    source: Hashed<R>,
    head: Head,
    course: Course,
    /// Bytes of the present record's body that were not read yet.
    left: u64,
    is_over: bool,
    piece: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Reads the file's beginning.
    pub fn open(source: R) -> Result<Self, AccountFileError> {
        let mut source = Hashed { source, digest: digest::Context::new(&digest::SHA256), position: 0 };
        source.begins()?;
        let head: Head = serde_json::from_slice(&source.line(HEAD_BYTES_MAX)?.ok_or(AccountFileError::Damaged)?)
            .map_err(|_| AccountFileError::Damaged)?; // without the reason: it could repeat a credential
        let course = Course::new(&head)?;
        Ok(Self { source, head, course, left: 0, is_over: false, piece: Vec::new() })
    }

    /// What is known of the account.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next version or the snapshot; what was not read of the body before it is skipped. `None`: this was all, nothing is
    /// missing and nothing was altered.
    #[expect(clippy::should_implement_trait, reason = "it lends its pieces in between, which an iterator can't")]
    pub fn next(&mut self) -> Result<Option<Record>, AccountFileError> {
        while self.piece()?.is_some() {}
        if self.is_over {
            return Ok(None);
        }
        let record = match self.source.array::<1>()? {
            [SNAPSHOT] => {
                let version = self.source.version()?;
                self.record(Kind::Snapshot, version)?
            }
            [VERSION] => {
                let (version, parent) = (self.source.version()?, self.source.version()?);
                self.record(Kind::Version { parent }, version)?
            }
            [END] => {
                self.end()?;
                return Ok(None);
            }
            _ => return Err(AccountFileError::Damaged),
        };
        self.course.take(&record)?;
        self.left = record.bytes;
        Ok(Some(record))
    }

    /// The next piece of the present record's body, of [`PIECE_BYTES`] but for the last; `None` at its end.
    pub fn piece(&mut self) -> Result<Option<&[u8]>, AccountFileError> {
        let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        if size == 0 {
            return Ok(None);
        }
        self.piece.resize(size, 0);
        self.source.fill(&mut self.piece)?;
        self.left -= size as u64;
        Ok(Some(&self.piece))
    }

    /// Bytes of the file that were read so far: after [`Reader::next`], where the record's body begins.
    pub fn position(&self) -> u64 {
        self.source.position
    }

    fn record(&mut self, kind: Kind, version: VersionId) -> Result<Record, AccountFileError> {
        let stored_at = i64::from_be_bytes(self.source.array()?);
        let bytes = u32::from_be_bytes(self.source.array()?).into();
        Ok(Record { kind, version, stored_at: (stored_at != 0).then_some(stored_at), bytes })
    }

    fn end(&mut self) -> Result<(), AccountFileError> {
        let found = self.source.digest.clone().finish();
        let written = self.source.array::<32>()?;
        // Before anything else is said of it: in a damaged file, other flaws are consequences.
        if written != found.as_ref() || !self.source.is_at_end()? {
            return Err(AccountFileError::Damaged);
        }
        self.course.end()?;
        self.is_over = true;
        Ok(())
    }
}

/// Reads all of a file: what it says of itself, if it is whole and unaltered.
pub fn check(source: impl Read) -> Result<Head, AccountFileError> {
    let mut reader = Reader::open(source)?;
    while reader.next()?.is_some() {}
    Ok(reader.head)
}

/// A source of which every byte is hashed on its way.
struct Hashed<R> {
    source: R,
    digest: digest::Context,
    position: u64,
}

impl<R> std::fmt::Debug for Hashed<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashed(…)")
    }
}

impl<R: Read> Hashed<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), AccountFileError> {
        self.source.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => AccountFileError::CutOff,
            _ => error.into(),
        })?;
        self.digest.update(buffer);
        self.position += buffer.len() as u64;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], AccountFileError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn version(&mut self) -> Result<VersionId, AccountFileError> {
        Ok(VersionId::from_uuid(Uuid::from_bytes(self.array()?)))
    }

    /// The first line.
    fn begins(&mut self) -> Result<(), AccountFileError> {
        for expected in MAGIC.bytes() {
            if self.array()? != [expected] {
                return Err(AccountFileError::NotOne);
            }
        }
        let number = self.line(FORMAT_DIGITS_MAX)?.ok_or(AccountFileError::NotOne)?;
        match &number[..] {
            number if number == FORMAT.as_bytes() => Ok(()),
            number if number.iter().all(u8::is_ascii_digit) => Err(AccountFileError::UnknownFormat),
            _ => Err(AccountFileError::NotOne),
        }
    }

    /// A line without its end; `None` if it is longer than that.
    fn line(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, AccountFileError> {
        let mut line = Vec::new();
        loop {
            match self.array()? {
                [b'\n'] => return Ok(Some(line)),
                _ if line.len() == bytes_max => return Ok(None),
                [byte] => line.push(byte),
            }
        }
    }

    fn is_at_end(&mut self) -> io::Result<bool> {
        let mut more = [0];
        loop {
            match self.source.read(&mut more) {
                Ok(read) => return Ok(read == 0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
