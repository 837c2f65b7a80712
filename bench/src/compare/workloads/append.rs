//! Every device adds versions to its own account, one after the other: the price of durability, and how well it is shared.

use anyhow::Result;

use super::{devices, version};
use crate::compare::turn::Turn;
use crate::load::drive;
use crate::process::Server;

pub(super) async fn play(server: &Server, count: usize, seconds: f64) -> Result<Turn> {
    let mut devices = devices(server, count).await?;
    let load = drive(&mut devices, seconds, async |device| device.append(&version()).await.map(drop)).await?;
    Ok(Turn::of(load))
}
