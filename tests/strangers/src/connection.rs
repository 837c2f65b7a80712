//! The little HTTP that strangers need: requests in one write, answers read to their end and forgotten.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf as _, BytesMut};
use taskferry_protocol::wire::X_CLIENT_ID;
use taskferry_protocol::{ClientId, VersionId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::{Scene, Strangers};

/// A head longer than this is none of ours.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A connection from the strangers' address.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    received: BytesMut,
}

/// What is needed of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: Option<VersionId>,
}

impl Strangers {
    /// Connects from the strangers' address.
    pub(crate) async fn connect(self) -> io::Result<TcpStream> {
        let socket = if self.server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if self.server.is_ipv4() == self.from.is_ipv4() {
            socket.bind(SocketAddr::new(self.from, 0))?;
        }
        socket.connect(self.server).await
    }
}

impl Connection {
    /// Opens one.
    pub(crate) async fn open(scene: &Scene) -> io::Result<Self> {
        Ok(Self { stream: scene.strangers.connect().await?, received: BytesMut::new() })
    }

    /// Sends a request, reads the answer to its end and counts it.
    pub(crate) async fn exchange(&mut self, scene: &Scene, request: &Request<'_>) -> io::Result<Answer> {
        self.stream.write_all(&request.bytes()).await?;
        let answer = self.answer().await?;
        scene.seen.answered(answer.status);
        Ok(answer)
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        let end = loop {
            match self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end,
                None if self.received.len() > HEAD_BYTES_MAX => return Err(io::Error::other("a head without an end")),
                None => self.read().await?,
            }
        };
        let head = String::from_utf8_lossy(&self.received[..end]).to_ascii_lowercase();
        self.received.advance(end + 4);
        let field =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("an answer without a status"))?;
        // Only bodies of known length are asked for by those who read.
        let mut body: usize = field("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
        while body > 0 {
            let taken = body.min(self.received.len());
            self.received.advance(taken);
            body -= taken;
            if body > 0 {
                self.read().await?;
            }
        }
        if field("connection") == Some("close") {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(Answer { status, version: field("x-version-id").and_then(|id| id.parse().ok()) })
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) client: Option<ClientId>,
    /// More headers.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// Content type and content.
    pub(crate) body: Option<(&'a str, &'a [u8])>,
}

impl<'a> Request<'a> {
    /// `GET path`.
    pub(crate) const fn get(path: &'a str) -> Self {
        Self { method: "GET", path, client: None, headers: &[], body: None }
    }

    /// `POST path`.
    pub(crate) const fn post(path: &'a str, kind: &'a str, content: &'a [u8]) -> Self {
        Self { method: "POST", path, client: None, headers: &[], body: Some((kind, content)) }
    }

    /// In an account's name.
    pub(crate) const fn of(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    /// As it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.path), "host: sync.example.org".to_owned()];
        lines.extend(self.client.map(|client| format!("{X_CLIENT_ID}: {}", client.expose())));
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        if let Some((kind, content)) = self.body {
            lines.push(format!("content-type: {kind}"));
            lines.push(format!("content-length: {}", content.len()));
        }
        let mut bytes = (lines.join("\r\n") + "\r\n\r\n").into_bytes();
        bytes.extend_from_slice(self.body.map_or(&[], |(_, content)| content));
        bytes
    }
}
