//! Answers from the store: what the slices that overlap a window say, added up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tonic::Status;
use tracing::error;
use traf_proto::time::SECOND;
use traf_proto::{
    Classes, Facility, Filter, Host, InterfaceStats, Interval, Item, Point, Ports, Query, Report, Strip, Timestamp,
    Traffic, Window, wire,
};

use super::merge::Merge;
use super::present::total;
use super::{Answers, View, apply};
use crate::clock;
use crate::secrets::Peer;
use crate::store::{Fact, Place, Selection, Slice, StoreError, StoredPoint, Tier};

/// What a table over more than one point must say.
pub(super) const SEVERAL: &str = "several observation points are added up; flows seen twice count twice";
/// What a table of interfaces under a filter must say when the filter asks for more than classes.
pub(super) const BY_CLASS: &str =
    "interfaces are counted by class: what the filter says of addresses, ports and VLANs is not heeded";
/// What a window without any stored slice must say.
const NOTHING: &str = "nothing is stored of this window";

/// A question to the store that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Steps of a strip, at most.
const STEPS: i64 = 300;
/// Lengths of a step in seconds, of which the first that is long enough is taken.
const STEP: [i64; 12] = [1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 21_600, 86_400];

/// The last stretch of time, asked again each second.
pub(super) fn answers_again(view: View, peer: Arc<Peer>, query: Query) -> Answers<wire::Report> {
    Box::pin(stream::unfold(Some((view, peer, query, false)), |state| async {
        let (view, peer, query, again) = state?;
        if again {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = view.stop.cancelled() => {}
            }
        }
        if let Some(status) = view.over(&peer) {
            return Some((Err(status), None));
        }
        let (now, length) = match query.window {
            Window::Last(length) => (clock::now(), length),
            _ => return None,
        };
        match view.past(&query, Interval::new(now.before(length), now)).await {
            Ok(report) => Some((Ok(wire::Report::from(&report)), Some((view, peer, query, true)))),
            Err(status) => Some((Err(status), None)),
        }
    }))
}

impl View {
    /// The answer for a window of the past.
    pub(super) async fn past(&self, query: &Query, interval: Interval) -> Result<Report, Status> {
        let asking = async {
            let _turn =
                self.turns.acquire().await.map_err(|_| Status::unavailable("the collector is shutting down"))?;
            self.ask(query, interval).await.map_err(|error| {
                error!("a question to the store failed: {error}");
                Status::unavailable("the store cannot answer just now: try again")
            })
        };
        tokio::select! {
            () = self.stop.cancelled() => Err(Status::unavailable("the collector is shutting down: come again soon")),
            answer = tokio::time::timeout(PATIENCE, asking) => answer.unwrap_or_else(|_| {
                Err(Status::resource_exhausted("the window holds too much to add up in 20 seconds: choose a shorter one"))
            }),
        }
    }

