//! The observation points of one report, and what part of each counts where several see the same.

use std::collections::BTreeMap;

use traf_model::filter::Test;
use traf_model::settings::PORTS;
use traf_model::{Class, Counters, Filter, Interface, Key, Point, Ports, Row, Settings, Strip, Traffic};

use super::filter::{of_class, selects};

/// An observation point in scope; its place in a list is its number.
#[derive(Clone, Debug)]
pub(crate) struct ObservationPoint {
    pub(crate) id: Point,
    /// Its sensor's.
    pub(crate) site: String,
    pub(crate) interface: Interface,
    /// Ports that its sensor takes for served.
    pub(crate) ports: Ports,
    /// True if its sensor is connected; always true for answers about the past.
    pub(crate) fresh: bool,
}

impl ObservationPoint {
    /// An interface of a sensor at a site, with the served ports that its settings say.
    pub(crate) fn new(
        (sensor, site): (&str, &str),
        interface: &Interface,
        fresh: bool,
        settings: Option<&Settings>,
    ) -> Self {
        let ports = settings.map(|settings| Ports::new(settings.ports(&PORTS))).unwrap_or_default();
        let id = Point::new(sensor, &interface.name);
        Self { id, site: site.to_owned(), interface: interface.clone(), ports, fresh }
    }

    pub(crate) fn name(&self) -> &str {
        self.id.interface.as_deref().unwrap_or_default()
    }

    /// True if a filter selects its traffic, of a class if one is given; `None` if sensor, interface and class do not decide.
    pub(crate) fn selected(&self, filter: &Filter, class: Option<Class>) -> Option<bool> {
        selects(filter, (&self.id.sensor, self.name()), |test| class.and_then(|class| of_class(test, class)))
    }

    /// True if a filter selects a key, by what it says of sensors, interfaces and MAC addresses; `None` if it says more.
    pub(crate) fn selected_key(&self, filter: &Filter, key: Option<Key>) -> Option<bool> {
        selects(filter, (&self.id.sensor, self.name()), |test| match test {
            Test::Ether(_, other) => key.and_then(Key::mac).map(|mac| *other == mac),
            _ => None,
        })
    }

    /// A row of its own.
    pub(crate) fn named(&self, row: &Row) -> Row {
        Row { site: self.site.clone(), observed_by: vec![self.id.clone()], ..row.clone() }
    }
}

/// For each point the first one of its site, and the first one of its sensor: where addresses mean the same.
pub(crate) fn scopes(points: &[ObservationPoint]) -> Vec<(usize, usize)> {
    let first = |same: &dyn Fn(&ObservationPoint) -> bool| points.iter().position(same).unwrap_or(0);
    points
        .iter()
        .map(|own| (first(&|point| point.site == own.site), first(&|point| point.id.sensor == own.id.sensor)))
        .collect()
}

/// The MTU of all points, where it is one.
pub(crate) fn mtu(points: &[ObservationPoint]) -> Option<u32> {
    let mut all = points.iter().filter(|point| !point.interface.loopback).map(|point| point.interface.mtu);
    let first = all.next().or_else(|| points.first().map(|point| point.interface.mtu))??;
    all.all(|mtu| mtu == Some(first)).then_some(first)
}

/// The part of what a point saw that counts: the octets of its rows that do, and of all of its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) counted: u64,
    pub(crate) seen: u64,
}

impl Share {
    /// Of a number; all of it when nothing is known.
    pub(crate) fn of(self, number: u64) -> u64 {
        if self.seen == 0 {
            return number;
        }
        let part = u128::from(number) * u128::from(self.counted.min(self.seen)) / u128::from(self.seen);
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    pub(crate) fn of_traffic(self, traffic: Traffic) -> Traffic {
        let of = |count: Counters| Counters {
            packets: self.of(count.packets),
            octets: self.of(count.octets),
            coalesced: self.of(count.coalesced),
        };
        Traffic { inbound: of(traffic.inbound), outbound: of(traffic.outbound) }
    }

    /// Counts of which it is not known which way they went, divided like other traffic.
    pub(crate) fn divided(counts: Counters, like: Traffic) -> Traffic {
        let (some, all) = (like.inbound, like.total());
        let part = |count: u64, counted: u64, seen: u64| Self { counted, seen }.of(count);
        let inbound = Counters {
            packets: part(counts.packets, some.packets, all.packets),
            octets: part(counts.octets, some.octets, all.octets),
            coalesced: part(counts.coalesced, some.coalesced, all.coalesced),
        };
        Traffic { inbound, outbound: counts - inbound }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.counted = self.counted.saturating_add(other.counted);
        self.seen = self.seen.saturating_add(other.seen);
    }
}

/// Octets of a LAN that may be counted twice, and octets that are left out of it because the clock of their sensor is suspect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubts {
    pub(crate) twice: u64,
    pub(crate) left_out: u64,
}

/// Shares of points as they were second by second.
#[derive(Debug, Default)]
pub(crate) struct ShareHistory(BTreeMap<Point, BTreeMap<i64, Share>>);

impl ShareHistory {
    /// Notes the share of a point at a second; what is older than the strip is forgotten.
    pub(crate) fn note(&mut self, point: &Point, second: i64, share: Share, oldest: i64) {
        let known = self.0.entry(point.clone()).or_default();
        // It has changed if it is another as a promille.
        if known.values().next_back().is_none_or(|last| last.of(1000) != share.of(1000)) {
            known.insert(second, share);
        }
        while known.len() > 1 && known.keys().nth(1).is_some_and(|second| *second < oldest) {
            known.pop_first();
        }
    }

    /// The share of a point at a second: what was noted last by then, or first after.
    pub(crate) fn at(&self, sensor: &str, interface: &str, second: i64) -> Share {
        let Some(known) = self.0.get(&Point::new(sensor, interface)) else { return Share::default() };
        let (before, after) = (known.range(..=second).next_back(), known.range(second..).next());
        before.or(after).map(|(_, share)| *share).unwrap_or_default()
    }
}

/// A strip of sums; where there is none, nobody reported.
pub(crate) fn strip(from: traf_model::Timestamp, step: i64, sums: &[Option<u64>]) -> Strip {
    Strip {
        from,
        step,
        octets: sums.iter().map(|sum| sum.unwrap_or(0)).collect(),
        gaps: (0u32..).zip(sums).filter(|(_, sum)| sum.is_none()).map(|(place, _)| place).collect(),
    }
}
