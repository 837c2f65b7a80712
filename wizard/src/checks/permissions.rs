//! Can other users of this computer read the secret?

use super::{Check, Finding, Interrupted, Waiting, World};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Fix;
use crate::taskrc::Home;

/// The mode of the file with the secret.
pub struct Permissions;

impl Check for Permissions {
    fn name(&self) -> &'static str {
        "permissions"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let Ok(taskrc) = &world.taskrc else {
            return Ok(Finding::skipped("there is no taskrc"));
        };
        let file = match &taskrc.home {
            Home::Private { file, .. } if file.exists() => file,
            _ => taskrc.path(),
        };
        let shown = world.context.short(file);
        Ok(match mode(file) {
            Some(mode) if mode & FOR_OTHERS == 0 => Finding::ok(format!("only you can read `{shown}`")),
            Some(mode) => Finding::warning(
                format!("other users of this computer can read `{shown}` (mode {mode:04o}), and the secret in it"),
                format!("run `chmod 600 {shown}`, or `taskferry doctor --fix`"),
            )
            .fixed_by(Fix::OwnerOnly(file.to_owned())),
            None => Finding::skipped(format!("`{shown}` can't be looked at")),
        })
    }
}

/// What a group or everybody may do with a file.
const FOR_OTHERS: u32 = 0o077;

fn mode(file: &Path) -> Option<u32> {
    std::fs::metadata(file).ok().map(|metadata| metadata.permissions().mode() & 0o7777)
}
