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

/// The ways, one a line, for a server that listens there. `own`: this computer's address in its network.
pub fn ways(listen: SocketAddr, own: Option<IpAddr>) -> Vec<String> {
    let port = listen.port();
    let at = own.map_or_else(|| "ADDRESS".to_owned(), |ip| SocketAddr::new(ip, port).ip().to_string());
    let other = SocketAddr::new(own.unwrap_or(listen.ip()), port);
    let url = match own {
        Some(_) => format!("http://{other}"),
        None => format!("http://{at}:{port}"),
    };
    let mut ways = Vec::new();
    if listen.ip().is_loopback() {
        ways.push("only this computer reaches it; other computers need one of these ways:".to_owned());
        ways.push(format!(
            "your own network: run `taskferry home stop`, then `taskferry home start --listen 0.0.0.0:{port}`"
        ));
    } else {
        ways.push(format!("your own network: computers there reach it at `{url}`"));
    }
    ways.push(
        "it is plain http: the tasks stay encrypted, but whoever listens in on that network can read the account's ID, \
         and with it disturb your sync"
            .to_owned(),
    );
    ways.push(
        "from everywhere: the same in a private network such as Tailscale or WireGuard, which encrypts the way, too; \
         use this computer's address there"
            .to_owned(),
    );
    ways.push(
        "with a name and a certificate: a proxy such as Caddy in front of it; `taskferry-server deploy` writes the files"
            .to_owned(),
    );
    ways.push(format!("then, for another computer: `taskferry share --server {url}` here, and `taskferry join` there"));
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_name_the_address_to_type_and_what_plain_http_means() {
        let said = ways("127.0.0.1:8081".parse().unwrap(), Some("192.168.1.5".parse().unwrap())).join("\n");
        assert!(said.contains("`taskferry home start --listen 0.0.0.0:8081`"), "{said}");
        assert!(said.contains("`taskferry share --server http://192.168.1.5:8081`"), "{said}");
        assert!(said.contains("plain http") && said.contains("Tailscale") && said.contains("Caddy"), "{said}");
        let said = ways("0.0.0.0:8080".parse().unwrap(), None).join("\n");
        assert!(said.contains("reach it at `http://ADDRESS:8080`"), "{said}");
        assert!(!said.contains("only this computer"), "{said}");
    }
}
