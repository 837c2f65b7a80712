//! Accounts in memory: the simplest thing that keeps the contract, for tests of what stands above storage. Nothing is
//! durable here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use taskferry_protocol::{ClientId, VersionId};

use super::body::{Incoming, Outgoing, Staged, Staging};
use super::{Account, Action, Change, CommitError, Committed, SnapshotMeta, Storage, StorageError, StoredVersion};

#[derive(Debug)]
struct Kept {
    account: Account,
    /// parent -> child
    children: HashMap<VersionId, (VersionId, Bytes)>,
    snapshot: Bytes,
}

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    accounts: Mutex<HashMap<ClientId, Kept>>,
    staged: Arc<Mutex<Vec<Bytes>>>,
}

impl MemoryStorage {
    fn lock(&self) -> MutexGuard<'_, HashMap<ClientId, Kept>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, body: Incoming) -> Bytes {
        match body {
            Incoming::Whole(body) => body,
            Incoming::Staged(staged) => {
                let bodies = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
                usize::try_from(staged.id).ok().and_then(|id| bodies.get(id).cloned()).unwrap_or_default()
            }
        }
    }

    fn read<T>(&self, client: ClientId, look: impl FnOnce(&Kept) -> Option<T>) -> Option<T> {
        self.lock().get(&client).and_then(look)
    }
}

#[async_trait::async_trait]
impl Storage for MemoryStorage {
    async fn account(&self, client: ClientId) -> Result<Option<Account>, StorageError> {
        Ok(self.read(client, |kept| Some(kept.account.clone())))
    }

    async fn child(&self, client: ClientId, parent: VersionId) -> Result<Option<StoredVersion>, StorageError> {
        Ok(self.read(client, |kept| {
            let (version, body) = kept.children.get(&parent)?;
            Some(StoredVersion { version: *version, body: Outgoing::Whole(body.clone()) })
        }))
    }

    async fn snapshot(&self, client: ClientId, version: VersionId) -> Result<Option<Outgoing>, StorageError> {
        Ok(self.read(client, |kept| {
            let stored = kept.account.snapshot.filter(|meta| meta.version == version);
            stored.map(|_| Outgoing::Whole(kept.snapshot.clone()))
        }))
    }

    async fn stage(&self) -> Result<Box<dyn Staging>, CommitError> {
        Ok(Box::new(MemoryStaging { staged: Arc::clone(&self.staged), body: Vec::new() }))
    }

    async fn commit(&self, change: Change) -> Result<Committed, CommitError> {
        let Change { client, admit, now, action, .. } = change;
        let mut accounts = self.lock();
        let created = !accounts.contains_key(&client);
        if created && !admit {
            return Err(CommitError::UnknownAccount);
        }
        if created && matches!(action, Action::PutSnapshot { .. }) {
            return Err(CommitError::UnknownVersion);
        }
        let kept = accounts.entry(client).or_insert_with(|| Kept {
            account: Account::new(now),
            children: HashMap::new(),
            snapshot: Bytes::new(),
        });
        if kept.account.disabled {
            return Err(CommitError::Disabled);
        }
        match action {
            Action::Register => {}
            Action::AddVersion { version, parent, body } => {
                let latest = kept.account.latest();
                if !latest.is_nil() && latest != parent {
                    return Err(CommitError::Conflict(latest));
                }
                let body = self.take(body);
                kept.account.add_version(parent, version, body.len() as u64, now);
                kept.children.insert(parent, (version, body));
            }
            Action::PutSnapshot { version, body } => {
                if !kept.account.tip.contains(version, kept.account.versions) {
                    return Err(CommitError::UnknownVersion);
                }
                let body = self.take(body);
                kept.account.snapshot =
                    Some(SnapshotMeta { version, stored_at: now, bytes: body.len() as u64, versions_since: 0 });
                kept.snapshot = body;
            }
        }
        Ok(Committed { created })
    }

    async fn check(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn epoch(&self) -> &'static str {
        "memory"
    }

    fn salt(&self) -> &'static str {
        "memory"
    }

    async fn close(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

struct MemoryStaging {
    staged: Arc<Mutex<Vec<Bytes>>>,
    body: Vec<u8>,
}

#[async_trait::async_trait]
impl Staging for MemoryStaging {
    async fn push(&mut self, piece: Bytes) -> Result<(), CommitError> {
        self.body.extend_from_slice(&piece);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Incoming {
        let mut bodies = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.body.len() as u64;
        bodies.push(self.body.into());
        let id = i64::try_from(bodies.len() - 1).unwrap_or(i64::MAX);
        Incoming::Staged(Staged { id, pieces: 1, bytes, sweep: None })
    }
}

#[cfg(test)]
mod tests {
    super::super::conformance::suite!(|_dir: &std::path::Path| super::MemoryStorage::default());
}
