//! The first request of a fresh device: the first version of its account, among many accounts whose chains all begin at the
//! nil version. Its price must not grow with their number.

use std::cell::RefCell;

use anyhow::{Result, ensure};
use taskferry_protocol::{ClientId, VersionId};

use crate::client::{Child, Device};
use crate::compare::populate::account;
use crate::compare::turn::Turn;
use crate::load::drive;
use crate::process::Server;
use crate::random::Random;

pub(super) async fn play(server: &Server, count: usize, seconds: f64, accounts: u64) -> Result<Turn> {
    let mut devices = Vec::new();
    for _ in 0..count {
        devices.push(Device::connect(server.address(), ClientId::generate()).await?);
    }
    let random = RefCell::new(Random::new(accounts));
    let load = drive(&mut devices, seconds, async |device| {
        let number = random.borrow_mut().below(accounts);
        device.become_device(account(number), VersionId::NIL);
        ensure!(device.child().await? != Child::UpToDate, "an account is not there");
        Ok(())
    })
    .await?;
    Ok(Turn::of(load))
}
