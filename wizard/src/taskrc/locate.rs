//! Finds the taskrc that Taskwarrior itself would read, and decides where the settings may go: into it, or, where it is
//! likely to be published with somebody's dotfiles, into a private file that it includes.

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::block::{BadBlock, Block};
use super::edit::{self, BadMarkers, put_block};
use super::keys;
use super::write::{Change, FileChange};
use crate::context::Context;
use crate::credentials::Credentials;
use crate::error::Explain;

/// The taskrc as it is now.
pub struct Taskrc {
    /// The file itself, symbolic links followed.
    path: PathBuf,
    /// Its bytes; `None` while it doesn't exist.
    bytes: Option<Zeroizing<Vec<u8>>>,
    /// Where the settings go.
    pub home: Home,
    /// The file, or its folder, if it can't be written; and the line that would do instead.
    read_only: Option<(PathBuf, String)>,
}

/// Where the settings go.
#[derive(Debug, PartialEq, Eq)]
pub enum Home {
    /// Into the taskrc.
    Taskrc,
    /// Into a private file that the taskrc includes.
    Private {
        /// That file.
        file: PathBuf,
        /// Its path with `~` for the home.
        shown: String,
        /// Why, as the end of "since …".
        since: &'static str,
    },
}

/// What a plan does to the taskrc, besides putting an account's settings there.
#[derive(Debug, Default, Clone, Copy)]
pub struct Besides<'a> {
    /// Settings that the new ones take the place of: their lines go.
    pub superseded: &'a [&'static str],
    /// Whether recurring tasks are left to another computer.
    pub recurrence_off: bool,
}

/// Why the taskrc can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TaskrcError {
    /// For example a symbolic link whose target was moved.
    #[error("could not read Taskwarrior's configuration `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// A folder, a pipe or the like.
    #[error("Taskwarrior's configuration `{}` is not a file", path.display())]
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// Somebody protects it, or it lies where nobody can write.
    #[error("Taskwarrior's configuration `{}` is read-only", path.display())]
    ReadOnly {
        /// The file, or its folder.
        path: PathBuf,
        /// The line that includes our private file.
        include: String,
    },
    /// See [`BadMarkers`].
    #[error("could not find the place for the sync settings in `{}`", path.display())]
    Markers {
        /// The file.
        path: PathBuf,
        /// Where in it.
        #[source]
        why: BadMarkers,
    },
    /// See [`BadBlock`].
    #[error("these credentials can't be used with Taskwarrior")]
    Block(#[source] BadBlock),
}

impl Explain for TaskrcError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { path, why } if why.kind() == io::ErrorKind::NotFound => {
                Some(format!("`{}` is a link to a file that is gone: mend or remove it", path.display()))
            }
            Self::Unreadable { .. } | Self::NotAFile { .. } => {
                Some("name another file in the environment variable `TASKRC`".into())
            }
            Self::ReadOnly { path, include } => Some(format!(
                "make `{}` writable, or name another file in the environment variable `TASKRC`\n\
                 where another program writes it, let that write the line `{include}`, then run the same command again: it \
                 changes that file alone",
                path.display()
            )),
            Self::Markers { path, .. } => Some(format!(
                "remove the lines between and with `# >>> taskferry` and `# <<< taskferry` from `{}`",
                path.display()
            )),
            Self::Block(why) => why.hint(),
        }
    }
}

/// Without the bytes: they may hold secrets, ours or other programs'.
impl fmt::Debug for Taskrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taskrc").field("path", &self.path).field("home", &self.home).finish_non_exhaustive()
    }
}

