//! Growth of the flows in each of the last five seconds, for the rates of live rows.
//!
//! Sampled once a second while anybody looks: the flows that were seen, and by how much their counts grew. The first look
//! has the slice so far for its sample. Where more flows were seen than there is room for, the protected ones come first;
//! what is left out now is in the next sample. What leaves the table is still counted, by its ends: in a flood flows leave soon.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use traf_model::{Counters, FlowKey, Timestamp, Traffic};

use super::flow_state;
use super::flow_table::FlowTable;
use super::slot::Slot;

/// Seconds of an average.
const SECONDS: usize = 5;

/// Flows of one sample: all samples take 4 MB.
const FLOWS: usize = 32_768;
/// Flows that left the table between two samples: 3 MB.
const LEFT: usize = 32_768;
/// Their keys in one sample: those of all samples take 4 MB.
const KEYS: usize = 8_192;

/// Seconds without a wish after which sampling stops.
const ATTENTION: i64 = 10 * traf_model::time::SECOND;

/// Octets modulo 2^40, packets modulo 2^24: more than a second can bring.
const OCTETS: u64 = (1 << 40) - 1;

/// Growth of a flow's counts, each way.
#[derive(Clone, Copy)]
struct Growth {
    slot: u32,
    counts: [u64; 2],
}

/// The growth of all flows between two moments, by slot; and of those that left the table since, by their ends.
struct Sample {
    from: i64,
    to: i64,
    flows: Vec<Growth>,
    left: HashMap<FlowKey, [u64; 2], RandomState>,
}

/// Growth of flows that left the table, by their ends without the source's port; outbound is forward.
pub(super) type LeftGrowth = HashMap<FlowKey, Traffic, RandomState>;

/// A flow that left the table.
pub(super) struct LeftFlow {
    slot: u32,
    first: i64,
    /// Its ends without the source's port; the key's first end is the initiator.
    key: FlowKey,
    second_began: bool,
    /// Growth since the last sample.
    counts: [u64; 2],
}

/// Flows that left the table since the last sample; only noted while anybody looks.
#[derive(Default)]
pub(super) struct LeftFlows {
    looked_at: bool,
    flows: Vec<LeftFlow>,
}

/// The last samples.
#[derive(Default)]
pub(super) struct FlowRates {
    samples: VecDeque<Sample>,
    /// Time of the last sample; `None` while there is no wish.
    sampled: Option<i64>,
    wished: i64,
}

impl Sample {
    /// Takes away the growth of a flow that stood in its slot then: it is not that of the next one there, even if this was stamped
    /// before the sample and read after it.
    fn take(&mut self, flow: &LeftFlow) -> Option<[u64; 2]> {
        let place = self.flows.binary_search_by_key(&flow.slot, |growth| growth.slot).ok()?;
        (flow.first <= self.to).then(|| std::mem::take(&mut self.flows[place].counts))
    }
}

impl FlowRates {
    /// Takes a sample if anybody looks; the slice was opened at `opened`.
    pub(super) fn roll(
        &mut self,
        now: i64,
        opened: i64,
        wished: bool,
        (table, left): (&mut FlowTable, &mut LeftFlows),
    ) {
        if wished {
            self.wished = now;
        }
        if !wished && now.saturating_sub(self.wished) > ATTENTION {
            self.samples.clear();
            self.sampled = None;
            *left = LeftFlows::default();
            return;
        }
        left.looked_at = true;
        let before = *self.sampled.get_or_insert_with(|| {
            prime(table);
            opened
        });
        // Two looks within a blink share a sample.
        if now.saturating_sub(before) < traf_model::time::SECOND / 2 {
            return;
        }
        let spare = if self.samples.len() >= SECONDS { self.samples.pop_front() } else { None };
        let flows = spare.map(|sample| sample.flows).unwrap_or_default();
        let flows = sample(flows, before, now, table);
        self.samples.push_back(Sample { from: before, to: now, flows, left: HashMap::default() });
        self.sampled = Some(now);
        left.flows.drain(..).for_each(|flow| self.leave(&flow));
    }

    /// A flow left before the last sample was taken.
    fn leave(&mut self, flow: &LeftFlow) {
        let newest = self.samples.len().saturating_sub(1);
        for (number, sample) in self.samples.iter_mut().enumerate() {
            let counts = if number == newest { Some(flow.counts) } else { sample.take(flow) };
            let Some(counts) = counts else { continue };
            if sample.left.len() < KEYS || sample.left.contains_key(&flow.key) {
                let counts = if flow.second_began { [counts[1], counts[0]] } else { counts };
                let [outbound, inbound] = sample.left.entry(flow.key).or_default();
                (*outbound, *inbound) = (add(*outbound, counts[0]), add(*inbound, counts[1]));
            }
        }
    }