    async fn ask(&self, query: &Query, interval: Interval) -> Result<Report, StoreError> {
        let now = clock::now();
        let points = self.store.points().await?;
        let points: HashMap<Place, StoredPoint> = points
            .into_iter()
            .filter(|point| query.scope.holds(&point.sensor, &point.interface.name))
            .map(|point| (point.place, point))
            .collect();
        let mut sensors: Vec<i64> = points.keys().map(|place| place.sensor).collect();
        sensors.sort_unstable();
        sensors.dedup();
        let selection = Selection { interval, sensors };
        let slices = self.store.slices(&selection).await?;
        let covered = slices.iter().map(|slice| slice.interval).reduce(Interval::hull);
        let kept = self.store.kept().await?;
        let mut report =
            Report { facility: query.facility, interval: covered.unwrap_or(interval), ..Report::default() };
        if covered.is_none() {
            report.notes.push(NOTHING.to_owned());
        }
        let nanos = time_covered(&slices);
        let tier = if report.interval.from < kept.second { Tier::Minute } else { Tier::Second };
        let ask = Ask { view: self, query, points: &points, selection: &selection };
        let interfaces = ask.interfaces(tier, nanos).await?;
        for stats in interfaces.values() {
            report.dropped = report.dropped.saturating_add(stats.ledger.dropped);
            report.rate += (total(&stats.classes) - stats.own).per_second(nanos);
        }
        let mut merge = Merge::default();
        let seen = match query.facility {
            Facility::Interfaces => {
                if tier == Tier::Minute && covered.is_some() {
                    report.notes.push("seconds of this window are retired: whole minutes are shown".to_owned());
                }
                ask.interface_rows(interfaces, nanos, &mut merge, &mut report.notes);
                0
            }
            facility => {
                if interval.from < kept.flow {
                    let since = kept.flow;
                    report.notes.push(format!("details before {since} are retired; interfaces are still kept"));
                }
                ask.rows(facility, &mut merge, &mut report.notes).await?
            }
        };
        if seen > 1 {
            report.notes.push(SEVERAL.to_owned());
        }
        let table = merge.finish(query.order, query.limit, Some(nanos));
        (report.rows, report.matched, report.total) = (table.rows, table.matched, table.total);
        report.notes.extend(table.notes);
        report.strip = ask.strip(report.interval, kept.second).await?;
        self.census(&mut report, &query.scope, now);
        Ok(report)
    }
}

struct Ask<'a> {
    view: &'a View,
    query: &'a Query,
    points: &'a HashMap<Place, StoredPoint>,
    selection: &'a Selection,
}

