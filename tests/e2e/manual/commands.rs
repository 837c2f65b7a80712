//! No page names a command, a flag, a variable or a line of a file that the programs don't take: commands are given to the programs'
//! own definitions, and the names of settings are looked up there.

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::{Page, pages};

/// A call of one of the two programs, as it stands in a page.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    words: Vec<String>,
}

/// What may stand in front of a program's name where it is a command and not somebody's argument.
const IN_FRONT: [&str; 14] =
    ["", "$", "sudo", "|", "||", "&&", ";", "--", "-p", "exec", "desktop", "server", "(", "--command"];

/// The calls in a line of shell.
fn calls_in(line: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    // Quotes group for the shell; here they only stand between words, and a command in quotes is one too.
    let line = line.split(" # ").next().unwrap_or_default().replace(['"', '\'', '`'], " ").replace("$(", " ( ");
    let line = line.replace('|', " | ").replace(';', " ; ").replace(" |  | ", " || ");
    let words: Vec<&str> = line.split_whitespace().collect();
    for (index, word) in words.iter().enumerate() {
        let name = word.rsplit('/').next().unwrap_or_default();
        if !matches!(name, "taskferry" | "taskferry-server") {
            continue;
        }
        // `HOME=… taskferry`, and what an interpreter is told.
        let before = words[..index].iter().rev().find(|word| !word.contains('='));
        if !IN_FRONT.contains(before.unwrap_or(&"")) || before == Some(&"exec") {
            continue;
        }
        let mut rest = &words[index + 1..];
        // `cargo run -p taskferry-server -- serve`
        if before == Some(&"-p") {
            let Some(start) = rest.iter().position(|word| *word == "--") else { continue };
            rest = &rest[start + 1..];
        }
        let ends = |word: &str| matches!(word, "|" | "||" | "&&" | ";" | "&" | ")" | "<" | ">" | "2>" | "\\");
        let arguments = rest.iter().take_while(|word| !ends(word)).map(|word| word.trim_end_matches([')', ',', '.']));
        calls.push(Call { words: std::iter::once(name).chain(arguments).map(str::to_owned).collect() });
    }
    calls
}

/// Why the program would not take it. A call that only lacks something is fine where it is `mentioned` rather than shown to be typed.
fn refused(call: &Call, mentioned: bool) -> Option<String> {
    let definition = match call.words[0].as_str() {
        "taskferry" => taskferry::cli::Cli::command(),
        _ => taskferry_server::cli::Cli::command(),
    };
    let error = definition.try_get_matches_from(&call.words).err()?;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::TooFewValues
        | ErrorKind::ValueValidation
            if mentioned =>
        {
            None
        }
        ErrorKind::InvalidValue if mentioned && error.to_string().contains("a value is required") => None,
        _ => Some(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

/// Lines that end with a backslash go on.
fn joined(text: &str) -> String {
    text.replace("\\\n", " ")
}

fn findings(page: &Page) -> Vec<String> {
    let mut found = Vec::new();
    for block in page.blocks() {
        let lines = joined(&block.text);
        let lines = lines.lines().filter_map(|line| match block.language {
            "sh" => Some(line),
            // Between the commands stands what they say.
            "console" => line.strip_prefix("$ "),
            _ => None,
        });
        for call in lines.flat_map(calls_in) {
            found
                .extend(refused(&call, false).map(|why| format!("{}: `{}`: {why}", block.place, call.words.join(" "))));
        }
    }
    for (number, line) in page.prose() {
        // Every second piece between backticks is code.
        for code in line.split('`').skip(1).step_by(2) {
            for call in calls_in(code) {
                let why = refused(&call, true);
                found.extend(why.map(|why| format!("{}:{number}: `{}`: {why}", page.path, call.words.join(" "))));
            }
        }
    }
    found
}

#[test]
fn every_command_and_flag_in_the_manual_is_one_of_the_programs() {
    let found: Vec<String> = pages().iter().flat_map(findings).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Whether `serve` has this flag, without dashes in front.
fn is_setting(name: &str) -> bool {
    let server = taskferry_server::cli::Cli::command();
    let serve = server.find_subcommand("serve").expect("serve");
    serve.get_arguments().any(|arg| arg.get_long() == Some(name))
}

#[test]
fn every_variable_and_every_line_of_a_file_is_a_setting() {
    // The wizard's, those of the build, and `TASKFERRY_NAME` and `TASKFERRY_…` for all.
    let others = ["", "NAME", "CLOUD", "BUILD_CLOUD", "REQUIRE_TASKWARRIOR", "REQUIRE_DEPLOY_TOOLS"];
    let mut found = Vec::new();
    for page in pages() {
        for (number, line) in (1..).zip(page.text.lines()) {
            for rest in line.split("TASKFERRY_").skip(1) {
                let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
                let name = rest[..end].trim_end_matches('_');
                if !others.contains(&name) && !is_setting(&name.to_lowercase().replace('_', "-")) {
                    found.push(format!("{}:{number}: `TASKFERRY_{name}`", page.path));
                }
            }
        }
        for block in page.blocks().iter().filter(|block| block.language == "toml") {
            let table: toml::Table = toml::from_str(&block.text).unwrap_or_else(|why| panic!("{}: {why}", block.place));
            let unknown = table.keys().filter(|key| !is_setting(&key.replace('_', "-")));
            found.extend(unknown.map(|key| format!("{}: `{key}`", block.place)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The tests above find something where there is something.
#[test]
fn calls_are_found_where_they_are_commands_and_only_there() {
    let call = |line: &str| calls_in(line).into_iter().map(|call| call.words.join(" ")).collect::<Vec<_>>();
    assert_eq!(
        call("HOME=/tmp/a taskferry share --link | HOME=/tmp/b taskferry join --from-stdin --yes"),
        ["taskferry share --link", "taskferry join --from-stdin --yes"]
    );
    assert_eq!(call("cargo run -p taskferry-server -- serve"), ["taskferry-server serve"]);
    assert_eq!(
        call("fly ssh console --app a --command \"taskferry-server invite list\""),
        ["taskferry-server invite list"]
    );
    assert_eq!(call("docker compose exec server taskferry-server stats"), ["taskferry-server stats"]);
    assert_eq!(call("sudo systemctl restart taskferry-server"), [""; 0]);
    assert_eq!(call("sudo install -m 0755 taskferry-server /usr/local/bin/taskferry-server"), [""; 0]);

    let refused = |line: &str, mentioned: bool| refused(&calls_in(line)[0], mentioned).is_some();
    assert!(refused("taskferry setup --sever https://sync.example.org", true));
    assert!(refused("taskferry-server acount list", true));
    assert!(refused("taskferry-server account delete", false));
    assert!(!refused("taskferry-server account delete", true));
}
