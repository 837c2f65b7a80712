//! Where is this computer in the account's history, and can it go on from there?

use taskferry_protocol::VersionId;
use taskferry_protocol::describe::AccountInfo;

use super::state;
use super::{Check, Finding, Interrupted, Waiting, World};
use crate::credentials::Credentials;
use crate::credentials::unseal::Key;
use crate::database::Stand;
use crate::proof::poison::{self, Chain, QUICK};
use crate::seen::Seen;
use crate::server::sealed::Follows;
use crate::standing::State;
use crate::words::tasks;

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
            Ok(credentials) => credentials,
            Err(finding) => return Ok(finding),
        };
        let id = account.client_id;
        let follows = match world.ask(waiting, |server| server.follows(&id, stand.base))? {
            Ok(follows) => follows,
            Err(finding) => return Ok(finding),
        };
        let has_data = match world.known() {
            Some(known) => Ok(!known.is_empty()),
            None => world.ask(waiting, |server| server.has_data(&id))?,
        };
        let has_beginning = match follows {
            Follows::Gone => world.ask(waiting, |server| server.follows(&id, VersionId::NIL))?,
            other => Ok(other),
        };
        let (has_data, has_beginning) = match (has_data, has_beginning) {
            (Ok(has_data), Ok(beginning)) => (has_data, beginning == Follows::Newer),
            (Err(finding), _) | (_, Err(finding)) => return Ok(finding),
        };
        let seen = Seen::find(world.context);
        let account_side = Account { id: &id, follows, has_data, has_beginning, known: world.known(), seen: &seen };
        let state = account_side.state(&stand);
        if state == State::Behind
            && !stand.base.is_nil()
            && let Some(finding) = spoiled(world, account, stand.base, waiting)?
        {
            return Ok(finding);
        }
        Ok(finding(state, &stand))
    }
}

/// What the account's side says of a computer's place in its history.
pub struct Account<'a> {
    /// Its ID.
    pub id: &'a taskferry_protocol::ClientId,
    /// What follows the computer's version.
    pub follows: Follows,
    /// Whether there is anything in it.
    pub has_data: bool,
    /// Whether its history is kept from its first version on.
    pub has_beginning: bool,
    /// What the server knows of it, if it tells.
    pub known: Option<&'a AccountInfo>,
    /// What was seen of it before.
    pub seen: &'a Seen,
}

impl Account<'_> {
    /// Puts together what this computer and the server know.
    pub fn state(&self, stand: &Stand) -> State {
        let waits = if stand.unsent.changes > 0 { State::Unsent } else { State::UpToDate };
        match self.follows {
            Follows::Newer => State::Behind,
            Follows::Nothing if self.has_data && stand.base.is_nil() => State::Behind,
            Follows::Nothing if self.has_data || stand.base.is_nil() => waits,
            Follows::Nothing => State::Emptied,
            // The history's beginning is not kept, but a computer without tasks starts from the snapshot.
            Follows::Gone if stand.base.is_nil() && stand.is_empty => State::Behind,
            Follows::Gone => self.why_gone(stand),
        }
    }

    /// The protocol says the same of all of these.
    fn why_gone(&self, stand: &Stand) -> State {
        // A server's clock and a computer's never agree entirely.
        const SLACK_SECONDS: i64 = 120;
        if self.seen.was_of_another(self.id, stand.base) {
            return State::OtherAccount;
        }
        let newest_there = self.known.and_then(|known| known.last_version_at);
        let is_newer_here = matches!((stand.newest_shared, newest_there),
            (Some(here), Some(there)) if here > there.saturating_add(SLACK_SECONDS));
        let epoch = self.known.map(|known| known.epoch.as_str());
        let was_restored = match (self.seen.epoch(self.id), epoch) {
            (Some(then), Some(now)) => Some(then != now),
            _ => None,
        };
        match was_restored {
            _ if is_newer_here => State::Ahead,
            Some(true) => State::Ahead,
            Some(false) if !self.has_beginning && !stand.base.is_nil() => State::Pruned,
            _ => State::Gone,
        }
    }
}

/// A version that this secret does not open, soon after this computer's.
fn spoiled(
    world: &World<'_>,
    account: &Credentials,
    base: VersionId,
    waiting: Waiting<'_>,
) -> Result<Option<Finding>, Interrupted> {
    let server = match world.server() {
        Ok(server) => server,
        Err(finding) => return Ok(Some(finding)),
    };
    let Ok(key) = Key::derive(&account.client_id, &account.secret) else {
        return Ok(None);
    };
    let child = |parent| server.patiently(waiting, |server| server.child(&account.client_id, parent));
    match poison::look(&key, base, QUICK, child) {
        Ok(Chain::Good) => Ok(None),
        Ok(Chain::Spoiled { good, .. }) => Ok(Some(state::spoiled(&account.server.to_string(), state::ACCOUNT, good))),
        Err(why) => Finding::from_server(&why).map(Some),
    }
}

