//! A person's tasks move to another account, whole, whatever happens in between.

use std::process::Command;

use e2e::command::{Outcome, run};
use e2e::cut::CutLine;
use e2e::tasks::to_do;
use e2e::{Account, Programs, TaskHome, TestServer};
use serde_json::Value;
use taskferry_protocol::{ClientId, SetupLink};

use crate::{KILLED, PROGRAMS, server, server_for_many_accounts};

/// Two computers of one account, with tasks of every kind.
struct Family {
    old: TestServer,
    new: TestServer,
    laptop: TaskHome,
    desktop: TaskHome,
}

impl Family {
    #[track_caller]
    fn new() -> Self {
        let (old, new) = (server(), server());
        let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
        laptop.wizard(PROGRAMS, ["setup", "--server", &old.url(), "--yes"], "").good();
        furnish(&laptop);
        laptop.sync().good();
        join(&desktop, &link_from(&laptop), &[]).good();
        Self { old, new, laptop, desktop }
    }

    fn move_away<'a>(&'a self, programs: Programs, more: &[&'a str]) -> Command {
        let mut command = self.laptop.command_of(programs);
        command.args(["move", "--server", &self.new.url(), "--yes"]).args(more);
        command
    }
}

/// Pending, completed, deleted, waiting and recurring tasks, with everything that a task can have.
#[track_caller]
fn furnish(home: &TaskHome) {
    let add = |words: &[&str]| home.task([&["rc.verbose=nothing", "add"], words].concat()).good();
    add(&[
        "buy “milk” & bread \\ 1/2",
        "project:home.kitchen",
        "+shop",
        "+next",
        "due:2031-02-03T04:05:06",
        "priority:H",
    ]);
    add(&["fix the roof", "wait:2031-01-01", "scheduled:2030-12-01"]);
    add(&["pay the rent", "due:2031-01-01", "recur:monthly", "until:2031-12-31"]);
    add(&["paint the roof", "depends:2", "until:2032-01-01"]);
    add(&["old news"]);
    add(&["never mind"]);
    home.task(["1", "annotate", "semi-skimmed, https://example.org/?a=b#c"]).good();
    home.task(["1", "start"]).good();
    home.task(["rc.recurrence=off", "5", "done"]).good();
    home.task(["rc.recurrence=off", "6", "delete"]).good();
    home.import(
        r#"[{"uuid":"6d3f0dcb-6e9d-4a6c-8d0c-0f0f5b3e0f11","description":"from another app","status":"pending",
             "entry":"20240101T000000Z","estimate":"3.50 h","jiraurl":"https://example.org/1"}]"#,
    )
    .good();
}

/// Everything that `task export` tells, but for the urgency, which grows by itself.
#[track_caller]
fn exported(home: &TaskHome) -> Vec<Value> {
    let quietly = ["rc.gc=off", "rc.hooks=off", "rc.recurrence=off", "rc.verbose=nothing", "export"];
    let export = home.task(quietly).good().stdout;
    let mut tasks: Vec<Value> = serde_json::from_str(&export).expect("what `task export` prints");
    for task in &mut tasks {
        task.as_object_mut().expect("a task").remove("urgency");
    }
    tasks.sort_by_key(|task| task["uuid"].to_string());
    tasks
}

/// The same without the numbers, which each computer gives by itself.
#[track_caller]
fn without_numbers(home: &TaskHome) -> Vec<Value> {
    let mut tasks = exported(home);
    for task in &mut tasks {
        task.as_object_mut().expect("a task").remove("id");
    }
    tasks
}

#[track_caller]
fn join(home: &TaskHome, link: &str, more: &[&str]) -> Outcome {
    home.wizard(PROGRAMS, [&["join", "--from-stdin", "--yes"], more].concat(), link)
}

