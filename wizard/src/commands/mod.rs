//! One command per file. Each reads from top to bottom as the steps of [`crate::flow`], with what is its own in between.

pub mod first_screen;
pub mod join;
pub mod setup;
pub mod share;
#[cfg(test)]
mod wrong_inputs;
