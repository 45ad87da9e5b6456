//! `traf-sensor interfaces` and `traf-sensor spool`: what is there, as a table or as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use traf_model::record::writer::{left, table};

use crate::capture::{CaptureError, CaptureHandle};
use crate::config::Config;
use crate::spool::index::IndexEntry;
use crate::spool::{disk, record_name};
use crate::system::interfaces;

/// Output format.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListingFormat {
    /// For people.
    #[default]
    Table,
    /// One document.
    Json,
    /// One object a line.
    Jsonl,
}

impl ListingFormat {
    pub(super) fn print<T: Serialize>(self, rows: &[T], text: impl Fn() -> String) -> Result<String> {
        Ok(match self {
            Self::Table => text(),
            Self::Json => format!("{}\n", serde_json::to_string_pretty(rows)?),
            Self::Jsonl => {
                rows.iter().map(|row| serde_json::to_string(row).map(|line| line + "\n")).collect::<Result<_, _>>()?
            }
        })
    }
}

#[derive(Serialize)]
struct InterfaceRow {
    name: String,
    index: u32,
    state: &'static str,
    link: Option<String>,
    mac: Option<String>,
    addresses: Vec<String>,
    mtu: Option<u32>,
    speed: Option<u64>,
    capture: String,
}

/// The host's interfaces, and whether we may capture on them.
pub fn interfaces(config: &Config, format: ListingFormat) -> Result<String> {
    let mut rows = Vec::new();
    for (name, device) in interfaces::list()? {
        let mut interface = device.interface;
        interfaces::facts(&mut interface);
        let (link, capture) = match CaptureHandle::open(&name, config.snaplen, 256 << 10) {
            Ok(handle) => (Some(handle.link.name()), "allowed".to_owned()),
            Err(CaptureError::Permission(..)) => (None, "no permission".to_owned()),
            Err(CaptureError::Down(_)) => (None, "down".to_owned()),
            Err(error) => (None, error.to_string()),
        };
        rows.push(InterfaceRow {
            name,
            index: interface.index,
            state: if device.up { "up" } else { "down" },
            link,
            mac: interface.mac.map(|mac| mac.to_string()),
            addresses: interface.addresses.iter().map(ToString::to_string).collect(),
            mtu: interface.mtu,
            speed: interface.speed,
            capture,
        });
    }
    format.print(&rows, || {
        let head = ["INTERFACE", "STATE", "LINK", "MAC", "MTU", "SPEED", "CAPTURE", "ADDRESSES"];
        let cells = |row: &InterfaceRow| {
            vec![
                row.name.clone(),
                row.state.to_owned(),
                row.link.clone().unwrap_or_default(),
                row.mac.clone().unwrap_or_default(),
                row.mtu.map(|mtu| mtu.to_string()).unwrap_or_default(),
                row.speed.map(|speed| format!("{} Mbit/s", speed / 1_000_000)).unwrap_or_default(),
                row.capture.clone(),
                row.addresses.join(" "),
            ]
        };
        let mut text = table(&head.map(left), rows.iter().map(cells));
        if rows.iter().any(|row| row.capture == "no permission") {
            text +=
                "\nNo permission to capture: run as root, or allow the program once with `setcap cap_net_raw+ep`.\n";
        }
        text
    })
}

#[derive(Serialize)]
struct RecordRow {
    from: u64,
    to: u64,
    epoch: Option<u64>,
    start: Option<String>,
    end: Option<String>,
    octets: u64,
    state: String,
}

/// Lists the records of the spool in `folder`; it may be in use.
pub fn spool(folder: &Path, format: ListingFormat) -> Result<String> {
    let ranges = match disk::record_ranges(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        ranges => ranges.with_context(|| format!("reading the spool in {}", folder.display()))?,
    };
    let mut rows = Vec::new();
    for (from, to) in ranges {
        let octets = match std::fs::metadata(folder.join(record_name(from, to))) {
            // Delivered while we looked.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            // Its header says what is wrong.
            file => file.map_or(0, |file| file.len()),
        };
        let (header, state) = match disk::entry(folder, from, to) {
            Ok(IndexEntry { header, .. }) => (Some(header), if header.folded { "totals" } else { "whole" }.to_owned()),
            Err(error) => (None, error.to_string()),
        };
        let (epoch, slice) = (header.map(|header| header.epoch), header.map(|header| header.slice));
        let (start, end) = (slice.map(|slice| slice.from.to_string()), slice.map(|slice| slice.to.to_string()));
        rows.push(RecordRow { from, to, epoch, start, end, octets, state });
    }
    format.print(&rows, || {
        let sensor = if disk::SpoolFolder::is_locked(folder) { "a sensor runs" } else { "no sensor runs" };
        let octets: u64 = rows.iter().map(|row| row.octets).sum();
        let mut text = format!("{} records, {octets} octets wait in {} ({sensor})\n", rows.len(), folder.display());
        if !rows.is_empty() {
            let head = ["FROM", "TO", "EPOCH", "START", "END", "OCTETS", "STATE"];
            let cells = |row: &RecordRow| {
                vec![
                    row.from.to_string(),
                    row.to.to_string(),
                    row.epoch.map(|epoch| epoch.to_string()).unwrap_or_default(),
                    row.start.clone().unwrap_or_default(),
                    row.end.clone().unwrap_or_default(),
                    row.octets.to_string(),
                    row.state.clone(),
                ]
            };
            text += &table(&head.map(left), rows.iter().map(cells));
        }
        text
    })
}
