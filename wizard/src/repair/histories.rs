//! Random histories of two computers and a server that is taken back to an older state, with Taskwarrior's own engine: after both
//! were repaired, in either order, everybody has every task, and of each attribute what was written last.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::*;
use taskchampion::server::{AddVersionResult, GetVersionResult, HistorySegment, Snapshot, SnapshotUrgency};
use taskchampion::storage::inmemory::InMemoryStorage;
use taskchampion::storage::{AccessMode, Storage};
use taskchampion::{Error, Operations, Replica, SqliteStorage, TaskData};
use taskferry_protocol::VersionId;
use tempfile::TempDir;
use uuid::Uuid;

use super::unite::{Side, Union, unite};
use crate::context::Context;
use crate::database::{Attributes, Database, Tasks};
use crate::proof::history::History;
use crate::proof::rebuild;
use crate::rescue::hold::Holder;
use crate::rescue::push::versions;

/// A version's ID and what is in it.
type Version = (Uuid, Vec<u8>);

/// An account on a server, in memory: versions and nothing else.
#[derive(Debug, Clone, Default)]
struct Chain(Arc<Mutex<Vec<Version>>>);

impl Chain {
    fn latest(&self) -> Uuid {
        self.0.lock().unwrap().last().map_or(Uuid::nil(), |(id, _)| *id)
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// As a restore does.
    fn goes_back_to(&self, length: usize) {
        self.0.lock().unwrap().truncate(length);
    }

    fn add(&self, segment: Vec<u8>) -> Uuid {
        let id = Uuid::new_v4();
        self.0.lock().unwrap().push((id, segment));
        id
    }

    /// What somebody reads who joins.
    fn side(&self) -> Side {
        let mut newcomer = Replica::new(InMemoryStorage::new());
        sync(&mut newcomer, self).unwrap();
        let mut history = History::default();
        for (_, segment) in self.0.lock().unwrap().iter() {
            for operation in rebuild::read(segment).unwrap() {
                history.note_in_account(&operation);
            }
        }
        Side { tasks: tasks(&mut newcomer), history }
    }
}

#[async_trait(?Send)]
impl taskchampion::Server for Chain {
    async fn add_version(
        &mut self,
        parent: Uuid,
        segment: HistorySegment,
    ) -> Result<(AddVersionResult, SnapshotUrgency), Error> {
        let latest = self.latest();
        let result = if latest == parent || latest.is_nil() {
            AddVersionResult::Ok(self.add(segment))
        } else {
            AddVersionResult::ExpectedParentVersion(latest)
        };
        Ok((result, SnapshotUrgency::None))
    }

    async fn get_child_version(&mut self, parent: Uuid) -> Result<GetVersionResult, Error> {
        let versions = self.0.lock().unwrap();
        let place = match versions.iter().position(|(id, _)| *id == parent) {
            Some(place) => place + 1,
            None if parent.is_nil() || versions.is_empty() => 0,
            None => return Err(Error::OutOfSync),
        };
        Ok(match versions.get(place) {
            None => GetVersionResult::NoSuchVersion,
            Some((id, segment)) => GetVersionResult::Version {
                version_id: *id,
                parent_version_id: parent,
                history_segment: segment.clone(),
            },
        })
    }

    async fn add_snapshot(&mut self, _: Uuid, _: Snapshot) -> Result<(), Error> {
        Ok(())
    }

    async fn get_snapshot(&mut self) -> Result<Option<(Uuid, Snapshot)>, Error> {
        Ok(None)
    }
}

fn sync<S: Storage>(replica: &mut Replica<S>, chain: &Chain) -> Result<(), Error> {
    let mut server: Box<dyn taskchampion::Server> = Box::new(chain.clone());
    pollster::block_on(replica.sync(&mut server, true))
}

fn tasks<S: Storage>(replica: &mut Replica<S>) -> Tasks {
    let all = pollster::block_on(replica.all_task_data()).unwrap();
    let attributes = |task: &TaskData| -> Attributes { task.iter().map(|(k, v)| (k.clone(), v.clone())).collect() };
    all.iter().map(|(id, task)| (*id, attributes(task))).collect()
}

/// A computer whose database is a file, as Taskwarrior's.
struct Computer {
    folder: TempDir,
    context: Context,
}

impl Computer {
    fn new() -> Self {
        // Where there is one, a disk that waits for nothing: these are many small changes.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let env = [("HOME".into(), folder.path().into())].into();
        let context = Context::new(env, folder.path().into(), false).unwrap();
        let computer = Self { folder, context };
        computer.replica();
        computer
    }

