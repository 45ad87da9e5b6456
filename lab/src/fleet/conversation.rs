//! One conversation: its packets, slice by slice, and the part of them that an observer puts into one of its slices. Pure.
//!
//! In each slice of true time the packets of a direction are of one size and equally far apart, so that any stretch of time is
//! counted without walking through them. All observers see the same packets: what they say of them, evidence included, follows
//! from nothing but the packets in their windows.

use traf_model::{Counters, Evidence, FlowKey, Interval, Timestamp, Traffic};

use super::random::{Random, mix};

/// Conversations of 100 that go on from a slice to the next.
const LASTING: u64 = 65;
/// Packets of a direction that begin a burst, in one slice at most.
const BURSTS: u64 = 16;
/// Packets of a window without the beginning of a burst whose digests are looked at.
const DIGESTS: u64 = 64;

/// A conversation and the sensors at which its packets pass.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    /// Oriented by the initiator.
    pub(super) key: FlowKey,
    /// The sensors, by their numbers: that of the initiator first.
    pub(super) observers: Vec<usize>,
    /// Time of its first packet.
    pub(super) born: Timestamp,
    /// Makes its packets its own: sequence numbers and digests follow from it.
    packets: u64,
    /// Makes how many there are, how large, and when.
    profile: u64,
    previous: Option<Activity>,
    current: Option<Activity>,
}

/// The packets of one slice of true time. Index 0 is forward, 1 is reverse.
#[derive(Clone, Copy, Debug)]
struct Activity {
    /// The slice.
    slice: i64,
    /// Nanoseconds since 1970 of the first packet.
    start: i64,
    /// Nanoseconds between two packets.
    gap: [i64; 2],
    count: [u64; 2],
    /// IP octets of a packet.
    size: [u64; 2],
    /// Of them payload, for TCP; each counts in the sequence space.
    payload: [u64; 2],
    /// Sequence number of the first packet.
    sequence: [u32; 2],
}

/// What an observer puts into one slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sighting {
    /// Outbound is forward. IP octets.
    pub(super) traffic: Traffic,
    /// IP octets of the last packet each way, forward and reverse.
    pub(super) size: [u32; 2],
    /// True time of the last packet.
    pub(super) last: Timestamp,
    /// Evidence of the packets, forward and reverse.
    pub(super) evidence: Evidence,
}

impl Conversation {
    /// A conversation that has not begun. Two of one `profile` have as many packets of the same sizes at the same times; the
    /// packets are the same only if `packets` is, too.
    pub(super) fn new(key: FlowKey, observers: Vec<usize>, packets: u64, profile: u64) -> Self {
        Self { key, observers, born: Timestamp(0), packets, profile, previous: None, current: None }
    }

    /// The same ends, counts and times between other machines: only the packets differ.
    pub(super) fn lookalike(&self, observers: Vec<usize>, packets: u64) -> Self {
        Self::new(self.key, observers, packets, self.profile)
    }

    /// The number that says how many packets there are, how large, and when.
    pub(super) const fn profile(&self) -> u64 {
        self.profile
    }

    /// Goes on to the next slice; its last `rest` nanoseconds stay without packets. False if nothing is left to be seen.
    pub(super) fn advance(&mut self, slice: Interval, rest: i64) -> bool {
        let mut random = Random::new(self.profile ^ mix(slice.from.0.unsigned_abs()));
        let first = self.previous.is_none() && self.current.is_none();
        let goes_on = first || self.current.is_some() && random.chance(LASTING);
        self.previous = self.current.take();
        if goes_on {
            let activity = self.activity(slice, rest, &mut random);
            if first {
                self.born = Timestamp(activity.start);
            }
            self.current = Some(activity);
        }
        self.previous.is_some() || self.current.is_some()
    }

