//! Accounts in memory: the simplest thing that keeps the contract. The model that the conformance suite holds other backends against,
//! and what tests of the layers above stand on; the program itself does not have it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use taskferry_protocol::{ClientId, VersionId};

use super::admin::{AdminError, Administration, EXPIRED_INVITE_SECONDS, Invite, Order, Record, Standing};
use super::body::{Incoming, Outgoing, Staged, Staging};
use super::prune::{Cursor, Prunable, Pruned, Retention};
use super::rewind::Rewind;
use super::select::{self, Selection};
use super::stands::{Stand, Week};
use super::tip::Tip;
use super::{
    Account, AccountCounts, Action, Admit, Barred, Change, CommitError, Committed, Figures, Followed, SnapshotMeta,
    Storage, StorageError, StoredVersion, UnixSeconds,
};
use crate::clock::now;
use crate::invite::{InviteFlaw, InviteHash};

#[derive(Debug)]
struct Kept {
    /// Accounts are numbered in the order in which they were created.
    number: usize,
    account: Account,
    /// See [`Record::erase_at`].
    erase_at: Option<UnixSeconds>,
    /// parent -> child
    children: HashMap<VersionId, Stored>,
    /// The parent of the first version that is there.
    begins: VersionId,
    /// Of each week, where somebody stood nearest the beginning.
    stands: HashMap<i64, VersionId>,
    snapshot: Bytes,
}

#[derive(Debug)]
struct Stored {
    version: VersionId,
    body: Bytes,
    at: UnixSeconds,
}

impl Kept {
    fn new(number: usize, now: UnixSeconds) -> Self {
        Self {
            number,
            account: Account::new(now),
            erase_at: None,
            children: HashMap::new(),
            begins: VersionId::NIL,
            stands: HashMap::new(),
            snapshot: Bytes::new(),
        }
    }

    /// Where a device can stand, in the chain's order.
    fn places(&self) -> Vec<VersionId> {
        let after = |place: &VersionId| Some(self.children.get(place)?.version);
        std::iter::successors(Some(self.begins), after).collect()
    }

    fn note(&mut self, stand: &Stand) {
        let places = self.places();
        let place = |version: &VersionId| places.iter().position(|place| place == version);
        let Some(new) = place(&stand.version).filter(|_| !stand.version.is_nil()) else { return };
        let week = stand.week.number();
        if self.stands.get(&week).and_then(place).is_none_or(|noted| new < noted) {
            self.stands.insert(week, stand.version);
        }
    }

    /// What may go: from which places, how many versions.
    fn prunable(&self, retention: Retention) -> Vec<VersionId> {
        let Some(snapshot) = self.account.snapshot else { return Vec::new() };
        let is_needed_from = |place: &VersionId| {
            let stood = |(week, version): (&i64, &VersionId)| *week >= retention.week().number() && version == place;
            *place == snapshot.version || self.stands.iter().any(stood)
        };
        let may_go = |place: &VersionId| {
            self.children
                .get(place)
                .is_some_and(|next| next.at < retention.cutoff() && !self.account.tip.ids().contains(&next.version))
        };
        let places = self.places();
        if !places.contains(&snapshot.version) || self.account.barred == Some(Barred::Deleted) {
            return Vec::new();
        }
        places.into_iter().take_while(|place| !is_needed_from(place) && may_go(place)).collect()
    }

    fn prune(&mut self, retention: Retention) -> Pruned {
        let mut pruned = Pruned::default();
        for place in self.prunable(retention) {
            if let Some(gone) = self.children.remove(&place) {
                self.begins = gone.version;
                pruned.versions += 1;
                pruned.bytes += gone.body.len() as u64;
            }
        }
        self.account.versions -= pruned.versions;
        self.account.version_bytes -= pruned.bytes;
        pruned
    }

