//! What users rely on, from end to end. Every module is one promise; every test is named after its outcome.
//!
//! | module | promises |
//! |---|---|
//! | [`first_minutes`] | at a real terminal: one command a computer, few answers, and tasks are shared |
//! | [`two_computers`] | the wizard brings two computers together, and stock Taskwarrior does the rest |
//! | [`mistyped_secret`] | with a secret that does not open the account, the wizard sends nothing |
//! | [`second_thoughts`] | who takes a setup back can have it again, with every task |
//! | [`recovery`] | the wizard finds what is wrong, mends it, and finishes what was interrupted |
//! | [`repairing`] | whatever has come between a computer and its account is mended, and no task is missing |
//! | [`recovery_sheet`] | what is on the paper brings the tasks back when every computer is gone |
//! | [`serving_at_home`] | a server on somebody's own computer is there once, and there again |
//! | [`convergence`] | devices of one account end with the same tasks, whatever each of them did |
//! | [`accounts`] | accounts never see each other, also many at once |
//! | [`durability`] | what was acknowledged survives restarts and crashes |
//! | [`backups`] | what was backed up can be had back, and what that means for people is told |
//! | [`interrupted`] | an operator's long work ends when it is told to, and leaves nothing half-done |
//! | [`operators_year`] | all of an operator's work, as one story |
//! | [`doctor`] | what is wrong with a server is found and said, and nothing is touched |
//! | [`moving_house`] | a person's tasks move to another account, whole, whatever happens in between |
//! | [`moving_in`] | accounts of another server move here without their devices noticing |
//! | [`hostile`] | whatever strangers do, an honest account is served |
//! | [`large_push`] | a first sync of 10,000 tasks arrives whole, whatever happens in its middle |
//! | [`lifecycle`] | how the server starts, stops and refuses to start |
//! | [`configuration`] | flags, environment and file say the same things, and which one wins |
//! | [`deploy`] | deployment files say what the program understands, and lead to a server that works |
//! | [`manual`] | the manual says what is the case, and what it tells people to type works |
//! | [`add_version`] … [`snapshots`] | the sync protocol to the letter, one module per request |
//! | [`wire_format`] | what holds for all of its requests: content types, spellings, sizes |
//! | [`operators`] | what an operator does to accounts, beside a running server |
//! | [`account_files`] | an account moves, and is kept, in one file: whole or not at all |
//! | [`rewinding`] | a poisoned account is taken back to its last good version |
//! | [`operators_words`] | what an operator reads, to the letter |
//! | [`self_deletion`] | a person deletes their own account |
//! | [`quotas`] | how much is kept, who is refused as space runs out, and who never is |
//! | [`pruning`] | what goes when nobody needs it any more, and who notices |
//! | [`registration`], [`pages`] | what Taskferry adds to the protocol |
//! | [`perimeter`] | strangers can't starve, spoof or shut out anybody, and honest devices don't notice them |
//! | [`privileges`] | a server that was started as root is root no more |
//! | [`logging`], [`metrics`] | an operator sees what happens, and never who |
//! | [`architecture`] | data flows one way, and no layer knows what is none of its business |
//! | [`dependencies`] | what is built in may be given away |
//! | [`bad_inputs`] | whatever is wrong with data, backups and places: a sentence, a hint, and nothing lost |
//! | [`malformed_requests`] | no request that makes no sense changes anything or goes unexplained |

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "the whole crate is test code; Clippy sees only the functions marked `#[test]` as such"
)]

mod account_files;
mod accounts;
mod add_version;
mod architecture;
mod backups;
mod bad_inputs;
mod configuration;
mod convergence;
mod dependencies;
mod deploy;
mod doctor;
mod durability;
mod first_minutes;
mod get_child_version;
#[cfg(target_os = "linux")] // several addresses of one machine, and memory as the kernel counts it
mod hostile;
mod interrupted;
mod large_push;
mod lifecycle;
mod logging;
mod malformed_requests;
mod manual;
mod metrics;
mod mistyped_secret;
mod moving_house;
mod moving_in;
mod operators;
mod operators_words;
mod operators_year;
mod pages;
mod perimeter;
mod privileges;
mod pruning;
mod quotas;
mod recovery;
mod recovery_sheet;
mod registration;
mod repairing;
mod rewinding;
mod second_thoughts;
mod self_deletion;
mod serving_at_home;
mod snapshots;
mod two_computers;
mod wire_format;

use e2e::{Programs, TestServer};

/// The programs that Cargo built for this run.
const PROGRAMS: Programs =
    Programs { server: env!("CARGO_BIN_EXE_e2e-taskferry-server"), wizard: env!("CARGO_BIN_EXE_e2e-taskferry") };

/// The same, with the wizard that ends at the step which `KILL_AT` names.
const KILLED: Programs = Programs { wizard: env!("CARGO_BIN_EXE_e2e-taskferry-killed"), ..PROGRAMS };

/// A running server as it is by default.
#[track_caller]
fn server() -> TestServer {
    PROGRAMS.server().start()
}

/// The same, but that one address may create as many accounts as it likes. All tests come from one.
#[track_caller]
fn server_for_many_accounts() -> TestServer {
    PROGRAMS.server().option("--limit-new-accounts", "off").start()
}
