//! Where is this computer in the account's history?

use super::{Check, Finding, Interrupted, Waiting, World};
use taskferry_protocol::describe::AccountInfo;

use crate::database::Stand;
use crate::flow::tasks;
use crate::server::sealed::Follows;

/// This computer's version against the server's.
pub struct Position;

impl Check for Position {
    fn name(&self) -> &'static str {
        "position"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["secret"]
    }

    fn look(&self, world: &World<'_>, waiting: Waiting<'_>) -> Result<Finding, Interrupted> {
        let stand = match world.stand() {
            Some(Ok(stand)) => stand,
            Some(Err(why)) => return Ok(Finding::from_error(&why)),
            None => return Ok(Finding::skipped("Taskwarrior has no database yet")),
        };
        let account = match world.credentials() {
            Ok(credentials) => credentials.client_id,
            Err(finding) => return Ok(finding),
        };
        let follows = match world.ask(waiting, |server| server.follows(&account, stand.base))? {
            Ok(follows) => follows,
            Err(finding) => return Ok(finding),
        };
        let has_data = match world.known() {
            Some(known) => Ok(!known.is_empty()),
            None => world.ask(waiting, |server| server.has_data(&account))?,
        };
        Ok(match has_data {
            Ok(has_data) => Place::of(&stand, follows, has_data, world.known()).finding(&stand),
            Err(finding) => finding,
        })
    }
}

/// Where this computer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the newest version.
    UpToDate,
    /// It never synced, and neither did anybody else.
    AtTheBeginning,
    /// There is something to fetch.
    Behind,
    /// It synced before, and the account is empty.
    Emptied,
    /// It has sent or seen what the server does not have.
    Ahead,
    /// The server does not have the version that it was last at, for whatever reason.
    Gone,
}

impl Place {
    /// Puts together what this computer and the server know.
    pub fn of(stand: &Stand, follows: Follows, has_data: bool, known: Option<&AccountInfo>) -> Self {
        // A server's clock and a computer's never agree entirely.
        const SLACK_SECONDS: i64 = 120;
        let newest_there = known.and_then(|known| known.last_version_at);
        match follows {
            Follows::Newer => Self::Behind,
            Follows::Nothing if has_data && stand.base.is_nil() => Self::Behind,
            Follows::Nothing if has_data => Self::UpToDate,
            Follows::Nothing if stand.base.is_nil() => Self::AtTheBeginning,
            Follows::Nothing => Self::Emptied,
            // The history's beginning is not kept, but a computer without tasks starts from the snapshot.
            Follows::Gone if stand.base.is_nil() && stand.is_empty => Self::Behind,
            Follows::Gone => match (stand.newest_shared, newest_there) {
                (Some(here), Some(there)) if here > there + SLACK_SECONDS => Self::Ahead,
                _ => Self::Gone,
            },
        }
    }

    fn finding(self, stand: &Stand) -> Finding {
        let unsent = match stand.unsent.tasks {
            0 => String::new(),
            count => format!("; changes of {} wait to be sent", tasks(count)),
        };
        match self {
            Self::UpToDate => Finding::ok(format!("up to date{unsent}")),
            Self::AtTheBeginning => Finding::ok(format!("nothing was synced yet{unsent}")),
            Self::Behind => Finding::ok(format!("the account has something newer, which `task sync` fetches{unsent}")),
            Self::Emptied => Finding::problem(
                "this computer has synced before, but the account is empty: `task sync` would send nothing of what is here",
                "either the server lost its data, or this computer synced with another account before\n\
                 ask whoever runs the server to restore a backup; nothing is lost on this computer",
            ),
            Self::Ahead => Finding::problem(
                "the server was taken back to an older state: it does not have what this computer has sent or fetched since",
                start_afresh("ask whoever runs the server whether a newer backup can be restored"),
            ),
            Self::Gone => Finding::problem(
                "the account does not have the version at which this computer was last",
                start_afresh(
                    "this computer was away for very long, or the server was taken back to an older state, or this \
                     computer synced with another account before",
                ),
            ),
        }
    }
}

/// Taskwarrior never recovers from this by itself.
fn start_afresh(why: &str) -> String {
    format!(
        "{why}\n\
         to start afresh from the account: `task export > tasks.json`, move the folder `~/.task` away, `task sync`; \
         then `task import` those tasks that are missing"
    )
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::VersionId;

    use super::*;
    use crate::database::Unsent;

    fn stand(base: u128, newest_shared: Option<i64>) -> Stand {
        let base = VersionId::from_uuid(uuid::Uuid::from_u128(base));
        Stand { base, unsent: Unsent::default(), newest_shared, has_recurring: false, is_empty: base.is_nil() }
    }

    fn info(last_version_at: i64) -> AccountInfo {
        serde_json::from_value(serde_json::json!({
            "state": "active", "latest_version_id": "00000000-0000-0000-0000-000000000009", "versions": 1,
            "version_bytes": 1, "created_at": 0, "last_version_at": last_version_at, "epoch": "e"
        }))
        .unwrap()
    }

    #[test]
    fn what_both_sides_know_adds_up_to_a_place() {
        let of = |base, follows, has_data| Place::of(&stand(base, None), follows, has_data, None);
        assert_eq!(of(1, Follows::Nothing, true), Place::UpToDate);
        assert_eq!(of(1, Follows::Newer, true), Place::Behind);
        assert_eq!(of(1, Follows::Nothing, false), Place::Emptied);
        assert_eq!(of(1, Follows::Gone, true), Place::Gone);
        assert_eq!(of(0, Follows::Nothing, false), Place::AtTheBeginning);
        assert_eq!(of(0, Follows::Gone, true), Place::Behind);
        let with_tasks = Stand { is_empty: false, ..stand(0, None) };
        assert_eq!(Place::of(&with_tasks, Follows::Gone, true, None), Place::Gone, "it would skip the snapshot");
    }

    #[test]
    fn only_newer_work_than_the_server_has_tells_ahead_from_gone() {
        let of = |here, there| Place::of(&stand(1, Some(here)), Follows::Gone, true, Some(&info(there)));
        assert_eq!(of(10_000, 1_000), Place::Ahead);
        assert_eq!(of(1_050, 1_000), Place::Gone, "clocks differ a little");
        assert_eq!(of(1_000, 10_000), Place::Gone);
    }
}
