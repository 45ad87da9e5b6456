//! Traffic of committed slices without a flow row: how much of it counts in a LAN, and under which keys.
//!
//! A sensor gives the busiest flows of a slice a row, counts the others by class, and each host, service and protocol with all of
//! its packets. What the points count together is joined as in the tail of the present; what rows have is subtracted. Keys never get
//! more than the classes have.

use std::collections::HashMap;

use traf_model::{Class, Counted, Counters, InterfaceSummary, Traffic};

use super::aggregated;
use super::coverage::{Amount, Coverage, Join, Sharing};
use super::history::RecentRow;
use super::points::{PointIndex, Points};
use super::seen::{SeenFlow, SeenFlows};
use super::tally::{Kind, SiteKey, TableKey};
use crate::report::filter::class_of;
use crate::report::point::Share;

/// One interface in one slice.
#[derive(Clone, Copy)]
pub(crate) struct PointSlice<'a> {
    pub(crate) point: PointIndex,
    pub(crate) rows: &'a [RecentRow],
    pub(crate) summary: &'a InterfaceSummary,
}

/// Traffic without a row that counts in a LAN.
#[derive(Debug, Default)]
pub(crate) struct Unrowed {
    pub(crate) classes: Vec<(Class, Amount)>,
    /// The part of it that is known to be under keys.
    pub(crate) keys: Vec<(Kind, SiteKey, Amount)>,
}

/// Counts of one thing: of each point all of it, and the part of that without a row; and what rows have, each byte once.
#[derive(Default)]
struct Counts {
    points: Vec<(PointIndex, Amount, Amount)>,
    rows: Amount,
}

impl PointSlice<'_> {
    /// Octets from which on every flow has a row, with a margin for other clocks.
    pub(super) fn complete(&self) -> u64 {
        if self.summary.other_flows.is_empty() {
            return 0;
        }
        let least = self.rows.iter().map(RecentRow::octets).min().unwrap_or_default();
        least.saturating_add(least / 4)
    }
}

impl Counts {
    fn count(&mut self, point: PointIndex, all: Amount, unrowed: Amount) {
        match self.points.last_mut() {
            Some((last, sum, rest)) if *last == point => {
                *sum += all;
                *rest += unrowed;
            }
            _ => self.points.push((point, all, unrowed)),
        }
    }

    /// What has no row, once.
    fn unrowed(&self, coverage: Option<&Coverage>, sharing: Sharing<'_>) -> Amount {
        let octets: Vec<(PointIndex, u64)> = self.points.iter().map(|(point, all, _)| (*point, all.octets())).collect();
        let mut most = Amount::default();
        self.points.iter().for_each(|(.., unrowed)| most += *unrowed);
        let none = Coverage::default();
        let coverage = coverage.unwrap_or(&none);
        let all = match coverage.join(&octets, sharing) {
            Join::Whole(whole) => self.points[whole].1.part(coverage.once(octets[whole].0)),
            Join::Parts(shares) => {
                let mut sum = Amount::default();
                for ((_, all, unrowed), share) in self.points.iter().zip(shares) {
                    sum += if sharing == Sharing::Even { all.part(share) } else { unrowed.part(share) };
                }
                if sharing != Sharing::Even {
                    return sum;
                }
                sum
            }
        };
        all.beyond(self.rows).at_most(most)
    }
}

