//! Is there a data directory, on a disk that suits a database?

use std::path::Path;

use super::{Check, Finding, World};
use crate::storage::sqlite::directory::{DATABASE_FILE, REFERENCE_FILE};

/// Where the data lies.
pub struct Directory;

impl Check for Directory {
    fn name(&self) -> &'static str {
        "data directory"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match world.data_dir() {
            Ok(directory) => judge(directory, kind(directory)),
            Err(finding) => finding,
        }
    }
}

fn judge(directory: &Path, kind: Option<Kind>) -> Finding {
    let shown = directory.display();
    match std::fs::metadata(directory) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Finding::problem(
                format!("there is no `{shown}`"),
                "`taskferry-server serve` creates it; or name another one with `--data-dir DIR`",
            );
        }
        Err(cause) => {
            return Finding::problem(
                format!("`{shown}` can't be looked at: {cause}"),
                "run this as the user of the server, or as root",
            );
        }
        Ok(found) if !found.is_dir() => {
            return Finding::problem(format!("`{shown}` is no directory"), "name another one with `--data-dir DIR`");
        }
        Ok(_) => {}
    }
    if directory.join(REFERENCE_FILE).exists() && !directory.join(DATABASE_FILE).exists() {
        return Finding::problem(
            format!("`{shown}` holds the data of another sync server (`{REFERENCE_FILE}`)"),
            format!(
                "take it over into a directory of its own: `taskferry-server import --from {shown} --data-dir DIR`"
            ),
        );
    }
    match kind {
        Some(Kind { name, flaw: None }) => Finding::ok(format!("`{shown}`, on {name}")),
        Some(Kind { name, flaw: Some((flaw, remedy)) }) => {
            Finding::warning(format!("`{shown}` lies on {name}: {flaw}"), remedy)
        }
        None => Finding::ok(format!("`{shown}`")),
    }
}

/// A kind of file system, and what is wrong with it for a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    flaw: Option<(&'static str, &'static str)>,
}

impl Kind {
    const fn good(name: &'static str) -> Self {
        Self { name, flaw: None }
    }

    const fn of_a_network(name: &'static str) -> Self {
        let flaw = "locks and syncs are not to be relied on over a network";
        Self { name, flaw: Some((flaw, "choose a directory on a local disk or a volume with `--data-dir DIR`")) }
    }

    const fn gone_with(name: &'static str, flaw: &'static str) -> Self {
        Self { name, flaw: Some((flaw, "mount a volume, and name a directory on it with `--data-dir DIR`")) }
    }
}

/// By the number that the system has for it.
#[cfg(target_os = "linux")]
fn kind(directory: &Path) -> Option<Kind> {
    let number = i128::from(rustix::fs::statfs(directory).ok()?.f_type);
    Some(match number & 0xFFFF_FFFF {
        0xEF53 => Kind::good("ext4"),
        0x5846_5342 => Kind::good("xfs"),
        0x9123_683E => Kind::good("btrfs"),
        0x2FC1_2FC1 => Kind::good("zfs"),
        0xF2F5_2010 => Kind::good("f2fs"),
        0x0102_1994 => Kind::gone_with("tmpfs", "it is memory, and gone after a restart of the machine"),
        0x794C_7630 => Kind::gone_with("overlayfs", "it is a container's own layer, and gone with the container"),
        0x6969 => Kind::of_a_network("NFS"),
        0xFE53_4D42 | 0xFF53_4D42 | 0x517B => Kind::of_a_network("SMB"),
        0x0102_1997 => Kind::of_a_network("9p"),
        0x00C3_6400 => Kind::of_a_network("CephFS"),
        0x6573_5546 => Kind::good("FUSE"),
        _ => return None,
    })
}

#[cfg(not(target_os = "linux"))]
fn kind(_: &Path) -> Option<Kind> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn what_is_no_place_for_a_database_is_told_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let good = Some(Kind::good("ext4"));
        assert_eq!(judge(dir.path(), good).outcome, Outcome::Ok);
        assert_eq!(judge(&dir.path().join("nothing"), good).outcome, Outcome::Problem);
        assert_eq!(judge(dir.path(), Some(Kind::of_a_network("NFS"))).outcome, Outcome::Warning);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(judge(&file, good).sentence.ends_with("is no directory"));
        std::fs::write(dir.path().join(REFERENCE_FILE), "theirs").unwrap();
        let found = judge(dir.path(), good);
        assert!(found.outcome == Outcome::Problem && found.remedy.unwrap().contains("import --from"));
    }
}
