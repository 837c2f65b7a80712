//! The `taskferry` binary. Everything is in the library, so that another package can build the same program.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    taskferry::main()
}

/// Taskwarrior has no version for Windows itself, so there is nothing to set up here.
#[cfg(not(unix))]
#[expect(clippy::print_stderr, reason = "the library, and with it the one place that prints, is for Unix")]
fn main() -> ExitCode {
    eprintln!(
        "error: taskferry runs where Taskwarrior does, and on Windows that is WSL\n\n\
         hint: run `wsl --install`, open its terminal, and run `taskferry` there"
    );
    ExitCode::FAILURE
}
