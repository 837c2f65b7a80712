//! From root to an unprivileged user, with no way back.
//!
//! Containers and platforms mount volumes that belong to root; an image that starts as somebody else can't use them. So
//! it starts as root, makes a *fresh* data directory the user's own, and becomes that user: the whole process, before
//! it has a second thread, since the kernel keeps these things per thread. Then it proves that it can't become root
//! again, and does not start if it can.
//!
//! Only the directory itself changes hands, only if it is empty, and without following a link: a recursive change of
//! owners by root, in a place that somebody else could write, is how containers get taken over. Whatever else is in the
//! way is the operator's.

use std::path::PathBuf;
use std::str::FromStr;

use fs_err as fs;

/// Somebody to become. Never root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    uid: u32,
    gid: u32,
}

impl FromStr for User {
    type Err = String;

    /// A name of this machine's `/etc/passwd`, or `UID`, or `UID:GID`. Not by way of the C library: a static binary has
    /// no name service.
    fn from_str(text: &str) -> Result<Self, String> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        find(text, &passwd)
            .ok_or_else(|| "a user other than root: a name of this machine, a UID, or `UID:GID`".to_owned())
    }
}

fn find(text: &str, passwd: &str) -> Option<User> {
    let entries = || passwd.lines().filter_map(entry);
    let user = match text.split_once(':') {
        Some((uid, gid)) => User { uid: uid.parse().ok()?, gid: gid.parse().ok()? },
        None => match text.parse() {
            Ok(uid) => {
                let gid = entries().find(|(_, user)| user.uid == uid).map_or(uid, |(_, user)| user.gid);
                User { uid, gid }
            }
            Err(_) => entries().find(|(name, _)| *name == text)?.1,
        },
    };
    // The largest number means "leave it as it is" to the kernel.
    let real = |id: u32| id != 0 && id != u32::MAX;
    (real(user.uid) && real(user.gid)).then_some(user)
}

/// `name:password:UID:GID:…`
fn entry(line: &str) -> Option<(&str, User)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let uid = fields.nth(1)?.parse().ok()?;
    Some((name, User { uid, gid: fields.next()?.parse().ok()? }))
}

/// Why the server does not start with the privileges that it was given.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Only root can become somebody else.
    #[error("only root can become another user")]
    NotRoot,
    /// The directory can't be handed over.
    #[error("could not make `{}` the user's own", .path.display())]
    HandOver {
        /// The data directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// The system refused.
    #[error("could not {what}")]
    Drop {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// There is a way back.
    #[error("the process could become root again: {how}")]
    WayBack {
        /// What was left open.
        how: &'static str,
    },
    /// Not a system on which this works.
    #[error("becoming another user works on Linux only")]
    Unsupported,
}

impl PrivilegeError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotRoot | Self::Unsupported => Some("start it as that user, and leave `--user` away".into()),
            Self::HandOver { .. } => Some("choose an empty directory of root's, or one that the user can write".into()),
            Self::Drop { .. } => {
                Some("the container needs the capabilities CHOWN, SETUID and SETGID; or start it as that user".into())
            }
            Self::WayBack { .. } => {
                Some("this is a mistake of the program or of the system; nothing was started".into())
            }
        }
    }
}

