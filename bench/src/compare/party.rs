//! Who is measured, and how each of them is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cargo;
use crate::cli::CompareArgs;
use crate::process::{Server, Variable};

/// One of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    /// The published reference crates behind a thin HTTP layer: `bench/peer`.
    Reference,
    /// Our HTTP stack, doing nothing.
    Ceiling,
    /// This project's server.
    Ours,
}

impl Party {
    /// As it stands in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Ceiling => "ceiling",
            Self::Ours => "taskferry",
        }
    }
}

/// Their programs.
#[derive(Debug)]
pub(crate) struct Programs {
    reference: Option<PathBuf>,
    ceiling: PathBuf,
    ours: PathBuf,
    args: Vec<String>,
}

impl Programs {
    /// Finds them or builds them; the reference only if it is wanted.
    pub(crate) fn find(args: &CompareArgs, with_reference: bool) -> Result<Self> {
        Ok(Self {
            reference: with_reference.then(|| cargo::reference(args.reference.as_deref())).transpose()?,
            ceiling: std::env::current_exe().context("could not find this program's own file")?,
            ours: cargo::server(args.server.server.as_deref())?,
            args: args.server.server_arg.clone(),
        })
    }

    /// Starts one of them on a data directory. The ceiling has none; it hands out snapshots of `snapshot_bytes`.
    pub(crate) fn start(&self, party: Party, data_dir: &Path, snapshot_bytes: u64) -> Result<Server> {
        match party {
            Party::Reference => {
                let program = self.reference.as_ref().context("there is no reference")?;
                Server::start(Command::new(program).arg("--data-dir").arg(data_dir))
            }
            Party::Ceiling => Server::start(
                Command::new(&self.ceiling).args(["ceiling", "--snapshot-bytes"]).arg(snapshot_bytes.to_string()),
            ),
            Party::Ours => start_ours(&self.ours, data_dir, &self.args),
        }
    }
}

/// Starts this project's server without limits, unless `args` say something about them: all the load comes from one address, and
/// would be taken for a flood.
pub(crate) fn start_ours(program: &Path, data_dir: &Path, args: &[String]) -> Result<Server> {
    start_ours_with(program, data_dir, args, &[])
}

/// The same, with these variables.
pub(crate) fn start_ours_with(
    program: &Path,
    data_dir: &Path,
    args: &[String],
    variables: &[Variable],
) -> Result<Server> {
    let says_something = args.iter().any(|arg| arg.starts_with("--limit"));
    let limits: &[&str] = if says_something { &[] } else { &["--limits", "off"] };
    start(program, data_dir, limits, args, variables)
}

/// Starts this project's server as it is by default.
pub(crate) fn start_ours_with_limits(program: &Path, data_dir: &Path, args: &[String]) -> Result<Server> {
    start(program, data_dir, &[], args, &[])
}

fn start(program: &Path, data_dir: &Path, limits: &[&str], args: &[String], variables: &[Variable]) -> Result<Server> {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(limits).args(args);
    Server::start_with(&mut command, variables)
}
