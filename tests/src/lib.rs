//! What the end-to-end tests are told in: servers, computers and accounts, all of them real.
//!
//! | module | holds |
//! |---|---|
//! | [`server`] | [`TestServer`]: the real program on a port and a data directory of its own; stopped, killed, restarted |
//! | [`home`] | [`TaskHome`]: a computer with the real Taskwarrior and the real wizard |
//! | [`person`] | [`Person`]: somebody at a terminal, who reads, types, and is counted when they answer |
//! | [`replica`] | [`Replica`]: a computer with Taskwarrior's engine, for what needs many or fast ones |
//! | [`account`] | [`Account`]: the sync protocol itself, request by request |
//! | [`turnstile`] | [`Turnstile`]: a way to the server that closes in the middle of a push |
//! | [`cut`] | one that breaks there |
//! | [`container`] | an image's file system, run as an engine does it |
//! | [`mod@reference`] | the reference server's data, and a computer that synced with it |
//! | [`bucket`] | [`Bucket`]: a place for backups that speaks S3 |
//! | [`operator`] | the server's own verbs, beside it; a volume that runs full |
//! | [`http`] | HTTP by hand, down to requests that no library would send |
//! | [`tasks`] | the tasks on a computer in a form that compares |
//! | [`command`] | a program run to its end, and what it said |
//! | [`log`] | what a running program says |
//! | [`metrics`] | what a server tells Prometheus |
//! | [`port`] | a port that stays ours while its server is down |
//! | [`wait`] | the one bound of every wait |
//!
//! The tests are modules of one binary, `e2e/main.rs`. A typical one starts a server, takes two computers, lets both do
//! something and compares their tasks:
//!
//! ```text
//! let server = server();
//! let settings = server.new_account();
//! let (laptop, phone) = (TaskHome::with(&settings), TaskHome::with(&settings));
//! laptop.task(["add", "buy milk"]).good();
//! laptop.sync().good();
//! phone.sync().good();
//! assert_eq!(phone.tasks(), laptop.tasks());
//! ```
//!
//! Nothing sleeps and nothing is shared: every test has its own server and its own computers, and what takes time is waited
//! for by its own sign (a line of the log, the end of a program), at most [`wait::LIMIT`].

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    reason = "the whole crate is test code: a panic is how it reports a finding, and libtest shows what was printed"
)]

pub mod account;
pub mod bucket;
pub mod command;
#[cfg(target_os = "linux")]
pub mod container;
pub mod cut;
pub mod home;
pub mod http;
pub mod log;
pub mod metrics;
pub mod operator;
pub mod person;
pub mod port;
pub mod reference;
pub mod replica;
pub mod server;
pub mod tasks;
pub mod turnstile;
pub mod wait;

pub use account::Account;
pub use bucket::Bucket;
pub use home::TaskHome;
pub use person::Person;
pub use replica::Replica;
pub use server::{ServerSetup, SyncSettings, TestServer};
pub use turnstile::Turnstile;

/// The programs under test. Cargo tells their paths to the integration test alone, which passes them on.
#[derive(Debug, Clone, Copy)]
pub struct Programs {
    /// `taskferry-server`.
    pub server: &'static str,
    /// `taskferry`.
    pub wizard: &'static str,
}
