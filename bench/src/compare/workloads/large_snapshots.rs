//! Many large snapshots at once, up and down. Not a matter of time: all must arrive, whole, and the server's memory must
//! not grow with them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use taskferry_protocol::ClientId;

use super::version;
use crate::client::{Block, Device, Pattern};
use crate::compare::turn::{Arrived, Turn};
use crate::process::Server;

/// An account with about a million tasks.
const BYTES: u64 = 50_000_000;
/// All of them together may take this long.
const WITHIN: Duration = Duration::from_mins(5);

pub(super) async fn play(server: &Server, count: usize) -> Result<Turn> {
    let block = Block::new(BYTES);
    let all = join_all((0..count).map(|number| round_trip(server, block.pattern(number, BYTES))));
    let outcomes = tokio::time::timeout(WITHIN, all).await.context("it took too long")?;
    let failed = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    Ok(Turn {
        arrived: Some(Arrived {
            devices: outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
            of: count,
            first_failure: failed.map(|error| format!("{error:#}")).next(),
        }),
        ..Turn::default()
    })
}

async fn round_trip(server: &Server, snapshot: Pattern) -> Result<()> {
    let mut device = Device::connect(server.address(), ClientId::generate()).await?;
    device.append(&version()).await?;
    let made_at = device.version();
    device.add_snapshot(&snapshot).await?;
    device.get_snapshot(Some(&snapshot)).await?;
    ensure!(device.version() == made_at, "the snapshot is of another version");
    Ok(())
}
