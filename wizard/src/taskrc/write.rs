//! Changes files so that nothing is ever lost: a backup first, then one atomic replacement, everything on the disk before
//! the next step. What the new bytes are is decided by [`super::edit`].

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::record::{DatabaseTrace, Entry, Trace, checksum};
use super::{edit, keys};
use crate::context::Context;
use crate::error::Explain;
use crate::files::{OWNER_ONLY, make_own, mode_of, replace, sync_folder};

/// Files before and after. Showing it changes nothing; [`Change::apply`] does.
pub struct Change {
    files: Vec<FileChange>,
}

/// One file before and after.
pub struct FileChange {
    path: PathBuf,
    before: Option<Zeroizing<Vec<u8>>>,
    after: Zeroizing<Vec<u8>>,
    /// `None` = as it was.
    mode: Option<u32>,
}

/// Why a change was not made. Whatever it is, the file that it was about is as before.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Somebody else was faster.
    #[error("`{}` was changed by somebody else in the meantime", path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// The operating system said no. Its message names the file.
    #[error("could not save `{}`; it is as it was before", path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
}

impl Explain for WriteError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::ChangedMeanwhile { .. } => "run the same command again".into(),
            Self::Save { .. } => "make room or mend the permissions, then run the same command again".into(),
        })
    }
}

impl FileChange {
    /// `before` is what was read when the change was thought out; `None` = there was no file.
    pub fn new(path: PathBuf, before: Option<Zeroizing<Vec<u8>>>, after: Zeroizing<Vec<u8>>) -> Self {
        Self { path, before, after, mode: None }
    }

