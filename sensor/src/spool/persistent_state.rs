//! State that survives a kill of the sensor: one small file, written like a record. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use traf_model::{Interval, Loss, LossReason, Nic, Summary, Timestamp};

/// The sensor's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PersistentState {
    /// Starts of the sensor; durable before capture begins.
    pub epoch: u64,
    /// The next sequence number. Grows over the sensor's whole life.
    pub next: u64,
    /// Records lost since the sensor was installed.
    pub lost: u64,
    /// Numbering for the collector; `None` until it has answered for the first time.
    pub numbering: Option<Numbering>,
    /// The last sealed slice.
    pub last: Option<LastSlice>,
}

/// Offsets from our numbers to the collector's. They are zero, unless the sensor forgot its own (a new disk) or the
/// collector is another one: what waits is then moved behind the collector's mark, instead of being taken for repetitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbering {
    /// Identity in our certificate.
    pub identity: String,
    /// It has told its mark.
    pub met: bool,
    /// Added to our sequence numbers.
    pub seq: i64,
    /// Added to our epochs.
    pub epoch: u64,
}

/// The end of what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSlice {
    /// End of the last sealed slice, nanoseconds since 1970.
    pub(crate) end: i64,
    /// Boot of the machine.
    pub(crate) boot: String,
    /// The sensor ended as it was asked to: nothing was left unsealed.
    pub ended: bool,
    /// The interfaces' own counters at that time.
    pub(crate) counters: BTreeMap<String, NicCounters>,
}

/// An interface's own counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NicCounters {
    #[serde(flatten)]
    pub nic: Nic,
    /// Every frame is in both directions, and counts once.
    #[serde(default)]
    pub loopback: bool,
}

impl NicCounters {
    /// Frames and octets until the interface's own counters were `later`; `None` when they went backwards.
    pub(crate) fn until(&self, later: Nic) -> Option<(u64, u64)> {
        let counted = |nic| if self.loopback { Nic { tx_packets: 0, tx_octets: 0, ..nic } } else { nic };
        counted(later).since(&counted(self.nic))
    }
}

impl PersistentState {
    /// The file: a line with the check sum, and JSON that a person can read.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("traf-sensor state 1 {:08x}\n{body}\n", crc32c::crc32c(body.as_bytes())).into_bytes()
    }

    /// Reads the file; `None` when it is damaged.
    pub(crate) fn decode(file: &[u8]) -> Option<Self> {
        let (head, body) = std::str::from_utf8(file).ok()?.split_once('\n')?;
        let body = body.strip_suffix('\n')?;
        let sum = u32::from_str_radix(head.strip_prefix("traf-sensor state 1 ")?, 16).ok()?;
        if sum != crc32c::crc32c(body.as_bytes()) {
            return None;
        }
        serde_json::from_str(body).ok()
    }
}

impl LastSlice {
    /// Interfaces that are remembered: far more than are captured.
    const INTERFACES: usize = 256;

    /// A summary was sealed in this `boot`.
    pub(crate) fn seal(&mut self, summary: &Summary, boot: &str) {
        // A late summary does not turn time back.
        self.end = if self.ended { summary.slice.to.0 } else { self.end.max(summary.slice.to.0) };
        self.ended = false;
        boot.clone_into(&mut self.boot);
        for loss in summary.losses.iter().filter(|loss| loss.reason == LossReason::Vanished) {
            // What is gone would be declared at every start.
            self.counters.retain(|name, _| loss.interface.as_ref() != Some(name));
        }
        for part in &summary.interfaces {
            if let Some(nic) = part.ledger.nic
                && (self.counters.len() < Self::INTERFACES || self.counters.contains_key(&part.interface.name))
            {
                self.counters
                    .insert(part.interface.name.clone(), NicCounters { nic, loopback: part.interface.loopback });
            }
        }
    }

    /// Losses from there to `start`: one for each interface, counted where the counters are of the same boot.
    pub(crate) fn unseen(&self, start: Timestamp, boot: &str, counters: &BTreeMap<String, Nic>) -> Vec<Loss> {
        let end = Timestamp(self.end);
        if self.ended || start <= end {
            return Vec::new();
        }
        let same_boot = !boot.is_empty() && self.boot == boot;
        let loss = |name: &String, earlier: &NicCounters| Loss {
            reason: LossReason::Ended,
            interval: Interval::new(end, start),
            records: 0,
            counted: counters.get(name).filter(|_| same_boot).and_then(|now| earlier.until(*now)),
            interface: Some(name.clone()),
        };
        self.counters.iter().map(|(name, earlier)| loss(name, earlier)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn nic(packets: u64) -> Nic {
        Nic { rx_packets: packets, rx_octets: packets * 100, ..Nic::default() }
    }

    fn eth0(nic: Nic) -> BTreeMap<String, Nic> {
        [("eth0".to_owned(), nic)].into()
    }

    fn last() -> LastSlice {
        let counters = [("eth0".to_owned(), NicCounters { nic: nic(1_000), loopback: false })].into();
        LastSlice { end: 10, boot: "b1".to_owned(), ended: false, counters }
    }

    #[test]
    fn the_state_survives_its_file_and_a_flipped_bit_is_noticed() {
        let state =
            PersistentState { epoch: 4, next: 77, lost: 1, numbering: Some(Numbering::default()), last: Some(last()) };
        let file = state.encode();
        assert_eq!(PersistentState::decode(&file), Some(state.clone()));
        for bit in 0..file.len() * 8 {
            let mut bad = file.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            // The case of a hexadecimal digit of the sum does not matter.
            assert!(PersistentState::decode(&bad).is_none_or(|read| read == state), "bit {bit}");
        }
    }

    #[test]
    fn what_the_interface_counted_meanwhile_was_not_seen() {
        let losses = last().unseen(Timestamp(30), "b1", &eth0(nic(1_040)));
        assert_eq!(losses.len(), 1);
        assert_eq!(losses[0].counted, Some((40, 4_000)));
        assert_eq!(losses[0].interval, Interval::new(Timestamp(10), Timestamp(30)));
    }

    #[test]
    fn on_the_loopback_every_frame_counts_once() {
        let both = |packets| Nic { tx_packets: packets, tx_octets: packets * 100, ..nic(packets) };
        assert_eq!(NicCounters { nic: both(5), loopback: true }.until(both(8)), Some((3, 300)));
        assert_eq!(NicCounters { nic: both(5), loopback: false }.until(both(8)), Some((6, 600)));
    }

    #[test]
    fn after_a_boot_or_with_another_device_the_count_is_unknown_but_the_time_is_declared() {
        assert_eq!(last().unseen(Timestamp(30), "b2", &eth0(nic(1_040)))[0].counted, None);
        assert_eq!(last().unseen(Timestamp(30), "b1", &eth0(nic(3)))[0].counted, None);
        assert_eq!(last().unseen(Timestamp(30), "b1", &BTreeMap::new())[0].counted, None);
    }

    #[test]
    fn a_sensor_that_ended_as_asked_missed_nothing_that_it_should_have_seen() {
        let last = LastSlice { ended: true, ..last() };
        assert_eq!(last.unseen(Timestamp(30), "b1", &eth0(nic(1_040))), []);
    }
}
