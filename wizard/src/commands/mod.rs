//! One command per file. Each reads from top to bottom as the steps of [`crate::flow`], with what is its own in between.

pub mod completions;
pub mod doctor;
pub mod export;
pub mod first_screen;
pub mod home;
pub mod join;
pub mod man;
pub mod moving;
#[cfg(test)]
mod promises_to_scripts;
pub mod recover;
pub mod repair;
pub mod setup;
pub mod share;
pub mod status;
pub mod sync;
pub mod undo;
pub mod verify;
#[cfg(test)]
mod wrong_inputs;
