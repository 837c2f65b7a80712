//! A line to a server that breaks at a chosen moment: a proxy on this computer.

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What marks the beginning of a request that is counted: `add-version` and `add-snapshot`.
const COUNTED: &[u8] = b"POST /v1/client/add-";

/// Passes everything on, until so many versions and snapshots were sent; then it breaks every connection that sends another.
#[derive(Debug)]
pub struct CutLine {
    address: SocketAddr,
    left: Arc<AtomicUsize>,
}

impl CutLine {
    /// A line to `server` that lets so many versions and snapshots pass.
    #[track_caller]
    pub fn to(server: SocketAddr, bodies: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let left = Arc::new(AtomicUsize::new(bodies));
        let counter = Arc::clone(&left);
        // Ends with the test's process; a thread that waits for a connection costs nothing.
        thread::spawn(move || {
            for device in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else {
                    continue;
                };
                let (Ok(answers), Ok(to_device)) = (server.try_clone(), device.try_clone()) else {
                    continue;
                };
                thread::spawn(move || std::io::copy(&mut &answers, &mut &to_device));
                let counter = Arc::clone(&counter);
                thread::spawn(move || pass_on(&device, &server, &counter));
            }
        });
        Self { address, left }
    }

    /// Where devices connect.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets so many more pass.
    pub fn cut_after(&self, bodies: usize) {
        self.left.store(bodies, Ordering::SeqCst);
    }

    /// Lets everything pass from now on.
    pub fn mend(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
    }
}

/// Passes requests on until one is sent that must not arrive.
fn pass_on(device: &TcpStream, server: &TcpStream, left: &AtomicUsize) {
    let (mut device_end, mut server_end) = (device, server);
    let mut piece = vec![0; 64 * 1024];
    // The end of what was passed on, in which a mark may have begun.
    let mut tail = Vec::new();
    while let Ok(length @ 1..) = device_end.read(&mut piece) {
        let seen = [&tail[..], &piece[..length]].concat();
        if seen.windows(COUNTED.len()).any(|window| window == COUNTED) {
            let passes = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if !passes {
                break;
            }
            tail.clear();
        } else {
            tail = seen[seen.len().saturating_sub(COUNTED.len() - 1)..].to_vec();
        }
        if server_end.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = device.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
