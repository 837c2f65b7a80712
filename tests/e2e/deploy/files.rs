//! What stands in the deployment files is what the program understands.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use e2e::command::run;
use e2e::http::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::read;
use crate::{PROGRAMS, server};

/// Everything that says something about the program.
const FILES: [&str; 17] = [
    "Dockerfile",
    "fly.toml",
    "railway.json",
    ".railway/railway.ts",
    "compose.yaml",
    "Caddyfile",
    "deploy/systemd/taskferry-server.service",
    "deploy/systemd/taskferry-server.conf",
    "deploy/systemd/server.toml",
    "deploy/kubernetes/kustomization.yaml",
    "deploy/kubernetes/statefulset.yaml",
    "deploy/kubernetes/service.yaml",
    "docs/deploy/fly.md",
    "docs/deploy/railway.md",
    "docs/deploy/compose.md",
    "docs/deploy/systemd.md",
    "docs/deploy/kubernetes.md",
];

/// A push under way gets 20 seconds to end when the server stops, then requests get 8.
const STOP_SECONDS: u64 = 28;

/// The flags of `serve`, without dashes in front.
fn settings() -> BTreeSet<String> {
    let help = run(Command::new(PROGRAMS.server).args(["serve", "--help"]), "").good().stdout;
    let flags = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
    let settings: BTreeSet<String> = flags.map(|rest| rest.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert!(settings.contains("data-dir"), "{help}");
    settings
}

/// The verbs of the program.
fn verbs() -> BTreeSet<String> {
    let help = run(Command::new(PROGRAMS.server).arg("--help"), "").good().stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: BTreeSet<String> =
        commands.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    assert!(verbs.contains("serve"), "{help}");
    verbs
}

/// The words right behind each `before` in a text.
fn words_after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    text.split(before).skip(1).map(move |rest| &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())])
}