impl Taskrc {
    /// Reads the taskrc of this world.
    pub fn find(context: &Context) -> Result<Self, TaskrcError> {
        let named = place(context);
        let unreadable = |why| TaskrcError::Unreadable { path: named.clone(), why };
        let is_link = match std::fs::symlink_metadata(&named) {
            Ok(metadata) => metadata.is_symlink(),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let home = home_for(context, &named, &[], false);
                return Ok(Self { path: named, bytes: None, home, read_only: None });
            }
            Err(why) => return Err(unreadable(why)),
        };
        let path = std::fs::canonicalize(&named).map_err(unreadable)?;
        let metadata = std::fs::metadata(&path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(TaskrcError::NotAFile { path: named });
        }
        let include = || format!("include {}", context.short(&private_file(context)));
        let read_only = read_only(&path, metadata.permissions().mode()).map(|path| (path, include()));
        let bytes = Zeroizing::new(std::fs::read(&path).map_err(unreadable)?);
        let home = home_for(context, &path, &bytes, is_link);
        Ok(Self { path, bytes: Some(bytes), home, read_only })
    }

    /// Fails where settings can't be written. One that is only read may be read-only, as where another program writes it; and one
    /// that includes our private file needs no change.
    pub fn refuse_read_only(&self) -> Result<(), TaskrcError> {
        if matches!(self.home, Home::Private { since: INCLUDED, .. }) { Ok(()) } else { self.refuse_unwritable() }
    }

    /// Fails if the file itself can't be written.
    pub fn refuse_unwritable(&self) -> Result<(), TaskrcError> {
        match &self.read_only {
            Some((path, include)) => Err(TaskrcError::ReadOnly { path: path.clone(), include: include.clone() }),
            None => Ok(()),
        }
    }

    /// The file, symbolic links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes; `None` while it doesn't exist.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_ref().map(|bytes| bytes.as_slice())
    }

    /// Whether our lines say that recurring tasks are left to another computer.
    pub fn leaves_recurrence(&self) -> bool {
        let private = match &self.home {
            Home::Taskrc => None,
            Home::Private { file, .. } => std::fs::read(file).ok().map(Zeroizing::new),
        };
        [&private, &self.bytes].into_iter().flatten().any(|bytes| edit::block_sets(bytes, keys::RECURRENCE))
    }

    /// Whether it is there already. Without one, `task` asks and starts nothing.
    pub fn exists(&self) -> bool {
        self.bytes.is_some()
    }

    /// What Taskwarrior can read in the place of this taskrc, if it can't read this one: nothing where there is none; and
    /// without the include of our private file where that is missing, as on a second computer with the same dotfiles.
    pub fn stand_in(&self, context: &Context) -> Option<Zeroizing<Vec<u8>>> {
        let Some(bytes) = &self.bytes else {
            return Some(Zeroizing::default());
        };
        let missing = private_file(context);
        let is_missing = |line: &[u8]| included(context, line).is_some_and(|included| included == missing);
        if missing.exists() || !edit::lines(bytes).any(is_missing) {
            return None;
        }
        let mut readable = Zeroizing::new(Vec::with_capacity(bytes.len()));
        for line in edit::lines(bytes).filter(|line| !is_missing(line)) {
            // It is read from another folder, but what it includes stays where it is.
            match line.strip_prefix(b"include ").filter(|path| !matches!(path.first(), Some(b'/' | b'~'))) {
                Some(path) => {
                    let folder = self.path.parent().unwrap_or(Path::new("/")).as_os_str().as_encoded_bytes();
                    readable.extend_from_slice(&[b"include ", folder, b"/", path].concat());
                }
                None => readable.extend_from_slice(line),
            }
            if !line.ends_with(b"\n") {
                readable.push(b'\n');
            }
        }
        Some(readable)
    }

    /// What would change on the disk to sync with `credentials`, and what has to change besides. Touches nothing.
    pub fn plan(
        &self,
        credentials: &Credentials,
        url_key: &'static str,
        besides: Besides<'_>,
    ) -> Result<Change, TaskrcError> {
        self.refuse_read_only()?;
        let settings = Block::settings(credentials, url_key).map_err(TaskrcError::Block)?;
        let settings = if besides.recurrence_off { settings.without_recurrence() } else { settings };
        let Home::Private { file, shown, .. } = &self.home else {
            let change = self.with_block(&settings, besides.superseded)?;
            return Ok(Change::new([change.readable_by_owner_only()]));
        };
        let include = Block::include(file, shown).map_err(TaskrcError::Block)?;
        let bytes = match std::fs::read(file) {
            Ok(bytes) => Some(Zeroizing::new(bytes)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => {
                return Err(TaskrcError::Unreadable { path: file.clone(), why });
            }
        };
        let private = Self { path: file.clone(), bytes, home: Home::Taskrc, read_only: None };
        let private = private.with_block(&settings, &[])?.readable_by_owner_only();
        if self.read_only.is_some() {
            return Ok(Change::new([private]));
        }
        // The private file first: a missing include is fatal to every `task` command.
        Ok(Change::new([private, self.with_block(&include, besides.superseded)?]))
    }

    fn with_block(&self, block: &Block, superseded: &[&str]) -> Result<FileChange, TaskrcError> {
        let kept = edit::without_keys(self.bytes.as_ref().map_or(&[][..], |bytes| bytes), superseded);
        let new = put_block(&kept, block).map_err(|why| TaskrcError::Markers { path: self.path.clone(), why })?;
        Ok(FileChange::new(self.path.clone(), self.bytes.clone(), new))
    }
}

