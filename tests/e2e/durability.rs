//! What was acknowledged survives restarts and crashes.

use std::sync::mpsc;
use std::{fs, thread};

use e2e::account::Version;
use e2e::{Account, TestServer};
use rusqlite::{Connection, OpenFlags};
use taskferry_protocol::VersionId;

use crate::server;

#[test]
fn a_restart_keeps_versions_and_snapshots() {
    let mut server = server();
    let account = server.account();
    let [.., latest] = account.grow::<3>();
    account.add_snapshot(latest, "a snapshot").good();
    let before = (account.chain(), account.snapshot().good().body, account.info());

    server.restart();
    assert_eq!((account.chain(), account.snapshot().good().body, account.info()), before);
    account.append(latest, "after the restart");
}

/// Killed again and again in the middle of writing. This shows order and completeness. It can't show that nothing is
/// acknowledged before it is on the disk: the operating system keeps what a killed process wrote, and only a disk that
/// forgets would tell.
#[test]
fn a_killed_server_has_every_acknowledged_version_and_whole_chains() {
    const ROUNDS: usize = 5;
    const WRITERS: usize = 4;
    const ACKNOWLEDGED_PER_ROUND: usize = 60;

    let mut server = server();
    let mut writers: Vec<Writer> = (0..WRITERS).map(|_| Writer::new(server.account())).collect();
    for _ in 0..ROUNDS {
        let (acknowledge, acknowledged) = mpsc::channel();
        thread::scope(|scope| {
            for writer in &mut writers {
                let acknowledge = acknowledge.clone();
                scope.spawn(move || writer.write_until_cut_off(&acknowledge));
            }
            drop(acknowledge);
            assert_eq!(acknowledged.iter().take(ACKNOWLEDGED_PER_ROUND).count(), ACKNOWLEDGED_PER_ROUND);
            server.kill();
        });
        assert_eq!(integrity(&server), "ok");
        server.start();
        writers.iter_mut().for_each(Writer::compare);
    }
}

/// Appends one version after the other, and remembers what the server promised.
struct Writer {
    account: Account,
    acknowledged: Vec<Version>,
}

impl Writer {
    const fn new(account: Account) -> Self {
        Self { account, acknowledged: Vec::new() }
    }

    fn latest(&self) -> VersionId {
        self.acknowledged.last().map_or(VersionId::NIL, |version| version.id)
    }

    /// Bodies differ in content and size: most are small, some take more than one page, few are large.
    fn next_body(&self) -> Vec<u8> {
        let number = self.acknowledged.len();
        let size = match number % 20 {
            19 => 300_000,
            9 => 20_000,
            _ => 500,
        };
        format!("version {number} ").into_bytes().into_iter().cycle().take(size).collect()
    }

    fn write_until_cut_off(&mut self, acknowledge: &mpsc::Sender<()>) {
        let server = self.account.server();
        loop {
            let (parent, body) = (self.latest(), self.next_body());
            let Ok(answer) = self.account.adding_version(parent, body.clone()).try_send(server) else {
                return;
            };
            self.acknowledged.push(Version { id: answer.good().version_id(), parent, body });
            // Nobody counts any more once the round has enough.
            let _ = acknowledge.send(());
        }
    }

    /// The chain is what was acknowledged, and at most the one version whose answer was cut off.
    fn compare(&mut self) {
        let chain = self.account.chain();
        let (promised, rest) = chain.split_at_checked(self.acknowledged.len()).expect("every acknowledged version");
        assert!(promised == self.acknowledged, "the chain is not what was acknowledged");
        match rest {
            [] => {}
            [cut_off] => {
                assert!((cut_off.parent, &cut_off.body) == (self.latest(), &self.next_body()), "a version nobody sent");
            }
            _ => panic!("{} versions more than were sent", rest.len()),
        }
        self.acknowledged = chain;
    }
}

/// What SQLite says about the database of a server that is down, on a copy, so that recovery stays the server's own task.
fn integrity(server: &TestServer) -> String {
    let copy = tempfile::tempdir().expect("a temporary folder");
    let mut databases = Vec::new();
    for file in fs::read_dir(server.data_dir()).expect("the data directory") {
        let file = file.expect("the data directory").path();
        let name = file.file_name().expect("a file's name");
        if file.is_file() {
            fs::copy(&file, copy.path().join(name)).expect("a copy");
        }
        if file.extension().is_some_and(|extension| extension == "sqlite3") {
            databases.push(copy.path().join(name));
        }
    }
    let [database] = &databases[..] else { panic!("one database expected: {databases:?}") };
    let database =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the copied database");
    database.pragma_query_value(None, "integrity_check", |row| row.get(0)).expect("an integrity check")
}
