//! Live answers: from the last snapshots, once a second, the first at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use traf_proto::{
    Answer, ClassGroup, Facility, InterfaceSnapshot, InterfaceStats, Interval, Item, Point, Presence, Query, Report,
    Timestamp, Traffic, wire,
};

use super::merge::Merge;
use super::{Answers, View, apply};
use crate::clock;
use crate::live::{NotGranted, Seen, WishGuard};
use crate::secrets::Peer;

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

/// Reports until the console has seen enough.
pub(super) fn answers(view: View, peer: Arc<Peer>, query: Query) -> Answers<wire::Report> {
    let mut changed = view.live.changed();
    changed.mark_unchanged();
    // Interfaces are in every snapshot; all else must be wished.
    let wish = (query.facility != Facility::Interfaces).then(|| view.live.wish(&query));
    let watch = Watch { view, peer, query, wish, changed, opened: None, last: None, waiting: false };
    Box::pin(stream::unfold(Some(Box::new(watch)), |watch| async {
        let mut watch = watch?;
        watch.ready().await;
        match watch.view.over(&watch.peer) {
            Some(status) => Some((Err(status), None)),
            None => Some((Ok(wire::Report::from(&watch.report(clock::now()))), Some(watch))),
        }
    }))
}

struct Watch {
    view: View,
    peer: Arc<Peer>,
    query: Query,
    wish: Option<Result<WishGuard, NotGranted>>,
    changed: watch::Receiver<u64>,
    opened: Option<Instant>,
    last: Option<Instant>,
    /// Some sensor has not answered the wish yet.
    waiting: bool,
}

impl Watch {
    /// Returns when it is time for the next report.
    #[allow(clippy::disallowed_methods)] // the pace of the stream is its own edge
    async fn ready(&mut self) {
        if let Some(last) = self.last {
            let stop = self.view.stop.clone();
            let wait = async {
                sleep_until(last + if self.waiting { HURRY } else { PACE }).await;
                if let Ok(Ok(())) = timeout_at(last + SILENCE, self.changed.changed()).await {
                    tokio::time::sleep(GATHER).await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = wait => {}
            }
        }
        self.changed.mark_unchanged();
        self.last = Some(Instant::now());
        self.opened = self.opened.or(self.last);
    }

    /// Whether sensors may still owe their first answer.
    fn patient(&self) -> bool {
        self.opened.zip(self.last).is_none_or(|(opened, last)| last.duration_since(opened) < PATIENCE)
    }

    fn report(&mut self, now: Timestamp) -> Report {
        let query = &self.query;
        let mut report = Report {
            facility: query.facility,
            live: true,
            interval: Interval::new(now, now),
            strip: self.view.live.strip(&query.scope, now),
            ..Report::default()
        };
        let seen = self.view.live.seen(now);
        let present: Vec<&Seen> = seen
            .iter()
            .filter(|seen| seen.presence != Presence::Away && query.scope.holds_sensor(&seen.name))
            .collect();
        let mut table =
            Present { query, merge: Merge::default(), matched: 0, placed: 0, waiting: Vec::new(), points: 0 };
        for seen in &present {
            let inside = |interface: &&InterfaceSnapshot| query.scope.holds(&seen.name, &interface.interface.name);
            for interface in seen.snapshot.interfaces.iter().filter(inside) {
                report.interval.from = report.interval.from.min(interface.started);
                report.dropped = report.dropped.saturating_add(interface.ledger.dropped);
                report.rate += interface.rate - interface.own_rate;
                match &self.wish {
                    None => table.interface(seen, interface, &mut report.notes),
                    Some(Ok(wish)) => table.answer(seen, interface, wish.granted.id),
                    Some(Err(_)) => {}
                }
            }
        }
        match &self.wish {
            Some(Err(error)) => report.notes.push(error.to_string()),
            Some(Ok(wish)) if wish.granted.limit < query.limit => {
                report.notes.push(format!("only the first {} rows: many tables are open", wish.granted.limit));
            }
            _ => {}
        }
        self.waiting = !table.waiting.is_empty() && self.patient();
        if self.waiting {
            report.notes.push(Report::WAITING.to_owned());
        } else if !table.waiting.is_empty() {
            table.waiting.dedup();
            report.notes.push(format!("{}: no answer, not in these rows", table.waiting.join(", ")));
        }
        if table.points > 1 && query.facility != Facility::Interfaces {
            report.notes.push(super::past::SEVERAL.to_owned());
        }
        if query.facility == Facility::Stations && !query.filter.is_all() {
            report.notes.push("stations heed only what the filter says of MAC addresses".to_owned());
        }
        if query.facility == Facility::Sizes && !query.filter.is_all() {
            report.notes.push("sizes are not counted by conversation: only sensor and iface are heeded".to_owned());
        }
        let (matched, placed) = (table.matched, table.placed);
        let finished = table.merge.finish(query.order, query.limit, None);
        // Rows that several points share were matched by each of them.
        report.matched = matched.saturating_sub(placed.saturating_sub(finished.matched));
        (report.rows, report.total) = (finished.rows, finished.total);
        report.notes.extend(finished.notes);
        self.view.census(&mut report, &query.scope, now);
        report
    }
}

/// The table of the present in the making.
struct Present<'a> {
    query: &'a Query,
    merge: Merge,
    matched: u64,
    placed: u64,
    waiting: Vec<String>,
    points: u32,
}

impl Present<'_> {
    fn interface(&mut self, seen: &Seen, snapshot: &InterfaceSnapshot, notes: &mut Vec<String>) {
        let name = &snapshot.interface.name;
        let (classes, undecided) = super::past::of_filter(&snapshot.classes, &self.query.filter, &seen.name, name);
        if undecided && !notes.iter().any(|note| note == super::past::BY_CLASS) {
            notes.push(super::past::BY_CLASS.to_owned());
        }
        let Some(classes) = classes else { return };
        let stats = InterfaceStats {
            interface: snapshot.interface.clone(),
            ledger: snapshot.ledger,
            classes,
            rates: snapshot.rates.clone(),
            peak: snapshot.peak,
            peak_total: snapshot.peak_total,
            own: snapshot.own,
        };
        (self.matched, self.placed, self.points) = (self.matched + 1, self.placed + 1, self.points + 1);
        let point = Point::new(&seen.name, name);
        self.merge.add(&point, snapshot.rate, Item::Interface(Box::new(stats)));
    }

    fn answer(&mut self, seen: &Seen, snapshot: &InterfaceSnapshot, wish: u64) {
        let query = self.query;
        let name = &snapshot.interface.name;
        if apply::specialise(&query.filter, &seen.name).is_none()
            || apply::selects(&query.filter, &seen.name, name, None) == Some(false)
        {
            return;
        }
        let Some(answer) = snapshot.answers.iter().find(|answer| answer.id == wish) else {
            if !snapshot.gone {
                self.waiting.push(seen.name.clone());
            }
            return;
        };
        self.points += u32::from(answer.total != Traffic::default());
        self.matched += answer.matched;
        self.rows(&Point::new(&seen.name, name), answer);
    }

    fn rows(&mut self, point: &Point, answer: &Answer) {
        self.merge.add_total(answer.total);
        for row in &answer.rows {
            self.placed += u64::from(!matches!(row.item, Item::Other(..)));
            self.merge.place(point, row.rate, row.item.clone());
        }
    }
}

/// Frames and octets of all classes, for those who need one number.
pub(super) fn total(classes: &traf_proto::Classes) -> Traffic {
    classes.group(ClassGroup::Total)
}
