//! `traf-collector verify`: the invariants, over everything that is stored.
//!
//! I1 capture and I2 meter are what sensors promise of each slice, I3 deliver what both sides promise of the way between
//! them (what still waits in a sensor's spool is the sensor's to count), I4 roll-up what the store promises of its tiers.
//! Of the roll-ups there is one so far: interfaces by the minute. In a LAN each byte counts once: a flow that several see has
//! one primary (see [`crate::primary`]).

use std::fmt;

use anyhow::Context;

use crate::config::Config;
use crate::folder::Folder;
use crate::store::{Sqlite, Store};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// I1.
    Capture,
    /// I2.
    Meter,
    /// I3.
    Deliver,
    /// I4.
    RollUp,
    /// Each byte once in a LAN.
    Once,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capture => "I1 capture",
            Self::Meter => "I2 meter",
            Self::Deliver => "I3 deliver",
            Self::RollUp => "I4 roll-up",
            Self::Once => "LAN once",
        })
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which invariant.
    pub invariant: Invariant,
    /// What was checked, in words.
    pub claim: String,
    /// How many rows were looked at.
    pub rows: u64,
    /// How many are wrong.
    pub wrong: u64,
    /// One of them.
    pub example: Option<String>,
}

/// `I1 capture   ok      120 rows  received = …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.wrong, self.rows) {
            (0, 0) => "nothing".to_owned(),
            (0, _) => "ok".to_owned(),
            (wrong, _) => format!("{wrong} WRONG"),
        };
        write!(f, "{:<11} {state:<9} {:>9} checked: {}", self.invariant.to_string(), self.rows, self.claim)?;
        match &self.example {
            Some(example) if self.wrong > 0 => write!(f, "\n            for example {example}"),
            _ => Ok(()),
        }
    }
}

/// Checks the store of a data folder; a running collector is not disturbed.
///
/// # Errors
/// When there is no store, or it cannot be read.
pub async fn verify(config: &Config) -> anyhow::Result<Vec<Finding>> {
    anyhow::ensure!(
        Folder::exists(&config.data),
        "{}: no collector has ever run on this folder (name another with --data)",
        config.data.display()
    );
    let folder = Folder::open(&config.data)?;
    let store = Store::Sqlite(Sqlite::open_read_only(&folder.history()).await?);
    let findings = store.verify().await.context("checking the store");
    store.close().await;
    findings
}
