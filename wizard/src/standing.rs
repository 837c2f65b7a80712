//! How a computer and its account stand to each other, each with one word on which scripts may rely, a sentence, and what mends it.
//! `status`, `verify`, `doctor` and `repair` say the same of the same. Which it is, is found out by [`crate::checks::position`].

use serde::Serialize;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The server was not asked, and nothing waits to be sent.
    NotAsked,
    /// Nothing waits.
    UpToDate,
    /// Changes wait to be sent.
    Unsent,
    /// There is something newer to fetch.
    Behind,
    /// The server can't be reached, or can't answer.
    Unreachable,
    /// The server does not know the account.
    UnknownAccount,
    /// The account is switched off.
    Disabled,
    /// The account was deleted, and its ID is never accepted again.
    Deleted,
    /// This computer synced before, and the account is empty.
    Emptied,
    /// The server was taken back to an older state.
    Ahead,
    /// This computer was away for longer than the account's history is kept.
    Pruned,
    /// This computer synced with another account before.
    OtherAccount,
    /// The server does not have the version at which this computer was last, for whatever reason.
    Gone,
    /// A computer with another secret has changed the account.
    Spoiled,
    /// The secret of this computer is not the account's.
    WrongSecret,
    /// Both are at the same version, and have different tasks.
    Different,
    /// Other computers can't join the account: the beginning of its history is not there, nor a snapshot in its place.
    Incomplete,
}

/// What `taskferry repair` does, wherever that mends it.
const REPAIR: &str = "run `taskferry repair`: it brings both together again, and keeps every task of either\n\
                      nothing is lost on this computer, and `task` works on it as before";

impl State {
    /// What is wrong.
    pub fn sentence(self) -> Option<&'static str> {
        Some(match self {
            Self::Emptied => {
                "this computer has synced before, but the account is empty: `task sync` would send nothing of what is here"
            }
            Self::Ahead => {
                "the server was taken back to an older state: it does not have what this computer has sent or fetched since"
            }
            Self::Pruned => {
                "this computer was away for longer than the account's history is kept, so it can't go on where it was"
            }
            Self::OtherAccount => "this computer's tasks were last synced with another account than the present one",
            Self::Gone => "the account does not have the version at which this computer was last",
            Self::Different => {
                "this computer and the account have different tasks, though both are at the same version"
            }
            _ => return None,
        })
    }

    /// What mends it; each line is a remedy of its own. `None` = nothing has to be, or it takes more to say than the state.
    pub fn remedy(self) -> Option<String> {
        Some(match self {
            Self::Emptied => "run `taskferry repair`: it puts the tasks of this computer on the server again\n\
                              either the server lost its data, or this computer synced with another account before; \
                              nothing is lost on this computer"
                .into(),
            Self::Ahead | Self::Pruned | Self::Different | Self::Incomplete => REPAIR.into(),
            Self::OtherAccount => format!("{REPAIR}\nto go back to the former account instead, run `taskferry undo`"),
            Self::UnknownAccount => {
                "either its ID has a typing error, or the server lost it; your tasks are still on this computer\n\
                 run `taskferry share` on a computer that syncs, and compare\n\
                 where no other computer syncs either, run `taskferry repair`: it puts the tasks of this one there again"
                    .into()
            }
            Self::Disabled => {
                "ask whoever runs the server; your tasks are still on this computer\n\
                 to go on without it, run `taskferry move --without-old`, which takes them to a new account"
                    .into()
            }
            Self::Deleted => {
                "your tasks are still on this computer: `taskferry move --without-old` takes them to a new account\n\
                 or ask whoever runs the server: for some days, a deleted account can be had back"
                    .into()
            }
            Self::WrongSecret => {
                "don't run `task sync` here: what it sends could be opened by no other computer\n\
                 run `taskferry share` on a computer that syncs, and `taskferry join --replace` here\n\
                 if all of your computers say this, ask whoever runs the server to take the account back to where it was good"
                    .into()
            }
            Self::Gone => format!(
                "this computer was away for very long, or the server was taken back to an older state, or this computer \
                 synced with another account before\n{REPAIR}"
            ),
            _ => return None,
        })
    }

    /// Whether `taskferry repair` mends it.
    pub fn is_mended_by_repair(self) -> bool {
        matches!(
            self,
            Self::UnknownAccount
                | Self::Emptied
                | Self::Ahead
                | Self::Pruned
                | Self::OtherAccount
                | Self::Gone
                | Self::Different
                | Self::Incomplete
        )
    }
}
