//! What `task sync` sends when nothing happened: by far the most frequent request of all.

use anyhow::Result;

use super::devices;
use crate::client::Device;
use crate::compare::turn::Turn;
use crate::load::drive;
use crate::process::Server;

pub(super) async fn play(server: &Server, count: usize, seconds: f64) -> Result<Turn> {
    let mut devices = devices(server, count).await?;
    let load = drive(&mut devices, seconds, Device::expect_up_to_date).await?;
    Ok(Turn::of(load))
}
