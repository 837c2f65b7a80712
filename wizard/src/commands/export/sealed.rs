//! `taskferry export --sealed FILE`: the account as the server has it, versions and snapshot sealed as they are, in the form that
//! `taskferry-server account import` reads. With it a server can be left whose operator is out of reach: the devices
//! change the address, and nothing else.
//!
//! Nothing is opened, so the file tells nobody anything without the encryption secret; but it names the account.

use std::io::{self, BufWriter, Read as _, Seek as _, Write};
use std::path::Path;
use std::time::SystemTime;

use taskferry_protocol::VersionId;
use taskferry_protocol::account_file::{AccountFileError, Head, Kind, PIECE_BYTES, Record, Writer};

use super::{ExportError, NewFile};
use crate::credentials::Credentials;
use crate::credentials::unseal::Sealed;
use crate::error::Failure;
use crate::flow::Run;
use crate::server::account::Known;
use crate::server::sealed::{Child, Follows, Walk};
use crate::server::{Server, ServerError};

/// How often it is begun anew because the account changed in between.
const TRIES_MAX: u32 = 3;

/// Bytes of an account that are written: far more than any has, and less than disks have.
const BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// What was fetched: bodies in a file without a name, and what they are.
struct Fetched {
    records: Vec<Record>,
    bodies: std::fs::File,
    latest: VersionId,
}

/// Writes the file.
pub fn run(run: &mut Run<'_>, account: &Credentials, path: &Path) -> Result<(), Failure> {
    let new = NewFile::create(path)?;
    let server = run.server(account.server.clone())?;
    run.terminal.say(&format!("fetching the account from `{}`, sealed as it is …", account.server));
    let known = match run.ask_server(&server, |server| server.account(&account.client_id))? {
        Known::Account(info) => Some(*info),
        Known::Unknown | Known::Deleted | Known::NotOffered => None,
    };
    let fetched = fetch_whole(run, &server, account, path)?;
    let bytes = |wanted: fn(&Kind) -> bool| -> u64 {
        fetched.records.iter().filter(|record| wanted(&record.kind)).map(|record| record.bytes).sum()
    };
    let is_version = |kind: &Kind| matches!(kind, Kind::Version { .. });
    let versions = fetched.records.iter().filter(|record| is_version(&record.kind)).count();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let head = Head {
        client_id: account.client_id,
        server_epoch: known.as_ref().map(|known| known.epoch.clone()),
        exported_at: now.try_into().unwrap_or(0),
        created_at: known.as_ref().map(|known| known.created_at),
        latest_version_id: fetched.latest,
        versions: versions.try_into().unwrap_or(u64::MAX),
        version_bytes: bytes(is_version),
        snapshot_bytes: bytes(|kind| matches!(kind, Kind::Snapshot)),
    };
    let all = head.version_bytes + head.snapshot_bytes;
    new.write(|to| write(to, &head, fetched).map_err(io::Error::other))?;
    run.terminal.say(&format!(
        "the account, {versions} version{} and {all} bytes, is in `{}`, which only you can read\n\
         `taskferry-server account import FILE` puts it on another server; your computers then change the address, and \
         nothing else",
        if versions == 1 { "" } else { "s" },
        path.display()
    ));
    run.terminal.say_note(
        "the tasks in it are sealed: without the encryption secret of your computers nobody can read them, and neither can you",
    );
    Ok(())
}

fn fetch_whole(run: &mut Run<'_>, server: &Server, account: &Credentials, path: &Path) -> Result<Fetched, Failure> {
    let spool = |why| ExportError::Write { path: path.into(), why };
    for _ in 0..TRIES_MAX {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut bodies = tempfile::tempfile_in(folder).map_err(spool)?;
        let mut records = Vec::new();
        let snapshot = run.ask_server(server, |server| server.snapshot(&account.client_id))?;
        let at = snapshot.as_ref().map(|sealed| sealed.bound_to);
        if let Some(Sealed { bound_to, body }) = snapshot {
            records.push(record(Kind::Snapshot, bound_to, &body));
            bodies.write_all(&body).map_err(spool)?;
        }
        let Some(mut parent) = beginning(run, server, account, at)? else {
            return Err(ExportError::Incomplete.into());
        };
        let mut met_snapshot = at.is_none_or(|at| at == parent);
        let (mut walk, mut bytes) = (Walk::default(), 0_u64);
        while let Child::Found { id, sealed } =
            run.ask_server(server, |server| server.child(&account.client_id, parent))?
        {
            walk.step(server, parent, id)?;
            bytes += sealed.body.len() as u64;
            if bytes > BYTES_MAX {
                return Err(ServerError::TooLong { server: Box::new(server.url().clone()) }.into());
            }
            records.push(record(Kind::Version { parent }, id, &sealed.body));
            bodies.write_all(&sealed.body).map_err(spool)?;
            met_snapshot |= at == Some(id);
            parent = id;
        }
        if records.is_empty() {
            return Err(ExportError::Empty.into());
        }
        // Otherwise the history was cut or taken back while it was fetched.
        if met_snapshot {
            return Ok(Fetched { records, bodies, latest: parent });
        }
    }
    Err(ExportError::Incomplete.into())
}

/// Where the history that the server keeps begins: nil, or the snapshot's version.
fn beginning(
    run: &mut Run<'_>,
    server: &Server,
    account: &Credentials,
    snapshot: Option<VersionId>,
) -> Result<Option<VersionId>, ServerError> {
    match run.ask_server(server, |server| server.follows(&account.client_id, VersionId::NIL))? {
        Follows::Newer | Follows::Nothing => Ok(Some(VersionId::NIL)),
        Follows::Gone => Ok(snapshot),
    }
}

fn record(kind: Kind, version: VersionId, body: &[u8]) -> Record {
    // The protocol does not tell when it was stored.
    Record { kind, version, stored_at: None, bytes: body.len() as u64 }
}

fn write(to: &mut dyn Write, head: &Head, mut fetched: Fetched) -> Result<(), AccountFileError> {
    fetched.bodies.rewind()?;
    let mut bodies = io::BufReader::new(fetched.bodies);
    let mut writer = Writer::begin(BufWriter::new(to), head)?;
    let mut piece = vec![0; PIECE_BYTES];
    for record in &fetched.records {
        writer.record(record)?;
        let mut left = record.bytes;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            bodies.read_exact(&mut piece[..length])?;
            writer.piece(&piece[..length])?;
            left -= length as u64;
        }
    }
    writer.finish().map(drop)
}
