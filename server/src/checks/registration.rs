//! Who may create an account?

use taskferry_protocol::describe::Registration as Policy;

use super::{Check, Finding, World};
use crate::admission::newcomers::Rates;

/// The policy: the running server's, else the settings'.
pub struct Registration;

impl Check for Registration {
    fn name(&self) -> &'static str {
        "registration"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match world.good_config() {
            Ok(config) => {
                let policy = world.info().map_or(config.registration.policy, |info| info.registration);
                judge(policy, config.limits_on.then_some(config.newcomers))
            }
            Err(finding) => finding,
        }
    }
}

fn judge(policy: Policy, rates: Option<Rates>) -> Finding {
    match (policy, rates) {
        (Policy::Open, Some(Rates { per_hour, per_day })) => Finding::ok(format!(
            "open to the world: everybody who reaches this server can create an account, up to {per_hour} an hour and \
             {per_day} a day in all"
        )),
        (Policy::Open, None) => Finding::warning(
            "open to the world, and without any limit",
            "switch the limits on, or choose `--registration invite`",
        ),
        (Policy::Invite, _) => Finding::ok("by invite: `taskferry-server invite create` makes one"),
        (Policy::Closed, _) => Finding::ok("closed: `taskferry-server account create` makes an account"),
        (Policy::Unknown, _) => Finding::skipped("the running server has a policy of a later version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn open_to_the_world_is_said_and_without_limits_it_is_a_warning() {
        let open = judge(Policy::Open, Some(Rates::default()));
        assert_eq!(open.outcome, Outcome::Ok);
        assert!(open.sentence.contains("up to 100 an hour and 500 a day"), "{open:?}");
        assert_eq!(judge(Policy::Open, None).outcome, Outcome::Warning);
        assert_eq!(judge(Policy::Invite, None).outcome, Outcome::Ok);
    }
}
