//! How a computer and its account stand to each other ([`crate::standing`]), as something that a check found.

use taskferry_protocol::VersionId;

use super::Finding;
use crate::standing::State;

impl State {
    /// The finding for a state in which sync does not go on by itself; `None` = it does, or another check says it better.
    pub fn problem(self) -> Option<Finding> {
        let (sentence, remedy) = (self.sentence()?, self.remedy()?);
        Some(Finding::problem(sentence, remedy).in_state(self))
    }
}

/// The finding for an account that a computer with another secret has changed: nothing on this computer can mend that.
/// `account` stands for the account in the command for the operator.
pub fn spoiled(server: &str, account: &str, good: VersionId) -> Finding {
    Finding::problem(
        "a computer with another encryption secret has changed this account: nobody else can open what it sent",
        format!(
            "nothing is lost on this computer; leave it as it is until one of the two is done\n\
             either whoever runs `{server}` takes the account back to where it was good: \
             `taskferry-server account rewind {account} --to {good}`\n\
             or take the tasks of this computer to a new account: `taskferry move --without-old`\n\
             the other computer needs the right secret before it syncs again: `taskferry share` here, \
             `taskferry join --replace` there, and `taskferry repair` there in the end"
        ),
    )
    .in_state(State::Spoiled)
}

/// What stands for the account where its ID was not asked for: it is a credential.
pub const ACCOUNT: &str = "ACCOUNT";
