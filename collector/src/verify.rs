//! `traf-collector verify`: the invariants, over everything that is stored.
//!
//! I1 capture and I2 meter are what sensors promise of each slice, I3 deliver what both sides promise of the way between
//! them (what still waits in a sensor's spool is the sensor's to count), I4 roll-up what the store promises of its tiers.
//! Of the roll-ups there is one so far: interfaces by the minute. In a LAN each byte counts once: a flow that several see has
//! one primary (see `report::primary`).

use anyhow::Context;

use crate::config::Config;
use crate::folder::Folder;
pub use crate::store::Finding;
use crate::store::Store;

/// Checks the store of a data folder; a running collector is not disturbed.
pub async fn verify(config: &Config) -> anyhow::Result<Vec<Finding>> {
    anyhow::ensure!(
        Folder::exists(&config.data),
        "{}: no collector has ever run on this folder (name another with --data)",
        config.data.display()
    );
    let folder = Folder::open(&config.data)?;
    let store = Store::open_read_only(&folder.history()).await?;
    let findings = store.verify().await.context("checking the store");
    store.close().await;
    findings
}
