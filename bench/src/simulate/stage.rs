//! What is played on: the server's program, its data, its clock, and the operator's commands beside it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::clock::Clock;
use crate::cli::SimulateArgs;
use crate::compare::party::start_ours_with;
use crate::process::{Server, Variable, alone, peak_memory};
use crate::scratch::{Scratch, files};

/// The database in the data directory.
pub(crate) const DATABASE: &str = "taskferry.sqlite3";
/// How often a command's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// See the module.
#[derive(Debug)]
pub(crate) struct Stage {
    program: PathBuf,
    data_dir: TempDir,
    clock: Option<Clock>,
    server_args: Vec<String>,
}

/// What became of an operator's command.
#[derive(Debug)]
pub(crate) struct Verb {
    /// How long it took.
    pub(crate) took: Duration,
    /// Its memory at most, in bytes.
    pub(crate) memory: u64,
    /// What it answered.
    pub(crate) answer: serde_json::Value,
}

impl Stage {
    /// An empty one.
    pub(crate) fn new(program: PathBuf, args: &SimulateArgs) -> Result<Self> {
        let scratch = Scratch::new(args.server.dir.as_deref())?;
        let clock = args.clock.as_deref().map(|library| Clock::new(library, scratch.data_dir()?)).transpose()?;
        Ok(Self { program, data_dir: scratch.data_dir()?, clock, server_args: args.server.server_arg.clone() })
    }

    fn variables(&self) -> Vec<Variable> {
        self.clock.as_ref().map(Clock::variables).unwrap_or_default()
    }

    /// Where the data is.
    pub(crate) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// The files there, by name.
    pub(crate) fn files(&self) -> Result<Vec<(String, u64)>> {
        files(self.data_dir())
    }

    /// The database's length in bytes, beside the running server: what is still in the write-ahead log counts as if it had arrived.
    pub(crate) fn database_bytes(&self) -> Result<u64> {
        let db = Connection::open_with_flags(self.data_dir().join(DATABASE), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let pragma = |sql| db.query_row(sql, [], |row| row.get::<_, u64>(0));
        Ok(pragma("PRAGMA page_count")? * pragma("PRAGMA page_size")?)
    }

    /// Starts the server.
    pub(crate) fn start(&self) -> Result<Server> {
        start_ours_with(&self.program, self.data_dir(), &self.server_args, &self.variables())
    }

    /// Makes sure that the server goes by the clock, if there is one.
    pub(crate) fn prove_clock(&self, server: &Server) -> Result<()> {
        self.clock.as_ref().map_or(Ok(()), |clock| clock.prove(server.address()))
    }

    /// Turns the clock, if there is one. Whether there is.
    pub(crate) fn turn(&self, days: u32) -> Result<bool> {
        self.clock.as_ref().map_or(Ok(false), |clock| clock.turn(days).map(|()| true))
    }

    /// Carries out one of the server's commands on the data, as an operator would.
    pub(crate) fn verb(&self, words: &[&str]) -> Result<Verb> {
        let began = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(words).arg("--json").arg("--data-dir").arg(self.data_dir());
        let mut child = alone(&mut command, &self.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("could not start a command of the server's program")?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reader = |mut pipe: Box<dyn std::io::Read + Send>| {
            thread::spawn(move || {
                let mut text = String::new();
                pipe.read_to_string(&mut text).map(|_| text)
            })
        };
        let out = out.map(|pipe| reader(Box::new(pipe)));
        let err = err.map(|pipe| reader(Box::new(pipe)));
        let mut memory = 0;
        let status = loop {
            // It has no memory any more between its end and the next look.
            memory = memory.max(peak_memory(child.id()).unwrap_or_default());
            if let Some(status) = child.try_wait()? {
                break status;
            }
            #[expect(clippy::disallowed_methods, reason = "the pause between two looks, and no race")]
            thread::sleep(LOOK_EVERY);
        };
        let took = began.elapsed();
        let text = |thread: Option<thread::JoinHandle<std::io::Result<String>>>| {
            thread.and_then(|thread| thread.join().ok()).transpose().map(Option::unwrap_or_default)
        };
        let (out, err) = (text(out)?, text(err)?);
        if !status.success() {
            let said = err.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim();
            bail!("`{}` ended with {status}, and said: {said}", words.join(" "));
        }
        let answer = serde_json::from_str(out.trim()).with_context(|| format!("no JSON: `{}`", words.join(" ")))?;
        Ok(Verb { took, memory, answer })
    }
}

impl Verb {
    /// A number in the answer; 0 if it is not there.
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        self.answer.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use fs_err as fs;

    use super::*;

    /// A stage whose server is a script.
    fn stage(script: &str) -> Stage {
        let data_dir = tempfile::tempdir().unwrap();
        let program = data_dir.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&program, mode).unwrap();
        Stage { program, data_dir, clock: None, server_args: Vec::new() }
    }

    #[test]
    fn a_command_gets_the_data_and_its_answer_is_read() {
        let stage = stage(r#"printf '{"words": "%s", "pruned": {"versions": 7}}' "$*""#);
        let verb = stage.verb(&["prune", "--yes"]).unwrap();
        let words = format!("prune --yes --json --data-dir {}", stage.data_dir().display());
        assert_eq!(verb.answer["words"], words);
        assert_eq!(verb.count("/pruned/versions"), 7);
        assert_eq!(verb.count("/pruned/bytes"), 0);
    }

    #[test]
    fn a_command_that_fails_is_told_with_its_own_words() {
        let error = stage("echo 'error: no room' >&2; exit 1").verb(&["backup", "create"]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("backup create") && text.contains("error: no room"), "{text}");
    }
}
