//! What connections of one process tell each other through a file: SQLite's locks, and the shared memory in which it keeps the
//! index of a write-ahead log.
//!
//! The rules are those of <https://sqlite.org/lockingv3.html> and of `sqlite3_io_methods.xShmLock`. A lock that can't be had
//! is refused at once: to wait is SQLite's business.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::atomic::AtomicU64;

use rusqlite::ffi;

/// An open file.
pub(crate) type HandleId = u64;

/// The locks on one file: at most one of each handle, at one of SQLite's levels.
#[derive(Debug, Default)]
pub(crate) struct FileLocks(BTreeMap<HandleId, c_int>);

impl FileLocks {
    /// Whether the handle now has the lock.
    pub(crate) fn lock(&mut self, handle: HandleId, level: c_int) -> bool {
        if self.level(handle) >= level {
            return true;
        }
        let others = self.others(handle);
        let free = match level {
            ffi::SQLITE_LOCK_SHARED => others < ffi::SQLITE_LOCK_PENDING,
            ffi::SQLITE_LOCK_RESERVED => others < ffi::SQLITE_LOCK_RESERVED,
            _ => others == ffi::SQLITE_LOCK_NONE,
        };
        if free {
            self.0.insert(handle, level);
        } else if level == ffi::SQLITE_LOCK_EXCLUSIVE && others < ffi::SQLITE_LOCK_RESERVED {
            // Nobody may begin to read any more, so that those who do are soon done.
            self.0.insert(handle, ffi::SQLITE_LOCK_PENDING);
        }
        free
    }

    /// Gives back what is above `level`.
    pub(crate) fn unlock(&mut self, handle: HandleId, level: c_int) {
        if level == ffi::SQLITE_LOCK_NONE {
            self.0.remove(&handle);
        } else if self.level(handle) > level {
            self.0.insert(handle, level);
        }
    }

    /// Whether somebody is about to write.
    pub(crate) fn reserved(&self) -> bool {
        self.0.values().any(|level| *level >= ffi::SQLITE_LOCK_RESERVED)
    }

    fn level(&self, handle: HandleId) -> c_int {
        self.0.get(&handle).copied().unwrap_or(ffi::SQLITE_LOCK_NONE)
    }

    fn others(&self, handle: HandleId) -> c_int {
        let others = self.0.iter().filter(|(other, _)| **other != handle);
        others.map(|(_, level)| *level).max().unwrap_or(ffi::SQLITE_LOCK_NONE)
    }
}

/// The slots that a handle has locked, as bits.
#[derive(Debug, Default, Clone, Copy)]
struct Slots {
    shared: u32,
    exclusive: u32,
}

/// The shared memory beside one database. It begins empty whenever the first connection comes, as after a start of the
/// machine.
#[derive(Debug, Default)]
pub(crate) struct SharedMemory {
    /// They never move: SQLite keeps pointers into them. Atomic, because several threads write to them through those.
    regions: Vec<Box<[AtomicU64]>>,
    users: BTreeMap<HandleId, Slots>,
}

impl SharedMemory {
    /// The region, or null if it is not there and shall not be made. It stays where it is until the last handle lets go.
    pub(crate) fn map(&mut self, handle: HandleId, region: usize, bytes: usize, extend: bool) -> *mut c_void {
        self.users.entry(handle).or_default();
        if extend {
            while self.regions.len() <= region {
                self.regions.push((0..bytes.div_ceil(8)).map(|_| AtomicU64::new(0)).collect());
            }
        }
        self.regions.get(region).map_or(std::ptr::null_mut(), |region| region.as_ptr().cast_mut().cast())
    }

    /// Carries out one of the four flags of `xShmLock` on `n` slots from `first` on. Whether it could be done.
    pub(crate) fn lock(&mut self, handle: HandleId, first: c_int, n: c_int, flags: c_int) -> bool {
        let mask = (0..n).fold(0_u32, |mask, slot| mask | 1 << (first + slot));
        let others = self.users.iter().filter(|(other, _)| **other != handle);
        let others = others.fold(Slots::default(), |all, (_, slots)| Slots {
            shared: all.shared | slots.shared,
            exclusive: all.exclusive | slots.exclusive,
        });
        let mine = self.users.entry(handle).or_default();
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            mine.shared &= !mask;
            mine.exclusive &= !mask;
            return true;
        }
        let shared = flags & ffi::SQLITE_SHM_SHARED != 0;
        let in_the_way = if shared { others.exclusive } else { others.exclusive | others.shared };
        if in_the_way & mask != 0 {
            return false;
        }
        if shared {
            mine.shared |= mask;
        } else {
            mine.exclusive |= mask;
        }
        true
    }

    /// The handle lets go. With the last one the memory is gone.
    pub(crate) fn unmap(&mut self, handle: HandleId) {
        self.users.remove(&handle);
        if self.users.is_empty() {
            self.regions.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{
        SQLITE_LOCK_EXCLUSIVE as EXCLUSIVE, SQLITE_LOCK_NONE as NONE, SQLITE_LOCK_RESERVED as RESERVED,
        SQLITE_LOCK_SHARED as SHARED, SQLITE_SHM_EXCLUSIVE, SQLITE_SHM_LOCK, SQLITE_SHM_SHARED, SQLITE_SHM_UNLOCK,
    };

    use super::*;

    #[test]
    fn many_read_one_is_about_to_write_and_writes_when_they_are_gone() {
        let mut locks = FileLocks::default();
        assert!(locks.lock(1, SHARED) && locks.lock(2, SHARED));
        assert!(locks.lock(1, RESERVED) && locks.reserved());
        assert!(!locks.lock(2, RESERVED));
        assert!(!locks.lock(1, EXCLUSIVE), "another one reads");
        assert!(!locks.lock(3, SHARED), "nobody may begin to");
        locks.unlock(2, NONE);
        assert!(locks.lock(1, EXCLUSIVE));
        locks.unlock(1, SHARED);
        assert!(locks.lock(3, SHARED) && !locks.reserved());
    }

    #[test]
    fn slots_of_shared_memory_are_shared_or_exclusive() {
        let mut memory = SharedMemory::default();
        let (shared, exclusive) = (SQLITE_SHM_LOCK | SQLITE_SHM_SHARED, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);
        assert!(memory.lock(1, 3, 1, shared) && memory.lock(2, 3, 1, shared));
        assert!(!memory.lock(1, 2, 3, exclusive));
        assert!(memory.lock(1, 0, 3, exclusive) && !memory.lock(2, 1, 1, shared));
        assert!(memory.lock(2, 3, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED));
        assert!(memory.lock(1, 4, 1, exclusive) && memory.lock(1, 4, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE));
    }

    #[test]
    fn shared_memory_is_the_same_for_all_and_empty_for_the_next_first_one() {
        let mut memory = SharedMemory::default();
        assert!(memory.map(1, 0, 32768, false).is_null());
        let region = memory.map(1, 1, 32768, true);
        assert!(!region.is_null() && memory.map(2, 1, 32768, false) == region);
        memory.unmap(1);
        assert_eq!(memory.map(2, 1, 32768, false), region);
        memory.unmap(2);
        assert!(memory.map(3, 1, 32768, false).is_null());
    }
}
