//! What to do about what `status` shows, in one place for every state: so that the lines, the hint and what a script gets never say
//! different things, and nobody is told to run what can't work.

use crate::flow::tasks;
use crate::standing::State;

/// All that advice depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    /// How this computer and its account stand to each other.
    pub state: State,
    /// Tasks with changes that wait to be sent.
    pub unsent: u64,
    /// A command that did not come to its end, as it is typed.
    pub interrupted: Option<&'static str>,
    /// Whether it is the server at home that should answer.
    pub at_home: bool,
    /// What waits for the server to be finished: `setup`, or `join`.
    pub pending: Option<&'static str>,
    /// Whether it was proved that others can open what is sent.
    pub proved: bool,
}

impl Situation {
    /// Whether a `task sync` is what comes next, if anything does.
    fn syncs(self) -> bool {
        let goes_on = matches!(self.state, State::NotAsked | State::UpToDate | State::Unsent | State::Behind);
        goes_on && self.interrupted.is_none() && self.pending.is_none()
    }

    /// The sync that comes next. With a secret that was never looked at, the one that looks first.
    fn sync(self) -> &'static str {
        if self.proved || self.unsent == 0 { "run `task sync`" } else { "run `taskferry sync`" }
    }

    /// The line about what waits here.
    pub(super) fn to_send(self) -> String {
        let Self { state, unsent, .. } = self;
        match unsent {
            0 => "to send: nothing".into(),
            count if self.syncs() => format!("to send: changes of {}; {}", tasks(count), self.sync()),
            count if state == State::Unreachable => {
                format!("to send: changes of {}, once the server answers", tasks(count))
            }
            count => {
                let first = match (self.pending, self.interrupted) {
                    (Some(pending), _) => format!("the {pending} is finished"),
                    (None, Some(command)) => format!("`{command}` has come to its end"),
                    (None, None) => "sync goes on".into(),
                };
                format!("to send: changes of {}, once {first}", tasks(count))
            }
        }
    }

    /// The line about what waits there; `None` = nobody knows, and another line says why.
    pub(super) fn to_fetch(self) -> Option<String> {
        Some(match self.state {
            State::Behind if self.syncs() => {
                format!("to fetch: other computers have changed something; {}", self.sync())
            }
            State::Behind => "to fetch: other computers have changed something".into(),
            State::UpToDate | State::Unsent => "to fetch: nothing".into(),
            _ => return None,
        })
    }

    /// What is to be finished, where no error says it.
    pub(super) fn note(self) -> Option<String> {
        match (self.pending, self.interrupted) {
            (Some(pending), _) => Some(format!("a {pending} waits to be finished; run `taskferry verify`")),
            (None, Some(command)) => {
                Some(format!("`{command}` was interrupted on this computer; run it again: it goes on where it stopped"))
            }
            (None, None) => None,
        }
    }

    /// What comes next; each line is a remedy of its own. `None` = nothing.
    pub(super) fn hint(self) -> Option<String> {
        let Self { state, interrupted, .. } = self;
        Some(match state {
            State::Unreachable if self.at_home => "run `taskferry home start`".into(),
            State::Unreachable => "run `taskferry doctor` to find out why; nothing is lost on this computer".into(),
            _ if self.pending.is_some() => format!("run `taskferry verify`: it finishes the {}", self.pending?),
            _ if interrupted.is_some() => format!("run `{}` again: it goes on where it stopped", interrupted?),
            State::NotAsked | State::UpToDate => return None,
            State::Unsent | State::Behind => self.sync().into(),
            State::Spoiled => {
                "run `taskferry repair`: it says how the account is mended, and what can be done without that".into()
            }
            state if state.is_mended_by_repair() && state != State::UnknownAccount => {
                "run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more".into()
            }
            state => state.remedy().unwrap_or_else(|| "run `taskferry doctor` to find out why".into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All states, so that a new one is looked at here, too.
    fn all() -> Vec<State> {
        use State::*;
        let next = |state| {
            Some(match state {
                NotAsked => UpToDate,
                UpToDate => Unsent,
                Unsent => Behind,
                Behind => Unreachable,
                Unreachable => UnknownAccount,
                UnknownAccount => Disabled,
                Disabled => Deleted,
                Deleted => Emptied,
                Emptied => Ahead,
                Ahead => Pruned,
                Pruned => OtherAccount,
                OtherAccount => Gone,
                Gone => Spoiled,
                Spoiled => WrongSecret,
                WrongSecret => Different,
                Different => Incomplete,
                Incomplete => return None,
            })
        };
        std::iter::successors(Some(NotAsked), |state| next(*state)).collect()
    }

    fn situations() -> Vec<Situation> {
        let mut all_of_them = Vec::new();
        for state in all() {
            for unsent in [0, 2] {
                for interrupted in [None, Some("taskferry move")] {
                    for (at_home, pending) in [(false, None), (true, None), (false, Some("join"))] {
                        for proved in [false, true] {
                            all_of_them.push(Situation { state, unsent, interrupted, at_home, pending, proved });
                        }
                    }
                }
            }
        }
        all_of_them
    }

    #[test]
    fn nobody_is_told_to_run_what_can_not_work_and_everybody_what_does() {
        for situation in situations() {
            let Situation { state, unsent, interrupted, .. } = situation;
            let lines = [Some(situation.to_send()), situation.to_fetch(), situation.hint()];
            let said = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
            let goes_on = [State::NotAsked, State::UpToDate, State::Unsent, State::Behind].contains(&state);
            let told = said.replace("don't run `task sync`", "");
            if !situation.syncs() {
                assert!(
                    !told.contains("run `task sync`") && !told.contains("`taskferry sync`"),
                    "{situation:?}: {said}"
                );
            } else if unsent > 0 && !situation.proved {
                assert!(!told.contains("run `task sync`"), "it may be the wrong secret: {situation:?}: {said}");
            }
            assert_eq!(said.contains("changes of 2 tasks"), unsent > 0, "{situation:?}: {said}");
            let nothing_to_do = [State::NotAsked, State::UpToDate].contains(&state) && situation.syncs();
            assert_eq!(situation.hint().is_none(), nothing_to_do, "{situation:?}: {said}");
            if interrupted.is_some() && situation.pending.is_none() && state != State::Unreachable {
                assert_eq!(
                    situation.hint().as_deref(),
                    Some("run `taskferry move` again: it goes on where it stopped")
                );
            }
            let leads_to_doctor = said.contains("`taskferry doctor` to find out why");
            assert!(!leads_to_doctor || state == State::Unreachable, "what is known is said: {situation:?}: {said}");
            assert!(goes_on || !said.contains("nothing to do"), "{situation:?}: {said}");
        }
    }

    #[test]
    fn each_state_has_its_advice() {
        let lines: Vec<String> = all()
            .into_iter()
            .map(|state| {
                let alone =
                    Situation { state, unsent: 2, interrupted: None, at_home: false, pending: None, proved: true };
                let word = serde_json::to_value(state).unwrap();
                let hint = alone.hint().unwrap_or_default();
                format!("{}: {} | {}", word.as_str().unwrap(), alone.to_send(), hint.lines().next().unwrap_or("-"))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        not-asked: to send: changes of 2 tasks; run `task sync` | -
        up-to-date: to send: changes of 2 tasks; run `task sync` | -
        unsent: to send: changes of 2 tasks; run `task sync` | run `task sync`
        behind: to send: changes of 2 tasks; run `task sync` | run `task sync`
        unreachable: to send: changes of 2 tasks, once the server answers | run `taskferry doctor` to find out why; nothing is lost on this computer
        unknown-account: to send: changes of 2 tasks, once sync goes on | either its ID has a typing error, or the server lost it; your tasks are still on this computer
        disabled: to send: changes of 2 tasks, once sync goes on | ask whoever runs the server; your tasks are still on this computer
        deleted: to send: changes of 2 tasks, once sync goes on | your tasks are still on this computer: `taskferry move --without-old` takes them to a new account
        emptied: to send: changes of 2 tasks, once sync goes on | run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more
        ahead: to send: changes of 2 tasks, once sync goes on | run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more
        pruned: to send: changes of 2 tasks, once sync goes on | run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more
        other-account: to send: changes of 2 tasks, once sync goes on | run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more
        gone: to send: changes of 2 tasks, once sync goes on | run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more
        spoiled: to send: changes of 2 tasks, once sync goes on | run `taskferry repair`: it says how the account is mended, and what can be done without that
        wrong-secret: to send: changes of 2 tasks, once sync goes on | don't run `task sync` here: what it sends could be opened by no other computer
        different: to send: changes of 2 tasks, once sync goes on | run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more
        incomplete: to send: changes of 2 tasks, once sync goes on | run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more
        ");
    }
}