/// Where Taskwarrior looks, in its order: `$TASKRC`; `~/.taskrc` if it is there; `task/taskrc` in the configuration
/// folder if that is there; else it would create `~/.taskrc`.
fn place(context: &Context) -> PathBuf {
    if let Some(given) = context.var("TASKRC") {
        let given = Path::new(given);
        return match given.strip_prefix("~") {
            Ok(below) => context.home().join(below),
            Err(_) => context.cwd().join(given),
        };
    }
    let usual = context.home().join(".taskrc");
    let xdg = context.config_home().join("task/taskrc");
    if !usual.exists() && xdg.exists() { xdg } else { usual }
}

fn home_for(context: &Context, path: &Path, bytes: &[u8], is_link: bool) -> Home {
    let file = private_file(context);
    // Looked at first: a copy of a taskrc that includes the file must not lose the include, which the other computers need.
    let since = if edit::lines(bytes).any(|line| included(context, line).is_some_and(|included| included == file)) {
        INCLUDED
    } else if is_link {
        "your taskrc is a link, and dotfiles get published"
    } else if path.ancestors().skip(1).any(|folder| folder.join(".git").exists()) {
        "your taskrc lies in a git work tree, and dotfiles get published"
    } else {
        return Home::Taskrc;
    };
    Home::Private { shown: context.short(&file), file, since }
}

const INCLUDED: &str = "your taskrc includes it already";

fn private_file(context: &Context) -> PathBuf {
    context.our_config_dir().join("sync.taskrc")
}

/// The file that a line includes, if it is such a line with a path from the root or the home.
fn included(context: &Context, line: &[u8]) -> Option<PathBuf> {
    let path = std::str::from_utf8(line).ok()?.trim().strip_prefix("include ")?.trim();
    let path = path.strip_prefix("~/").map_or_else(|| PathBuf::from(path), |below| context.home().join(below));
    Some(path).filter(|path| path.is_absolute())
}

