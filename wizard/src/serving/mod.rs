//! Serving at home: `taskferry-server` on this very computer, for people who want no other one in between.
//!
//! | module | holds |
//! |---|---|
//! | [`program`] | where `taskferry-server` is, and what it is set to |
//! | [`note`] | where it listened last, so that it comes back there |
//! | [`holder`] | whether it runs: who holds the data |
//! | [`home`] | what is there, what would be started, and starting it |
//! | [`keeper`] | the process that outlives the wizard and keeps the server's log short |
//! | [`log`] | that log |
//! | [`lock`] | waiting for a lock, but not for ever |
//! | [`service`] | systemd and launchd, which start it by themselves |
//! | [`reach`] | how other computers get to it |
//!
//! There is never a second one: starts wait for each other (a lock in our state directory), the server itself holds its data
//! directory, and what already answers is used.

pub mod holder;
pub mod home;
pub mod keeper;
pub mod lock;
pub mod log;
pub mod note;
pub mod program;
pub mod reach;
pub mod service;

pub use home::Home;
pub use note::Note;
