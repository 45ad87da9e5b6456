//! A frame that becomes one of many flows and, with a seed, one of many different packets.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use traf_model::Mac;

use super::Frames;

/// Flows from one address: one for each of these ports.
const PORTS: u32 = 50_000;
/// The first of them.
const FIRST_PORT: u32 = 1024;
/// Octets of payload that a seed fills; more than any sensor looks at.
const FILLED: usize = 64;
/// TCP's flags.
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const PUSH: u8 = 0x08;

/// What stands behind the IP header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Udp,
    Syn,
    Tcp,
    Dhcp,
}

/// The parts of all frames of a run.
pub(super) struct Template {
    frame: Vec<u8>,
    /// Offset of the IP header, of the transport header and of the payload.
    ip: usize,
    transport: usize,
    payload: usize,
    kind: Kind,
    /// The sender of all, if it is one.
    one_source: bool,
    back: bool,
    constant: bool,
    seed: Option<u64>,
    flows: u32,
    first: u32,
}

impl Template {
    /// Frames of these words, from the interface with the MAC address `own`.
    pub(super) fn new(plan: &Frames, own: &str) -> Result<Self> {
        let kind = match (plan.syn, plan.tcp, plan.dhcp) {
            (true, ..) => Kind::Syn,
            (_, true, _) => Kind::Tcp,
            (.., true) => Kind::Dhcp,
            _ => Kind::Udp,
        };
        let (source, destination) = ends(plan, kind);
        ensure!(source.is_ipv6() == destination.is_ipv6(), "{source} and {destination} are of different families");
        let ipv6 = source.is_ipv6();
        let one_source = plan.source.is_some() || kind == Kind::Dhcp;
        ensure!(
            !one_source || plan.flows.saturating_add(plan.first) <= PORTS,
            "one --source has {PORTS} flows at most"
        );

        let mut frame = Vec::new();
        for mac in [&plan.to, own] {
            frame.extend(mac.parse::<Mac>().with_context(|| format!("{mac:?} is no MAC address"))?.0);
        }
        if let Some(vlan) = plan.vlan {
            frame.extend([0x81, 0x00]);
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend(if ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] });
        let ip = frame.len();
        let (header, transport) = (if ipv6 { 40 } else { 20 }, if kind.is_tcp() { 20 } else { 8 });
        let padding = usize::from(plan.padding);
        let least = transport + if kind == Kind::Dhcp { 240 } else { 0 };
        let body = usize::from(plan.size).saturating_sub(ip + header + padding).max(least);
        let length = u16::try_from(body).context("--size")?;
        let (source, destination) = if plan.back { (destination, source) } else { (source, destination) };
        match (source, destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend([0x60, 0, 0, 0]);
                frame.extend(length.to_be_bytes());
                frame.extend([kind.protocol(), 64]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend([0x45, 0]);
                frame.extend((20 + length).to_be_bytes());
                frame.extend([0, 0, 0x40, 0, 64, kind.protocol(), 0, 0]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            _ => unreachable!("both are of one family"),
        }
        let port = plan.port.unwrap_or(match kind {
            Kind::Udp => 53,
            Kind::Dhcp => 67,
            Kind::Syn | Kind::Tcp => 80,
        });
        let ports = [68u16.to_be_bytes(), port.to_be_bytes()];
        let ports = if plan.back { [ports[1], ports[0]] } else { ports };
        frame.extend(ports.concat());
        if kind.is_tcp() {
            frame.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, SYN, 0xff, 0xff, 0, 0, 0, 0]);
        } else {
            frame.extend(length.to_be_bytes());
            frame.extend([0, 0]);
        }
        if kind == Kind::Dhcp {
            // BOOTREQUEST over Ethernet from this client (RFC 2131, 2), without the transaction's number.
            frame.extend([1, 1, 6, 0]);
            frame.extend([0; 24]);
            frame.extend(own.parse::<Mac>().context("the interface's own MAC address")?.0);
        }
        let transport_at = ip + header;
        frame.resize(transport_at + body + padding, 0);
        Ok(Self {
            frame,
            ip,
            transport: transport_at,
            payload: transport_at + transport,
            kind,
            one_source,
            back: plan.back,
            constant: plan.constant,
            seed: plan.seed,
            flows: plan.flows,
            first: plan.first,
        })
    }

    /// A frame to be made one of the run.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Makes a frame the one with this number of the run.
    pub(super) fn make(&self, frame: &mut [u8], number: u64) {
        let flow = self.first.wrapping_add(u32::try_from(number % u64::from(self.flows)).unwrap_or_default());
        self.make_flow(frame, flow);
        if let Some(seed) = self.seed {
            self.make_packet(frame, mixed(seed ^ u64::from(self.back) << 63, flow), number / u64::from(self.flows));
        }
        if !self.is_ipv6() {
            frame[self.ip + 10..self.ip + 12].fill(0);
            let sum = checksum(&frame[self.ip..self.ip + 20]);
            frame[self.ip + 10..self.ip + 12].copy_from_slice(&sum.to_be_bytes());
        }
    }

    /// A flow is a source address and port: 50,000 ports to an address, all in 198.18.0.0/15 (RFC 2544's networks).
    fn make_flow(&self, frame: &mut [u8], flow: u32) {
        if self.kind == Kind::Dhcp {
            return;
        }
        if !self.one_source {
            let host = (flow / PORTS).to_be_bytes();
            let (offset, host) = match (self.is_ipv6(), self.back) {
                (true, false) => (20, &host[..]),
                (true, true) => (36, &host[..]),
                (false, false) => (14, &host[2..]),
                (false, true) => (18, &host[2..]),
            };
            frame[self.ip + offset..][..host.len()].copy_from_slice(host);
        }
        let port = u16::try_from(FIRST_PORT + flow % PORTS).unwrap_or_default();
        let offset = self.transport + if self.back { 2 } else { 0 };
        frame[offset..offset + 2].copy_from_slice(&port.to_be_bytes());
    }

    /// The packet with this number within its flow, whose seed is `flow`.
    fn make_packet(&self, frame: &mut [u8], flow: u64, number: u64) {
        let packet = mixed(flow, u32::try_from(number & 0xffff_ffff).unwrap_or_default());
        if self.is_ipv6() {
            // A label for each flow, as kernels choose it.
            let label = (0x6000_0000 | flow >> 44) as u32;
            frame[self.ip..self.ip + 4].copy_from_slice(&label.to_be_bytes());
        } else if self.kind != Kind::Dhcp {
            // Counts up from a random beginning, as kernels do.
            let identification = (flow as u16).wrapping_add(number as u16);
            frame[self.ip + 4..self.ip + 6].copy_from_slice(&identification.to_be_bytes());
        }
        let body = frame.len().min(self.payload + FILLED);
        match self.kind {
            Kind::Syn | Kind::Tcp => {
                let opens = self.kind == Kind::Syn || number == 0;
                let octets = (self.frame.len() - self.payload) as u64;
                // The SYN takes one number; its own frame carries no more than the others, so that all are of one size.
                let before = if self.kind == Kind::Syn { 0 } else { number * octets + u64::from(number > 0) };
                let sequence = ((flow >> 32) + before) as u32;
                frame[self.transport + 4..self.transport + 8].copy_from_slice(&sequence.to_be_bytes());
                let acknowledged = if opens && !self.back { 0 } else { 1 };
                frame[self.transport + 8..self.transport + 12].copy_from_slice(&u32::to_be_bytes(acknowledged));
                frame[self.transport + 13] = match (opens, self.back) {
                    (true, false) => SYN,
                    (true, true) => SYN | ACK,
                    (false, _) => PUSH | ACK,
                };
            }
            Kind::Dhcp => frame[self.payload + 4..self.payload + 8].copy_from_slice(&packet.to_be_bytes()[..4]),
            Kind::Udp => {}
        }
        if !self.constant && self.kind != Kind::Dhcp {
            let words = (1..).map(|word| mixed(packet, word).to_be_bytes());
            frame[self.payload..body].chunks_mut(8).zip(words).for_each(|(octets, word)| {
                octets.copy_from_slice(&word[..octets.len()]);
            });
        }
    }

    fn is_ipv6(&self) -> bool {
        self.frame[self.ip] >> 4 == 6
    }
}

