//! wip
pub mod storage;
pub mod sync;