/// What has no row in slices of one time, of points in rising order: by class, and under the keys of some tables. `before` are rows
/// of the same time at points whose slices were counted earlier.
pub(crate) fn unrowed(
    slices: &[PointSlice<'_>],
    before: &[RecentRow],
    points: &Points,
    wanted: impl Fn(Kind) -> bool,
) -> Unrowed {
    if slices.iter().all(|slice| slice.summary.other_flows.is_empty()) {
        return Unrowed::default();
    }
    let complete = slices.iter().map(PointSlice::complete).max().unwrap_or_default();
    let rows = || slices.iter().flat_map(|slice| slice.rows).chain(before).copied();
    let all = SeenFlows::new(rows());
    let known = SeenFlows::new(rows().filter(|row| row.octets() >= complete));
    let mut counted: Vec<PointIndex> = before.iter().map(|row| row.point).collect();
    counted.sort_unstable();
    counted.dedup();
    let sharing = if counted.is_empty() { Sharing::Even } else { Sharing::Led(&counted) };

    let mut unrowed = Unrowed { classes: classes(slices, (&all, &known), sharing, points), keys: Vec::new() };
    let covered = |kind: Kind| {
        let mut sum = Amount::default();
        let covered = unrowed.classes.iter().filter(|(class, _)| kind.covers(*class));
        covered.for_each(|(_, amount)| sum += *amount);
        sum
    };
    let mut found = Vec::new();
    for kind in Kind::all().filter(|kind| wanted(*kind)) {
        if let Kind::Counted(facility) = kind {
            let Amount { traffic, flows } = covered(kind);
            let most = Amount { traffic: facility.total(traffic), flows };
            let keys = keys(slices, (&all, &known), sharing, points, facility);
            found.extend(bounded(keys, most).map(|(key, amount)| (kind, key, amount)));
        }
    }
    // Of what was counted earlier it is not known which ends it had.
    if before.is_empty() && Kind::all().any(|kind| matches!(kind, Kind::Group(_)) && wanted(kind)) {
        let mut groups: HashMap<Kind, Vec<(SiteKey, Amount)>> = HashMap::new();
        for (kind, key, amount) in aggregated::groups(slices, &all, points) {
            groups.entry(kind).or_default().push((key, amount));
        }
        for (kind, keys) in groups.into_iter().filter(|(kind, _)| wanted(*kind)) {
            found.extend(bounded(keys, covered(kind)).map(|(key, amount)| (kind, key, amount)));
        }
    }
    unrowed.keys = found;
    unrowed
}

fn classes(
    slices: &[PointSlice<'_>],
    (all, known): (&SeenFlows, &SeenFlows),
    sharing: Sharing<'_>,
    points: &Points,
) -> Vec<(Class, Amount)> {
    let mut counts: HashMap<(u32, Class), Counts> = HashMap::new();
    for slice in slices {
        let site = points.site(slice.point);
        for row in slice.rows {
            let amount = Amount { traffic: row.traffic(), flows: 1 };
            let counts = counts.entry((site, class_of(&row.key))).or_default();
            counts.count(slice.point, amount, Amount::default());
            if all.stands_for(row) {
                counts.rows += amount;
            }
        }
        for (class, traffic, flows) in &slice.summary.other_flows {
            let amount = Amount { traffic: *traffic, flows: *flows };
            counts.entry((site, *class)).or_default().count(slice.point, amount, amount);
        }
    }
    let coverage = known.coverage(|flow| [(points.site(flow.points[0]), class_of(&flow.key))]);
    let unrowed = counts.iter().map(|(key, counts)| (key.1, counts.unrowed(coverage.get(key), sharing)));
    unrowed.filter(|(_, amount)| *amount != Amount::default()).collect()
}

/// The keys of a facility.
fn keys(
    slices: &[PointSlice<'_>],
    (all, known): (&SeenFlows, &SeenFlows),
    sharing: Sharing<'_>,
    points: &Points,
    facility: Counted,
) -> Vec<(SiteKey, Amount)> {
    let kind = Kind::Counted(facility);
    let mut counts: HashMap<SiteKey, Counts> = HashMap::new();
    for slice in slices {
        let mut of_rows: HashMap<SiteKey, Traffic> = HashMap::new();
        for row in slice.rows {
            for (key, reversed) in kind.keys(&row.key, row.point, points).into_iter().flatten() {
                let traffic = if reversed { row.traffic().reversed() } else { row.traffic() };
                *of_rows.entry(key).or_default() += traffic;
                if all.stands_for(row) {
                    counts.entry(key).or_default().rows += Amount { traffic, flows: 0 };
                }
            }
        }
        let site = if facility.everywhere { 0 } else { points.site(slice.point) };
        let tally = slice.summary.counted.get(&facility);
        let told = tally.into_iter().flat_map(|tally| tally.rows());
        let told = told.map(|(key, counts)| ((site, TableKey::Counted(*key)), counts.traffic));
        let mut told: HashMap<SiteKey, Traffic> = told.collect();
        for (key, rows) in of_rows {
            // The key of a row may be among those that found no place in the table.
            let told = told.remove(&key).filter(|told| told.total().octets > rows.total().octets).unwrap_or(rows);
            let [all, unrowed] = [told, told - rows].map(|traffic| Amount { traffic, flows: 0 });
            counts.entry(key).or_default().count(slice.point, all, unrowed);
        }
        for (key, traffic) in told {
            let amount = Amount { traffic, flows: 0 };
            counts.entry(key).or_default().count(slice.point, amount, amount);
        }
    }
    counts.retain(|_, counts| counts.points.iter().any(|(.., unrowed)| unrowed.octets() > 0));
    let coverage = known.coverage(|flow: &SeenFlow| {
        let keys = kind.keys(&flow.key, flow.points[0], points);
        keys.into_iter().flatten().map(|(key, _)| key).filter(|key| counts.contains_key(key))
    });
    counts.iter().map(|(key, counts)| (*key, counts.unrowed(coverage.get(key), sharing))).collect()
}

/// Keys that together have no more than `most`.
fn bounded(keys: Vec<(SiteKey, Amount)>, most: Amount) -> impl Iterator<Item = (SiteKey, Amount)> {
    let mut sum = Amount::default();
    keys.iter().for_each(|(_, amount)| sum += *amount);
    let keys = keys.into_iter().map(move |(key, amount)| {
        let flows = Share { counted: most.flows.min(sum.flows), seen: sum.flows }.of(amount.flows);
        (key, Amount { traffic: scaled(amount.traffic, sum.traffic, most.traffic), flows })
    });
    keys.filter(|(_, amount)| !amount.traffic.is_empty())
}

/// A part of `sum`, made smaller as `sum` has to be to be no more than `most`. Which way it went is told differently for flows
/// and for keys, so both ways count together.
fn scaled(part: Traffic, sum: Traffic, most: Traffic) -> Traffic {
    let (sum, most) = (sum.total(), most.total());
    let of = |part: u64, sum: u64, most: u64| Share { counted: most.min(sum), seen: sum }.of(part);
    let way = |part: Counters| Counters {
        packets: of(part.packets, sum.packets, most.packets),
        octets: of(part.octets, sum.octets, most.octets),
        coalesced: of(part.coalesced, sum.coalesced, most.coalesced),
    };
    Traffic { inbound: way(part.inbound), outbound: way(part.outbound) }
}
