//! Settings of backups: when, where to, how many, for whom.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::sources::{Env, Setting, Sources};
use super::{ConfigError, MIN_FREE, SETTINGS, data_dir, or_default, values};
use crate::backup::create::Plan;
use crate::backup::retention::Retention;
use crate::backup::store::destination::{BucketAccess, DEFAULT_PART_BYTES, Destination};
use crate::cli::DataArgs;
use crate::cli::backup::BackupFlags;

pub(super) const EVERY: Setting = Setting { name: "backup-every", reference: &[] };
pub(super) const TO: Setting = Setting { name: "backup-to", reference: &[] };
pub(super) const KEEP: Setting = Setting { name: "backup-keep", reference: &[] };
pub(super) const MAX_BYTES: Setting = Setting { name: "backup-max-bytes", reference: &[] };
pub(super) const RECIPIENT: Setting = Setting { name: "backup-recipient", reference: &[] };
pub(super) const PART_BYTES: Setting = Setting { name: "backup-part-bytes", reference: &[] };

/// Two weeks of daily ones.
const DEFAULT_KEEP: NonZeroU32 = NonZeroU32::MIN.saturating_add(13);
/// The folder in the data directory that backups go to if nothing else was said.
const DEFAULT_FOLDER: &str = "backups";

/// Backups, as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backups {
    /// How often the server makes one; `None`: never.
    pub every: Option<Duration>,
    /// How each is made.
    pub plan: Plan,
}

impl Backups {
    pub(super) fn load(
        sources: &Sources<'_>,
        env: &Env,
        every: Option<&String>,
        flags: &BackupFlags,
        data_dir: PathBuf,
    ) -> Result<Self, ConfigError> {
        let destinations = match sources.find(&TO, &flags.backup_to) {
            Some(given) => given.parse_list(|text| text.parse().map(|to: Destination| vec![to]))?,
            None => vec![Destination::Folder(data_dir.join(DEFAULT_FOLDER))],
        };
        let recipients = match sources.find(&RECIPIENT, &flags.backup_recipient) {
            Some(given) => given.parse_list(|text| text.parse().map(|to| vec![to]).map_err(str::to_owned))?,
            None => Vec::new(),
        };
        let one = |setting, flag: &Option<String>| sources.find(setting, flag.as_slice());
        let keep: NonZeroU32 = or_default(one(&KEEP, &flags.backup_keep), values::at_least_one, DEFAULT_KEEP)?;
        let max_bytes = one(&MAX_BYTES, &flags.backup_max_bytes).map(|given| given.parse(values::bytes)).transpose()?;
        let part_bytes = or_default(one(&PART_BYTES, &flags.backup_part_bytes), values::bytes, DEFAULT_PART_BYTES)?;
        Ok(Self {
            every: or_default(sources.find(&EVERY, every.map_or(&[], std::slice::from_ref)), values::interval, None)?,
            plan: Plan {
                data_dir,
                destinations,
                access: BucketAccess::from_variables(env.variables()).in_parts_of(part_bytes),
                recipients,
                retention: Retention { keep: usize::try_from(keep.get()).unwrap_or(usize::MAX), max_bytes },
                floor: sources.find(&MIN_FREE, &[]).map(|given| given.parse(values::bytes)).transpose()?,
            },
        })
    }

    /// For a command beside the server.
    pub fn beside(args: &DataArgs, flags: &BackupFlags, env: &Env) -> Result<Self, ConfigError> {
        let sources = Sources::new(env, args.config.as_deref(), SETTINGS)?;
        let data_dir = data_dir(&sources, env, args.data_dir.as_slice())?;
        Self::load(&sources, env, None, flags, data_dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &BackupFlags, env: &Env) -> Result<Backups, ConfigError> {
        let data = DataArgs { data_dir: Some("/data".into()), ..DataArgs::default() };
        Backups::beside(&data, flags, env)
    }

    #[test]
    fn without_a_word_they_go_into_the_data_directory_and_nothing_makes_them() {
        let backups = load(&BackupFlags::default(), &Env::from_pairs([("HOME", "/")])).unwrap();
        assert_eq!(backups.plan.destinations, [Destination::Folder("/data/backups".into())]);
        assert_eq!((backups.every, backups.plan.retention.keep), (None, 14));
    }

    #[test]
    fn the_environment_says_it_all() {
        let env = Env::from_pairs([
            ("TASKFERRY_BACKUP_EVERY", "6h"),
            ("TASKFERRY_BACKUP_TO", "/mnt/a, /mnt/b"),
            ("TASKFERRY_BACKUP_KEEP", "3"),
            ("TASKFERRY_BACKUP_MAX_BYTES", "1GB"),
        ]);
        let backups = load(&BackupFlags::default(), &env).unwrap();
        assert_eq!(backups.every, Some(Duration::from_hours(6)));
        let to = ["/mnt/a", "/mnt/b"].map(|path| Destination::Folder(path.into()));
        assert_eq!(backups.plan.destinations, to);
        assert_eq!(backups.plan.retention, Retention { keep: 3, max_bytes: Some(1_000_000_000) });
    }

    #[test]
    fn nonsense_is_named() {
        let message = |name: &str, value: &str| {
            load(&BackupFlags::default(), &Env::from_pairs([(name, value)])).unwrap_err().to_string()
        };
        assert_eq!(
            message("TASKFERRY_BACKUP_EVERY", "10s"),
            "`TASKFERRY_BACKUP_EVERY`: `10s` is not a time such as `6h` or `1d`, at least a minute, or `never`"
        );
        assert!(message("TASKFERRY_BACKUP_TO", "ftp://x").contains("a folder, or a bucket such as"));
        assert!(message("TASKFERRY_BACKUP_KEEP", "0").contains("is not"));
        assert!(message("TASKFERRY_BACKUP_RECIPIENT", "me").contains("is not"));
    }
}
