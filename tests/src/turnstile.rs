//! A way to the server that closes in the middle of a push, so that something can happen just then.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use taskferry_protocol::wire::ADD_VERSION;

use crate::wait;

/// Passes connections on to a server, byte for byte, and holds one `add-version` back until [`Turnstile::open`].
#[derive(Debug)]
pub struct Turnstile {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    versions: u32,
    closes_before: u32,
    open: bool,
}

impl Turnstile {
    /// Closes before this version of a push, counted from 1.
    pub fn closing_before_version(number: u32, server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port for the turnstile");
        let address = listener.local_addr().expect("the turnstile's port");
        let shared = Arc::new(Shared {
            state: Mutex::new(State { closes_before: number, ..State::default() }),
            changed: Condvar::new(),
        });
        let keeper = Arc::clone(&shared);
        // Ends with the test's process: nothing tells a listener that nobody will come any more.
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let shared = Arc::clone(&keeper);
                thread::spawn(move || pass_on(near, server, &shared));
            }
        });
        Self { address, shared }
    }

    /// The address for people and their configuration.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until a version stands before the closed turnstile.
    #[track_caller]
    pub fn wait_until_closed(&self) {
        let waited = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), wait::LIMIT, |state| state.versions < state.closes_before);
        let versions = waited.unwrap_or_else(PoisonError::into_inner).0.versions;
        assert!(versions > 0, "nobody pushed through the turnstile");
    }

    /// Lets everybody through.
    pub fn open(&self) {
        self.shared.lock().open = true;
        self.shared.changed.notify_all();
    }

    /// How many versions have come so far.
    pub fn versions(&self) -> u32 {
        self.shared.lock().versions
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        self.open();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more version, which waits here if the turnstile is closed to it.
    fn version_comes(&self) {
        let mut state = self.lock();
        state.versions += 1;
        self.changed.notify_all();
        if state.versions == state.closes_before {
            let waited = self.changed.wait_timeout_while(state, wait::LIMIT, |state| !state.open);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

fn pass_on(near: TcpStream, server: SocketAddr, shared: &Shared) {
    let Ok(far) = TcpStream::connect(server) else { return };
    let (Ok(mut near_end), Ok(mut far_end)) = (near.try_clone(), far.try_clone()) else { return };
    thread::spawn(move || {
        let _ = std::io::copy(&mut far_end, &mut near_end);
        let _ = near_end.shutdown(Shutdown::Write);
    });
    let _ = copy_requests(near, &far, shared);
    let _ = far.shutdown(Shutdown::Write);
}

/// Clients send a request's head in one write, and it begins one: what they read together is looked at together.
fn copy_requests(mut near: TcpStream, mut far: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let begins = format!("POST {ADD_VERSION}/").into_bytes();
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let length = near.read(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        if bytes[..length].starts_with(&begins) {
            shared.version_comes();
        }
        far.write_all(&bytes[..length])?;
    }
}