    /// Growth of what left the table.
    pub(super) fn left(&self) -> LeftGrowth {
        let mut sums = LeftGrowth::default();
        for (key, [outbound, inbound]) in self.samples.iter().flat_map(|sample| &sample.left) {
            *sums.entry(*key).or_default() += Traffic { outbound: counters(*outbound), inbound: counters(*inbound) };
        }
        sums
    }

    /// Nanoseconds in which it all grew.
    pub(super) fn nanos(&self) -> i64 {
        self.samples.front().zip(self.samples.back()).map_or(0, |(first, last)| last.to.saturating_sub(first.from))
    }

    /// A reader that is asked for slots in rising order.
    pub(super) fn reader(&self) -> RateReader<'_> {
        RateReader(self.samples.iter().map(|sample| (sample.to, &sample.flows[..])).collect())
    }
}

impl LeftFlows {
    /// Notes a flow that leaves a slot, if anybody looks and there is room.
    pub(super) fn note(&mut self, table: &FlowTable, slot: usize) {
        if !self.looked_at || self.flows.len() >= LEFT {
            return;
        }
        let Slot { hot, warm, cold } = &table.flows[slot];
        let second_began = flow_state::second_began(warm);
        let counts = [0, 1].map(|way| grown(cold.sampled[way], counts(table, slot, way)));
        let key = hot.key.flow(second_began).aggregated();
        self.flows.push(LeftFlow { slot: slot as u32, first: cold.first, key, second_began, counts });
    }
}

/// Reads all samples side by side.
pub(super) struct RateReader<'a>(Vec<(i64, &'a [Growth])>);

impl RateReader<'_> {
    /// Growth of the flow that stands in `slot` since `first`: outbound is from the key's first end.
    pub(super) fn growth(&mut self, slot: usize, first: Timestamp) -> Traffic {
        let mut sum = [Counters::default(); 2];
        for (to, rest) in &mut self.0 {
            while let [growth, after @ ..] = *rest
                && growth.slot as usize <= slot
            {
                *rest = after;
                // A sample from before the flow began is of the one that stood here before.
                if growth.slot as usize == slot && first.0 <= *to {
                    let counters = growth.counts.map(counters);
                    sum = [sum[0] + counters[0], sum[1] + counters[1]];
                }
            }
        }
        Traffic { outbound: sum[0], inbound: sum[1] }
    }
}

/// Notes the counts of all flows when the slice began, so that the first sample knows by how much they grew.
fn prime(table: &mut FlowTable) {
    for set in 0..table.sets() {
        for slot in table.slots(set) {
            table.flows[slot].cold.sampled = [0, 1].map(|way| in_one(table.before(slot, way)));
        }
    }
}

fn sample(mut flows: Vec<Growth>, before: i64, now: i64, table: &mut FlowTable) -> Vec<Growth> {
    flows.clear();
    // Packets are stamped before they are read, so look a little farther back.
    let back = now.saturating_sub(before).saturating_add(2 * traf_model::time::SECOND) >> 20;
    let (tick, back) = (table.tick(now), u32::try_from(back).unwrap_or(u32::MAX >> 1));
    for set in 0..table.sets() {
        for slot in table.recent(set, tick, back, flows.len() >= FLOWS / 2) {
            if flows.len() >= FLOWS {
                return flows;
            }
            let (then, now) = (table.flows[slot].cold.sampled, [counts(table, slot, 0), counts(table, slot, 1)]);
            if then != now {
                table.flows[slot].cold.sampled = now;
                let counts = [grown(then[0], now[0]), grown(then[1], now[1])];
                flows.push(Growth { slot: slot as u32, counts });
            }
        }
    }
    flows
}

/// Cumulative octets and packets of a flow one way, in one number.
fn counts(table: &FlowTable, slot: usize, way: usize) -> u64 {
    let (before, slice) = (table.before(slot, way), table.flows[slot].hot.counted(way));
    in_one((before.0 + slice.0, before.1 + slice.1))
}

/// Packets and octets in one number.
fn in_one((packets, octets): (u64, u64)) -> u64 {
    octets & OCTETS | packets << 40
}

fn counters(count: u64) -> Counters {
    Counters::new(count >> 40, count & OCTETS)
}

/// The sum of two counts; what it cannot hold is lost.
fn add(one: u64, other: u64) -> u64 {
    let (one, other) = (counters(one), counters(other));
    in_one((one.packets + other.packets, one.octets + other.octets))
}

fn grown(then: u64, now: u64) -> u64 {
    let octets = (now & OCTETS).wrapping_sub(then & OCTETS) & OCTETS;
    octets | (now >> 40).wrapping_sub(then >> 40) << 40
}
