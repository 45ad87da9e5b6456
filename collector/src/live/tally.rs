//! Sums of what was committed of one scope under one filter: each byte once, in bounded memory, one total for all tables.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::quality::RandomState;
use traf_model::facility::{COUNTED, HOSTS, SERVICES};
use traf_model::{
    Class, Classes, Counted, Facility, FlowKey, Group, GroupKey, Interval, Item, Key, Ports, Timestamp, Traffic,
};

use super::coverage::Amount;
use super::history::RecentRow;
use super::points::{PointIndex, Points};
use super::unrowed::{Sums, Unrowed};

/// Pairs of a host and a peer that are told apart: 5 MB. Later ones are not counted.
const PAIRS: usize = 450_000;
/// Flows from before the beginning that are told apart.
const OLDER: usize = 100_000;

/// A table of flows under keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Counted(Counted),
    Group(Group),
}

/// A key of any of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TableKey {
    Counted(Key),
    Address(IpAddr),
    Port(u8, u16),
    Pair(IpAddr, IpAddr),
    /// The sensor's number.
    Sensor(u32),
}

/// A key, and the number of the site where it means that.
pub(crate) type SiteKey = (u32, TableKey);

impl Kind {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let counted = COUNTED.into_iter().filter(|facility| facility.shares().is_some()).map(Self::Counted);
        counted.chain([Group::Address, Group::Port, Group::Pair, Group::Sensor].map(Self::Group))
    }

    /// The table of a facility; `None` if flows under keys are not its source.
    pub(crate) fn of(facility: Facility, group: Group) -> Option<Self> {
        match facility {
            Facility::Traffic if group != Group::Flow => Some(Self::Group(group)),
            Facility::Counted(counted) if counted.shares().is_some() => Some(Self::Counted(counted)),
            _ => None,
        }
    }

    /// True if the traffic of a flow counts at both of its ends.
    pub(crate) fn both_ends(self) -> bool {
        matches!(self, Self::Counted(facility) if facility.both_ends)
    }

    /// True if what initiators send is inbound, as it is for a service.
    pub(crate) fn faces_initiators(self) -> bool {
        self == Self::Counted(SERVICES)
    }

    /// True if packets of a class count in the table.
    pub(crate) fn covers(self, class: Class) -> bool {
        match self {
            Self::Counted(facility) => (facility.covers)(class),
            Self::Group(_) => true,
        }
    }

    /// The keys of a flow that a point sees, and whether its forward direction is inbound for them.
    pub(crate) fn keys(self, flow: &FlowKey, point: PointIndex, points: &Points) -> [Option<(SiteKey, bool)>; 2] {
        let site = points.site(point);
        match self {
            Self::Counted(facility) => {
                let none = Ports::default();
                let ports = points.get(point).map_or(&none, |point| &point.ports);
                let shares = facility.shares().map(|shares| shares(flow, ports)).unwrap_or_default();
                let site = if facility.everywhere { 0 } else { site };
                shares.map(|share| share.map(|share| ((site, TableKey::Counted(share.key)), share.reversed)))
            }
            Self::Group(Group::Sensor) => [Some(((site, TableKey::Sensor(points.sensor(point))), false)), None],
            Self::Group(group) => {
                let key = group.of(flow, "").and_then(|key| TableKey::of_group(&key, 0));
                [key.map(|key| ((site, key), false)), None]
            }
        }
    }
}

impl TableKey {
    /// The key of a group; of a sensor itself its number.
    pub(crate) fn of_group(key: &GroupKey, sensor: u32) -> Option<Self> {
        Some(match key {
            GroupKey::Address(address) => Self::Address(*address),
            GroupKey::Port(protocol, port) => Self::Port(*protocol, *port),
            GroupKey::Pair(source, destination) => Self::Pair(*source, *destination),
            GroupKey::Sensor(_) => Self::Sensor(sensor),
        })
    }

    /// The group that it is the key of; what a sensor's number means is not said here.
    pub(crate) fn group(self) -> Option<GroupKey> {
        match self {
            Self::Address(address) => Some(GroupKey::Address(address)),
            Self::Port(protocol, port) => Some(GroupKey::Port(protocol, port)),
            Self::Pair(source, destination) => Some(GroupKey::Pair(source, destination)),
            Self::Counted(_) | Self::Sensor(_) => None,
        }
    }

    /// The key of an item that a sensor answers.
    pub(crate) fn of_item(item: &Item, sensor: u32) -> Option<Self> {
        match item {
            Item::Counted(_, key, _) => Some(Self::Counted(*key)),
            Item::Group(key, ..) => Self::of_group(key, sensor),
            _ => None,
        }
    }
}

/// Sums under a key.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeySum {
    pub(crate) traffic: Traffic,
    pub(crate) flows: u64,
    pub(crate) peers: u64,
    pub(crate) points: Vec<PointIndex>,
}

/// Keys with their sums; those of the fewest octets leave when there are too many.
struct KeyTable {
    kind: Kind,
    rows: HashMap<SiteKey, KeySum>,
}

/// The sums.
pub(crate) struct LanTally {
    /// Keys of each table that are kept.
    capacity: usize,
    tables: Vec<KeyTable>,
    /// Traffic of the rows that count.
    pub(crate) classes: Classes,
    /// Traffic without a row, and the number of its flows; some of it may be under keys.
    pub(crate) others: HashMap<Class, (Traffic, u64)>,
    /// Start of the first slice.
    pub(crate) since: Option<Timestamp>,
    /// By a keyed hash.
    pairs: HashSet<u64, RandomState>,
    older: HashSet<u64, RandomState>,
    seed: RandomState,
}

