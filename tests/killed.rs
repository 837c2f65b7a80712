//! The wizard, for tests that pull the plug: it is killed when the step that `KILL_AT` names begins, for the `KILL_AT_NUMBER`th time
//! (1, if that is not set). What people get is built from `wizard/src/main.rs`, which looks at neither.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};
use taskferry::observer::Observer;

fn main() -> ExitCode {
    taskferry::main_observed(Observer::new(kill_at))
}

/// As the kernel does when memory runs out: no destructor runs, nothing is said.
fn kill_at(step: &'static str) {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    if std::env::var("KILL_AT").is_ok_and(|wanted| wanted == step) {
        let number = std::env::var("KILL_AT_NUMBER").ok().and_then(|number| number.parse().ok()).unwrap_or(1);
        if SEEN.fetch_add(1, Ordering::SeqCst) + 1 == number {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}
