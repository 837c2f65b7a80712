//! The way that people's devices take: asks the public address, as they do, from here. Bounded, without following anybody
//! elsewhere; nothing is told but that somebody asks.

use std::time::Duration;

use reqwest::tls::TlsInfo;
use reqwest::{Client, redirect};
use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::{SERVER_NAME, ServerInfo};
use taskferry_protocol::wire::WELL_KNOWN;

use super::der::{self, Validity};

/// For one answer, its connection included.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What is there.
#[derive(Debug)]
pub struct Outside {
    /// The address.
    pub url: ServerUrl,
    /// Asked as devices ask; an error in the words of the library that knows.
    pub reply: Result<Reply, String>,
    /// The certificate that was shown, accepted or not; `None` without TLS, or if it can't be read.
    pub certificate: Option<Validity>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// How the server there describes itself, if it is one of ours.
    pub info: Option<Box<ServerInfo>>,
}

/// Asks.
pub fn ask(url: &ServerUrl) -> Outside {
    let nobody = |why: String| Outside { url: url.clone(), reply: Err(why), certificate: None };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(look(url)),
        Err(error) => nobody(error.to_string()),
    }
}

async fn look(url: &ServerUrl) -> Outside {
    let (reply, certificate) = get(url, Certificates::AsDevicesDo).await;
    // Not accepted, perhaps, and then worth a look all the same: at nothing but the certificate.
    let certificate = match (&reply, certificate) {
        (Err(_), None) if url.is_https() => get(url, Certificates::Any).await.1,
        (_, certificate) => certificate,
    };
    Outside { url: url.clone(), reply, certificate }
}

/// Which certificates are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certificates {
    AsDevicesDo,
    /// Whatever it is: to look at it, and to believe nothing that is said behind it.
    Any,
}

async fn get(url: &ServerUrl, accepted: Certificates) -> (Result<Reply, String>, Option<Validity>) {
    let client = Client::builder()
        .timeout(ANSWER_WITHIN)
        // Devices don't follow anybody either.
        .redirect(redirect::Policy::none())
        .tls_info(true)
        .danger_accept_invalid_certs(accepted == Certificates::Any)
        .user_agent(concat!("taskferry-server/", env!("CARGO_PKG_VERSION")))
        .build();
    let sent = match client {
        Ok(client) => client.get(url.join(WELL_KNOWN)).send().await,
        Err(error) => return (Err(innermost(&error)), None),
    };
    let mut answer = match sent {
        Ok(answer) => answer,
        Err(error) => return (Err(innermost(&error)), None),
    };
    let certificate = answer.extensions().get::<TlsInfo>().and_then(|tls| der::validity(tls.peer_certificate()?));
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await
        && body.len() + piece.len() <= ANSWER_BYTES_MAX
    {
        body.extend_from_slice(&piece);
    }
    let info = serde_json::from_slice::<ServerInfo>(&body).ok().filter(|info| info.name == SERVER_NAME);
    (Ok(Reply { status, info: info.map(Box::new) }), certificate)
}

/// The reason at the end of the chain: the library's own words are "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    use super::*;
    use crate::checks::Outcome;
    use crate::checks::certificate::Certificate;

    /// A server with a certificate that nobody vouches for, good until the end of this year; it answers everybody with 404.
    fn with_certificate(year: i32) -> SocketAddr {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        // Ends with the test's process.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let acceptor = TlsAcceptor::from(Arc::new(config));
                while let Ok((stream, _)) = listener.accept().await {
                    let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
                    let _ = stream.shutdown().await;
                }
            });
        });
        told.recv().unwrap()
    }

    #[test]
    fn a_certificate_is_seen_also_where_devices_do_not_accept_it() {
        for (year, words) in [(2099, "devices don't accept it: "), (2021, "it ended on 2021-12-31")] {
            let url = format!("https://localhost:{}", with_certificate(year).port());
            let outside = ask(&url.parse().unwrap());
            outside.reply.as_ref().unwrap_err();
            let until = outside.certificate.unwrap().until;
            assert_eq!(crate::words::day(until), format!("{year}-12-31"));
            let found = Certificate::judge(&outside, 1_795_412_521);
            assert_eq!(found.outcome, Outcome::Problem, "{found:?}");
            assert!(found.sentence.contains(words), "{found:?}");
        }
    }

    #[test]
    fn where_nobody_is_nothing_is_seen() {
        let outside = ask(&"https://127.0.0.1:1".parse().unwrap());
        assert!(outside.reply.is_err() && outside.certificate.is_none(), "{outside:?}");
    }
}
