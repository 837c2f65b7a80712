//! `account create`.

use taskferry_protocol::ClientId;

use super::super::VerbError;
use super::super::door::Door;
use super::as_json;
use crate::cli::account::CreateArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::storage::admin::{Administration as _, Order};
use crate::terminal;

pub(super) fn run(args: &CreateArgs, env: &Env) -> Result<(), VerbError> {
    let client = match &args.client_id {
        Some(text) => text.parse().map_err(|_| VerbError::NotAnAccount)?,
        None => ClientId::generate(),
    };
    let door = Door::open(&args.data, env)?;
    door.data.order(client, &Order::Create, now())?;
    if args.data.json {
        terminal::print(&as_json(&door, &door.again(client)?, true).to_string());
        return Ok(());
    }
    terminal::say(&format!("account {}: created; its client ID, to be kept secret:", door.hasher.of(client)));
    terminal::print(&client.expose().to_string());
    Ok(())
}
