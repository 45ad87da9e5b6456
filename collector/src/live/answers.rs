//! What sensors count in slices that are not committed yet: of each point and wish the latest answer of each slice.
//!
//! An answer leaves when its slice is committed, so no slice is missing and none counts twice.

use std::collections::{BTreeMap, HashMap};

use traf_model::time::SECOND;
use traf_model::{Answer, Class, Flow, Item, Timestamp, Traffic};

use super::ROWS;
use super::points::{FlowId, PointIndex, Points};
use super::tally::TableKey;

/// Slices of one point and wish.
const SLICES: usize = 8;
/// Of these, slices whose rows are kept; of the others only the totals.
const WITH_ROWS: usize = 3;
/// Nanoseconds without an answer after which those of a wish are forgotten.
const MEMORY: i64 = 10 * SECOND;

/// A row of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TailRow {
    pub(crate) key: TableKey,
    pub(crate) traffic: Traffic,
    pub(crate) rate: Traffic,
    pub(crate) flows: u64,
    pub(crate) peers: u64,
}

/// A flow of an answer, with its traffic in the slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TailFlow {
    pub(crate) id: FlowId,
    pub(crate) flow: Flow,
    pub(crate) rate: Traffic,
}

/// The answer of one slice.
#[derive(Clone, Debug, Default)]
pub(crate) struct SliceAnswer {
    pub(crate) total: Traffic,
    pub(crate) rows: Vec<TailRow>,
    pub(crate) flows: Vec<TailFlow>,
    /// Octets of the least of the flows that began earlier, and of those that began in the slice, where there are more of them than
    /// are here.
    pub(crate) least: [u64; 2],
    /// Traffic of each class that is in none of the flows.
    pub(crate) others: Vec<(Class, Traffic)>,
}

#[derive(Default)]
struct Waiting {
    heard: Timestamp,
    slices: BTreeMap<Timestamp, SliceAnswer>,
    /// The newest slice, if it is committed and nothing was heard since: its rates still hold.
    last: Option<(Timestamp, SliceAnswer)>,
}

/// All answers of slices that are not committed.
#[derive(Default)]
pub(crate) struct Answers {
    waiting: HashMap<(PointIndex, u64), Waiting>,
    /// Start of the newest slice of each point that is committed.
    committed: HashMap<PointIndex, Timestamp>,
}

impl Answers {
    /// Takes the answers to wishes for slices out of those of a point. True if one of them is the first to its wish.
    pub(crate) fn hear(
        &mut self,
        point: PointIndex,
        answers: &mut Vec<Answer>,
        points: &Points,
        now: Timestamp,
    ) -> bool {
        let before = self.waiting.len();
        let committed = self.committed.get(&point).copied();
        for answer in answers.extract_if(.., |answer| answer.slice.is_some()) {
            let Some(slice) = answer.slice else { continue };
            let waiting = self.waiting.entry((point, answer.id)).or_default();
            waiting.heard = now;
            if committed.is_none_or(|committed| slice > committed) {
                waiting.last = None;
                waiting.slices.insert(slice, read(answer, point, points));
                waiting.bound();
            }
        }
        let first = self.waiting.len() > before;
        self.waiting.retain(|(other, _), waiting| *other != point || now.since(waiting.heard) <= MEMORY);
        first
    }

    /// Forgets answers of a sensor while they have too many rows, those to the wishes that were answered longest ago first.
    pub(crate) fn bound(&mut self, sensor: u32, points: &Points) {
        let of_sensor = self.waiting.iter().filter(|((point, _), _)| points.sensor(*point) == sensor);
        let mut waiting: Vec<_> = of_sensor.map(|(place, waiting)| (waiting.heard, *place, waiting.rows())).collect();
        let mut rows: usize = waiting.iter().map(|(.., rows)| rows).sum();
        if rows > ROWS {
            waiting.sort_unstable();
        }
        for (_, place, of_wish) in waiting {
            if rows <= ROWS {
                return;
            }
            self.waiting.remove(&place);
            rows -= of_wish;
        }
    }

    /// A slice of a point is committed.
    pub(crate) fn commit(&mut self, point: PointIndex, slice: Timestamp) {
        let committed = self.committed.entry(point).or_insert(slice);
        *committed = (*committed).max(slice);
        for ((other, _), waiting) in &mut self.waiting {
            if *other == point {
                let kept = waiting.slices.split_off(&Timestamp(slice.0.saturating_add(1)));
                let gone = std::mem::replace(&mut waiting.slices, kept);
                if waiting.slices.is_empty() {
                    waiting.last = gone.into_iter().next_back().or(waiting.last.take());
                }
            }
        }
    }

    /// Points that have answered about the slice that begins then, which is not committed.
    pub(crate) fn points_of(&self, start: Timestamp) -> impl Iterator<Item = PointIndex> {
        let about = self.waiting.iter().filter(move |(_, waiting)| waiting.slices.contains_key(&start));
        about.map(|((point, _), _)| *point)
    }

