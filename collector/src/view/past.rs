//! Answers from the store: what the slices that overlap a window say, added up, in a LAN each byte once.

mod flows;
mod statistics;
mod unrowed;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tonic::Status;
use tracing::error;
use traf_model::facility::{KeyKind, Source};
use traf_model::{Counted, Facility, Gap, Interval, Item, Key, Learnt, Query, Report, Timestamp, Traffic};
use traf_proto as wire;

use self::flows::Detail;
use super::repeat::Repeated;
use crate::clock;
use crate::collector::Collector;
use crate::report::gaps::{self, Record, time_covered};
use crate::report::point::{ObservationPoint, mtu};
use crate::report::table::Table;
use crate::report::{EACH, filter as apply};
use crate::store::{Fact, Identity, Kept, PointKey, Selection, StoreError, StoredPoint, Tier};

/// Note where nothing tells what several observation points saw in common.
const SEVERAL: &str = "several observation points are added up here: what several of them saw counts for each";
/// Note of a window without any stored slice.
const NOTHING: &str = "nothing is stored of this window";

/// A question to the store that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The last stretch of time, asked again each second.
pub(super) struct LastStretch {
    pub(super) query: Query,
    pub(super) length: Duration,
}

impl Repeated for LastStretch {
    type Answer = wire::Report;

    async fn answer(&mut self, view: &Collector) -> Result<wire::Report, Status> {
        let now = clock::now();
        view.past(&self.query, Interval::new(now.before(self.length), now), now).await
    }
}

