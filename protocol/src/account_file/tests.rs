//! Account files of every shape: what goes in comes out, and what is not whole is never taken for it.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::ClientId;

fn id(n: u128) -> VersionId {
    VersionId::from_uuid(Uuid::from_u128(n))
}

/// An account, all of it in memory.
#[derive(Debug, Clone, PartialEq)]
struct Account {
    snapshot: Option<(VersionId, Option<i64>, Vec<u8>)>,
    /// Version, parent, when, body.
    versions: Vec<(VersionId, VersionId, Option<i64>, Vec<u8>)>,
}

impl Account {
    /// Versions `first`, `first` + 1 and so on, of these sizes, behind the one before.
    fn chain(first: u128, sizes: &[usize]) -> Self {
        let version = |(n, size): (u128, &usize)| {
            (id(first + n), id(first + n - 1), Some(1_795_000_000), vec![u8::try_from(n % 251).unwrap(); *size])
        };
        Self { snapshot: None, versions: (0..).zip(sizes).map(version).collect() }
    }

    fn with_snapshot(self, version: u128, body: &[u8]) -> Self {
        Self { snapshot: Some((id(version), None, body.to_vec())), ..self }
    }

    fn head(&self) -> Head {
        let snapshot = self.snapshot.as_ref();
        Head {
            client_id: ClientId::from_uuid(Uuid::from_u128(0x7ec5_a4d2)),
            server_epoch: Some("an epoch".to_owned()),
            exported_at: 1_795_000_001,
            created_at: None,
            latest_version_id: self
                .versions
                .last()
                .map_or(snapshot.map_or(VersionId::NIL, |(version, ..)| *version), |(version, ..)| *version),
            versions: self.versions.len() as u64,
            version_bytes: self.versions.iter().map(|(.., body)| body.len() as u64).sum(),
            snapshot_bytes: snapshot.map_or(0, |(.., body)| body.len() as u64),
        }
    }

    fn write_as(&self, head: &Head) -> Result<Vec<u8>, AccountFileError> {
        let mut writer = Writer::begin(Vec::new(), head)?;
        if let Some((version, stored_at, body)) = &self.snapshot {
            let (version, stored_at) = (*version, *stored_at);
            writer.record(&Record { kind: Kind::Snapshot, version, stored_at, bytes: body.len() as u64 })?;
            writer.piece(body)?;
        }
        for (version, parent, stored_at, body) in &self.versions {
            let (version, parent, stored_at) = (*version, *parent, *stored_at);
            writer.record(&Record { kind: Kind::Version { parent }, version, stored_at, bytes: body.len() as u64 })?;
            body.chunks(100_000).try_for_each(|piece| writer.piece(piece))?;
        }
        writer.finish()
    }

    fn write(&self) -> Vec<u8> {
        self.write_as(&self.head()).unwrap()
    }

    fn read(file: &[u8]) -> Result<(Head, Self), AccountFileError> {
        let mut reader = Reader::open(file)?;
        let mut found = Self { snapshot: None, versions: Vec::new() };
        while let Some(Record { kind, version, stored_at, bytes }) = reader.next()? {
            let mut body = Vec::new();
            while let Some(piece) = reader.piece()? {
                assert!(body.len() % PIECE_BYTES == 0, "only the last piece is shorter");
                body.extend_from_slice(piece);
            }
            assert_eq!(body.len() as u64, bytes);
            match kind {
                Kind::Snapshot => found.snapshot = Some((version, stored_at, body)),
                Kind::Version { parent } => found.versions.push((version, parent, stored_at, body)),
            }
        }
        Ok((reader.head().clone(), found))
    }
}

#[track_caller]
fn is_refused(account: &Account, flaw: Flaw) {
    let written = account.write_as(&account.head());
    assert!(matches!(&written, Err(AccountFileError::Flaw(found)) if *found == flaw), "{written:?}");
}

/// What the writer lets through, with something put in its place afterwards, and the checksum made right again.
fn forged(account: &Account, from: &[u8], to: &[u8]) -> Result<(Head, Account), AccountFileError> {
    let mut file = account.write();
    let at = file.windows(from.len()).position(|window| window == from).unwrap();
    file.splice(at..at + from.len(), to.iter().copied());
    let end = file.len() - 32;
    let sum = ring::digest::digest(&ring::digest::SHA256, &file[..end]);
    file[end..].copy_from_slice(sum.as_ref());
    Account::read(&file)
}

