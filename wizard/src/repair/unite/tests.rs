//! Every way in which two sides can part, one by one.

use super::*;

const TASK: Uuid = Uuid::from_u128(1);

/// A side with one task. A change: (attribute, value, second).
fn side(attributes: &[(&str, &str)], changes: &[(&str, &str, i64)]) -> Side {
    let mut side = Side { tasks: [(TASK, task(attributes))].into(), history: History::default() };
    for (attribute, value, second) in changes {
        side.history.note(&change(attribute, value, *second), Sent::Yes);
    }
    side
}

fn task(attributes: &[(&str, &str)]) -> Attributes {
    attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn change(attribute: &str, value: &str, second: i64) -> Operation {
    Operation::Update {
        uuid: TASK,
        property: attribute.into(),
        old_value: None,
        value: Some(value.into()),
        timestamp: at(second),
    }
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

/// What becomes of the text of the one task.
#[track_caller]
fn text(here: &Side, there: &Side) -> String {
    unite(here, there).tasks[&TASK]["text"].clone()
}

#[test]
fn of_two_changes_that_did_not_know_each_other_the_later_one_stays() {
    let earlier = side(&[("text", "a")], &[("text", "", 1), ("text", "a", 10)]);
    let later = side(&[("text", "b")], &[("text", "", 1), ("text", "b", 20)]);
    assert_eq!(text(&earlier, &later), "b");
    assert_eq!(text(&later, &earlier), "b");
    let same_moment = side(&[("text", "c")], &[("text", "", 1), ("text", "c", 20)]);
    assert_eq!(text(&same_moment, &later), "b", "as Taskwarrior does it: the account's");
}

#[test]
fn a_change_that_knew_the_other_one_stays_whatever_the_clocks_said() {
    let fast = side(&[("text", "a")], &[("text", "a", 1000)]);
    let slow = side(&[("text", "b")], &[("text", "a", 1000), ("text", "b", 20)]);
    assert_eq!(text(&fast, &slow), "b");
    assert_eq!(text(&slow, &fast), "b");
}

#[test]
fn different_attributes_of_one_task_merge_and_what_is_sent_has_the_time_at_which_it_was_made() {
    let mine = side(&[("text", "new"), ("tag", "old")], &[("text", "old", 1), ("tag", "old", 1), ("text", "new", 10)]);
    let theirs = side(&[("text", "old"), ("tag", "new")], &[("text", "old", 1), ("tag", "old", 1), ("tag", "new", 20)]);
    let union = unite(&mine, &theirs);
    assert_eq!(union.tasks[&TASK], task(&[("text", "new"), ("tag", "new")]));
    assert_eq!((union.newer_here.len(), union.newer_there.len()), (1, 1));
    let Operation::Update { old_value, timestamp, .. } = &union.edits[..][0] else { panic!("an update") };
    assert_eq!((union.edits.len(), old_value.as_deref(), *timestamp), (1, Some("old"), at(10)));
}

/// One computer sends what is new alone to an account that was lost; only then, a second one brings the task as it has it.
#[test]
fn a_change_that_was_sent_when_the_task_was_not_there_is_not_lost() {
    let first = side(&[("text", "a"), ("status", "done")], &[("text", "a", 1), ("status", "done", 10)]);
    let second = side(&[("text", "a"), ("status", "begun")], &[("text", "a", 1), ("status", "begun", 5)]);
    let mut account = Side::default();
    account.history.note_in_account(&change("status", "done", 10));
    assert_eq!(unite(&second, &account).tasks[&TASK], first.tasks[&TASK]);

    // The same with an account that got it from a program which did not see that.
    account.tasks = second.tasks.clone();
    account.history.note_in_account(&Operation::Create { uuid: TASK });
    account.history.note_in_account(&change("text", "a", 1));
    account.history.note_in_account(&change("status", "begun", 5));
    assert_eq!(unite(&first, &account).tasks[&TASK], first.tasks[&TASK]);
}

#[test]
fn an_attribute_that_was_taken_away_stays_away() {
    let taken = Operation::Update {
        uuid: TASK,
        property: "due".into(),
        old_value: Some("1".into()),
        value: None,
        timestamp: at(10),
    };
    let mut mine = side(&[("text", "a")], &[("text", "a", 1), ("due", "1", 1)]);
    mine.history.note(&taken, Sent::Yes);
    let theirs = side(&[("text", "a"), ("due", "1")], &[("text", "a", 1), ("due", "1", 1)]);
    assert_eq!(unite(&mine, &theirs).tasks[&TASK], task(&[("text", "a")]));
    assert_eq!(unite(&theirs, &mine).tasks[&TASK], task(&[("text", "a")]));
}

/// The account is read from its snapshot, which says nothing of how it came about.
#[test]
fn a_snapshot_that_is_an_older_state_gives_way() {
    let mine = side(
        &[("text", "b"), ("modified", "20")],
        &[("text", "a", 10), ("modified", "10", 10), ("text", "b", 20), ("modified", "20", 20)],
    );
    let older = side(&[("text", "a"), ("modified", "10")], &[]);
    assert_eq!(unite(&mine, &older).tasks, mine.tasks);
}

#[test]
fn a_snapshot_that_somebody_changed_later_stays() {
    // Finished here, and opened again somewhere else: the value is an old one, and newer all the same.
    let mine = side(
        &[("status", "completed"), ("modified", "20")],
        &[("status", "pending", 10), ("modified", "10", 10), ("status", "completed", 20), ("modified", "20", 20)],
    );
    let newer = side(&[("status", "pending"), ("modified", "30")], &[]);
    let union = unite(&mine, &newer);
    assert_eq!(union.tasks, newer.tasks);
    assert_eq!(union.edits, []);
}

#[test]
fn a_change_that_waits_is_kept_beside_what_a_snapshot_has_newer() {
    let mut mine =
        side(&[("text", "b"), ("tag", "x"), ("modified", "20")], &[("text", "a", 10), ("modified", "10", 10)]);
    let waiting = |attribute: &str, before: &str, value: &str| Operation::Update {
        uuid: TASK,
        property: attribute.into(),
        old_value: Some(before.into()),
        value: Some(value.into()),
        timestamp: at(20),
    };
    mine.history.note(&waiting("text", "a", "b"), Sent::No);
    mine.history.note(&waiting("modified", "10", "20"), Sent::No);
    let newer = side(&[("text", "a"), ("tag", "y"), ("modified", "30")], &[]);
    let united = &unite(&mine, &newer).tasks[&TASK];
    assert_eq!(*united, task(&[("text", "b"), ("tag", "y"), ("modified", "30")]));
}

/// A push that was cut within a task: everything but its text arrived, and both sides call it modified at the same time.
#[test]
fn what_never_arrived_is_no_change_that_could_be_newer() {
    let whole = side(&[("text", "a"), ("modified", "10")], &[("text", "a", 10), ("modified", "10", 10)]);
    let mut part = side(&[("modified", "10")], &[]);
    assert_eq!(unite(&whole, &part).tasks, whole.tasks);
    part.history.note(&Operation::Create { uuid: TASK }, Sent::Yes);
    part.history.note(&change("modified", "10", 10), Sent::Yes);
    assert_eq!(unite(&whole, &part).tasks, whole.tasks);
    assert_eq!(unite(&part, &whole).tasks, whole.tasks);
    let snapshot = side(&[("text", "a"), ("modified", "10")], &[]);
    assert_eq!(unite(&part, &snapshot).tasks, whole.tasks);
}

#[test]
fn where_neither_side_remembers_the_task_that_was_modified_later_stays() {
    let (older, newer) =
        (side(&[("text", "a"), ("modified", "10")], &[]), side(&[("text", "b"), ("modified", "20")], &[]));
    assert_eq!(unite(&older, &newer).tasks, newer.tasks);
    assert_eq!(unite(&newer, &older).tasks, newer.tasks);
}

#[test]
fn a_task_of_one_side_comes_along_whole() {
    let (full, empty) = (side(&[("text", "a"), ("modified", "10")], &[("text", "a", 5)]), Side::default());
    let union = unite(&full, &empty);
    assert_eq!((&union.tasks, union.only_here.len()), (&full.tasks, 1));
    assert_eq!(union.edits[0], Operation::Create { uuid: TASK });
    let time = |edit: &Operation| match edit {
        Operation::Update { property, timestamp, .. } => (property.clone(), timestamp.timestamp()),
        _ => panic!("an update"),
    };
    let times: Vec<_> = union.edits[1..].iter().map(time).collect();
    assert_eq!(times, [("text".to_owned(), 5), ("modified".to_owned(), 10)]);
    let union = unite(&empty, &full);
    assert_eq!((&union.tasks, union.only_there.len(), union.edits.len()), (&full.tasks, 1, 0));
}

#[test]
fn a_purge_is_told_and_does_not_undo_a_change_that_it_did_not_know() {
    let purge = || Operation::Delete { uuid: TASK, old_task: [].into() };
    let mut purged = Side::default();
    purged.history.note(&change("text", "a", 1), Sent::Yes);
    purged.history.note(&purge(), Sent::Yes);
    let unchanged = side(&[("text", "a")], &[("text", "a", 1)]);
    assert_eq!(unite(&unchanged, &purged).tasks, Tasks::new());
    let changed = side(&[("text", "b")], &[("text", "a", 1), ("text", "b", 2)]);
    assert_eq!(unite(&changed, &purged).tasks, changed.tasks);

    let mut waits = Side::default();
    waits.history.note(&purge(), Sent::No);
    let union = unite(&waits, &unchanged);
    assert_eq!((union.tasks.len(), union.edits.len(), union.purged.len()), (0, 1, 1));
}

#[test]
fn what_is_the_same_on_both_sides_is_not_sent() {
    let same = side(&[("text", "a")], &[("text", "a", 1)]);
    assert_eq!(unite(&same, &same), Union { tasks: same.tasks.clone(), ..Union::default() });
}
