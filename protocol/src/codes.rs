//! The `code` of a refusal ([`crate::describe::Problem::code`]), where programs decide by it. All others, which only a person
//! reads, stand in docs/PROTOCOL.md.

/// No account has this client ID.
pub const UNKNOWN_ACCOUNT: &str = "unknown_account";
/// The operator switched the account off; it may come back.
pub const ACCOUNT_DISABLED: &str = "account_disabled";
/// The account was deleted; its client ID is never accepted again.
pub const ACCOUNT_DELETED: &str = "account_deleted";

/// Here, only the operator deletes accounts.
pub const SELF_DELETION_OFF: &str = "self_deletion_off";
/// The account is in the middle of a push, and can be deleted when that is over.
pub const PUSH_UNDER_WAY: &str = "push_under_way";

/// The server takes no new accounts.
pub const REGISTRATION_CLOSED: &str = "registration_closed";
/// The server takes new accounts with an invite only, and none was sent.
pub const INVITE_NEEDED: &str = "invite_needed";
/// No invite has this code: mistyped, revoked, or another server's.
pub const INVITE_INVALID: &str = "invite_invalid";
/// The invite's time is over.
pub const INVITE_EXPIRED: &str = "invite_expired";
/// All uses of the invite are taken.
pub const INVITE_USED: &str = "invite_used";
/// Too many accounts were created lately, by anybody.
pub const TOO_MANY_ACCOUNTS: &str = "too_many_accounts";

/// The account has no room for what it wants to store.
pub const QUOTA_EXCEEDED: &str = "quota_exceeded";
/// The server has no room for what it is asked to store.
pub const STORAGE_LOW: &str = "storage_low";

/// Too many requests from one place.
pub const TOO_MANY_REQUESTS: &str = "too_many_requests";
/// Too much is under way in the server.
pub const BUSY: &str = "busy";
/// The server is not ready yet.
pub const STARTING: &str = "starting";
/// The server is about to stop.
pub const STOPPING: &str = "stopping";

/// The version asked for is not in the account's chain.
pub const VERSION_GONE: &str = "version_gone";
