//! The flow rows of the slices that each sensor committed last, in short: they tell which part of a point counts.

use std::collections::{BTreeMap, HashMap, VecDeque};

use traf_model::{AggregatedFlow, Counters, Filter, Flow, FlowKey, Interval, Timestamp, Traffic};

use super::points::{FlowId, PointIndex};
use crate::report::filter::masked;
use crate::report::point::ObservationPoint;
use crate::report::primary::{FLOW_BITS, RowKey};

/// Slices kept of a sensor: for so many an elected point may be silent before another counts.
const KEPT: usize = 3;
/// Slices that tell who sees what.
const TOLD: usize = 2;
/// Rows of the newest slices from which on one slice tells enough.
const PLENTY: usize = 60_000;
/// Rows kept of all sensors: some 40 MB. When there are more, the slices that were committed first leave.
const ROWS: usize = 350_000;

/// A flow, and the point whose rows of it count, with the VLAN that it sees it in. Flows of equal ends that were not proved to be the
/// same have several.
pub(crate) type FlowGroup = (FlowId, PointIndex, Option<u16>);

/// A flow row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecentRow {
    pub(crate) key: FlowKey,
    pub(crate) flow: FlowId,
    pub(crate) point: PointIndex,
    /// The point whose rows of this flow count.
    pub(crate) elected: PointIndex,
    /// The VLAN that it sees the flow in.
    elected_vlan: Option<u16>,
    /// This row counts.
    pub(crate) counts: bool,
    /// First packet of the flow.
    pub(crate) first: Timestamp,
    octets: [u64; 2],
    packets: [u32; 2],
    coalesced: [u32; 2],
}

impl RecentRow {
    pub(crate) fn new(
        flow: &Flow,
        id: FlowId,
        point: PointIndex,
        (elected, elected_vlan): (PointIndex, Option<u16>),
        counts: bool,
    ) -> Self {
        let Traffic { inbound, outbound } = flow.traffic;
        let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            key: flow.key,
            flow: id,
            point,
            elected,
            elected_vlan,
            counts,
            first: flow.first,
            octets: [inbound.octets, outbound.octets],
            packets: [short(inbound.packets), short(outbound.packets)],
            coalesced: [short(inbound.coalesced), short(outbound.coalesced)],
        }
    }

    /// The observers that were proved to see what this one sees, by the one of them whose rows count.
    pub(crate) fn group(&self) -> FlowGroup {
        (self.flow, self.elected, self.elected_vlan)
    }

    /// The point whose rows count, and its VLAN.
    pub(crate) fn elected(&self) -> (PointIndex, Option<u16>) {
        (self.elected, self.elected_vlan)
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

    /// The part of it that a filter selects, seen at `own`. Its MAC addresses are not known any more.
    pub(crate) fn selected(&self, filter: &Filter, own: &ObservationPoint) -> Option<Self> {
        if filter.is_all() {
            return Some(*self);
        }
        let flow = Flow::new(self.key, self.traffic(), self.first);
        let flow = masked(filter, flow, &own.id.sensor, own.name())?;
        Some(Self::new(&flow, self.flow, self.point, self.elected(), self.counts))
    }

    /// Says whose rows of the flow count.
    pub(crate) fn elect(&mut self, (point, vlan): (PointIndex, Option<u16>)) {
        (self.elected, self.elected_vlan) = (point, vlan);
    }
}

/// A committed slice.
pub(crate) struct RecentSlice {
    /// The sensor's number.
    pub(crate) sensor: u32,
    pub(crate) slice: Interval,
    /// In the order of their keys.
    pub(crate) rows: Vec<RecentRow>,
    /// Flows without a row, by their ends.
    pub(crate) aggregated: Vec<(PointIndex, AggregatedFlow)>,
    /// Octets from which on every flow of the slice has a row, here and at other points; a little more than the least row.
    pub(crate) complete: u64,
}

impl RecentSlice {
    /// Rows of all kinds.
    fn size(&self) -> usize {
        self.rows.len() + self.aggregated.len()
    }
}

/// Some of the last slices of several sensors.
pub(crate) struct Telling<'a> {
    slices: Vec<&'a RecentSlice>,
    /// Octets from which on every point has a row of a flow, by slice.
    complete: HashMap<Timestamp, u64>,
}

/// The last slices of every sensor.
#[derive(Default)]
pub(crate) struct History {
    /// By the store's number of the slice.
    slices: BTreeMap<i64, RecentSlice>,
    sensors: HashMap<u32, VecDeque<i64>>,
    rows: usize,
    /// Grows with each change of a sensor's slices.
    versions: HashMap<u32, u64>,
}