    fn replica(&self) -> Replica<SqliteStorage> {
        Replica::new(pollster::block_on(SqliteStorage::new(self.folder.path(), AccessMode::ReadWrite, true)).unwrap())
    }

    fn writes(&self, id: Uuid, attribute: &str, value: &str) {
        let mut replica = self.replica();
        let mut operations = Operations::new();
        let task = pollster::block_on(replica.get_task_data(id)).unwrap();
        let mut task = task.unwrap_or_else(|| TaskData::create(id, &mut operations));
        task.update(attribute, Some(value.into()), &mut operations);
        pollster::block_on(replica.commit_operations(operations)).unwrap();
    }

    fn tasks(&self) -> Tasks {
        tasks(&mut self.replica())
    }

    /// As `taskferry repair` does, without the network.
    fn repairs(&self, chain: &Chain) -> Union {
        let database = Database::in_folder(self.folder.path());
        let whole = database.whole().unwrap();
        let here = Side { tasks: whole.content.tasks, history: whole.history };
        let there = chain.side();
        let union = unite(&here, &there);
        for version in versions(&union.edits) {
            chain.add(version.into_bytes());
        }
        assert_eq!(chain.side().tasks, union.tasks, "what was sent leads to what was meant");
        let [before, after] = union.news(&here.history, &there);
        let mut holder = Holder::open(&database).unwrap();
        let held = holder.hold(&self.context, whole.mark).unwrap();
        held.joins(VersionId::from_uuid(chain.latest()), &union.tasks, [&before, &after]).unwrap();
        assert_eq!(self.tasks(), union.tasks);
        union
    }
}

/// What happens.
#[derive(Debug, Clone)]
enum Event {
    /// A computer gives an attribute of a task a value; the task is made, if it is nowhere.
    Write { by: usize, task: u128, attribute: usize },
    /// A computer syncs, if it can.
    Sync { by: usize },
}

fn events(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Event>> {
    let write =
        (0..2_usize, 1..4_u128, 0..2_usize).prop_map(|(by, task, attribute)| Event::Write { by, task, attribute });
    let sync = (0..2_usize).prop_map(|by| Event::Sync { by });
    prop::collection::vec(prop_oneof![3 => write, 2 => sync], count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn everybody_ends_with_every_task_and_with_what_was_written_last(
        before in events(0..6),
        lost in events(0..8),
        after in events(0..6),
        laptop_first in any::<bool>(),
    ) {
        let (chain, computers) = (Chain::default(), [Computer::new(), Computer::new()]);
        let mut last: BTreeMap<Uuid, BTreeMap<String, String>> = BTreeMap::new();
        let mut number = 0;
        let mut happens = |events: &[Event]| {
            for event in events {
                match *event {
                    Event::Write { by, task, attribute } => {
                        number += 1;
                        let (id, attribute) = (Uuid::from_u128(task), ["text", "status"][attribute]);
                        // No two computers make one ID. Where they did, Taskwarrior's own sync would let the one that comes later
                        // win over the one that was made later, before any repair.
                        if last.contains_key(&id) && !computers[by].tasks().contains_key(&id) {
                            continue;
                        }
                        computers[by].writes(id, attribute, &number.to_string());
                        last.entry(id).or_default().insert(attribute.to_owned(), number.to_string());
                    }
                    // Ahead of a restored server: it fails, and nothing changes.
                    Event::Sync { by } => drop(sync(&mut computers[by].replica(), &chain)),
                }
            }
        };
        happens(&before);
        let kept = chain.len();
        happens(&lost);
        chain.goes_back_to(kept);
        happens(&after);

        for by in if laptop_first { [0, 1] } else { [1, 0] } {
            computers[by].repairs(&chain);
        }
        for by in [0, 1, 0] {
            sync(&mut computers[by].replica(), &chain).unwrap();
        }
        prop_assert_eq!(computers[0].tasks(), computers[1].tasks());
        prop_assert_eq!(chain.side().tasks, computers[0].tasks());
        prop_assert_eq!(computers[0].tasks(), last);
        // Once more sends nothing.
        for computer in &computers {
            prop_assert_eq!(computer.repairs(&chain).edits, vec![]);
        }
    }
}
