//! Mends what is safe to mend: nothing that could lose a task or a setting that anybody needs, and never without a backup.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use taskferry_protocol::ServerUrl;
use zeroize::Zeroizing;

use crate::checks::Fix;
use crate::credentials::Credentials;
use crate::error::{Explain, Failure};
use crate::files::OWNER_ONLY;
use crate::flow::Run;
use crate::flow::checking::Findings;
use crate::flow::computer::Computer;
use crate::taskrc::edit::without_keys;
use crate::taskrc::write::FileChange;
use crate::taskrc::{Change, Taskrc};

/// Something could not be mended.
#[derive(Debug, thiserror::Error)]
#[error("could not take `{}` from other users", path.display())]
pub struct NotPrivate {
    path: std::path::PathBuf,
    #[source]
    why: std::io::Error,
}

impl Explain for NotPrivate {
    fn hint(&self) -> Option<String> {
        Some(format!("run `chmod 600 {}` as the owner of the file", self.path.display()))
    }
}

/// Mends what the findings name. Whether anything was changed.
pub fn fix(run: &mut Run<'_>, findings: &Findings) -> Result<bool, Failure> {
    let mut changed = false;
    for fix in findings.iter().filter_map(|(_, finding)| finding.fix.as_ref()) {
        changed |= match fix {
            Fix::OwnerOnly(path) => owner_only(run, path)?,
            Fix::RemoveSettings(keys) => remove(run, keys)?,
            Fix::ServerMoved(now) => follow(run, now)?,
        };
    }
    if changed {
        run.terminal.say("looking again:\n");
    } else {
        run.terminal.say("\nnothing here can be mended safely without you");
    }
    Ok(changed)
}

fn owner_only(run: &mut Run<'_>, path: &Path) -> Result<bool, Failure> {
    std::fs::set_permissions(path, PermissionsExt::from_mode(OWNER_ONLY))
        .map_err(|why| NotPrivate { path: path.into(), why })?;
    run.terminal.say(&format!("\nmended: only you can read `{}` now", run.context.short(path)));
    Ok(true)
}

/// Only from the taskrc itself: what it includes may be shared with other computers, or belong to somebody else.
fn remove(run: &mut Run<'_>, keys: &[&'static str]) -> Result<bool, Failure> {
    let taskrc = Taskrc::find(run.context)?;
    taskrc.refuse_unwritable()?;
    let Some(before) = taskrc.bytes() else {
        return Ok(false);
    };
    let after = without_keys(before, keys);
    let file = FileChange::new(taskrc.path().into(), Some(Zeroizing::new(before.to_vec())), after);
    let change = Change::new([file]);
    let path = run.context.short(taskrc.path());
    if change.files().is_empty() {
        run.terminal
            .say(&format!("\n`{}` is not set in `{path}` itself, but in a file that it includes", keys.join("`, `")));
        return Ok(false);
    }
    let backups = change.apply(run.context)?;
    run.terminal.say(&format!("\nmended: removed `{}` from `{path}`", keys.join("`, `")));
    for backup in backups {
        run.terminal.say(&format!("the former file is kept as `{}`", run.context.short(&backup)));
    }
    Ok(true)
}

/// The same account at the server's new address: Taskwarrior carries on as if nothing had happened.
fn follow(run: &mut Run<'_>, now: &ServerUrl) -> Result<bool, Failure> {
    let computer = Computer::look(run)?;
    let Some(account) = &computer.account else {
        return Ok(false);
    };
    let account = Credentials { server: now.clone(), ..account.clone() };
    let backups = computer.plan(&account, !computer.makes_recurring_tasks)?.apply(run.context)?;
    run.terminal.say(&format!("\nmended: this computer now syncs with `{now}`"));
    for backup in backups {
        run.terminal.say(&format!("the former file is kept as `{}`", run.context.short(&backup)));
    }
    Ok(true)
}
