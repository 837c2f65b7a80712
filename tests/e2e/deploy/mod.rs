//! Deployment: from files to a server that testers use.
//!
//! | module | promises |
//! |---|---|
//! | [`files`] | what stands in the files is what the program understands: settings, verbs, ports, paths, times |
//! | [`checkers`] | each platform's own parser or linter accepts its file; Caddy carries requests and logs no account's ID |
//! | [`image`] | the image works as platforms run it, on whatever volume they bring |
//! | [`verb`] | `taskferry-server deploy` writes files that work, overwrites nothing, and waits for the server |
//! | [`release`] | a release says what changed, and its automation may do no more than it has to |
//! | [`installer`] | `install.sh` installs what was released, and nothing else |

mod checkers;
mod files;
#[cfg(target_os = "linux")]
mod image;
mod installer;
mod release;
mod verb;

use std::path::PathBuf;

/// The root of the repository.
fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of the repository.
#[track_caller]
fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}