#[track_caller]
fn link_from(home: &TaskHome) -> String {
    home.wizard(PROGRAMS, ["share", "--link"], "").good().stdout.trim().to_owned()
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn every_task_moves_with_every_attribute_and_a_new_computer_has_them_all() {
    let family = Family::new();
    let before = exported(&family.laptop);
    let said = run(&mut family.move_away(PROGRAMS, &[]), "").good();
    eprintln!("{said}");
    assert!(said.stderr.contains("moved: "), "{said}");
    assert_eq!(exported(&family.laptop), before, "with the same numbers");

    let tablet = TaskHome::untouched();
    join(&tablet, &link_from(&family.laptop), &[]).good();
    assert_eq!(without_numbers(&tablet), without_numbers(&family.laptop));

    family.laptop.task(["add", "after the move"]).good();
    family.laptop.sync().good();
    tablet.sync().good();
    assert!(to_do(&tablet.tasks()).contains(&"after the move"));
    family.desktop.sync().good();
    assert!(!to_do(&family.desktop.tasks()).contains(&"after the move"), "the old account is left alone");
}

/// What is on the disk of a computer that a move might change.
#[track_caller]
fn settings(home: &TaskHome) -> String {
    std::fs::read_to_string(home.taskrc()).expect("a taskrc")
}

#[track_caller]
fn is_killed(command: &mut Command, step: &str, number: u32) {
    let outcome = run(command.env("KILL_AT", step).env("KILL_AT_NUMBER", number.to_string()), "");
    outcome.was_killed();
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn the_other_computer_joins_with_what_it_has_not_sent_yet_and_both_end_with_the_same() {
    let family = Family::new();
    // Behind, with changes of its own: an edit of one attribute, a new task, one that is done, a tag less.
    family.laptop.task(["description.has:milk", "modify", "project:garden"]).good();
    family.laptop.sync().good();
    family.desktop.task(["description.has:milk", "modify", "priority:L", "-next"]).good();
    family.desktop.task(["add", "only on the desktop", "+later"]).good();
    family.desktop.task(["description:fix the roof", "done"]).good();
    run(&mut family.move_away(PROGRAMS, &[]), "").good();
    family.laptop.task(["add", "after the move"]).good();
    family.laptop.sync().good();

    let link = link_from(&family.laptop);
    join(&family.desktop, &link, &[]).exits_with(2);
    let said = join(&family.desktop, &link, &["--replace"]).good();
    eprintln!("{said}");
    family.laptop.sync().good();
    let all = without_numbers(&family.laptop);
    assert_eq!(without_numbers(&family.desktop), all);
    let milk = all.iter().find(|task| task["description"].as_str().is_some_and(|text| text.contains("milk")));
    let milk = milk.expect("the milk");
    assert_eq!((&milk["project"], &milk["priority"]), (&Value::from("garden"), &Value::from("L")));
    assert_eq!(milk["tags"], serde_json::json!(["shop"]));
    let open = family.laptop.tasks();
    let open = to_do(&open);
    assert!(open.contains(&"only on the desktop") && open.contains(&"after the move"), "{open:?}");
    assert!(!open.contains(&"fix the roof"), "{open:?}");

    // And it goes on from there, in both directions.
    family.desktop.task(["add", "from the desktop"]).good();
    family.desktop.sync().good();
    family.laptop.sync().good();
    assert_eq!(without_numbers(&family.desktop), without_numbers(&family.laptop));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_move_that_is_killed_at_any_step_is_finished_by_the_next_run() {
    let (old, new) = (server_for_many_accounts(), server_for_many_accounts());
    for step in ["begun", "registering", "version", "proving", "kept", "configured", "switched", "syncing"] {
        let laptop = TaskHome::untouched();
        laptop.wizard(PROGRAMS, ["setup", "--server", &old.url(), "--yes"], "").good();
        furnish(&laptop);
        laptop.sync().good();
        laptop.task(["add", "not sent yet"]).good();
        let before = exported(&laptop);
        let mut command = laptop.command_of(KILLED);
        is_killed(command.args(["move", "--server", &new.url(), "--yes"]), step, 1);
        assert_eq!(exported(&laptop), before, "killed at {step}");
        let said = laptop.wizard(PROGRAMS, ["verify", "--no-sync"], "").exits_with(3);
        assert!(said.stderr.contains("`taskferry move` was interrupted"), "killed at {step}: {said}");

        laptop.task(["add", "in between"]).good();
        let before = exported(&laptop);
        let said = laptop.wizard(PROGRAMS, ["move", "--yes"], "").good();
        assert!(said.stderr.contains("moved: "), "killed at {step}: {said}");
        assert_eq!(exported(&laptop), before, "killed at {step}");
        let tablet = TaskHome::untouched();
        join(&tablet, &link_from(&laptop), &[]).good();
        assert_eq!(without_numbers(&tablet), without_numbers(&laptop), "killed at {step}");
        laptop.wizard(PROGRAMS, ["verify"], "").good();
    }
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_move_that_was_killed_can_be_taken_back_and_the_old_account_goes_on() {
    let (old, new) = (server_for_many_accounts(), server_for_many_accounts());
    for step in ["proving", "configured", "switched"] {
        let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
        laptop.wizard(PROGRAMS, ["setup", "--server", &old.url(), "--yes"], "").good();
        furnish(&laptop);
        laptop.sync().good();
        join(&desktop, &link_from(&laptop), &[]).good();
        let (taskrc, before) = (settings(&laptop), exported(&laptop));
        let mut command = laptop.command_of(KILLED);
        is_killed(command.args(["move", "--server", &new.url(), "--yes"]), step, 1);
        laptop.wizard(PROGRAMS, ["undo", "--yes"], "").good();
        assert_eq!((settings(&laptop), exported(&laptop)), (taskrc, before), "killed at {step}");
        laptop.task(["add", "at home again"]).good();
        laptop.sync().good();
        desktop.sync().good();
        assert_eq!(without_numbers(&desktop), without_numbers(&laptop), "killed at {step}");
        laptop.wizard(PROGRAMS, ["verify"], "").good();
    }
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn undo_takes_a_move_back_whole_and_what_was_done_since_comes_along() {
    let family = Family::new();
    let taskrc = settings(&family.laptop);
    run(&mut family.move_away(PROGRAMS, &[]), "").good();
    family.laptop.task(["add", "after the move"]).good();
    family.laptop.task(["description:old news", "purge"]).good();
    family.laptop.task(["1", "modify", "project:garden"]).good();
    family.laptop.sync().good();
    let said = family.laptop.wizard(PROGRAMS, ["undo", "--yes"], "").good();
    eprintln!("{said}");
    assert_eq!(settings(&family.laptop), taskrc);
    family.laptop.sync().good();
    family.desktop.sync().good();
    assert_eq!(without_numbers(&family.desktop), without_numbers(&family.laptop));
    assert!(to_do(&family.desktop.tasks()).contains(&"after the move"));
    family.laptop.wizard(PROGRAMS, ["verify"], "").good();
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_join_with_tasks_that_is_killed_at_any_step_is_finished_by_the_next_run_or_taken_back() {
    let (old, new) = (server_for_many_accounts(), server_for_many_accounts());
    let laptop = TaskHome::untouched();
    laptop.wizard(PROGRAMS, ["setup", "--server", &old.url(), "--yes"], "").good();
    furnish(&laptop);
    laptop.sync().good();
    let old_link = link_from(&laptop);
    let mut desktops = Vec::new();
    for step in ["begun", "version", "proving", "kept", "configured", "switched", "syncing"] {
        let desktop = TaskHome::untouched();
        join(&desktop, &old_link, &[]).good();
        desktop.task(["add", "of the desktop", step]).good();
        desktops.push((step, desktop));
    }
    laptop.wizard(PROGRAMS, ["move", "--server", &new.url(), "--yes"], "").good();
    let link = link_from(&laptop);
    for (step, desktop) in &desktops {
        let (taskrc, before) = (settings(desktop), without_numbers(desktop));
        let kill = || {
            let mut command = desktop.command_of(KILLED);
            command.args(["join", "--from-stdin", "--replace", "--yes"]).env("KILL_AT", step);
            run(&mut command, &link).was_killed();
        };
        kill();
        if ["version", "configured", "switched"].contains(step) {
            desktop.wizard(PROGRAMS, ["undo", "--yes"], "").good();
            // `task sync` with the old account has brought what the desktops before have sent there.
            let ours = |tasks: Vec<Value>| tasks.into_iter().filter(|task| before.contains(task)).collect::<Vec<_>>();
            assert_eq!(
                (settings(desktop), ours(without_numbers(desktop))),
                (taskrc, before.clone()),
                "killed at {step}"
            );
            // What a killed run has sent already is there; something new makes the next one send again.
            desktop.task(["add", "once more"]).good();
            kill();
        }
        let said = desktop.wizard(PROGRAMS, ["join", "--yes"], "").good();
        assert!(said.stderr.contains("joined; "), "killed at {step}: {said}");
        laptop.sync().good();
        assert_eq!(without_numbers(desktop), without_numbers(&laptop), "killed at {step}");
        assert!(without_numbers(&laptop).iter().any(|task| task["description"] == format!("of the desktop {step}")));
    }
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_waits_moves_from_an_old_server_that_is_gone_and_the_other_computer_brings_the_rest() {
    let mut family = Family::new();
    family.desktop.task(["add", "sent by the desktop"]).good();
    family.desktop.sync().good();
    family.laptop.task(["add", "not sent yet"]).good();
    let (taskrc, before) = (settings(&family.laptop), exported(&family.laptop));
    family.old.stop();
    let said = run(&mut family.move_away(PROGRAMS, &[]), "").exits_with(1);
    assert!(said.stderr.contains("add `--without-old`"), "{said}");
    assert_eq!((settings(&family.laptop), exported(&family.laptop)), (taskrc, before.clone()));
    family.laptop.wizard(PROGRAMS, ["status"], "").exits_with(3);

    run(&mut family.move_away(PROGRAMS, &["--without-old"]), "").good();
    assert_eq!(exported(&family.laptop), before);
    join(&family.desktop, &link_from(&family.laptop), &["--replace"]).good();
    family.laptop.sync().good();
    assert_eq!(without_numbers(&family.desktop), without_numbers(&family.laptop));
    let open = family.laptop.tasks();
    assert!(to_do(&open).contains(&"sent by the desktop") && to_do(&open).contains(&"not sent yet"));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_line_that_breaks_in_the_middle_costs_nothing_and_the_next_run_sends_the_rest() {
    let (old, new) = (server(), server());
    let laptop = TaskHome::with_many_tasks(&old.new_account(), 2001);
    laptop.sync().good();
    let (taskrc, before) = (settings(&laptop), exported(&laptop));
    let line = CutLine::to(new.address(), 2);
    let said = laptop.wizard(PROGRAMS, ["move", "--server", &line.url(), "--yes"], "").exits_with(1);
    assert!(said.stderr.contains("it goes on where it stopped; your tasks are as they were"), "{said}");
    assert_eq!((settings(&laptop), exported(&laptop)), (taskrc, before.clone()));
    laptop.sync().good();

    line.mend();
    laptop.wizard(PROGRAMS, ["move", "--yes"], "").good();
    assert_eq!(exported(&laptop), before);
    let tablet = TaskHome::untouched();
    join(&tablet, &link_from(&laptop), &[]).good();
    assert_eq!(without_numbers(&tablet), without_numbers(&laptop));
    laptop.wizard(PROGRAMS, ["verify"], "").good();
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_new_server_without_room_is_told_and_the_old_account_goes_on() {
    let mut family = Family::new();
    family.new = PROGRAMS.server().option("--quota-bytes", "600").start();
    let (taskrc, before) = (settings(&family.laptop), exported(&family.laptop));
    let said = run(&mut family.move_away(PROGRAMS, &[]), "").exits_with(1);
    assert!(said.stderr.contains("the server refused"), "{said}");
    assert_eq!((settings(&family.laptop), exported(&family.laptop)), (taskrc.clone(), before.clone()));
    family.laptop.sync().good();
    family.laptop.wizard(PROGRAMS, ["undo", "--yes"], "").good();
    assert_eq!((settings(&family.laptop), exported(&family.laptop)), (taskrc, before));
    family.laptop.wizard(PROGRAMS, ["verify"], "").good();
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn tasks_that_sync_through_a_folder_move_to_a_server() {
    let server = server();
    let laptop = TaskHome::untouched();
    let folder = laptop.path().join("shared");
    std::fs::create_dir(&folder).expect("a folder");
    let line = format!("sync.local.server_dir={}\ncolor=off\n", folder.display());
    std::fs::write(laptop.taskrc(), line).expect("a taskrc");
    furnish(&laptop);
    laptop.sync().good();
    laptop.task(["add", "not sent yet"]).good();
    let before = exported(&laptop);
    laptop.wizard(PROGRAMS, ["move", "--server", &server.url(), "--yes"], "").good();
    assert_eq!(exported(&laptop), before);
    assert!(!settings(&laptop).contains("local"), "{}", settings(&laptop));
    let tablet = TaskHome::untouched();
    join(&tablet, &link_from(&laptop), &[]).good();
    assert_eq!(without_numbers(&tablet), without_numbers(&laptop));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn while_a_task_runs_nothing_is_switched_and_it_is_said() {
    let family = Family::new();
    let before = exported(&family.laptop);
    let mut command = family.move_away(KILLED, &[]);
    is_killed(&mut command, "proving", 1);
    let database = rusqlite::Connection::open(family.laptop.path().join(".task/taskchampion.sqlite3")).expect("it");
    database.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let taskrc = settings(&family.laptop);
    let said = family.laptop.wizard(PROGRAMS, ["move", "--yes"], "").exits_with(1);
    assert!(said.stderr.contains("another `task` is running"), "{said}");
    assert_eq!(settings(&family.laptop), taskrc);
    database.execute_batch("ROLLBACK").expect("an unlock");
    family.laptop.wizard(PROGRAMS, ["move", "--yes"], "").good();
    assert_eq!(exported(&family.laptop), before);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn an_export_is_what_task_export_prints_and_what_task_import_takes() {
    let family = Family::new();
    let exported = family.laptop.wizard(PROGRAMS, ["export"], "").good().stdout;
    let mut tasks: Vec<Value> = serde_json::from_str(&exported).expect("JSON");
    tasks.sort_by_key(|task| task["uuid"].to_string());
    assert_eq!(tasks, without_numbers(&family.laptop));

    let tablet = TaskHome::with_an_empty_taskrc();
    tablet.import(&exported).good();
    let texts = |home: &TaskHome| without_numbers(home).iter().map(|task| task["uuid"].to_string()).collect::<Vec<_>>();
    assert_eq!(texts(&tablet), texts(&family.laptop));
    assert_eq!(tablet.tasks(), family.laptop.tasks());

    // On the day on which there is nothing else left.
    std::fs::remove_dir_all(family.laptop.path().join(".task")).expect("a folder that goes");
    let again = family.laptop.wizard(PROGRAMS, ["export", "--json-lines"], "").good().stdout;
    assert_eq!(again.lines().count(), tasks.len());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_sealed_backup_opens_the_account_on_another_server_where_only_the_address_changes() {
    let mut family = Family::new();
    family.laptop.task(["add", "the last one"]).good();
    family.laptop.sync().good();
    let file = family.laptop.path().join("account.taskferry");
    let said = family.laptop.wizard(PROGRAMS, ["export", "--sealed", "account.taskferry"], "").good();
    assert!(said.stderr.contains("`taskferry-server account import FILE`"), "{said}");
    let path = file.to_str().expect("a path in UTF-8");
    family.new.operate(["account", "import", path, "--yes"]).good();
    family.old.stop();

    let (from, to) = (family.old.url(), family.new.url());
    for home in [&family.laptop, &family.desktop] {
        std::fs::write(home.taskrc(), settings(home).replace(&from, &to)).expect("a taskrc");
        home.sync().good();
    }
    assert_eq!(without_numbers(&family.desktop), without_numbers(&family.laptop));
    assert!(to_do(&family.desktop.tasks()).contains(&"the last one"));
    family.desktop.task(["add", "on the new server"]).good();
    family.desktop.sync().good();
    family.laptop.sync().good();
    assert_eq!(without_numbers(&family.desktop), without_numbers(&family.laptop));
    let tablet = TaskHome::untouched();
    join(&tablet, &link_from(&family.laptop), &[]).good();
    assert_eq!(without_numbers(&tablet), without_numbers(&family.laptop));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn the_old_account_is_deleted_once_all_have_left_and_whoever_comes_late_brings_everything() {
    let family = Family::new();
    let late = TaskHome::untouched();
    join(&late, &link_from(&family.laptop), &[]).good();
    late.task(["add", "from somebody who came late"]).good();
    run(&mut family.move_away(PROGRAMS, &[]), "").good();
    let link = link_from(&family.laptop);
    join(&family.desktop, &link, &["--replace"]).good();
    let said = family.laptop.wizard(PROGRAMS, ["move", "--forget-old", "--yes", "--json"], "").good();
    assert!(said.stdout.contains(r#""old_account_deleted":true"#), "{said}");

    late.sync().exits_with(2);
    join(&late, &link, &["--replace"]).good();
    family.laptop.sync().good();
    assert_eq!(without_numbers(&late), without_numbers(&family.laptop));
    assert!(to_do(&family.laptop.tasks()).contains(&"from somebody who came late"));
}

/// Taskwarrior itself gets 410 there for ever.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn tasks_of_a_computer_that_never_synced_join_an_account_whose_beginning_is_gone() {
    let mut server = PROGRAMS.server().option("--snapshot-versions", "4").start();
    let laptop = TaskHome::untouched();
    laptop.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "").good();
    for number in 0..12 {
        laptop.task(["add", &format!("task {number}")]).good();
        laptop.sync().good();
    }
    server.stop();
    server.let_days_pass(200);
    server.start();
    laptop.task(["add", "and one more"]).good();
    laptop.sync().good();
    let pruned = server.ask_operator(["prune", "--yes"]);
    let pruned = pruned["pruned"]["versions"].as_u64().expect("a number");
    let account = Account::known_as(server.address(), id_of(&laptop));
    e2e::wait::until("the server notices", || account.info().versions == 13 - pruned);
    assert!(pruned > 0);

    let desktop = TaskHome::with_an_empty_taskrc();
    furnish(&desktop);
    let said = join(&desktop, &link_from(&laptop), &[]).good();
    assert!(said.stderr.contains("joined; 13 tasks arrived"), "{said}");
    laptop.sync().good();
    assert_eq!(without_numbers(&desktop), without_numbers(&laptop));
    assert_eq!(laptop.tasks().len(), 13 + exported_count());
}

/// The account of a computer.
#[track_caller]
fn id_of(home: &TaskHome) -> ClientId {
    SetupLink::parse(&link_from(home)).expect("a setup link").client_id
}

/// How many tasks [`furnish`] makes.
fn exported_count() -> usize {
    let home = TaskHome::with_an_empty_taskrc();
    furnish(&home);
    home.tasks().len()
}

/// As on a full disk, but for this process alone: no file may grow beyond so many blocks of 512 bytes.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_disk_without_room_for_the_copy_stops_a_move_before_anything_changes() {
    let (old, new) = (server(), server());
    let laptop = TaskHome::with_many_tasks(&old.new_account(), 2001);
    laptop.sync().good();
    let (taskrc, before) = (settings(&laptop), exported(&laptop));
    let wizard = laptop.command_of(PROGRAMS);
    let mut cramped = Command::new("/bin/sh");
    let script = "trap '' XFSZ; ulimit -f 600; exec \"$0\" move --server \"$1\" --yes";
    cramped.args(["-c", script, PROGRAMS.wizard, &new.url()]);
    cramped.env_clear().current_dir(laptop.path());
    cramped.envs(wizard.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = run(&mut cramped, "").exits_with(1);
    assert!(said.stderr.contains("could not keep a copy of your tasks"), "{said}");
    assert_eq!((settings(&laptop), exported(&laptop)), (taskrc, before.clone()));
    let copies = laptop.path().join(".local/state/taskferry/databases");
    assert_eq!(std::fs::read_dir(copies).expect("a folder").count(), 0, "nothing half is kept");
    laptop.sync().good();

    laptop.wizard(PROGRAMS, ["move", "--yes"], "").good();
    assert_eq!(exported(&laptop), before);
}
