//! Who the people are, and what they do on a day. Assumptions, not measurements: they stand in one table, and the report
//! repeats them.
//!
//! | what | assumed |
//! |---|---|
//! | habits | [`HABITS`] |
//! | devices of an account | 1 to `--devices`, each number equally frequent |
//! | first device | joins in the first half of the first day and uploads all its tasks |
//! | further devices | join in the second half of one of the first `--join-days` days, each equally likely |
//! | time of day | 45 of 100 syncs from 18:00 to midnight, 7 from there to 6:00: [`HOURS`] |
//! | a task at the first upload | 600 bytes |
//! | a sync with changes | 700 to 1,500 bytes; two of five add a task |
//! | a snapshot | 52 bytes per task, after compression and sealing |

use taskferry_protocol::{ClientId, VersionId};

use crate::random::{Random, client_id};

/// A kind of people.
#[derive(Debug)]
pub(crate) struct Habit {
    /// In a word.
    pub(crate) name: &'static str,
    /// So many of a hundred accounts.
    pub(crate) percent: u64,
    /// Syncs with changes per account and day, on average.
    pub(crate) changes: f64,
    /// Syncs without changes per device and day, on average.
    pub(crate) idle: f64,
    /// Tasks at the first sync: from the first number to below the second.
    pub(crate) tasks: (u64, u64),
}

/// All of them; their percentages make a hundred.
pub(crate) const HABITS: &[Habit] = &[
    Habit {
        name: "heavy: a timer or a hook on every device",
        percent: 5,
        changes: 20.0,
        idle: 48.0,
        tasks: (500, 5000),
    },
    Habit { name: "regular: every day", percent: 35, changes: 4.0, idle: 4.0, tasks: (100, 800) },
    Habit { name: "occasional: every few days", percent: 35, changes: 0.4, idle: 0.3, tasks: (20, 300) },
    Habit { name: "dormant: tried it once", percent: 25, changes: 0.0, idle: 0.0, tasks: (1, 50) },
];

/// How much of a day's syncs falls into each hour, in hundredths.
pub(crate) const HOURS: [u64; 24] = [2, 1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 4, 4, 4, 4, 3, 5, 7, 9, 9, 8, 7, 5];

/// Minutes of a day.
const DAY: u32 = 24 * 60;
/// Bytes of the operations that create one task.
const TASK_BYTES: u64 = 600;
/// Bytes of one task in a snapshot.
const SNAPSHOT_TASK_BYTES: u64 = 52;
/// Bytes of an empty snapshot.
const SNAPSHOT_BYTES_MIN: u64 = 100;

/// An account and where its devices stand.
#[derive(Debug)]
pub(crate) struct Account {
    /// Its ID.
    pub(crate) client: ClientId,
    /// Its place in [`HABITS`].
    pub(crate) habit: usize,
    /// Its devices.
    pub(crate) devices: Vec<Place>,
    /// How many tasks it has.
    pub(crate) tasks: u64,
    /// The size of the snapshot that the server holds.
    pub(crate) snapshot_bytes: u64,
    random: Random,
}

/// Where a device stands in the account's chain.
#[derive(Debug)]
pub(crate) struct Place {
    /// The version that it is at.
    pub(crate) version: VersionId,
    joins: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    day: u32,
    minute: u32,
}

/// One sync, in eight bytes: a day of a million accounts has ten million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    /// Of the day.
    minute: u16,
    account: u32,
    device: u8,
    /// What it has to say.
    pub(crate) what: What,
}

impl Event {
    /// The hour of the day.
    pub(crate) const fn hour(self) -> u32 {
        self.minute as u32 / 60
    }

    /// Whose: the place in the slice that [`plan`] was given.
    pub(crate) const fn account(self) -> usize {
        self.account as usize
    }

    /// Which device.
    pub(crate) const fn device(self) -> usize {
        self.device as usize
    }
}

/// What a device has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum What {
    /// All its tasks: the first device's first sync.
    First,
    /// Nothing yet: another device's first sync.
    Join,
    /// Changes.
    Change,
    /// Nothing new.
    Idle,
}

impl Account {
    /// The `number`-th of the population under a seed.
    pub(crate) fn new(seed: u64, number: u32, devices_max: u8, join_days: u32) -> Self {
        let mut random = Random::derived(seed, u64::from(number));
        let habit = habit(random.below(100));
        let (fewest, most) = HABITS[habit].tasks;
        let tasks = fewest + random.below(most - fewest);
        let count = 1 + random.below(u64::from(devices_max));
        let mut minute = |begin: u32| begin + small(random.below(u64::from(DAY / 2)));
        let mut devices = vec![Moment { day: 0, minute: minute(0) }];
        for _ in 1..count {
            let minute = minute(DAY / 2);
            devices.push(Moment { day: 0, minute });
        }
        for joins in &mut devices[1..] {
            joins.day = small(random.below(u64::from(join_days)));
        }
        Self {
            client: client_id(!seed, u64::from(number)),
            habit,
            devices: devices.into_iter().map(|joins| Place { version: VersionId::NIL, joins }).collect(),
            tasks,
            snapshot_bytes: 0,
            random,
        }
    }

    /// What the first device uploads, in bytes.
    pub(crate) const fn first_upload_bytes(&self) -> u64 {
        self.tasks * TASK_BYTES
    }