impl LanTally {
    pub(crate) fn new(capacity: usize) -> Self {
        let tables = Kind::all().map(|kind| KeyTable { kind, rows: HashMap::new() }).collect();
        let (classes, others, since, pairs, older, seed) = Default::default();
        Self { capacity, tables, classes, others, since, pairs, older, seed }
    }

    /// A slice begins: of it the rows that are added next.
    pub(crate) fn begin(&mut self, slice: Interval) {
        self.since = Some(self.since.map_or(slice.from, |since| since.min(slice.from)));
    }

    /// Adds a row of a slice, as one that counts or does not.
    pub(crate) fn add(&mut self, row: &RecentRow, counts: bool, slice: Interval, points: &Points) {
        let traffic = row.traffic();
        if !counts {
            for table in &mut self.tables {
                for (key, _) in table.kind.keys(&row.key, row.point, points).into_iter().flatten() {
                    if let Some(sum) = table.rows.get_mut(&key) {
                        sum.see(row.point);
                    }
                }
            }
            return;
        }
        self.classes.add(row.key.class(), traffic);
        // A flow is counted in the slice that it begins in; one that was there before, when it is seen first.
        let earlier = self.since.is_some_and(|since| row.first < since);
        let begins = row.first >= slice.from || earlier && self.older.len() < OLDER && self.older.insert(row.flow);
        let (source, destination) = (row.key.source.address, row.key.destination.address);
        let pair = self.seed.hash_one((points.site(row.point), source.min(destination), source.max(destination)));
        let acquainted = self.pairs.len() >= PAIRS || !self.pairs.insert(pair);
        for table in &mut self.tables {
            let mut before = None;
            for (key, reversed) in table.kind.keys(&row.key, row.point, points).into_iter().flatten() {
                let sum = table.rows.entry(key).or_default();
                sum.traffic += if reversed { traffic.reversed() } else { traffic };
                sum.see(row.point);
                // A flow from a key to itself is one flow.
                if before != Some(key) {
                    sum.flows += u64::from(begins);
                    sum.peers += u64::from(!acquainted && table.kind == Kind::Counted(HOSTS));
                }
                before = Some(key);
            }
            table.bound(self.capacity);
        }
    }

    /// A row that was added before counts from now on, or no longer.
    pub(crate) fn change(&mut self, row: &RecentRow, counts: bool, slice: Interval, points: &Points) {
        if counts {
            return self.add(row, true, slice, points);
        }
        let traffic = row.traffic();
        let class = row.key.class();
        self.classes =
            self.classes.rows().map(|(of, sum)| (of, if of == class { sum - traffic } else { sum })).collect();
        for table in &mut self.tables {
            for (key, reversed) in table.kind.keys(&row.key, row.point, points).into_iter().flatten() {
                if let Some(sum) = table.rows.get_mut(&key) {
                    sum.traffic = sum.traffic - if reversed { traffic.reversed() } else { traffic };
                    sum.flows -= u64::from(row.first >= slice.from).min(sum.flows);
                }
            }
        }
    }

    /// Adds what has no row, and takes away what has one now.
    pub(crate) fn add_unrowed(&mut self, unrowed: &Unrowed) {
        self.apply(&unrowed.more, |mut sum, more| {
            sum += more;
            sum
        });
        self.apply(&unrowed.less, Amount::beyond);
        for table in &mut self.tables {
            table.bound(self.capacity);
        }
    }

    /// Changes what has no row, by class and under its keys.
    fn apply(&mut self, sums: &Sums, change: fn(Amount, Amount) -> Amount) {
        for (class, amount) in &sums.classes {
            let (traffic, flows) = self.others.entry(*class).or_default();
            Amount { traffic: *traffic, flows: *flows } = change(Amount { traffic: *traffic, flows: *flows }, *amount);
        }
        for ((kind, key), amount) in &sums.keys {
            if let Some(table) = self.tables.iter_mut().find(|table| table.kind == *kind) {
                let KeySum { traffic, flows, .. } = table.rows.entry(*key).or_default();
                Amount { traffic: *traffic, flows: *flows } =
                    change(Amount { traffic: *traffic, flows: *flows }, *amount);
            }
        }
    }

    /// The rows of a table.
    pub(crate) fn rows(&self, kind: Kind) -> impl Iterator<Item = (&SiteKey, &KeySum)> {
        self.tables.iter().filter(move |table| table.kind == kind).flat_map(|table| &table.rows)
    }
}

/// Keeps the busiest rows, at most `capacity`; what the others counted is in the total only.
pub(super) fn keep_busiest<K, R>(rows: &mut HashMap<K, R>, capacity: usize, octets: impl Fn(&R) -> u64) {
    let Some(mut spare) = rows.len().checked_sub(capacity).filter(|spare| *spare > 0) else { return };
    let mut all: Vec<u64> = rows.values().map(&octets).collect();
    let limit = *all.select_nth_unstable(spare - 1).1;
    rows.retain(|_, row| {
        let leaves = spare > 0 && octets(row) <= limit;
        spare -= usize::from(leaves);
        !leaves
    });
}

impl KeyTable {
    fn bound(&mut self, capacity: usize) {
        if self.rows.len() > capacity + capacity / 4 {
            keep_busiest(&mut self.rows, capacity, |sum| sum.traffic.total().octets);
        }
    }
}

impl KeySum {
    fn see(&mut self, point: PointIndex) {
        if !self.points.contains(&point) {
            self.points.push(point);
        }
    }
}
