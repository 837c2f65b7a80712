//! What `task sync` sends after one change: asks for news, adds its version, asks again. A step is all three requests.

use anyhow::Result;

use super::{devices, version};
use crate::compare::turn::Turn;
use crate::load::drive;
use crate::process::Server;

pub(super) async fn play(server: &Server, count: usize, seconds: f64) -> Result<Turn> {
    let mut devices = devices(server, count).await?;
    let load = drive(&mut devices, seconds, async |device| {
        device.expect_up_to_date().await?;
        device.append(&version()).await?;
        device.expect_up_to_date().await
    })
    .await?;
    Ok(Turn::of(load))
}
