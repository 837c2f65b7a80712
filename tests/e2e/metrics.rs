//! What an operator's Prometheus is told is true, says nothing about anybody, and is what the dashboard, the alerts and the
//! documentation ask for.

use std::collections::{BTreeMap, BTreeSet};

use e2e::http::Request;
use e2e::metrics::Metrics;
use e2e::wait;
use serde::Deserialize;
use taskferry_protocol::VersionId;
use taskferry_server::metrics::limits::Limit;

use crate::{PROGRAMS, server};

const DASHBOARD: &str = include_str!("../../deploy/grafana/taskferry.json");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");
const DOCUMENTATION: &str = include_str!("../../docs/LOGGING.md");

#[test]
fn what_happened_is_counted_once_and_names_nobody() {
    let server = PROGRAMS.server().with_metrics().option("--max-version-bytes", "1000").start();
    let account = server.account();
    let [first, second] = account.grow();
    account.add_version(first, "a conflict");
    account.add_snapshot(second, "kept").good();
    account.add_snapshot(first, "older").good();
    account.add_version(second, vec![0; 1001]).refused(413, "body_too_large");
    account.child_of(VersionId::NIL).good();
    account.child_of(second).is_nothing_there();
    for path in ["/one", "/two", "/v1/client/three"] {
        Request::get(path).send(server.address());
    }
    let metrics = server.metrics();
    let requests =
        |route, status| metrics.sum("taskferry_http_requests_total", &[("route", route), ("status", status)]);
    for (route, status, count) in [
        ("register", "201", 1.0),
        ("add-version", "200", 2.0),
        ("add-version", "409", 1.0),
        ("add-version", "413", 1.0),
        ("add-snapshot", "200", 2.0),
        ("get-child-version", "200", 1.0),
        ("get-child-version", "404", 1.0),
        ("get-child-version", "500", 0.0),
    ] {
        assert!((requests(route, status) - count).abs() < 0.1, "{route} {status}\n{}", metrics.text);
    }
    assert!(metrics.sum("taskferry_http_requests_total", &[("route", "other")]) >= 3.0, "{}", metrics.text);
    for (name, count) in [
        ("taskferry_accounts_created_total", 1.0),
        ("taskferry_versions_stored_total", 2.0),
        ("taskferry_version_conflicts_total", 1.0),
        ("taskferry_snapshots_stored_total", 1.0),
        ("taskferry_snapshots_ignored_total", 1.0),
        ("taskferry_sent_bytes_total", 9.0),
        ("taskferry_commit_duration_seconds_count", 4.0),
        ("taskferry_batch_changes_sum", 4.0),
        ("taskferry_commit_failures_total", 0.0),
    ] {
        assert!((metrics.sum(name, &[]) - count).abs() < 0.1, "{name}\n{}", metrics.text);
    }
    assert!((metrics.sum("taskferry_limits_hit_total", &[("limit", "version-bytes")]) - 1.0).abs() < 0.1);
    let id = account.id().expose();
    for secret in [id.hyphenated().to_string(), id.simple().to_string(), second.to_string(), "/one".to_owned()] {
        assert!(!metrics.text.contains(&secret), "{secret}\n{}", metrics.text);
    }
}

