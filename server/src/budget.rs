//! How many bytes of bodies may be in memory at once, all requests together: what keeps a 256 MB machine alive while many
//! devices send or fetch large bodies. Beyond it a request waits its turn, and whoever holds much gives way ([`pool`]).
//!
//! A request takes its part at most once at a time and never while it holds another, so requests can't wait for each other in
//! a circle. What a request in the middle of a push needs has a share of its own, which requests that begin can't use up.

mod pool;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::pool::Party;
use self::pool::{Pool, Room};
use crate::storage::Patience;
use crate::storage::body::CHUNK_BYTES;

/// Up to this size a body needs no part of the budget, in bytes: every connection has buffers of this size anyway.
pub const FREE_BYTES: usize = 8 * 1024;
/// How long a request that begins something waits for its turn. More would freeze the `task` commands of the person who
/// waits, since Taskwarrior holds its database locked during a sync.
const WAIT_AT_START: Duration = Duration::from_secs(1);
/// How long a request in the middle of a push waits: a little less than Taskwarrior's patience of 60 seconds.
const WAIT_UNDER_WAY: Duration = Duration::from_secs(50);
/// Of the machine's memory, the part that bodies may take in each direction. Real use is up to twice that: a piece that is
/// sent lies in its connection's buffer as well.
const SHARE: u64 = 16;
/// The least that is useful: a few large bodies side by side.
const BYTES_MIN: u64 = 4 * 1024 * 1024;
/// More would not make anything faster.
const BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Reservations are counted in units of this many bytes.
const UNIT: u64 = 1024;
/// How long it takes to tell that a body hardly moves. In: longer than the pauses of a link that is merely bad. Out: as long as a
/// usable link needs for a piece, behind what the system has taken over for it and sends first.
const TELLING_IN: Duration = Duration::from_secs(5);
const TELLING_OUT: Duration = Duration::from_secs(20);

/// The budget is used up, and it was not the request's turn in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many large bodies are under way")]
pub struct OutOfBudget;

/// A part of the budget; given back on drop.
#[derive(Debug)]
pub struct Reservation {
    _room: Room,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Budget {
    /// For everybody.
    common: Arc<Pool>,
    /// For requests in the middle of a push: a quarter.
    under_way: Arc<Pool>,
}

impl Budget {
    /// For bodies of `bytes` in all.
    fn new(bytes: u64, telling: Duration) -> Self {
        let pool = |bytes: u64| {
            let units = u32::try_from(bytes.max(CHUNK_BYTES as u64) / UNIT).unwrap_or(u32::MAX);
            Arc::new(Pool::new(units, telling))
        };
        Self { common: pool(bytes / 4 * 3), under_way: pool(bytes / 4) }
    }

    /// For bodies on their way in, where so much memory may be used.
    pub fn for_uploads(memory: u64) -> Self {
        Self::new(Self::bytes_for(memory), TELLING_IN)
    }

    /// The same for bodies on their way out.
    pub fn for_downloads(memory: u64) -> Self {
        Self::new(Self::bytes_for(memory), TELLING_OUT)
    }

    /// For one direction of traffic, in bytes, where so much memory may be used.
    pub fn bytes_for(memory: u64) -> u64 {
        (memory / SHARE).clamp(BYTES_MIN, BYTES_MAX)
    }

    /// Reserves room for `bytes`, at most one piece of a body. Waits for its turn.
    pub(crate) async fn reserve(
        &self,
        bytes: u64,
        party: &Party,
        patience: Patience,
    ) -> Result<Reservation, OutOfBudget> {
        let bytes = bytes.min(CHUNK_BYTES as u64);
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        // The usual case has room, and needs no timer.
        if let Some(room) = self.common.try_take(party, units) {
            return Ok(Reservation { _room: room });
        }
        let (pool, patience) = match patience {
            Patience::Refuse => (&self.common, WAIT_AT_START),
            Patience::Wait => (&self.under_way, WAIT_UNDER_WAY),
        };
        let room = pool.take(party.clone(), units, patience).await?;
        Ok(Reservation { _room: room })
    }
}

/// What this process may use, in bytes; a small machine's where the system does not tell.
pub fn machine_memory() -> u64 {
    memory_limit(Path::new("/")).unwrap_or(256 * 1024 * 1024)
}

/// The least of the machine's memory and the control groups' limits, in bytes. `root` is `/`, but in tests.
fn memory_limit(root: &Path) -> Option<u64> {
    let number = |path: PathBuf| fs_err::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let machine = fs_err::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    // Within a container the limit stands at the root of the hierarchy; outside, in the process's own group (version 2 has
    // one line, "0::/path") or in one of the groups above it.
    let groups = fs_err::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default().to_owned();
    let v2 = root.join("sys/fs/cgroup");
    let above = Path::new(&own).ancestors().map(|group| v2.join(group).join("memory.max"));
    let v1 = root.join("sys/fs/cgroup/memory/memory.limit_in_bytes");
    machine.into_iter().chain(above.chain([v1]).filter_map(number)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_least_limit_counts() {
        let meminfo = ("proc/meminfo", "MemTotal:        2048000 kB\nMemFree:  1 kB\n");
        assert_eq!(memory_limit(machine(&[meminfo]).path()), Some(2_097_152_000));
        let container =
            machine(&[meminfo, ("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "268435456\n")]);
        assert_eq!(memory_limit(container.path()), Some(268_435_456));
        let unit = machine(&[
            meminfo,
            ("proc/self/cgroup", "0::/system.slice/taskferry.service\n"),
            ("sys/fs/cgroup/system.slice/taskferry.service/memory.max", "max\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "536870912\n"),
        ]);
        assert_eq!(memory_limit(unit.path()), Some(536_870_912));
        let v1 = machine(&[meminfo, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n")]);
        assert_eq!(memory_limit(v1.path()), Some(134_217_728));
        assert_eq!(memory_limit(machine(&[]).path()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_begins_is_refused_and_what_is_under_way_has_room_of_its_own() {
        let chunk = CHUNK_BYTES as u64;
        let budget = Budget::new(4 * chunk, TELLING_IN);
        let party = pool::tests::party("192.0.2.1", 1);
        let mut begun = Vec::new();
        while let Ok(reservation) = budget.reserve(chunk, &party, Patience::Refuse).await {
            begun.push(reservation);
        }
        assert_eq!(begun.len(), 3);
        let first = budget.reserve(chunk, &party, Patience::Wait).await.unwrap();
        let second = tokio::spawn({
            let budget = budget.clone();
            async move { budget.reserve(chunk, &party, Patience::Wait).await.is_ok() }
        });
        drop(first);
        assert!(second.await.unwrap(), "it waited for its turn");
    }
}