fn yaml(path: &str) -> Value {
    let mut value: serde_norway::Value =
        serde_norway::from_str(&read(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
    value.apply_merge().unwrap_or_else(|why| panic!("{path}: {why}"));
    serde_json::to_value(value).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn toml<T: DeserializeOwned>(path: &str) -> T {
    toml::from_str(&read(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// `40s`, or a number of seconds.
fn seconds(text: &str) -> u64 {
    text.trim_end_matches('s').parse().unwrap_or_else(|why| panic!("{text}: {why}"))
}

#[test]
fn every_variable_is_a_setting_of_the_program() {
    let settings = settings();
    for path in FILES {
        let text = read(path);
        for name in words_after(&text, "TASKFERRY_") {
            let flag = name.to_ascii_lowercase().replace('_', "-");
            assert!(settings.contains(&flag), "{path}: `TASKFERRY_{name}` is no setting");
        }
    }
}

#[test]
fn every_verb_is_one_of_the_program() {
    let verbs = verbs();
    // The image's own commands are lists of words, and stand in the test about the image.
    for path in FILES.iter().filter(|path| **path != "Dockerfile") {
        // Commands in prose and code blocks; `taskferry-server: …` and the like are no commands.
        let text = read(path);
        let called = words_after(&text, "taskferry-server ").chain(words_after(&text, "taskferry-server, "));
        for verb in called.filter(|word| !word.is_empty() && !word.starts_with('-')) {
            assert!(verbs.contains(verb), "{path}: `taskferry-server {verb}`");
        }
    }
}

#[test]
fn every_guide_ends_with_what_testers_run() {
    for path in FILES.iter().filter(|path| path.starts_with("docs/")) {
        let text = read(path);
        let last_block = text.trim_end().strip_suffix("```").and_then(|text| text.rsplit("```").next());
        let command = last_block.unwrap_or_else(|| panic!("{path} does not end with a command"));
        assert!(command.contains("taskferry setup --server https://"), "{path}: {command}");
    }
}

/// Templates are compiled in, so an image can be built only where they are.
#[test]
fn the_build_of_the_image_sees_every_template() {
    let ignore = read(".dockerignore");
    let source = read("server/src/deploy/template.rs");
    let templates: Vec<&str> = words_of_paths(&source).collect();
    assert!(templates.contains(&"fly.toml"), "{templates:?}");
    for template in templates {
        let mut allowed = ignore.lines().filter_map(|line| line.strip_prefix('!'));
        assert!(
            allowed.any(|allowed| template == allowed || template.starts_with(&format!("{allowed}/"))),
            "{template} is not in .dockerignore"
        );
    }
}

/// The paths in `include_str!("../../../PATH")`.
fn words_of_paths(source: &str) -> impl Iterator<Item = &str> {
    source.split("include_str!(\"../../../").skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn the_image_is_what_the_other_files_take_it_for() {
    let image = read("Dockerfile");
    for line in
        ["STOPSIGNAL SIGTERM", "VOLUME /data", "EXPOSE 8080", "ENTRYPOINT [\"taskferry-server\"]", "CMD [\"serve\"]"]
    {
        assert!(image.lines().any(|found| found == line), "{line}");
    }
    // Railway's builder refuses them.
    assert!(!image.contains("--mount=type=cache"));
    let uid = image.split("taskferry:x:").nth(1).and_then(|rest| rest.split(':').next()).expect("a user");
    assert!(
        image.contains(&format!("TASKFERRY_USER={uid}:{uid}\n")) && image.contains(&format!("chown {uid}:{uid} /data"))
    );
    let compose = yaml("compose.yaml");
    assert_eq!(compose["services"]["server"]["user"], format!("{uid}:{uid}"));
    let set = yaml("deploy/kubernetes/statefulset.yaml");
    let context = &set["spec"]["template"]["spec"]["securityContext"];
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        assert_eq!(context[key].to_string(), uid, "{key}");
    }
}

/// `fly.toml`, as `flyctl` reads it (`internal/appconfig`); it ignores what it doesn't know, and we don't.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fly {
    #[serde(rename = "app")]
    _app: String,
    #[serde(rename = "primary_region")]
    _primary_region: String,
    kill_signal: String,
    kill_timeout: String,
    env: BTreeMap<String, String>,
    deploy: FlyDeploy,
    http_service: FlyService,
    mounts: [FlyMount; 1],
    #[serde(rename = "vm")]
    _vm: [FlyMachine; 1],
    metrics: [FlyMetrics; 1],
    #[serde(rename = "restart")]
    _restart: [FlyRestart; 1],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlyDeploy {
    strategy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlyService {
    internal_port: u16,
    force_https: bool,
    auto_stop_machines: String,
    #[serde(rename = "auto_start_machines")]
    _auto_start_machines: bool,
    min_machines_running: u32,
    concurrency: FlyConcurrency,
    checks: [FlyCheck; 1],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlyConcurrency {
    #[serde(rename = "type")]
    kind: String,
    soft_limit: u32,
    hard_limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlyCheck {
    #[serde(rename = "method")]
    _method: String,
    path: String,
    interval: String,
    timeout: String,
    #[serde(rename = "grace_period")]
    _grace_period: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlyMount {
    #[serde(rename = "source")]
    _source: String,
    destination: String,
    #[serde(rename = "initial_size")]
    _initial_size: String,
    auto_extend_size_threshold: u8,
    auto_extend_size_increment: String,
    auto_extend_size_limit: String,
    snapshot_retention: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlyMachine {
    #[serde(rename = "size")]
    _size: String,
    #[serde(rename = "memory")]
    _memory: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlyMetrics {
    port: u16,
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlyRestart {
    #[serde(rename = "policy")]
    _policy: String,
    #[serde(rename = "retries")]
    _retries: u32,
}

#[test]
fn fly_toml_is_right_for_one_machine_with_one_volume() {
    let fly: Fly = toml("fly.toml");
    assert_eq!(fly.deploy.strategy, "rolling", "the others refuse volumes");
    assert_eq!((fly.http_service.auto_stop_machines.as_str(), fly.http_service.min_machines_running), ("off", 1));
    assert!(fly.http_service.force_https);
    assert_eq!(fly.http_service.concurrency.kind, "connections");
    assert!(fly.http_service.concurrency.soft_limit < fly.http_service.concurrency.hard_limit);
    assert_eq!(fly.kill_signal, "SIGTERM");
    assert!((STOP_SECONDS + 5..=300).contains(&seconds(&fly.kill_timeout)), "300 is Fly's limit");

    assert_eq!(fly.env["PORT"], fly.http_service.internal_port.to_string());
    assert_eq!(fly.env["TASKFERRY_DATA_DIR"], fly.mounts[0].destination);
    let metrics = fly.env["TASKFERRY_METRICS_LISTEN"].rsplit(':').next().map(str::to_owned);
    assert_eq!(metrics, Some(fly.metrics[0].port.to_string()));
    assert_eq!(fly.metrics[0].path, "/metrics");

    let check = &fly.http_service.checks[0];
    assert!((1..=60).contains(&seconds(&check.interval)) && seconds(&check.timeout) < seconds(&check.interval));
    assert_eq!(Request::get(&check.path).send(server().address()).status, 200);

    let mount = &fly.mounts[0];
    assert!((50..=99).contains(&mount.auto_extend_size_threshold), "Fly's own bounds");
    assert!(mount.auto_extend_size_increment.ends_with("GB") && mount.auto_extend_size_limit.ends_with("GB"));
    assert!((1..=60).contains(&mount.snapshot_retention), "Fly's own bounds");
}

#[test]
fn both_of_railways_files_say_the_same() {
    let old: Value = serde_json::from_str(&read("railway.json")).unwrap();
    let new = read(".railway/railway.ts");
    let deploy = &old["deploy"];
    let check = deploy["healthcheckPath"].as_str().unwrap();
    assert_eq!(Request::get(check).send(server().address()).status, 200);
    for line in [
        format!("healthcheck: \"{check}\","),
        format!("healthcheckTimeout: {},", deploy["healthcheckTimeout"]),
        format!("restartPolicyType: {},", deploy["restartPolicyType"]),
        format!("restartPolicyMaxRetries: {},", deploy["restartPolicyMaxRetries"]),
        format!("requiredMountPath: {},", deploy["requiredMountPath"]),
        format!("drainingSeconds: {},", deploy["drainingSeconds"]),
        format!("volumeMounts: {{ {}: data }},", deploy["requiredMountPath"]),
        format!("TASKFERRY_DATA_DIR: {},", deploy["requiredMountPath"]),
        format!("builder: {}, dockerfilePath: {} }},", old["build"]["builder"], old["build"]["dockerfilePath"]),
    ] {
        assert!(new.contains(&line), "{line}");
    }
    assert!(deploy["drainingSeconds"].as_u64().unwrap() > STOP_SECONDS);
}

#[test]
fn compose_connects_caddy_and_the_server() {
    let compose = yaml("compose.yaml");
    let (server, caddy) = (&compose["services"]["server"], &compose["services"]["caddy"]);
    for service in [server, caddy] {
        assert_eq!(service["read_only"], true);
        assert_eq!(service["cap_drop"][0], "ALL");
        assert_eq!(service["security_opt"][0], "no-new-privileges:true");
        assert_eq!(service["restart"], "unless-stopped");
        assert!(service["logging"]["options"]["max-size"].is_string(), "logs that end");
    }
    assert_eq!(server.get("ports"), None, "everything comes through Caddy");
    assert_eq!(caddy["depends_on"]["server"]["condition"], "service_healthy");

    let environment = &server["environment"];
    let port = environment["PORT"].as_str().unwrap();
    assert_eq!(server["expose"][0], port);
    assert!(read("Caddyfile").contains(&format!("reverse_proxy server:{port} {{")));
    let data = environment["TASKFERRY_DATA_DIR"].as_str().unwrap();
    assert_eq!(server["volumes"][0], format!("data:{data}"));
    // A folder that the image does not give to its user would be root's.
    let backups = environment["TASKFERRY_BACKUP_TO"].as_str().unwrap();
    assert_eq!(server["volumes"][1], format!("backups:{backups}"));
    assert!(read("Dockerfile").contains(&format!("chown 65532:65532 {data} {backups}\n")));
    assert!(seconds(server["stop_grace_period"].as_str().unwrap()) > STOP_SECONDS);
}

#[test]
fn kubernetes_runs_one_pod_and_asks_it_the_right_questions() {
    let set = yaml("deploy/kubernetes/statefulset.yaml");
    assert_eq!((&set["kind"], &set["spec"]["replicas"]), (&"StatefulSet".into(), &1.into()));
    let pod = &set["spec"]["template"]["spec"];
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > STOP_SECONDS);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);

    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    let variable = |name: &str| {
        let list = container["env"].as_array().unwrap();
        list.iter().find(|entry| entry["name"] == name).unwrap()["value"].as_str().unwrap().to_owned()
    };
    let port = |name: &str| {
        let list = container["ports"].as_array().unwrap();
        list.iter().find(|entry| entry["name"] == name).unwrap()["containerPort"].to_string()
    };
    assert_eq!(variable("PORT"), port("http"));
    assert!(variable("TASKFERRY_METRICS_LISTEN").ends_with(&format!(":{}", port("metrics"))));
    assert_eq!(variable("TASKFERRY_DATA_DIR"), container["volumeMounts"][0]["mountPath"].as_str().unwrap());
    assert_eq!(container["volumeMounts"][0]["name"], set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]);

    let server = server();
    for probe in ["livenessProbe", "readinessProbe"] {
        let get = &container[probe]["httpGet"];
        assert_eq!(get["port"], "http");
        assert_eq!(Request::get(get["path"].as_str().unwrap()).send(server.address()).status, 200, "{probe}");
    }

    let service = yaml("deploy/kubernetes/service.yaml");
    assert_eq!(service["spec"]["selector"], set["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(service["metadata"]["name"], set["spec"]["serviceName"]);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], "http");

    let all = yaml("deploy/kubernetes/kustomization.yaml");
    for resource in all["resources"].as_array().unwrap() {
        yaml(&format!("deploy/kubernetes/{}", resource.as_str().unwrap()));
    }
}

#[test]
fn the_unit_its_user_and_its_settings_agree() {
    let unit = read("deploy/systemd/taskferry-server.service");
    let value = |key: &str| {
        let mut values = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let value = values.next().unwrap_or_else(|| panic!("no {key}"));
        assert_eq!(values.next(), None, "{key} twice");
        value
    };
    assert_eq!(value("ExecStart"), "taskferry-server serve");
    assert!(seconds(value("TimeoutStopSec")) > STOP_SECONDS);

    let user = value("User");
    let users = read("deploy/systemd/taskferry-server.conf");
    let line: Vec<&str> = users.lines().find(|line| line.starts_with("u ")).unwrap().split_whitespace().collect();
    assert_eq!((line[1], *line.last().unwrap()), (user, format!("/var/lib/{}", value("StateDirectory")).as_str()));

    let settings: toml::Table = toml("deploy/systemd/server.toml");
    assert_eq!(settings["data_dir"].as_str(), line.last().copied());
}

/// Not only the names: the values too are what the server takes.
#[test]
fn a_server_starts_with_the_environment_of_each_file() {
    let fly: Fly = toml("fly.toml");
    let compose = yaml("compose.yaml");
    let of_compose = compose["services"]["server"]["environment"].as_object().unwrap();
    let set = yaml("deploy/kubernetes/statefulset.yaml");
    let of_set = set["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();

    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let environments: [Vec<(String, String)>; 3] = [
        fly.env.into_iter().collect(),
        of_compose.iter().map(|(name, value)| (name.clone(), interpolated(&text(value)))).collect(),
        of_set.iter().map(|entry| (text(&entry["name"]), text(&entry["value"]))).collect(),
    ];
    for environment in environments {
        // Fixed ports and directories are a container's own; here each test has others, and says so by flag.
        let elsewhere = ["PORT", "TASKFERRY_DATA_DIR", "TASKFERRY_METRICS_LISTEN"];
        let setup = environment
            .iter()
            .filter(|(name, _)| !elsewhere.contains(&name.as_str()))
            .fold(PROGRAMS.server(), |setup, (name, value)| setup.variable(name, value));
        let server = setup.start();
        let (_, url) = environment.iter().find(|(name, _)| name == "TASKFERRY_PUBLIC_URL").unwrap();
        assert_eq!(server.info().public_url.as_ref(), Some(url));
    }
}

/// As `docker compose` does it with `SYNC_DOMAIN=sync.example.org` and nothing else.
fn interpolated(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (expression, after) = rest.split_once('}').expect("the end of a variable");
    let value = match expression.split_once(":-") {
        Some((_, default)) => default,
        None => "sync.example.org",
    };
    format!("{before}{value}{after}")
}
