//! Finds the Taskwarrior that the tests run, and the programs that check deployment files, so that tests which need them are
//! listed as ignored where there are none, instead of passing without having run.
//!
//! Looked at, in this order: what `tests/setup.sh` unpacked, then PATH. With `TASKFERRY_REQUIRE_TASKWARRIOR` set, as in CI,
//! finding none is an error.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// Major and minor version of the oldest Taskwarrior whose messages the tests know. Also in `setup.sh`.
const OLDEST: (u32, u32) = (3, 4);

fn main() {
    println!("cargo::rustc-check-cfg=cfg(taskwarrior)");
    println!("cargo::rerun-if-env-changed=TASKFERRY_REQUIRE_TASKWARRIOR");
    println!("cargo::rerun-if-env-changed=PATH");

    find_deploy_tools();
    find_browser();

    let unpacked = target_dir().join("taskwarrior/task");
    println!("cargo::rerun-if-changed={}", unpacked.display());
    let on_path = env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(unpacked)
        .chain(env::split_paths(&on_path).map(|folder| folder.join("task")))
        .find(|candidate| version_of(candidate).is_some_and(|version| version >= OLDEST));

    if let Some(task) = found {
        println!("cargo::rustc-cfg=taskwarrior");
        println!("cargo::rustc-env=TASKWARRIOR={}", task.display());
    } else if env::var_os("TASKFERRY_REQUIRE_TASKWARRIOR").is_some() {
        println!("cargo::error=no Taskwarrior {}.{} or newer: run tests/setup.sh", OLDEST.0, OLDEST.1);
    } else {
        println!(
            "cargo::warning=no Taskwarrior {}.{} or newer, so the tests that need it are ignored: run tests/setup.sh",
            OLDEST.0, OLDEST.1
        );
    }
}

/// What `tests/setup-deploy.sh` brought, and the system's own `systemd-analyze`.
fn find_deploy_tools() {
    println!("cargo::rustc-check-cfg=cfg(deploy_tools)");
    println!("cargo::rustc-check-cfg=cfg(systemd_analyze)");
    println!("cargo::rerun-if-env-changed=TASKFERRY_REQUIRE_DEPLOY_TOOLS");

    let tools = target_dir().join("deploy-tools");
    println!("cargo::rerun-if-changed={}", tools.join("ready").display());
    let on_path = env::var_os("PATH").unwrap_or_default();
    let found = [
        ("deploy_tools", tools.join("ready").is_file(), "run tests/setup-deploy.sh"),
        (
            "systemd_analyze",
            env::split_paths(&on_path).any(|folder| folder.join("systemd-analyze").is_file()),
            "install systemd",
        ),
    ];
    println!("cargo::rustc-env=DEPLOY_TOOLS={}", tools.display());
    for (name, there, remedy) in found {
        if there {
            println!("cargo::rustc-cfg={name}");
        } else if env::var_os("TASKFERRY_REQUIRE_DEPLOY_TOOLS").is_some() {
            println!("cargo::error=nothing to check deployment files with ({name}): {remedy}");
        } else {
            println!("cargo::warning=some deployment files go unchecked, those tests are ignored ({name}): {remedy}");
        }
    }
}

/// A browser that prints, for the recovery sheet. Nothing else needs one, so that it is missing is no warning.
fn find_browser() {
    println!("cargo::rustc-check-cfg=cfg(chromium)");
    let on_path = env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut places = env::split_paths(&on_path).flat_map(|folder| names.map(|name| folder.join(name)));
    if let Some(browser) = places.find(|place| place.is_file()) {
        println!("cargo::rustc-cfg=chromium");
        println!("cargo::rustc-env=CHROMIUM={}", browser.display());
    }
}

/// The build's `target`: `OUT_DIR` is `target/PROFILE/build/PACKAGE/out`.
fn target_dir() -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    out.ancestors().nth(4).map(Path::to_path_buf).unwrap_or_default()
}

/// The version of a Taskwarrior; `None` for anything else, such as the task runner of the same name.
fn version_of(task: &Path) -> Option<(u32, u32)> {
    fs::metadata(task).ok()?;
    let answer = Command::new(task)
        .args(["rc.verbose=nothing", "_version"])
        .env("TASKRC", "/dev/null")
        .env("TASKDATA", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let mut numbers = text.split_whitespace().next()?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
