//! `invite create`: the only moment at which the code is known.

use taskferry_protocol::InviteCode;

use super::super::door::{Door, now, seconds};
use super::super::{VerbError, words};
use crate::cli::invite::CreateArgs;
use crate::config::sources::Env;
use crate::invite::{self, InviteHash};
use crate::storage::admin::{Administration as _, Invite};
use crate::terminal;

pub(super) fn run(args: &CreateArgs, env: &Env) -> Result<(), VerbError> {
    let lasts = seconds("expires", &args.expires)?;
    if lasts == 0 {
        return Err(VerbError::Duration { flag: "expires", text: args.expires.clone() });
    }
    let door = Door::open_with(&args.data, args.public_url.as_ref(), env)?;
    let code = invite::new_code()?;
    let now = now();
    let made = door.data.create_invite(InviteHash::of(&code), args.uses.get(), now + lasts, now)?;
    if args.data.json {
        terminal::print(&as_json(&door, &made, &code));
    } else {
        terminal::say(&said(&made));
        terminal::print(&format!("{}\n\n{}", *code.to_text(), command(&door, &code)));
        if door.public_url.is_none() {
            terminal::say("\nhint: with `--public-url URL`, the server's address stands in the command");
        }
    }
    Ok(())
}

fn said(made: &Invite) -> String {
    let accounts = if made.uses == 1 { "one account".to_owned() } else { format!("{} accounts", made.uses) };
    let until = words::moment(made.expires_at);
    format!(
        "invite {}: for {accounts}, until {until}\nits code, and what to type on the computer that has the tasks:",
        made.id
    )
}

/// For the invited person, in lines that a terminal does not break.
fn command(door: &Door, code: &InviteCode) -> String {
    let server = door.public_url.as_ref().map_or("ADDRESS", |url| url.as_str());
    format!("taskferry setup --server {server} \\\n  --invite {}", *code.to_text())
}

fn as_json(door: &Door, made: &Invite, code: &InviteCode) -> String {
    serde_json::json!({
        "id": made.id,
        "code": *code.to_text(),
        "uses": made.uses,
        "expires_at": made.expires_at,
        "command": command(door, code).replace(" \\\n ", ""),
    })
    .to_string()
}
