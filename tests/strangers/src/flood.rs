//! Strangers who ask, create and guess as fast as they are answered.

use std::io;
use std::net::Ipv6Addr;

use taskferry_protocol::wire::{ADD_VERSION, GET_CHILD_VERSION, HISTORY_SEGMENT, REGISTER, SNAPSHOT};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use crate::Scene;
use crate::connection::{Connection, Request};

pub(crate) async fn unknown_accounts(scene: &Scene) -> io::Result<()> {
    let mut connection = Connection::open(scene).await?;
    let history = format!("{GET_CHILD_VERSION}/{}", VersionId::NIL);
    loop {
        connection.exchange(scene, &Request::get(&history).of(ClientId::generate())).await?;
        connection.exchange(scene, &Request::get(SNAPSHOT).of(ClientId::generate())).await?;
    }
}

pub(crate) async fn forged_addresses(scene: &Scene) -> io::Result<()> {
    let mut connection = Connection::open(scene).await?;
    let history = format!("{GET_CHILD_VERSION}/{}", VersionId::NIL);
    loop {
        let client = ClientId::generate();
        // Random like the ID, and documented as nobody's (RFC 3849).
        let bits = client.expose().as_u128() & !(u128::MAX << 96) | 0x2001_0db8 << 96;
        let address = Ipv6Addr::from(bits).to_string();
        let request = Request { headers: &[("x-forwarded-for", &address)], ..Request::get(&history).of(client) };
        connection.exchange(scene, &request).await?;
    }
}

pub(crate) async fn new_accounts(scene: &Scene) -> io::Result<()> {
    let mut connection = Connection::open(scene).await?;
    let first = format!("{ADD_VERSION}/{}", VersionId::NIL);
    loop {
        let client = ClientId::generate();
        connection.exchange(scene, &Request::post(REGISTER, "application/json", b"{}").of(client)).await?;
        connection.exchange(scene, &Request::post(&first, HISTORY_SEGMENT, &[0; 700]).of(client)).await?;
    }
}

pub(crate) async fn pages(scene: &Scene) -> io::Result<()> {
    let mut connection = Connection::open(scene).await?;
    loop {
        for path in ["/", "/readyz", "/j", "/nothing-here", "/.well-known/taskferry"] {
            connection.exchange(scene, &Request::get(path)).await?;
        }
    }
}

/// All strangers share eight accounts, so that each has several connections at work.
pub(crate) async fn restless_device(scene: &Scene, number: usize) -> io::Result<()> {
    let mut connection = Connection::open(scene).await?;
    let client = ClientId::from_uuid(Uuid::from_u128(1 + (number % 8) as u128));
    let mut at = VersionId::NIL;
    loop {
        let request = format!("{GET_CHILD_VERSION}/{at}");
        let answer = connection.exchange(scene, &Request::get(&request).of(client)).await?;
        if let (200, Some(version)) = (answer.status, answer.version) {
            at = version;
            continue;
        }
        let request = format!("{ADD_VERSION}/{at}");
        let answer =
            connection.exchange(scene, &Request::post(&request, HISTORY_SEGMENT, &[1; 700]).of(client)).await?;
        if let (200, Some(version)) = (answer.status, answer.version) {
            at = version;
        }
    }
}
