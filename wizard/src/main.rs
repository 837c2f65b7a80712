//! The `taskferry` binary. Everything is in the library, so that another package can build the same program.

use std::process::ExitCode;

fn main() -> ExitCode {
    taskferry::main()
}