impl Telling<'_> {
    /// Rows, and whether each is of a flow so great that every point which sees it has one.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&RecentRow, bool)> {
        self.slices.iter().flat_map(|slice| {
            let complete = self.complete.get(&slice.slice.from).copied().unwrap_or_default();
            slice.rows.iter().map(move |row| (row, row.octets() >= complete))
        })
    }

    /// True if some flows have no row at some point.
    pub(crate) fn lacks_rows(&self) -> bool {
        self.complete.values().any(|octets| *octets > 0)
    }

    /// Flows without a row.
    pub(crate) fn aggregated(&self) -> impl Iterator<Item = &(PointIndex, AggregatedFlow)> {
        self.slices.iter().flat_map(|slice| &slice.aggregated)
    }
}

impl History {
    /// Takes a slice; its first row has the key `first`.
    pub(crate) fn add(&mut self, first: RowKey, slice: RecentSlice) {
        let number = first >> FLOW_BITS;
        let of_sensor = self.sensors.entry(slice.sensor).or_default();
        of_sensor.push_back(number);
        let over = if of_sensor.len() > KEPT { of_sensor.pop_front() } else { None };
        *self.versions.entry(slice.sensor).or_default() += 1;
        self.rows += slice.size();
        self.slices.insert(number, slice);
        over.into_iter().for_each(|number| self.remove(number));
        while self.rows > ROWS
            && let Some(number) = self.slices.keys().next().copied()
        {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: i64) {
        let Some(slice) = self.slices.remove(&number) else { return };
        self.rows -= slice.size();
        if let Some(of_sensor) = self.sensors.get_mut(&slice.sensor) {
            of_sensor.retain(|other| *other != number);
        }
    }

    /// Changes the mark of a row, and whose rows of the flow count; returns the row as it is then and its slice, if it is known and
    /// its mark was another.
    pub(crate) fn change(
        &mut self,
        key: RowKey,
        counts: bool,
        elected: (PointIndex, Option<u16>),
    ) -> Option<(RecentRow, Interval)> {
        let slice = self.slices.get_mut(&(key >> FLOW_BITS))?;
        let row = slice.rows.get_mut(usize::try_from(key & ((1 << FLOW_BITS) - 1)).ok()?)?;
        row.elect(elected);
        *self.versions.entry(slice.sensor).or_default() += 1;
        let before = std::mem::replace(&mut row.counts, counts);
        (before != counts).then_some((*row, slice.slice))
    }

    /// All slices that are kept, those committed first at the beginning.
    pub(crate) fn all(&self) -> impl Iterator<Item = &RecentSlice> {
        self.slices.values()
    }

    /// The slices of a sensor, the newest first.
    pub(crate) fn of(&self, sensor: u32) -> impl Iterator<Item = &RecentSlice> {
        let numbers = self.sensors.get(&sensor).into_iter().flatten().rev();
        numbers.filter_map(|number| self.slices.get(number))
    }

    /// The slices of some sensors that tell which points see a flow: those that all of them have committed, as far as none of them
    /// lags by more than what is kept.
    pub(crate) fn telling(&self, sensors: &[u32]) -> Telling<'_> {
        let newest = || sensors.iter().filter_map(|sensor| self.of(*sensor).next());
        let latest = newest().map(|slice| slice.slice.from).max().unwrap_or_default();
        let lags = |slice: &&RecentSlice| latest.since(slice.slice.from) >= KEPT as i64 * slice.slice.nanos();
        let common = newest().filter(|slice| !lags(slice)).map(|slice| slice.slice.from).min().unwrap_or_default();
        let told = if newest().map(|slice| slice.rows.len()).sum::<usize>() > PLENTY { 1 } else { TOLD };
        let near = move |slice: &&RecentSlice| {
            let age = common.since(slice.slice.from);
            (0..told as i64 * slice.slice.nanos()).contains(&age)
        };
        let slices: Vec<&RecentSlice> = sensors.iter().flat_map(|sensor| self.of(*sensor)).filter(near).collect();
        let mut complete: HashMap<Timestamp, u64> = HashMap::new();
        for slice in &slices {
            let octets = complete.entry(slice.slice.from).or_default();
            *octets = (*octets).max(slice.complete);
        }
        Telling { slices, complete }
    }

    /// Grows when anything of a sensor changes.
    pub(crate) fn version(&self, sensor: u32) -> u64 {
        self.versions.get(&sensor).copied().unwrap_or_default()
    }
}
