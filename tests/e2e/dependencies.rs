//! Whoever is given the programs may give them away: every package that is built in has a licence that deny.toml allows, comes
//! from where deny.toml allows, and is not one that it bans.
//!
//! `cargo deny` says the same and more (advisories, which need a network), and runs in the release workflow; building it takes
//! longer than everything else that a change must pass. So the part of deny.toml that a change can break is read here. An
//! entry that this test does not understand fails it, so that the two never judge by different rules.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const POLICY: &str = include_str!("../../deny.toml");
const LOCK_FILE: &str = include_str!("../../Cargo.lock");
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    #[serde(rename = "graph")]
    _graph: toml::Table,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    multiple_versions: String,
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
}

fn policy() -> Policy {
    toml::from_str(POLICY).expect("deny.toml, as this test understands it")
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
}

/// What is built on this machine. Packages for other systems may not even be here, and are `cargo deny`'s business.
fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let version = Command::new(&cargo).arg("-vV").output().expect("Cargo");
    let version = String::from_utf8(version.stdout).expect("text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("the machine's kind");
    let output = Command::new(&cargo)
        .args(["metadata", "--format-version=1", "--all-features", "--locked", "--offline", "--filter-platform", host])
        .current_dir(WORKSPACE)
        .output()
        .expect("Cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("Cargo's description of the packages");
    let mut packages: BTreeMap<String, Package> =
        metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect();
    metadata.resolve.nodes.iter().filter_map(|node| packages.remove(&node.id)).collect()
}

#[test]
fn every_package_has_a_licence_that_allows_to_give_it_away() {
    let allowed = policy().licenses.allow;
    let packages = packages();
    assert!(packages.len() > 100, "{}", packages.len());
    for Package { name, version, license, .. } in packages {
        let license = license.unwrap_or_else(|| panic!("{name} {version} does not say its licence"));
        // Old packages separate alternatives by a slash.
        let expression = spdx::Expression::parse_mode(&license, spdx::ParseMode::LAX)
            .unwrap_or_else(|why| panic!("{name} {version} has a licence that can't be read: {license}\n{why}"));
        let fits = expression.evaluate(|required| allowed.contains(&required.to_string()));
        assert!(fits, "{name} {version} is under `{license}`, which deny.toml does not allow");
    }
}

#[test]
fn no_licence_is_allowed_that_is_none() {
    for license in policy().licenses.allow {
        assert!(spdx::license_id(&license).is_some(), "{license}");
    }
}

#[derive(Debug, Deserialize)]
struct LockFile {
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The lock file speaks for all systems, whichever this one is.
fn locked() -> Vec<Locked> {
    let file: LockFile = toml::from_str(LOCK_FILE).expect("the lock file");
    file.package
}

#[test]
fn nothing_that_is_banned_is_locked() {
    let Bans { multiple_versions, deny } = policy().bans;
    assert_eq!(multiple_versions, "allow");
    let locked = locked();
    for Ban { name, reason } in deny {
        assert!(!locked.iter().any(|package| package.name == name), "{name} is banned: {reason}");
    }
}

#[test]
fn everything_comes_from_the_public_registry_with_a_checksum() {
    let Sources { unknown_registry, unknown_git } = policy().sources;
    assert_eq!((unknown_registry.as_str(), unknown_git.as_str()), ("deny", "deny"));
    for Locked { name, source, checksum, .. } in locked() {
        // What has no source is a member of this workspace.
        if let Some(source) = source {
            assert_eq!((source.as_str(), checksum.is_some()), (CRATES_IO, true), "{name}");
        }
    }
}

/// What the crates that fuzz targets call need, as their manifests say it: always, and at most.
fn needs(manifest: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let manifest: toml::Table = toml::from_str(manifest).expect("a manifest");
    let dependencies = manifest["dependencies"].as_table().expect("dependencies");
    let optional = |value: &toml::Value| value.get("optional").and_then(toml::Value::as_bool) == Some(true);
    let always = dependencies.iter().filter(|(_, value)| !optional(value)).map(|(name, _)| name.clone());
    (always.collect(), dependencies.keys().cloned().collect())
}

#[test]
fn the_fuzzers_lock_file_is_in_step_with_the_crates_that_they_call() {
    let file: LockFile = toml::from_str(include_str!("../../fuzz/Cargo.lock")).expect("the fuzzers' lock file");
    for (crate_name, manifest) in [
        ("taskferry-protocol", include_str!("../../protocol/Cargo.toml")),
        ("taskferry-server", include_str!("../../server/Cargo.toml")),
        ("taskferry", include_str!("../../wizard/Cargo.toml")),
        ("untrusted-input", include_str!("../untrusted-input/Cargo.toml")),
    ] {
        let package = file.package.iter().find(|package| package.name == crate_name && package.source.is_none());
        let package = package.unwrap_or_else(|| panic!("{crate_name} is not locked"));
        // `name`, or `name version` where there are several.
        let locked = package.dependencies.iter().filter_map(|name| name.split(' ').next()).map(str::to_owned);
        let locked: BTreeSet<String> = locked.collect();
        let (always, at_most) = needs(manifest);
        let wrong: Vec<_> = always.difference(&locked).chain(locked.difference(&at_most)).collect();
        assert!(
            wrong.is_empty(),
            "{crate_name} and {wrong:?}: run `cargo metadata --manifest-path fuzz/Cargo.toml`, which brings fuzz/Cargo.lock in step"
        );
    }
}
