//! Backups: copies of the data that are made beside the running server, proved, kept, sent elsewhere, and put back.
//!
//! | file | does |
//! |---|---|
//! | [`create`] | one backup from beginning to end |
//! | [`copy`] | the copy of the database: of one moment, while others write |
//! | [`digest`] | checksums of files |
//! | [`seal`] | encryption to a key that the server does not have |
//! | [`manifest`] | what is known of a backup without opening it, and how it is called |
//! | [`store`] | where backups are kept: folders, buckets |
//! | [`room`] | how much of a volume they may fill |
//! | [`retention`] | which of them have had their time |
//! | [`verify`] | the drill: takes a backup, as if it were needed, and examines it |
//! | [`restore`] | puts one back |
//! | [`compare`] | what that means for each account |
//! | [`status`] | how the last one went |
//! | [`schedule`] | makes them by themselves while the server runs |
//!
//! A backup is two files, the database and its manifest; the manifest is written last, so what has one is whole. The database is
//! an ordinary SQLite file: whoever has nothing but the file and `sqlite3` has everything.
//!
//! All of it is blocking work on threads of its own, and looks at a [`Stop`](crate::stop::Stop) between steps.

pub mod compare;
pub mod copy;
pub mod create;
pub mod digest;
pub mod manifest;
pub mod restore;
pub mod retention;
pub mod room;
pub mod schedule;
pub mod seal;
pub mod status;
pub mod store;
pub mod verify;

#[cfg(test)]
mod tests;
