//! Settings from flags, environment and file, and which of them wins.

use super::*;

fn env(pairs: &[(&str, &str)]) -> sources::Env {
    let mut env = sources::Env::from_pairs([("HOME", "/home/someone")]);
    env.extend(pairs.iter().copied());
    env
}

fn load(args: &ServeArgs, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(args, &env(pairs))
}

fn file(text: &str) -> (tempfile::TempDir, ServeArgs) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server.toml");
    std::fs::write(&path, text).unwrap();
    (dir, ServeArgs { config: Some(path), ..ServeArgs::default() })
}

fn address(config: &Config) -> String {
    config.listen.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_flags_are_needed() {
    let config = load(&ServeArgs::default(), &[]).unwrap();
    assert_eq!(address(&config), "127.0.0.1:8080");
    assert_eq!(config.data_dir, PathBuf::from("/home/someone/.local/share/taskferry-server"));
    assert_eq!(config.snapshots, SnapshotPolicy { days: 14, versions: 100 });
    assert_eq!(config.body_limits.version_bytes, 104_857_600);
    assert!(config.limits_on);
}

#[test]
fn a_flag_beats_our_variable_beats_the_references_beats_port_beats_the_file() {
    let (_dir, mut args) = file("listen = '127.0.0.1:5'");
    assert_eq!(address(&load(&args, &[]).unwrap()), "127.0.0.1:5");
    let port = [("PORT", "4")];
    assert_eq!(address(&load(&args, &port).unwrap()), "[::]:4");
    let reference = [("PORT", "4"), ("LISTEN", "127.0.0.1:3")];
    assert_eq!(address(&load(&args, &reference).unwrap()), "127.0.0.1:3");
    let ours = [("PORT", "4"), ("LISTEN", "127.0.0.1:3"), ("TASKFERRY_LISTEN", "127.0.0.1:2")];
    assert_eq!(address(&load(&args, &ours).unwrap()), "127.0.0.1:2");
    args.listen = vec!["127.0.0.1:1".into(), "[::1]:1".into()];
    assert_eq!(address(&load(&args, &ours).unwrap()), "127.0.0.1:1 [::1]:1");
}

#[test]
fn the_file_knows_every_flag_and_nothing_else() {
    let (_dir, args) = file(
        "listen = ['127.0.0.1:1', '127.0.0.1:2']\ndata_dir = '/d'\npublic_url = 'https://A.example/'\n\
         base_path = 'sync/'\nsnapshot_days = 3\nsnapshot_versions = '7'\nmax_version_bytes = '2MiB'\n\
         max_snapshot_bytes = 1000\nlimits = 'off'\nmetrics_listen = '127.0.0.1:9'\nlog_level = 'debug'\nlog_format = 'json'\n",
    );
    let config = load(&args, &[]).unwrap();
    assert_eq!(address(&config), "127.0.0.1:1 127.0.0.1:2");
    assert_eq!(config.public_url.unwrap().as_str(), "https://a.example");
    assert_eq!(config.base_path, "/sync");
    assert_eq!((config.snapshots.days, config.snapshots.versions), (3, 7));
    assert_eq!((config.body_limits.version_bytes, config.body_limits.snapshot_bytes), (2_097_152, 1000));
    assert_eq!((config.log.level, config.log.json, config.limits_on), (tracing::Level::DEBUG, true, false));
    assert_eq!(config.metrics_listen.unwrap().to_string(), "127.0.0.1:9");

    let (_dir, args) = file("snapshot_day = 3");
    let error = load(&args, &[]).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `snapshot_days`?");
}

#[test]
fn a_bad_value_names_where_it_came_from() {
    let message = |args: &ServeArgs, pairs: &[(&str, &str)]| load(args, pairs).unwrap_err().to_string();
    let args = ServeArgs { snapshot_days: Some("soon".into()), ..ServeArgs::default() };
    assert_eq!(message(&args, &[]), "`--snapshot-days`: `soon` is not a whole number from 0 to 65535");
    let none = ServeArgs::default();
    assert_eq!(message(&none, &[("PORT", "99999")]), "`PORT`: `99999` is not a whole number from 0 to 65535");
    assert_eq!(
        message(&none, &[("TASKFERRY_MAX_VERSION_BYTES", "lots")]),
        "`TASKFERRY_MAX_VERSION_BYTES`: `lots` is not a size such as `500KB` or `100MiB`, at least 1"
    );
    assert!(message(&none, &[("LISTEN", "8080")]).contains("is not an address with a port"));
    assert!(message(&none, &[("TASKFERRY_BASE_PATH", "/a b")]).contains("is not a path"));
}

#[test]
fn registration_is_closed_in_our_words_and_in_the_references() {
    const ID: &str = "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab";
    use describe::Registration::{Closed, Invite, Open};
    let load = |pairs: &[(&str, &str)]| load(&ServeArgs::default(), pairs).map(|config| config.registration);
    let policy = |pairs: &[(&str, &str)]| load(pairs).unwrap().policy;
    assert_eq!(policy(&[]), Open);
    assert_eq!(policy(&[("TASKFERRY_REGISTRATION", "invite")]), Invite);
    assert_eq!(policy(&[("TASKFERRY_REGISTRATION", "closed")]), Closed);
    assert_eq!(policy(&[("CREATE_CLIENTS", "true")]), Open);
    assert_eq!(policy(&[("CREATE_CLIENTS", "false")]), Closed);

    let two = format!("{ID}, 7ec5a4d20b1e4c399f5d3a6c8e2b7f10");
    let listed = load(&[("CLIENT_ID", &two)]).unwrap();
    assert_eq!((listed.policy, listed.listed.len()), (Closed, 2));
    let both = load(&[("CLIENT_ID", ID), ("TASKFERRY_REGISTRATION", "invite")]).unwrap();
    assert_eq!((both.policy, both.listed.len()), (Invite, 1));
    let nobody = load(&[("CLIENT_ID", ID), ("CREATE_CLIENTS", "false")]).unwrap();
    assert_eq!((nobody.policy, nobody.listed.len()), (Closed, 0));

    for closed in [("CLIENT_ID", ID), ("CREATE_CLIENTS", "0")] {
        let refused = load(&[closed, ("TASKFERRY_REGISTRATION", "open")]);
        assert!(matches!(refused, Err(ConfigError::Contradiction { .. })), "{closed:?}");
    }
    let typo = load(&[("TASKFERRY_REGISTRATION", "close")]).unwrap_err().to_string();
    assert_eq!(typo, "`TASKFERRY_REGISTRATION`: `close` is not open, invite or closed");
    let args = ServeArgs { allow_client_id: vec![two, ID.into()], ..ServeArgs::default() };
    assert_eq!(super::Config::load(&args, &env(&[])).unwrap().registration, listed, "one of them twice");
    let hidden = load(&[("CLIENT_ID", &format!("{ID}x"))]).unwrap_err().to_string();
    assert_eq!(hidden, "`CLIENT_ID`: `(hidden)` is not one client ID, or several with commas in between");
}

#[test]
fn quotas_are_set_one_by_one() {
    let quota = |pairs| load(&ServeArgs::default(), pairs).unwrap().quota;
    assert_eq!(quota(&[]), Quota::default());
    let set = [
        ("TASKFERRY_QUOTA_BYTES", "1GiB"),
        ("TASKFERRY_QUOTA_VERSIONS", "7"),
        ("TASKFERRY_QUOTA_SNAPSHOT_BYTES", "2MB"),
    ];
    assert_eq!(quota(&set), Quota { bytes: 1 << 30, versions: 7, snapshot_bytes: 2_000_000 });
    let none = load(&ServeArgs::default(), &[("TASKFERRY_NEW_ACCOUNTS_PER_HOUR", "0")]).unwrap_err().to_string();
    assert!(none.ends_with("`0` is not a whole number from 1 to 4294967295"), "{none}");
}

#[test]
fn a_public_address_without_the_base_path_is_mentioned() {
    let args =
        |url: &str| ServeArgs { public_url: Some(url.into()), base_path: Some("/sync".into()), ..ServeArgs::default() };
    assert!(load(&args("https://a.example/sync/"), &[]).unwrap().notes.is_empty());
    assert_eq!(load(&args("https://a.example"), &[]).unwrap().notes.len(), 1);
}

#[test]
fn a_mistyped_variable_is_mentioned() {
    let config = load(&ServeArgs::default(), &[("TASKFERRY_DATADIR", "/x")]).unwrap();
    assert_eq!(config.notes, ["`TASKFERRY_DATADIR` is set and not used; did you mean `TASKFERRY_DATA_DIR`?"]);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert_eq!(address(&load(&ServeArgs::default(), &[("LISTEN", ""), ("PORT", "")]).unwrap()), "127.0.0.1:8080");
}

#[test]
fn a_database_url_is_not_obeyed_silently() {
    let config = load(&ServeArgs::default(), &[("DATABASE_URL", "postgres://somewhere")]).unwrap();
    assert!(config.notes[0].starts_with("`DATABASE_URL` is set and not used: this server keeps its data in `/"));
}
