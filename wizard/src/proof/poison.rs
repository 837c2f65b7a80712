//! Looks for the version with which a computer that has another secret has spoiled an account: nobody else can open it, and
//! Taskwarrior stops there. What was before it is good, and an operator can take the account back to that.

use taskferry_protocol::VersionId;

use crate::credentials::unseal::{Key, Sealed};
use crate::server::sealed::Child;

/// How far it is looked.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Versions.
    pub versions: u32,
    /// Bytes of them together; the one that reaches it is the last.
    pub bytes: usize,
}

/// For a status bar, which asks all the time.
pub const GLANCE: Bound = Bound { versions: 8, bytes: 256 * 1024 };
/// For a check, which should not take long.
pub const QUICK: Bound = Bound { versions: 1_000, bytes: 32 * 1024 * 1024 };
/// For a repair, which must find it: as many as an account may have by default.
pub const ALL: Bound = Bound { versions: 100_000, bytes: usize::MAX };

/// What follows a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// Every version opens, as far as was looked.
    Good,
    /// One does not.
    Spoiled {
        /// The last one that does.
        good: VersionId,
        /// How many were good after the one where the look began.
        after: u32,
    },
}

/// Follows the account from `start` on; `child` asks the server for each version.
pub fn look<E>(
    key: &Key,
    start: VersionId,
    bound: Bound,
    mut child: impl FnMut(VersionId) -> Result<Child, E>,
) -> Result<Chain, E> {
    let (mut good, mut bytes) = (start, 0_usize);
    for after in 0..bound.versions {
        if bytes >= bound.bytes {
            break;
        }
        let Child::Found { id, sealed } = child(good)? else {
            return Ok(Chain::Good);
        };
        bytes = bytes.saturating_add(sealed.body.len());
        if key.unseal(Sealed { bound_to: good, ..sealed }).is_err() {
            return Ok(Chain::Spoiled { good, after });
        }
        good = id;
    }
    Ok(Chain::Good)
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::ClientId;

    use super::*;
    use crate::credentials::Secret;
    use crate::credentials::unseal::seal;
    use crate::testing::server::version;

    #[test]
    fn the_last_good_version_is_found_and_the_look_is_bounded() {
        let id = ClientId::from_uuid(uuid::Uuid::from_u128(1));
        let secret = |text: &str| Secret::parse(text.into()).unwrap();
        let key = Key::derive(&id, &secret("sesame")).unwrap();
        let child = |parent: VersionId| {
            let next = (1..=3).find(|number| version(*number - 1) == parent || (*number == 1 && parent.is_nil()));
            Ok::<_, ()>(next.map_or(Child::None, |number| {
                let secret = secret(if number == 3 { "other" } else { "sesame" });
                let body = seal(b"{}", parent, &id, &secret);
                Child::Found { id: version(number), sealed: Sealed { bound_to: parent, body } }
            }))
        };
        let spoiled = |after| Ok(Chain::Spoiled { good: version(2), after });
        assert_eq!(look(&key, VersionId::NIL, ALL, child), spoiled(2));
        assert_eq!(look(&key, version(2), ALL, child), spoiled(0));
        for bound in [Bound { versions: 2, ..ALL }, Bound { bytes: 32, ..ALL }] {
            assert_eq!(look(&key, VersionId::NIL, bound, child), Ok(Chain::Good), "as far as was looked");
        }
        assert_eq!(look(&key, version(3), ALL, child), Ok(Chain::Good));
    }
}
