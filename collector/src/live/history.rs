//! The flow rows of the slices that each sensor committed last, in short: they tell which part of a point counts.

use std::collections::{BTreeMap, HashMap, VecDeque};

use traf_model::{Counters, Flow, FlowKey, Interval, Timestamp, Traffic};

use super::points::{FlowId, PointIndex};
use crate::report::primary::{FLOW_BITS, RowKey};

/// Slices kept of a sensor: for so many an elected point may be silent before another counts.
const KEPT: usize = 3;
/// Slices that tell shares.
const SHARES: usize = 2;
/// Rows kept of all sensors: some 50 MB. When there are more, the slices that were committed first leave.
const ROWS: usize = 450_000;

/// A flow row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecentRow {
    pub(crate) key: FlowKey,
    pub(crate) flow: FlowId,
    pub(crate) point: PointIndex,
    /// The point whose rows of this flow count.
    pub(crate) elected: PointIndex,
    /// This row counts.
    pub(crate) counts: bool,
    /// First packet of the flow.
    pub(crate) first: Timestamp,
    octets: [u64; 2],
    packets: [u32; 2],
    coalesced: [u32; 2],
}

impl RecentRow {
    pub(crate) fn new(flow: &Flow, id: FlowId, point: PointIndex, elected: PointIndex, counts: bool) -> Self {
        let Traffic { inbound, outbound } = flow.traffic;
        let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            key: flow.key,
            flow: id,
            point,
            elected,
            counts,
            first: flow.first,
            octets: [inbound.octets, outbound.octets],
            packets: [short(inbound.packets), short(outbound.packets)],
            coalesced: [short(inbound.coalesced), short(outbound.coalesced)],
        }
    }

    /// Outbound is forward.
    pub(crate) fn traffic(&self) -> Traffic {
        let [inbound, outbound] = [0, 1].map(|way| Counters {
            packets: self.packets[way].into(),
            octets: self.octets[way],
            coalesced: self.coalesced[way].into(),
        });
        Traffic { inbound, outbound }
    }

    pub(crate) fn octets(&self) -> u64 {
        self.octets[0].saturating_add(self.octets[1])
    }
}

/// A committed slice.
pub(crate) struct RecentSlice {
    /// The sensor's number.
    pub(crate) sensor: u32,
    pub(crate) slice: Interval,
    /// In the order of their keys.
    pub(crate) rows: Vec<RecentRow>,
}

/// A flow, a point, and the place of its row.
type FlowEntry = (FlowId, PointIndex, u32);

/// The last slices of every sensor.
#[derive(Default)]
pub(crate) struct History {
    /// By the store's number of the slice.
    slices: BTreeMap<i64, (RecentSlice, Vec<FlowEntry>)>,
    sensors: HashMap<u32, VecDeque<i64>>,
    rows: usize,
    /// Grows with each change of a sensor's slices.
    versions: HashMap<u32, u64>,
}

impl History {
    /// Takes a slice; its first row has the key `first`.
    pub(crate) fn add(&mut self, first: RowKey, slice: RecentSlice) {
        let number = first >> FLOW_BITS;
        let of_sensor = self.sensors.entry(slice.sensor).or_default();
        of_sensor.push_back(number);
        let over = if of_sensor.len() > KEPT { of_sensor.pop_front() } else { None };
        *self.versions.entry(slice.sensor).or_default() += 1;
        self.rows += slice.rows.len();
        let mut flows: Vec<FlowEntry> = slice.rows.iter().zip(0..).map(|(row, n)| (row.flow, row.point, n)).collect();
        flows.sort_unstable();
        self.slices.insert(number, (slice, flows));
        over.into_iter().for_each(|number| self.remove(number));
        while self.rows > ROWS
            && let Some(number) = self.slices.keys().next().copied()
        {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: i64) {
        let Some((slice, _)) = self.slices.remove(&number) else { return };
        self.rows -= slice.rows.len();
        if let Some(of_sensor) = self.sensors.get_mut(&slice.sensor) {
            of_sensor.retain(|other| *other != number);
        }
    }

    /// Changes the mark of a row; returns the row as it is then and its slice, if it is known and was another.
    pub(crate) fn change(&mut self, key: RowKey, counts: bool) -> Option<(RecentRow, Interval)> {
        let (slice, _) = self.slices.get_mut(&(key >> FLOW_BITS))?;
        let row = slice.rows.get_mut(usize::try_from(key & ((1 << FLOW_BITS) - 1)).ok()?)?;
        if row.counts == counts {
            return None;
        }
        row.counts = counts;
        if counts {
            row.elected = row.point;
        }
        *self.versions.entry(slice.sensor).or_default() += 1;
        Some((*row, slice.slice))
    }

    /// All slices that are kept, those committed first at the beginning.
    pub(crate) fn all(&self) -> impl Iterator<Item = &RecentSlice> {
        self.slices.values().map(|(slice, _)| slice)
    }

    /// The slices of a sensor, the newest first.
    pub(crate) fn of(&self, sensor: u32) -> impl Iterator<Item = &RecentSlice> {
        self.entries(sensor).map(|(slice, _)| slice)
    }

    /// The rows that tell the shares of a point.
    pub(crate) fn recent(&self, sensor: u32, point: PointIndex) -> impl Iterator<Item = &RecentRow> {
        let rows = self.of(sensor).take(SHARES).flat_map(|slice| &slice.rows);
        rows.filter(move |row| row.point == point)
    }

    /// The rows of a flow at a point of a sensor, in the slices that tell shares.
    pub(crate) fn rows_of(&self, sensor: u32, point: PointIndex, flow: FlowId) -> impl Iterator<Item = &RecentRow> {
        self.entries(sensor).take(SHARES).flat_map(move |(slice, flows)| {
            let first = flows.partition_point(|(other, at, _)| (*other, *at) < (flow, point));
            let same = flows[first..].iter().take_while(move |(other, at, _)| (*other, *at) == (flow, point));
            same.filter_map(|(.., place)| slice.rows.get(*place as usize))
        })
    }

    /// Grows when anything of a sensor changes.
    pub(crate) fn version(&self, sensor: u32) -> u64 {
        self.versions.get(&sensor).copied().unwrap_or_default()
    }

    fn entries(&self, sensor: u32) -> impl Iterator<Item = &(RecentSlice, Vec<FlowEntry>)> {
        let numbers = self.sensors.get(&sensor).into_iter().flatten().rev();
        numbers.filter_map(|number| self.slices.get(number))
    }
}
