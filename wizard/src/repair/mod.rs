//! Brings a computer and its account together again where `task sync` never would, so that no task is missing on either side.
//!
//! | module | holds |
//! |---|---|
//! | [`unite`] | what both have together, attribute by attribute |

pub mod unite;