    /// What a snapshot of it takes, in bytes.
    pub(crate) const fn snapshot_size(&self) -> u64 {
        SNAPSHOT_BYTES_MIN + self.tasks * SNAPSHOT_TASK_BYTES
    }

    /// Makes changes; the body that tells of them.
    pub(crate) fn change(&mut self) -> Vec<u8> {
        if self.random.below(5) < 2 {
            self.tasks += 1;
        }
        let length = 700 + self.random.below(801);
        self.sealed(length)
    }

    /// A body of this many bytes.
    pub(crate) fn sealed(&mut self, bytes: u64) -> Vec<u8> {
        let mut body = vec![0; usize::try_from(bytes).unwrap_or(0)];
        self.random.fill(&mut body);
        body
    }

    fn plan(&mut self, account: usize, day: u32, events: &mut Vec<Event>) {
        let account = u32::try_from(account).unwrap_or(u32::MAX);
        let mut add = |minute, device, what| {
            let device = u8::try_from(device).unwrap_or(u8::MAX);
            events.push(Event { minute: u16::try_from(minute).unwrap_or(u16::MAX), account, device, what });
        };
        for (device, place) in self.devices.iter().enumerate().filter(|(_, place)| place.joins.day == day) {
            let what = if device == 0 { What::First } else { What::Join };
            add(place.joins.minute, device, what);
        }
        let habit = &HABITS[self.habit];
        for _ in 0..self.random.times(habit.changes) {
            let device = usize::try_from(self.random.below(self.devices.len() as u64)).unwrap_or(0);
            let minute = minute(&mut self.random);
            if self.devices[device].joins < (Moment { day, minute }) {
                add(minute, device, What::Change);
            }
        }
        for device in 0..self.devices.len() {
            for _ in 0..self.random.times(habit.idle) {
                let minute = minute(&mut self.random);
                if self.devices[device].joins < (Moment { day, minute }) {
                    add(minute, device, What::Idle);
                }
            }
        }
    }
}

/// All syncs of these accounts on one day, in order.
pub(crate) fn plan(accounts: &mut [Account], day: u32) -> Vec<Event> {
    let mut events = Vec::new();
    for (number, account) in accounts.iter_mut().enumerate() {
        account.plan(number, day, &mut events);
    }
    events.sort_unstable();
    events
}

fn habit(mut percent: u64) -> usize {
    for (place, habit) in HABITS.iter().enumerate() {
        if percent < habit.percent {
            return place;
        }
        percent -= habit.percent;
    }
    HABITS.len() - 1
}

fn minute(random: &mut Random) -> u32 {
    let mut part = random.below(HOURS.iter().sum());
    let mut hour = 0;
    for share in HOURS {
        if part < share {
            break;
        }
        part -= share;
        hour += 1;
    }
    hour * 60 + small(random.below(60))
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(count: u32) -> Vec<Account> {
        (0..count).map(|number| Account::new(1, number, 3, 7)).collect()
    }

    #[test]
    fn the_shares_make_a_whole() {
        assert_eq!(HABITS.iter().map(|habit| habit.percent).sum::<u64>(), 100);
        assert_eq!(HOURS.iter().sum::<u64>(), 100);
    }

    #[test]
    fn the_same_seed_plays_the_same_days() {
        let (mut one, mut two) = (accounts(200), accounts(200));
        for day in 0..3 {
            assert_eq!(plan(&mut one, day), plan(&mut two, day));
        }
        assert_eq!(one[7].change(), two[7].change());
    }

    #[test]
    fn a_million_accounts_fit_into_memory() {
        assert_eq!(size_of::<Event>(), 8);
        assert!(size_of::<Account>() <= 88, "{}", size_of::<Account>());
        assert!(size_of::<Place>() <= 24, "{}", size_of::<Place>());
    }

    #[test]
    fn everybody_has_joined_after_the_days_for_it() {
        let joined = |count: u32, join_days| {
            let mut accounts: Vec<_> = (0..count).map(|number| Account::new(1, number, 3, join_days)).collect();
            let devices: usize = accounts.iter().map(|account| account.devices.len()).sum();
            let events = (0..join_days).flat_map(|day| plan(&mut accounts, day)).collect::<Vec<_>>();
            (events.iter().filter(|event| matches!(event.what, What::First | What::Join)).count(), devices)
        };
        for join_days in [1, 2, 7] {
            let (joined, devices) = joined(300, join_days);
            assert_eq!(joined, devices, "{join_days} days");
        }
    }

    #[test]
    fn no_device_syncs_before_it_joined() {
        let mut accounts = accounts(300);
        let mut joined = std::collections::BTreeSet::new();
        for day in 0..10 {
            for event in plan(&mut accounts, day) {
                let device = (event.account(), event.device());
                match event.what {
                    What::First => assert!(event.device() == 0 && joined.insert(device)),
                    What::Join => assert!(joined.contains(&(event.account(), 0)) && joined.insert(device)),
                    What::Change | What::Idle => assert!(joined.contains(&device), "{event:?}"),
                }
            }
        }
        let devices: usize = accounts.iter().map(|account| account.devices.len()).sum();
        assert_eq!(joined.len(), devices);
    }
}
