//! How other computers get to a server at home. What is possible is said, and what it costs; nothing is opened by itself.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use taskferry_protocol::ServerUrl;

/// The address of this computer in the network that it is in, if that is one of somebody's own. Nothing is sent: a datagram
/// socket that is connected to an address only learns which way it would go.
pub fn own_address() -> Option<IpAddr> {
    // An address for examples, which leads nowhere (RFC 5737).
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    let url: ServerUrl = format!("http://{ip}").parse().ok()?;
    (url.is_private() && !url.is_loopback()).then_some(ip)
}

/// The ways to a server on this computer.
pub struct Ways {
    /// How it is now.
    pub now: String,
    /// What can be done, each by itself.
    pub ways: Vec<String>,
    /// What then follows.
    pub then: String,
}

/// The ways to a server that listens there. `own`: this computer's address in its network.
pub fn ways(listen: SocketAddr, own: Option<IpAddr>) -> Ways {
    let port = listen.port();
    let address = own.map_or_else(|| format!("ADDRESS:{port}"), |ip| SocketAddr::new(ip, port).to_string());
    let opened = if listen.ip().is_loopback() {
        format!("in your own network: run `taskferry home stop`, then `taskferry home start --listen 0.0.0.0:{port}`")
    } else {
        "in your own network: that is so already".to_owned()
    };
    Ways {
        now: if listen.ip().is_loopback() {
            "only this computer reaches it; for others there are three ways".to_owned()
        } else {
            format!("computers of its network reach it at `http://{address}`")
        },
        ways: vec![
            format!(
                "{opened}; that is plain http: your tasks stay encrypted, but whoever listens in on that network learns \
                 the account's ID, and can disturb your sync with it"
            ),
            "from everywhere: the same in a private network such as Tailscale or WireGuard, which encrypts the way, too"
                .to_owned(),
            "with a name and a certificate: a proxy such as Caddy in front of it; `taskferry-server deploy` writes the files"
                .to_owned(),
        ],
        then: format!(
            "for each other computer, run `taskferry share --server http://{address}` here, with the address that it \
             reaches, and `taskferry join` there"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_name_the_address_to_type_and_what_plain_http_means() {
        let said = ways("127.0.0.1:8081".parse().unwrap(), Some("192.168.1.5".parse().unwrap()));
        let said = [vec![said.now], said.ways, vec![said.then]].concat().join("\n");
        assert!(said.contains("`taskferry home start --listen 0.0.0.0:8081`"), "{said}");
        assert!(said.contains("`taskferry share --server http://192.168.1.5:8081`"), "{said}");
        assert!(said.contains("plain http") && said.contains("Tailscale") && said.contains("Caddy"), "{said}");
        let said = ways("0.0.0.0:8080".parse().unwrap(), None).now;
        assert!(said.contains("reach it at `http://ADDRESS:8080`"), "{said}");
        assert!(!said.contains("only this computer"), "{said}");
    }
}
