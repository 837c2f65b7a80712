//! Flags, environment and file say the same things, and which one wins. (All settings one by one: the server's own tests.)

use e2e::port::Port;

use crate::PROGRAMS;

#[test]
fn the_flag_wins_over_both_variables_and_the_file() {
    let [flag, ours, reference, file] = [(); 4].map(|()| Port::reserve());
    let address = |port: &Port| port.address().to_string();
    let in_file = format!("listen = \"{}\"\n", address(&file));
    let setup = || PROGRAMS.server().without_listen_flag();

    let by_file = setup().config_file(&in_file).start();
    assert_eq!(by_file.address(), file.address());

    let by_reference = setup().variable("LISTEN", address(&reference)).config_file(&in_file).start();
    assert_eq!(by_reference.address(), reference.address());

    let by_ours = setup().variable("TASKFERRY_LISTEN", address(&ours)).variable("LISTEN", "127.0.0.1:1").start();
    assert_eq!(by_ours.address(), ours.address());

    let by_flag = setup().option("--listen", address(&flag)).variable("TASKFERRY_LISTEN", "127.0.0.1:1").start();
    assert_eq!(by_flag.address(), flag.address());
}

#[test]
fn a_limit_is_the_same_by_flag_variable_and_file() {
    let setups = [
        PROGRAMS.server().option("--max-version-bytes", "1KiB"),
        PROGRAMS.server().variable("TASKFERRY_MAX_VERSION_BYTES", "1KiB"),
        PROGRAMS.server().config_file("max_version_bytes = \"1KiB\"\n"),
        PROGRAMS.server().config_file("max_version_bytes = 1024\n"),
    ];
    for setup in setups {
        assert_eq!(setup.start().info().limits.version_bytes, 1024);
    }
}

#[test]
fn a_value_that_makes_no_sense_is_refused_with_its_name() {
    let refused = PROGRAMS.server().variable("TASKFERRY_MAX_VERSION_BYTES", "plenty").run_to_its_end().exits_with(2);
    for words in ["TASKFERRY_MAX_VERSION_BYTES", "plenty"] {
        assert!(refused.stderr.contains(words), "{refused}");
    }
}

#[test]
fn a_mistyped_key_in_the_file_is_refused_with_the_nearest_one() {
    let refused = PROGRAMS.server().config_file("data_dri = \"/tmp\"\n").run_to_its_end().exits_with(2);
    for words in ["`data_dri`", "`data_dir`"] {
        assert!(refused.stderr.contains(words), "{refused}");
    }
}

#[test]
fn a_configuration_file_that_is_not_there_is_an_error() {
    let refused = PROGRAMS.server().option("--config", "/nonexistent/server.toml").run_to_its_end().exits_with(2);
    assert!(refused.stderr.contains("/nonexistent/server.toml"), "{refused}");
}
