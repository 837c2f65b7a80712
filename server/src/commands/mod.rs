//! The verbs, one per file.

pub mod serve;
