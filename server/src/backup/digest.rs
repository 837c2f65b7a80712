//! Checksums of what is read or written, on the way.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use ring::digest;

use crate::stop::Stop;

/// Bytes that are moved at once.
const PIECE: usize = 256 * 1024;

/// SHA-256 of a file and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// In hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
}

/// Passes on what is written and sums it up.
pub struct Summing<W> {
    inner: W,
    context: digest::Context,
    bytes: u64,
}

impl<W: Write> Summing<W> {
    /// In front of `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, context: digest::Context::new(&digest::SHA256), bytes: 0 }
    }

    /// What was written so far.
    pub fn finish(self) -> (W, Checksum) {
        let mut sha256 = String::new();
        for byte in self.context.finish().as_ref() {
            let _ = write!(sha256, "{byte:02x}");
        }
        (self.inner, Checksum { sha256, bytes: self.bytes })
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.context.update(&data[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Copies all of `from`, until `stop` says otherwise: then an error that wraps [`Stopped`](crate::stop::Stopped).
pub fn pump(from: &mut dyn Read, to: &mut dyn Write, stop: &Stop) -> io::Result<u64> {
    let (mut piece, mut bytes) = (vec![0; PIECE], 0);
    loop {
        stop.check().map_err(io::Error::other)?;
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&piece[..read])?;
        bytes += read as u64;
        stop.reached(bytes);
    }
}

/// Of everything that `from` has.
pub fn checksum(from: &mut dyn Read, stop: &Stop) -> io::Result<Checksum> {
    let mut sum = Summing::new(io::sink());
    pump(from, &mut sum, stop)?;
    Ok(sum.finish().1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_summed_up_and_unchanged() {
        let mut sum = Summing::new(Vec::new());
        pump(&mut b"test".as_slice(), &mut sum, &Stop::default()).unwrap();
        let (passed, checksum) = sum.finish();
        assert_eq!(passed, b"test");
        let known = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(checksum, Checksum { sha256: known.into(), bytes: 4 });
    }
}
