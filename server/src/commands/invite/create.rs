//! `invite create`: the only moment at which the code is known.

use std::io::IsTerminal as _;

use taskferry_protocol::{InviteCode, InviteLink};

use super::super::door::{Door, seconds};
use super::super::{VerbError, qr, words};
use crate::cli::invite::CreateArgs;
use crate::clock::now;
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
    let link = door.public_url.clone().map(|server| InviteLink { server, code: code.clone() });
    if args.data.json {
        terminal::print(&as_json(&door, &made, &code, link.as_ref()));
        return Ok(());
    }
    terminal::say(&said(&made));
    if let Some(link) = &link {
        terminal::say("the link for whoever is invited:");
        terminal::print(&link.to_text());
        terminal::say("or what to type on the computer that has the tasks:");
        terminal::print(&command(&door, &code));
        show_code(link, env);
    } else {
        terminal::say("its code, and what to type on the computer that has the tasks:");
        terminal::print(&format!("{}\n\n{}", *code.to_text(), command(&door, &code)));
        let hint = "with `--public-url URL`, there is a link too, and the server's address stands in the command";
        terminal::say(&format!("\n{}", terminal::hints(hint)));
    }
    Ok(())
}

/// The link for a camera, if there is a person to show it to. Last, so that all of it is on the screen.
fn show_code(link: &InviteLink, env: &Env) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    if let Some(drawn) = qr::draw(&link.to_text(), qr::may_have_colors(env)) {
        terminal::say(&drawn);
    }
}

fn said(made: &Invite) -> String {
    let accounts = if made.uses == 1 { "one account".to_owned() } else { format!("{} accounts", made.uses) };
    let until = words::moment(made.expires_at);
    format!("invite {}: for {accounts}, until {until}", made.id)
}

/// For the invited person, in lines that a terminal does not break.
fn command(door: &Door, code: &InviteCode) -> String {
    let server = door.public_url.as_ref().map_or("ADDRESS", |url| url.as_str());
    format!("taskferry setup --server {server} \\\n  --invite {}", *code.to_text())
}

fn as_json(door: &Door, made: &Invite, code: &InviteCode, link: Option<&InviteLink>) -> String {
    serde_json::json!({
        "id": made.id,
        "code": *code.to_text(),
        "uses": made.uses,
        "expires_at": made.expires_at,
        "link": link.map(|link| link.to_text().to_string()),
        "command": command(door, code).replace(" \\\n ", ""),
    })
    .to_string()
}
