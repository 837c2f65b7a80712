//! Does the server run?

use super::world::{Neighbour, Said};
use super::{Check, Finding, World};
use crate::storage::sqlite::directory::Holder;
use crate::terminal::printable;

/// The process on this machine.
pub struct Server;

impl Check for Server {
    fn name(&self) -> &'static str {
        "server"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match world.neighbour() {
            Some(neighbour) => judge(neighbour, world.holder()),
            None => Finding::skipped("the settings can't be used"),
        }
    }
}

fn judge(neighbour: &Neighbour, holder: Option<Holder>) -> Finding {
    let address = neighbour.address;
    let process = holder.and_then(|holder| holder.pid).map(|pid| format!(" (process {pid})")).unwrap_or_default();
    match &neighbour.said {
        Said::Readiness { reasons, .. } if reasons.is_empty() => {
            Finding::ok(format!("runs{process}, and is ready at {address}"))
        }
        Said::Readiness { reasons, .. } => Finding::problem(
            format!("runs{process} at {address}, and is not ready: {}", printable(&reasons.join(", "))),
            "its log says more; docs/LOGGING.md explains each line",
        ),
        Said::SomethingElse => Finding::problem(
            format!("something else answers at {address}"),
            "let the server listen at another address, or name it here with `--listen ADDRESS:PORT`",
        ),
        Said::Nothing if holder.is_some() => Finding::warning(
            format!("runs{process}, but not at {address}"),
            "name the address where it listens with `--listen ADDRESS:PORT`, or in its configuration file",
        ),
        Said::Nothing => Finding::warning(
            format!("does not run: nobody answers at {address}"),
            "start it: `taskferry-server serve`, or `systemctl start taskferry-server`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    fn at(said: Said) -> Neighbour {
        Neighbour { address: "127.0.0.1:8080".parse().unwrap(), said }
    }

    #[test]
    fn who_answers_and_who_holds_the_data_are_told_apart() {
        let readiness = |reasons: &[&str]| Said::Readiness {
            reasons: reasons.iter().map(ToString::to_string).collect(),
            warnings: vec![],
            info: None,
        };
        let silent = || Said::Nothing;
        for (said, holder, outcome, words) in [
            (
                readiness(&[]),
                Some(Holder { pid: Some(7) }),
                Outcome::Ok,
                "runs (process 7), and is ready at 127.0.0.1:8080",
            ),
            (readiness(&["the server is starting"]), None, Outcome::Problem, "the server is starting"),
            (Said::SomethingElse, None, Outcome::Problem, "something else answers"),
            (silent(), Some(Holder { pid: Some(7) }), Outcome::Warning, "runs (process 7), but not at"),
            (silent(), None, Outcome::Warning, "does not run"),
        ] {
            let found = judge(&at(said), holder);
            assert_eq!(found.outcome, outcome, "{found:?}");
            assert!(found.sentence.contains(words), "{found:?}");
        }
    }
}
