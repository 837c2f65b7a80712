//! The verbs, one per file.

pub mod health;
pub mod serve;