/// The file, or else its folder, if it can't be written. The mode counts for root too: who takes the write permission away
/// means it.
fn read_only(path: &Path, mode: u32) -> Option<PathBuf> {
    use rustix::fs::{Access, access};
    let folder = path.parent().unwrap_or(path);
    if mode & 0o222 == 0 || access(path, Access::WRITE_OK).is_err() {
        return Some(path.into());
    }
    access(folder, Access::WRITE_OK).is_err().then(|| folder.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn world(home: &TempDir, more: &[(&str, &str)]) -> Context {
        let mut env: std::collections::BTreeMap<_, _> = more.iter().map(|(k, v)| (k.into(), v.into())).collect();
        env.insert("HOME".into(), home.path().into());
        Context::new(env, home.path().join("cwd"), false).unwrap()
    }

    fn home() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn without_any_file_it_is_the_usual_one() {
        let home = home();
        let taskrc = Taskrc::find(&world(&home, &[])).unwrap();
        assert_eq!(taskrc.path(), home.path().join(".taskrc"));
        assert!(!taskrc.exists());
    }

    #[test]
    fn the_xdg_file_counts_only_without_the_usual_one() {
        let home = home();
        write(&home.path().join(".config/task/taskrc"), "");
        assert!(place(&world(&home, &[])).ends_with(".config/task/taskrc"));
        write(&home.path().join(".taskrc"), "");
        assert!(place(&world(&home, &[])).ends_with(".taskrc"));
    }

    #[test]
    fn the_variable_wins_with_tilde_or_relative_path() {
        let home = home();
        write(&home.path().join(".taskrc"), "");
        assert_eq!(place(&world(&home, &[("TASKRC", "~/rc")])), home.path().join("rc"));
        assert_eq!(place(&world(&home, &[("TASKRC", "rc")])), home.path().join("cwd/rc"));
        assert_eq!(place(&world(&home, &[("TASKRC", "/rc")])), Path::new("/rc"));
        assert_eq!(place(&world(&home, &[("TASKRC", "")])), home.path().join(".taskrc"));
    }

    #[test]
    fn a_link_and_a_git_work_tree_get_a_private_file() {
        let home = home();
        let private = home.path().join(".config/taskferry/sync.taskrc");
        write(&home.path().join("dotfiles/taskrc"), "color=off\n");
        symlink("dotfiles/taskrc", home.path().join(".taskrc")).unwrap();
        let linked = Taskrc::find(&world(&home, &[])).unwrap();
        assert!(
            matches!(&linked.home, Home::Private { file, since, .. } if *file == private && since.contains("link"))
        );
        assert_eq!(linked.path(), home.path().canonicalize().unwrap().join("dotfiles/taskrc"));

        write(&home.path().join("dotfiles/.git/HEAD"), "");
        let tracked = Taskrc::find(&world(&home, &[("TASKRC", "~/dotfiles/taskrc")])).unwrap();
        assert!(matches!(tracked.home, Home::Private { since, .. } if since.contains("git")));
    }

    #[test]
    fn only_a_taskrc_that_can_not_be_read_has_a_stand_in() {
        let home = home();
        let world = world(&home, &[]);
        let stand_in = || Taskrc::find(&world).unwrap().stand_in(&world).map(|bytes| bytes.to_vec());
        assert_eq!(stand_in(), Some(vec![]));
        write(&home.path().join(".taskrc"), "include colors\ninclude ~/.config/taskferry/sync.taskrc\nlast=1");
        let folder = home.path().canonicalize().unwrap();
        assert_eq!(stand_in(), Some(format!("include {}/colors\nlast=1\n", folder.display()).into_bytes()));
        assert!(
            matches!(Taskrc::find(&world).unwrap().home, Home::Private { since, .. } if since.contains("includes"))
        );
        write(&home.path().join(".config/taskferry/sync.taskrc"), "");
        assert_eq!(stand_in(), None);
    }

    #[test]
    fn what_can_not_be_used_is_refused_before_anything_happens() {
        let home = home();
        let error = |rc: &str| Taskrc::find(&world(&home, &[("TASKRC", rc)])).unwrap_err();
        symlink("gone", home.path().join("dangling")).unwrap();
        assert!(error("~/dangling").hint().unwrap().contains("is gone"));
        std::fs::create_dir(home.path().join("folder")).unwrap();
        assert!(matches!(error("~/folder"), TaskrcError::NotAFile { .. }));
        write(&home.path().join("protected"), "");
        std::fs::set_permissions(home.path().join("protected"), PermissionsExt::from_mode(0o444)).unwrap();
        let protected = Taskrc::find(&world(&home, &[("TASKRC", "~/protected")])).unwrap();
        assert!(matches!(protected.refuse_read_only(), Err(TaskrcError::ReadOnly { .. })));
    }
}
