//! What the points that are present saw in the last committed slices: their flows, and the coverage of classes and keys.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use traf_model::{Filter, Group, Timestamp};

use super::aggregated::Aggregated;
use super::coverage::Coverage;
use super::lan::LanQuestion;
use super::points::Points;
use super::seen::{SeenFlow, SeenFlows};
use super::sums::Facts;
use super::tail::ClassCoverage;
use super::tally::{Kind, SiteKey, TableKey};

/// Nanoseconds for which it is not made again, for each row: some tens of times as long as making it takes.
const KEPT: i64 = 10_000;

/// Flows and coverage, made again when a slice was committed or another point speaks.
#[derive(Default)]
pub(super) struct Sight {
    version: u64,
    made: Timestamp,
    rows: i64,
    pub(super) seen: SeenFlows,
    pub(super) classes: ClassCoverage,
    keys: HashMap<Kind, HashMap<SiteKey, Coverage>>,
}

impl Sight {
    /// Brings the flows up to date, as a filter selects them.
    pub(super) fn look(&mut self, facts: &Facts<'_>, question: &LanQuestion<'_>, filter: &Filter) {
        let Facts { points, history, .. } = facts;
        let mut sensors: Vec<u32> = question.present.iter().map(|point| points.sensor(*point)).collect();
        sensors.sort_unstable();
        sensors.dedup();
        let mut hasher = DefaultHasher::new();
        question.present.hash(&mut hasher);
        sensors.iter().for_each(|sensor| history.version(*sensor).hash(&mut hasher));
        let version = hasher.finish();
        if self.version == version || (0..self.rows * KEPT).contains(&question.now.since(self.made)) {
            return;
        }
        let present = |point| question.present.binary_search(&point).is_ok();
        let telling = history.telling(&sensors);
        let rows = || telling.rows().filter(|(row, _)| present(row.point));
        let great =
            rows().filter(|(_, great)| *great).filter_map(|(row, _)| row.selected(filter, points.get(row.point)?));
        self.seen = SeenFlows::new(great);
        (self.version, self.made, self.rows) = (version, question.now, rows().count() as i64);
        // What a filter selects of flows without a row is not known.
        if filter.is_all() && telling.lacks_rows() {
            let mut aggregated = Aggregated::new(&self.seen, rows().map(|(row, _)| row), points);
            rows().filter(|(_, great)| !great).for_each(|(row, _)| aggregated.add_row(row, false, false));
            let flows = telling.aggregated().filter(|(point, _)| present(*point));
            flows.for_each(|(point, flow)| aggregated.add(*point, flow));
            self.seen.add_aggregated(aggregated.seen());
        }
        self.classes = self.seen.class_coverage(points);
        self.keys.clear();
    }

    /// Brings the coverage of the keys of a table up to date.
    pub(super) fn look_at(&mut self, kind: Kind, points: &Points) {
        let seen = &self.seen;
        self.keys.entry(kind).or_insert_with(|| {
            seen.coverage(|flow: &SeenFlow| -> Vec<SiteKey> {
                if kind == Kind::Group(Group::Sensor) {
                    let key = |point| (points.site(point), TableKey::Sensor(points.sensor(point)));
                    return flow.points.iter().map(|point| key(*point)).collect();
                }
                kind.keys(&flow.key, flow.points[0], points).into_iter().flatten().map(|(key, _)| key).collect()
            })
        });
    }

    /// The coverage of a key of a table that was looked at.
    pub(super) fn coverage(&self, kind: Kind, key: &SiteKey) -> Option<&Coverage> {
        self.keys.get(&kind)?.get(key)
    }
}
