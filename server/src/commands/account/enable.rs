//! `account enable`.

use super::super::VerbError;
use super::super::door::Door;
use super::tell;
use crate::cli::account::EnableArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::storage::admin::{Administration as _, Order};

pub(super) fn run(args: &EnableArgs, env: &Env) -> Result<(), VerbError> {
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    door.data.order(record.client, &Order::Enable, now())?;
    tell(&door, &record, args.data.json, "enabled; its devices can sync again")
}
