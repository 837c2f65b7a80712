//! The sources are built as docs/ARCHITECTURE.md says: data flows one way, no layer knows what is none of its business, and what
//! is named is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate's sources.
const CRATES: [&str; 6] = ["protocol/src", "server/src", "wizard/src", "bench/src", "tests/src", "tests/strangers/src"];

/// What must not be named within a folder, or in a file.
const UNKNOWN_TO: [(&str, &[&str]); 16] = [
    ("protocol/src", &["std::fs", "fs_err", "std::net::Tcp", "std::net::Udp", "tokio", "reqwest", "std::process"]),
    ("server/src/perimeter", &["actix_web", "crate::http", "rusqlite", "crate::storage"]),
    ("server/src/http", &["rusqlite", "taskchampion_sync_server_core"]),
    ("server/src/admission", &["actix_web", "crate::http", "rusqlite"]),
    ("server/src/sync", &["actix_web", "crate::http", "rusqlite", "storage::sqlite"]),
    ("server/src/storage", &["actix_web", "crate::http", "taskchampion_sync_server_core"]),
    ("server/src/backup", &["actix_web", "crate::http", "crate::commands"]),
    ("server/src/metrics", &["crate::storage", "crate::sync", "crate::backup"]),
    ("server/src/cli", &["crate::"]),
    ("wizard/src/cli.rs", &["crate::commands", "crate::flow"]),
    ("wizard/src/checks", &["crate::commands", "crate::flow"]),
    ("wizard/src/repair", &["crate::commands", "crate::flow", "crate::checks", "crate::terminal"]),
    ("wizard/src/rescue", &["crate::commands", "crate::flow", "crate::checks", "crate::prompt"]),
    ("wizard/src/proof", &["crate::flow", "crate::taskwarrior", "crate::terminal"]),
    ("wizard/src/server", &["crate::flow", "crate::taskwarrior", "crate::database", "crate::prompt"]),
    ("wizard/src/taskrc", &["crate::flow", "crate::taskwarrior", "crate::server", "crate::prompt"]),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files of a folder of the repository with this ending, by their paths in the repository.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(repository().join(folder)).unwrap_or_else(|why| panic!("{folder}: {why}")) {
        let entry = entry.expect(folder);
        let name = entry.file_name().into_string().expect("a plain name");
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        // What is built, and what is no part of the project.
        if name == "target" || name.starts_with('.') {
            continue;
        }
        if entry.file_type().expect(folder).is_dir() {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A source file without comments, and without its tests, which stand at its end or in files of their own.
fn code(path: &str) -> String {
    let text = fs::read_to_string(repository().join(path)).expect(path);
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
    text.lines().map(code).collect()
}

/// The modules of a crate that are compiled for tests only, by their paths without `.rs`.
fn test_modules(sources: &[String]) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for path in sources {
        let text = fs::read_to_string(repository().join(path)).expect(path);
        let folder = match path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix("/lib.rs")) {
            Some(folder) => folder,
            None => path.strip_suffix(".rs").expect("a source file"),
        };
        for declared in text.split("#[cfg(test)]\n").skip(1) {
            let line = declared.lines().find(|line| !line.starts_with("#[")).unwrap_or_default();
            let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
            if let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
                modules.insert(format!("{folder}/{name}"));
            }
        }
    }
    modules
}

/// The sources of a crate without what only tests have.
fn sources(folder: &str) -> Vec<String> {
    let all = files(folder, ".rs");
    let tests = test_modules(&all);
    let is_test = |path: &String| {
        tests
            .iter()
            .any(|module| path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
    };
    all.into_iter().filter(|path| !is_test(path)).collect()
}

/// The modules of the crate that code names: `crate::a::B` and `crate::{a::B, c}`.
fn named_modules(code: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let name = |text: &str| text.trim_start().split(|c| !is_name(c)).next().unwrap_or_default().to_owned();
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(name(rest));
            continue;
        };
        let mut depth = 1_usize;
        let mut item = String::new();
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && c == ',') {
                names.insert(name(&item));
                item.clear();
            } else {
                item.push(c);
            }
            if depth == 0 {
                break;
            }
        }
    }
    names
}

