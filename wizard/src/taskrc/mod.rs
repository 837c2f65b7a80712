//! Taskwarrior's configuration file: which one it is ([`locate`]), what our lines in it look like ([`block`], [`value`],
//! [`keys`]), how they get into its bytes ([`edit`]), how those get to the disk ([`mod@write`]), and what is noted so
//! that they can come back ([`record`]). Which other accounts there are on this computer is told by [`others`].
//!
//! Settings are *read* through Taskwarrior itself ([`crate::taskwarrior`]), never by parsing: only it knows what
//! includes, overrides and defaults add up to.

pub mod block;
pub mod edit;
pub mod keys;
pub mod locate;
pub mod others;
pub mod record;
pub mod value;
pub mod write;

pub use block::{BadBlock, Block};
pub use locate::{Besides, Home, Taskrc};
pub use write::Change;
