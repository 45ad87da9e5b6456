//! Did two observers see the same packets? Equal counts prove nothing: heartbeats of two links have them, too.
//!
//! * TCP: in every direction that both saw, the highest sequence numbers are apart by no more than the fewer octets of the
//!   two, and 2,000. The fewer, so that whoever claims many octets overlaps with nothing more. A direction of more than
//!   2^28 octets covers too much of the sequence space to prove anything alone.
//! * All else: the two share one of their digests. Digests are keyed, so only those of one generation of the key compare.
//!   A digest of less than 2^13 is the least of very many, and those of different packets may agree by chance: it takes two.

use traf_model::time::SECOND;
use traf_model::{Counters, Evidence, Flow, Traffic};

/// Octets by which a keep-alive, a SYN, or a segment at the border of two slices may be apart.
const MARGIN: u64 = 2_000;
/// Octets above which a direction alone proves nothing.
const WIDE: u64 = 1 << 28;
/// Complement of a digest, from which on it proves nothing alone. Of 2^29 values, 2^13 are left out: whatever the number of
/// packets of two flows, their least digests agree above that with a chance of no more than 1 : 90,000.
const CROWDED: u32 = Evidence::DIGEST - (1 << 13);
/// Protocol number of TCP.
const TCP: u8 = 6;
/// Seconds of a slice, and nanoseconds.
const SLICE_SECONDS: u64 = 10;
const SLICE: i64 = SLICE_SECONDS as i64 * SECOND;

/// What a row says of its packets, in the order of its key: the direction from the smaller end first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowEvidence {
    /// Of the flow row: by direction if it is of TCP; else the digests alone.
    pub(super) halves: [u32; 2],
    /// Octets of each direction.
    pub(super) octets: [u64; 2],
    /// Generation of the digests' key; zero for none.
    pub(super) generation: u32,
    pub(super) tcp: bool,
}

impl RowEvidence {
    /// Of a flow row in a summary whose digests are of a generation.
    pub(crate) fn new(flow: &Flow, generation: u32) -> Self {
        let tcp = flow.key.protocol == TCP;
        let octets = |counters: Counters| counters.octets;
        let (mut halves, mut sides) = (flow.evidence.halves(), [flow.traffic.outbound, flow.traffic.inbound]);
        if flow.key.canonical().source != flow.key.source {
            sides.reverse();
            if tcp {
                halves.reverse();
            }
        }
        if !tcp {
            halves = halves.map(|half| half & Evidence::DIGEST);
        }
        Self { halves, octets: sides.map(octets), generation, tcp }
    }

    /// Of a live row, whose counts are of the whole flow and whose evidence is of the running slice: it proves no more than what came
    /// at this rate in a slice. Live rows do not say of which generation their digests are: those of different keys do not agree anyway.
    pub(crate) fn live(flow: &Flow, rate: Traffic) -> Self {
        if flow.last.since(flow.first) <= 2 * SLICE {
            return Self::new(flow, 1);
        }
        let least = |all: Counters, rate: Counters| {
            let part = |all: u64, rate: u64| all.min(rate.saturating_mul(SLICE_SECONDS).max(1));
            Counters::new(part(all.packets, rate.packets), part(all.octets, rate.octets))
        };
        let traffic = Traffic {
            inbound: least(flow.traffic.inbound, rate.inbound),
            outbound: least(flow.traffic.outbound, rate.outbound),
        };
        Self::new(&Flow { traffic, ..*flow }, 1)
    }

    /// True if sequence numbers are what it says.
    pub(super) fn is_tcp(&self) -> bool {
        self.tcp
    }

    /// Octets of both directions.
    pub(crate) fn total(&self) -> u64 {
        self.octets[0].saturating_add(self.octets[1])
    }

