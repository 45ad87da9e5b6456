//! Live answers: from the last snapshots, once a second, the first at once.
//!
//! A single observation point's own answer is passed on. Where several may see the same flow, tables are those of the LAN: what is
//! committed, and what each point counts in slices that are not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::Status;
use traf_model::{
    Answer, Counted, Facility, Filter, Gap, Group, InterfaceSnapshot, Interval, Order, OrderBy, Point, Presence, Query,
    Report, Timestamp, Wish,
};
use traf_proto as wire;

use super::repeat::Repeated;
use crate::clock;
use crate::collector::Collector;
use crate::live::lan::LanQuestion;
use crate::live::points::PointIndex;
use crate::live::tally::Kind;
use crate::live::{Live, LiveSensor, WishGuard};
use crate::report::lan::{self, Lan};
use crate::report::point::{self, ObservationPoint, Share};
use crate::report::rows::{alone, interfaces, lines};
use crate::report::table::Table;
use crate::report::{EACH, filter as apply, gaps};

/// Between two reports; a little less than the second between two snapshots, so that none is missed.
const PACE: Duration = Duration::from_millis(900);
/// While sensors still owe their first answer.
const HURRY: Duration = Duration::from_millis(50);
/// For how long they may owe it: after that the report goes on without them, and says so.
const PATIENCE: Duration = Duration::from_secs(3);
/// Silence after which the same is said again, so that the console knows that we are there.
const SILENCE: Duration = Duration::from_secs(1);
/// Several sensors speak at about the same time: one report for all.
const GATHER: Duration = Duration::from_millis(40);
/// Rows of a slice that all points together are asked for, and the fewest and most of one point: of keys, and of the busiest flows.
const KEYS: (u32, u32, u32) = (40_000, 100, 500);
const FLOWS: (u32, u32, u32) = (15_000, 50, 150);

/// A live question, and what is remembered of it from report to report.
pub(super) struct LiveQuestion {
    query: Query,
    /// Asked for a scope of several points.
    several: bool,
    /// The wish for the rows; interfaces are in every snapshot.
    rows: Option<WishGuard>,
    /// The wish for the keys of a LAN's table in the slices that are not committed.
    keys: Option<WishGuard>,
    /// The wish for the busiest flows of these, as the filter selects them.
    flows: Option<WishGuard>,
    /// The same without a filter: it tells which part of each point counts.
    shares: Option<WishGuard>,
    lan: Lan,
    changed: watch::Receiver<()>,
    opened: Option<Instant>,
    last: Option<Instant>,
    /// Some sensor has not answered the wish yet.
    waiting: bool,
}

impl Repeated for LiveQuestion {
    type Answer = wire::Report;

    #[allow(clippy::disallowed_methods)] // the pace of the stream is its own edge
    async fn due(&mut self, _: bool) -> bool {
        if let Some(last) = self.last {
            sleep_until(last + if self.waiting { HURRY } else { PACE }).await;
            if let Ok(Ok(())) = timeout_at(last + SILENCE, self.changed.changed()).await {
                tokio::time::sleep(GATHER).await;
            }
        }
        self.changed.mark_unchanged();
        self.last = Some(Instant::now());
        self.opened = self.opened.or(self.last);
        true
    }

    async fn answer(&mut self, view: &Collector) -> Result<wire::Report, Status> {
        Ok(wire::Report::from(&self.report(view, clock::now())))
    }
}

impl LiveQuestion {
    pub(super) fn new(view: &Collector, query: Query) -> Self {
        let mut changed = view.live.changed.subscribe();
        changed.mark_unchanged();
        let (lan, opened, last, rows, keys, flows, shares) = Default::default();
        let (several, waiting) = (false, false);
        Self { query, several, rows, keys, flows, shares, lan, changed, opened, last, waiting }
    }

    /// Asks the sensors for what a scope of so many points needs now; false if not all of it is granted.
    fn wish(&mut self, live: &Arc<Live>, points: usize) -> bool {
        // Once several were there it stays so: when one goes away, the others' rows are here already.
        let several = points > 1 || self.several;
        if self.several != several {
            // Sensors came or went: they have the same time to answer what is asked now.
            (self.opened, self.lan, self.rows, self.several) = (self.last, Lan::default(), None, several);
        }
        let query = &self.query;
        let kind = self.kind();
        let of_slice = |filtered: bool, (all, least, most): (u32, u32, u32), facility, group| Query {
            facility,
            group,
            filter: if filtered { query.filter.clone() } else { Filter::default() },
            order: Order { by: OrderBy::Octets, ascending: false },
            limit: (all / u32::try_from(points.max(1)).unwrap_or(u32::MAX)).clamp(least, most),
            ..query.clone()
        };
        let flows = |filtered| of_slice(filtered, FLOWS, Facility::Traffic, Group::Flow);
        let filtered = several && query.facility.is_of_flows() && !query.filter.is_all();
        let wanted = [
            (&mut self.rows, rows_wish(query, several).filter(|_| kind.is_none()), false),
            (&mut self.keys, kind.map(|_| of_slice(true, KEYS, query.facility, query.group)), true),
            (&mut self.flows, filtered.then(|| flows(true)), true),
            (&mut self.shares, several.then(|| flows(false)), true),
        ];
        let mut granted = true;
        // What was refused because too much was open is asked for again: somebody may have left since.
        for (guard, query, slice) in wanted {
            if let (None, Some(query)) = (&guard, query) {
                *guard = live.wish(&query, slice);
                granted &= guard.is_some();
            }
        }
        granted
    }