#[test]
fn the_condition_of_the_server_is_told_and_nothing_is_where_nobody_asked_for_it() {
    let server = PROGRAMS.server().with_metrics().start();
    // It is looked at right after the start.
    wait::until("the volume was looked at", || server.metrics().sum("taskferry_volume_free_bytes", &[]) > 0.0);
    let metrics = server.metrics();
    for (name, least) in [
        ("taskferry_ready", 1.0),
        ("taskferry_build_info", 1.0),
        ("taskferry_database_bytes", 4096.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_open_fds", 3.0),
        ("process_start_time_seconds", 1.7e9),
    ] {
        assert!(metrics.sum(name, &[]) >= least, "{name}\n{}", metrics.text);
    }
    Request::get("/metrics").send(server.address()).refused(404, "no_such_path");
    assert!(!self::server().log().text().contains("metrics"), "without the flag there is no such listener");
}

#[test]
fn backups_of_every_process_are_told_and_failures_add_up() {
    let server = PROGRAMS.server().with_metrics().start();
    server.account();
    let told = |name: &str| server.metrics().sum(&format!("taskferry_backup_{name}"), &[]);
    assert!(told("interval_seconds") < 1.0 && told("last_good_time_seconds") < 1.0, "{}", server.metrics().text);
    server.operate(["backup", "create"]).good();
    wait::until("the backup is told of", || told("last_good_time_seconds") > 1.7e9);
    let metrics = server.metrics();
    let now = |name| metrics.sum(name, &[]);
    assert!(now("taskferry_backup_bytes") > 4096.0 && now("taskferry_backup_failures_total") < 1.0, "{}", metrics.text);
    let (good, proved) =
        (now("taskferry_backup_last_good_time_seconds"), now("taskferry_backup_last_proved_time_seconds"));
    assert!((good - proved).abs() < 0.1, "{}", metrics.text);

    for _ in 0..2 {
        server.operate(["backup", "create", "--to", "/proc/nowhere"]).exits_with(1);
    }
    wait::until("the failures are told of", || told("failures_total") > 1.5);
    let folder = std::fs::read_dir(server.data_dir().join("backups")).expect("backups");
    for file in folder.flatten().filter(|file| file.path().extension().is_some_and(|end| end == "sqlite3")) {
        std::fs::write(file.path(), "gone bad").expect("a damaged backup");
    }
    server.operate(["backup", "verify"]).exits_with(3);
    wait::until("the damage is told of", || told("damaged") > 0.5);
}

#[test]
fn the_number_of_series_does_not_depend_on_what_strangers_ask_for() {
    let server = PROGRAMS.server().with_metrics().start();
    let ask = |from: usize| {
        for n in from..from + 20 {
            Request::get(format!("/{n}/{n}")).send(server.address());
            server.unknown_account().child_of(VersionId::NIL);
        }
    };
    ask(0);
    let before = server.metrics().samples.len();
    ask(20);
    assert_eq!(server.metrics().samples.len(), before);
}

#[test]
fn the_documentation_names_exactly_what_is_exported() {
    let server = PROGRAMS.server().with_metrics().start();
    let (_, table) = DOCUMENTATION.split_once("## Metrics").expect("a table of metrics");
    let (table, _) = table.split_once("\n## ").expect("something behind it");
    let documented: BTreeMap<&str, BTreeSet<&str>> = table.lines().filter_map(documented_metric).collect();
    let exported: BTreeMap<String, BTreeSet<String>> = families(&server.metrics());
    let exported: BTreeMap<&str, BTreeSet<&str>> =
        exported.iter().map(|(name, labels)| (name.as_str(), labels.iter().map(String::as_str).collect())).collect();
    assert_eq!(documented, exported);
    for limit in Limit::ALL {
        assert!(table.contains(&format!("`{}`", limit.name())), "{}", limit.name());
    }
}

#[test]
fn an_address_for_metrics_that_is_taken_is_an_error_that_names_the_flag() {
    let first = PROGRAMS.server().with_metrics().start();
    let taken = first.metrics_address().to_string();
    let refused = PROGRAMS.server().option("--metrics-listen", &taken).run_to_its_end().exits_with(1);
    assert!(refused.stderr.contains(&taken), "{refused}");
    assert!(refused.stderr.contains("`--metrics-listen ADDRESS:PORT`"), "{refused}");
}

#[test]
fn readiness_that_is_lost_is_logged_and_told_and_so_is_its_return() {
    let server = PROGRAMS.server().with_metrics().start();
    let database = rusqlite::Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    let readiness_is = |expected: f64| {
        wait::until("readiness changed", || (server.metrics().sum("taskferry_ready", &[]) - expected).abs() < 0.1);
    };
    readiness_is(1.0);
    database.execute_batch("ALTER TABLE meta RENAME TO elsewhere").expect("a broken database");
    server.log().wait_for("the loss", |line| line.contains("WARN not ready reasons=").then_some(()));
    readiness_is(0.0);
    database.execute_batch("ALTER TABLE elsewhere RENAME TO meta").expect("a mended database");
    readiness_is(1.0);
    let is_said_twice = || server.log().text().lines().filter(|line| line.ends_with("INFO ready")).count() == 2;
    wait::until("its return is in the log", is_said_twice);
}

/// `| `name` | `label`, `label` | …`
fn documented_metric(line: &str) -> Option<(&str, BTreeSet<&str>)> {
    let mut cells = line.strip_prefix("| `")?.split('|');
    let name = cells.next()?.trim().trim_end_matches('`');
    let labels = cells.next()?.split(',').map(|label| label.trim().trim_matches('`')).filter(|label| !label.is_empty());
    Some((name, labels.collect()))
}

/// Names as an operator looks for them: a histogram is one, and `le` is not a label of its own.
fn families(metrics: &Metrics) -> BTreeMap<String, BTreeSet<String>> {
    let histograms: BTreeSet<&str> =
        metrics.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram")).collect();
    let mut families = BTreeMap::<String, BTreeSet<String>>::new();
    for (name, labels) in metrics.names() {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = base.filter(|base| histograms.contains(base)).unwrap_or(name);
        let labels = labels.into_iter().filter(|label| *label != "le").map(str::to_owned);
        families.entry(name.to_owned()).or_default().extend(labels);
    }
    families
}

#[derive(Debug, Deserialize)]
struct AlertFile {
    groups: Vec<AlertGroup>,
}

#[derive(Debug, Deserialize)]
struct AlertGroup {
    rules: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    #[serde(rename = "alert")]
    name: String,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

fn alerts() -> Vec<Alert> {
    let file: AlertFile = serde_norway::from_str(ALERTS).expect("alert rules");
    file.groups.into_iter().flat_map(|group| group.rules).collect()
}

#[test]
fn every_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do() {
    let alerts = alerts();
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(matches!(alert.labels["severity"].as_str(), "critical" | "warning"), "{}", alert.name);
        for text in ["summary", "description"] {
            assert!(alert.annotations.get(text).is_some_and(|text| text.len() > 10), "{}: no {text}", alert.name);
        }
        let anchor = format!("docs/LOGGING.md#{}", alert.name.to_lowercase());
        assert_eq!(alert.annotations["runbook"], anchor);
        let heading = format!("\n### {}\n", alert.name);
        assert!(DOCUMENTATION.contains(&heading), "docs/LOGGING.md has no heading {heading}");
    }
}

#[test]
fn alerts_and_dashboard_ask_only_for_what_is_exported() {
    let server = PROGRAMS.server().with_metrics().start();
    let metrics = server.metrics();
    let exported = metrics.names();
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("a dashboard");
    let mut expressions = Vec::new();
    collect_expressions(&dashboard, &mut expressions);
    assert!(expressions.len() > 20, "a dashboard with panels: {expressions:?}");
    expressions.extend(alerts().into_iter().map(|alert| alert.expr));
    let mut asked_for = BTreeSet::new();
    for expression in &expressions {
        let query = Query::of(expression);
        assert!(!query.metrics.is_empty(), "asks for nothing: {expression}");
        for (metric, matched) in &query.metrics {
            let labels = exported.get(metric.as_str());
            // What Prometheus itself adds.
            assert!(labels.is_some() || metric == "up", "`{metric}` is not exported: {expression}");
            let known = |label: &String| {
                is_of_the_target(label) || labels.is_some_and(|labels| labels.contains(label.as_str()))
            };
            assert!(matched.iter().all(known), "`{metric}` has no such label {matched:?}: {expression}");
        }
        let has = |label: &String| {
            is_of_the_target(label)
                || query
                    .metrics
                    .keys()
                    .any(|name| exported.get(name.as_str()).is_some_and(|labels| labels.contains(label.as_str())))
        };
        assert!(query.grouped.iter().all(has), "grouped by an unknown label {:?}: {expression}", query.grouped);
        asked_for.extend(query.metrics.into_keys());
    }
    for family in families(&metrics).keys() {
        let shown = asked_for.iter().any(|name| name.starts_with(family.as_str()));
        assert!(shown, "`{family}` is in no panel and no alert");
    }
}

#[test]
fn queries_are_understood() {
    let query = Query::of(
        "histogram_quantile(0.99, sum by (le, route) (rate(a_bucket{route=~\"b|c{d}\", job!=\"e\"}[5m]))) > 1e3 and on () c_total offset 1h",
    );
    let metrics: Vec<_> = query.metrics.iter().map(|(name, labels)| (name.as_str(), labels.len())).collect();
    assert_eq!(metrics, [("a_bucket", 2), ("c_total", 0)]);
    assert_eq!(query.grouped, BTreeSet::from(["le".to_owned(), "route".to_owned()]));
}

/// Labels that Prometheus gives to everything that it scrapes.
fn is_of_the_target(label: &str) -> bool {
    matches!(label, "job" | "instance")
}

/// Everything that a dashboard asks Prometheus, its variables included.
fn collect_expressions(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(text) if key == "expr" => into.push(text.to_owned()),
                    // `label_values(metric, label)`
                    Some(text) if key == "definition" => {
                        let inner = text.strip_prefix("label_values(").and_then(|text| text.strip_suffix(')'));
                        let (metric, label) =
                            inner.and_then(|inner| inner.split_once(", ")).expect("a query of labels");
                        into.push(format!("sum by ({label}) ({metric})"));
                    }
                    _ => collect_expressions(value, into),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_expressions(item, into)),
        _ => {}
    }
}

