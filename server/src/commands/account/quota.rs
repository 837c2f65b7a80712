//! `account quota`.

use super::super::door::Door;
use super::super::{VerbError, words};
use super::tell;
use crate::cli::account::QuotaArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::config::values;
use crate::storage::OwnQuota;
use crate::storage::admin::{Administration as _, Order};

pub(super) fn run(args: &QuotaArgs, env: &Env) -> Result<(), VerbError> {
    let door = Door::open(&args.data, env)?;
    let record = door.find(&args.which.account)?;
    let before = record.account.quota;
    let quota = OwnQuota {
        bytes: own("bytes", args.bytes.as_deref(), before.bytes, values::bytes)?,
        versions: own("versions", args.versions.as_deref(), before.versions, values::whole_number)?,
    };
    door.data.order(record.client, &Order::SetQuota(quota), now())?;
    tell(&door, &record, args.data.json, &format!("its quota is set: {}", in_words(&quota)))
}

/// `209.7 MB, 1 version`; what is everybody's is left out.
pub(super) fn in_words(quota: &OwnQuota) -> String {
    let parts = [quota.bytes.map(words::size), quota.versions.map(|versions| words::count(versions, "version"))];
    let own: Vec<String> = parts.into_iter().flatten().collect();
    if own.is_empty() { "as everybody".to_owned() } else { own.join(", ") }
}

/// A part of the quota: as it was `before`, if nothing is said about it.
fn own(
    flag: &'static str,
    text: Option<&str>,
    before: Option<u64>,
    parse: impl Fn(&str) -> Result<u64, String>,
) -> Result<Option<u64>, VerbError> {
    match text {
        None => Ok(before),
        Some("default") => Ok(None),
        // At most what a database can hold.
        Some(text) => parse(text).map(|number| Some(number.min(i64::MAX.unsigned_abs()))).map_err(|expected| {
            VerbError::Value { flag, text: text.to_owned(), expected: format!("{expected}, or `default`") }
        }),
    }
}
