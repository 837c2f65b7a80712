//! The way to a server, layer by layer, each asked by itself: HTTP libraries say "error sending request" for all of them.
//! What a failure means for the person is left to [`crate::checks`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, RootCertStore};

use super::trust::{self, Authorities};
use super::{CONNECT_SECONDS, Server, ServerError};

/// Addresses tried per name.
const ADDRESSES_MAX: usize = 8;

/// Why a connection is not encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFlaw {
    /// The certificate's time is over.
    Expired,
    /// Its time has not come: usually this computer's clock is wrong.
    NotYetValid,
    /// It is somebody else's.
    WrongName,
    /// Signed by an authority that is not known here, or by itself.
    UnknownIssuer,
    /// The server does not speak TLS there.
    NotTls,
    /// Anything else, in the words of the library.
    Other(String),
}

impl Server {
    /// Asks for the addresses behind the name.
    pub fn resolve(&self) -> Result<io::Result<Vec<SocketAddr>>, ServerError> {
        let host = self.url.host().trim_matches(['[', ']']).to_owned();
        let port = self.url.port();
        self.bounded(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.take(ADDRESSES_MAX).collect();
            if addresses.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(addresses) }
        })
    }

    /// Connects to one of them.
    pub fn connect(&self, addresses: &[SocketAddr]) -> Result<io::Result<SocketAddr>, ServerError> {
        self.bounded(async { TcpStream::connect(addresses).await?.peer_addr() })
    }

    /// Agrees on encryption, with certificates of these authorities.
    pub fn handshake(
        &self,
        addresses: &[SocketAddr],
        authorities: Authorities,
    ) -> Result<Result<(), TlsFlaw>, ServerError> {
        self.handshake_trusting(addresses, authorities.store())
    }

    fn handshake_trusting(
        &self,
        addresses: &[SocketAddr],
        known: RootCertStore,
    ) -> Result<Result<(), TlsFlaw>, ServerError> {
        let config = match trust::config(known) {
            Ok(config) => config,
            Err(why) => return Ok(Err(TlsFlaw::Other(why.to_string()))),
        };
        let Ok(name) = ServerName::try_from(self.url.host().trim_matches(['[', ']']).to_owned()) else {
            return Ok(Err(TlsFlaw::WrongName));
        };
        let shaken = self.bounded(async {
            let stream = TcpStream::connect(addresses).await?;
            TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(drop)
        })?;
        Ok(shaken.map_err(|why| TlsFlaw::of(&why)))
    }

    fn bounded<T>(&self, doing: impl Future<Output = io::Result<T>>) -> Result<io::Result<T>, ServerError> {
        self.until_interrupted(async {
            let done = timeout(Duration::from_secs(CONNECT_SECONDS), doing).await;
            let too_long = || io::Error::new(io::ErrorKind::TimedOut, "it took too long");
            Ok(done.unwrap_or_else(|_| Err(too_long())))
        })
    }
}

impl TlsFlaw {
    fn of(why: &io::Error) -> Self {
        match why.get_ref().and_then(|why| why.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(flaw)) => match flaw {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::WrongName,
                CertificateError::UnknownIssuer => Self::UnknownIssuer,
                other => Self::Other(other.to_string()),
            },
            Some(rustls::Error::InvalidMessage(_)) => Self::NotTls,
            _ => Self::Other(why.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// A server with such a certificate for one connection, and authorities that know it.
    fn server(of: impl FnOnce(&mut CertificateParams)) -> (Server, [SocketAddr; 1], RootCertStore) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        of(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        let mut known = RootCertStore::empty();
        known.add(certificate.der().clone()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let (server, at, listener) = listening();
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
        });
        (server, at, known)
    }

    fn listening() -> (Server, [SocketAddr; 1], TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let url = format!("https://localhost:{}", at.port()).parse().unwrap();
        (Server::new(url, false).unwrap(), [at], listener)
    }

    #[test]
    fn each_flaw_of_a_certificate_has_its_own_name() {
        let (fine, at, known) = server(|_| ());
        assert_eq!(fine.handshake_trusting(&at, known).unwrap(), Ok(()));

        let (stranger, at, _) = server(|_| ());
        assert_eq!(stranger.handshake(&at, Authorities::All).unwrap(), Err(TlsFlaw::UnknownIssuer));

        let (old, at, known) = server(|params| params.not_after = date_time_ymd(2001, 1, 1));
        assert_eq!(old.handshake_trusting(&at, known).unwrap(), Err(TlsFlaw::Expired));

        let (early, at, known) = server(|params| params.not_before = date_time_ymd(4000, 1, 1));
        assert_eq!(early.handshake_trusting(&at, known).unwrap(), Err(TlsFlaw::NotYetValid));

        let other = vec![rcgen::SanType::DnsName("other.example".try_into().unwrap())];
        let (elsewhere, at, known) = server(|params| params.subject_alt_names = other);
        assert_eq!(elsewhere.handshake_trusting(&at, known).unwrap(), Err(TlsFlaw::WrongName));
    }

    #[test]
    fn plain_http_behind_an_https_address_is_named() {
        let (server, at, listener) = listening();
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        });
        assert_eq!(server.handshake(&at, Authorities::All).unwrap(), Err(TlsFlaw::NotTls));
    }

    #[test]
    fn a_port_where_nobody_listens_refuses() {
        let (server, at, listener) = listening();
        drop(listener);
        assert_eq!(server.connect(&at).unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