fn finding(state: State, stand: &Stand) -> Finding {
    let unsent = match stand.unsent.tasks {
        0 => String::new(),
        count => format!("; changes of {} wait to be sent", tasks(count)),
    };
    let problem = state.problem();
    problem.unwrap_or_else(|| {
        Finding::ok(match state {
            State::Behind => format!("the account has something newer, which `task sync` fetches{unsent}"),
            _ if stand.base.is_nil() => format!("nothing was synced yet{unsent}"),
            _ => format!("up to date{unsent}"),
        })
        .in_state(state)
    })
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::ClientId;

    use super::*;
    use crate::database::Unsent;

    fn stand(base: u128, newest_shared: Option<i64>) -> Stand {
        let base = VersionId::from_uuid(uuid::Uuid::from_u128(base));
        Stand { base, unsent: Unsent::default(), newest_shared, has_recurring: false, is_empty: base.is_nil() }
    }

    fn info(last_version_at: i64) -> AccountInfo {
        serde_json::from_value(serde_json::json!({
            "state": "active", "latest_version_id": "00000000-0000-0000-0000-000000000009", "versions": 1,
            "version_bytes": 1, "created_at": 0, "last_version_at": last_version_at, "epoch": "now"
        }))
        .unwrap()
    }

    /// A world in which this account was seen before.
    fn seen(account: u128, base: &Stand, epoch: &str) -> Seen {
        let home = tempfile::tempdir().unwrap();
        let env = [("HOME".into(), home.path().into())].into();
        let context = crate::context::Context::new(env, home.path().into(), false).unwrap();
        Seen::note(&context, &id(account), base.base, Some(epoch));
        Seen::find(&context)
    }

    fn id(number: u128) -> ClientId {
        ClientId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn what_both_sides_know_adds_up_to_a_state() {
        let of = |stand: Stand, follows, has_data| {
            let seen = &Seen::default();
            Account { id: &id(1), follows, has_data, has_beginning: false, known: None, seen }.state(&stand)
        };
        assert_eq!(of(stand(1, None), Follows::Nothing, true), State::UpToDate);
        assert_eq!(of(stand(1, None), Follows::Newer, true), State::Behind);
        assert_eq!(of(stand(1, None), Follows::Nothing, false), State::Emptied);
        assert_eq!(of(stand(1, None), Follows::Gone, true), State::Gone);
        assert_eq!(of(stand(0, None), Follows::Nothing, false), State::UpToDate);
        assert_eq!(of(stand(0, None), Follows::Gone, true), State::Behind);
        let with_tasks = Stand { is_empty: false, ..stand(0, None) };
        assert_eq!(of(with_tasks, Follows::Gone, true), State::Gone, "it would skip the snapshot");
        let unsent = Stand { unsent: Unsent { changes: 1, tasks: 1, bytes: 9 }, ..stand(1, None) };
        assert_eq!(of(unsent, Follows::Nothing, true), State::Unsent);
    }

    #[test]
    fn why_a_version_is_gone_is_told_by_times_epochs_and_what_was_seen_before() {
        let of = |stand: &Stand, there, seen: &Seen, has_beginning| {
            let known = &info(there);
            let follows = Follows::Gone;
            Account { id: &id(1), follows, has_data: true, has_beginning, known: Some(known), seen }.state(stand)
        };
        let (here, nothing) = (|newest| stand(7, Some(newest)), &Seen::default());
        assert_eq!(of(&here(10_000), 1_000, nothing, false), State::Ahead);
        assert_eq!(of(&here(1_050), 1_000, nothing, false), State::Gone, "clocks differ a little");
        assert_eq!(of(&here(1_000), 10_000, nothing, false), State::Gone);

        let old = here(1_000);
        assert_eq!(of(&old, 10_000, &seen(1, &old, "before"), false), State::Ahead);
        assert_eq!(of(&old, 10_000, &seen(1, &old, "now"), false), State::Pruned);
        assert_eq!(of(&old, 10_000, &seen(1, &old, "now"), true), State::Gone, "nothing was pruned there");
        assert_eq!(of(&old, 10_000, &seen(2, &old, "now"), false), State::OtherAccount);
    }
}