/// What an expression in Prometheus's language asks for. Not a parser: it knows brackets, texts and words.
#[derive(Debug, Default)]
struct Query {
    /// Each metric, with the labels that it is selected by.
    metrics: BTreeMap<String, BTreeSet<String>>,
    /// Labels that results are grouped or matched by.
    grouped: BTreeSet<String>,
}

impl Query {
    fn of(expression: &str) -> Self {
        let mut query = Self::default();
        let mut rest = without_texts(expression);
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric() || "_[$".contains(c)) {
            let tail = &rest[start..];
            let end =
                tail.find(|c: char| !(c.is_ascii_alphanumeric() || "_.$".contains(c))).unwrap_or(tail.len()).max(1);
            let (word, behind) = tail.split_at(end);
            let behind = behind.trim_start();
            rest = if word == "[" {
                within(tail, '[', ']').1.to_owned()
            } else if matches!(word, "by" | "without" | "on" | "ignoring" | "group_left" | "group_right") {
                let (labels, behind) = within(behind, '(', ')');
                query.grouped.extend(words(labels));
                behind.to_owned()
            } else if is_no_metric(word, behind) {
                behind.to_owned()
            } else {
                let (labels, behind) = if behind.starts_with('{') { within(behind, '{', '}') } else { ("", behind) };
                query.metrics.entry(word.to_owned()).or_default().extend(words(labels));
                behind.to_owned()
            };
        }
        query
    }
}

/// A number, an operator, a function, or an aggregation with its labels in front.
fn is_no_metric(word: &str, behind: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        || matches!(word, "and" | "or" | "unless" | "bool" | "offset")
        || behind.starts_with('(')
        || matches!(behind.split_whitespace().next(), Some("by" | "without"))
}

/// With every quoted text empty.
fn without_texts(expression: &str) -> String {
    expression.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// What stands between the first bracket and its end, and what comes behind.
fn within(text: &str, open: char, close: char) -> (&str, &str) {
    let inner = text.strip_prefix(open).expect("a bracket");
    inner.split_once(close).expect("its end")
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).map(str::to_owned)
}
