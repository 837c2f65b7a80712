//! Several accounts and what each of them was told: plays the history, writes down every answer, compares.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use faultfs::FaultFs;
use futures_util::FutureExt as _;
use futures_util::future::{MaybeDone, join_all, maybe_done};
use taskferry_protocol::VersionId;

use super::super::SqliteStorage;
use super::disk::{open, open_with};
use super::inspect::unsound;
use crate::storage::body::{Incoming, Outgoing, Staging};
use crate::storage::conformance::{add, client, put_snapshot, register, version};
use crate::storage::{Admit, Change, CommitError, Storage as _, StorageError};

/// Goes on with a request as far as it comes without waiting. Whether it was answered.
fn poll<F: Future + Unpin>(request: &mut MaybeDone<F>) -> bool {
    request.now_or_never().is_some()
}

/// What one account was told, in order.
#[derive(Debug, Default, Clone)]
pub(super) struct Told {
    /// It exists.
    exists: bool,
    /// Its chain, from nil on.
    pub(super) versions: Vec<(VersionId, Bytes)>,
    snapshot: Option<(VersionId, Bytes)>,
    /// Versions whose storing failed, with their parents. After a loss of power they may turn out to be there, and only then.
    pub(super) doubtful: Vec<(VersionId, VersionId, Bytes)>,
    /// Likewise.
    pub(super) doubtful_snapshots: Vec<(VersionId, Bytes)>,
}

impl Told {
    fn latest(&self) -> VersionId {
        self.versions.last().map_or(VersionId::NIL, |(version, _)| *version)
    }
}

/// What one request wants.
#[derive(Debug, Clone)]
enum Wish {
    Register,
    Add(VersionId, VersionId, Bytes),
    /// A version that does not follow the latest one.
    Stray,
    Snapshot(VersionId, Bytes),
}

pub(super) type Ledger = BTreeMap<u128, Told>;

/// Storage on a disk, and what it told everybody.
pub(super) struct World {
    pub(super) fs: FaultFs,
    storage: SqliteStorage,
    pub(super) ledger: Ledger,
    /// For IDs and bodies: each is there once.
    pub(super) last: u128,
}

impl World {
    pub(super) fn on(fs: &FaultFs, synchronous: Option<&str>) -> Self {
        let storage = open_with(fs, synchronous).unwrap();
        Self { fs: fs.clone(), storage, ledger: Ledger::new(), last: 0 }
    }

    /// The same accounts, found again on another disk or after a restart.
    pub(super) fn found_on(fs: &FaultFs, ledger: Ledger, last: u128) -> Self {
        Self { fs: fs.clone(), storage: open(fs).unwrap(), ledger, last }
    }

    fn told(&mut self, who: u128) -> &mut Told {
        self.ledger.entry(who).or_default()
    }

    fn body(&mut self, bytes: usize) -> Bytes {
        self.last += 1;
        // No sixteen bytes of any body are those of another place in it, or of another body.
        let mut body = Vec::with_capacity(bytes + 16);
        for at in 0..bytes.div_ceil(16) {
            body.extend_from_slice(&(self.last << 64 | at as u128).to_le_bytes());
        }
        body.truncate(bytes);
        body.into()
    }

    fn wish_to_add(&mut self, who: u128, bytes: usize) -> Wish {
        let body = self.body(bytes);
        let id = version(self.last);
        Wish::Add(self.told(who).latest(), id, body)
    }

    fn wish_to_snapshot(&mut self, who: u128, bytes: usize) -> Wish {
        let body = self.body(bytes);
        Wish::Snapshot(self.told(who).latest(), body)
    }

    fn change(who: u128, wish: &Wish, body: Option<Incoming>) -> Change {
        let whole = |whole: &Bytes| body.unwrap_or_else(|| Incoming::Whole(whole.clone()));
        match wish {
            Wish::Register => register(client(who), Admit::Yes),
            Wish::Add(parent, id, body) => add(client(who), *parent, *id, whole(body)),
            Wish::Stray => add(client(who), version(u128::MAX), version(u128::MAX - 1), "stray"),
            Wish::Snapshot(at, body) => put_snapshot(client(who), *at, whole(body)),
        }
    }

