//! `install.sh` installs what was released, and nothing else.
//!
//! Releases are a folder served from this machine; the programs in them are scripts that say a version.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use e2e::command::{Outcome, run};
use tempfile::TempDir;

use super::{read, repository};

/// All that the installer knows; which one it takes is a matter of this machine.
const SYSTEMS: [&str; 4] = ["x86_64-linux", "aarch64-linux", "x86_64-macos", "aarch64-macos"];

/// A place with releases, and a computer to install on.
struct World {
    releases: TempDir,
    home: TempDir,
    address: SocketAddr,
}

impl World {
    /// One release, 0.1.0, which is the newest.
    fn new() -> Self {
        let world = Self { releases: folder(), home: folder(), address: ([0, 0, 0, 0], 0).into() };
        for place in ["latest/download", "download/v0.1.0"] {
            world.release(place, "0.1.0");
        }
        world.release("download/v0.0.9", "0.0.9");
        Self { address: serve(world.releases.path().to_owned()), ..world }
    }

    fn release(&self, place: &str, version: &str) {
        let place = self.releases.path().join(place);
        fs::create_dir_all(&place).expect("a place");
        let programs = folder();
        for program in ["taskferry", "taskferry-server"] {
            script(&programs.path().join(program), &format!("echo {program} {version}"));
        }
        for system in SYSTEMS {
            let mut tar = Command::new("tar");
            tar.arg("-czf").arg(place.join(format!("taskferry-{system}.tar.gz")));
            run(tar.arg("-C").arg(programs.path()).args(["taskferry", "taskferry-server"]), "").good();
        }
        let sums = "if command -v sha256sum >/dev/null; then sha256sum *; else shasum -a 256 *; fi";
        let sums = run(Command::new("sh").args(["-c", sums]).current_dir(&place), "").good().stdout;
        fs::write(place.join("SHA256SUMS"), sums).expect("checksums");
    }

    fn install(&self, arguments: &[&str]) -> Outcome {
        let from = format!("http://{}", self.address);
        self.call(&[&["--from", &from], arguments].concat())
    }

    fn call(&self, arguments: &[&str]) -> Outcome {
        let mut sh = Command::new("sh");
        sh.arg(repository().join("install.sh")).args(arguments).env("HOME", self.home.path());
        // A proxy is no matter of loopback, and `curl` would ask it.
        sh.env("no_proxy", "127.0.0.1");
        run(&mut sh, "")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.home.path().join(".local/bin").join(name)
    }

    /// What lies in the folder for programs, hidden files too.
    fn installed(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.home.path().join(".local/bin")) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn script(path: &Path, line: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, format!("#!/bin/sh\n{line}\n")).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
}

/// Serves the files of `root` until the tests end.
fn serve(root: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = answer(&root, stream);
        }
    });
    address
}

fn answer(root: &Path, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let (status, body) = match fs::read(root.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let mut stream = reader.into_inner();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

#[test]
fn both_programs_of_the_newest_release_are_installed_for_this_user() {
    let world = World::new();
    let said = world.install(&[]).good();
    assert_eq!(world.installed(), ["taskferry", "taskferry-server"]);
    assert!(said.stderr.contains("installed taskferry-server 0.1.0 as "), "{said}");
    assert!(said.stderr.contains("export PATH="), "{said}");
    assert_eq!(run(&mut Command::new(world.program("taskferry")), "").good().stdout, "taskferry 0.1.0\n");
}

#[test]
fn a_version_and_a_program_can_be_chosen_and_an_older_one_is_replaced() {
    let world = World::new();
    world.install(&["--version", "v0.0.9", "--only", "taskferry"]).good();
    assert_eq!(world.installed(), ["taskferry"]);
    assert_eq!(run(&mut Command::new(world.program("taskferry")), "").good().stdout, "taskferry 0.0.9\n");
    world.install(&["--only", "taskferry"]).good();
    assert_eq!(run(&mut Command::new(world.program("taskferry")), "").good().stdout, "taskferry 0.1.0\n");
}

#[test]
fn an_archive_that_is_not_what_was_released_changes_nothing() {
    let world = World::new();
    for system in SYSTEMS {
        let archive = world.releases.path().join(format!("latest/download/taskferry-{system}.tar.gz"));
        let mut content = fs::read(&archive).expect("an archive");
        let middle = content.len() / 2;
        content[middle] ^= 1;
        fs::write(&archive, content).expect("an archive");
    }
    world.install(&[]).fails_with("its checksum differs; nothing was changed");
    assert_eq!(world.installed(), [] as [&str; 0]);
}

#[test]
fn an_archive_without_a_checksum_changes_nothing() {
    let world = World::new();
    fs::write(world.releases.path().join("latest/download/SHA256SUMS"), "").expect("checksums");
    world.install(&[]).fails_with("the list of checksums does not name taskferry-");
    assert_eq!(world.installed(), [] as [&str; 0]);
}

#[test]
fn a_program_of_somebody_else_stays_and_nothing_is_installed_beside_it() {
    let world = World::new();
    script(&world.program("taskferry-server"), "echo ferries for tasks 7");
    world.install(&[]).fails_with("it is not Taskferry's; nothing was changed");
    assert_eq!(world.installed(), ["taskferry-server"]);
    let theirs = run(&mut Command::new(world.program("taskferry-server")), "").good();
    assert_eq!(theirs.stdout, "ferries for tasks 7\n");
}

#[test]
fn a_release_that_does_not_exist_is_named() {
    let world = World::new();
    let failed = world.install(&["--version", "9.9.9"]).fails_with("/download/v9.9.9/SHA256SUMS; nothing was changed");
    assert!(failed.stderr.contains("hint: check the version"), "{failed}");
    assert_eq!(world.installed(), [] as [&str; 0]);
}

#[test]
fn plain_http_from_elsewhere_and_odd_versions_are_refused_before_anything_is_asked() {
    let world = World::new();
    world.call(&["--from", "http://example.org/releases"]).exits_with(2);
    world.call(&[]).exits_with(2);
    world.install(&["--version", "../../etc"]).exits_with(2);
    world.install(&["--only", "sh"]).exits_with(2);
    assert_eq!(world.installed(), [] as [&str; 0]);
}

/// `curl … | sh` runs what has arrived, line by line.
#[test]
fn a_script_that_arrived_in_part_does_nothing() {
    let world = World::new();
    let whole = read("install.sh");
    let part = whole.trim_end().strip_suffix("main \"$@\"").expect("the last line");
    let mut sh = Command::new("sh");
    sh.args(["-s", "--", "--from", &format!("http://{}", world.address)]).env("HOME", world.home.path());
    run(&mut sh, part).good();
    assert_eq!(world.installed(), [] as [&str; 0]);
}
