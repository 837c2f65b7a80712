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
    // Without it the work can't be interrupted gently, which is no reason not to do it.
    let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            runtime.block_on(signal());
            told.set();
            aside.aside("stopping …");
            runtime.block_on(signal());
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    });
    let done = work(&stop);
    shown.ends();
    done
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    tokio::select! { _ = int.recv() => {} _ = term.recv() => {} }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
