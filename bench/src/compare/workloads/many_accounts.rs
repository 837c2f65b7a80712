//! Creates many accounts through the protocol, as open registration lets everybody do, and lets the server come to rest: its
//! memory must not grow with them.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use taskferry_protocol::{ClientId, VersionId};

use super::{devices, version};
use crate::compare::turn::Turn;
use crate::process::Server;

/// How long the server may rest before its memory is read.
const REST: Duration = Duration::from_secs(3);
/// How long the accounts may take.
const WITHIN: Duration = Duration::from_mins(15);

pub(super) async fn play(server: &Server, count: usize, accounts: u64) -> Result<Turn> {
    let mut devices = devices(server, count).await?;
    let left = Cell::new(accounts);
    let all = join_all(devices.iter_mut().map(async |device| {
        while let Some(rest) = left.get().checked_sub(1) {
            left.set(rest);
            device.become_device(ClientId::generate(), VersionId::NIL);
            device.append(&version()).await?;
        }
        anyhow::Ok(())
    }));
    let outcomes = tokio::time::timeout(WITHIN, all).await.context("it took too long")?;
    outcomes.into_iter().collect::<Result<()>>()?;
    tokio::time::sleep(REST).await;
    Ok(Turn::default())
}