    /// The table of the LAN that is asked for; `None` if it is of one point, or of something else than keys of flows.
    fn kind(&self) -> Option<Kind> {
        Kind::of(self.query.facility, self.query.group).filter(|_| self.several)
    }

    fn report(&mut self, view: &Collector, now: Timestamp) -> Report {
        let seen = view.live.seen(now);
        let (scope, filter) = (&self.query.scope, &self.query.filter);
        let inside = |sensor: &str, interface: &str| {
            scope.holds(sensor, interface) && apply::concerns(filter, sensor, interface)
        };
        let (snapshots, points): (Vec<&InterfaceSnapshot>, Vec<ObservationPoint>) = seen
            .iter()
            .filter(|seen| seen.presence != Presence::Away)
            .flat_map(|seen| seen.snapshot.interfaces.iter().map(move |snapshot| (seen, snapshot)))
            .filter(|(seen, snapshot)| inside(&seen.name, &snapshot.interface.name))
            .map(|(seen, snapshot)| (snapshot, point(seen, snapshot)))
            .unzip();
        let granted = self.wish(&view.live, points.len());

        let mut report = Report {
            facility: self.query.facility,
            live: true,
            interval: Interval::new(now, now),
            ..Report::default()
        };
        for snapshot in &snapshots {
            report.interval.from = report.interval.from.min(snapshot.started);
            report.dropped = report.dropped.saturating_add(snapshot.ledger.dropped);
        }
        if !granted {
            report.notes.push(Report::CROWDED.to_owned());
        }
        let present = present(view, &seen, &points, now);
        self.fill(&view.live, &mut report, (&snapshots, &points, &present), now);
        self.over_time(&view.live, &mut report, (&snapshots, &points, &present), now);
        report.gaps = silences(&seen, &self.query, now);
        view.census(&mut report, &self.query.scope, now);
        report
    }

