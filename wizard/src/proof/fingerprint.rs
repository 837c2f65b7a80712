//! A short text that is the same for the same tasks, so that a person can compare two computers at a glance.

use ring::digest::{Context, SHA256};

use crate::database::Tasks;

/// SHA-256 over every attribute of every task, by their order and with their lengths; the first 48 bits of it, as three groups
/// of four hex digits. Chance makes two sets of tasks look alike once in 280 million million.
pub fn fingerprint(tasks: &Tasks) -> String {
    let mut digest = Context::new(&SHA256);
    let mut add = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    for (id, task) in tasks {
        add(id.as_bytes());
        add(&(task.len() as u64).to_be_bytes());
        for (name, value) in task {
            add(name.as_bytes());
            add(value.as_bytes());
        }
    }
    let digits = data_encoding::HEXLOWER.encode(&digest.finish().as_ref()[..6]);
    format!("{}-{}-{}", &digits[..4], &digits[4..8], &digits[8..])
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tasks(list: &[(u128, &str, &str)]) -> Tasks {
        let mut tasks = Tasks::new();
        for (id, name, value) in list {
            tasks.entry(Uuid::from_u128(*id)).or_default().insert((*name).into(), (*value).into());
        }
        tasks
    }

    #[test]
    fn it_is_the_same_for_the_same_tasks_and_another_for_others() {
        let one = tasks(&[(1, "a", "bc"), (2, "d", "")]);
        let others = [
            tasks(&[(1, "ab", "c"), (2, "d", "")]),
            tasks(&[(1, "a", "bc"), (1, "d", "")]),
            tasks(&[(1, "a", "bc")]),
            tasks(&[(1, "a", "bc"), (3, "d", "")]),
            tasks(&[]),
        ];
        assert_eq!(fingerprint(&one), fingerprint(&one.clone()));
        assert_eq!(fingerprint(&one).len(), 14);
        for other in others {
            assert_ne!(fingerprint(&one), fingerprint(&other), "{other:?}");
        }
    }
}