    /// What adding a version changes in the account.
    fn add_version(&mut self, parent: VersionId, version: VersionId, bytes: u64, now: UnixSeconds) {
        let account = &mut self.account;
        account.tip.add(parent, version);
        account.versions += 1;
        account.version_bytes += bytes;
        account.last_version_at = Some(now);
        if let Some(snapshot) = &mut account.snapshot {
            snapshot.versions_since += 1;
        }
    }

    fn record(&self, client: ClientId) -> Record {
        let last_stand = self.stands.keys().max().map(|week| Week::new(*week));
        Record { client, account: self.account.clone(), erase_at: self.erase_at, last_stand }
    }

    /// Without its data: a tombstone.
    fn erase(&mut self) {
        let barred = self.account.barred.clone();
        *self = Self::new(self.number, self.account.created_at);
        self.account.barred = barred;
    }

    /// Why an order for it can't be carried out.
    fn check_there(&self) -> Result<(), AdminError> {
        match (&self.account.barred, self.erase_at) {
            (Some(Barred::Deleted), Some(_)) => Err(AdminError::Deleted),
            (Some(Barred::Deleted), None) => Err(AdminError::Erased),
            _ => Ok(()),
        }
    }

    /// What rewinding comes to, and how many of the places stay.
    fn look_back(&self, to: VersionId) -> Result<(Rewind, usize), AdminError> {
        let places = self.places();
        let stored = usize::try_from(self.account.versions).unwrap_or(usize::MAX);
        let stay = match places.iter().position(|place| *place == to) {
            _ if to.is_nil() => 0,
            // The first place is the parent of the first version, and no version of this account.
            None | Some(0) => return Err(AdminError::UnknownVersion),
            Some(at) => at,
        };
        let gone: Vec<_> = places.iter().take(stored).skip(stay).filter_map(|place| self.children.get(place)).collect();
        let goes = |version: &VersionId| gone.iter().any(|gone| gone.version == *version);
        let takes_snapshot = self.account.snapshot.is_some_and(|snapshot| stay == 0 || goes(&snapshot.version));
        let stored_at = |version: &VersionId| self.children.values().find(|child| child.version == *version);
        let rewind = Rewind {
            to,
            to_stored_at: stored_at(&to).map(|child| child.at),
            from: self.account.latest(),
            versions: gone.len() as u64,
            bytes: gone.iter().map(|gone| gone.body.len() as u64).sum(),
            takes_snapshot,
            is_complete: stay == 0 || self.begins.is_nil() || (self.account.snapshot.is_some() && !takes_snapshot),
            last_seen: self.stands.iter().filter(|(_, at)| goes(at)).map(|(week, _)| Week::new(*week)).max(),
        };
        Ok((rewind, stay))
    }