    /// Rows, totals and what is to be said of them.
    fn fill<'s>(
        &mut self,
        live: &Live,
        report: &mut Report,
        (snapshots, points, present): (&[&'s InterfaceSnapshot], &[ObservationPoint], &[PointIndex]),
        now: Timestamp,
    ) {
        let mut waiting = Vec::new();
        let (several, kind) = (self.several, self.kind());
        let query = &self.query;
        // Every point's answer.
        let id = self.rows.as_ref().map(WishGuard::id);
        let answer = |(snapshot, point): (&&'s InterfaceSnapshot, &ObservationPoint)| {
            let answer = snapshot.answers.iter().find(|answer| Some(answer.id) == id);
            if answer.is_none() && !snapshot.gone && id.is_some() {
                waiting.push(point.id.sensor.clone());
            }
            answer
        };
        let own: Vec<Option<&'s Answer>> = snapshots.iter().zip(points).map(answer).collect();
        let flows = if query.filter.is_all() { &self.shares } else { &self.flows };
        let question = LanQuestion {
            scope: &query.scope,
            filter: &query.filter,
            present,
            flows: flows.as_ref().map(WishGuard::id),
            now,
        };
        if let ([Some(answer)], false) = (&own[..], several) {
            let wanted = answer.matched.min(query.limit.into());
            if (answer.rows.len() as u64) < wanted && query.facility != Facility::Packets {
                report.notes.push(format!("only the first {} rows: many tables are open", answer.rows.len()));
            }
        }
        match query.facility {
            Facility::Interfaces => interfaces(query, points, snapshots, &own, report),
            Facility::Packets => lines(query, &own, points, report),
            Facility::Traffic if several && kind.is_none() => {
                let mut lan = live.lan();
                let totals = lan.totals(&question, |_, _| {});
                report.interval.from = totals.since.unwrap_or(report.interval.from);
                self.lan.flows(query, points, &own, (&lan, &totals), report);
            }
            _ if !several => alone(query, &own, points, report),
            facility => match kind {
                Some(kind) => {
                    let (keys, mut lan) = (self.keys.as_ref().map(WishGuard::id), live.lan());
                    let silent = |point: &&PointIndex| keys.is_some_and(|keys| !lan.has_answered(**point, keys));
                    let silent = present.iter().filter(silent).filter_map(|point| lan.points.get(*point));
                    waiting.extend(silent.map(|point| point.id.sensor.clone()));
                    let answer = lan.table(&question, kind, keys);
                    report.interval.from = answer.totals.since.unwrap_or(report.interval.from);
                    lan::table(query, kind, answer, &lan.points, report);
                }
                None => {
                    let mut table = Table::new(points);
                    let answers = own.iter().enumerate().filter_map(|(point, answer)| Some((point, (*answer)?)));
                    answers.for_each(|(point, answer)| table.answer(point, answer, facility));
                    table.finish(query, None, report);
                    if facility.counted().is_some_and(Counted::per_point) {
                        report.notes.push(EACH.to_owned());
                    }
                }
            },
        }
        for answer in own.iter().flatten() {
            if let Some(since) = answer.since {
                report.interval.from = report.interval.from.max(since);
            }
            for (largest, seen) in report.largest.iter_mut().zip(answer.largest) {
                *largest = (*largest).max(seen);
            }
        }
        report.mtu = point::mtu(points);
        waiting.dedup();
        let patient = self.opened.zip(self.last).is_none_or(|(opened, last)| last.duration_since(opened) < PATIENCE);
        self.waiting = !waiting.is_empty() && patient;
        if self.waiting {
            report.notes.push(Report::WAITING.to_owned());
        } else if !waiting.is_empty() && report.facility != Facility::Interfaces {
            report.notes.push(format!("{}: no answer, not in these rows", waiting.join(", ")));
        }
    }

    /// The rate of the scope and its strip, in a LAN each byte once.
    fn over_time(
        &mut self,
        live: &Live,
        report: &mut Report,
        (snapshots, points, present): (&[&InterfaceSnapshot], &[ObservationPoint], &[PointIndex]),
        now: Timestamp,
    ) {
        let several = self.several;
        let mut shares: HashMap<Point, Share> = HashMap::new();
        if several {
            let (scope, filter) = (&self.query.scope, &Filter::default());
            let flows = self.shares.as_ref().map(WishGuard::id);
            let mut lan = live.lan();
            let mut known = Vec::new();
            lan.totals(&LanQuestion { scope, filter, present, flows, now }, |point, share| known.push((point, share)));
            let named = |(point, share)| Some((lan.points.get(point)?.id.clone(), share));
            shares = known.into_iter().filter_map(named).collect();
        }
        for (snapshot, point) in snapshots.iter().zip(points) {
            let rate = snapshot.rate - snapshot.own_rate;
            report.rate += if several {
                let share = shares.get(&point.id).copied().unwrap_or_default();
                self.lan.note(&point.id, share, now);
                share.of_traffic(rate)
            } else {
                rate
            };
        }
        let (lan, filter) = (&self.lan, &self.query.filter);
        let (from, octets) = live.strip(&self.query.scope, now, |sensor, interface, second, octets| {
            if !apply::concerns(filter, sensor, interface) {
                0
            } else if several {
                lan.shares.at(sensor, interface, second).of(octets)
            } else {
                octets
            }
        });
        report.strip = point::strip(from, traf_model::time::SECOND, &octets);
    }
}

/// The points that speak now, by their numbers in the LAN. A sensor whose clock is far ahead counts for itself only.
fn present(view: &Collector, seen: &[LiveSensor], points: &[ObservationPoint], now: Timestamp) -> Vec<PointIndex> {
    let (lan, ahead) = (view.live.lan(), now.after(view.store.clock_ahead()).since(now));
    let near = |point: &&ObservationPoint| {
        let sensor = seen.iter().find(|seen| seen.name == point.id.sensor);
        point.fresh && sensor.is_some_and(|seen| seen.offset <= ahead)
    };
    let mut present: Vec<PointIndex> =
        points.iter().filter(near).filter_map(|point| lan.points.of(&point.id)).collect();
    present.sort_unstable();
    present
}

fn point(seen: &LiveSensor, interface: &InterfaceSnapshot) -> ObservationPoint {
    let fresh = seen.presence == Presence::Reporting && !interface.gone;
    let settings = &seen.snapshot.settings.settings;
    ObservationPoint::new((&seen.name, &seen.snapshot.site), &interface.interface, fresh, Some(settings))
}

/// The wish for the rows.
fn rows_wish(query: &Query, several: bool) -> Option<Query> {
    match query.facility {
        Facility::Interfaces if query.filter.is_all() => None,
        // What is among the first at one point need not be at another.
        Facility::Traffic if several => Some(Query { limit: Wish::LIMIT, ..query.clone() }),
        _ => Some(query.clone()),
    }
}

/// Sensors of the scope that were heard before and are silent now.
fn silences(seen: &[LiveSensor], query: &Query, now: Timestamp) -> Vec<Gap> {
    let silent =
        seen.iter().filter(|seen| seen.presence != Presence::Reporting && query.scope.holds_sensor(&seen.name));
    let gaps = silent.flat_map(|seen| {
        let open = seen.snapshot.interfaces.iter().filter(|interface| !interface.gone);
        let inside = open.filter(|interface| query.scope.holds(&seen.name, &interface.interface.name));
        inside.map(|interface| Gap {
            interval: Interval::new(seen.received, now),
            point: Point::new(&seen.name, &interface.interface.name),
        })
    });
    gaps::by_sensor(gaps.collect())
}
