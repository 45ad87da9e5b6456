//! Reports.

use super::model::traffic;
use super::query::facility;
use super::{WireError, each, from_each, need, time};
use crate as wire;
use traf_model::{Gap, Interval, Report, Strip};

impl From<&Strip> for wire::Strip {
    fn from(strip: &Strip) -> Self {
        Self { from: strip.from.0, step: strip.step, octets: strip.octets.clone(), gaps: strip.gaps.clone() }
    }
}

impl From<wire::Strip> for Strip {
    fn from(wire: wire::Strip) -> Self {
        Self { from: time(wire.from), step: wire.step, octets: wire.octets, gaps: wire.gaps }
    }
}

impl From<&Gap> for wire::Gap {
    fn from(gap: &Gap) -> Self {
        Self { from: gap.interval.from.0, to: gap.interval.to.0, point: Some((&gap.point).into()) }
    }
}

impl TryFrom<wire::Gap> for Gap {
    type Error = WireError;

    fn try_from(wire: wire::Gap) -> Result<Self, WireError> {
        let interval = Interval::new(time(wire.from), time(wire.to));
        Ok(Self { interval, point: need(wire.point, "point")?.into() })
    }
}

impl From<&Report> for wire::Report {
    fn from(report: &Report) -> Self {
        Self {
            facility: report.facility.number(),
            at: report.at.0,
            live: report.live,
            from: report.interval.from.0,
            to: report.interval.to.0,
            rows: from_each(&report.rows),
            matched: report.matched,
            total: Some((&report.total).into()),
            dropped: report.dropped,
            strip: Some((&report.strip).into()),
            notes: report.notes.clone(),
            rate: Some((&report.rate).into()),
            sensors_reporting: report.sensors_reporting,
            sensors_known: report.sensors_known,
            gaps: from_each(&report.gaps),
            largest_inbound: report.largest[0],
            largest_outbound: report.largest[1],
            mtu: report.mtu,
        }
    }
}

impl TryFrom<wire::Report> for Report {
    type Error = WireError;

    fn try_from(wire: wire::Report) -> Result<Self, WireError> {
        Ok(Self {
            facility: facility(wire.facility)?,
            at: time(wire.at),
            live: wire.live,
            interval: Interval::new(time(wire.from), time(wire.to)),
            rows: each(wire.rows)?,
            matched: wire.matched,
            total: traffic(wire.total),
            rate: traffic(wire.rate),
            dropped: wire.dropped,
            strip: wire.strip.unwrap_or_default().into(),
            gaps: each(wire.gaps)?,
            largest: [wire.largest_inbound, wire.largest_outbound],
            mtu: wire.mtu,
            notes: wire.notes,
            sensors_reporting: wire.sensors_reporting,
            sensors_known: wire.sensors_known,
        })
    }
}