    fn activity(&self, slice: Interval, rest: i64, random: &mut Random) -> Activity {
        let room = slice.nanos() - rest;
        let mut constant = Random::new(self.profile);
        let heavy = if constant.below(500) == 0 { 20.0 } else { 1.0 };
        let forward = 1.0 + constant.fraction().powi(6) * 4_000.0 * heavy + constant.below(6) as f64;
        let back = forward * (0.3 + 1.5 * constant.fraction());
        let header = if self.key.source.address.is_ipv6() { 60 } else { 40 };
        // One of five reverse directions is acknowledgements alone.
        let acknowledges = constant.chance(20);
        let size = [header + constant.below(400), header + if acknowledges { 0 } else { 20 + constant.below(1_400) }];
        let count = [forward, back].map(|count| (count * (0.75 + 0.5 * random.fraction())) as u64);
        let count = [count[0].max(1), count[1]];
        let begin = if self.previous.is_none() { random.fraction() * 0.9 } else { random.fraction() * 0.02 };
        let start = (room as f64 * begin) as i64;
        let span = (room - start) as f64 * (0.3 + 0.7 * random.fraction());
        let gap = count.map(|count| (span / (count + 1) as f64) as i64 + 1);
        let sequence = match &self.previous {
            Some(before) => [0, 1].map(|way| before.sequence_before(way, before.count[way])),
            None => [mix(self.packets) as u32, mix(!self.packets) as u32],
        };
        let payload = size.map(|size| size - header);
        Activity { slice: slice.from.0, start: slice.from.0 + start, gap, count, size, payload, sequence }
    }

    /// Traffic of the present slice of true time. Outbound is forward. IP octets.
    pub(super) fn traffic(&self) -> Traffic {
        let counters =
            |way| self.current.map_or(Counters::default(), |activity| activity.counters(way, activity.count[way]));
        Traffic { inbound: counters(1), outbound: counters(0) }
    }

    /// The packets in a window that lies in the present slice and the one before; `None` if there are none.
    pub(super) fn seen(&self, window: Interval) -> Option<Sighting> {
        let mut sighting = Sighting::default();
        let (mut halves, mut least) = ([0; 2], [u32::MAX; 2]);
        for activity in self.previous.iter().chain(&self.current) {
            for way in [0, 1] {
                let [from, to] = [window.from, window.to].map(|at| activity.before(way, at));
                if from == to {
                    continue;
                }
                let counters = activity.counters(way, to - from);
                let direction = if way == 0 { &mut sighting.traffic.outbound } else { &mut sighting.traffic.inbound };
                *direction += counters;
                sighting.size[way] = activity.size[way] as u32;
                sighting.last = sighting.last.max(activity.at(way, to - 1));
                if self.key.protocol == 6 {
                    // Zero would stand for nothing.
                    halves[way] = match activity.sequence_before(way, to) {
                        0 => u32::MAX,
                        sequence => sequence,
                    };
                } else {
                    self.digest(activity, way, from..to, &mut least);
                }
            }
        }
        if self.key.protocol != 6 {
            halves = least.map(|digest| !digest);
        }
        sighting.evidence = Evidence::new(halves);
        (!sighting.traffic.is_empty()).then_some(sighting)
    }

    /// The two least digests, with those of some packets. A packet that begins a burst is preferred.
    fn digest(&self, activity: &Activity, way: usize, packets: std::ops::Range<u64>, least: &mut [u32; 2]) {
        let (count, bursts) = (activity.count[way], activity.count[way].min(BURSTS));
        let digest = |packet: u64| {
            let which = (activity.slice.unsigned_abs() ^ (way as u64) << 62).wrapping_add(packet);
            (mix(self.packets ^ mix(which)) >> 32) as u32
        };
        let mut take = |digest: u32| *least = [least[0].min(digest), least[1].min(least[0].max(digest))];
        let mut beginnings =
            (0..bursts).map(|burst| burst * count / bursts).filter(|at| packets.contains(at)).peekable();
        if beginnings.peek().is_some() {
            beginnings.for_each(|packet| take(digest(packet) >> 5));
        } else {
            packets.take(DIGESTS as usize).for_each(|packet| take(digest(packet)));
        }
    }
}

impl Activity {
    /// Packets of a direction before a moment.
    fn before(&self, way: usize, at: Timestamp) -> u64 {
        let gap = self.gap[way];
        // The reverse direction answers.
        let since = at.0 - self.at(way, 0).0;
        if since <= 0 { 0 } else { (((since - 1) / gap) as u64 + 1).min(self.count[way]) }
    }

    /// Time of a packet.
    fn at(&self, way: usize, packet: u64) -> Timestamp {
        Timestamp(self.start + self.gap[way] / 2 * way as i64 + self.gap[way] * packet as i64)
    }

    fn counters(&self, way: usize, packets: u64) -> Counters {
        Counters::new(packets, packets * self.size[way])
    }

