//! Brings a computer and its account together again where `task sync` never would, so that no task is missing on either side. What is
//! asked and said is in [`crate::commands::repair`]; how a computer gets other tasks in one step, in [`crate::rescue`].
//!
//! | module | holds |
//! |---|---|
//! | [`mod@account`] | what an account holds, and how it became so |
//! | [`mod@backup`] | the same of a sealed backup, in a file |
//! | [`mod@unite`] | what a computer and an account have together, attribute by attribute |
//! | [`mod@marker`] | a change that changes nothing |
//! | [`mod@kept`] | what is kept of this computer before it changes |

pub mod account;
pub mod backup;
#[cfg(test)]
mod histories;
pub mod kept;
pub mod marker;
pub mod unite;
