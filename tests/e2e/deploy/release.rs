//! A release says what changed, and its automation may do no more than it has to.

use std::fs;
use std::process::Command;

use e2e::command::{Outcome, run};

use super::{read, repository};

/// What the release of `tag` would say, in a clone with this version and changelog.
fn notes(tag: &str, version: &str, changelog: &str) -> Outcome {
    let clone = tempfile::tempdir().expect("a temporary folder");
    let script = clone.path().join(".ci/release-notes");
    fs::create_dir(clone.path().join(".ci")).expect("a folder");
    fs::copy(repository().join(".ci/release-notes"), &script).expect("the script");
    fs::write(clone.path().join("Cargo.toml"), format!("[workspace.package]\nversion = \"{version}\"\n"))
        .expect("Cargo.toml");
    fs::write(clone.path().join("CHANGELOG.md"), changelog).expect("CHANGELOG.md");
    run(Command::new(script).arg(tag), "")
}

const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- later\n\n\
    ## [0.2.0] - 2026-12-01\n\n### Added\n\n- new\n\n## [0.1.0] - 2026-11-01\n\n- old\n\n[0.2.0]: https://example.org\n";

#[test]
fn a_release_is_described_by_its_own_section() {
    assert_eq!(notes("v0.2.0", "0.2.0", CHANGELOG).good().stdout, "### Added\n\n- new\n");
    assert_eq!(notes("v0.1.0", "0.1.0", CHANGELOG).good().stdout, "- old\n");
}

#[test]
fn a_release_without_a_section_or_with_another_version_is_stopped() {
    notes("v0.3.0", "0.3.0", CHANGELOG).fails_with("CHANGELOG.md has nothing under \"## [0.3.0] - DATE\"");
    notes("v0.2.0", "0.2.0", "## [0.2.0]\n\n## [0.1.0]\n- old\n").fails_with("CHANGELOG.md has nothing under");
    notes("v0.2.0", "0.1.0", CHANGELOG).fails_with("Cargo.toml has version 0.1.0, not 0.2.0");
    notes("latest", "0.2.0", CHANGELOG).fails_with("name a version");
}

/// A clone with a history of its own: what lies in it at first, and what is changed on top, under a message.
fn kept_up(before: &[(&str, &str)], after: &[(&str, &str)], message: &str) -> Outcome {
    let clone = tempfile::tempdir().expect("a temporary folder");
    let at = |path: &str| clone.path().join(path);
    fs::create_dir_all(at("server/src")).expect("a folder");
    fs::create_dir(at(".ci")).expect("a folder");
    fs::copy(repository().join(".ci/changelog"), at(".ci/changelog")).expect("the script");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(clone.path()).args(["-c", "user.name=n", "-c", "user.email=n@example.org"]).args(arguments);
        git.env_clear().env("HOME", clone.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        run(&mut git, "").good();
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    for (files, message) in [(before, "before"), (after, message)] {
        for (path, text) in files {
            fs::write(at(path), text).expect("a file");
        }
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }
    run(Command::new(at(".ci/changelog")).arg("HEAD~1"), "")
}

#[test]
fn a_change_that_people_can_notice_is_told_or_said_to_be_none() {
    const TOLD: &str = "# Changelog\n\n## [Unreleased]\n\n- later, and more\n\n## [0.2.0] - 2026-12-01\n\n- new\n";
    let program = ("server/src/main.rs", "fn main() {}");
    let before = [("CHANGELOG.md", CHANGELOG)];
    kept_up(&before, &[program, ("CHANGELOG.md", TOLD)], "tell it").good();
    kept_up(&before, &[program], "tidy up\n\nChangelog: none").good();
    kept_up(&before, &[("README.md", "read me")], "write").good();
    let refused = kept_up(&before, &[program], "forget").fails_with("the programs changed");
    assert!(refused.stderr.contains("server/src/main.rs"), "{refused}");
    // A line in an old section tells nobody what is new.
    let late = CHANGELOG.replace("- old", "- old, and more");
    kept_up(&before, &[program, ("CHANGELOG.md", &late)], "too late").fails_with("the programs changed");
}

#[test]
fn a_changelog_that_is_out_of_form_is_noticed() {
    let check = |text: &str| kept_up(&[("CHANGELOG.md", text)], &[], "nothing");
    check(CHANGELOG).good();
    check(&CHANGELOG.replace("0.2.0] - 2026-12-01", "0.2.0-rc.1] - 2026-12-01")).good();
    check(&CHANGELOG.replace("## [Unreleased]\n", "")).fails_with("the first section is not");
    check(&CHANGELOG.replace(" - 2026-12-01", "")).fails_with("is not \"## [VERSION] - DATE\"");
    check(&CHANGELOG.replace("[0.1.0]", "[0.3.0]")).fails_with("not in order");
}

#[test]
fn our_own_changelog_is_in_form() {
    if !repository().join(".git").exists() {
        eprintln!("no clone: the changelog's form is not looked at");
        return;
    }
    run(Command::new(repository().join(".ci/changelog")).arg("HEAD"), "").good();
}

/// A tag can be moved to other code, a commit can't.
#[test]
fn every_action_is_pinned_to_a_commit_and_says_which_version_that_is() {
    for workflow in ["ci", "release"] {
        let text = read(&format!(".github/workflows/{workflow}.yml"));
        let uses: Vec<&str> =
            text.lines().filter_map(|line| line.split_once("uses: ").map(|(_, action)| action)).collect();
        assert!(!uses.is_empty() && uses.len() == text.matches("uses:").count(), "{workflow}");
        for action in uses {
            let (name, comment) = action.split_once(" # v").unwrap_or_else(|| panic!("no version: {action}"));
            let (_, commit) = name.split_once('@').unwrap_or_else(|| panic!("no commit: {action}"));
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
            assert_eq!(comment.split('.').count(), 3, "{action}");
        }
    }
}

#[test]
fn automation_may_read_and_only_publishing_may_write() {
    for workflow in ["ci", "release"] {
        let text = read(&format!(".github/workflows/{workflow}.yml"));
        let flow: serde_norway::Value = serde_norway::from_str(&text).expect("YAML");
        let everybody = flow["permissions"].as_mapping().expect("permissions");
        assert_eq!(everybody.len(), 1);
        assert_eq!(flow["permissions"]["contents"], "read");
        for (name, job) in flow["jobs"].as_mapping().expect("jobs") {
            assert!(job["timeout-minutes"].is_number(), "{name:?} has no end");
            assert_eq!(job.get("permissions").is_some(), name == "publish", "{name:?}");
        }
        // Checked out code is built and run: it must not find the token on disk.
        assert_eq!(text.matches("actions/checkout@").count(), text.matches("persist-credentials: false").count());
    }
}

/// The installer asks for names that the workflow gives, and the workflow replaces a line that the installer has.
#[test]
fn the_release_and_the_installer_use_the_same_names() {
    let (release, installer) = (read(".github/workflows/release.yml"), read("install.sh"));
    for system in ["x86_64-linux", "aarch64-linux", "x86_64-macos", "aarch64-macos"] {
        assert!(release.contains(&format!("name: {system},")), "{system}");
        assert!(installer.contains(&format!("echo {system} ;;")), "{system}");
    }
    assert!(release.contains("dist/taskferry-$NAME.tar.gz") && installer.contains("archive=taskferry-$system.tar.gz"));
    assert!(release.contains("> SHA256SUMS") && installer.contains("$place/SHA256SUMS"));
    assert_eq!(installer.lines().filter(|line| *line == "releases=''").count(), 1);
    assert!(release.contains(r"s|^releases=''\$|releases='"));
}
