//! `account disable`.

use super::super::VerbError;
use super::super::door::Door;
use super::tell;
use crate::cli::account::DisableArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::storage::Barred;
use crate::storage::admin::{Administration as _, Order};

pub(super) fn run(args: &DisableArgs, env: &Env) -> Result<(), VerbError> {
    let reason = args.reason.as_deref().map(check_reason).transpose()?;
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    door.data.order(record.client, &Order::Disable { reason }, now())?;
    tell(&door, &record, args.data.json, "disabled; its devices are refused from now on, and its tasks stay")
}

/// One line that a terminal can show.
fn check_reason(text: &str) -> Result<String, VerbError> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=Barred::REASON_CHARACTERS_MAX).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let expected = format!("one line of at most {} characters", Barred::REASON_CHARACTERS_MAX);
    Err(VerbError::Value {
        flag: "reason",
        text: text.chars().filter(|c| !c.is_control()).take(40).collect(),
        expected,
    })
}
