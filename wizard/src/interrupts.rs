//! Ctrl-C while another program runs: that one ends, and this one lives to say what is in place already.
//!
//! Only there. At a question the terminal sends Ctrl-C as a byte ([`crate::prompt`]), and while a server is asked
//! [`crate::server`] looks out for it.

use std::io;
use std::process::{Child, Output};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::oneshot;

/// Catches Ctrl-C from when it is made. There is no way back: the process ends by it no more.
pub struct Interrupts {
    runtime: Runtime,
    signals: unix::Signal,
}

impl Interrupts {
    /// From here on.
    pub fn catch() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let signals = {
            let _inside = runtime.enter();
            unix::signal(SignalKind::interrupt())?
        };
        Ok(Self { runtime, signals })
    }

    /// Waits for `child`, and whether Ctrl-C was pressed meanwhile. A terminal sends the signal to both programs; if it
    /// came to this one alone, it is passed on.
    pub fn wait(self, child: Child) -> (io::Result<Output>, bool) {
        let Self { runtime, mut signals } = self;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (ended, end) = oneshot::channel::<()>();
        let watch = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = signals.recv() => {
                        if let Some(pid) = pid {
                            // It may have ended by the same signal.
                            let _ = kill_process(pid, Signal::INT);
                        }
                        true
                    }
                    _ = end => false,
                }
            })
        };
        thread::scope(|threads| {
            let watching = threads.spawn(watch);
            let output = child.wait_with_output();
            drop(ended);
            (output, watching.join().unwrap_or(false))
        })
    }
}