/// Which modules each module of a crate's root depends on, and in which files.
fn dependencies(folder: &str) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let module_of = |path: &str| {
        let within = path.strip_prefix(folder)?.strip_prefix('/')?;
        let module = within.split('/').next()?.trim_end_matches(".rs");
        // The root knows all of them: it is the map, and hands each its part.
        (!["lib", "main"].contains(&module)).then(|| module.to_owned())
    };
    let sources = sources(folder);
    let modules: BTreeSet<String> = sources.iter().filter_map(|path| module_of(path)).collect();
    let mut dependencies: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for path in &sources {
        let Some(module) = module_of(path) else { continue };
        let of_module = dependencies.entry(module.clone()).or_default();
        for named in named_modules(&code(path)) {
            if modules.contains(&named) && named != module {
                of_module.entry(named).or_default().insert(path.clone());
            }
        }
    }
    dependencies
}

/// A way from a module over others back to itself, if there is one.
fn circle(dependencies: &BTreeMap<String, BTreeMap<String, BTreeSet<String>>>, start: &str) -> Option<Vec<String>> {
    let (mut seen, mut ways) = (BTreeSet::new(), vec![vec![start.to_owned()]]);
    while let Some(way) = ways.pop() {
        for next in dependencies.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
            let mut further = way.clone();
            further.push(next.clone());
            if next == start {
                return Some(further);
            }
            if seen.insert(next.clone()) {
                ways.push(further);
            }
        }
    }
    None
}

#[test]
fn no_module_depends_on_one_that_depends_on_it() {
    for folder in CRATES {
        let dependencies = dependencies(folder);
        assert!(!dependencies.is_empty(), "{folder}");
        for module in dependencies.keys() {
            if let Some(circle) = circle(&dependencies, module) {
                let steps = circle
                    .windows(2)
                    .map(|pair| format!("{} -> {}: {:?}", pair[0], pair[1], { &dependencies[&pair[0]][&pair[1]] }));
                panic!("a circle in {folder}:\n{}", steps.collect::<Vec<_>>().join("\n"));
            }
        }
    }
}

#[test]
fn no_layer_knows_what_is_none_of_its_business() {
    for (place, unknown) in UNKNOWN_TO {
        let sources = if place.strip_suffix(".rs").is_some() { vec![place.to_owned()] } else { sources(place) };
        assert!(!sources.is_empty(), "{place}");
        for path in sources {
            let code = code(&path);
            for name in unknown {
                assert!(!code.contains(name), "{path} knows `{name}`");
            }
        }
    }
}

/// What stands in backticks and looks like a source file of ours.
fn named_files(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|code| {
        code.strip_suffix(".rs").is_some_and(|path| {
            !path.is_empty() && path.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '/' | '_' | '-' | '.'))
        })
    })
}

#[test]
fn every_source_file_that_a_page_or_a_comment_names_is_there() {
    let sources = files("", ".rs");
    let is_there = |named: &str| sources.iter().any(|path| path == named || path.ends_with(&format!("/{named}")));
    let (mut found, mut missing) = (0, Vec::new());
    for path in files("", ".md").iter().chain(&sources) {
        let text = fs::read_to_string(repository().join(path)).expect(path);
        for (number, line) in (1..).zip(text.lines()) {
            let prose = if path.strip_suffix(".rs").is_some() {
                line.split_once("//").map(|(_, comment)| comment)
            } else {
                Some(line)
            };
            for named in prose.into_iter().flat_map(named_files) {
                found += 1;
                if !is_there(named) {
                    missing.push(format!("{path}:{number}: {named}"));
                }
            }
        }
    }
    assert!(found > 50, "{found}");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