impl Ask<'_> {
    /// What every point of the scope saw, by class.
    async fn interfaces(&self, tier: Tier, nanos: i64) -> Result<HashMap<Place, InterfaceStats>, StoreError> {
        let (store, mut all) = (&self.view.store, HashMap::<Place, InterfaceStats>::new());
        let stats =
            |all: &mut HashMap<Place, InterfaceStats>, place: Place, change: &dyn Fn(&mut InterfaceStats)| {
                let Some(point) = self.points.get(&place) else { return };
                change(all.entry(place).or_insert_with(|| InterfaceStats {
                    interface: point.interface.clone(),
                    ..InterfaceStats::default()
                }));
            };
        store
            .facts(Facility::Interfaces, self.selection, &mut |place, fact| {
                if let Fact::Ledger(ledger, own, _) = fact {
                    stats(&mut all, place, &|stats| {
                        stats.ledger.merge(&ledger);
                        stats.own += own;
                    });
                }
            })
            .await?;
        let mut steps: HashMap<(Place, i64), Traffic> = HashMap::new();
        store
            .classes(tier, self.selection, &mut |place, at, fact| {
                if let Fact::Class(class, traffic) = fact {
                    stats(&mut all, place, &|stats| stats.classes.add(class, traffic));
                    *steps.entry((place, at)).or_default() += traffic;
                }
            })
            .await?;
        let step = if tier == Tier::Minute { 60 } else { 1 };
        for ((place, _), traffic) in steps {
            let rate = traffic.per_second((step * SECOND).min(nanos.max(SECOND)));
            stats(&mut all, place, &|stats| {
                if rate.total().octets > stats.peak.total().octets {
                    stats.peak = rate;
                }
            });
        }
        Ok(all)
    }

    fn interface_rows(
        &self,
        interfaces: HashMap<Place, InterfaceStats>,
        nanos: i64,
        merge: &mut Merge,
        notes: &mut Vec<String>,
    ) {
        for (place, mut stats) in interfaces {
            let Some(point) = self.points.get(&place) else { continue };
            let name = &point.interface.name;
            let (classes, undecided) = of_filter(&stats.classes, &self.query.filter, &point.sensor, name);
            if undecided && !notes.iter().any(|note| note == BY_CLASS) {
                notes.push(BY_CLASS.to_owned());
            }
            let Some(classes) = classes else { continue };
            stats.classes = classes;
            let rate = total(&stats.classes).per_second(nanos);
            merge.add(&Point::new(&point.sensor, name), rate, Item::Interface(Box::new(stats)));
        }
    }

    /// Rows of any other facility; gives how many points had any.
    async fn rows(&self, facility: Facility, merge: &mut Merge, notes: &mut Vec<String>) -> Result<usize, StoreError> {
        let filter = &self.query.filter;
        // Hosts and services under a filter are those of the flows that it selects.
        let through_flows = !filter.is_all() && matches!(facility, Facility::Hosts | Facility::Services);
        let source = if through_flows { Facility::Traffic } else { facility };
        let points: HashMap<Place, Point> = self
            .points
            .iter()
            .map(|(place, point)| (*place, Point::new(&point.sensor, &point.interface.name)))
            .collect();
        let mut rows =
            Rows { facility, filter, merge, seen: Vec::new(), left_out: Traffic::default(), undecided: false };
        self.view
            .store
            .facts(source, self.selection, &mut |place, fact| {
                if let Some(point) = points.get(&place) {
                    rows.take(place, point, fact);
                }
            })
            .await?;
        let octets = rows.left_out.total().octets;
        if octets > 0 {
            notes
                .push(format!("{octets} octets had no row of their own: whether the filter selects them is not known"));
        }
        if rows.undecided {
            let what = if facility == Facility::Sizes { "sizes" } else { "stations" };
            notes
                .push(format!("{what} are not stored by conversation: only sensor and iface of the filter are heeded"));
        }
        Ok(rows.seen.len())
    }

    /// Octets over time around the window, from what is kept by the second or the minute.
    async fn strip(&self, covered: Interval, seconds_kept: Timestamp) -> Result<Strip, StoreError> {
        let to = covered.to.seconds() + i64::from(covered.to.0 % SECOND != 0);
        let from = covered.from.seconds().min(to - STEPS);
        let mut step = STEP.into_iter().find(|step| (to - from) / step <= STEPS).unwrap_or((to - from) / STEPS + 1);
        let tier = if step >= 60 || Timestamp::from_seconds(from) < seconds_kept { Tier::Minute } else { Tier::Second };
        if tier == Tier::Minute {
            step = step.max(60);
        }
        let from = from - from.rem_euclid(step);
        let count = usize::try_from((to - from + step - 1) / step).unwrap_or(0);
        let interval = Interval::new(Timestamp::from_seconds(from), Timestamp::from_seconds(to));
        let selection = Selection { interval, sensors: self.selection.sensors.clone() };
        let mut octets = vec![0u64; count];
        self.view
            .store
            .classes(tier, &selection, &mut |place, at, fact| {
                if let (Fact::Class(_, traffic), true) = (fact, self.points.contains_key(&place))
                    && let Ok(place) = usize::try_from((at - from).div_euclid(step))
                    && let Some(sum) = octets.get_mut(place)
                {
                    *sum = sum.saturating_add(traffic.total().octets);
                }
            })
            .await?;
        let mut gap = vec![true; count];
        for slice in self.view.store.slices(&selection).await? {
            let first = (slice.interval.from.seconds() - from).div_euclid(step).max(0);
            let last = (Timestamp(slice.interval.to.0 - 1).seconds() - from).div_euclid(step).min(count as i64 - 1);
            (first..=last).for_each(|place| gap[place as usize] = false);
        }
        let gaps = (0u32..).zip(&gap).filter(|(_, gap)| **gap).map(|(place, _)| place).collect();
        Ok(Strip { from: interval.from, step: step * SECOND, octets, gaps })
    }
}

/// Facts become rows.
struct Rows<'a> {
    facility: Facility,
    filter: &'a Filter,
    merge: &'a mut Merge,
    seen: Vec<Place>,
    /// What had no row, and of which the filter cannot say whether it belongs here.
    left_out: Traffic,
    undecided: bool,
}

