//! Tables as commands: the same questions as the screens ask, the answers on standard output.

use std::io::{self, Write};

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use traf_model::{Fleet, Point, Query, Report, Scope};

use crate::cli::{SensorsOptions, TableOptions};
use crate::client::{Client, ClientError, ended};
use crate::clock;
use crate::failure::Usage;
use crate::look::Look;
use crate::output::{Answer, Subject, Writer};
use crate::text::clean_lines;

/// Unfinished answers that are passed over: they come twenty a second while a sensor owes its part.
const PATIENCE: u32 = 60;

/// Writes one table, or one each second.
pub async fn table(
    client: &Client,
    subject: Subject,
    table: &TableOptions,
    look: &Look,
    out: impl Write,
) -> Result<()> {
    let facility = subject.facility;
    let query = Query {
        facility,
        window: table.window(clock::now(), &look.zone)?,
        filter: crate::filter_option::filter(client, &table.filter).await?,
        group: subject.group,
        order: table.order(facility),
        limit: table.limit,
        scope: scope(client, table).await?,
    };
    let mut writer = Writer::new(out, table.format, look);
    let mut reports = std::pin::pin!(client.watch(&query).await?);
    let mut patience = PATIENCE;
    loop {
        let report = reports.try_next().await?.ok_or_else(ended)?;
        // The first answer may come before every sensor knew the question.
        let unfinished = report.notes.iter().any(|note| note == Report::WAITING);
        if unfinished && patience > 0 {
            patience -= 1;
            continue;
        }
        if !table.watch && report.rows.is_empty() && report.notes.iter().any(|note| note == Report::CROWDED) {
            return Err(ClientError::Refused(Report::CROWDED.to_owned()).into());
        }
        writer.write(Answer::Report(&report, subject)).context("writing the table")?;
        if !table.watch {
            let shown = report.rows.len() as u64;
            if report.matched > shown {
                say(&format!("{shown} of {} rows; --limit shows more", report.matched));
            }
            report.notes.iter().for_each(|note| say(note));
            return Ok(());
        }
    }
}

/// Writes who reports.
pub async fn sensors(client: &Client, sensors: &SensorsOptions, look: &Look, out: impl Write) -> Result<()> {
    let mut writer = Writer::new(out, sensors.format, look);
    let mut states = std::pin::pin!(client.fleet().await?);
    loop {
        let mut fleet = states.try_next().await?.ok_or_else(ended)?;
        known(&fleet, &sensors.sensor)?;
        fleet.sensors.retain(|sensor| sensors.sensor.is_empty() || sensors.sensor.contains(&sensor.name));
        writer.write(Answer::Fleet(&fleet)).context("writing the table")?;
        if !sensors.watch {
            fleet.notes.iter().for_each(|note| say(note));
            return Ok(());
        }
    }
}

/// The observation points that were named, checked against those that there are.
async fn scope(client: &Client, table: &TableOptions) -> Result<Scope> {
    if table.sensor.is_empty() && table.interface.is_empty() {
        return Ok(Scope::default());
    }
    let fleet = client.fleet_now().await?;
    known(&fleet, &table.sensor)?;
    Ok(Scope(points(&fleet, &table.sensor, &table.interface)?))
}

/// Checks that there are sensors of these names.
pub fn known(fleet: &Fleet, wanted: &[String]) -> Result<(), Usage> {
    match wanted.iter().find(|name| fleet.sensors.iter().all(|sensor| sensor.name != **name)) {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> = fleet.sensors.iter().map(|sensor| sensor.name.as_str()).collect();
            Err(Usage(format!("no sensor is called `{name}`; there are: {}", names.join(", "))))
        }
    }
}

fn points(fleet: &Fleet, sensors: &[String], interfaces: &[String]) -> Result<Vec<Point>, Usage> {
    let wanted = fleet.sensors.iter().filter(|sensor| sensors.is_empty() || sensors.contains(&sensor.name));
    if interfaces.is_empty() {
        return Ok(wanted.map(|sensor| Point { sensor: sensor.name.clone(), interface: None }).collect());
    }
    let all: Vec<Point> = wanted
        .flat_map(|sensor| sensor.interfaces.iter().map(|state| Point::new(&sensor.name, &state.interface.name)))
        .collect();
    if let Some(name) = interfaces.iter().find(|name| all.iter().all(|point| !point.is_called(name))) {
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        return Err(Usage(format!("no interface is called `{name}`; there are: {}", names.join(", "))));
    }
    Ok(all.into_iter().filter(|point| interfaces.iter().any(|name| point.is_called(name))).collect())
}

/// A message, for people.
pub fn say(words: &str) {
    // Nobody to tell it to is no reason to fail.
    let _ = writeln!(io::stderr(), "traf: {}", clean_lines(words));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use traf_model::{Interface, InterfaceState, SensorState};

    use super::*;

    fn fleet() -> Fleet {
        let state = |name: &str| InterfaceState {
            interface: Interface { name: name.to_owned(), ..Interface::default() },
            ..InterfaceState::default()
        };
        let sensor = |name: &str, interfaces: &[&str]| SensorState {
            name: name.to_owned(),
            interfaces: interfaces.iter().map(|name| state(name)).collect(),
            ..SensorState::default()
        };
        Fleet { sensors: vec![sensor("nas", &["eth0"]), sensor("web1", &["eth0", "lo"])], ..Fleet::default() }
    }

    fn named(sensors: &[&str], interfaces: &[&str]) -> Result<String, String> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        known(&fleet(), &own(sensors)).map_err(|error| error.to_string())?;
        let points = points(&fleet(), &own(sensors), &own(interfaces)).map_err(|error| error.to_string())?;
        Ok(Scope(points).to_string())
    }

    #[test]
    fn names_become_observation_points() {
        assert_eq!(named(&["web1"], &[]).as_deref(), Ok("web1"));
        assert_eq!(named(&[], &["eth0"]).as_deref(), Ok("nas/eth0, web1/eth0"));
        assert_eq!(named(&["web1"], &["lo", "eth0"]).as_deref(), Ok("web1/eth0, web1/lo"));
        assert_eq!(named(&[], &["nas/eth0"]).as_deref(), Ok("nas/eth0"));
        assert_eq!(named(&[], &["nas/eth0", "lo"]).as_deref(), Ok("nas/eth0, web1/lo"));
    }

    #[test]
    fn a_name_that_nobody_has_is_told_with_those_there_are() {
        assert_eq!(named(&["web2"], &[]), Err("no sensor is called `web2`; there are: nas, web1".to_owned()));
        assert_eq!(named(&["nas"], &["lo"]), Err("no interface is called `lo`; there are: nas/eth0".to_owned()));
    }
}
