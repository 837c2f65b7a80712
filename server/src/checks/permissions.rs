//! Can the server use its files, and nobody else?

use super::{Check, Finding, World};

/// Owners and modes in the data directory.
pub struct Permissions;

impl Check for Permissions {
    fn name(&self) -> &'static str {
        "permissions"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["data directory"]
    }

    #[cfg(unix)]
    fn look(&self, world: &World<'_>) -> Finding {
        match world.data_dir() {
            Ok(directory) => unix::judge(directory),
            Err(finding) => finding,
        }
    }

    #[cfg(not(unix))]
    fn look(&self, _: &World<'_>) -> Finding {
        Finding::skipped("not known on this system")
    }
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

    use super::Finding;

    /// What a group or everybody may do with a file.
    const FOR_OTHERS: u32 = 0o077;
    /// What everything of the server's begins with.
    const OURS: &str = "taskferry.";

    pub(super) fn judge(directory: &Path) -> Finding {
        let shown = directory.display();
        let as_user = "run this as the user of the server, or as root";
        let (Ok(owned), Ok(entries)) = (std::fs::metadata(directory), std::fs::read_dir(directory)) else {
            return Finding::problem(format!("`{shown}` can't be read by this user"), as_user);
        };
        if access(directory, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
            if statvfs(directory).is_ok_and(|volume| volume.f_flag.contains(StatVfsMountFlags::RDONLY)) {
                return Finding::problem(
                    format!("`{shown}` lies on a volume that is read-only"),
                    "the system's log (`dmesg`) says why, if the disk failed; mount it for writing again",
                );
            }
            return Finding::problem(format!("`{shown}` can't be written by this user"), as_user);
        }
        let (mut strangers, mut open) = (Vec::new(), Vec::new());
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(file) = entry.metadata() else { continue };
            if !name.starts_with(OURS) || !file.is_file() {
                continue;
            }
            if file.uid() != owned.uid() {
                strangers.push(name.clone());
            }
            if file.mode() & FOR_OTHERS != 0 {
                open.push(name);
            }
        }
        if let Some(first) = strangers.first() {
            return Finding::problem(
                format!("`{first}` belongs to another user than `{shown}`: the server may not be able to open it"),
                format!("`chown -R --reference={shown} {shown}`"),
            );
        }
        // Who can't enter the directory can't read what lies in it, whatever its mode.
        if owned.mode() & FOR_OTHERS != 0 {
            if let Some(first) = open.first() {
                return Finding::warning(
                    format!("other users of this machine can read `{first}` and the credentials in it"),
                    format!("`chmod 700 {shown}`"),
                );
            }
            return Finding::warning(
                format!("other users of this machine can look into `{shown}` (mode {:04o})", owned.mode() & 0o7777),
                format!("`chmod 700 {shown}`"),
            );
        }
        Finding::ok("only the server's user can read the data, and can write it")
    }

    #[cfg(test)]
    mod tests {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::{PermissionsExt as _, chown};

        use super::*;
        use crate::checks::Outcome;

        #[test]
        fn a_file_of_somebody_else_is_a_problem_and_one_for_everybody_a_warning() {
            let dir = tempfile::tempdir().unwrap();
            let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            let file = dir.path().join("taskferry.sqlite3");
            fs::write(&file, "").unwrap();
            set(&file, 0o644);
            set(dir.path(), 0o700);
            assert_eq!(judge(dir.path()).outcome, Outcome::Ok, "nobody gets there");
            set(dir.path(), 0o755);
            assert!(judge(dir.path()).sentence.contains("can read `taskferry.sqlite3`"));
            set(&file, 0o600);
            assert!(judge(dir.path()).sentence.contains("mode 0755"));
            if rustix::process::geteuid().is_root() {
                chown(&file, Some(65534), None).unwrap();
                assert_eq!(judge(dir.path()).outcome, Outcome::Problem);
            }
        }
    }
}
