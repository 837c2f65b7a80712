//! Compares two sets of tasks, attribute by attribute.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::database::{Content, Tasks};

/// What differs. Empty = nothing does.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Tasks that only this computer has, though it takes them for sent.
    pub only_here: BTreeSet<Uuid>,
    /// Tasks that only the account has, though this computer takes itself for up to date.
    pub only_there: BTreeSet<Uuid>,
    /// Tasks that both have, with other attributes.
    pub changed: BTreeSet<Uuid>,
}

impl Difference {
    /// Between this computer and an account at the same version. Tasks with changes that were not sent yet are left out:
    /// they must differ.
    pub fn between(here: &Content, there: &Tasks) -> Self {
        let sent = |id: &&Uuid| !here.unsent.contains(id);
        let missing = |from: &Tasks, among: &Tasks| -> BTreeSet<Uuid> {
            from.keys().filter(sent).filter(|id| !among.contains_key(id)).copied().collect()
        };
        Self {
            only_here: missing(&here.tasks, there),
            only_there: missing(there, &here.tasks),
            changed: here
                .tasks
                .iter()
                .filter(|(id, attributes)| sent(id) && there.get(id).is_some_and(|other| other != *attributes))
                .map(|(id, _)| *id)
                .collect(),
        }
    }

    /// Whether the account lacks tasks, and nothing else is wrong: then it can be given all that is here, and hides nothing
    /// that is there.
    pub fn is_only_a_lack(&self) -> bool {
        !self.only_here.is_empty() && self.only_there.is_empty() && self.changed.is_empty()
    }

    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        self.only_here.is_empty() && self.only_there.is_empty() && self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taskferry_protocol::VersionId;

    fn tasks(list: &[(u128, &str)]) -> Tasks {
        let one = |(id, text): &(u128, &str)| (Uuid::from_u128(*id), [("description".into(), (*text).into())].into());
        list.iter().map(one).collect()
    }

    fn between(here: &[(u128, &str)], unsent: &[u128], there: &[(u128, &str)]) -> [Vec<u128>; 3] {
        let unsent = unsent.iter().map(|id| Uuid::from_u128(*id)).collect();
        let here = Content { base: VersionId::NIL, tasks: tasks(here), unsent };
        let Difference { only_here, only_there, changed } = Difference::between(&here, &tasks(there));
        [only_here, only_there, changed].map(|ids| ids.iter().map(Uuid::as_u128).collect())
    }

    #[test]
    fn every_kind_of_difference_is_told_apart() {
        let found = between(&[(1, "a"), (2, "b"), (3, "c")], &[], &[(1, "a"), (2, "x"), (4, "d")]);
        assert_eq!(found, [vec![3], vec![4], vec![2]]);
        assert_eq!(between(&[(1, "a")], &[], &[(1, "a")]), [vec![], vec![], vec![]]);
    }

    #[test]
    fn what_was_not_sent_yet_may_differ() {
        assert_eq!(
            between(&[(1, "new"), (2, "b")], &[1, 2, 3], &[(2, "x"), (3, "purged here")]),
            [const { vec![] }; 3]
        );
    }
}
