//! A port that stays ours while its server is down.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::{self, AddressFamily, SocketType};

/// A TCP port of 127.0.0.1, held by a socket that never listens. A server may listen on it all the same, because both set
/// `SO_REUSEADDR`, but the system hands it to nobody who asks for a free port. So a server comes back where its clients
/// expect it, also while other tests look for ports.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _holder: OwnedFd,
}

impl Port {
    /// A free one.
    pub fn reserve() -> Self {
        let reserve = || -> rustix::io::Result<Self> {
            let holder = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
            net::sockopt::set_socket_reuseaddr(&holder, true)?;
            rustix::io::fcntl_setfd(&holder, rustix::io::FdFlags::CLOEXEC)?;
            net::bind(&holder, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let address = SocketAddr::try_from(net::getsockname(&holder)?)?;
            Ok(Self { address, _holder: holder })
        };
        reserve().expect("a free port on 127.0.0.1")
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}
