//! Gives a computer another task database, or another place in an account's history, without losing a task: what a move, a repair
//! and a join of a computer with tasks have in common.
//!
//! | module | holds |
//! |---|---|
//! | [`whole`] | everything that is in Taskwarrior's database at one moment, and a mark to tell whether it changed since |
//! | [`edits`] | the changes that lead from one set of tasks to another |
//! | [`fresh`] | a new database beside the old one, written by Taskwarrior's own engine |
//! | [`keep`] | a copy of the old one, in a place of ours |
//! | [`copies`] | those copies: how many, and which may go |
//! | [`hold`] | the old one, held so that no `task` writes, and what becomes of it in one transaction |
//! | [`push`] | sending changes to an account so that it may stop anywhere, and the proof |
//! | [`refill`] | an account that is given all tasks, from wherever a push before stopped |
//! | [`back`] | the way back, for `undo` |
//! | [`steps`] | what is under way, written down before each step, so that the next run goes on where a killed one stopped |
//!
//! The database is never replaced as a file: a `task` that waits for its turn has it open already, and would go on with the
//! old one's write-ahead log. It is rewritten in place, in one transaction of SQLite, which waits for others, makes others wait,
//! happens whole or not at all, and leaves permissions, links and whatever else lies in the folder as they are.

pub mod back;
pub mod copies;
pub mod edits;
pub mod fresh;
pub mod hold;
pub mod keep;
pub mod push;
pub mod refill;
pub mod steps;
pub mod whole;