    /// Writes down what became of a wish; refusals that nothing but a wrong memory explains end the test.
    fn note<T>(&mut self, who: u128, wish: Wish, outcome: Result<T, CommitError>) {
        let hit = self.fs.hit();
        let told = self.told(who);
        match (outcome, wish) {
            (Err(CommitError::Conflict(latest)), Wish::Stray) => {
                assert_eq!(latest, told.latest(), "{who} after {hit:?}");
            }
            (Ok(_), Wish::Stray) => panic!("a stray version was stored, after {hit:?}"),
            (Ok(_), wish) => {
                told.exists = true;
                match wish {
                    Wish::Add(_, id, body) => told.versions.push((id, body)),
                    Wish::Snapshot(at, body) => told.snapshot = Some((at, body)),
                    Wish::Register | Wish::Stray => {}
                }
            }
            (Err(CommitError::Storage(_)), wish) => match wish {
                Wish::Add(parent, id, body) => told.doubtful.push((parent, id, body)),
                Wish::Snapshot(at, body) => told.doubtful_snapshots.push((at, body)),
                Wish::Register | Wish::Stray => {}
            },
            // The history asks for snapshots of versions that it may not have been able to store.
            (Err(CommitError::UnknownVersion), Wish::Snapshot(at, _)) if at.is_nil() => {}
            (Err(refused), _) => panic!("account {who} was refused: {refused}; after {hit:?}"),
        }
    }

    async fn ask(&mut self, who: u128, wish: Wish) {
        let outcome = self.storage.commit(Self::change(who, &wish, None)).await;
        self.note(who, wish, outcome);
    }

    async fn add(&mut self, who: u128, bytes: usize) {
        let wish = self.wish_to_add(who, bytes);
        self.ask(who, wish).await;
    }

    /// The same with a body in pieces: the first in a transaction of its own, the others and the change in a second one.
    async fn ask_staged(&mut self, who: u128, wish: Wish) {
        let (Wish::Add(_, _, body) | Wish::Snapshot(_, body)) = &wish else { panic!("no body") };
        let mut staging = self.storage.stage().await.unwrap();
        let hold = self.fs.hold();
        let mut pushed = Ok(());
        for (n, piece) in body.chunks(10_000).enumerate() {
            if pushed.is_ok() {
                pushed = staging.push(Bytes::copy_from_slice(piece)).await;
            }
            // It may fail before it is written; nobody is told.
            let _ = n == 0 && hold.reached(Duration::from_millis(50));
        }
        let outcome = match pushed {
            Ok(()) => {
                let mut commit = maybe_done(self.storage.commit(Self::change(who, &wish, Some(staging.finish()))));
                poll(&mut commit);
                drop(hold);
                (&mut commit).await;
                Pin::new(&mut commit).take_output().unwrap()
            }
            Err(error) => Err(error),
        };
        self.note(who, wish, outcome);
    }

    /// The first wish in a transaction of its own; while it is being written, the others and a piece of a large body come
    /// together in a second one. Returns the large body.
    async fn ask_together(&mut self, wishes: Vec<(u128, Wish)>) -> Box<dyn Staging> {
        let mut staging = self.storage.stage().await.unwrap();
        let hold = self.fs.hold();
        let mut asked = Vec::new();
        for (n, (who, wish)) in wishes.iter().enumerate() {
            let mut commit = maybe_done(self.storage.commit(Self::change(*who, wish, None)));
            // Asked once, it is in the queue.
            let mut answered = poll(&mut commit);
            // The first one may fail before it writes anything.
            while n == 0 && !answered && !hold.reached(Duration::from_millis(5)) {
                answered = poll(&mut commit);
            }
            asked.push(commit);
        }
        let _ = staging.push(Bytes::from(vec![7; 18_000])).await;
        drop(hold);
        let mut outcomes = Vec::new();
        for mut commit in asked {
            (&mut commit).await;
            outcomes.push(Pin::new(&mut commit).take_output().unwrap());
        }
        for ((who, wish), outcome) in wishes.into_iter().zip(outcomes) {
            self.note(who, wish, outcome);
        }
        staging
    }

    /// What is played on every disk. Accounts come into being, alone and in batches; bodies of all kinds come, are replaced and
    /// given up; the log is folded into the database several times on the way. Every step comes, whatever became of the
    /// others.
    pub(super) async fn history(&mut self) {
        self.add(1, 40).await;
        self.add(1, 700).await;
        let wishes = vec![
            (1, self.wish_to_add(1, 900)),
            (2, self.wish_to_add(2, 300)),
            (3, self.wish_to_add(3, 5_000)),
            (4, Wish::Register),
            (5, self.wish_to_add(5, 60)),
        ];
        let given_up = self.ask_together(wishes).await;
        let wish = self.wish_to_add(2, 25_000);
        self.ask_staged(2, wish).await;
        let wish = self.wish_to_snapshot(1, 24_000);
        self.ask_staged(1, wish).await;
        // As a download does: what it reads is not swept before it ends, here at the end of the history.
        let at = self.told(1).snapshot.as_ref().map_or(VersionId::NIL, |(at, _)| *at);
        let download = self.storage.snapshot(client(1), at).await;
        let mut wishes = vec![(3, self.wish_to_add(3, 100)), (2, self.wish_to_add(2, 12_000))];
        // Accounts that could not be created have nothing to stray from.
        if !self.told(1).versions.is_empty() {
            wishes.push((1, Wish::Stray));
        }
        wishes.extend([(4, self.wish_to_add(4, 100)), (5, self.wish_to_add(5, 9_000))]);
        let given_up = (given_up, self.ask_together(wishes).await);
        self.add(1, 8_000).await;
        self.add(3, 18_000).await;
        let wish = self.wish_to_snapshot(1, 500);
        self.ask(1, wish).await;
        drop((download, given_up));
        // One body is swept behind each.
        for _ in 0..4 {
            self.add(4, 500).await;
        }
    }

