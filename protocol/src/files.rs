//! Names of files that both programs know.

/// In the server's data directory: the file on which a running server holds a lock (`flock`), and into which it writes its
/// process's number. The lock is what counts; a number without it is a remainder.
pub const SERVER_LOCK: &str = "taskferry.lock";