    fn rewind(&mut self, rewind: &Rewind) -> Result<(), AdminError> {
        let (found, stay) = self.look_back(rewind.to)?;
        if found != *rewind {
            return Err(AdminError::Changed);
        }
        let places = self.places();
        for gone in &places[stay..] {
            self.children.remove(gone);
        }
        let left = if stay == 0 { &[][..] } else { &places[..=stay] };
        self.stands.retain(|_, at| left.contains(at));
        let account = &mut self.account;
        account.versions -= rewind.versions;
        account.version_bytes -= rewind.bytes;
        account.last_version_at = rewind.to_stored_at;
        account.tip = match left.split_last() {
            Some((latest, before)) => Tip::new(*latest, before.iter().rev().copied()),
            None => Tip::EMPTY,
        };
        if rewind.takes_snapshot {
            account.snapshot = None;
        } else if let Some(snapshot) = &mut account.snapshot {
            let gone = u32::try_from(rewind.versions).unwrap_or(u32::MAX);
            snapshot.versions_since = snapshot.versions_since.saturating_sub(gone);
        }
        if stay == 0 {
            self.begins = VersionId::NIL;
        }
        Ok(())
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct MemoryStorage {
    accounts: Mutex<HashMap<ClientId, Kept>>,
    invites: Mutex<Vec<(InviteHash, Invite)>>,
    staged: Arc<Mutex<Vec<Bytes>>>,
}

impl MemoryStorage {
    fn lock(&self) -> MutexGuard<'_, HashMap<ClientId, Kept>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, after what is due was erased.
    fn lock_erased(&self) -> MutexGuard<'_, HashMap<ClientId, Kept>> {
        let (mut accounts, now) = (self.lock(), now());
        for kept in accounts.values_mut().filter(|kept| kept.erase_at.is_some_and(|at| at <= now)) {
            kept.erase();
        }
        accounts
    }

    fn lock_invites(&self) -> MutexGuard<'_, Vec<(InviteHash, Invite)>> {
        self.invites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All accounts in one go: nobody waits here.
    fn prune_all(&self, retention: Retention) -> Pruned {
        let mut all = Pruned::default();
        for kept in self.lock().values_mut() {
            let pruned = kept.prune(retention);
            all.versions += pruned.versions;
            all.bytes += pruned.bytes;
        }
        all
    }

    fn redeem(&self, hash: InviteHash, now: UnixSeconds) -> Result<(), InviteFlaw> {
        let mut invites = self.lock_invites();
        let (_, invite) = invites.iter_mut().find(|(known, _)| *known == hash).ok_or(InviteFlaw::Unknown)?;
        if invite.used == invite.uses {
            return Err(InviteFlaw::Used);
        }
        if invite.expires_at <= now {
            return Err(InviteFlaw::Expired);
        }
        invite.used += 1;
        Ok(())
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
    fn remembers(&self, client: ClientId) -> bool {
        self.lock().contains_key(&client)
    }

    async fn account(&self, client: ClientId) -> Result<Option<Account>, StorageError> {
        Ok(self.read(client, |kept| Some(kept.account.clone())))
    }

    async fn follow(&self, client: ClientId, parent: VersionId) -> Result<Option<Followed>, StorageError> {
        Ok(self.read(client, |kept| {
            let child = kept
                .children
                .get(&parent)
                .map(|stored| StoredVersion { version: stored.version, body: Outgoing::Whole(stored.body.clone()) });
            Some(Followed { account: kept.account.clone(), child })
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
        if created {
            match admit {
                Admit::No => return Err(CommitError::UnknownAccount),
                _ if matches!(action, Action::Delete { .. }) => return Err(CommitError::UnknownAccount),
                _ if matches!(action, Action::PutSnapshot { .. }) => return Err(CommitError::UnknownVersion),
                Admit::Yes => {}
                Admit::ByInvite(hash) => self.redeem(hash, now)?,
            }
        }
        let number = accounts.len();
        let kept = accounts.entry(client).or_insert_with(|| Kept::new(number, now));
        kept.account.check_usable()?;
        match action {
            Action::Register => {}
            Action::AddVersion { version, parent, body } => {
                let latest = kept.account.latest();
                if !latest.is_nil() && latest != parent {
                    return Err(CommitError::Conflict(latest));
                }
                let body = self.take(body);
                kept.add_version(parent, version, body.len() as u64, now);
                if kept.children.is_empty() {
                    kept.begins = parent;
                }
                kept.children.insert(parent, Stored { version, body, at: now });
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
            Action::Delete { erase_at } => {
                (kept.account.barred, kept.erase_at) = (Some(Barred::Deleted), Some(erase_at));
            }
        }
        Ok(Committed { created })
    }

    async fn note_stands(&self, stands: Vec<Stand>) -> Result<(), StorageError> {
        let mut accounts = self.lock();
        for stand in stands {
            if let Some(kept) = accounts.get_mut(&stand.client) {
                kept.note(&stand);
            }
        }
        Ok(())
    }

    async fn prune_some(&self, _behind: Cursor, retention: Retention) -> Result<Pruned, StorageError> {
        Ok(self.prune_all(retention))
    }

    async fn check(&self) -> Result<(), StorageError> {
        Ok(())
    }

    async fn reusable_bytes(&self) -> Result<u64, StorageError> {
        Ok(0)
    }

    fn epoch(&self) -> &'static str {
        "memory"
    }

    async fn figures(&self) -> Figures {
        Figures::default()
    }

    async fn count_accounts(&self) -> Result<AccountCounts, StorageError> {
        let mut counts = AccountCounts::default();
        for kept in self.lock().values() {
            let count = match kept.account.barred {
                None => &mut counts.active,
                Some(Barred::Disabled { .. }) => &mut counts.disabled,
                Some(Barred::Deleted) => &mut counts.deleted,
            };
            *count += 1;
        }
        Ok(counts)
    }

    fn salt(&self) -> &'static str {
        "memory"
    }

    async fn close(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

impl Administration for MemoryStorage {
    fn salt(&self) -> &str {
        Storage::salt(self)
    }

    fn records(&self, selection: &Selection, see: &mut dyn FnMut(Record)) -> Result<(), AdminError> {
        let accounts = self.lock_erased();
        let mut all: Vec<_> = accounts.iter().map(|(client, kept)| (kept.number, kept.record(*client))).collect();
        all.retain(|(_, record)| belongs_to(selection, record));
        all.sort_by_key(|(number, _)| *number);
        // Stable, so that the older one comes first among equals.
        match selection.order {
            select::Order::Created if selection.reversed => all.reverse(),
            select::Order::Created => {}
            select::Order::Seen => sort(&mut all, selection.reversed, Record::seen_at),
            select::Order::Size => sort(&mut all, selection.reversed, |record| record.account.bytes()),
            select::Order::Versions => sort(&mut all, selection.reversed, |record| record.account.versions),
        }
        let limit = selection.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let skip = usize::try_from(selection.skip).unwrap_or(usize::MAX);
        all.into_iter().skip(skip).take(limit).for_each(|(_, record)| see(record));
        Ok(())
    }

    fn record(&self, client: ClientId) -> Result<Option<Record>, AdminError> {
        Ok(self.lock_erased().get(&client).map(|kept| kept.record(client)))
    }

    fn order(&self, client: ClientId, order: &Order, now: UnixSeconds) -> Result<(), AdminError> {
        let mut accounts = self.lock();
        let number = accounts.len();
        if *order == Order::Create && !accounts.contains_key(&client) {
            accounts.insert(client, Kept::new(number, now));
            return Ok(());
        }
        let kept = accounts.get_mut(&client).ok_or(AdminError::UnknownAccount)?;
        let deleted = kept.account.barred == Some(Barred::Deleted);
        let erased = deleted && kept.erase_at.is_none_or(|at| at <= now);
        match order {
            Order::Create => return Err(if deleted { AdminError::Deleted } else { AdminError::Exists }),
            Order::Enable | Order::Delete { .. } | Order::Disable { .. } | Order::SetQuota(_) if erased => {
                return Err(AdminError::Erased);
            }
            Order::Disable { .. } | Order::SetQuota(_) if deleted => return Err(AdminError::Deleted),
            Order::Disable { reason } => kept.account.barred = Some(Barred::Disabled { reason: reason.clone() }),
            Order::Enable => (kept.account.barred, kept.erase_at) = (None, None),
            Order::Delete { erase_at } => {
                (kept.account.barred, kept.erase_at) = (Some(Barred::Deleted), Some(*erase_at));
            }
            Order::SetQuota(quota) => kept.account.quota = *quota,
        }
        Ok(())
    }

    fn stands(&self, client: ClientId) -> Result<Vec<Standing>, AdminError> {
        let accounts = self.lock();
        let kept = accounts.get(&client).ok_or(AdminError::UnknownAccount)?;
        let places = kept.places();
        let standing = |(week, version): (&i64, &VersionId)| {
            let at = places.iter().position(|place| place == version);
            Standing { week: Week::new(*week), version: *version, behind: at.map(|at| (places.len() - 1 - at) as u64) }
        };
        let mut stands: Vec<_> = kept.stands.iter().map(standing).collect();
        stands.sort_by_key(|standing| std::cmp::Reverse(standing.week));
        Ok(stands)
    }

    fn erase_some(&self, client: ClientId) -> Result<bool, AdminError> {
        let mut accounts = self.lock();
        let kept = accounts.get_mut(&client).ok_or(AdminError::UnknownAccount)?;
        if kept.account.barred != Some(Barred::Deleted) {
            return Err(AdminError::InUse);
        }
        kept.erase();
        Ok(false)
    }

    fn look_back(&self, client: ClientId, to: VersionId) -> Result<Rewind, AdminError> {
        let accounts = self.lock();
        let kept = accounts.get(&client).ok_or(AdminError::UnknownAccount)?;
        kept.check_there()?;
        Ok(kept.look_back(to)?.0)
    }

    fn rewind(&self, client: ClientId, rewind: &Rewind, _: &mut dyn FnMut(u64)) -> Result<(), AdminError> {
        let mut accounts = self.lock();
        let kept = accounts.get_mut(&client).ok_or(AdminError::UnknownAccount)?;
        kept.check_there()?;
        kept.rewind(rewind)
    }

    fn prunable(&self, retention: Retention, see: &mut dyn FnMut(Prunable)) -> Result<(), AdminError> {
        for (client, kept) in &*self.lock() {
            let places = kept.prunable(retention);
            let week_at = |place: &VersionId| {
                let weeks =
                    kept.stands.iter().filter(|(_, version)| *version == place).map(|(week, _)| Week::new(*week));
                weeks.max()
            };
            if !places.is_empty() {
                see(Prunable {
                    client: *client,
                    versions: places.len() as u64,
                    bytes: places.iter().filter_map(|place| Some(kept.children.get(place)?.body.len() as u64)).sum(),
                    last_seen: places.iter().filter_map(week_at).max(),
                });
            }
        }
        Ok(())
    }

    fn prune_some(&self, _behind: Cursor, retention: Retention) -> Result<Pruned, AdminError> {
        Ok(self.prune_all(retention))
    }

    fn create_invite(
        &self,
        hash: InviteHash,
        uses: u32,
        expires_at: UnixSeconds,
        now: UnixSeconds,
    ) -> Result<Invite, AdminError> {
        let mut invites = self.lock_invites();
        let id = 1 + invites.last().map_or(0, |(_, last)| last.id);
        invites.retain(|(_, invite)| invite.expires_at >= now - EXPIRED_INVITE_SECONDS);
        let invite = Invite { id, uses, used: 0, created_at: now, expires_at };
        invites.push((hash, invite.clone()));
        Ok(invite)
    }

    fn invites(&self) -> Result<Vec<Invite>, AdminError> {
        Ok(self.lock_invites().iter().map(|(_, invite)| invite.clone()).collect())
    }

    fn revoke_invite(&self, id: i64) -> Result<bool, AdminError> {
        let mut invites = self.lock_invites();
        let before = invites.len();
        invites.retain(|(_, invite)| invite.id != id);
        Ok(invites.len() < before)
    }
}

fn belongs_to(selection: &Selection, record: &Record) -> bool {
    selection.state.is_none_or(|state| state == record.state())
        && selection.silent_since.is_none_or(|since| record.seen_at() < since)
        && selection.over_bytes.is_none_or(|bytes| record.account.bytes() > bytes)
}

/// The greatest first, or last.
fn sort<K: Ord>(all: &mut [(usize, Record)], reversed: bool, key: impl Fn(&Record) -> K) {
    if reversed {
        all.sort_by_key(|(_, record)| key(record));
    } else {
        all.sort_by_key(|(_, record)| std::cmp::Reverse(key(record)));
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
    use std::path::Path;
    use std::sync::Arc;

    super::super::conformance::suite!(
        |_: &Path| super::MemoryStorage::default(),
        |storage: &Arc<super::MemoryStorage>, _: &Path| Arc::clone(storage)
    );
}
