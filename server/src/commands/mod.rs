//! The verbs, one per file.

pub mod deploy;
pub mod serve;
