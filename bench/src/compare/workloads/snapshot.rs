//! A version, a snapshot of it, and the snapshot back: what a client does when the server asks for one, and what a new device
//! does. A step is all three requests.

use std::cell::Cell;

use anyhow::Result;

use super::{devices, version};
use crate::client::Block;
use crate::compare::party::Party;
use crate::compare::turn::Turn;
use crate::load::drive;
use crate::process::Server;

/// The size of a snapshot: an account with some twenty thousand tasks.
pub(super) const BYTES: u64 = 1_000_000;

pub(super) async fn play(server: &Server, party: Party, count: usize, seconds: f64) -> Result<Turn> {
    let mut devices = devices(server, count).await?;
    let block = Block::new(BYTES);
    let number = Cell::new(0);
    let load = drive(&mut devices, seconds, async |device| {
        number.set(number.get() + 1);
        let snapshot = block.pattern(number.get(), BYTES);
        device.append(&version()).await?;
        device.add_snapshot(&snapshot).await?;
        // The ceiling hands out what it was started with.
        device.get_snapshot((party != Party::Ceiling).then_some(&snapshot)).await?;
        Ok(())
    })
    .await?;
    Ok(Turn::of(load))
}
