//! Strangers who send more than anybody should take.

use std::io;

use taskferry_protocol::wire::{ADD_SNAPSHOT, ADD_VERSION, HISTORY_SEGMENT, SNAPSHOT_BODY};
use taskferry_protocol::{ClientId, VersionId};
use tokio::io::AsyncWriteExt as _;

use crate::Scene;
use crate::connection::{Connection, Request};

/// As large as the versions of a first sync.
const VERSION_BYTES: usize = 1024 * 1024;
/// One header line of those that never end.
const LINE: &[u8; 1024] = &{
    let mut line = [b'x'; 1024];
    line[1] = b':';
    line[1022] = b'\r';
    line[1023] = b'\n';
    line
};

/// Fills one account after another, each as long as it is let.
pub(crate) async fn greedy_account(scene: &Scene) -> io::Result<()> {
    let mut connection = Connection::open(scene).await?;
    let content = vec![7; VERSION_BYTES];
    let client = ClientId::generate();
    let mut at = VersionId::NIL;
    loop {
        let request = format!("{ADD_VERSION}/{at}");
        let answer = connection.exchange(scene, &Request::post(&request, HISTORY_SEGMENT, &content).of(client)).await?;
        match answer.version {
            Some(version) if answer.status == 200 => at = version,
            // Another account then.
            _ => return Ok(()),
        }
        let request = format!("{ADD_SNAPSHOT}/{at}");
        connection.exchange(scene, &Request::post(&request, SNAPSHOT_BODY, &content).of(client)).await?;
    }
}

/// Header after header, until the server has enough.
pub(crate) async fn huge_heads(scene: &Scene) -> io::Result<()> {
    let mut stream = scene.strangers.connect().await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: sync.example.org\r\n").await?;
    loop {
        stream.write_all(LINE).await?;
    }
}
