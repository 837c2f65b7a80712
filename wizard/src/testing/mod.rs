//! Stand-ins for tests: a computer with a home and a Taskwarrior ([`computer`]), and a sync server ([`server`]).
//!
//! The real ones meet in the end-to-end tests; here every answer, also a wrong one, can be had in milliseconds.

pub(crate) mod computer;
pub(crate) mod server;
