//! Tasks as `task export` prints them, to the letter as far as that is known without Taskwarrior's database: without the numbers that
//! each computer gives by itself, and without the urgency, which is computed anew by whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Map, Value};
use taskchampion::chrono::DateTime;
use uuid::Uuid;

use crate::database::{Attributes, Tasks};
use crate::taskwarrior::{Taskwarrior, TaskwarriorError};

/// Taskwarrior's own dates.
const DATES: [&str; 8] = ["due", "end", "entry", "modified", "scheduled", "start", "until", "wait"];
/// Its own numbers.
const NUMBERS: [&str; 1] = ["imask"];
/// Its own texts, which need no look at the configuration.
const TEXTS: [&str; 9] = ["description", "mask", "parent", "project", "recur", "rtype", "status", "tags", "depends"];
/// Names of other attributes whose type is looked up; each costs a call of `task`.
const NAMES_MAX: usize = 200;

/// How an attribute is stored, and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// As seconds since 1970.
    Date,
    /// As digits.
    Number,
    /// As it is.
    Text,
}

/// The types of all attributes: Taskwarrior's own, and those that this computer's configuration defines.
#[derive(Debug)]
pub struct Types(BTreeMap<String, Type>);

impl Types {
    /// Of the attributes of these tasks.
    pub fn of(taskwarrior: &Taskwarrior<'_>, tasks: &Tasks) -> Result<Self, TaskwarriorError> {
        let mut types = Self::own();
        let names: BTreeSet<&String> = tasks.values().flat_map(BTreeMap::keys).collect();
        let unknown = names.into_iter().filter(|name| !types.0.contains_key(*name) && !is_structure(name));
        // A name from elsewhere must not become another setting, or a command.
        let safe = |name: &&String| name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) && name.len() < 100;
        let unknown: Vec<&String> = unknown.filter(safe).take(NAMES_MAX).collect();
        for name in unknown {
            let defined = taskwarrior.get(&format!("uda.{name}.type"))?;
            let kind = match defined.as_ref().map(|text| text.as_str()) {
                Some("date") => Type::Date,
                Some("numeric") => Type::Number,
                _ => Type::Text,
            };
            types.0.insert(name.clone(), kind);
        }
        Ok(types)
    }

    fn own() -> Self {
        let of = |names: &'static [&str], kind| names.iter().map(move |name| ((*name).to_owned(), kind));
        Self(of(&DATES, Type::Date).chain(of(&NUMBERS, Type::Number)).chain(of(&TEXTS, Type::Text)).collect())
    }

    fn value(&self, name: &str, stored: &str) -> Value {
        let shown = match self.0.get(name) {
            Some(Type::Date) => date(stored).map(Value::String),
            Some(Type::Number) => serde_json::from_str(stored).ok().filter(Value::is_number),
            Some(Type::Text) | None => None,
        };
        // What is no date and no number is passed on rather than lost.
        shown.unwrap_or_else(|| Value::String(stored.to_owned()))
    }
}

/// Attributes that stand for parts of a list.
fn is_structure(name: &str) -> bool {
    ["annotation_", "tag_", "dep_"].iter().any(|prefix| name.starts_with(prefix))
}

/// `20310203T040506Z`
fn date(seconds: &str) -> Option<String> {
    let time = DateTime::from_timestamp(seconds.parse().ok()?, 0)?;
    Some(time.format("%Y%m%dT%H%M%SZ").to_string())
}

/// Writes them all: as one list, or with `lines` each task as a document of its own.
pub fn write(to: &mut dyn Write, tasks: &Tasks, types: &Types, lines: bool) -> io::Result<()> {
    if !lines {
        to.write_all(b"[\n")?;
    }
    for (number, (id, task)) in tasks.iter().enumerate() {
        if !lines && number > 0 {
            to.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut *to, &shown(*id, task, types))?;
        if lines {
            to.write_all(b"\n")?;
        }
    }
    if lines { Ok(()) } else { to.write_all(b"\n]\n") }
}

fn shown(id: Uuid, task: &Attributes, types: &Types) -> Map<String, Value> {
    let mut shown = Map::new();
    let (mut annotations, mut tags, mut depends) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (name, stored) in task.iter().filter(|(_, stored)| !stored.is_empty()) {
        if let Some(entry) = name.strip_prefix("annotation_") {
            annotations.push((entry, stored));
        } else if let Some(tag) = name.strip_prefix("tag_") {
            tags.insert(tag);
        } else if let Some(other) = name.strip_prefix("dep_") {
            depends.insert(other);
        } else if name == "tags" {
            tags.extend(stored.split(','));
        } else if name == "depends" {
            depends.extend(stored.split(','));
        } else {
            shown.insert(name.clone(), types.value(name, stored));
        }
    }
    shown.insert("uuid".into(), Value::String(id.to_string()));
    let texts = |list: BTreeSet<&str>| list.into_iter().map(|text| Value::String(text.into())).collect();
    if !annotations.is_empty() {
        let one = |(entry, text): (&str, &String)| {
            let entry = Value::String(date(entry).unwrap_or_else(|| entry.to_owned()));
            Value::Object(
                [("entry".to_owned(), entry), ("description".into(), Value::String(text.clone()))]
                    .into_iter()
                    .collect(),
            )
        };
        shown.insert("annotations".into(), Value::Array(annotations.into_iter().map(one).collect()));
    }
    if !tags.is_empty() {
        shown.insert("tags".into(), Value::Array(texts(tags)));
    }
    if !depends.is_empty() {
        shown.insert("depends".into(), Value::Array(texts(depends)));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_numbers_lists_and_what_is_neither_are_shown_as_taskwarrior_does() {
        let mut types = Types::own();
        types.0.insert("estimate".into(), Type::Number);
        let task: Attributes = [
            ("description", "milk “&” \\ bread"),
            ("status", "pending"),
            ("due", "1927843200"),
            ("wait", "someday"),
            ("imask", "0"),
            ("estimate", "3.5"),
            ("ticket", "0042"),
            ("empty", ""),
            ("annotation_1795628646", "x/y"),
            ("tag_shop", "x"),
            ("tags", "shop,next"),
            ("dep_5a62abd6-7364-45d4-a2d6-791a6a440bb9", "x"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let tasks: Tasks = [(Uuid::from_u128(1), task)].into();
        let mut text = Vec::new();
        write(&mut text, &tasks, &types, true).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"{"annotations":[{"description":"x/y","entry":"20261125T174406Z"}],"depends":["5a62abd6-7364-45d4-a2d6-791a6a440bb9"],"description":"milk “&” \\ bread","due":"20310203T000000Z","estimate":3.5,"imask":0,"status":"pending","tags":["next","shop"],"ticket":"0042","uuid":"00000000-0000-0000-0000-000000000001","wait":"someday"}"#);
        let mut list = Vec::new();
        write(&mut list, &tasks, &types, false).unwrap();
        assert_eq!(serde_json::from_slice::<Vec<Value>>(&list).unwrap().len(), 1);
        let mut none = Vec::new();
        write(&mut none, &Tasks::new(), &types, false).unwrap();
        assert_eq!(serde_json::from_slice::<Vec<Value>>(&none).unwrap().len(), 0);
    }
}
