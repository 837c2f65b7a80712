//! Which Taskwarrior there is, and what to do where it is none that can sync.

use insta::assert_snapshot;

use super::SETUP;
use crate::error::Exit;
use crate::platform::Platform;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

#[test]
fn nobody_is_asked_on_a_computer_that_can_not_sync() {
    let server = FakeServer::taskferry();
    for words in ["setup", "join"] {
        let run = FakeComputer::new().with(".task/version", "2.6.2").with_person(&[]).run(words, &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.starts_with("error: Taskwarrior 2.6.2 is too old"), "{}", run.talk);
    }
}

#[test]
fn taskwarrior_3_0_gets_the_key_that_it_reads() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".task/version", "3.0.2");
    assert_eq!(laptop.run(&format!("{SETUP} --yes"), &server).exit, Exit::Fine);
    assert!(laptop.read(".taskrc").unwrap().contains("\nsync.server.origin="));
}

#[test]
fn an_old_or_missing_taskwarrior_comes_with_what_to_install() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".task/version", "2.6.2").with("bin/brew", "");
    std::fs::set_permissions(laptop.path("bin/brew"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    error: Taskwarrior 2.6.2 is too old to sync with this kind of server: it takes 3.0.0 or newer

    hint: run `brew install task`
    hint: other ways: https://taskwarrior.org/download/
    hint: your tasks stay as they are: with the newer one, run `task import-v2`, which takes them over
    ");
    std::fs::remove_file(laptop.path("bin/task")).unwrap();
    let run = laptop.run(SETUP, &server);
    assert!(run.talk.starts_with("error: Taskwarrior is not installed"), "{}", run.talk);
}

#[test]
fn the_way_to_taskwarrior_3_is_that_of_this_platform() {
    let server = FakeServer::taskferry();
    let debian = Platform::of_os_release("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    let mut laptop = FakeComputer::new().with(".task/version", "2.6.2").with_platform(debian);
    assert_snapshot!(laptop.run(SETUP, &server).talk, @r"
    error: Taskwarrior 2.6.2 is too old to sync with this kind of server: it takes 3.0.0 or newer

    hint: run `sudo apt install taskwarrior`
    hint: if that gives version 2, Debian GNU/Linux 12 (bookworm) has no newer one: with Homebrew (https://brew.sh), run `brew install task`
    hint: other ways: https://taskwarrior.org/download/
    hint: your tasks stay as they are: with the newer one, run `task import-v2`, which takes them over
    ");
    let mut mac = FakeComputer::new().with_platform(Platform::MacOs);
    std::fs::remove_file(mac.path("bin/task")).unwrap();
    assert_snapshot!(mac.run(SETUP, &server).talk, @r"
    error: Taskwarrior is not installed: there is no `task` on your PATH

    hint: run `brew install task`
    hint: other ways: https://taskwarrior.org/download/
    ");
}
