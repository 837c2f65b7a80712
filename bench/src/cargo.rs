//! Builds what is measured, with Cargo, where its path was not given.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::scratch::target_dir;
use crate::terminal;

/// This project's server: the path given, or a release build of now.
pub(crate) fn server(given: Option<&Path>) -> Result<PathBuf> {
    let build = || {
        let manifest = source_dir()?.join("../Cargo.toml");
        build(cargo(), "taskferry-server", &manifest, &target_dir()?)
    };
    given
        .map_or_else(build, |path| Ok(path.to_owned()))
        .context("could not build this project's server; give its path with `--server PATH`")
}

/// The reference: the path given, or a build of `bench/peer`.
pub(crate) fn reference(given: Option<&Path>) -> Result<PathBuf> {
    let build = || {
        let manifest = source_dir()?.join("peer/Cargo.toml");
        let mut cargo = cargo();
        // As its own project builds it: the flags in this project's `.cargo/config.toml` are not the reference's.
        cargo.env("LIBSQLITE3_FLAGS", "");
        build(cargo, "taskferry-bench-peer", &manifest, &target_dir()?.join("bench-peer"))
    };
    given
        .map_or_else(build, |path| Ok(path.to_owned()))
        .context("could not build the reference; give its path with `--reference PATH`")
}

/// This package's directory, as Cargo tells those that it runs.
fn source_dir() -> Result<PathBuf> {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).context("this program was not started by `cargo run`")
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn build(mut cargo: Command, package: &str, manifest: &Path, target_dir: &Path) -> Result<PathBuf> {
    terminal::say(&format!("building `{package}`"));
    let output = cargo
        .args(["build", "--release", "--locked", "--message-format=json-render-diagnostics"])
        .args(["--package", package, "--bin", package, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target_dir)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("could not start Cargo")?;
    ensure!(output.status.success(), "Cargo ended with {}", output.status);
    executable(&String::from_utf8_lossy(&output.stdout), package)
        .with_context(|| format!("Cargo built no program `{package}`"))
}

/// Where Cargo's messages say that the program is.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_in_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/x/other"}
            {"reason":"compiler-artifact","target":{"name":"it"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"it"},"executable":"/x/it"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "it"), Some(PathBuf::from("/x/it")));
        assert_eq!(executable(messages, "that"), None);
    }
}