impl Collector {
    /// The answer for a window of the past.
    pub(super) async fn past(&self, query: &Query, interval: Interval, now: Timestamp) -> Result<wire::Report, Status> {
        let asking = async {
            let _turn =
                self.turns.acquire().await.map_err(|_| Status::unavailable("the collector is shutting down"))?;
            let report = self.ask(query, interval, now).await;
            report.map(|report| wire::Report::from(&report)).map_err(|error| {
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

    async fn ask(&self, query: &Query, interval: Interval, now: Timestamp) -> Result<Report, StoreError> {
        let all = self.store.points().await?;
        let ask = Ask::new(self, query, (interval, now), &all);
        let slices = self.store.slices(&ask.selection).await?;
        let covered = slices.iter().map(|slice| slice.interval).reduce(Interval::hull);
        let kept = self.store.kept().await?;
        let mut report =
            Report { facility: query.facility, interval: covered.unwrap_or(interval), ..Report::default() };
        if covered.is_none() {
            report.notes.push(NOTHING.to_owned());
        }
        let nanos = time_covered(slices.iter().map(|slice| slice.interval).collect());
        ask.answer(&mut report, kept, nanos).await?;
        report.gaps = ask.gaps(interval, now, &all).await?;
        self.census(&mut report, &query.scope, now);
        Ok(report)
    }
}

/// One question to the store.
struct Ask<'a> {
    view: &'a Collector,
    query: &'a Query,
    points: Vec<ObservationPoint>,
    /// The same as the store has them.
    stored: Vec<StoredPoint>,
    /// The point of each observation point in scope.
    places: HashMap<PointKey, usize>,
    /// Every point of the sites in scope is in scope: the marks of the store say who counts.
    whole: bool,
    selection: Selection,
}

impl<'a> Ask<'a> {
    fn new(view: &'a Collector, query: &'a Query, (interval, now): (Interval, Timestamp), all: &[StoredPoint]) -> Self {
        let inside = |stored: &&StoredPoint| {
            let (sensor, interface) = (&stored.sensor, &stored.interface.name);
            query.scope.holds(sensor, interface) && apply::concerns(&query.filter, sensor, interface)
        };
        let stored: Vec<StoredPoint> = all.iter().filter(inside).cloned().collect();
        // The ports that a sensor serves now are taken for those of then: they are not stored.
        let seen = view.live.seen(now);
        let point = |stored: &StoredPoint| {
            let settings = seen.iter().find(|seen| seen.name == stored.sensor);
            let settings = settings.map(|seen| &seen.snapshot.settings.settings);
            ObservationPoint::new((&stored.sensor, &stored.site), &stored.interface, true, settings)
        };
        let points = stored.iter().map(point).collect();
        let places = stored.iter().zip(0..).map(|(stored, point)| (stored.place, point)).collect();
        let whole = !all.iter().any(|left| !inside(&left) && stored.iter().any(|other| other.site == left.site));
        let mut sensors: Vec<i64> = stored.iter().map(|stored| stored.place.sensor).collect();
        sensors.sort_unstable();
        sensors.dedup();
        Self { view, query, points, stored, places, whole, selection: Selection { interval, sensors } }
    }

    fn several(&self) -> bool {
        self.points.len() > 1
    }

    async fn answer(&self, report: &mut Report, kept: Kept, nanos: i64) -> Result<(), StoreError> {
        let query = self.query;
        let tier = if report.interval.from < kept.second { Tier::Minute } else { Tier::Second };
        let mut table = Table::new(&self.points).wanted(query, nanos);
        let known = self.selection.interval.from >= kept.flow;
        let mut interfaces = self.interfaces(tier, nanos).await?;
        let dropped = interfaces.found.values().map(|found| found.stats.ledger.dropped);
        report.dropped = dropped.fold(0, u64::saturating_add);
        for found in interfaces.found.values() {
            report.largest = [0, 1].map(|way| report.largest[way].max(found.largest[way]));
        }
        report.mtu = mtu(&self.points);
        match query.facility {
            Facility::Interfaces => {
                if tier == Tier::Minute && !report.notes.iter().any(|note| note == NOTHING) {
                    report.notes.push("seconds of this window are retired: whole minutes are shown".to_owned());
                }
                self.refine(&mut interfaces, nanos, &mut report.notes).await?;
            }
            _ if !known => {
                let since = kept.flow;
                report.notes.push(format!("details before {since} are retired; interfaces are still kept"));
            }
            _ => {}
        }
        self.over_time(report, &interfaces.found, kept, nanos).await?;
        match query.facility {
            Facility::Interfaces => {
                for (point, found) in interfaces.found {
                    if found.selected {
                        let rate = found.stats.rates.group(traf_model::ClassGroup::Total);
                        table.add(point, rate, Item::Interface(Box::new(found.stats)));
                    }
                }
                self.each_for_itself(report);
            }
            Facility::Traffic => self.conversations(&mut table, report).await?,
            Facility::Counted(facility) => {
                let by_flows = match facility.source {
                    Source::Packets => false,
                    Source::FrameEnds => !self.decided_by_mac(),
                    Source::Flows(_) => self.several() || !query.filter.is_all(),
                };
                if by_flows {
                    self.conversations(&mut table, report).await?;
                    if facility.key == KeyKind::Mac {
                        let name = facility.name;
                        report.notes.push(format!(
                            "{name} are those of the recorded flows that the filter selects: octets of IP packets"
                        ));
                    }
                } else {
                    self.keyed(facility, &mut table, report).await?;
                    if facility.peers {
                        self.flows(&query.filter, Detail::Ends, |once| table.add_peers(&once, facility)).await?;
                    }
                }
                if facility.per_point() {
                    self.each_for_itself(report);
                }
            }
            Facility::Packets => {
                let words =
                    "single packets are not kept in the history: they are shown live, and a sensor's log keeps them";
                report.notes.push(words.to_owned());
            }
        }
        table.finish(query, Some(nanos), report);
        Ok(())
    }

    fn each_for_itself(&self, report: &mut Report) {
        if self.several() {
            report.notes.push(EACH.to_owned());
        }
    }

    /// True if the filter says no more than sensors, interfaces and MAC addresses.
    fn decided_by_mac(&self) -> bool {
        let zero = Some(Key::Mac(traf_model::Mac([0; 6])));
        self.points.iter().all(|point| point.selected_key(&self.query.filter, zero).is_some())
    }

    /// A counted facility as the sensors counted it.
    async fn keyed(&self, facility: Counted, table: &mut Table<'_>, report: &mut Report) -> Result<(), StoreError> {
        let (filter, none, mut undecided) = (&self.query.filter, Traffic::default(), false);
        // The addresses behind MAC addresses, by the numbers of their sensors, that were seen in the window.
        let (window, mut learnt) = (report.interval, HashMap::<(i64, Key), Vec<Learnt>>::new());
        if facility.key == KeyKind::Mac {
            let identities = self.view.store.identities(&self.selection.sensors, window.from).await?;
            for Identity { sensor, mac, learnt: seen } in identities {
                if seen.first < window.to {
                    let seen = Learnt { last: seen.last.min(window.to), ..seen };
                    learnt.entry((sensor, Key::Mac(mac))).or_default().push(seen);
                }
            }
        }
        let mut others: BTreeMap<usize, Traffic> = BTreeMap::new();
        self.each(facility.into(), |point, fact| {
            let Fact::Counted(key, mut counts) = fact else { return };
            let own = &self.points[point];
            let selected = own.selected_key(filter, key);
            undecided |= selected.is_none();
            match key {
                _ if selected == Some(false) => {}
                Some(key) => {
                    let behind = learnt.get(&(self.stored[point].place.sensor, key)).into_iter().flatten();
                    behind.for_each(|learnt| counts.seen(*learnt));
                    table.add(point, none, Item::Counted(facility, key, counts));
                }
                None => *others.entry(point).or_default() += counts.traffic,
            }
        })
        .await?;
        // Of the same traffic without a row all points may have seen the same: that of the fullest counts.
        if matches!(facility.source, Source::FrameEnds) {
            let fullest = others.into_values().max_by_key(|traffic| traffic.total().octets);
            table.total += fullest.filter(|_| filter.is_all()).unwrap_or_default();
        } else {
            table.total += others.into_values().sum();
        }
        if undecided {
            let name = facility.name;
            report
                .notes
                .push(format!("{name} are not stored by conversation: only sensor and iface of the filter are heeded"));
        }
        Ok(())
    }

    /// Every fact of a facility that was seen in scope.
    async fn each(&self, facility: Facility, mut take: impl FnMut(usize, Fact) + Send) -> Result<(), StoreError> {
        let mut inside = |place: PointKey, fact: Fact| {
            if let Some(point) = self.places.get(&place) {
                take(*point, fact);
            }
        };
        self.view.store.facts(facility, &self.selection, &mut inside).await
    }

    async fn gaps(&self, window: Interval, now: Timestamp, all: &[StoredPoint]) -> Result<Vec<Gap>, StoreError> {
        let known = self.view.peers.sensors();
        let record = |(point, stored): (&ObservationPoint, &StoredPoint)| {
            let seen = stored.seen?;
            let same = all.iter().filter(|other| other.place.sensor == stored.place.sensor);
            let sensor = same.filter_map(|other| other.seen).map(|seen| seen.to).max().unwrap_or(seen.to);
            let expected = known.iter().any(|peer| peer.name == stored.sensor && peer.revoked.is_none());
            Some((stored.place, (point.id.clone(), Record { seen, sensor, expected, ..Record::default() })))
        };
        let mut records: HashMap<_, _> = self.points.iter().zip(&self.stored).filter_map(record).collect();
        for (place, slice) in self.view.store.covered(&self.selection).await? {
            if let Some((_, record)) = records.get_mut(&place) {
                record.slices.push(slice.interval);
            }
        }
        for (sensor, interface, lost) in self.view.store.missing(&self.selection).await? {
            for (place, (point, record)) in &mut records {
                if place.sensor == sensor && (interface.is_none() || interface == point.interface) {
                    record.lost.push(lost);
                }
            }
        }
        Ok(gaps::past(records.into_values(), window, now))
    }
}