/// The file of docs/PROTOCOL.md, read from there: what is published is what is tested.
#[test]
fn the_published_file_is_what_is_written_and_read() {
    let page = include_str!("../../../docs/PROTOCOL.md");
    let dump = page.split("```hex\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let digits: String = dump.split_whitespace().collect();
    let published = data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap();

    let (client_id, first, second) = (
        "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10",
        "11111111-1111-4111-8111-111111111111",
        "22222222-2222-4222-8222-222222222222",
    );
    let (first, second): (VersionId, VersionId) = (first.parse().unwrap(), second.parse().unwrap());
    let account = Account {
        snapshot: Some((first, Some(1_795_402_150), b"a sealed snapshot".to_vec())),
        versions: vec![
            (first, VersionId::NIL, Some(1_795_402_149), b"a sealed version".to_vec()),
            (second, first, None, b"another one".to_vec()),
        ],
    };
    let head = Head {
        client_id: client_id.parse().unwrap(),
        server_epoch: None,
        exported_at: 1_795_402_311,
        created_at: Some(1_795_402_149),
        ..account.head()
    };
    let written = account.write_as(&head).unwrap();
    assert_eq!(data_encoding::HEXLOWER.encode(&written), digits);
    assert_eq!(Account::read(&published).unwrap(), (head, account));
}

#[test]
fn bodies_larger_than_a_piece_arrive_whole() {
    let account = Account::chain(1, &[1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 700_000])
        .with_snapshot(3, &vec![7; 600_000]);
    assert!(Account::read(&account.write()).unwrap().1 == account);
}

#[test]
fn every_account_that_a_server_may_hold_has_a_file() {
    let empty = Account::chain(1, &[]);
    let moved_here = Account::chain(9, &[5, 5]);
    let pruned = Account::chain(9, &[5, 5]).with_snapshot(8, b"before the first one");
    let nothing_but_a_snapshot = Account::chain(1, &[]).with_snapshot(8, b"all that is known");
    for account in [empty, moved_here, pruned, nothing_but_a_snapshot] {
        let file = account.write();
        assert_eq!(Account::read(&file).unwrap(), (account.head(), account.clone()));
        assert_eq!(check(&*file).unwrap(), account.head());
    }
}

#[test]
fn a_body_is_found_again_where_it_was() {
    let file = Account::chain(1, &[5, 600_000, 5]).with_snapshot(2, b"the snapshot").write();
    let (mut places, mut reader) = (Vec::new(), Reader::open(&*file).unwrap());
    while let Some(record) = reader.next().unwrap() {
        places.push((usize::try_from(reader.position()).unwrap(), usize::try_from(record.bytes).unwrap()));
    }
    let bodies: Vec<_> = places.into_iter().map(|(at, bytes)| &file[at..at + bytes]).collect();
    assert_eq!((bodies[0], bodies[1]), (&b"the snapshot"[..], &[0; 5][..]));
    assert!(bodies[2] == vec![1; 600_000] && bodies[3] == [2; 5]);
}

#[test]
fn a_body_that_nobody_reads_is_checked_all_the_same() {
    let mut file = Account::chain(1, &[600_000, 5]).write();
    file[300_000] ^= 1;
    assert!(matches!(check(&*file), Err(AccountFileError::Damaged)));
}

#[test]
fn what_makes_no_account_is_neither_written_nor_read() {
    let chain = || Account::chain(1, &[5, 5, 5]);
    let with = |change: fn(&mut Account)| {
        let mut account = chain();
        change(&mut account);
        account
    };
    is_refused(&with(|account| account.versions[1].1 = id(77)), Flaw::Order);
    is_refused(&with(|account| account.versions.swap(0, 1)), Flaw::Order);
    is_refused(&with(|account| account.versions[2].0 = id(1)), Flaw::Repeated);
    is_refused(&with(|account| account.versions[2].0 = VersionId::NIL), Flaw::Nil);
    is_refused(&with(|account| account.versions[1].3.clear()), Flaw::Size);
    is_refused(&with(|account| account.versions[1].2 = Some(-1)), Flaw::Time);
    is_refused(&chain().with_snapshot(77, b"of another account"), Flaw::SnapshotOfNothing);
    is_refused(&Account::chain(9, &[5]).with_snapshot(7, b"long before it"), Flaw::SnapshotOfNothing);

    let forged = |from: &[u8], to: &[u8]| match forged(&chain(), from, to) {
        Err(AccountFileError::Flaw(flaw)) => flaw,
        other => panic!("{other:?}"),
    };
    assert_eq!(forged(id(2).as_bytes(), id(66).as_bytes()), Flaw::Order);
    assert_eq!(forged(b"\"versions\":3", b"\"versions\":2"), Flaw::Miscounted);
    assert_eq!(forged(b"\"versions\":3", b"\"versions\":4"), Flaw::Miscounted);
    assert_eq!(forged(b"\"versions\":3", b"\"versions\":30000000"), Flaw::TooMany);
    assert_eq!(forged(b"\"version_bytes\":15", b"\"version_bytes\":16"), Flaw::Miscounted);
    assert_eq!(forged(b"\"snapshot_bytes\":0", b"\"snapshot_bytes\":1"), Flaw::Miscounted);
    assert_eq!(forged(b"000000000003\"", b"000000000004\""), Flaw::Miscounted);
}

#[test]
fn a_second_snapshot_and_one_behind_a_version_are_refused() {
    let account = Account::chain(1, &[5]).with_snapshot(1, b"snapshot");
    let snapshot = Record { kind: Kind::Snapshot, version: id(1), stored_at: None, bytes: 8 };
    let version = Record { kind: Kind::Version { parent: id(0) }, version: id(1), stored_at: None, bytes: 8 };
    for first in [snapshot, version] {
        let mut writer = Writer::begin(Vec::new(), &account.head()).unwrap();
        writer.record(&first).unwrap();
        writer.piece(b"snapshot").unwrap();
        assert!(matches!(writer.record(&snapshot), Err(AccountFileError::Flaw(Flaw::Snapshot))));
    }
}

#[test]
fn a_body_has_the_size_that_was_announced() {
    let head = Account::chain(1, &[5]).head();
    let record = Record { kind: Kind::Version { parent: id(0) }, version: id(1), stored_at: None, bytes: 5 };
    let mut writer = Writer::begin(Vec::new(), &head).unwrap();
    writer.record(&record).unwrap();
    writer.piece(b"four").unwrap();
    assert!(matches!(writer.piece(b"ty"), Err(AccountFileError::Flaw(Flaw::Body))));
    assert!(matches!(writer.finish(), Err(AccountFileError::Flaw(Flaw::Body))));
}

#[test]
fn other_files_are_told_from_damaged_ones() {
    let file = Account::chain(1, &[5]).write();
    for other in [&b"SQLite format 3\0"[..], b"TASKFERRY-ACCOUNT one\n", b"TASKFERRY-ACCOUNT 1 and more\n", b"\n"] {
        assert!(matches!(check(other), Err(AccountFileError::NotOne)), "{other:?}");
    }
    let later = [b"TASKFERRY-ACCOUNT 2", &file[19..]].concat();
    assert!(matches!(check(&*later), Err(AccountFileError::UnknownFormat)));
    assert!(matches!(check(&[&*file, b"\n"].concat()[..]), Err(AccountFileError::Damaged)));
    let long = [b"TASKFERRY-ACCOUNT 1\n{", &[b' '; HEAD_BYTES_MAX][..], b"}\n"].concat();
    assert!(matches!(check(&*long), Err(AccountFileError::Damaged)));
}

#[test]
fn a_file_says_nothing_of_whose_account_it_is_by_accident() {
    let file = Account::chain(1, &[5]).write();
    let shown = format!("{:?}", Reader::open(&*file).unwrap());
    assert!(shown.contains("ClientId(…)") && !shown.contains("7ec5a4d2"), "{shown}");
    let mistyped = String::from_utf8_lossy(&file[..40]).replace("00000000", "0000000!");
    let error = check(mistyped.as_bytes()).unwrap_err();
    assert!(!error.to_string().contains("0000"), "{error}");
}

fn accounts() -> impl Strategy<Value = Account> {
    let version = (1_usize..40, proptest::option::of(1_i64..i64::MAX));
    let versions = proptest::collection::vec(version, 0..6);
    (versions, 1_u128..9, proptest::option::of((0_usize..7, 1_usize..60))).prop_map(|(versions, first, snapshot)| {
        let mut account = Account::chain(first + 1, &versions.iter().map(|(size, _)| *size).collect::<Vec<_>>());
        for (version, (_, stored_at)) in account.versions.iter_mut().zip(&versions) {
            version.2 = *stored_at;
        }
        // From right before the first version to the last one.
        let at = |place: usize| first + place.min(versions.len()) as u128;
        account.snapshot = snapshot.map(|(place, size)| (id(at(place)), Some(7), vec![9; size]));
        account
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(account in accounts()) {
        prop_assert_eq!(Account::read(&account.write())?, (account.head(), account));
    }

    #[test]
    fn wherever_a_file_is_cut_it_is_noticed(account in accounts()) {
        let file = account.write();
        for length in 0..file.len() {
            let cut = check(&file[..length]);
            prop_assert!(matches!(cut, Err(AccountFileError::CutOff)), "{} of {}: {:?}", length, file.len(), cut);
        }
    }

    #[test]
    fn whichever_byte_is_altered_it_is_noticed(account in accounts(), flip in 1_u8..=255) {
        let file = account.write();
        for at in 0..file.len() {
            let mut altered = file.clone();
            altered[at] ^= flip;
            prop_assert!(check(&*altered).is_err(), "byte {} of {}", at, file.len());
        }
    }

    #[test]
    fn no_input_makes_the_reader_stumble(bytes: Vec<u8>) {
        let _ = check(&*bytes);
        let head = Account::chain(1, &[5]).write();
        let _ = check(&*[&head[..head.len() - 90], &bytes].concat());
    }
}
