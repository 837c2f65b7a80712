//! The log of the server at home: two files of a bounded size, the present and the former one, which only their owner can read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::files;
use crate::terminal::printable;

/// Bytes of each of the two files. A quiet server writes a few hundred a day.
const FILE_BYTES_MAX: u64 = 512 * 1024;
/// Bytes at the end in which a reason is looked for.
const TAIL_BYTES_MAX: u64 = 8 * 1024;

/// Where it is.
pub fn place(context: &Context) -> PathBuf {
    context.state_dir().join("home.log")
}

/// A log that is written to.
pub struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl Log {
    /// Goes on behind what is there.
    pub fn open(context: &Context) -> io::Result<Self> {
        files::make_own(&context.state_dir())?;
        Self::at(place(context), FILE_BYTES_MAX)
    }

    fn at(path: PathBuf, bytes_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(files::OWNER_ONLY).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file, bytes, bytes_max })
    }

    /// Writes a piece. A disk that is full loses the piece, not the server.
    pub fn write(&mut self, piece: &[u8]) {
        if self.bytes + piece.len() as u64 > self.bytes_max {
            let _ = self.begin_anew();
        }
        if self.file.write_all(piece).is_ok() {
            self.bytes += piece.len() as u64;
        }
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        std::fs::rename(&self.path, former(&self.path))?;
        *self = Self::at(self.path.clone(), self.bytes_max)?;
        Ok(())
    }
}

fn former(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

/// How long the log is now, to find later what came behind.
pub fn length(context: &Context) -> u64 {
    std::fs::metadata(place(context)).map_or(0, |file| file.len())
}

/// The first error that was written since the log was so long, without its label.
pub fn error_since(context: &Context, length: u64) -> Option<String> {
    let mut file = File::open(place(context)).ok()?;
    let now = file.metadata().ok()?.len();
    // Begun anew in between: then all of it is new.
    let from = if now < length { 0 } else { length };
    file.seek(SeekFrom::Start(from.max(now.saturating_sub(TAIL_BYTES_MAX)))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(printable).collect();
    let at = lines.iter().position(|line| line.starts_with("error: "))?;
    let error = lines[at].trim_start_matches("error: ").to_owned();
    let cause = lines.get(at + 1).and_then(|line| line.strip_prefix("Caused by: "));
    Some(cause.map_or(error.clone(), |cause| format!("{error}: {cause}")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_log_keeps_the_newest_and_never_more_than_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home.log");
        let mut log = Log::at(path.clone(), 10).unwrap();
        for number in 0..9 {
            log.write(format!("line {number}\n").as_bytes());
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "line 8\n");
        assert_eq!(std::fs::read_to_string(former(&path)).unwrap(), "line 7\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        Log::at(path.clone(), 100).unwrap().write(b"more\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "line 8\nmore\n");
    }

    #[test]
    fn the_reason_is_the_first_error_behind_what_was_there() {
        let home = tempfile::tempdir().unwrap();
        let context = Context::new([("HOME".into(), home.path().into())].into(), "/".into(), false).unwrap();
        let mut log = Log::open(&context).unwrap();
        log.write(b"error: of yesterday\n");
        let before = length(&context);
        assert_eq!(error_since(&context, before), None);
        log.write(b"starting\nerror: could not listen\n  Caused by: it is in use\n\nhint: another\n");
        assert_eq!(error_since(&context, before).unwrap(), "could not listen: it is in use");
    }
}
