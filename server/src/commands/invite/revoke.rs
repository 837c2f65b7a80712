//! `invite revoke`.

use super::super::VerbError;
use super::super::door::Door;
use crate::cli::invite::RevokeArgs;
use crate::config::sources::Env;
use crate::storage::admin::Administration as _;
use crate::terminal;

pub(super) fn run(args: &RevokeArgs, env: &Env) -> Result<(), VerbError> {
    let number = args.number;
    let door = Door::open(&args.data, env)?;
    if !door.data.revoke_invite(number)? {
        return Err(VerbError::NoSuchInvite { number });
    }
    if args.data.json {
        terminal::print(&serde_json::json!({ "id": number, "revoked": true }).to_string());
    } else {
        terminal::say(&format!("invite {number}: revoked; accounts that it created stay"));
    }
    Ok(())
}
