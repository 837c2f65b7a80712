//! The data directory: created private, recognised, and held by one server at a time.

use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use taskferry_protocol::files::SERVER_LOCK as LOCK_FILE;

use super::replace;
use crate::remedy;

/// The database's file name.
pub const DATABASE_FILE: &str = "taskferry.sqlite3";
/// The reference server's file name.
pub const REFERENCE_FILE: &str = "taskchampion-sync-server.sqlite3";

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It can't be created, or a file in it can't.
    #[error("could not use `{}` as data directory", .path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// Another server holds it.
    #[error("another server is using `{}`{}", .path.display(), .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Held {
        /// The directory.
        path: PathBuf,
        /// The holder's process ID, as it wrote it down.
        pid: Option<u32>,
    },
    /// It holds the reference server's data and none of ours.
    #[error("`{}` holds the data of another sync server (`{REFERENCE_FILE}`)", .path.display())]
    ReferenceData {
        /// The directory.
        path: PathBuf,
    },
}

impl DirectoryError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unusable { path, cause } if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                Some(whose_it_is(path).unwrap_or_else(|| {
                    "choose a directory that this user may write with `--data-dir DIR`, or change its owner".into()
                }))
            }
            Self::Unusable { path, cause } if cause.kind() == std::io::ErrorKind::AlreadyExists => {
                Some(format!("`{}` is a file: name a directory with `--data-dir DIR`", path.display()))
            }
            Self::Unusable { cause, .. } => Some(
                remedy::of_io(cause).unwrap_or_else(|| "choose another directory with `--data-dir DIR`".to_owned()),
            ),
            Self::Held { .. } => {
                Some("stop that server first, or choose another directory with `--data-dir DIR`".into())
            }
            // Starting empty here would be worse than not starting: the first device to sync would continue its history on
            // an empty account, and all its other devices would be locked out.
            Self::ReferenceData { path } => Some(format!(
                "it is left as it is; take it over into a directory of its own with \
                 `taskferry-server import --from {} --data-dir DIR`",
                path.display()
            )),
        }
    }
}

/// For a directory of somebody else: whose it is, and what makes it ours. Volumes are the usual case, and containers have no shell
/// at hand in which to look.
fn whose_it_is(path: &Path) -> Option<String> {
    let owner = fs::metadata(path).ok()?.uid();
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    (owner != user).then(|| {
        format!(
            "it belongs to user {owner}, and this server is user {user}: \
             `chown -R {user}:{group} {}` as root makes it the server's; or start the \
             container as root (`RAILWAY_RUN_UID=0` on Railway), and a fresh volume is taken over",
            path.display()
        )
    })
}

/// A data directory that this process holds. Given back on drop, and by the system if the process dies.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    _lock: std::fs::File,
}

impl DataDirectory {
    /// Creates (mode 0700) and locks the directory, and finishes what a [`replace`] that was cut short left to do. The database
    /// inside is created (mode 0600) if it is not there.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        let unusable = |cause| DirectoryError::Unusable { path: path.to_owned(), cause };
        let held = Self::hold(path)?;
        // SQLite would create it by the umask, and its -wal and -shm files take over this mode.
        private_file(&held.database()).map_err(unusable)?;
        // Their names must survive a power loss too.
        sync_directory(path).map_err(unusable)?;
        Ok(held)
    }

    /// The same without a database: there may be none.
    pub fn hold(path: &Path) -> Result<Self, DirectoryError> {
        let unusable = |cause| DirectoryError::Unusable { path: path.to_owned(), cause };
        create_private_dir(path).map_err(unusable)?;
        if !path.join(LOCK_FILE).exists() {
            // Never ours so far: then not even a lock is left in it.
            refuse_the_references(path)?;
        }
        let lock = Self::lock(path)?;
        if let Some(former) = replace::finish(path).map_err(unusable)? {
            tracing::warn!(former = %former.display(), "finished a restore that had been interrupted");
        }
        refuse_the_references(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    fn lock(path: &Path) -> Result<std::fs::File, DirectoryError> {
        let unusable = |cause| DirectoryError::Unusable { path: path.to_owned(), cause };
        let mut file = private_file(&path.join(LOCK_FILE)).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.take(32).read_to_string(&mut text);
                return Err(DirectoryError::Held { path: path.to_owned(), pid: text.trim().parse().ok() });
            }
            Err(std::fs::TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        // For the message of a second server; the lock itself is the kernel's, so a stale number does no harm.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(unusable)?;
        Ok(file)
    }

    /// The database in it.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE_FILE)
    }
}

