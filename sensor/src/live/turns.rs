//! Share of the answers in the octets of the live stream. Where not all of them find room each second, they take turns.

use std::collections::HashMap;

use prost::Message;
use traf_model::Timestamp;
use traf_proto as wire;

use super::SECOND;

/// Rows of an answer that fill a screen.
const SCREEN: usize = 60;
/// Rows of an answer and an interface that are sent at least, if that makes every answer at most two seconds old.
const FEWEST: usize = 8;
/// Seconds in which every answer has its turn.
const ROUND: usize = 2;
/// Snapshots after which a wish that is not answered is as a new one.
const FORGOTTEN: u64 = 100;
/// Octets of the tag and the longest length of an answer, and of those that the interface grows by.
const FRAME: usize = 9;

/// Octets left for the live stream, and the turns of the answers.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Octets that may go out now; a second's octets at most.
    left: usize,
    at: Option<Timestamp>,
    /// Number of the snapshot.
    number: u64,
    /// Number of the snapshot in which a wish was answered last.
    sent: HashMap<u64, u64>,
}

/// A wish's answers, of all interfaces.
struct Answered {
    id: u64,
    parts: Vec<Part>,
}

/// The answer of one interface.
struct Part {
    /// Place of the interface in the snapshot.
    interface: usize,
    /// The answer with what has no row of its own.
    answer: wire::Answer,
    rows: Vec<wire::Row>,
}

impl Turns {
    /// Cuts a snapshot to what the stream may take now, at `rate` octets a second. Answers that find room are sent with as many
    /// rows as there is room for, alike for all; those that do not have the next turn, and the snapshot leaves them out. How many
    /// rows matched, and their total, stays as it is.
    pub(super) fn fit(&mut self, snapshot: &mut wire::Snapshot, rate: usize, now: Timestamp) {
        let elapsed = self.at.map_or(SECOND, |at| now.since(at).clamp(0, SECOND)).unsigned_abs();
        let earned = (rate as u64).saturating_mul(elapsed) / SECOND.unsigned_abs();
        self.left = self.left.saturating_add(usize::try_from(earned).unwrap_or(usize::MAX)).min(rate);
        (self.at, self.number) = (Some(now), self.number + 1);
        if snapshot.encoded_len() > self.left {
            self.cut(snapshot, rate);
        }
        let answers = snapshot.interfaces.iter().flat_map(|interface| &interface.answers);
        self.sent.extend(answers.map(|answer| (answer.id, self.number)));
        self.sent.retain(|_, number| *number + FORGOTTEN > self.number);
        self.left = self.left.saturating_sub(snapshot.encoded_len());
    }

    fn cut(&mut self, snapshot: &mut wire::Snapshot, rate: usize) {
        let mut all = taken(snapshot);
        // Those that waited longest have the first turn, new ones before all.
        all.sort_by_key(|answered| self.sent.get(&answered.id).copied().unwrap_or(0));
        let base = snapshot.encoded_len();
        let (room, a_second) = (self.left.saturating_sub(base), rate.saturating_sub(base));
        let needed = |rows| all.iter().map(|answered| answered.octets(rows)).sum::<usize>();
        let rows = match needed(SCREEN) {
            0 => SCREEN,
            needed => (SCREEN * ROUND * a_second / needed).clamp(FEWEST, SCREEN),
        };
        let mut left = room;
        let mut chosen = Vec::new();
        for answered in all {
            let octets = answered.octets(rows);
            // One that is larger than a second's octets goes alone, with fewer rows.
            let alone = chosen.is_empty() && octets > a_second && room >= a_second / 2;
            if octets <= left || alone {
                left = left.saturating_sub(octets);
                chosen.push(answered);
            } else {
                break;
            }
        }
        put_back(snapshot, chosen, room);
    }
}

impl Answered {
    /// Octets with so many rows of each interface.
    fn octets(&self, rows: usize) -> usize {
        self.parts.iter().map(|part| part.octets(rows)).sum()
    }
}