    /// Takes the file from everybody but its owner, since a secret goes into it.
    #[must_use]
    pub fn readable_by_owner_only(self) -> Self {
        self.with_mode(OWNER_ONLY)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a former file to keep.
    pub fn replaces_a_file(&self) -> bool {
        self.before.is_some()
    }

    /// The lines that go (`-`) and those that come (`+`), without credentials. The lines around stay out of it: they
    /// are somebody's own, and may hold secrets of other programs.
    pub fn diff(&self) -> String {
        let before: Vec<&[u8]> = edit::lines(self.before.as_ref().map_or(&[][..], |bytes| bytes)).collect();
        let after: Vec<&[u8]> = edit::lines(&self.after).collect();
        let mut diff = String::new();
        for step in similar::capture_diff_slices(similar::Algorithm::Myers, &before, &after) {
            if step.tag() == similar::DiffTag::Equal {
                continue;
            }
            for (sign, lines) in [('-', &before[step.old_range()]), ('+', &after[step.new_range()])] {
                for line in lines {
                    let line = format!("{sign} {}", without_credentials(line));
                    let _ = writeln!(diff, "{}", line.trim_end());
                }
            }
        }
        diff
    }

    fn is_empty(&self) -> bool {
        self.before.as_ref() == Some(&self.after)
    }

    /// The same with these permissions.
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Keeps the former bytes. What is needed to bring them back.
    fn prepare(&self, backups: &Path) -> Result<Trace, WriteError> {
        self.refuse_unless_on_disk(self.before.as_ref())?;
        let backup = self.before.as_ref().map(|bytes| back_up(&self.path, bytes, backups)).transpose();
        let backup = backup.map_err(|why| WriteError::Save { path: self.path.clone(), why })?;
        Ok(Trace { path: self.path.clone(), backup, mode: mode_of(&self.path), after: checksum(&self.after) })
    }

    fn apply(&self) -> Result<(), WriteError> {
        self.refuse_unless_on_disk(self.before.as_ref())?;
        let mode = self.mode.unwrap_or_else(|| mode_of(&self.path));
        replace(&self.path, &self.after, mode).map_err(|why| WriteError::Save { path: self.path.clone(), why })
    }

    fn revert(&self) -> Result<(), WriteError> {
        self.refuse_unless_on_disk(Some(&self.after))?;
        let reverted = match &self.before {
            Some(bytes) => replace(&self.path, bytes, mode_of(&self.path)),
            None => fs_err::remove_file(&self.path),
        };
        reverted.map_err(|why| WriteError::Save { path: self.path.clone(), why })
    }

    fn refuse_unless_on_disk(&self, expected: Option<&Zeroizing<Vec<u8>>>) -> Result<(), WriteError> {
        let now = match fs_err::read(&self.path) {
            Ok(bytes) => Some(Zeroizing::new(bytes)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => {
                return Err(WriteError::Save { path: self.path.clone(), why });
            }
        };
        if now.as_ref() == expected {
            return Ok(());
        }
        Err(WriteError::ChangedMeanwhile { path: self.path.clone() })
    }
}

impl Change {
    /// In the order in which they have to happen; files that stay as they are fall out.
    pub fn new(files: impl IntoIterator<Item = FileChange>) -> Self {
        Self { files: files.into_iter().filter(|file| !file.is_empty()).collect() }
    }

    /// The files that change.
    pub fn files(&self) -> &[FileChange] {
        &self.files
    }

    /// Makes the change; all of it, or nothing.
    ///
    /// Returns the backups of the files that were there before.
    pub fn apply(&self, context: &Context) -> Result<Vec<PathBuf>, WriteError> {
        self.apply_with(context, None)
    }

    /// The same, together with a change of the database that its caller is about to make: one `undo` takes back both.
    pub fn apply_with(&self, context: &Context, database: Option<DatabaseTrace>) -> Result<Vec<PathBuf>, WriteError> {
        let backups = backup_dir(context);
        for folder in [context.our_config_dir(), context.state_dir()] {
            let is_used = |file: &FileChange| file.path.starts_with(&folder) || backups.starts_with(&folder);
            if self.files.iter().any(is_used) {
                make_own(&folder).map_err(|why| WriteError::Save { path: folder, why })?;
            }
        }
        if self.files.is_empty() && database.is_none() {
            return Ok(Vec::new());
        }
        let traces: Result<Vec<_>, _> = self.files.iter().map(|file| file.prepare(&backups)).collect();
        let entry = Entry { files: traces?, database };
        // Before the first file is touched: a run that was killed in between can be taken back.
        let written = entry.write(context).map_err(|why| WriteError::Save { path: context.state_dir(), why })?;
        for (done, file) in self.files.iter().enumerate() {
            if let Err(error) = file.apply() {
                // That this fails too can't be helped, and the first error is the one that says why.
                let _ = self.files[..done].iter().rev().try_for_each(FileChange::revert);
                let _ = fs_err::remove_file(written);
                return Err(error);
            }
        }
        Ok(entry.files.into_iter().filter_map(|file| file.backup).collect())
    }

    /// Takes an applied change back, in the opposite order.
    pub fn revert(&self) -> Result<(), WriteError> {
        self.files.iter().rev().try_for_each(FileChange::revert)
    }
}

/// Where backups go: never beside the file, which may lie in a git work tree.
pub fn backup_dir(context: &Context) -> PathBuf {
    context.state_dir().join("backups")
}

/// A line without its end, and with `(hidden)` in the place of the account's ID and secret.
fn without_credentials(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line.trim_ascii_end());
    match line.split_once('=') {
        Some((key, _)) if [keys::CLIENT_ID, keys::SECRET].iter().any(|hidden| key.contains(hidden)) => {
            format!("{key}=(hidden)")
        }
        _ => crate::terminal::printable(&line),
    }
}

/// Keeps `bytes` under the next free number. A number rather than a time: it sorts, needs no clock, and never collides.
pub(crate) fn back_up(path: &Path, bytes: &[u8], folder: &Path) -> io::Result<PathBuf> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A folder that was already there may be open to others.
    fs_err::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let name = name.trim_start_matches('.');
    let mut number = 1_u32;
    loop {
        let backup = folder.join(format!("{name}.{number:04}"));
        let mut options = std::fs::OpenOptions::new();
        match options.write(true).create_new(true).mode(OWNER_ONLY).open(&backup) {
            Ok(mut file) => {
                file.write_all(bytes)?;
                file.sync_all()?;
                sync_folder(folder)?;
                return Ok(backup);
            }
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(why) => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    struct Folder {
        dir: TempDir,
        context: Context,
    }

    fn folder() -> Folder {
        let dir = tempfile::tempdir().unwrap();
        let env = [("HOME".into(), dir.path().into())].into();
        Folder { context: Context::new(env, dir.path().into(), false).unwrap(), dir }
    }

    impl Folder {
        fn taskrc(&self) -> PathBuf {
            self.dir.path().join(".taskrc")
        }

        fn change(&self, before: Option<&str>, after: &str) -> Change {
            let bytes = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
            Change::new([FileChange::new(self.taskrc(), before.map(bytes), bytes(after)).readable_by_owner_only()])
        }
    }

    fn mode(path: &Path) -> u32 {
        mode_of(path)
    }

    #[test]
    fn a_file_is_backed_up_then_replaced_and_private() {
        let folder = folder();
        std::fs::write(folder.taskrc(), "old").unwrap();
        let backups = folder.change(Some("old"), "new").apply(&folder.context).unwrap();
        assert_eq!(std::fs::read_to_string(folder.taskrc()).unwrap(), "new");
        assert_eq!(backups, [folder.dir.path().join(".local/state/taskferry/backups/taskrc.0001")]);
        assert_eq!(std::fs::read_to_string(&backups[0]).unwrap(), "old");
        assert_eq!(
            [mode(&folder.taskrc()), mode(&backups[0]), mode(backups[0].parent().unwrap())],
            [0o600, 0o600, 0o700]
        );

        let more = folder.change(Some("new"), "newer").apply(&folder.context).unwrap();
        assert!(more[0].ends_with("taskrc.0002"), "a backup is never overwritten");
    }

    #[test]
    fn a_new_file_has_no_backup_and_goes_again_on_revert() {
        let folder = folder();
        let change = folder.change(None, "new");
        assert_eq!(change.apply(&folder.context).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(mode(&folder.taskrc()), 0o600);
        change.revert().unwrap();
        assert!(!folder.taskrc().exists());
    }

    #[test]
    fn a_file_that_changed_since_the_plan_is_left_alone() {
        let folder = folder();
        std::fs::write(folder.taskrc(), "edited").unwrap();
        let error = folder.change(Some("old"), "new").apply(&folder.context).unwrap_err();
        assert!(matches!(error, WriteError::ChangedMeanwhile { .. }));
        assert_eq!(std::fs::read_to_string(folder.taskrc()).unwrap(), "edited");
        assert!(!backup_dir(&folder.context).exists());
    }

    #[test]
    fn of_several_files_all_change_or_none() {
        let folder = folder();
        let bytes = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let first = folder.dir.path().join("private/first");
        let second = folder.taskrc();
        std::fs::write(&second, "edited meanwhile").unwrap();
        let change = Change::new([
            FileChange::new(first.clone(), None, bytes("new")),
            FileChange::new(second.clone(), Some(bytes("old")), bytes("new")),
        ]);
        assert!(matches!(change.apply(&folder.context), Err(WriteError::ChangedMeanwhile { path }) if path == second));
        assert!(!first.exists());
    }

    #[test]
    fn nothing_is_left_beside_the_file() {
        let folder = folder();
        folder.change(None, "new").apply(&folder.context).unwrap();
        let mut names: Vec<_> =
            std::fs::read_dir(folder.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        // The record of the change is in the state folder.
        assert_eq!(names, [".local", ".taskrc"]);
    }

    #[test]
    fn folders_of_ours_are_hidden_from_git_where_the_home_is_a_work_tree() {
        let folder = folder();
        std::fs::write(folder.taskrc(), "old").unwrap();
        let private = folder.dir.path().join(".config/taskferry/sync.taskrc");
        let bytes = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let change = Change::new([
            FileChange::new(private, None, bytes("secret")),
            FileChange::new(folder.taskrc(), Some(bytes("old")), bytes("new")),
        ]);
        change.apply(&folder.context).unwrap();
        let git = |words: &[&str]| {
            let output = std::process::Command::new("git").args(words).current_dir(folder.dir.path()).output();
            output.ok().map(|output| String::from_utf8(output.stdout).unwrap())
        };
        // Where there is no git, the file says the same.
        if git(&["init", "-q"]).is_some() {
            assert_eq!(git(&["status", "--porcelain", "-uall"]).unwrap(), "?? .taskrc\n");
        }
        for place in [".config/taskferry", ".local/state/taskferry"] {
            assert_eq!(std::fs::read_to_string(folder.dir.path().join(place).join(".gitignore")).unwrap(), "*\n");
        }
    }

    #[test]
    fn a_folder_that_somebody_made_stays_as_it_is() {
        let folder = folder();
        std::fs::create_dir_all(folder.context.state_dir()).unwrap();
        std::fs::write(folder.taskrc(), "old").unwrap();
        folder.change(Some("old"), "new").apply(&folder.context).unwrap();
        assert!(!folder.context.state_dir().join(".gitignore").exists());
    }

    #[test]
    fn no_change_touches_nothing() {
        let folder = folder();
        let change = folder.change(Some("same"), "same");
        assert!(change.files().is_empty());
    }

    #[test]
    fn a_line_between_two_changes_stays_out_of_the_diff() {
        let folder = folder();
        let change =
            folder.change(Some("sync.local.server_dir=/x\nbugwarrior.token=abc\n"), "bugwarrior.token=abc\nlast=1\n");
        assert_eq!(change.files()[0].diff(), "- sync.local.server_dir=/x\n+ last=1\n");
    }

    #[test]
    fn a_diff_shows_only_what_changes_and_no_credentials() {
        let folder = folder();
        let change = folder.change(
            Some("bugwarrior.token=abc\nsync.encryption_secret=old\nlast=1"),
            "bugwarrior.token=abc\nsync.server.url=https://a.example\nsync.server.client_id=7ec5\nlast=1",
        );
        insta::assert_snapshot!(change.files()[0].diff(), @r"
        - sync.encryption_secret=(hidden)
        + sync.server.url=https://a.example
        + sync.server.client_id=(hidden)
        ");
    }
}
