//! A choice between a few things: a numbered list and a line to answer in. Not a menu that moves with the arrow keys: a list is
//! read out by a screen reader as it stands, works in every terminal, and stays visible with its answer.

use taskferry_protocol::invite_link::InviteLink;

use super::{Run, Stopped};
use crate::credentials::Credentials;
use crate::error::{Exit, Explain, Failure};

/// An answer that is none of the numbers. Does not repeat it: whoever has a secret in the clipboard may have pasted that.
#[derive(Debug, thiserror::Error)]
#[error("that is none of the numbers from 1 to {last}")]
pub struct NotAChoice {
    last: usize,
    default: usize,
}

impl Explain for NotAChoice {
    fn hint(&self) -> Option<String> {
        Some(format!("type the number of your choice; Enter alone means {}, Ctrl-C stops", self.default))
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Shows `choices` and asks for one of them. `default`: which of them Enter alone means.
pub fn choose<T: Copy + PartialEq>(run: &mut Run<'_>, choices: &[(T, String)], default: T) -> Result<T, Failure> {
    for (number, (_, words)) in (1..).zip(choices) {
        run.terminal.say_choice(number, words);
    }
    run.terminal.say("");
    let default = choices.iter().position(|(choice, _)| *choice == default).unwrap_or_default();
    let question = format!("your choice, 1 to {} [{}]", choices.len(), default + 1);
    run.ask_until_ok(|prompter| {
        let answer = prompter.line(&question)?;
        if Credentials::looks_like_one(&answer) {
            return Err(Stopped::SetupLink.into());
        }
        if InviteLink::looks_like_one(&answer) {
            return Err(Stopped::InviteLink.into());
        }
        let number = if answer.is_empty() { Some(default + 1) } else { answer.parse().ok() };
        let chosen = number.and_then(|number: usize| choices.get(number.checked_sub(1)?));
        let (choice, _) = chosen.ok_or(NotAChoice { last: choices.len(), default: default + 1 })?;
        Ok(*choice)
    })
}
