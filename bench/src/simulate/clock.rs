//! A clock that can be turned, for a server that has none of its own: its day is then the population's.
//!
//! libfaketime (Debian's package `libfaketime`) tells a dynamically linked program another time. Only the time of day is turned: how long
//! things take stays what it is, or every timeout in the server would run out at once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fs_err as fs;
use tempfile::TempDir;

use crate::process::Variable;

/// How long the server may take to notice; it looks at its clock twice a second.
const NOTICE_WITHIN: Duration = Duration::from_secs(10);
/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Far enough that the year is another one.
const PROBE_DAYS: u32 = 400;
/// More than any answer of `/livez` has.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Clock {
    library: PathBuf,
    dir: TempDir,
}

impl Clock {
    /// A clock that goes right until it is turned.
    pub(crate) fn new(library: &Path, dir: TempDir) -> Result<Self> {
        let library = fs::canonicalize(library).context("could not find the library that turns the clock")?;
        let clock = Self { library, dir };
        clock.turn(0)?;
        Ok(clock)
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("offset")
    }

    /// What a program needs to go by this clock.
    pub(crate) fn variables(&self) -> Vec<Variable> {
        let mut variables: Vec<Variable> =
            vec![("LD_PRELOAD", self.library.clone().into()), ("FAKETIME_TIMESTAMP_FILE", self.file().into())];
        // Durations and the times of files stay real; versions of the library differ in the first one's name.
        let switches = ["DONT_FAKE_MONOTONIC", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT", "FAKETIME_NO_CACHE"];
        variables.extend(switches.map(|name| (name, "1".into())));
        variables
    }

    /// From now on it is this many days later than it is.
    pub(crate) fn turn(&self, days: u32) -> Result<()> {
        // In one rename: a program that looks at this very moment sees the old time or the new one.
        let new = self.dir.path().join("new");
        fs::write(&new, format!("+{days}d\n"))?;
        Ok(fs::rename(new, self.file())?)
    }

    /// Makes sure that a server which was just started goes by it: a statically linked one would not.
    pub(crate) fn prove(&self, server: SocketAddr) -> Result<()> {
        let before = date(server)?;
        self.turn(PROBE_DAYS)?;
        let began = Instant::now();
        while date(server)?.get(..16) == before.get(..16) {
            ensure!(
                began.elapsed() < NOTICE_WITHIN,
                "the server does not go by the clock of `{}`; a statically linked one can't",
                self.library.display()
            );
            #[expect(clippy::disallowed_methods, reason = "the pause between two looks, and no race")]
            thread::sleep(LOOK_EVERY);
        }
        self.turn(0)
    }
}

/// The date that a server says it is.
fn date(server: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(NOTICE_WITHIN))?;
    let request = format!("GET /livez HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let mut headers = answer.lines().filter_map(|line| line.split_once(':'));
    match headers.find(|(name, _)| name.eq_ignore_ascii_case("date")) {
        Some((_, date)) => Ok(date.trim().to_owned()),
        None => bail!("the server does not say what day it is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_clock_says_so_in_one_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("library");
        fs::write(&library, "").unwrap();
        let clock = Clock::new(&library, tempfile::tempdir().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(clock.file()).unwrap(), "+0d\n");
        clock.turn(31).unwrap();
        assert_eq!(fs::read_to_string(clock.file()).unwrap(), "+31d\n");
        assert!(clock.variables().contains(&("FAKETIME_TIMESTAMP_FILE", clock.file().into())));
    }

    #[test]
    fn a_library_that_is_not_there_is_told() {
        let error = Clock::new(Path::new("/nowhere/libfaketime.so"), tempfile::tempdir().unwrap()).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/libfaketime.so"), "{error:#}");
    }

    #[test]
    fn a_server_that_goes_by_another_clock_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("library");
        fs::write(&library, "").unwrap();
        let clock = Clock::new(&library, tempfile::tempdir().unwrap()).unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let file = clock.file();
        let server = thread::spawn(move || {
            // Turns the page once the clock was turned, and ends after that.
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                let turned = fs::read_to_string(&file).unwrap() != "+0d\n";
                let _ = stream.read(&mut [0; 1024]).unwrap();
                let day = if turned { "Thu, 30 Dec 2027" } else { "Wed, 25 Nov 2026" };
                let answer = format!("HTTP/1.1 200 OK\r\nDate: {day} 20:28:45 GMT\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
                if turned {
                    return;
                }
            }
        });
        clock.prove(address).unwrap();
        server.join().unwrap();
        assert_eq!(fs::read_to_string(clock.file()).unwrap(), "+0d\n", "and it goes right again");
    }
}
