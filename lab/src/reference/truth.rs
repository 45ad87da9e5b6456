//! The true counts of every facility at any moment: cumulative, from the frames of a mirror port, which carries each frame of
//! the LAN once.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use traf_model::{Counters, Traffic};

use super::head::{Head, IpHead};

/// Nanoseconds of a step: counts are known at the end of each.
const STEP: i64 = 20_000_000;
/// TCP's flags.
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// A table of `traf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facility {
    /// Frames of each observation point.
    Interfaces,
    /// IP packets of each address.
    Hosts,
    /// IP packets of each TCP and UDP port that is asked.
    Services,
    /// Frames of each MAC address.
    Stations,
    /// IP packets by the address that is asked.
    Address,
    /// IP packets by protocol and port that is asked.
    Port,
    /// IP packets by who asks whom.
    Pair,
}

/// A row of a table. It prints as the key of that row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// All rows.
    Total,
    /// An observation point, by its place.
    Point(usize),
    /// An IP address.
    Address(IpAddr),
    /// Protocol and port.
    Port(u8, u16),
    /// A MAC address.
    Mac([u8; 6]),
    /// Who asks whom.
    Pair(IpAddr, IpAddr),
}

/// An observation point of the LAN.
#[derive(Clone, Debug)]
pub struct TruePoint {
    /// `anna/eth0`.
    pub name: String,
    /// Its MAC address; a mirror port has none and sees everything come in.
    pub mac: Option<[u8; 6]>,
}

/// Counts of rows at the end of each step in which they grew.
type Series = Vec<(i64, Traffic)>;
/// Protocol and both ends of a conversation, the smaller first.
type Conversation = (u8, (IpAddr, u16), (IpAddr, u16));

/// Cumulative counts.
#[derive(Debug, Default)]
pub struct Truth {
    rows: HashMap<Facility, HashMap<Key, Series>>,
    points: Vec<TruePoint>,
    /// The end that began each conversation.
    began: HashMap<Conversation, (IpAddr, u16)>,
    /// All frames.
    pub frames: Counters,
}

impl Facility {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Interfaces, Self::Hosts, Self::Services, Self::Stations, Self::Address, Self::Port, Self::Pair];

    /// The words of `traf` that show it.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Interfaces => &["interfaces"],
            Self::Hosts => &["hosts"],
            Self::Services => &["services"],
            Self::Stations => &["stations"],
            Self::Address => &["traffic", "--group", "address"],
            Self::Port => &["traffic", "--group", "port"],
            Self::Pair => &["traffic", "--group", "pair"],
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => write!(f, "total"),
            Self::Point(place) => write!(f, "point {place}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Port(1, _) => write!(f, "icmp"),
            Self::Port(2, _) => write!(f, "igmp"),
            Self::Port(58, _) => write!(f, "icmp6"),
            Self::Port(protocol @ (6 | 17), port) => {
                write!(f, "{}/{port}", if *protocol == 6 { "tcp" } else { "udp" })
            }
            Self::Port(protocol, _) => write!(f, "{protocol}"),
            Self::Mac([a, b, c, d, e, g]) => write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"),
            Self::Pair(source, destination) => write!(f, "{source} → {destination}"),
        }
    }
}

impl Truth {
    /// Nothing yet, at these observation points.
    pub fn new(points: Vec<TruePoint>) -> Self {
        Self { points, ..Self::default() }
    }

    /// Adds a frame; they come in order of time.
    pub fn add(&mut self, head: &Head) {
        let frame = Counters::new(1, head.octets);
        self.frames += frame;
        let mut add = |facility, key, out, counters| add(&mut self.rows, head.at, facility, key, out, counters);
        for (place, point) in self.points.iter().enumerate() {
            let to_all = head.destination[0] & 1 == 1;
            let out = point.mac == Some(head.source);
            if out || to_all || point.mac.is_none_or(|mac| mac == head.destination) {
                add(Facility::Interfaces, Key::Point(place), out, frame);
            }
        }
        for (mac, out) in [(head.source, true), (head.destination, false)] {
            add(Facility::Stations, Key::Mac(mac), out, frame);
            add(Facility::Stations, Key::Total, out, frame);
        }
        let Some(packet) = &head.packet else { return };
        let initiated = initiated(&mut self.began, packet);
        let counters = Counters::new(1, packet.octets);
        for ((address, _), out) in [(packet.source, true), (packet.destination, false)] {
            add(Facility::Hosts, Key::Address(address), out, counters);
            add(Facility::Hosts, Key::Total, out, counters);
        }
        if let Some((key, out)) = service(packet, initiated) {
            add(Facility::Services, key, out, counters);
            add(Facility::Services, Key::Total, out, counters);
        }
        let (asks, asked) =
            if initiated { (packet.source, packet.destination) } else { (packet.destination, packet.source) };
        for (facility, key) in [
            (Facility::Address, Key::Address(asked.0)),
            (Facility::Port, Key::Port(packet.protocol, asked.1)),
            (Facility::Pair, Key::Pair(asks.0, asked.0)),
        ] {
            add(facility, key, initiated, counters);
            add(facility, Key::Total, initiated, counters);
        }
    }

