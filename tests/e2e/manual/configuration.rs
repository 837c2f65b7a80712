//! `docs/CONFIGURATION.md` lists every flag as the programs define it. `UPDATE=1 cargo test -p e2e manual::configuration` writes it
//! anew; a stale one fails.

use std::fmt::Write as _;
use std::fs;

use clap::{Arg, Command, CommandFactory as _};

use super::repository;

const PATH: &str = "docs/CONFIGURATION.md";

const HEAD: &str = "\
# Configuration

Every setting of the server and every flag of both programs, as the programs themselves know them: this page is made from their
definitions, and a test compares.

## How the server is told

Each setting of `taskferry-server serve` is a flag, an environment variable and a line in a file, and means the same in all three:

| | looks like |
|---|---|
| flag | `--data-dir /srv/taskferry` |
| variable | `TASKFERRY_DATA_DIR=/srv/taskferry` |
| file | `data_dir = \"/srv/taskferry\"` |

The flag wins, then the variable, then the names that the reference server has for it (`LISTEN`, `DATA_DIR`, `CLIENT_ID`,
`CREATE_CLIENTS`, `SNAPSHOT_DAYS`, `SNAPSHOT_VERSIONS`) and `PORT`, then the file, then the default. The file is the one that `--config`
names, else `/etc/taskferry/server.toml`, else `server.toml` in the user's configuration folder. What may be given several times as
a flag is separated by commas in a variable.

`taskferry-server config show` prints each setting with where it came from, `config check` says what makes no sense, and
`config default` prints a file with everything in it.

## How the wizard is told

`taskferry` works on what Taskwarrior itself would read: `.taskrc`, or what `TASKRC` names. Its own settings are few:
`cloud = \"https://…\"` in `~/.config/taskferry/config.toml`, or `TASKFERRY_CLOUD`, names another cloud server. `NO_COLOR` switches
colours off.

### For scripts

With `--json`, a command of the wizard prints exactly one JSON document, on one line of standard output, however it ends; all talk goes
to standard error. If it failed before it had an outcome, the document has `error`, `causes` and `hints`, which are the sentences that a
person reads. In any case `status` and `repair` have a `state`, and `status`, `verify` and `doctor` have `works`; `null` means that nobody
knows. Fields are only ever added. A command line that can't be understood is the exception: that is told on standard error alone. And what is
killed says nothing any more.

| exit code | means |
|---|---|
| 0 | fine, or nothing to do |
| 1 | failed, or declined |
| 2 | a wrong command line, or a missing answer without anybody to ask |
| 3 | problems found, by commands that look for them |
| 130 | Ctrl-C |
";

/// In a table's cell: on one line, and without what would end the cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn usage(arg: &Arg) -> String {
    let values =
        arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let takes_value = arg.get_action().takes_values();
    match (arg.get_long(), arg.get_short()) {
        (Some(long), short) => {
            let short = short.map(|short| format!("-{short}, ")).unwrap_or_default();
            if takes_value { format!("`{short}--{long} {values}`") } else { format!("`{short}--{long}`") }
        }
        (None, _) => format!("`{values}`"),
    }
}

/// What it means, and what stands in brackets at the end of it.
fn meaning(arg: &Arg) -> (String, String) {
    let text = cell(&arg.get_help().map(ToString::to_string).unwrap_or_default());
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let default = defaults.collect::<Vec<_>>().join(" ");
    let default = if arg.get_action().takes_values() { default } else { String::new() };
    match text.rsplit_once(" [default: ") {
        Some((text, rest)) if rest.ends_with(']') => (text.to_owned(), rest.trim_end_matches(']').to_owned()),
        _ => (text, default),
    }
}

fn shown(command: &Command) -> Vec<&Arg> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
        .collect()
}

/// `serve`, whose flags are settings.
fn write_settings(page: &mut String, serve: &Command) {
    page.push_str("\n## The server's settings\n\n| flag | variable | meaning | default |\n|---|---|---|---|\n");
    for arg in shown(serve) {
        let (text, default) = meaning(arg);
        let variable = match arg.get_long() {
            Some("config") | None => String::new(),
            Some(long) => format!("`TASKFERRY_{}`", long.replace('-', "_").to_uppercase()),
        };
        let _ = writeln!(page, "| {} | {variable} | {text} | {default} |", usage(arg));
    }
}

/// A command and those below it.
fn write_command(page: &mut String, command: &Command, name: &str, globals: &[String]) {
    let args: Vec<&Arg> = shown(command).into_iter().filter(|arg| !globals.contains(&usage(arg))).collect();
    let below: Vec<&Command> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help").collect();
    if below.is_empty() || !args.is_empty() {
        let about = cell(&command.get_about().map(ToString::to_string).unwrap_or_default());
        let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
        let aliases = if aliases.is_empty() { String::new() } else { format!(" Also {}.", aliases.join(", ")) };
        let _ = write!(page, "\n### `{name}`\n\n{about}.{aliases}\n");
        if !args.is_empty() {
            page.push_str("\n| | |\n|---|---|\n");
        }
        for arg in args {
            let (text, default) = meaning(arg);
            let default = if default.is_empty() { String::new() } else { format!(" (default: {default})") };
            let _ = writeln!(page, "| {} | {text}{default} |", usage(arg));
        }
    }
    for sub in below {
        write_command(page, sub, &format!("{name} {}", sub.get_name()), globals);
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let server = taskferry_server::cli::Cli::command();
    let serve = server.find_subcommand("serve").expect("serve");
    write_settings(&mut page, serve);

    page.push_str("\n## The server's other commands\n");
    for command in server.get_subcommands().filter(|command| !matches!(command.get_name(), "serve" | "help")) {
        if !command.is_hide_set() {
            write_command(&mut page, command, &format!("taskferry-server {}", command.get_name()), &[]);
        }
    }

    let wizard = taskferry::cli::Cli::command();
    page.push_str("\n## The wizard\n\nEvery command takes these:\n\n| | |\n|---|---|\n");
    let mut globals = Vec::new();
    for arg in shown(&wizard) {
        let (text, default) = meaning(arg);
        let default = if default.is_empty() || text.contains(&default) {
            String::new()
        } else {
            format!(" (default: {default})")
        };
        let _ = writeln!(page, "| {} | {text}{default} |", usage(arg));
        globals.push(usage(arg));
    }
    for command in wizard.get_subcommands().filter(|command| command.get_name() != "help" && !command.is_hide_set()) {
        write_command(&mut page, command, &format!("taskferry {}", command.get_name()), &globals);
    }
    page
}

#[test]
fn the_page_of_all_settings_and_flags_is_what_the_programs_say() {
    let (now, path) = (page(), repository().join(PATH));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &now).expect(PATH);
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(now.lines()).find(|(written, now)| written != now);
    assert!(written == now, "{PATH} is stale: UPDATE=1 cargo test -p e2e manual::configuration\n{differs:?}");
}
