//! The reference server's data, as the published reference crates wrote it, and a computer that synced with it
//! (`tests/fixtures/reference`, whose `make.sh` makes it again).

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use crate::{SyncSettings, TaskHome};

const DATA: &[u8] = include_bytes!("../fixtures/reference/taskchampion-sync-server.sqlite3");
const LAPTOP: &[u8] = include_bytes!("../fixtures/reference/laptop.sqlite3");
const ACCOUNT: &str = include_str!("../fixtures/reference/account");
/// Its file's name.
pub const FILE: &str = "taskchampion-sync-server.sqlite3";

/// Lays the reference's data into a directory.
#[track_caller]
pub fn lay_into(directory: &Path) {
    fs::create_dir_all(directory).expect("a folder");
    fs::write(directory.join(FILE), DATA).expect("the reference's data");
}

/// What the computers of the account need that really has one, on a server at `url`.
#[track_caller]
pub fn settings(url: &str) -> SyncSettings {
    let value = |key: &str| ACCOUNT.lines().find_map(|line| line.strip_prefix(key)).expect("a setting").to_owned();
    SyncSettings {
        url: url.to_owned(),
        client_id: value("sync.server.client_id=").parse().expect("an ID"),
        secret: value("sync.encryption_secret="),
    }
}

/// That account's laptop, which has a task that it did not send yet, on a server at `url`.
#[track_caller]
pub fn laptop(url: &str) -> TaskHome {
    let laptop = TaskHome::with(&settings(url));
    let data = laptop.path().join(".task");
    fs::create_dir_all(&data).expect("a folder");
    fs::write(data.join("taskchampion.sqlite3"), LAPTOP).expect("its tasks");
    laptop
}

/// A version, as the reference has it: parent, ID and body.
pub type Version = (VersionId, VersionId, Vec<u8>);

/// All accounts of the reference's data in a directory, each with its chain from its beginning.
#[track_caller]
pub fn chains(directory: &Path) -> Vec<(ClientId, Vec<Version>)> {
    let db = Connection::open(directory.join(FILE)).expect("the reference's data");
    let id = |text: String| text.parse::<Uuid>().expect("an ID");
    let mut clients = db.prepare("SELECT client_id, latest_version_id FROM clients").expect("its tables");
    let clients = clients.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("its clients");
    let mut version = db
        .prepare("SELECT parent_version_id, history_segment FROM versions WHERE client_id = ?1 AND version_id = ?2")
        .expect("its tables");
    let chain = |client: &String, latest: String| {
        let (mut chain, mut at) = (Vec::new(), latest);
        while let Ok((parent, body)) =
            version.query_row([client, &at], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        {
            let ids = [&parent, &at].map(|text| VersionId::from_uuid(id(text.clone())));
            chain.push((ids[0], ids[1], body));
            at = parent;
        }
        chain.reverse();
        chain
    };
    let mut chain = chain;
    let clients: Vec<(String, String)> = clients.collect::<Result<_, _>>().expect("its clients");
    clients
        .into_iter()
        .map(|(client, latest)| (ClientId::from_uuid(id(client.clone())), chain(&client, latest)))
        .collect()
}
