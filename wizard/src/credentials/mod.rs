//! The credentials of an account: made ([`generate`]), read from whatever a person pastes ([`decode`]) or
//! photographs ([`picture`]), proved against real data ([`unseal`]), and remembered to be proved ([`proved`]).
//!
//! The type itself is the protocol crate's, because a setup link carries exactly that. Where credentials are kept is
//! left to [`crate::taskrc`]: Taskwarrior's configuration is their only home, never a copy of our own.

pub mod decode;
pub mod generate;
pub mod picture;
pub mod proved;
pub mod unseal;

pub use taskferry_protocol::SetupLink as Credentials;
pub use taskferry_protocol::link::Secret;