    /// Closes, as a stop does. The threads must still be there to do it.
    pub(super) async fn close(self) -> (FaultFs, Ledger, u128) {
        self.storage.close().await.unwrap();
        (self.fs, self.ledger, self.last)
    }

    /// Everybody goes on, and now nothing may fail.
    pub(super) async fn go_on(&mut self) {
        let wishes: Vec<_> = (1..=6).map(|who| (who, self.wish_to_add(who, 1_000))).collect();
        let commits = wishes.iter().map(|(who, wish)| self.storage.commit(Self::change(*who, wish, None)));
        for ((who, wish), outcome) in wishes.iter().zip(join_all(commits).await) {
            assert!(outcome.is_ok(), "account {who} can't go on: {outcome:?}");
            self.note(*who, wish.clone(), outcome);
        }
        let wish = self.wish_to_snapshot(2, 12_000);
        let Wish::Snapshot(at, _) = wish else { unreachable!() };
        self.ask_staged(2, wish).await;
        assert_eq!(self.told(2).snapshot.as_ref().map(|(at, _)| *at), Some(at), "no snapshot");
    }

    /// Compares what everybody was told with what the storage says.
    pub(super) async fn check(&self, context: &str) {
        for (who, told) in &self.ledger {
            let context = format!("account {who}, {context}");
            let account = self.storage.account(client(*who)).await.unwrap();
            assert_eq!(account.is_some(), told.exists, "{context}");
            assert!(self.chain(*who).await.unwrap() == told.versions, "the chain is another one: {context}");
            let Some(account) = account else { continue };
            assert_eq!(account.latest(), told.latest(), "{context}");
            assert_eq!(account.versions, told.versions.len() as u64, "{context}");
            let bytes: usize = told.versions.iter().map(|(_, body)| body.len()).sum();
            assert_eq!(account.version_bytes, bytes as u64, "{context}");
            let snapshot = self.snapshot(*who).await.unwrap();
            assert!(snapshot == told.snapshot, "the snapshot is another one: {context}");
        }
        assert_eq!(unsound(&self.fs), Vec::<String>::new(), "{context}");
    }

    async fn chain(&self, who: u128) -> Result<Vec<(VersionId, Bytes)>, StorageError> {
        let mut chain = Vec::new();
        let mut parent = VersionId::NIL;
        while let Some(child) = self.storage.child(client(who), parent).await? {
            parent = child.version;
            chain.push((child.version, child.body.collect().await?));
            assert!(chain.len() < 1000, "a circle");
        }
        Ok(chain)
    }

    async fn snapshot(&self, who: u128) -> Result<Option<(VersionId, Bytes)>, StorageError> {
        let Some(meta) = self.storage.account(client(who)).await?.and_then(|account| account.snapshot) else {
            return Ok(None);
        };
        let body = self.storage.snapshot(client(who), meta.version).await?.map(Outgoing::collect);
        Ok(Some((meta.version, body.expect("a snapshot without a body").await?)))
    }

    /// After a loss of power: takes as told what was in doubt and turns out to be there.
    pub(super) async fn settle(&mut self) {
        for who in self.ledger.keys().copied().collect::<Vec<_>>() {
            let (account, chain) = (self.storage.account(client(who)).await.unwrap(), self.chain(who).await.unwrap());
            let snapshot = self.snapshot(who).await.unwrap();
            let told = self.told(who);
            told.exists |= account.is_some();
            for (id, body) in chain.into_iter().skip(told.versions.len()) {
                if told.doubtful.contains(&(told.latest(), id, body.clone())) {
                    told.versions.push((id, body));
                }
            }
            if let Some(snapshot) = snapshot
                && told.doubtful_snapshots.contains(&snapshot)
            {
                told.snapshot = Some(snapshot);
            }
            told.doubtful.clear();
            told.doubtful_snapshots.clear();
        }
    }
}