    /// The sequence number behind so many packets.
    fn sequence_before(&self, way: usize, packets: u64) -> u32 {
        self.sequence[way].wrapping_add((packets * self.payload[way]) as u32)
    }
}

#[cfg(test)]
mod tests {
    use traf_model::Endpoint;

    use super::super::clock::SLICE;
    use super::*;

    fn conversation(number: u64, protocol: u8) -> Conversation {
        let end = |port| Endpoint::new([10, 0, 0, 1].into(), port);
        let key = FlowKey { protocol, vlan: None, source: end(number as u16), destination: end(443) };
        Conversation::new(key, vec![0], mix(number), mix(number + 1_000_000))
    }

    /// The sightings of all slices of two clocks, over the whole life of a conversation.
    fn life(mut conversation: Conversation, offsets: [i64; 2]) -> (Traffic, [Vec<Option<Sighting>>; 2]) {
        let (mut total, mut seen, mut at) = (Traffic::default(), [vec![], vec![]], 0);
        loop {
            let slice = Interval::new(Timestamp(at), Timestamp(at + SLICE));
            let alive = conversation.advance(slice, 0);
            total += conversation.traffic();
            for (offset, seen) in offsets.iter().zip(&mut seen) {
                let window = Interval::new(Timestamp(at - offset), Timestamp(at + SLICE - offset));
                seen.push(conversation.seen(window));
            }
            if !alive {
                return (total, seen);
            }
            at += SLICE;
        }
    }

    #[test]
    fn whatever_the_clock_every_packet_is_in_one_slice() {
        for number in 0..3_000 {
            let protocol = if number % 4 == 0 { 17 } else { 6 };
            let (total, seen) = life(conversation(number, protocol), [0, 499_000_000]);
            for seen in seen {
                let sum: Traffic = seen.iter().flatten().map(|sighting| sighting.traffic).sum();
                assert_eq!(sum, total, "{number}");
            }
        }
    }

    /// The rule by which two rows of neighbouring slices are of the same packets.
    fn same(protocol: u8, a: &Sighting, b: &Sighting) -> bool {
        let (one, other) = (a.evidence.halves(), b.evidence.halves());
        if protocol != 6 {
            return one.iter().any(|half| *half != 0 && other.contains(half));
        }
        let octets = |sighting: &Sighting| [sighting.traffic.outbound.octets, sighting.traffic.inbound.octets];
        let both: Vec<usize> = [0, 1].into_iter().filter(|way| octets(a)[*way] > 0 && octets(b)[*way] > 0).collect();
        let near = |way: usize| {
            let apart = (one[way].wrapping_sub(other[way]) as i32).unsigned_abs();
            u64::from(apart) <= octets(a)[way].min(octets(b)[way]) + 2_000
        };
        !both.is_empty() && both.into_iter().all(near)
    }

    #[test]
    fn two_observers_of_the_same_packets_have_evidence_of_it_and_those_of_lookalikes_have_none() {
        for protocol in [6, 17] {
            let (mut rows, mut proven, mut wrong) = (0, 0, 0);
            for number in 0..3_000 {
                let one = conversation(number, protocol);
                let other = one.lookalike(vec![1], mix(number + 7_000_000));
                let (_, [a, b]) = life(one, [0, 400_000_000]);
                let (_, [c, _]) = life(other, [0, 0]);
                let pairs = |a: &[Option<Sighting>], b: &[Option<Sighting>]| {
                    let near = |at: usize| b[at.saturating_sub(1)..b.len().min(at + 2)].iter().flatten();
                    let proven = |(at, row): &(usize, &Option<Sighting>)| {
                        row.as_ref().is_some_and(|row| near(*at).any(|other| same(protocol, row, other)))
                    };
                    (a.iter().flatten().count(), a.iter().enumerate().filter(proven).count())
                };
                let (of, same) = pairs(&a, &b);
                (rows, proven, wrong) = (rows + of, proven + same, wrong + pairs(&a, &c).1);
            }
            println!("protocol {protocol}: {proven} of {rows} rows proven, {wrong} false");
            assert!(proven * 100 >= rows * 98, "protocol {protocol}: {proven} of {rows} rows proven");
            assert_eq!(wrong, 0, "protocol {protocol}");
        }
    }
}
