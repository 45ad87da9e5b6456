//! Live answers: from the last snapshots, once a second, the first at once.
//!
//! A single observation point's own answer is passed on. Where several may see the same flow they are asked for flows, each
//! is counted once, and everything else is folded from that here.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::Status;
use traf_model::{
    Answer, Counted, Facility, Gap, Group, InterfaceSnapshot, Interval, Order, OrderBy, Presence, Query, Report,
    Timestamp, Wish,
};
use traf_proto as wire;

use super::repeat::Repeated;
use crate::clock;
use crate::collector::Collector;
use crate::live::{Live, LiveSensor, WishGuard};
use crate::report::lan::Lan;
use crate::report::point::{self, ObservationPoint};
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
/// Flows of each point that tell what part of it others see too.
const SHARES: u32 = 200;

/// A live question, and what is remembered of it from report to report.
pub(super) struct LiveQuestion {
    query: Query,
    /// Asked for a scope of several points.
    several: bool,
    /// The wish for the rows; interfaces are in every snapshot.
    rows: Option<WishGuard>,
    /// The wish for what points see in common.
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
        let (lan, opened, last) = Default::default();
        Self { query, several: false, rows: None, shares: None, lan, changed, opened, last, waiting: false }
    }

    /// Asks the sensors for what this scope needs now; false if not all of it is granted.
    fn wish(&mut self, live: &Arc<Live>, several: bool) -> bool {
        if self.several != several {
            // Sensors came or went: they have the same time to answer what is asked now.
            (self.opened, self.lan, self.rows, self.several) = (self.last, Lan::default(), None, several);
        }
        // What was refused because too much was open is asked for again: somebody may have left since.
        let rows = rows_wish(&self.query, several);
        let shares = several.then(|| shares_wish(&self.query));
        let mut granted = true;
        for (guard, wanted) in [(&mut self.rows, rows), (&mut self.shares, shares)] {
            if let (None, Some(query)) = (&guard, wanted) {
                *guard = live.wish(&query);
                granted &= guard.is_some();
            }
        }
        granted
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
        // Once several were there it stays so: when one goes away, the others' rows are here already.
        let granted = self.wish(&view.live, points.len() > 1 || self.several);

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
        self.fill(&mut report, &snapshots, &points);
        self.over_time(&view.live, &mut report, (&snapshots, &points), now);
        report.gaps = silences(&seen, &self.query, now);
        view.census(&mut report, &self.query.scope, now);
        report
    }

    /// Rows, totals and what is to be said of them.
    fn fill<'s>(&mut self, report: &mut Report, snapshots: &[&'s InterfaceSnapshot], points: &[ObservationPoint]) {
        let mut waiting = Vec::new();
        let (several, rows, shares) = (self.several, self.rows.as_ref(), self.shares.as_ref());
        let query = &self.query;
        // Every point's answer, where one is due.
        let mut answers = |id: Option<u64>, needed: bool| -> Vec<Option<&'s Answer>> {
            let Some(id) = id else { return vec![None; points.len()] };
            let answer = |(snapshot, point): (&&'s InterfaceSnapshot, &ObservationPoint)| {
                let answer = snapshot.answers.iter().find(|answer| answer.id == id);
                if answer.is_none() && !snapshot.gone && needed {
                    waiting.push(point.id.sensor.clone());
                }
                answer
            };
            snapshots.iter().zip(points).map(answer).collect()
        };
        let own = answers(rows.map(WishGuard::id), true);
        let common = answers(shares.map(WishGuard::id), false);
        if several {
            self.lan.hear(points, &common);
        }
        if let ([Some(answer)], false) = (&own[..], several) {
            let wanted = answer.matched.min(query.limit.into());
            if (answer.rows.len() as u64) < wanted && query.facility != Facility::Packets {
                report.notes.push(format!("only the first {} rows: many tables are open", answer.rows.len()));
            }
        }
        match query.facility {
            Facility::Interfaces => interfaces(query, points, snapshots, &own, report),
            Facility::Packets => lines(query, &own, points, report),
            facility if several && facility.is_of_flows() => {
                self.lan.flows(query, points, &own, report);
            }
            _ if !several => alone(query, &own, points, report),
            facility => {
                let mut table = Table::new(points);
                for (point, answer) in own.iter().enumerate().filter_map(|(point, answer)| Some((point, (*answer)?))) {
                    table.answer(point, answer, facility);
                }
                table.finish(query, None, report);
                if facility.counted().is_some_and(Counted::per_point) {
                    report.notes.push(EACH.to_owned());
                }
            }
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
        (snapshots, points): (&[&InterfaceSnapshot], &[ObservationPoint]),
        now: Timestamp,
    ) {
        let several = self.several;
        for (snapshot, point) in snapshots.iter().zip(points) {
            let rate = snapshot.rate - snapshot.own_rate;
            report.rate += if several { self.lan.note(&point.id, now).of_traffic(rate) } else { rate };
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

fn point(seen: &LiveSensor, interface: &InterfaceSnapshot) -> ObservationPoint {
    let fresh = seen.presence == Presence::Reporting && !interface.gone;
    let settings = &seen.snapshot.settings.settings;
    ObservationPoint::new((&seen.name, &seen.snapshot.site), &interface.interface, fresh, Some(settings))
}

/// The wish for the rows.
fn rows_wish(query: &Query, several: bool) -> Option<Query> {
    match query.facility {
        Facility::Interfaces if query.filter.is_all() => None,
        facility if several && facility.is_of_flows() => {
            let sorted = query.facility == Facility::Traffic && query.group == Group::Flow;
            // Where there is no room for all flows, what the rows are sorted by decides which are folded.
            let order = match query.order.by {
                _ if sorted => query.order,
                by @ (OrderBy::Rate | OrderBy::Packets) => Order { by, ascending: false },
                _ => Order::default(),
            };
            Some(Query { facility: Facility::Traffic, group: Group::Flow, order, limit: Wish::LIMIT, ..query.clone() })
        }
        _ => Some(query.clone()),
    }
}

/// The wish that tells which part of each point others see too.
fn shares_wish(query: &Query) -> Query {
    let (scope, order) = (query.scope.clone(), Order { by: OrderBy::Octets, ascending: false });
    Query { facility: Facility::Traffic, scope, order, limit: SHARES, ..Query::default() }
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
            point: traf_model::Point::new(&seen.name, &interface.interface.name),
        })
    });
    gaps::by_sensor(gaps.collect())
}
