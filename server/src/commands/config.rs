//! `taskferry-server config …`: the settings, where each came from, and what there is to set. Names, explanations and defaults
//! are those of `serve --help`: they are written down once.

use std::fmt::Write as _;

use clap::CommandFactory as _;
use serde_json::json;

use super::VerbError;
use crate::cli::operate::{ConfigCommand, SettingsArgs};
use crate::cli::{Cli, ServeArgs};
use crate::config::sources::Env;
use crate::config::{Config, ConfigError, Shown, shown};
use crate::terminal;

/// Carries out the verb.
pub fn run(command: &ConfigCommand, env: &Env) -> Result<(), VerbError> {
    match command {
        ConfigCommand::Show(args) => show(args, env),
        ConfigCommand::Check(args) => check(args, env),
        ConfigCommand::Default => {
            terminal::print(&default_file());
            Ok(())
        }
    }
}

fn show(args: &SettingsArgs, env: &Env) -> Result<(), VerbError> {
    let shown = shown(args.config.as_deref(), env)?;
    let mut list = terminal::JsonList::begin();
    for Shown { key, value, origin } in shown {
        let value = value.or_else(|| default_of(&key));
        if args.json {
            list.print(&json!({ "key": key, "value": value, "origin": origin }));
        } else {
            let origin = origin.unwrap_or_else(|| "default".to_owned());
            terminal::print(&format!("{key} = {}  ({origin})", value.as_deref().unwrap_or("not set")));
        }
    }
    if args.json {
        list.end();
    }
    Ok(())
}

fn check(args: &SettingsArgs, env: &Env) -> Result<(), VerbError> {
    let (problem, notes) = match Config::load(&ServeArgs { config: args.config.clone(), ..ServeArgs::default() }, env) {
        Ok(config) => (None, config.notes),
        Err(error) => (Some(error), Vec::new()),
    };
    if args.json {
        let text = |error: &ConfigError| json!({ "problem": error.to_string(), "hint": error.hint() });
        let value = json!({ "good": problem.is_none(), "problems": problem.iter().map(text).collect::<Vec<_>>(), "notes": notes });
        terminal::print(&value.to_string());
    } else {
        match &problem {
            Some(error) => terminal::say(&terminal::error_text(error, error.hint().as_deref())),
            None => terminal::print("the settings are good"),
        }
        for note in &notes {
            terminal::say(&format!("note: {note}"));
        }
    }
    if problem.is_some() { Err(VerbError::Problems { count: 1 }) } else { Ok(()) }
}

/// The flags of `serve`, which are all the settings: key, explanation, and default, if there is one that can be written down.
fn settings() -> Vec<(String, String, Option<String>)> {
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve");
    let args = serve.into_iter().flat_map(clap::Command::get_arguments);
    args.filter(|arg| !arg.is_hide_set() && arg.get_id() != "config" && arg.get_action().takes_values())
        .filter_map(|arg| {
            let help = arg.get_help()?.to_string();
            let (words, default) = match help.rsplit_once(" [default: ") {
                Some((words, default)) => (words.to_owned(), Some(default.trim_end_matches(']').to_owned())),
                None => (help, None),
            };
            Some((arg.get_long()?.replace('-', "_"), words, default))
        })
        .collect()
}

fn default_of(key: &str) -> Option<String> {
    settings().into_iter().find(|(name, ..)| name == key)?.2
}

/// A file in which nothing is set, and everything can be.
fn default_file() -> String {
    let mut text = "# Settings of taskferry-server. A flag wins over the environment, and both win over this file.\n\
                    # It is read from /etc/taskferry/server.toml, the user's, or wherever `--config FILE` says.\n"
        .to_owned();
    for (key, words, default) in settings() {
        let default = default.unwrap_or_default();
        // What describes a default is none that could be written there.
        let value = if default.contains(' ') { String::new() } else { default.clone() };
        let note = if default.contains(' ') { format!(" (default: {default})") } else { String::new() };
        let _ = writeln!(text, "\n# {words}{note}\n#{key} = \"{value}\"");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_has_every_setting_and_each_line_of_it_can_be_used() {
        let text = default_file();
        assert!(
            text.contains("# Address and port to listen on; may be given several times\n#listen = \"127.0.0.1:8080\"")
        );
        assert!(text.contains("#backup_every = \"never\"") && text.contains("#quota_bytes = \"64MiB\""), "{text}");
        let known: Vec<String> =
            shown(None, &Env::from_pairs([("HOME", "/")])).unwrap().into_iter().map(|s| s.key).collect();
        for (key, ..) in settings() {
            assert!(known.contains(&key), "{key} is no setting of the file");
        }
        let used: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix('#').filter(|line| !line.starts_with(' '))).collect();
        used.join("\n").parse::<toml::Table>().unwrap();
    }
}
