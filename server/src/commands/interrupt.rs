//! Long work that a person may interrupt: Ctrl-C, or what a service manager sends, lets it end between two steps.

use std::sync::Arc;

use crate::progress::{Hears as _, Shown};
use crate::stop::Stop;

/// Does `work` on this thread, shows how far it is unless a program listens (`json`), and tells it to stop when a signal says so.
/// A second signal ends the process, as usual.
pub(super) fn interruptible<T>(json: bool, work: impl FnOnce(&Stop) -> T) -> T {
    let shown = Arc::new(Shown::to_whom_it_may_concern());
    let stop = if json { Stop::default() } else { Stop::heard_by(Arc::clone(&shown) as _) };
    let (told, aside) = (stop.clone(), Arc::clone(&shown));
    let (listens, listening) = std::sync::mpsc::channel();
    // Without it the work can't be interrupted gently, which is no reason not to do it.
    let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            runtime.block_on(async {
                let mut signals = Signals::new();
                let _ = listens.send(());
                signals.next().await;
                told.set();
                aside.aside("stopping …");
                signals.next().await;
            });
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    });
    // Work that began before anybody listens would end in the middle; and without a thread, nobody will ever send.
    let _ = listening.recv();
    let done = work(&stop);
    shown.ends();
    done
}

/// SIGINT and SIGTERM.
#[cfg(unix)]
struct Signals(Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Signals {
    /// From now on they do not end the process.
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self(signal(SignalKind::interrupt()).ok().zip(signal(SignalKind::terminate()).ok()))
    }

    async fn next(&mut self) {
        let Some((int, term)) = &mut self.0 else { return std::future::pending().await };
        tokio::select! { _ = int.recv() => {} _ = term.recv() => {} }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    const fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