impl Part {
    fn octets(&self, rows: usize) -> usize {
        let rows: usize = self.rows.iter().take(rows).map(octets).sum();
        self.answer.encoded_len() + FRAME + rows
    }
}

fn octets(row: &wire::Row) -> usize {
    let octets = row.encoded_len();
    1 + prost::length_delimiter_len(octets) + octets
}

/// Takes the answers out of a snapshot, by wish, in the order of the wishes.
fn taken(snapshot: &mut wire::Snapshot) -> Vec<Answered> {
    let mut all: Vec<Answered> = Vec::new();
    let mut places = HashMap::new();
    for (interface, part) in snapshot.interfaces.iter_mut().enumerate() {
        for mut answer in part.answers.drain(..) {
            let place = *places.entry(answer.id).or_insert(all.len());
            if place == all.len() {
                all.push(Answered { id: answer.id, parts: Vec::new() });
            }
            let is_other = |row: &wire::Row| matches!(row.item, Some(wire::row::Item::Other(_)));
            let (others, rows) = std::mem::take(&mut answer.rows).into_iter().partition(is_other);
            answer.rows = others;
            all[place].parts.push(Part { interface, answer, rows });
        }
    }
    all
}

/// Puts answers back, with as many rows as there are octets for: one more for all of them, as long as there are any.
fn put_back(snapshot: &mut wire::Snapshot, chosen: Vec<Answered>, room: usize) {
    let parts: Vec<Part> = chosen.into_iter().flat_map(|answered| answered.parts).collect();
    let mut left = room.saturating_sub(parts.iter().map(|part| part.octets(0)).sum());
    let mut counts = vec![0; parts.len()];
    let mut open: Vec<usize> = (0..parts.len()).collect();
    while !open.is_empty() {
        open.retain(|&part| {
            let Some(octets) = parts[part].rows.get(counts[part]).map(octets) else { return false };
            let fits = octets <= left;
            if fits {
                left -= octets;
                counts[part] += 1;
            }
            fits
        });
    }
    for (Part { interface, mut answer, mut rows }, count) in parts.into_iter().zip(counts) {
        rows.truncate(count);
        rows.append(&mut answer.rows);
        answer.rows = rows;
        snapshot.interfaces[interface].answers.push(answer);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::collections::HashSet;

    use traf_model::facility::HOSTS;
    use traf_model::{Answer, Class, Counters, Counts, InterfaceSnapshot, Item, Key, Row, Snapshot, Traffic};

    use super::*;

    const RATE: usize = 256_000;

    fn answer(id: u64, rows: usize) -> Answer {
        let row = |number: usize| {
            let key = Key::Address(std::net::Ipv4Addr::from(number as u32).into());
            let counts = Counts::from(Traffic::inbound(Counters::new(number as u64, 1 << 40)));
            Row::new(Traffic::default(), Item::Counted(HOSTS, key, counts))
        };
        let other = Item::Other(Class::at(0).unwrap(), Traffic::inbound(Counters::new(1, 1)), 1);
        let rows = (0..rows).map(row).chain([Row::new(Traffic::default(), other)]).collect::<Vec<_>>();
        Answer { id, matched: 5_000, total: Traffic::inbound(Counters::new(7, 1 << 50)), rows, ..Answer::default() }
    }

    /// Rows of the answers to wishes 1, 2, ... by interface.
    fn snapshot(interfaces: &[&[usize]]) -> wire::Snapshot {
        let interface = |rows: &&[usize]| {
            let answers = (1..).zip(*rows).map(|(id, rows)| answer(id, *rows)).collect();
            InterfaceSnapshot { answers, ..InterfaceSnapshot::default() }
        };
        (&Snapshot { interfaces: interfaces.iter().map(interface).collect(), ..Snapshot::default() }).into()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_000 + second)
    }

    /// Rows of each answer that have a key, by interface.
    fn rows(snapshot: &wire::Snapshot) -> Vec<Vec<usize>> {
        let rows = |answer: &wire::Answer| {
            let others = answer.rows.last().is_some_and(|row| matches!(row.item, Some(wire::row::Item::Other(_))));
            assert!(others && answer.matched == 5_000 && answer.total.is_some(), "{answer:?}");
            answer.rows.len() - 1
        };
        snapshot.interfaces.iter().map(|interface| interface.answers.iter().map(rows).collect()).collect()
    }

    #[test]
    fn what_finds_room_is_whole() {
        let mut whole = snapshot(&[&[100, 7], &[30, 1_000]]);
        Turns::default().fit(&mut whole, RATE, at(0));
        assert_eq!(whole, snapshot(&[&[100, 7], &[30, 1_000]]));
    }

    #[test]
    fn rows_are_cut_alike_for_all_before_an_answer_waits() {
        let mut large = snapshot(&[&[5_000, 3], &[5_000, 200]]);
        Turns::default().fit(&mut large, RATE, at(0));
        assert!(large.encoded_len() <= RATE && large.encoded_len() > RATE * 9 / 10, "{}", large.encoded_len());
        let rows = rows(&large);
        assert_eq!((rows[0][1], rows[1][1]), (3, 200));
        assert!(rows[0][0] > 1_000 && rows[0][0].abs_diff(rows[1][0]) <= 1, "{rows:?}");
        let first = snapshot(&[&[5_000]]).interfaces[0].answers[0].rows[..rows[0][0]].to_vec();
        assert_eq!(large.interfaces[0].answers[0].rows[..rows[0][0]], first);
    }

    #[test]
    fn thirty_tables_of_five_interfaces_are_all_answered_within_two_seconds_and_the_stream_stays_inside_its_rate() {
        const SECONDS: i64 = 8;
        let all = [&[300; 30][..]; 5];
        let (mut turns, mut octets, mut last) = (Turns::default(), 0, HashMap::new());
        let mut gaps = HashSet::new();
        let whole = snapshot(&all);
        for second in 0..SECONDS {
            let mut now = whole.clone();
            turns.fit(&mut now, RATE, at(second));
            octets += now.encoded_len();
            assert!(rows(&now).iter().flatten().all(|rows| *rows >= FEWEST), "{:?}", rows(&now));
            let ids = |interface: &wire::InterfaceSnapshot| -> Vec<u64> {
                interface.answers.iter().map(|answer| answer.id).collect()
            };
            assert!(now.interfaces.iter().all(|interface| ids(interface) == ids(&now.interfaces[0])));
            for id in ids(&now.interfaces[0]) {
                gaps.extend(last.insert(id, second).map(|before| second - before));
            }
        }
        assert_eq!(last.len(), 30);
        assert!(last.values().all(|second| *second >= SECONDS - 2), "{last:?}");
        assert!(gaps.iter().all(|gap| *gap <= 2), "{gaps:?}");
        let most = SECONDS as usize * RATE;
        assert!(octets <= most && octets > most * 9 / 10, "{octets}");
    }

    #[test]
    fn a_new_wish_has_the_first_turn_and_however_often_wishes_come_the_rate_holds() {
        let (mut turns, mut octets) = (Turns::default(), 0);
        let mut answered = HashSet::new();
        for step in 0..100 {
            let wishes = vec![300; 1 + step / 2];
            let mut now = snapshot(&[&wishes]);
            turns.fit(&mut now, RATE, Timestamp(at(0).0 + step as i64 * SECOND / 10));
            octets += now.encoded_len();
            answered.extend(now.interfaces[0].answers.iter().map(|answer| answer.id));
            if step % 10 == 9 {
                assert!((1..=wishes.len() as u64 - 2).all(|id| answered.contains(&id)), "{step}: {answered:?}");
            }
        }
        assert!(octets <= 11 * RATE, "{octets}");
    }
}