    /// Which of its digests the other has, too, one bit each; both if one of them proves alone that the rows are the same, or
    /// sequence numbers do.
    pub(super) fn shared(&self, other: &Self) -> u8 {
        if self.tcp != other.tcp {
            return 0;
        }
        if self.tcp {
            return if self.sequences_meet(other) { BOTH } else { 0 };
        }
        if self.generation == 0 || self.generation != other.generation {
            return 0;
        }
        let has = |digest: u32| digest != 0 && other.halves.contains(&digest);
        let [first, second] = self.halves;
        if [first, second].iter().any(|digest| *digest <= CROWDED && has(*digest)) {
            return BOTH;
        }
        u8::from(has(first)) | u8::from(second != first && has(second)) << 1
    }

    fn sequences_meet(&self, other: &Self) -> bool {
        let mut narrow = false;
        for way in 0..2 {
            let (top, their) = (self.halves[way], other.halves[way]);
            let fewer = self.octets[way].min(other.octets[way]);
            // A direction without packets, or of which nothing is known, says nothing.
            if fewer == 0 || top == 0 || their == 0 {
                continue;
            }
            if u64::from((top.wrapping_sub(their) as i32).unsigned_abs()) > fewer + MARGIN {
                return false;
            }
            narrow |= fewer <= WIDE;
        }
        narrow
    }
}

/// Both digests, or as good as both.
pub(super) const BOTH: u8 = 3;

/// True if two rows of one key, of slices that are one apart at most, prove each other to be of the same packets.
pub(crate) fn same(a: &RowEvidence, b: &RowEvidence) -> bool {
    same_as_any(a, [*b])
}