impl Rows<'_> {
    fn take(&mut self, place: Place, point: &Point, fact: Fact) {
        let interface = point.interface.as_deref().unwrap_or_default();
        let (merge, none) = (&mut *self.merge, Traffic::default());
        let filter = self.filter;
        match fact {
            Fact::Flow(flow, _) => {
                let Some(flow) = apply::masked(filter, flow, &point.sensor, interface) else { return };
                let (key, traffic) = (flow.key, flow.traffic);
                match self.facility {
                    Facility::Hosts => {
                        merge.add(point, none, Item::Host(key.source.address, Host { traffic, ..Host::default() }));
                        merge.add(
                            point,
                            none,
                            Item::Host(
                                key.destination.address,
                                Host { traffic: traffic.reversed(), ..Host::default() },
                            ),
                        );
                    }
                    Facility::Services => {
                        let Some(service) = flow.service(&Ports::default()) else { return };
                        let at_source = key.source.port == service.port && key.destination.port != service.port;
                        let traffic = if at_source { traffic } else { traffic.reversed() };
                        merge.add(point, none, Item::Service(service, traffic));
                    }
                    _ => merge.add(point, none, Item::Flow(flow)),
                }
            }
            Fact::OtherFlows(class, traffic, keys) => {
                match apply::selects(filter, &point.sensor, interface, Some(class)) {
                    Some(true) if self.facility == Facility::Traffic => {
                        merge.add(point, none, Item::Other(class, traffic, keys));
                    }
                    Some(false) => return,
                    _ => self.left_out += traffic,
                }
            }
            Fact::Service(service, traffic) => match service {
                Some(service) => merge.add(point, none, Item::Service(service, traffic)),
                None => merge.add_total(traffic),
            },
            Fact::Host(host, traffic) => match host {
                Some(host) => merge.add(point, none, Item::Host(host, Host { traffic, ..Host::default() })),
                None => merge.add_total(traffic),
            },
            Fact::Size(bracket, traffic) => {
                if !self.selected(point, interface) {
                    return;
                }
                self.merge.add(point, none, Item::Size(bracket, traffic));
            }
            Fact::Station(mac, station) => {
                if !self.selected(point, interface) {
                    return;
                }
                match mac {
                    Some(mac) => self.merge.add(point, none, Item::Station(mac, station)),
                    None => self.merge.add_total(station.traffic),
                }
            }
            Fact::Ledger(..) | Fact::Class(..) => return,
        }
        if !self.seen.contains(&place) {
            self.seen.push(place);
        }
    }

    fn selected(&mut self, point: &Point, interface: &str) -> bool {
        let selected = apply::selects(self.filter, &point.sensor, interface, None);
        self.undecided |= selected.is_none();
        selected != Some(false)
    }
}

/// The classes that a filter selects (none at all: `None`), and whether it asked for more than classes can tell.
pub(super) fn of_filter(classes: &Classes, filter: &Filter, sensor: &str, interface: &str) -> (Option<Classes>, bool) {
    if apply::selects(filter, sensor, interface, None) == Some(false) {
        return (None, false);
    }
    let mut undecided = false;
    let selected = classes
        .rows()
        .filter(|(class, _)| {
            let selected = apply::selects(filter, sensor, interface, Some(*class));
            undecided |= selected.is_none();
            selected != Some(false)
        })
        .collect();
    (Some(selected), undecided)
}

/// Nanoseconds that the slices cover, those of several sensors at the same time once.
fn time_covered(slices: &[Slice]) -> i64 {
    let mut intervals: Vec<Interval> = slices.iter().map(|slice| slice.interval).collect();
    intervals.sort_unstable();
    let (mut sum, mut until) = (0i64, i64::MIN);
    for Interval { from, to } in intervals {
        sum = sum.saturating_add((to.0 - from.0.max(until)).max(0));
        until = until.max(to.0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_two_sensors_cover_counts_once() {
        let slice = |from, to| Slice { sensor: 1, interval: Interval::new(Timestamp(from), Timestamp(to)) };
        assert_eq!(time_covered(&[slice(0, 10), slice(0, 10), slice(5, 15), slice(20, 30)]), 25);
        assert_eq!(time_covered(&[]), 0);
    }
}
