//! Compares two sets of tasks, attribute by attribute.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::database::{Attributes, Content, Tasks};

/// What differs. Empty = nothing does.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Tasks that only this computer has, though it takes them for sent.
    pub only_here: BTreeSet<Uuid>,
    /// Tasks that only the account has, though this computer takes itself for up to date.
    pub only_there: BTreeSet<Uuid>,
    /// Tasks of which the account has only an earlier state: a version that was lost began or ended within them.
    pub older_there: BTreeSet<Uuid>,
    /// Tasks that both have, with other attributes, and neither is simply older.
    pub changed: BTreeSet<Uuid>,
}

impl Difference {
    /// Between this computer and an account at the same version. Tasks with changes that were not sent yet are left out:
    /// they must differ.
    pub fn between(here: &Content, there: &Tasks) -> Self {
        let mut difference = Self::default();
        for (id, mine) in here.tasks.iter().filter(|(id, _)| !here.unsent.contains(id)) {
            let kind = match there.get(id) {
                Some(theirs) if theirs == mine => continue,
                Some(theirs) if is_older(theirs, mine) => &mut difference.older_there,
                Some(_) => &mut difference.changed,
                None => &mut difference.only_here,
            };
            kind.insert(*id);
        }
        let is_only_there = |id: &&Uuid| !here.tasks.contains_key(id) && !here.unsent.contains(id);
        difference.only_there = there.keys().filter(is_only_there).copied().collect();
        difference
    }

    /// How many tasks the account lacks, whole or in part.
    pub fn lacking(&self) -> u64 {
        (self.only_here.len() + self.older_there.len()).try_into().unwrap_or(u64::MAX)
    }

    /// Whether the account lacks something, and nothing else is wrong: then it can be given all that is here, and hides
    /// nothing that is there.
    pub fn is_only_a_lack(&self) -> bool {
        self.lacking() > 0 && self.only_there.is_empty() && self.changed.is_empty()
    }

    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        self.lacking() == 0 && self.only_there.is_empty() && self.changed.is_empty()
    }
}

/// Whether `one` can have become `other` by changes alone that were lost: a part of it, or modified before.
fn is_older(one: &Attributes, other: &Attributes) -> bool {
    let is_part = one.iter().all(|(key, value)| other.get(key) == Some(value));
    let modified = |task: &Attributes| task.get("modified").and_then(|seconds| seconds.parse::<i64>().ok());
    is_part || matches!((modified(one), modified(other)), (Some(one), Some(other)) if one < other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use taskferry_protocol::VersionId;

    fn tasks(list: &[(u128, &str)]) -> Tasks {
        let one = |(id, text): &(u128, &str)| (Uuid::from_u128(*id), [("description".into(), (*text).into())].into());
        list.iter().map(one).collect()
    }

    /// Only here, only there, older there, changed.
    fn between(here: &[(u128, &str)], unsent: &[u128], there: &[(u128, &str)]) -> [Vec<u128>; 4] {
        let unsent = unsent.iter().map(|id| Uuid::from_u128(*id)).collect();
        let here = Content { base: VersionId::NIL, tasks: tasks(here), unsent };
        let Difference { only_here, only_there, older_there, changed } = Difference::between(&here, &tasks(there));
        [only_here, only_there, older_there, changed].map(|ids| ids.iter().map(Uuid::as_u128).collect())
    }

    const NOTHING: [Vec<u128>; 4] = [const { vec![] }; 4];

    #[test]
    fn every_kind_of_difference_is_told_apart() {
        let found = between(&[(1, "a"), (2, "b"), (3, "c")], &[], &[(1, "a"), (2, "x"), (4, "d")]);
        assert_eq!(found, [vec![3], vec![4], vec![], vec![2]]);
        assert_eq!(between(&[(1, "a")], &[], &[(1, "a")]), NOTHING);
    }

    #[test]
    fn a_task_of_which_a_part_is_missing_or_old_is_a_lack_and_no_conflict() {
        let task = |list: &[(&str, &str)]| -> Attributes {
            list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let mine = task(&[("description", "b"), ("modified", "20"), ("status", "pending")]);
        assert!(is_older(&task(&[("status", "pending")]), &mine));
        assert!(is_older(&task(&[("description", "a"), ("modified", "10")]), &mine));
        assert!(!is_older(&task(&[("description", "a"), ("modified", "20")]), &mine));
        assert!(!is_older(&task(&[("description", "a"), ("tag_new", "")]), &mine));
    }

    #[test]
    fn what_was_not_sent_yet_may_differ() {
        let found = between(&[(1, "new"), (2, "b")], &[1, 2, 3], &[(2, "x"), (3, "purged here")]);
        assert_eq!(found, NOTHING);
    }
}
