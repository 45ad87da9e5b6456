//! CPU time of the meter alone, a packet: frames in memory, as the ring of a capture holds them, with a digest key and without.

use std::time::Duration;

use etherparse::{IpHeaders, Ipv4Extensions, Ipv4Header, PacketBuilder};
use nix::time::{ClockId, clock_gettime};
use traf_model::{Interface, Timestamp};
use traf_sensor::meter::{Meter, MeterConfig};
use traf_sensor::{DigestKey, LinkType};

use crate::median;

/// Octets of a frame that are captured, as the sensor does by default.
const SNAPLEN: usize = 256;
/// Octets of frames in memory at least: more than the processor's caches hold.
const RING: usize = 8 << 20;
/// Packets of one pass: a few hundredths of a second, so that both passes of a pair meet the same load.
const PACKETS: usize = 400_000;
/// Pairs of passes in a round.
const PAIRS: u32 = 8;

/// Flows in turn, and their payloads.
struct Mixture {
    name: &'static str,
    flows: usize,
    /// Of a hundred flows so many are TCP, the others UDP.
    tcp: u64,
    /// Octets of payload: from, to.
    payload: (u64, u64),
}

const MIXTURES: [Mixture; 7] = [
    Mixture { name: "tcp, 16 flows", flows: 16, tcp: 100, payload: (0, 1400) },
    Mixture { name: "tcp, 1,024 flows", flows: 1024, tcp: 100, payload: (0, 1400) },
    Mixture { name: "tcp, 65,536 flows", flows: 65_536, tcp: 100, payload: (0, 1400) },
    Mixture { name: "85 % tcp, 1,024 flows", flows: 1024, tcp: 85, payload: (0, 1400) },
    Mixture { name: "udp of 100 octets, 16 flows", flows: 16, tcp: 0, payload: (72, 73) },
    Mixture { name: "udp of 100 octets, 65,536 flows", flows: 65_536, tcp: 0, payload: (72, 73) },
    Mixture { name: "udp of 0-63 octets, 1,024 flows", flows: 1024, tcp: 0, payload: (0, 64) },
];

/// Prints a line for each mixture: the median without a key, and the median of what a key costs in a pair of passes.
pub(crate) fn measure(rounds: u32) -> anyhow::Result<()> {
    for mixture in MIXTURES {
        let frames = mixture.frames();
        let mut sides = [false, true].map(|keyed| (meter(keyed), 0));
        let (mut nanos, mut more) = (Vec::new(), Vec::new());
        for pair in 0..=rounds * PAIRS {
            let mut spent = [0.0; 2];
            for (spent, (meter, at)) in spent.iter_mut().zip(&mut sides) {
                *spent = pass(meter, at, &frames)?.as_nanos() as f64 / PACKETS as f64;
            }
            // The first passes fill the tables.
            if pair > 0 {
                nanos.push(spent[0]);
                more.push(spent[1] - spent[0]);
            }
        }
        let (without, more) = (median(&mut nanos), median(&mut more));
        println!("{:32} {without:6.1} ns a packet, with a key {more:+.1}", mixture.name);
    }
    Ok(())
}

fn meter(keyed: bool) -> Meter {
    let mut meter = Meter::new(MeterConfig::default(), Interface::default(), LinkType::Ethernet, Timestamp(0));
    if keyed && let Ok(key) = DigestKey::new(&[0x5a; DigestKey::OCTETS], 1) {
        meter.set_digest_key(key);
    }
    meter
}

/// CPU time of one pass over the frames, a microsecond after each other.
fn pass(meter: &mut Meter, at: &mut i64, frames: &[(u32, Vec<u8>)]) -> anyhow::Result<Duration> {
    let before = cpu()?;
    for (length, captured) in frames.iter().cycle().take(PACKETS) {
        *at += 1_000;
        meter.frame(Timestamp(*at), *length, captured);
    }
    meter.flush();
    Ok(cpu()? - before)
}

fn cpu() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

impl Mixture {
    /// Frames on the wire in order: their lengths, and what is captured of them.
    fn frames(&self) -> Vec<(u32, Vec<u8>)> {
        let mut random = Random(0x5eed_0000_0000_0001);
        let mut frames = Vec::new();
        let mut octets = 0;
        while octets < RING || frames.len() < self.flows {
            // Every flow has its turn; in no order that the processor could foresee.
            let turn = (frames.len().wrapping_mul(0x9e37_79b1)) % self.flows;
            let payload = self.payload.0 + random.below(self.payload.1 - self.payload.0);
            let payload: Vec<u8> = (0..payload).map(|_| random.below(256) as u8).collect();
            let [.., a, b] = (turn as u32).to_be_bytes();
            let forward = random.below(2) == 0;
            let ends = if forward { ([10, 0, a, b], [192, 0, 2, 1]) } else { ([192, 0, 2, 1], [10, 0, a, b]) };
            let ports = if forward { (40_000, 443) } else { (443, 40_000) };
            let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
            // Identifications count up, each flow's by itself.
            let identification = (frames.len() / self.flows) as u16;
            let header = Ipv4Header {
                identification,
                time_to_live: 64,
                source: ends.0,
                destination: ends.1,
                ..Ipv4Header::default()
            };
            let packet = link.ip(IpHeaders::Ipv4(header, Ipv4Extensions::default()));
            let mut frame = Vec::new();
            let _ = if (turn as u64 * 37) % 100 < self.tcp {
                let sequence = (frames.len() as u32).wrapping_mul(1400);
                packet.tcp(ports.0, ports.1, sequence, 1000).ack(1).write(&mut frame, &payload)
            } else {
                packet.udp(ports.0, ports.1).write(&mut frame, &payload)
            };
            frame.resize(frame.len().max(60), 0);
            let length = frame.len() as u32;
            frame.truncate(SNAPLEN);
            frame.shrink_to_fit();
            octets += frame.len();
            frames.push((length, frame));
        }
        frames
    }
}

/// xorshift: the same traffic each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }
}