    /// The counts of a row at a moment, in nanoseconds since 1970: of all frames up to the end of the step before it.
    pub fn at(&self, facility: Facility, key: &Key, at: i64) -> Traffic {
        let series = self.rows.get(&facility).and_then(|rows| rows.get(key));
        series.map_or_else(Traffic::default, |series| counted(series, at))
    }

    /// The rows of a table that counted anything before a moment, with their counts then.
    pub fn table(&self, facility: Facility, at: i64) -> Vec<(Key, Traffic)> {
        let rows = self.rows.get(&facility).into_iter().flatten().filter(|(key, _)| **key != Key::Total);
        let counted = rows.map(|(key, series)| (*key, counted(series, at)));
        counted.filter(|(_, traffic)| *traffic != Traffic::default()).collect()
    }

    /// The text by which `traf` names a row.
    pub fn name(&self, key: &Key) -> String {
        match key {
            Key::Point(place) => self.points.get(*place).map_or_else(String::new, |point| point.name.clone()),
            key => key.to_string(),
        }
    }
}

fn add(
    rows: &mut HashMap<Facility, HashMap<Key, Series>>,
    at: i64,
    facility: Facility,
    key: Key,
    out: bool,
    counters: Counters,
) {
    let series = rows.entry(facility).or_default().entry(key).or_default();
    let (last, mut traffic) = series.last().copied().unwrap_or_default();
    *(if out { &mut traffic.outbound } else { &mut traffic.inbound }) += counters;
    // A processor's frame may be written a little behind another's.
    let step = (at / STEP).max(last);
    match series.last_mut() {
        Some(newest) if newest.0 == step => newest.1 = traffic,
        _ => series.push((step, traffic)),
    }
}

fn counted(series: &Series, at: i64) -> Traffic {
    let after = series.partition_point(|(step, _)| *step < at.div_euclid(STEP));
    after.checked_sub(1).map_or_else(Traffic::default, |place| series[place].1)
}

/// True if the initiator of its conversation sent a packet. Who begins is who sends first or opens anew, but an answer to a SYN
/// that was not seen names the other.
fn initiated(began: &mut HashMap<Conversation, (IpAddr, u16)>, packet: &IpHead) -> bool {
    let (source, destination) = (packet.source, packet.destination);
    let conversation = (packet.protocol, source.min(destination), source.max(destination));
    let opens = packet.flags & (SYN | ACK);
    let first = if opens == SYN | ACK { destination } else { source };
    if opens == SYN {
        began.insert(conversation, first);
    }
    *began.entry(conversation).or_insert(first) == source
}

/// The service that a packet counts for, and whether it comes from there: the port below 1024 where only one end has such a
/// port, else the port of the end that did not begin.
fn service(packet: &IpHead, initiated: bool) -> Option<(Key, bool)> {
    if !matches!(packet.protocol, 6 | 17) {
        return None;
    }
    let (source, destination) = (packet.source.1, packet.destination.1);
    let from = match (source < 1024, destination < 1024) {
        (true, false) => true,
        (false, true) => false,
        _ => !initiated,
    };
    Some((Key::Port(packet.protocol, if from { source } else { destination }), from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(at: i64, source: (u8, u16), destination: (u8, u16), octets: u64) -> Head {
        let end = |(host, port): (u8, u16)| (IpAddr::from([10, 0, 0, host]), port);
        let packet = IpHead { protocol: 17, source: end(source), destination: end(destination), octets, flags: 0 };
        Head { at, octets: octets + 14, source: [2; 6], destination: [4; 6], packet: Some(packet) }
    }

    #[test]
    fn counts_are_those_of_the_moment_and_have_the_directions_of_traf() {
        let point = |mac| TruePoint { name: "p".to_owned(), mac };
        let mut truth = Truth::new(vec![point(None), point(Some([4; 6])), point(Some([6; 6]))]);
        truth.add(&frame(STEP, (1, 5000), (2, 53), 100));
        truth.add(&frame(3 * STEP, (2, 53), (1, 5000), 300));
        truth.add(&frame(3 * STEP + 1, (1, 5000), (2, 53), 50));
        let [there, back] = [Counters::new(2, 150), Counters::new(1, 300)];
        let all = |facility, key| truth.at(facility, &key, i64::MAX);
        let (host, service) = (Key::Address([10, 0, 0, 2].into()), Key::Port(17, 53));
        assert_eq!(all(Facility::Hosts, host), Traffic { inbound: there, outbound: back });
        assert_eq!(all(Facility::Services, service), Traffic { inbound: there, outbound: back });
        assert_eq!(all(Facility::Address, host), Traffic { inbound: back, outbound: there });
        assert_eq!(truth.table(Facility::Pair, i64::MAX).len(), 1);
        assert_eq!(all(Facility::Interfaces, Key::Point(0)).inbound, Counters::new(3, 492));
        assert_eq!(all(Facility::Interfaces, Key::Point(2)), Traffic::default());
        assert_eq!(truth.at(Facility::Hosts, &host, STEP), Traffic::default(), "a step counts when it is over");
        assert_eq!(truth.at(Facility::Hosts, &host, 2 * STEP).inbound, Counters::new(1, 100));
    }
}
