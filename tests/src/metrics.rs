//! What a server tells Prometheus, sample by sample.

use std::collections::{BTreeMap, BTreeSet};

/// One line: a name, labels, a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The series' name, with `_total`, `_bucket` and the like.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// One scrape.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// As it came.
    pub text: String,
    /// Its samples.
    pub samples: Vec<Sample>,
}

impl Metrics {
    /// Reads the text format.
    #[track_caller]
    pub fn parse(text: String) -> Self {
        assert!(text.ends_with("# EOF\n"), "cut off: {text}");
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(sample).collect();
        Self { text, samples }
    }

    /// The sum of all series of this name that have these labels.
    #[track_caller]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has_all = |sample: &&Sample| {
            labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|has| has == value))
        };
        let mut found = self.samples.iter().filter(|sample| sample.name == name).filter(has_all).peekable();
        assert!(found.peek().is_some(), "no {name} with {labels:?} in:\n{}", self.text);
        found.map(|sample| sample.value).sum()
    }

    /// Every name, with the labels that its series have.
    pub fn names(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut names = BTreeMap::<_, BTreeSet<_>>::new();
        for sample in &self.samples {
            names.entry(sample.name.as_str()).or_default().extend(sample.labels.keys().map(String::as_str));
        }
        names
    }
}

/// `name{label="value",…} number`. No label of ours holds a quote, a comma or a bracket.
#[track_caller]
fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()).map(|label| {
        let (key, value) = label.split_once('=').unwrap_or_else(|| panic!("no label: {line}"));
        (key.to_owned(), value.trim_matches('"').to_owned())
    });
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    Sample { name: name.to_owned(), labels: labels.collect(), value }
}
