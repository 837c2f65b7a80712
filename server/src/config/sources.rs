//! Where a setting's text comes from: flag > `TASKFERRY_…` > the reference server's name for it > configuration file.
//! The first that says something counts, whole; nothing is merged. An empty variable says nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ConfigError;

/// The environment, taken once, so that tests have one of their own.
#[derive(Debug, Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The process's. What is not Unicode comes with replacement characters, which no setting accepts in silence.
    pub fn of_process() -> Self {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        Self(std::env::vars_os().map(|(key, value)| (text(key), text(value))).collect())
    }

    /// A made-up one.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut env = Self::default();
        env.extend(pairs);
        env
    }

    /// Adds to it.
    pub fn extend<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.0.extend(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    /// All of them.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A variable, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }
}

/// `$XDG_DATA_HOME/taskferry-server`, by the conventions of the platform.
pub fn default_data_dir(env: &Env) -> Option<PathBuf> {
    data_home(env).map(|dir| dir.join("taskferry-server"))
}

fn home(env: &Env) -> Option<PathBuf> {
    env.get("HOME").map(PathBuf::from).or_else(|| etcetera::home_dir().ok())
}

fn data_home(env: &Env) -> Option<PathBuf> {
    xdg(env, "XDG_DATA_HOME", ".local/share")
}

fn config_home(env: &Env) -> Option<PathBuf> {
    xdg(env, "XDG_CONFIG_HOME", ".config")
}

fn xdg(env: &Env, variable: &str, below_home: &str) -> Option<PathBuf> {
    // The specification: "If an implementation encounters a relative path […] it should consider the path invalid".
    let set = env.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    set.or_else(|| home(env).map(|home| home.join(below_home)))
}

/// One setting: its flag, and from that its variable and its key in the file.
#[derive(Debug)]
pub struct Setting {
    /// The flag without dashes in front: `data-dir`.
    pub name: &'static str,
    /// The reference server's variables for it.
    pub reference: &'static [&'static str],
}

impl Setting {
    fn variable(&self) -> String {
        format!("TASKFERRY_{}", self.key().to_ascii_uppercase())
    }

    /// Its key in the configuration file.
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// A text that was given for a setting, and where.
#[derive(Debug)]
pub struct Given {
    texts: Vec<String>,
    origin: String,
    from_file: bool,
}

impl Given {
    /// Whether it stands in the configuration file.
    pub const fn is_from_file(&self) -> bool {
        self.from_file
    }

    /// As it was given.
    pub fn text(&self) -> String {
        self.texts.join(", ")
    }

    /// Where it came from, in words.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its value. `parse` returns what it expected where the text is wrong.
    pub fn parse<T>(&self, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        let text = self.texts.last().map_or("", String::as_str).trim();
        parse(text).map_err(|expected| self.error(text, expected))
    }

    /// The values of a setting that may be given several times, or separated by commas.
    pub fn parse_list<T>(&self, parse: impl Fn(&str) -> Result<Vec<T>, String>) -> Result<Vec<T>, ConfigError> {
        let mut values = Vec::new();
        for text in self.texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
            values.extend(parse(text).map_err(|expected| self.error(text, expected))?);
        }
        Ok(values)
    }

    /// The same for credentials: an error does not show them.
    pub fn parse_hidden_list<T>(&self, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, ConfigError> {
        let texts = self.texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty());
        texts.map(|text| parse(text).map_err(|expected| self.error("(hidden)", expected))).collect()
    }

    fn error(&self, text: &str, expected: String) -> ConfigError {
        ConfigError::Value { origin: self.origin.clone(), text: text.to_owned(), expected }
    }
}

/// Everything that can speak for a setting but its flag.
#[derive(Debug)]
pub struct Sources<'a> {
    env: &'a Env,
    known: &'a [&'static Setting],
    file: Option<(PathBuf, toml::Table)>,
}

impl<'a> Sources<'a> {
    /// Reads the configuration file: `named` (which must exist), else the first default place that has one.
    pub fn new(env: &'a Env, named: Option<&Path>, known: &'a [&'static Setting]) -> Result<Self, ConfigError> {
        let named = named.map(Path::to_owned).or_else(|| env.get("TASKFERRY_CONFIG").map(PathBuf::from));
        let places = match &named {
            Some(path) => vec![path.clone()],
            None => default_files(env),
        };
        for path in places {
            let text = match fs_err::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(ConfigError::File { path, cause: error.into() });
                }
            };
            let table: toml::Table = text
                .parse()
                .map_err(|error: toml::de::Error| ConfigError::File { path: path.clone(), cause: error.into() })?;
            check_keys(&path, &table, known)?;
            return Ok(Self { env, known, file: Some((path, table)) });
        }
        Ok(Self { env, known, file: None })
    }

    /// Variables that look like ours and are not: most likely typing errors. Not refused, since other programs of this project
    /// have variables of their own.
    pub fn unknown_variables(&self) -> Vec<String> {
        let ours: Vec<String> = self.known.iter().map(|setting| setting.variable()).collect();
        let unknown = self
            .env
            .0
            .keys()
            .filter(|name| name.starts_with("TASKFERRY_") && *name != "TASKFERRY_CONFIG" && !ours.contains(name));
        unknown
            .filter_map(|name| {
                let nearest = nearest(name, ours.iter().cloned())?;
                Some(format!("`{name}` is set and not used; did you mean `{nearest}`?"))
            })
            .collect()
    }

    /// What counts for `setting`.
    pub fn find(&self, setting: &Setting, flags: &[String]) -> Option<Given> {
        if !flags.is_empty() {
            return Some(Given { texts: flags.to_vec(), origin: format!("`--{}`", setting.name), from_file: false });
        }
        let ours = setting.variable();
        std::iter::once(ours.as_str())
            .chain(setting.reference.iter().copied())
            .find_map(|name| self.variable(name))
            .or_else(|| self.in_file(setting))
    }

    /// A variable by itself.
    pub fn variable(&self, name: &str) -> Option<Given> {
        let text = self.env.get(name)?;
        Some(Given { texts: vec![text.to_owned()], origin: format!("`{name}`"), from_file: false })
    }

    fn in_file(&self, setting: &Setting) -> Option<Given> {
        let (path, table) = self.file.as_ref()?;
        let key = setting.key();
        let texts = match table.get(&key)? {
            toml::Value::Array(values) => values.iter().map(text).collect(),
            value => vec![text(value)],
        };
        Some(Given { texts, origin: format!("`{key}` in `{}`", path.display()), from_file: true })
    }
}

fn text(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn default_files(env: &Env) -> Vec<PathBuf> {
    let user = config_home(env).map(|dir| dir.join("taskferry/server.toml"));
    std::iter::once(PathBuf::from("/etc/taskferry/server.toml")).chain(user).collect()
}

fn check_keys(path: &Path, table: &toml::Table, known: &[&'static Setting]) -> Result<(), ConfigError> {
    for key in table.keys() {
        if !known.iter().any(|setting| setting.key() == *key) {
            let nearest = nearest(key, known.iter().map(|setting| setting.key()));
            return Err(ConfigError::UnknownKey { path: path.to_owned(), key: key.clone(), nearest });
        }
    }
    Ok(())
}

/// The one that was probably meant.
fn nearest(text: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|name| (strsim::damerau_levenshtein(&name, text), name))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, name)| name)
}
