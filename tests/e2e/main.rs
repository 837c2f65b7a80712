//! What users rely on, from end to end. Every module is one promise; every test is named after its outcome.
//!
//! | module | promises |
//! |---|---|
//! | [`two_computers`] | the wizard brings two computers together, and stock Taskwarrior does the rest |
//! | [`recovery`] | the wizard finds what is wrong, mends it, and finishes what was interrupted |
//! | [`convergence`] | devices of one account end with the same tasks, whatever each of them did |
//! | [`accounts`] | accounts never see each other, also many at once |
//! | [`durability`] | what was acknowledged survives restarts and crashes |
//! | [`lifecycle`] | how the server starts, stops and refuses to start |
//! | [`configuration`] | flags, environment and file say the same things, and which one wins |
//! | [`add_version`] … [`snapshots`] | the sync protocol to the letter, one module per request |
//! | [`wire_format`] | what holds for all of its requests: content types, spellings, sizes |
//! | [`registration`], [`pages`] | what Taskferry adds to the protocol |
//! | [`malformed_requests`] | no request that makes no sense changes anything or goes unexplained |

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "the whole crate is test code; Clippy sees only the functions marked `#[test]` as such"
)]

mod accounts;
mod add_version;
mod configuration;
mod convergence;
mod durability;
mod get_child_version;
mod lifecycle;
mod malformed_requests;
mod pages;
mod recovery;
mod registration;
mod snapshots;
mod two_computers;
mod wire_format;

use e2e::{Programs, TestServer};

/// The programs that Cargo built for this run.
const PROGRAMS: Programs =
    Programs { server: env!("CARGO_BIN_EXE_e2e-taskferry-server"), wizard: env!("CARGO_BIN_EXE_e2e-taskferry") };

/// A running server as it is by default.
#[track_caller]
fn server() -> TestServer {
    PROGRAMS.server().start()
}
