//! The image works as platforms run it: process 1, a read-only root, a volume that belongs to root or to somebody else, SIGTERM.
//!
//! `tests/image.sh` builds the Dockerfile and runs these tests on what came out, named in `TASKFERRY_IMAGE_ROOT` and
//! `TASKFERRY_IMAGE_CONFIGURATION`. Otherwise they run on what the Dockerfile's last stage makes, with the programs of this build:
//! what it says about environment, call and health check is read from it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use e2e::command::run;
use e2e::container::{Container, Image};
use e2e::tasks::to_do;
use e2e::{SyncSettings, TaskHome};
use serde_json::{Value, json};
use taskferry_protocol::ClientId;
use tempfile::TempDir;

use super::read;
use crate::PROGRAMS;

/// The image's own user.
const USER: u32 = 65532;

/// An image to try, and the folder that it lies in, if it is not one that was built.
struct Tried {
    image: Image,
    _folder: Option<TempDir>,
}

/// `None`, and loudly, where containers can't be run. Who names an image wants to see it tried.
#[track_caller]
#[expect(clippy::print_stderr, reason = "libtest shows what was printed")]
fn image() -> Option<Tried> {
    let built = std::env::var_os("TASKFERRY_IMAGE_ROOT");
    if let Some(why) = Container::unable() {
        assert!(built.is_none(), "no container can be run here: {why}");
        eprintln!("NOT TESTED: no container can be run here ({why})");
        return None;
    }
    let Some(root) = built else {
        let folder = tempfile::Builder::new().prefix("image-").tempdir().expect("a temporary folder");
        // Whoever the server becomes has to get there, past a folder that is private to the tests.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("our own folder");
        put_together(folder.path());
        let image = Image::of_configuration(folder.path().to_owned(), &configuration_in_the_dockerfile());
        return Some(Tried { image, _folder: Some(folder) });
    };
    let file = std::env::var_os("TASKFERRY_IMAGE_CONFIGURATION").expect("TASKFERRY_IMAGE_CONFIGURATION");
    let text = fs::read_to_string(file).expect("the image's configuration");
    let configuration: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(configuration["StopSignal"], "SIGTERM");
    assert_eq!(configuration["Labels"]["org.opencontainers.image.title"], "taskferry-server");
    Some(Tried { image: Image::of_configuration(root.into(), &configuration), _folder: None })
}

/// What the last stage puts into the image, with programs that may need libraries.
fn put_together(root: &Path) {
    for folder in ["bin", "data", "etc", "tmp", "usr/local/bin"] {
        fs::create_dir_all(root.join(folder)).expect(folder);
    }
    fs::set_permissions(root.join("data"), fs::Permissions::from_mode(0o700)).expect("our own folder");
    chown(root.join("data"), Some(USER), Some(USER)).expect("as root");
    let programs = [(PROGRAMS.server, "taskferry-server"), (PROGRAMS.wizard, "taskferry")];
    let mut libraries = BTreeSet::new();
    for (program, name) in programs {
        fs::copy(program, root.join("usr/local/bin").join(name)).expect(name);
        let said = run(Command::new("ldd").arg(program), "").good().stdout;
        libraries.extend(said.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned));
    }
    for library in libraries {
        let place = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        fs::copy(&library, place).expect("a library");
    }
}

/// The last stage's words, in the form in which an engine shows those of an image.
fn configuration_in_the_dockerfile() -> Value {
    let text = read("Dockerfile").replace("\\\n", " ");
    let stage = text.rsplit("\nFROM ").next().expect("a stage");
    let words = |instruction: &str| -> Value {
        let line = stage.lines().find(|line| line.starts_with(instruction)).unwrap_or_else(|| panic!("{instruction}"));
        serde_json::from_str(&line[line.find('[').expect("a list of words")..]).expect("a list of words")
    };
    let environment = stage.lines().filter_map(|line| line.strip_prefix("ENV "));
    let environment: Vec<&str> = environment.flat_map(str::split_whitespace).collect();
    let mut health = words("HEALTHCHECK");
    health.as_array_mut().expect("a list of words").insert(0, "CMD".into());
    json!({
        "Env": environment,
        "Entrypoint": words("ENTRYPOINT"),
        "Cmd": words("CMD"),
        "Healthcheck": { "Test": health },
    })
}

/// A volume as a platform makes it: a fresh one, of this owner.
fn volume(owner: u32) -> TempDir {
    let volume = tempfile::Builder::new().prefix("volume-").tempdir().expect("a temporary folder");
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o755)).expect("our own folder");
    chown(volume.path(), Some(owner), Some(owner)).expect("as root");
    volume
}