/// Whether nobody has kept anything there yet: a directory that would be handed over, or made.
pub fn is_fresh(directory: &std::path::Path) -> bool {
    match std::fs::read_dir(directory) {
        Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found")),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(target_os = "linux")]
pub use self::linux::drop_to;

/// Not here.
#[cfg(not(target_os = "linux"))]
pub fn drop_to(user: Option<User>, _: &std::path::Path) -> Result<Option<&'static str>, PrivilegeError> {
    user.map_or(Ok(None), |_| Err(PrivilegeError::Unsupported))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    use fs_err as fs;
    use rustix::fs::{CWD, Mode, OFlags, fchown, fstat, mkdirat, openat};
    use rustix::process::{Gid, Uid, geteuid, getgid, getuid};
    use rustix::thread as kernel;

    use super::{PrivilegeError, User};

    /// Becomes `user`, if started as root, and makes a fresh `data_dir` theirs. Without `user`, nothing changes;
    /// returns what is odd about that. To be called while the process has one thread.
    pub fn drop_to(user: Option<User>, data_dir: &Path) -> Result<Option<&'static str>, PrivilegeError> {
        let is_root = geteuid().is_root();
        let Some(user) = user else {
            return Ok(
                is_root.then_some("running as root; with `--user NAME` the server becomes somebody less powerful")
            );
        };
        if !is_root {
            let already = getuid().as_raw() == user.uid && getgid().as_raw() == user.gid;
            return if already { Ok(None) } else { Err(PrivilegeError::NotRoot) };
        }
        if threads()? != 1 {
            return Err(PrivilegeError::WayBack { how: "it has a second thread already" });
        }
        hand_over(user, data_dir)?;
        become_user(user)?;
        prove(user)?;
        Ok(None)
    }

    fn threads() -> Result<usize, PrivilegeError> {
        let tasks = fs::read_dir("/proc/self/task");
        tasks.map(Iterator::count).map_err(|cause| PrivilegeError::Drop { what: "count the process's threads", cause })
    }

    /// Makes the directory the user's own if it is fresh, creating it if it is not there.
    pub(super) fn hand_over(user: User, data_dir: &Path) -> Result<(), PrivilegeError> {
        let failed = |cause: std::io::Error| PrivilegeError::HandOver { path: data_dir.to_owned(), cause };
        if let Some(parent) = data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        match mkdirat(CWD, data_dir, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(failed(error.into())),
        }
        // Everything from here on is about what was opened, whatever the name means by then.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match openat(CWD, data_dir, flags, Mode::empty()) {
            Ok(directory) => directory,
            // A link: wherever it leads is for the operator to arrange.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(failed(error.into())),
        };
        let owner = fstat(&directory).map_err(|error| failed(error.into()))?.st_uid;
        if owner != 0 || !is_empty(&directory).map_err(failed)? {
            return Ok(());
        }
        fchown(&directory, Some(uid(user)), Some(gid(user))).map_err(|error| failed(error.into()))
    }

    /// But for what every new ext4 volume has.
    fn is_empty(directory: &impl std::os::fd::AsFd) -> std::io::Result<bool> {
        for entry in rustix::fs::Dir::read_from(directory)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b".." | b"lost+found") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Groups first: afterwards there is no right to change them.
    pub(super) fn become_user(user: User) -> Result<(), PrivilegeError> {
        let step = |what, result: rustix::io::Result<()>| {
            result.map_err(|error| PrivilegeError::Drop { what, cause: error.into() })
        };
        let (uid, gid) = (uid(user), gid(user));
        step("leave root's groups", kernel::set_thread_groups(&[gid]))?;
        step("become the user's group", kernel::set_thread_res_gid(gid, gid, gid))?;
        step("become the user", kernel::set_thread_res_uid(uid, uid, uid))?;
        // The kernel took the effective ones away with the user; these would come back with a program that is run.
        let none = kernel::CapabilitySets {
            effective: kernel::CapabilitySet::empty(),
            permitted: kernel::CapabilitySet::empty(),
            inheritable: kernel::CapabilitySet::empty(),
        };
        step("give up all capabilities", kernel::set_capabilities(None, none))?;
        step("give up the ambient capabilities", kernel::clear_ambient_capability_set())?;
        step("give up privileges for good", kernel::set_no_new_privs(true))
    }

    /// Tries the ways back.
    pub(super) fn prove(user: User) -> Result<(), PrivilegeError> {
        let open = |how| Err(PrivilegeError::WayBack { how });
        if (getuid(), geteuid(), getgid()) != (uid(user), uid(user), gid(user)) {
            return open("it did not become the user");
        }
        if kernel::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok()
            || kernel::set_thread_uid(Uid::ROOT).is_ok()
        {
            return open("it may set its user");
        }
        if kernel::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).is_ok() || kernel::set_thread_groups(&[]).is_ok()
        {
            return open("it may set its groups");
        }
        match (kernel::capabilities(None), kernel::no_new_privs()) {
            (Ok(left), _) if !(left.effective | left.permitted | left.inheritable).is_empty() => {
                open("it has capabilities left")
            }
            (Ok(_), Ok(true)) => Ok(()),
            _ => open("a program that it runs may gain privileges"),
        }
    }

    fn uid(user: User) -> Uid {
        Uid::from_raw(user.uid)
    }

    fn gid(user: User) -> Gid {
        Gid::from_raw(user.gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\ntaskferry:x:65532:65533::/data:/bin/false\nnonsense\nodd:x:y:z\n";

    #[test]
    fn a_user_is_a_name_or_a_number_and_never_root() {
        let find = |text| find(text, PASSWD).map(|user| (user.uid, user.gid));
        assert_eq!(find("taskferry"), Some((65532, 65533)));
        assert_eq!(find("65532"), Some((65532, 65533)));
        assert_eq!(find("1000"), Some((1000, 1000)));
        assert_eq!(find("1000:100"), Some((1000, 100)));
        for text in
            ["", "root", "0", "0:0", "1000:0", "0:1000", "nobody-here", "odd", "1000:", ":1000", "4294967295", "-1"]
        {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    mod as_root {
        use std::os::unix::fs::{MetadataExt as _, symlink};
        use std::path::Path;

        use super::super::linux::{become_user, hand_over, prove};
        use super::*;

        const USER: User = User { uid: 65532, gid: 65532 };

        /// What only root can do is tested where the tests run as root, as they do in containers.
        fn is_root() -> bool {
            rustix::process::geteuid().is_root()
        }

        fn owner(path: &Path) -> u32 {
            fs::metadata(path).unwrap().uid()
        }

        #[test]
        fn there_is_a_way_back_until_it_is_closed() {
            if !is_root() {
                assert!(matches!(prove(USER), Err(PrivilegeError::WayBack { .. })));
                return;
            }
            // These things are a thread's own, which is why the server does them before it has a second one.
            std::thread::spawn(|| {
                assert!(matches!(prove(USER), Err(PrivilegeError::WayBack { .. })));
                become_user(USER).unwrap();
                prove(USER).unwrap();
            })
            .join()
            .unwrap();
        }

        #[test]
        fn only_a_fresh_directory_changes_hands_and_nothing_in_it() {
            if !is_root() {
                return;
            }
            let root = tempfile::tempdir().unwrap();
            let new = root.path().join("a/b");
            hand_over(USER, &new).unwrap();
            assert_eq!((owner(&new), owner(&root.path().join("a"))), (65532, 0));

            let volume = root.path().join("volume");
            fs::create_dir_all(volume.join("lost+found")).unwrap();
            hand_over(USER, &volume).unwrap();
            assert_eq!((owner(&volume), owner(&volume.join("lost+found"))), (65532, 0));

            let used = root.path().join("used");
            fs::create_dir_all(used.join("somebody's")).unwrap();
            hand_over(USER, &used).unwrap();
            assert_eq!((owner(&used), owner(&used.join("somebody's"))), (0, 0));
        }

        #[test]
        fn a_link_is_not_followed() {
            if !is_root() {
                return;
            }
            let root = tempfile::tempdir().unwrap();
            let target = root.path().join("elsewhere");
            fs::create_dir(&target).unwrap();
            symlink(&target, root.path().join("data")).unwrap();
            hand_over(USER, &root.path().join("data")).unwrap();
            assert_eq!(owner(&target), 0);
        }
    }
}
