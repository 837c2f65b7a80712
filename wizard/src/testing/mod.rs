//! Stand-ins for tests: a computer with a home and a Taskwarrior ([`computer`]), and a sync server ([`server`]).
//!
//! The real ones meet in the end-to-end tests; here every answer, also a wrong one, can be had in milliseconds.

pub(crate) mod computer;
pub(crate) mod server;

use crate::context::Context;
use crate::credentials::Credentials;

/// An empty home, and the world of somebody who has it.
pub(crate) fn home() -> (tempfile::TempDir, Context) {
    let home = tempfile::tempdir().unwrap();
    let env = [("HOME".into(), home.path().into())].into();
    let context = Context::new(env, home.path().into(), false).unwrap();
    (home, context)
}

/// Credentials as the settings of a taskrc, which carry no checksum.
pub(crate) fn lines_of(account: &Credentials) -> String {
    let Credentials { server, client_id, secret } = account;
    let (id, secret) = (client_id.expose(), secret.expose());
    format!("sync.server.url={server}\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n")
}

/// Waits until a script that was just written can be run: a child of another test's thread, between its fork and its exec, may
/// still hold it open for writing ("text file busy").
pub(crate) fn until_it_runs(script: &std::path::Path) {
    let run = || std::process::Command::new(script).env_clear().env("HOME", "/nonexistent").output();
    while run().is_err_and(|why| why.kind() == std::io::ErrorKind::ExecutableFileBusy) {
        std::thread::yield_now();
    }
}