impl Kind {
    const fn is_tcp(self) -> bool {
        matches!(self, Self::Syn | Self::Tcp)
    }

    const fn protocol(self) -> u8 {
        if self.is_tcp() { 6 } else { 17 }
    }
}

/// Who sends to whom.
fn ends(plan: &Frames, kind: Kind) -> (IpAddr, IpAddr) {
    let [any, all] = [[0; 4], [255; 4]].map(IpAddr::from);
    let ipv6 = plan.ipv6 || plan.source.or(plan.destination).is_some_and(|address| address.is_ipv6());
    let (source, destination) = match (kind, ipv6) {
        (Kind::Dhcp, _) => (any, all),
        (_, false) => ([198, 18, 0, 0].into(), [198, 51, 100, 9].into()),
        (_, true) => {
            let documentation = |subnet, host| [0x2001, 0xdb8, subnet, 0, 0, 0, 0, host].into();
            (documentation(0, 0), documentation(1, 9))
        }
    };
    (plan.source.unwrap_or(source), plan.destination.unwrap_or(destination))
}

/// A number that looks random and is the same for the same two (SplitMix64).
pub(super) const fn mixed(seed: u64, number: u32) -> u64 {
    let mut word = seed.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// The Internet checksum (RFC 1071).
fn checksum(header: &[u8]) -> u16 {
    let mut sum: u32 = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        frames: Frames,
    }

    /// The frames of a run, behind the link header of so many octets.
    fn packets(words: &str, link: usize) -> Vec<Vec<u8>> {
        let words = ["frames", "--to", "02:00:00:00:00:01"].into_iter().chain(words.split_whitespace());
        let plan = Words::parse_from(words).frames;
        let template = Template::new(&plan, "02:00:00:00:00:02").unwrap();
        let frame = |number| {
            let mut frame = template.frame().to_vec();
            template.make(&mut frame, number);
            frame[link..].to_vec()
        };
        (0..plan.count).map(frame).collect()
    }

    #[test]
    fn a_header_with_its_checksum_sums_to_nothing() {
        // The example of RFC 1071, 3.
        let sum = checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum, !0xddf2);
    }

    #[test]
    fn a_seed_makes_the_same_packets_with_a_tag_and_without_and_other_packets_with_another_seed() {
        let words = "--tcp --flows 10 --count 40";
        // With the tag, a frame of this size holds four octets fewer.
        let tagged = packets(&format!("{words} --seed 7 --vlan 9 --size 124"), 18);
        let plain = packets(&format!("{words} --seed 7 --size 120"), 14);
        assert_eq!(tagged, plain);
        let other = packets(&format!("{words} --seed 8 --size 120"), 14);
        let sequence = |packet: &Vec<u8>| packet[24..28].to_vec();
        assert!(plain.iter().zip(&other).all(|(a, b)| sequence(a) != sequence(b) && a[40..] != b[40..]));
        assert!(plain.iter().zip(&other).all(|(a, b)| a[12..24] == b[12..24]), "addresses and ports are equal");
        // A connection begins with its SYN and goes on without a hole.
        assert_eq!((plain[3][33], plain[13][33]), (SYN, PUSH | ACK));
        let number = |packet: &Vec<u8>| u32::from_be_bytes(packet[24..28].try_into().unwrap());
        let payload = u32::try_from(plain[3].len() - 40).unwrap();
        assert_eq!(number(&plain[13]).wrapping_sub(number(&plain[3])), payload + 1);
        assert_eq!(number(&plain[23]).wrapping_sub(number(&plain[13])), payload);
    }

    #[test]
    fn answers_come_from_the_other_end() {
        let words = "--source fe80::1 --destination fe80::2 --flows 3 --count 3 --seed 5";
        let (there, back) = (packets(words, 14), packets(&format!("{words} --back"), 14));
        for (there, back) in there.iter().zip(&back) {
            assert_eq!((&there[8..24], &there[40..42]), (&back[24..40], &back[42..44]));
            assert_eq!((&there[24..40], &there[42..44]), (&back[8..24], &back[40..42]));
        }
        let label = |packet: &Vec<u8>| u32::from_be_bytes(packet[..4].try_into().unwrap()) & 0xf_ffff;
        assert!(label(&there[0]) != label(&there[1]) && label(&there[0]) != 0);
    }

    #[test]
    fn a_discover_has_a_number_of_its_own() {
        let discovers = packets("--dhcp --count 3 --seed 1", 14);
        assert_eq!(discovers[0][12..20], [0, 0, 0, 0, 255, 255, 255, 255]);
        assert_eq!(discovers[0][20..24], [0, 68, 0, 67]);
        assert!(discovers[0][32..36] != discovers[1][32..36]);
        assert_eq!(discovers[0][56..62], [2, 0, 0, 0, 0, 2], "the client's address");
    }
}
