//! The disk: what was written, what of it is durable, and what fails. See the crate's head for the model.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::ffi;

use crate::locks::{FileLocks, HandleId, SharedMemory};
use crate::vfs::Registration;
use crate::{Op, Survival, Which};

const SECTOR_BYTES: u64 = 512;

/// SQLite's number for what went wrong.
pub(crate) type Code = c_int;
type Inode = u64;

/// A file system that SQLite's threads and a test's share.
#[derive(Debug)]
pub(crate) struct Shared {
    disk: Mutex<Disk>,
    /// Tells of changes to [`Disk::gate`].
    gate: Condvar,
    name: String,
    // Taken back on drop, when no file is open any more: open files hold the whole.
    _registration: Registration,
}

impl Shared {
    pub(crate) fn with(disk: Disk) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("faultfs-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let c_name = CString::new(name.as_str()).unwrap_or_default();
        Arc::new_cyclic(|this| Self {
            disk: Mutex::new(disk),
            gate: Condvar::new(),
            name,
            _registration: Registration::new(c_name, this.clone()),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hold(&self) {
        self.lock().gate = Gate::Closed;
    }

    pub(crate) fn reached(&self, within: Duration) -> bool {
        let closed = |disk: &mut Disk| disk.gate == Gate::Closed;
        let waited = self.gate.wait_timeout_while(self.lock(), within, closed);
        let (disk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        disk.gate == Gate::Reached
    }

    pub(crate) fn release(&self) {
        self.lock().gate = Gate::Open;
        self.gate.notify_all();
    }

    /// Begins an operation: waits at the gate, counts, and says whether the operation shall fail.
    fn begin(&self, op: Op, file: &str) -> (MutexGuard<'_, Disk>, bool) {
        let mut disk = self.lock();
        while op.changes() && disk.gate != Gate::Open {
            disk.gate = Gate::Reached;
            self.gate.notify_all();
            disk = self.gate.wait(disk).unwrap_or_else(PoisonError::into_inner);
        }
        let fails = disk.counted(op, file);
        (disk, fails)
    }

    pub(crate) fn exists(&self, path: &CStr, empty_counts: bool) -> Result<bool, Code> {
        let path = path.to_string_lossy();
        match self.begin(Op::Access, &path) {
            (_, true) => Err(ffi::SQLITE_IOERR_ACCESS),
            (disk, false) => Ok(disk
                .names
                .get(&*path)
                .is_some_and(|inode| empty_counts || disk.files.get(inode).is_some_and(|file| !file.data.is_empty()))),
        }
    }

    pub(crate) fn delete(&self, path: &CStr, sync_directory: bool) -> Result<(), Code> {
        let path = path.to_string_lossy();
        let (mut disk, fails) = self.begin(Op::Delete, &path);
        if fails {
            return Err(ffi::SQLITE_IOERR_DELETE);
        }
        let found = disk.change(NameChange::Delete(path.into_owned()));
        if sync_directory {
            disk.sync_directory();
        }
        if found { Ok(()) } else { Err(ffi::SQLITE_IOERR_DELETE_NOENT) }
    }

    /// A file written by somebody else than SQLite, in pieces, and not synced.
    pub(crate) fn write_file(self: &Arc<Self>, path: &str, content: &[u8]) -> Result<(), Code> {
        let handle = self.open_file(path, ffi::SQLITE_OPEN_CREATE)?;
        handle.truncate(0)?;
        for (number, piece) in (0..).zip(content.chunks(PIECE_BYTES)) {
            handle.write(number * PIECE_BYTES as u64, piece)?;
        }
        Ok(())
    }

    pub(crate) fn sync_file(self: &Arc<Self>, path: &str) -> Result<(), Code> {
        self.open_file(path, 0)?.sync()
    }

    fn open_file(self: &Arc<Self>, path: &str, flags: c_int) -> Result<Handle, Code> {
        let path = CString::new(path).map_err(|_| ffi::SQLITE_CANTOPEN)?;
        Handle::open(Arc::clone(self), Some(&path), flags)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<bool, Code> {
        let (mut disk, fails) = self.begin(Op::Rename, from);
        if fails {
            return Err(ffi::SQLITE_IOERR);
        }
        Ok(disk.change(NameChange::Rename(from.to_owned(), to.to_owned())))
    }

    pub(crate) fn sync_names(&self) -> Result<(), Code> {
        let (mut disk, fails) = self.begin(Op::Sync, "(the directory)");
        if fails {
            return Err(ffi::SQLITE_IOERR_FSYNC);
        }
        disk.sync_directory();
        Ok(())
    }
}

/// What is written at once of a file that is not SQLite's.
const PIECE_BYTES: usize = 4096;

/// What was done to a name and is not durable. Each of them survives a loss of power as a whole, or not at all.
#[derive(Debug)]
enum NameChange {
    Create(String, Inode),
    Delete(String),
    Rename(String, String),
}

impl NameChange {
    /// Does it. Whether there was something to do it to.
    fn apply(&self, names: &mut BTreeMap<String, Inode>) -> bool {
        match self {
            Self::Create(name, inode) => {
                names.insert(name.clone(), *inode);
                true
            }
            Self::Delete(name) => names.remove(name).is_some(),
            Self::Rename(from, to) => match names.remove(from) {
                Some(inode) => {
                    names.insert(to.clone(), inode);
                    true
                }
                None => false,
            },
        }
    }
}

/// Whether changes go through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    /// The next one waits.
    Closed,
    /// One waits.
    Reached,
}

#[derive(Debug)]
struct Fault {
    which: Which,
    /// Operations until the first that fails.
    left: u64,
    /// How many fail then.
    times: u64,
}

/// What was done to a file and is not durable.
#[derive(Debug)]
enum Pending {
    Write { at: u64, data: Vec<u8> },
    Truncate(u64),
}

#[derive(Debug, Default)]
struct File {
    data: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
    handles: BTreeSet<HandleId>,
    locks: FileLocks,
    memory: SharedMemory,
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: BTreeMap<Inode, File>,
    names: BTreeMap<String, Inode>,
    durable_names: BTreeMap<String, Inode>,
    /// In the order in which they were done.
    pending_names: Vec<NameChange>,
    /// The last number that was given to a file or handle.
    last: u64,
    counts: [u64; Op::ALL.len()],
    fault: Option<Fault>,
    limit: Option<u64>,
    gate: Gate,
    /// A write was torn since it was last said what should fail.
    torn: bool,
    pub(crate) failed_syncs_lose: bool,
    pub(crate) hit: Option<String>,
}

impl Disk {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn new_file(&mut self, content: Vec<u8>) -> Inode {
        let inode = self.number();
        self.files.insert(inode, File { durable: content.clone(), data: content, ..File::default() });
        inode
    }

    pub(crate) fn create_durably(&mut self, path: &str) {
        let inode = self.new_file(Vec::new());
        self.names.insert(path.to_owned(), inode);
        self.durable_names.insert(path.to_owned(), inode);
    }

    fn sync_directory(&mut self) {
        self.durable_names = self.names.clone();
        self.pending_names.clear();
    }

    /// Changes a name. Whether there was something to change.
    fn change(&mut self, change: NameChange) -> bool {
        let done = change.apply(&mut self.names);
        if done {
            self.pending_names.push(change);
        }
        done
    }

    pub(crate) fn all_names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(crate) fn fail(&mut self, which: Which, n: u64, times: u64) {
        self.fault = Some(Fault { which, left: n.saturating_sub(1), times });
        self.torn = false;
        self.hit = None;
    }

    pub(crate) fn limit(&mut self, limit: u64) {
        self.limit = Some(limit);
        self.hit = None;
    }

    pub(crate) fn heal(&mut self) {
        self.fault = None;
        self.limit = None;
    }

    pub(crate) fn count(&self, which: Which) -> u64 {
        Op::ALL.iter().zip(self.counts).filter(|(op, _)| which.includes(**op)).map(|(_, count)| count).sum()
    }

    /// Deleted files that are still open count, as they do on a real disk.
    pub(crate) fn bytes(&self) -> u64 {
        let named: BTreeSet<&Inode> = self.names.values().collect();
        let there = self.files.iter().filter(|(inode, file)| named.contains(inode) || !file.handles.is_empty());
        there.map(|(_, file)| file.data.len() as u64).sum()
    }

    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        Some(self.files.get(self.names.get(path)?)?.data.clone())
    }

    #[cfg(test)]
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let content = |inode| self.files.get(inode).map(|file| file.data.clone()).unwrap_or_default();
        self.names.iter().map(|(name, inode)| (name.clone(), content(inode))).collect()
    }

    fn counted(&mut self, op: Op, file: &str) -> bool {
        self.counts[op as usize] += 1;
        let Some(fault) = self.fault.as_mut().filter(|fault| fault.which.includes(op)) else { return false };
        if fault.left > 0 {
            fault.left -= 1;
            return false;
        }
        if fault.times == 0 {
            return false;
        }
        fault.times -= 1;
        self.note(op, file);
        true
    }

    fn note(&mut self, op: Op, file: &str) {
        let all: u64 = self.counts.iter().sum();
        self.hit.get_or_insert_with(|| format!("{op:?} of `{file}`, operation {all} of this file system"));
    }

    /// How many of `len` bytes at `at` can be written.
    fn room(&self, inode: Inode, at: u64, len: usize) -> usize {
        let Some(limit) = self.limit else { return len };
        let has = self.files.get(&inode).map_or(0, |file| file.data.len() as u64);
        let may_have = has + limit.saturating_sub(self.bytes());
        usize::try_from(may_have.saturating_sub(at)).map_or(len, |room| room.min(len))
    }

    /// Forgets files that nobody can reach any more.
    fn tidy(&mut self) {
        let named: BTreeSet<Inode> = self.names.values().chain(self.durable_names.values()).copied().collect();
        self.files.retain(|inode, file| named.contains(inode) || !file.handles.is_empty());
    }

    pub(crate) fn after_power_cut(&self, survival: Survival) -> Self {
        let mut coins = match survival {
            Survival::Synced => Coins::Never,
            Survival::All => Coins::Always,
            Survival::Some { seed } => Coins::Tossed(seed),
        };
        let mut names = self.durable_names.clone();
        for change in &self.pending_names {
            if coins.toss() {
                change.apply(&mut names);
            }
        }
        let mut left = Self::default();
        for (name, inode) in names {
            let Some(file) = self.files.get(&inode) else { continue };
            let content = match survival {
                // Not the same as all that is pending: a sync that failed may have forgotten some.
                Survival::All => file.data.clone(),
                Survival::Synced | Survival::Some { .. } => {
                    let mut content = file.durable.clone();
                    file.pending.iter().for_each(|pending| pending.apply(&mut content, &mut coins));
                    content
                }
            };
            let inode = left.new_file(content);
            left.names.insert(name, inode);
        }
        left.sync_directory();
        left
    }
}

/// What survives.
enum Coins {
    Never,
    Always,
    Tossed(u64),
}

impl Coins {
    fn toss(&mut self) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            // SplitMix64: small, and its low bits are as good as its high ones.
            Self::Tossed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                (mixed ^ (mixed >> 31)) & 1 == 1
            }
        }
    }
}

