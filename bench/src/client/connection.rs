//! One keep-alive connection: a request, its answer, the next request. Small requests leave in one write.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, BytesMut};
use taskferry_protocol::ClientId;
use taskferry_protocol::wire::X_CLIENT_ID;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::body::BodyReader;
use super::head::{self, Head};
use super::pattern::Pattern;

/// Room for what arrives in one read of a large body.
const READ_BYTES: usize = 64 * 1024;

/// What a request carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    /// Nothing: a GET.
    None,
    /// A small body, and its content type.
    Bytes(&'static str, &'a [u8]),
    /// A large body, and its content type.
    Pattern(&'static str, &'a Pattern),
}

/// An answer, read to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// Its head.
    pub(crate) head: Head,
    /// The length of its body in bytes.
    pub(crate) bytes: u64,
    /// Whether the body is the expected one; true where none was expected.
    pub(crate) intact: bool,
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    received: BytesMut,
    out: Vec<u8>,
    traffic: Traffic,
}

/// What went over a connection, with the heads of HTTP, without what TCP and TLS add.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    /// Bytes to the server.
    pub(crate) up: u64,
    /// Bytes from the server.
    pub(crate) down: u64,
    /// Requests answered.
    pub(crate) requests: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
        self.requests += other.requests;
    }
}

impl Connection {
    /// Opens one.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            address,
            stream: connect(address).await?,
            received: BytesMut::with_capacity(4096),
            out: Vec::with_capacity(2048),
            traffic: Traffic::default(),
        })
    }

    /// A new connection in place of this one, which was cut.
    pub(crate) async fn reopen(&mut self) -> Result<()> {
        self.stream = connect(self.address).await?;
        self.received.clear();
        Ok(())
    }

    /// What went over it so far.
    pub(crate) const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Sends a request and reads its answer to the end, comparing the body with `expected`.
    pub(crate) async fn exchange(
        &mut self,
        path: std::fmt::Arguments<'_>,
        client: ClientId,
        body: Body<'_>,
        expected: Option<&Pattern>,
    ) -> Result<Answer> {
        self.send(path, client, body).await.context("could not send a request")?;
        let answer = self.receive(expected).await.context("could not read an answer")?;
        self.traffic.requests += 1;
        if answer.head.closes {
            self.reopen().await?;
        }
        Ok(answer)
    }

    async fn send(&mut self, path: std::fmt::Arguments<'_>, client: ClientId, body: Body<'_>) -> Result<()> {
        let (address, client) = (self.address, client.expose());
        let out = &mut self.out;
        out.clear();
        let (method, content) = match body {
            Body::None => ("GET", None),
            Body::Bytes(kind, bytes) => ("POST", Some((kind, bytes.len() as u64))),
            Body::Pattern(kind, pattern) => ("POST", Some((kind, pattern.length()))),
        };
        write!(out, "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{X_CLIENT_ID}: {client}\r\n")?;
        if let Some((kind, length)) = content {
            write!(out, "content-type: {kind}\r\ncontent-length: {length}\r\n")?;
        }
        out.extend_from_slice(b"\r\n");
        if let Body::Bytes(_, bytes) = body {
            out.extend_from_slice(bytes);
        }
        self.stream.write_all(out).await?;
        self.traffic.up += out.len() as u64;
        if let Body::Pattern(_, pattern) = body {
            let mut position = 0;
            while position < pattern.length() {
                let piece = pattern.at(position);
                self.stream.write_all(piece).await?;
                position += piece.len() as u64;
            }
            self.traffic.up += position;
        }
        Ok(())
    }

    async fn receive(&mut self, expected: Option<&Pattern>) -> Result<Answer> {
        let head = loop {
            if let Some((head, length)) = head::parse(&self.received)? {
                self.received.advance(length);
                break head;
            }
            self.read().await?;
        };
        let mut body = BodyReader::new(head.framing);
        let (mut bytes, mut intact) = (0, true);
        loop {
            let used = body.feed(&self.received, |data| {
                intact &= expected.is_none_or(|pattern| pattern.matches(bytes, data));
                bytes += data.len() as u64;
            })?;
            self.received.advance(used);
            if body.is_done() {
                break;
            }
            self.read().await?;
        }
        ensure!(self.received.is_empty(), "the server sent more than its answer");
        intact &= expected.is_none_or(|pattern| pattern.length() == bytes);
        Ok(Answer { head, bytes, intact })
    }

    async fn read(&mut self) -> Result<()> {
        // Grows to `READ_BYTES` only where a body asks for it: answers without one fit into what is there.
        if self.received.capacity() - self.received.len() < 1024 {
            self.received.reserve(READ_BYTES);
        }
        let length = self.stream.read_buf(&mut self.received).await?;
        ensure!(length > 0, "the server closed the connection");
        self.traffic.down += length as u64;
        Ok(())
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("could not connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::wire::HISTORY_SEGMENT;
    use tokio::net::TcpListener;

    use super::*;
    use crate::load::runtime;

    /// A server that reads one request of `length` bytes for each answer, and sends that byte by byte.
    async fn scripted(listener: TcpListener, answers: &[(usize, &str)]) -> Result<Vec<String>> {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut requests = Vec::new();
        for (length, answer) in answers {
            let mut request = vec![0; *length];
            stream.read_exact(&mut request).await?;
            requests.push(String::from_utf8(request)?);
            for byte in answer.as_bytes() {
                stream.write_all(&[*byte]).await?;
                tokio::task::yield_now().await;
            }
        }
        Ok(requests)
    }

    #[test]
    fn one_connection_carries_request_after_request() {
        let client = ClientId::generate();
        let id = client.expose();
        let head = |line: &str, host: SocketAddr| format!("{line} HTTP/1.1\r\nhost: {host}\r\nx-client-id: {id}\r\n");
        runtime().unwrap().block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let post = format!(
                "{}content-type: {HISTORY_SEGMENT}\r\ncontent-length: 5\r\n\r\nhello",
                head("POST /a", address)
            );
            let get = format!("{}\r\n", head("GET /b", address));
            let answers = [
                (post.len(), "HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n"),
                (get.len(), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            ];
            let ours = async {
                let mut connection = Connection::open(address).await?;
                let first = connection
                    .exchange(format_args!("/a"), client, Body::Bytes(HISTORY_SEGMENT, b"hello"), None)
                    .await?;
                let second = connection.exchange(format_args!("/b"), client, Body::None, None).await?;
                anyhow::Ok((first, second, connection.traffic()))
            };
            let (theirs, ours) = tokio::join!(scripted(listener, &answers), ours);
            let (first, second, traffic) = ours.unwrap();
            assert_eq!((first.head.status, first.bytes), (409, 0));
            assert_eq!((second.head.status, second.bytes), (200, 3));
            assert_eq!(traffic.requests, 2);
            assert_eq!(traffic.up, (post.len() + get.len()) as u64);
            assert_eq!(traffic.down, (answers[0].1.len() + answers[1].1.len()) as u64);
            assert_eq!(theirs.unwrap(), [post, get]);
        });
    }

    #[test]
    fn another_body_than_expected_is_noticed() {
        let expected = crate::client::Block::new(1).pattern(0, 3);
        runtime().unwrap().block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let answers = [(10, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc")];
            let ours = async {
                let mut connection = Connection::open(address).await?;
                let id = ClientId::generate();
                connection.exchange(format_args!("/c"), id, Body::None, Some(&expected)).await
            };
            let (_, answer) = tokio::join!(scripted(listener, &answers), ours);
            assert!(!answer.unwrap().intact);
        });
    }
}
