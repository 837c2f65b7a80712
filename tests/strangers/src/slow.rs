//! Strangers who hold what they were given: connections, room for a body, room for an answer.

use std::io;
use std::time::Duration;

use taskferry_protocol::wire::{ADD_SNAPSHOT, ADD_VERSION, HISTORY_SEGMENT, SNAPSHOT, SNAPSHOT_BODY};
use taskferry_protocol::{ClientId, VersionId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::Scene;
use crate::connection::{Connection, Request};

/// Slower than anybody's link, fast enough to look alive.
const PAUSE: Duration = Duration::from_millis(500);
/// The most that a server holds in memory of one body, and more than any holds without having to.
const PIECE_BYTES: usize = 256 * 1024;
const FREE_BYTES: usize = 16 * 1024;
/// More than fits into the buffers between the two ends of a connection.
const LARGE_BYTES: usize = 16 * 1024 * 1024;

pub(crate) async fn half_open(scene: &Scene) -> io::Result<()> {
    let mut stream = scene.strangers.connect().await?;
    scene.seen.held();
    until_cut(&mut stream).await
}

pub(crate) async fn slow_heads(scene: &Scene) -> io::Result<()> {
    let stream = scene.strangers.connect().await?;
    trickle(scene, stream, b"GET / HTTP/1.1\r\nhost: sync.example.org\r\nx-slow: ").await
}

pub(crate) async fn slow_bodies(scene: &Scene) -> io::Result<()> {
    let stream = scene.strangers.connect().await?;
    let path = format!("{ADD_VERSION}/{}", VersionId::NIL);
    let length = LARGE_BYTES.to_string();
    let headers = [("content-type", HISTORY_SEGMENT), ("content-length", &length)];
    let request = Request { method: "POST", headers: &headers, ..Request::get(&path) };
    trickle(scene, stream, &request.of(ClientId::generate()).bytes()).await
}

pub(crate) async fn hoarders(scene: &Scene) -> io::Result<()> {
    let client = ClientId::from_uuid(Uuid::from_u128(7));
    let path = format!("{ADD_VERSION}/{}", VersionId::NIL);
    let small = Request::post(&path, HISTORY_SEGMENT, &[1; 700]).of(client);
    Connection::open(scene).await?.exchange(scene, &small).await?;
    let stream = scene.strangers.connect().await?;
    let length = PIECE_BYTES.to_string();
    let headers = [("content-type", HISTORY_SEGMENT), ("content-length", &length)];
    let mut start = Request { method: "POST", headers: &headers, ..Request::get(&path) }.of(client).bytes();
    start.resize(start.len() + FREE_BYTES + 1, 1);
    trickle(scene, stream, &start).await
}

/// Sends `start` at once and then a byte now and then.
async fn trickle(scene: &Scene, mut stream: TcpStream, start: &[u8]) -> io::Result<()> {
    stream.write_all(start).await?;
    loop {
        stream.write_all(b"x").await?;
        scene.seen.held();
        // The server's last word, or its end of the connection, is what ends this one.
        if let Ok(ended) = tokio::time::timeout(PAUSE, until_cut(&mut stream)).await {
            return ended;
        }
    }
}

/// Stores a snapshot and asks for it without taking it.
pub(crate) async fn deaf_readers(scene: &Scene) -> io::Result<()> {
    let client = ClientId::generate();
    let mut connection = Connection::open(scene).await?;
    let path = format!("{ADD_VERSION}/{}", VersionId::NIL);
    let answer = connection.exchange(scene, &Request::post(&path, HISTORY_SEGMENT, &[1; 700]).of(client)).await?;
    let Some(version) = answer.version else { return Err(io::ErrorKind::ConnectionRefused.into()) };
    let path = format!("{ADD_SNAPSHOT}/{version}");
    let content = vec![5; LARGE_BYTES];
    connection.exchange(scene, &Request::post(&path, SNAPSHOT_BODY, &content).of(client)).await?;
    drop(content);
    let mut stream = scene.strangers.connect().await?;
    stream.write_all(&Request::get(SNAPSHOT).of(client).bytes()).await?;
    scene.seen.held();
    // Nothing can be read without taking it, so only an error tells that the server gave up.
    stream.ready(Interest::ERROR).await?;
    Err(stream.take_error()?.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into()))
}

/// Reads and forgets until the server ends the connection.
async fn until_cut(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 512];
    loop {
        if stream.read(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
