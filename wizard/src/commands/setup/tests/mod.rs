//! Whole runs of `taskferry setup`: what is said, and what is on the disk afterwards.
//!
//! | module | tells |
//! |---|---|
//! | [`again`] | a second run: nothing is set up twice, and what does not work any more is told |
//! | [`asking`] | where the account is to be: what is asked, and what somebody may answer |
//! | [`first_time`] | the first computer, from the plan to the first sync |
//! | [`invites`] | servers that take new accounts only with an invite |
//! | [`present_sync`] | a computer that syncs already, or was meant to: what stays, what may go, and who says so |
//! | [`servers`] | what servers answer, or do not |
//! | [`taskwarriors`] | which Taskwarrior there is, and what to do where it is none that can sync |

mod again;
mod asking;
mod first_time;
mod invites;
mod present_sync;
mod servers;
mod taskwarriors;

const SETUP: &str = "setup --server [SERVER]";
const INVITE: &str = "GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ";
