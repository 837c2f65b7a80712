//! Writes an account file, record by record and piece by piece.

use std::io::Write;

use ring::digest;

use super::course::Course;
use super::{AccountFileError, END, FORMAT, Flaw, HEAD_BYTES_MAX, Head, Kind, MAGIC, Record, SNAPSHOT, VERSION};

/// See the module. The target is written to in small steps: give it something that buffers.
pub struct Writer<W> {
    target: W,
    digest: digest::Context,
    course: Course,
    /// Bytes of the present record's body that are still to come.
    left: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a file for the account of which `head` tells: everything that it counts has to follow.
    pub fn begin(target: W, head: &Head) -> Result<Self, AccountFileError> {
        let digest = digest::Context::new(&digest::SHA256);
        let mut writer = Self { target, digest, course: Course::new(head)?, left: 0 };
        let head = serde_json::to_vec(head).map_err(std::io::Error::from)?;
        if head.len() > HEAD_BYTES_MAX {
            return Err(Flaw::Size.into());
        }
        for part in [MAGIC.as_bytes(), FORMAT.as_bytes(), b"\n", &head, b"\n"] {
            writer.put(part)?;
        }
        Ok(writer)
    }

    /// The snapshot first, if there is one, and then each version, from the chain's beginning on. The body follows, by
    /// [`Writer::piece`].
    pub fn record(&mut self, record: &Record) -> Result<(), AccountFileError> {
        self.body_ends()?;
        self.course.take(record)?;
        let length = u32::try_from(record.bytes).map_err(|_| Flaw::Size)?;
        match record.kind {
            Kind::Snapshot => {
                self.put(&[SNAPSHOT])?;
                self.put(record.version.as_bytes())?;
            }
            Kind::Version { parent } => {
                self.put(&[VERSION])?;
                self.put(record.version.as_bytes())?;
                self.put(parent.as_bytes())?;
            }
        }
        self.put(&record.stored_at.unwrap_or(0).to_be_bytes())?;
        self.put(&length.to_be_bytes())?;
        self.left = record.bytes;
        Ok(())
    }

    /// A piece of the present record's body, of any size.
    pub fn piece(&mut self, piece: &[u8]) -> Result<(), AccountFileError> {
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(Flaw::Body)?;
        self.put(piece)
    }

    /// Ends the file, and gives the target back, flushed: whoever it belongs to makes it durable.
    pub fn finish(mut self) -> Result<W, AccountFileError> {
        self.body_ends()?;
        self.course.end()?;
        self.put(&[END])?;
        let sum = self.digest.clone().finish();
        self.put(sum.as_ref())?;
        self.target.flush()?;
        Ok(self.target)
    }

    fn body_ends(&self) -> Result<(), Flaw> {
        if self.left == 0 { Ok(()) } else { Err(Flaw::Body) }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), AccountFileError> {
        self.digest.update(bytes);
        Ok(self.target.write_all(bytes)?)
    }
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("course", &self.course).field("left", &self.left).finish_non_exhaustive()
    }
}