    /// True if the slice of a point that begins then is committed.
    pub(crate) fn is_committed(&self, point: PointIndex, start: Timestamp) -> bool {
        self.committed.get(&point).is_some_and(|committed| *committed >= start)
    }

    /// The answer of a point about the slice that begins then, which may be committed if it is the newest.
    pub(crate) fn at(&self, point: PointIndex, wish: u64, start: Timestamp) -> Option<&SliceAnswer> {
        let waiting = self.waiting.get(&(point, wish))?;
        let last = || waiting.last.as_ref().filter(|(last, _)| *last == start).map(|(_, answer)| answer);
        waiting.slices.get(&start).or_else(last)
    }

    /// Start of the newest slice that a point answered, which may be committed.
    pub(crate) fn newest(&self, point: PointIndex, wish: u64) -> Option<Timestamp> {
        let waiting = self.waiting.get(&(point, wish))?;
        waiting.slices.keys().next_back().copied().or_else(|| waiting.last.as_ref().map(|(start, _)| *start))
    }

    /// True if a point has answered a wish.
    pub(crate) fn has(&self, point: PointIndex, wish: u64) -> bool {
        self.waiting.contains_key(&(point, wish))
    }

    /// The slices that a point answered, the oldest first.
    pub(crate) fn of(
        &self,
        point: PointIndex,
        wish: u64,
    ) -> impl DoubleEndedIterator<Item = (Timestamp, &SliceAnswer)> {
        let slices = self.waiting.get(&(point, wish)).into_iter().flat_map(|waiting| &waiting.slices);
        slices.map(|(start, answer)| (*start, answer))
    }
}

impl Waiting {
    fn rows(&self) -> usize {
        let answers = self.slices.values().chain(self.last.iter().map(|(_, answer)| answer));
        answers.map(|answer| answer.rows.len() + answer.flows.len()).sum()
    }

    fn bound(&mut self) {
        while self.slices.len() > SLICES {
            self.slices.pop_first();
        }
        for answer in self.slices.values_mut().rev().skip(WITH_ROWS) {
            answer.rows = Vec::new();
        }
    }
}

fn read(answer: Answer, point: PointIndex, points: &Points) -> SliceAnswer {
    let (matched, start) = (answer.matched, answer.slice.unwrap_or_default());
    let mut slice = SliceAnswer { total: answer.total, ..SliceAnswer::default() };
    for row in answer.rows {
        match row.item {
            Item::Flow(flow) => {
                slice.flows.push(TailFlow { id: points.flow(point, &flow), flow, rate: row.rate });
            }
            Item::Other(class, traffic, _) => slice.others.push((class, traffic)),
            item => {
                let Some(key) = TableKey::of_item(&item, points.sensor(point)) else { continue };
                let traffic = item.traffic();
                let (flows, peers) = match item {
                    Item::Counted(_, _, counts) => (counts.flows, counts.peers),
                    Item::Group(.., flows) => (flows, 0),
                    _ => (0, 0),
                };
                slice.rows.push(TailRow { key, traffic, rate: row.rate, flows, peers });
            }
        }
    }
    if matched > slice.flows.len() as u64 {
        slice.least = [u64::MAX; 2];
        for tail in &slice.flows {
            let least = &mut slice.least[usize::from(tail.flow.first >= start)];
            *least = (*least).min(tail.flow.traffic.total().octets);
        }
    }
    slice
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use traf_model::facility::HOSTS;
    use traf_model::{Counts, Interface, Key, Row};

    use super::*;

    #[test]
    fn a_sensor_has_rows_of_the_wishes_that_it_answered_last_and_takes_none_from_others() {
        let mut points = Points::default();
        let learn = |points: &mut Points, sensor| points.learn((sensor, ""), &Interface::default(), None);
        let (stolen, honest) = (learn(&mut points, "stolen"), learn(&mut points, "web1"));
        let row = Row::new(Traffic::default(), Item::Counted(HOSTS, Key::Number(1), Counts::default()));
        let mut answers = Answers::default();
        for (second, id) in (100..).zip(1..=8) {
            for (point, sensor, rows) in [(honest, "web1", 1), (stolen, "stolen", ROWS / 4)] {
                let slice = Some(Timestamp::from_seconds(10));
                let mut said = vec![Answer { id, rows: vec![row.clone(); rows], slice, ..Answer::default() }];
                answers.hear(point, &mut said, &points, Timestamp::from_seconds(second));
                answers.bound(points.sensor_number(sensor), &points);
            }
        }
        let kept = |point| (1..=8).filter(|id| answers.has(point, *id)).collect::<Vec<_>>();
        assert_eq!((kept(stolen), kept(honest)), (vec![5, 6, 7, 8], (1..=8).collect()));
    }
}