/// True if a row and rows of another observer, of slices that are one apart at most, prove that both saw the same packets.
pub(crate) fn same_as_any(row: &RowEvidence, others: impl IntoIterator<Item = RowEvidence>) -> bool {
    others.into_iter().fold(0, |shared, other| shared | row.shared(&other)) == BOTH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use traf_model::{Endpoint, Evidence, FlowKey, FlowState, Half, Timestamp};

    use super::*;

    fn row(protocol: u8, halves: [u32; 2], [forward, reverse]: [Counters; 2]) -> Flow {
        let end = |last| Endpoint::new([10, 0, 0, last].into(), 80);
        Flow {
            key: FlowKey { protocol, vlan: None, source: end(1), destination: end(2) },
            traffic: Traffic { outbound: forward, inbound: reverse },
            first: Timestamp(0),
            last: Timestamp(0),
            forward: Half::default(),
            reverse: Half::default(),
            state: FlowState::Active,
            complete: true,
            own: false,
            evidence: Evidence::new(halves),
        }
    }

    fn tcp(halves: [u32; 2], octets: [u64; 2]) -> RowEvidence {
        RowEvidence::new(&row(TCP, halves, octets.map(|octets| Counters::new(u64::from(octets > 0), octets))), 0)
    }

    fn udp(halves: [u32; 2], generation: u32) -> RowEvidence {
        RowEvidence::new(&row(17, halves, [Counters::new(10, 1_000), Counters::default()]), generation)
    }

    #[test]
    fn tcp_is_the_same_when_every_direction_that_both_saw_meets() {
        let a = tcp([1_000_000, 50_000], [10_000, 500]);
        assert!(same(&a, &tcp([1_012_000, 52_500], [20_000, 900])));
        assert!(!same(&a, &tcp([1_012_001, 50_000], [20_000, 900])), "the narrower says how far");
        assert!(!same(&a, &tcp([1_000_000, 52_501], [10_000, 900])), "one direction alone is no proof");
        assert!(same(&a, &tcp([1_000_000, 0], [10_000, 0])), "what one of them did not see says nothing");
        assert!(!same(&a, &tcp([0, 50_000], [0, 0])), "nothing that both saw");
        assert!(!same(&tcp([0, 0], [10_000, 500]), &tcp([0, 0], [10_000, 500])), "no evidence");
        assert!(same(&tcp([u32::MAX - 10, 7], [100, 100]), &tcp([80, 7], [100, 100])), "numbers begin again");
        let wide = 1 << 29;
        assert!(!same(&tcp([1, 0], [wide, 0]), &tcp([1, 0], [wide, 0])), "too wide");
        assert!(same(&tcp([1, 9], [wide, 40]), &tcp([1, 9], [wide, 40])), "the other way is narrow");
    }

    #[test]
    fn who_began_is_not_asked() {
        let flow = row(TCP, [1_000_000, 50_000], [Counters::new(9, 10_000), Counters::new(5, 500)]);
        let turned = Flow {
            key: flow.key.reversed(),
            traffic: flow.traffic.reversed(),
            evidence: Evidence::new([50_000, 1_000_000]),
            ..flow
        };
        assert_eq!(RowEvidence::new(&flow, 0), RowEvidence::new(&turned, 0));
    }

    #[test]
    fn all_else_is_the_same_when_a_digest_of_one_key_is() {
        let a = udp([7, 8], 3);
        assert!(same(&a, &udp([9, 7], 3)));
        assert!(same(&a, &udp([5 << 29 | 8, 9], 3)), "after silences of different length");
        assert!(!same(&a, &udp([9, 10], 3)));
        assert!(!same(&a, &udp([7, 8], 4)), "of another key");
        assert!(!same(&udp([7, 8], 0), &udp([7, 8], 0)), "of none");
        assert!(!same(&udp([0, 0], 3), &udp([0, 0], 3)), "nothing");
        assert!(!same(&udp([7, 0], 3), &udp([8, 0], 3)), "nothing twice");
    }

    #[test]
    fn of_digests_that_are_the_least_of_very_many_it_takes_two() {
        let [crowded, another, alone] = [1, 1 << 12, 1 << 13].map(|digest| Evidence::DIGEST - digest);
        let a = udp([crowded, another], 3);
        assert!(!same(&a, &udp([crowded, 9], 3)));
        assert!(same(&a, &udp([another, crowded], 3)));
        assert!(same_as_any(&a, [udp([crowded, 9], 3), udp([8, another], 3)]), "of two rows");
        let twice = udp([crowded, u32::MAX - 1], 3);
        assert!(!same(&twice, &twice), "of one packet");
        assert!(same(&udp([crowded, alone], 3), &udp([alone, 9], 3)));
    }

    /// 100,000 pairs of rows that have nothing in common but their key.
    #[test]
    fn independent_rows_are_never_the_same() {
        let mut random = Random(11);
        for _ in 0..100_000 {
            let mut octets = || [40 + random.below(1 << 20), 40 + random.below(1 << 20)];
            let (own, others) = (octets(), octets());
            let mut halves = || [random.next() as u32, random.next() as u32];
            let (one, other) = (halves(), halves());
            assert!(!same(&tcp(one, own), &tcp(other, others)), "{one:?} {other:?} {own:?} {others:?}");
            assert!(!same(&udp(one, 3), &udp(other, 3)), "{one:?} {other:?}");
        }
    }

    /// xorshift64*.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
        }

        fn below(&mut self, end: u64) -> u64 {
            self.next() % end
        }
    }

    proptest! {
        #[test]
        fn a_claim_of_octets_joins_nothing_more(
            tops: [u32; 2], other: [u32; 2], octets in (40u64..100_000, 40u64..100_000), claim in 1u64..1 << 47,
        ) {
            let honest = tcp(tops, [octets.0, octets.1]);
            let claims = same(&honest, &tcp(other, [claim.max(octets.0), claim.max(octets.1)]));
            // No more than a row that claims just what the honest one has.
            prop_assert_eq!(claims, same(&honest, &tcp(other, [octets.0, octets.1])));
            // And with 2^47 octets it joins with nobody whose numbers are elsewhere.
            let far = tops.map(|top| top.wrapping_add(1 << 30).max(1));
            prop_assert!(!same(&honest, &tcp(far, [1 << 47, 1 << 47])));
        }

        #[test]
        fn sameness_is_mutual(a: ([u32; 2], [u64; 2]), b: ([u32; 2], [u64; 2])) {
            let octets = |all: [u64; 2]| all.map(|octets| octets % (1 << 40));
            let (a, b) = (tcp(a.0, octets(a.1)), tcp(b.0, octets(b.1)));
            prop_assert_eq!(same(&a, &b), same(&b, &a));
        }
    }
}