/// A computer whose Taskwarrior syncs with the server in a container.
fn computer() -> (SyncSettings, TaskHome) {
    let settings = SyncSettings {
        url: "http://127.0.0.1:8080".to_owned(),
        client_id: ClientId::generate(),
        secret: "a secret of these tests alone".to_owned(),
    };
    let home = TaskHome::with(&settings);
    (settings, home)
}

#[track_caller]
fn sync(home: &TaskHome, container: &Container) {
    run(&mut container.reached_by(&home.command_of_task(["sync"])), "").good();
}

/// Platforms mount volumes as root's.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_fresh_volume_of_root_is_taken_over_and_taskwarrior_syncs() {
    let Some(tried) = image() else { return };
    let volume = volume(0);
    let container = tried.image.start(volume.path());
    container.wait_until_it_is_well();

    let (settings, laptop) = computer();
    laptop.task(["add", "water the plants"]).good();
    sync(&laptop, &container);
    let desktop = TaskHome::with(&settings);
    sync(&desktop, &container);
    assert_eq!(to_do(&desktop.tasks()), ["water the plants"]);

    let status = fs::read_to_string(format!("/proc/{}/status", container.process().as_raw_nonzero())).expect("/proc");
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("Uid");
    assert_eq!(uids.split_whitespace().collect::<Vec<_>>(), ["65532"; 4], "root no more");
    let owner = fs::metadata(volume.path()).expect("the volume").uid();
    assert_eq!(owner, USER);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_stop_is_a_clean_end_and_the_next_container_on_that_volume_has_everything() {
    let Some(tried) = image() else { return };
    let volume = volume(0);
    let container = tried.image.start(volume.path());
    container.wait_until_it_is_well();
    let (settings, laptop) = computer();
    laptop.task(["add", "water the plants"]).good();
    sync(&laptop, &container);

    let (status, log) = container.stop();
    assert!(status.success() && log.contains("stopped"), "{status}\n{log}");
    let left: Vec<_> = fs::read_dir(volume.path()).expect("the volume").map(|entry| entry.unwrap().path()).collect();
    let wal = left.iter().find(|path| path.extension() == Some(OsStr::new("sqlite3-wal")));
    assert_eq!(wal, None, "the write-ahead log is folded in");

    let container = tried.image.start(volume.path());
    container.wait_until_it_is_well();
    let desktop = TaskHome::with(&settings);
    sync(&desktop, &container);
    assert_eq!(desktop.tasks(), laptop.tasks());
}

/// As `docker compose` and Kubernetes start it.
#[test]
fn started_without_root_it_uses_a_volume_of_its_own_user() {
    let Some(tried) = image() else { return };
    let volume = volume(USER);
    let container = tried.image.start_as("65532:65532", volume.path());
    container.wait_until_it_is_well();
    // An operator's verbs run in it as root, and leave nothing of root's behind.
    container.execute(&["taskferry-server", "account", "create"]).good();
    for entry in fs::read_dir(volume.path()).expect("the volume") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.metadata().expect("its owner").uid(), USER, "{}", entry.path().display());
    }
}

#[test]
fn a_volume_of_somebody_else_is_refused_and_the_words_say_whose_it_has_to_be() {
    let Some(tried) = image() else { return };
    // A fresh one of root's, and nobody there who could hand it over.
    let fresh = volume(0);
    let (status, log) = tried.image.start_as("65532:65532", fresh.path()).wait_for_its_end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("`/data`") && log.contains("hint: ") && log.contains("65532"), "{log}");

    // One with something in it is not taken over.
    let full = volume(0);
    fs::DirBuilder::new().mode(0o700).create(full.path().join("lost")).expect("a folder");
    let (status, log) = tried.image.start(full.path()).wait_for_its_end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("`/data`") && log.contains("hint: ") && log.contains("65532"), "{log}");
    assert_eq!(fs::metadata(full.path()).expect("the volume").uid(), 0);
}

/// Platforms choose one.
#[test]
fn another_port_is_where_it_listens_and_where_it_is_asked() {
    let Some(tried) = image() else { return };
    let volume = volume(0);
    let container = tried.image.with("PORT", "3333").start(volume.path());
    container.wait_until_it_is_well();
    container.execute(&["taskferry-server", "health", "--url", "http://127.0.0.1:3333"]).good();
    container.execute(&["taskferry-server", "health", "--url", "http://[::1]:3333"]).good();
}