/// A process that holds a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Which, if it wrote that down.
    pub pid: Option<u32>,
}

/// The process that holds a directory, if one does. Only looks.
pub fn holder(path: &Path) -> Option<Holder> {
    let mut file = std::fs::File::open(path.join(LOCK_FILE)).ok()?;
    let mut text = String::new();
    let _ = (&mut file).take(32).read_to_string(&mut text);
    let pid: Option<u32> = text.trim().parse().ok();
    // A lock can be asked for only by taking it, and for that moment no server could start. So it is taken only where somebody
    // most likely has it.
    if pid.is_some_and(|pid| !is_alive(pid)) {
        return None;
    }
    matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)).then_some(Holder { pid })
}

#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // Whoever may not be asked is there.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    true
}

/// The reference's data without ours beside it is not a place to start in.
fn refuse_the_references(path: &Path) -> Result<(), DirectoryError> {
    if path.join(REFERENCE_FILE).exists() && !path.join(DATABASE_FILE).exists() {
        return Err(DirectoryError::ReferenceData { path: path.to_owned() });
    }
    Ok(())
}

/// Makes the names in a directory durable.
#[cfg(unix)]
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    fs::File::open(path)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync_directory(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
pub(crate) fn create_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_directory)
}

#[cfg(not(unix))]
pub(crate) fn create_private_dir(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Opens a file, created for the owner only if it is not there. For places where nobody else can put one.
pub(crate) fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    for_the_owner_only(&mut options);
    options.open(path).map(fs::File::into_file)
}

/// A new file for the owner only. Whatever has its name already goes, or is an error, and is never written into: in a folder that
/// others can write to, it may be theirs to read, or a link to somewhere else.
pub(crate) fn new_private_file(path: &Path) -> std::io::Result<std::fs::File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create_new(true);
    for_the_owner_only(&mut options);
    options.open(path).map(fs::File::into_file)
}

fn for_the_owner_only(options: &mut fs::OpenOptions) {
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = options;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_with_the_holders_process() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDirectory::open(dir.path()).unwrap();
        let refused = DataDirectory::open(dir.path()).unwrap_err();
        assert!(matches!(refused, DirectoryError::Held { pid: Some(pid), .. } if pid == std::process::id()));
        assert_eq!(holder(dir.path()), Some(Holder { pid: Some(std::process::id()) }));
        drop(held);
        assert_eq!(holder(dir.path()), None);
        DataDirectory::open(dir.path()).unwrap();
    }

    #[test]
    fn a_restore_that_was_interrupted_after_its_decision_is_finished_by_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("taskferry.before-7.sqlite3"), "the former database was moved aside").unwrap();
        fs::write(dir.path().join(format!("{DATABASE_FILE}-wal")), "its log was not yet").unwrap();
        fs::write(dir.path().join("taskferry.ready-7.sqlite3"), "restored").unwrap();
        fs::write(dir.path().join("taskferry.restoring.fetched"), "what it was made of").unwrap();
        let held = DataDirectory::open(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(held.database()).unwrap(), "restored");
        assert!(
            !dir.path().join(format!("{DATABASE_FILE}-wal")).exists(),
            "a log of other data would be played into it"
        );
        assert!(!dir.path().join("taskferry.restoring.fetched").exists());
    }

    #[test]
    fn the_reference_servers_data_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(REFERENCE_FILE), "theirs").unwrap();
        assert!(matches!(DataDirectory::open(dir.path()), Err(DirectoryError::ReferenceData { .. })));
        assert!(!dir.path().join(DATABASE_FILE).exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_never_one_that_somebody_else_has_put_there() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (victim, path) = (dir.path().join("victim"), dir.path().join("new"));
        fs::write(&victim, "precious").unwrap();
        let readable_by_all = || fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let put_there: [&dyn Fn(); 3] = [
            &|| fs::write(&path, "theirs").map(|()| readable_by_all()).unwrap(),
            &|| std::os::unix::fs::symlink(&victim, &path).unwrap(),
            &|| fs::hard_link(&victim, &path).unwrap(),
        ];
        for put in put_there {
            put();
            let file = new_private_file(&path).unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            std::io::Write::write_all(&mut &file, b"secret").unwrap();
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
            assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
            fs::remove_file(&path).unwrap();
        }
        fs::create_dir(&path).unwrap();
        assert!(new_private_file(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_it_creates_is_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let held = DataDirectory::open(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&held.database()), mode(&path.join(LOCK_FILE))), (0o700, 0o600, 0o600));
    }
}
