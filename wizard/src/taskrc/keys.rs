//! The names of Taskwarrior's settings that this program reads or writes, each spelled once.

/// The server, from Taskwarrior 3.1 on.
pub const URL: &str = "sync.server.url";
/// The server, in Taskwarrior 3.0; later versions read it only where [`URL`] is empty.
pub const ORIGIN: &str = "sync.server.origin";
/// The account.
pub const CLIENT_ID: &str = "sync.server.client_id";
/// What its tasks are sealed with.
pub const SECRET: &str = "sync.encryption_secret";

/// All that makes up an account, in either spelling.
pub const ACCOUNT: [&str; 4] = [URL, ORIGIN, CLIENT_ID, SECRET];

/// Whether this computer makes the next task of a recurring one. Where two do, there are two of each (task-sync(5)).
pub const RECURRENCE: &str = "recurrence";

/// Ways to sync without a server. The first three win over a server silently: `task sync` says "Success!" and never
/// contacts it, and marks every change as sent. The last loses against one, but then its owner's sync would stop.
pub const OTHER_BACKENDS: [&str; 4] =
    ["sync.local.server_dir", "sync.aws.bucket", "sync.gcp.bucket", "sync.git.local_path"];