impl Pending {
    /// Does to `content` what survives of this, in the order in which it was done.
    fn apply(&self, content: &mut Vec<u8>, coins: &mut Coins) {
        match self {
            Self::Truncate(len) => {
                if coins.toss() {
                    truncate(content, *len);
                }
            }
            Self::Write { at, data } => {
                let mut rest: &[u8] = data;
                let mut at = *at;
                while !rest.is_empty() {
                    let to_boundary = usize::try_from(SECTOR_BYTES - at % SECTOR_BYTES).unwrap_or(usize::MAX);
                    let (sector, after) = rest.split_at(to_boundary.min(rest.len()));
                    if coins.toss() {
                        write(content, at, sector);
                    }
                    at += sector.len() as u64;
                    rest = after;
                }
            }
        }
    }
}

/// Memory is as large as any file here, so an offset that does not fit can only be SQLite's mistake: it then does nothing.
fn write(content: &mut Vec<u8>, at: u64, data: &[u8]) {
    let Ok(at) = usize::try_from(at) else { return };
    let end = at + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(data);
}

fn truncate(content: &mut Vec<u8>, len: u64) {
    content.truncate(usize::try_from(len).unwrap_or(usize::MAX));
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Handle {
    fs: Arc<Shared>,
    id: HandleId,
    inode: Inode,
    name: String,
    /// The first sync makes the directory durable too.
    sync_directory: Mutex<bool>,
}

impl Handle {
    /// Opens a file; without a path a nameless one.
    pub(crate) fn open(fs: Arc<Shared>, path: Option<&CStr>, flags: c_int) -> Result<Self, Code> {
        let name = path.map_or_else(|| "(temporary)".into(), CStr::to_string_lossy).into_owned();
        let there = path.is_some() && fs.lock().names.contains_key(&name);
        let (mut disk, fails) = fs.begin(if there { Op::Open } else { Op::Create }, &name);
        if fails {
            return Err(ffi::SQLITE_CANTOPEN);
        }
        let found = path.and_then(|_| disk.names.get(&name).copied());
        let inode = match found {
            Some(inode) => inode,
            None if flags & ffi::SQLITE_OPEN_CREATE == 0 => return Err(ffi::SQLITE_CANTOPEN),
            None => disk.new_file(Vec::new()),
        };
        if found.is_none() && path.is_some() {
            disk.change(NameChange::Create(name.clone(), inode));
        }
        let id = disk.number();
        if let Some(file) = disk.files.get_mut(&inode) {
            file.handles.insert(id);
        }
        drop(disk);
        let logs = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
        let sync_directory = Mutex::new(flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & logs != 0);
        Ok(Self { fs, id, inode, name, sync_directory })
    }

    fn begin(&self, op: Op) -> (MutexGuard<'_, Disk>, bool) {
        self.fs.begin(op, &self.name)
    }

    /// Something that neither counts nor fails.
    fn with<T: Default>(&self, look: impl FnOnce(&mut File) -> T) -> T {
        self.fs.lock().files.get_mut(&self.inode).map(look).unwrap_or_default()
    }

    /// Returns how many bytes there were to read.
    pub(crate) fn read(&self, at: u64, into: &mut [u8]) -> Result<usize, Code> {
        let (disk, fails) = self.begin(Op::Read);
        if fails {
            return Err(ffi::SQLITE_IOERR_READ);
        }
        let data = disk.files.get(&self.inode).map_or(&[][..], |file| &file.data[..]);
        let from = usize::try_from(at).map_or(data.len(), |at| at.min(data.len()));
        let read = into.len().min(data.len() - from);
        into[..read].copy_from_slice(&data[from..from + read]);
        Ok(read)
    }

    pub(crate) fn write(&self, at: u64, data: &[u8]) -> Result<(), Code> {
        let (mut disk, fails) = self.begin(Op::Write);
        let first = fails && !std::mem::replace(&mut disk.torn, true);
        let room = disk.room(self.inode, at, data.len());
        if room < data.len() {
            disk.note(Op::Write, &self.name);
        }
        let done = match (fails, first) {
            (false, _) => room,
            (true, true) => room.min(data.len() / 2),
            (true, false) => 0,
        };
        let done = &data[..done];
        if let Some(file) = disk.files.get_mut(&self.inode) {
            write(&mut file.data, at, done);
            file.pending.push(Pending::Write { at, data: done.to_vec() });
        }
        match (fails, room < data.len()) {
            (true, _) => Err(ffi::SQLITE_IOERR_WRITE),
            (false, true) => Err(ffi::SQLITE_FULL),
            (false, false) => Ok(()),
        }
    }

    pub(crate) fn truncate(&self, len: u64) -> Result<(), Code> {
        let (mut disk, fails) = self.begin(Op::Truncate);
        if fails {
            return Err(ffi::SQLITE_IOERR_TRUNCATE);
        }
        if let Some(file) = disk.files.get_mut(&self.inode) {
            truncate(&mut file.data, len);
            file.pending.push(Pending::Truncate(len));
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), Code> {
        let (mut disk, fails) = self.begin(Op::Sync);
        let loses = disk.failed_syncs_lose;
        let Some(file) = disk.files.get_mut(&self.inode) else { return Err(ffi::SQLITE_IOERR_FSYNC) };
        if fails {
            if loses {
                file.pending.clear();
            }
            return Err(ffi::SQLITE_IOERR_FSYNC);
        }
        for pending in std::mem::take(&mut file.pending) {
            pending.apply(&mut file.durable, &mut Coins::Always);
        }
        if std::mem::take(&mut *self.sync_directory.lock().unwrap_or_else(PoisonError::into_inner)) {
            disk.sync_directory();
        }
        Ok(())
    }

    pub(crate) fn size(&self) -> Result<u64, Code> {
        match self.begin(Op::Size) {
            (_, true) => Err(ffi::SQLITE_IOERR_FSTAT),
            (disk, false) => Ok(disk.files.get(&self.inode).map_or(0, |file| file.data.len() as u64)),
        }
    }

    pub(crate) fn lock(&self, level: c_int) -> Result<(), Code> {
        self.with(|file| file.locks.lock(self.id, level)).then_some(()).ok_or(ffi::SQLITE_BUSY)
    }

    pub(crate) fn unlock(&self, level: c_int) {
        self.with(|file| file.locks.unlock(self.id, level));
    }

    pub(crate) fn reserved(&self) -> bool {
        self.with(|file| file.locks.reserved())
    }

    pub(crate) fn map(&self, region: usize, bytes: usize, extend: bool) -> Result<*mut c_void, Code> {
        let (mut disk, fails) = self.begin(Op::Map);
        match disk.files.get_mut(&self.inode) {
            Some(file) if !fails => Ok(file.memory.map(self.id, region, bytes, extend)),
            _ => Err(ffi::SQLITE_IOERR_SHMMAP),
        }
    }

    pub(crate) fn lock_memory(&self, first: c_int, n: c_int, flags: c_int) -> Result<(), Code> {
        self.with(|file| file.memory.lock(self.id, first, n, flags)).then_some(()).ok_or(ffi::SQLITE_BUSY)
    }

    pub(crate) fn unmap(&self) {
        self.with(|file| file.memory.unmap(self.id));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.with(|file| {
            file.locks.unlock(self.id, ffi::SQLITE_LOCK_NONE);
            file.memory.unmap(self.id);
            file.handles.remove(&self.id);
        });
        self.fs.lock().tidy();
    }
}
