//! The observation points of one report, and what part of each counts where several see the same.

use std::collections::BTreeMap;

use traf_model::{Counters, Interface, Mac, Point, Ports, Settings, Strip, Traffic};

/// An observation point in scope; its place in a list is its number.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) point: Point,
    /// Its sensor's.
    pub(super) site: String,
    pub(super) interface: Interface,
    /// What its sensor takes for services.
    pub(super) ports: Ports,
    /// Whether it speaks now; in the past it does.
    pub(super) fresh: bool,
}

impl Seat {
    pub(super) fn new(sensor: &str, site: &str, interface: &Interface, fresh: bool) -> Self {
        let point = Point::new(sensor, &interface.name);
        Self { point, site: site.to_owned(), interface: interface.clone(), ports: Ports::default(), fresh }
    }

    /// With the services that its sensor says it counts.
    pub(super) fn serving(mut self, settings: &Settings) -> Self {
        self.ports = Ports::new(settings.ports.as_deref().unwrap_or_default());
        self
    }

    pub(super) fn name(&self) -> &str {
        self.point.interface.as_deref().unwrap_or_default()
    }

    /// Whether it is the interface of a station.
    pub(super) fn owns(&self, mac: Mac) -> bool {
        self.interface.mac == Some(mac)
    }
}

/// For each seat the first one of its site, and the first one of its sensor: where addresses mean the same.
pub(super) fn homes(seats: &[Seat]) -> Vec<(usize, usize)> {
    let first = |same: &dyn Fn(&Seat) -> bool| seats.iter().position(same).unwrap_or(0);
    seats
        .iter()
        .map(|own| (first(&|seat| seat.site == own.site), first(&|seat| seat.point.sensor == own.point.sensor)))
        .collect()
}

/// The MTU of all seats, where it is one.
pub(super) fn mtu(seats: &[Seat]) -> Option<u32> {
    let mut all = seats.iter().filter(|seat| !seat.interface.loopback).map(|seat| seat.interface.mtu);
    let first = all.next().or_else(|| seats.first().map(|seat| seat.interface.mtu))??;
    all.all(|mtu| mtu == Some(first)).then_some(first)
}

/// The part of what a point saw that counts: the octets of its rows that do, and of all of its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) counted: u64,
    pub(super) seen: u64,
}

impl Share {
    /// Of a number; all of it when nothing is known.
    pub(super) fn of(self, number: u64) -> u64 {
        if self.seen == 0 {
            return number;
        }
        let part = u128::from(number) * u128::from(self.counted.min(self.seen)) / u128::from(self.seen);
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    pub(super) fn of_traffic(self, traffic: Traffic) -> Traffic {
        let of = |count: Counters| Counters {
            packets: self.of(count.packets),
            octets: self.of(count.octets),
            coalesced: self.of(count.coalesced),
        };
        Traffic { inbound: of(traffic.inbound), outbound: of(traffic.outbound) }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.counted = self.counted.saturating_add(other.counted);
        self.seen = self.seen.saturating_add(other.seen);
    }

    /// As a promille, to see whether it has changed.
    fn promille(self) -> u64 {
        self.of(1000)
    }
}

/// Shares of points as they were second by second.
#[derive(Debug, Default)]
pub(super) struct Shares(BTreeMap<Point, BTreeMap<i64, Share>>);

impl Shares {
    /// Notes the share of a point at a second; what is older than the strip is forgotten.
    pub(super) fn note(&mut self, point: &Point, second: i64, share: Share, oldest: i64) {
        let known = self.0.entry(point.clone()).or_default();
        if known.values().next_back().is_none_or(|last| last.promille() != share.promille()) {
            known.insert(second, share);
        }
        while known.len() > 1 && known.keys().nth(1).is_some_and(|second| *second < oldest) {
            known.pop_first();
        }
    }

    /// The share of a point at a second: what was noted last by then, or first after.
    pub(super) fn at(&self, sensor: &str, interface: &str, second: i64) -> Share {
        let Some(known) = self.0.get(&Point::new(sensor, interface)) else { return Share::default() };
        let (before, after) = (known.range(..=second).next_back(), known.range(second..).next());
        before.or(after).map(|(_, share)| *share).unwrap_or_default()
    }
}

/// A strip of sums; where there is none, nobody reported.
pub(super) fn strip(from: traf_model::Timestamp, step: i64, sums: &[Option<u64>]) -> Strip {
    Strip {
        from,
        step,
        octets: sums.iter().map(|sum| sum.unwrap_or(0)).collect(),
        gaps: (0u32..).zip(sums).filter(|(_, sum)| sum.is_none()).map(|(place, _)| place).collect(),
    }
}
