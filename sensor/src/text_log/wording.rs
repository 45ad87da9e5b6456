//! The lines of the event log, and times and rates in IPTraf's notation.

use jiff::tz::TimeZone;
use traf_model::time::SECOND;
use traf_model::{Endpoint, PacketEnd, PacketKind, SinglePacket, Timestamp};

use crate::meter::LogRecords;
use crate::meter::connection_events::{ConnectionChange, ConnectionEvent, DirectionCounts};
use crate::meter::packet_log::describe;

/// Makes words, in the local time of a zone.
#[derive(Clone, Debug)]
pub(crate) struct Wording {
    zone: TimeZone,
    second: i64,
    time: String,
}

impl Wording {
    /// In `zone`.
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self { zone, second: i64::MIN, time: String::new() }
    }

    /// The time as every line begins with it.
    pub(crate) fn time(&mut self, at: Timestamp) -> &str {
        // Thousands of lines fall into one second.
        if self.second != at.seconds() {
            self.second = at.seconds();
            self.time = ctime(at, &self.zone);
        }
        &self.time
    }

    /// A line of its own: a banner, a signal, a loss.
    pub(crate) fn line(&mut self, at: Timestamp, text: &str) -> String {
        format!("{}; {text}\n", self.time(at))
    }

    /// Lines for records of a capture: events and other packets, in the order of their times.
    pub(crate) fn round(&mut self, records: &LogRecords, interface: &str, mac: bool) -> String {
        let mut text = String::new();
        let mut events = records.events.iter().peekable();
        for packet in &records.packets {
            while let Some(event) = events.next_if(|event| event.at <= packet.at) {
                text += &self.event(event, interface);
            }
            text += &self.packet(&describe(packet), interface, mac);
        }
        for event in events {
            text += &self.event(event, interface);
        }
        text
    }

    /// Line for an event of a TCP connection.
    pub(crate) fn event(&mut self, event: &ConnectionEvent, interface: &str) -> String {
        let (from, to) = (event.source, event.destination);
        let mac = event.mac.map(|mac| format!(" (source MAC addr {mac})")).unwrap_or_default();
        let packet = |text: &str| format!("TCP; {interface}; {} bytes; from {from} to {to}{mac}; {text}", event.octets);
        let connection = |end: &str, way: &DirectionCounts, opposite: &DirectionCounts| {
            let (way, opposite) = (figures(way, ", "), figures(opposite, ", "));
            format!("TCP; Connection {from} to {to} {end}, {way}; opposite direction {opposite}")
        };
        let text = match &event.what {
            ConnectionChange::First { syn: true } => packet("first packet (SYN)"),
            ConnectionChange::First { syn: false } => packet("first packet"),
            ConnectionChange::Fin(way) => packet(&format!("FIN sent; {}", figures(way, ", "))),
            // Spelt as IPTraf spells it: scripts look for it.
            ConnectionChange::Acknowledged => packet("FIN acknowleged"),
            ConnectionChange::Reset(way, opposite) => {
                let (way, opposite) = (figures(way, ", "), figures(opposite, "; "));
                packet(&format!("Connection reset; {way}; opposite direction {opposite}"))
            }
            ConnectionChange::TimedOut(way, opposite) => connection("timed out", way, opposite),
            ConnectionChange::PushedOut(way, opposite) => connection("left the full table", way, opposite),
            ConnectionChange::Active(way) => format!("TCP; {interface}; active; from {from} to {to}; {}", count(way)),
            ConnectionChange::Moved(before) => {
                let mac = event.mac.map(|mac| mac.to_string()).unwrap_or_default();
                format!("TCP; {interface}; from {from} to {to}: new source MAC address {mac} (previously {before})")
            }
        };
        self.line(event.at, &text)
    }

    /// A packet that belongs to no connection.
    pub(crate) fn packet(&mut self, line: &SinglePacket, interface: &str, mac: bool) -> String {
        let SinglePacket { label, detail, octets, .. } = line;
        // IPTraf loses the number of an unknown protocol in the log; here it stays in the label.
        let text = match (line.source, line.destination) {
            (PacketEnd::Host(source), PacketEnd::Host(destination)) => {
                let mac = line.mac.filter(|_| mac).map(|mac| format!(" source MAC address {mac};")).unwrap_or_default();
                let ports = line.kind == PacketKind::Udp && detail != "fragment";
                let end = |end: Endpoint| if ports { end.to_string() } else { end.address.to_string() };
                let detail = if detail.is_empty() { String::new() } else { format!("; {detail}") };
                let (from, to) = (end(source), end(destination));
                format!("{label}; {interface}; {octets} bytes;{mac} from {from} to {to}{detail}")
            }
            // The space at the end is IPTraf's.
            (source, destination) => format!("{label}; {interface}; {octets} bytes; from {source} to {destination} "),
        };
        self.line(line.at, &text)
    }
}

fn count(way: &DirectionCounts) -> String {
    format!("{} packets, {} bytes", way.packets, way.octets)
}

/// Counts and average rate, with `between` between them.
fn figures(way: &DirectionCounts, between: &str) -> String {
    format!("{}{between}avg flow rate {}", count(way), rate(per_second(way.octets, way.nanos)))
}

/// `Sun Nov 22 09:40:06 2026`: ctime(3), in `zone`.
pub(super) fn ctime(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_second(at.seconds()) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%a %b %e %H:%M:%S %Y").to_string(),
        Err(_) => format!("{} s since 1970", at.seconds()),
    }
}

/// `  24041.54 kbps`, of octets a second; `Mbps` and more where IPTraf moves on.
pub(super) fn rate(octets: u64) -> String {
    let (mut whole, mut divider, mut units) = (octets, 1_000.0, ["M", "G", "T", "P"].into_iter());
    let mut unit = "k";
    while whole >= 100_000_000 {
        let Some(next) = units.next() else { break };
        (whole, divider, unit) = (whole / 1_000, divider * 1_000.0, next);
    }
    format!("{:9.2} {unit}bps", octets as f64 * 8.0 / divider)
}

/// `       67 pps`.
pub(super) fn packets(packets: u64) -> String {
    format!("{packets:9} pps")
}

/// A count over a stretch of time, per second; less than a second is taken as one.
pub(super) fn per_second(count: u64, nanos: i64) -> u64 {
    let nanos = nanos.max(SECOND);
    u64::try_from(u128::from(count) * SECOND as u128 / nanos.unsigned_abs() as u128).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use traf_model::Mac;
    use traf_model::time::SECOND;

    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_795_340_408);
    const CLIENT: &str = "10.77.0.2:36204";
    const SERVER: &str = "10.77.0.1:80";

    fn words(from: &str, to: &str, octets: u32, what: ConnectionChange) -> String {
        let end = |text: &str| {
            let end: std::net::SocketAddr = text.parse().unwrap();
            Endpoint::new(end.ip(), end.port())
        };
        let mac = Some(Mac([2, 0, 0, 0, 0x77, 2]));
        let event = ConnectionEvent { at: AT, source: end(from), destination: end(to), octets, mac, what };
        let line = Wording::new(TimeZone::UTC).event(&event, "ipta0");
        line.strip_prefix("Sun Nov 22 09:40:08 2026; TCP; ").unwrap().strip_suffix('\n').unwrap().to_owned()
    }

    fn way(packets: u64, octets: u64, seconds: i64) -> DirectionCounts {
        DirectionCounts { packets, octets, nanos: seconds * SECOND }
    }

    #[test]
    fn the_events_of_a_connection_read_as_in_iptraf() {
        let head = "ipta0; 60 bytes; from 10.77.0.2:36204 to 10.77.0.1:80 (source MAC addr 02:00:00:00:77:02); ";
        let packet = |what| words(CLIENT, SERVER, 60, what).strip_prefix(head).unwrap().to_owned();
        assert_eq!(packet(ConnectionChange::First { syn: true }), "first packet (SYN)");
        assert_eq!(packet(ConnectionChange::First { syn: false }), "first packet");
        assert_eq!(
            packet(ConnectionChange::Fin(way(75, 3_005_193, 0))),
            "FIN sent; 75 packets, 3005193 bytes, avg flow rate  24041.54 kbps"
        );
        assert_eq!(packet(ConnectionChange::Acknowledged), "FIN acknowleged");
        assert_eq!(
            packet(ConnectionChange::Reset(way(1, 40, 0), way(1, 60, 0))),
            "Connection reset; 1 packets, 40 bytes, avg flow rate      0.32 kbps; opposite direction 1 packets, 60 bytes; \
             avg flow rate      0.48 kbps"
        );
        assert_eq!(
            words(CLIENT, SERVER, 0, ConnectionChange::TimedOut(way(6, 840, 120), way(0, 0, 120))),
            "Connection 10.77.0.2:36204 to 10.77.0.1:80 timed out, 6 packets, 840 bytes, avg flow rate      0.06 kbps; \
             opposite direction 0 packets, 0 bytes, avg flow rate      0.00 kbps"
        );
        assert_eq!(
            words(CLIENT, SERVER, 0, ConnectionChange::Active(way(2, 144, 1))),
            "ipta0; active; from 10.77.0.2:36204 to 10.77.0.1:80; 2 packets, 144 bytes"
        );
        assert_eq!(
            words("[fd77::2]:40000", "[fd77::1]:443", 0, ConnectionChange::Moved(Mac([2, 0, 0, 0, 0x77, 9]))),
            "ipta0; from [fd77::2]:40000 to [fd77::1]:443: new source MAC address 02:00:00:00:77:02 (previously \
             02:00:00:00:77:09)"
        );
    }

    #[test]
    fn other_packets_read_as_in_iptraf() {
        let host = |text: &str| PacketEnd::Host(Endpoint::new(text.parse().unwrap(), 44215));
        let line = |kind, label: &str, detail: &str, octets| SinglePacket {
            number: 1,
            at: AT,
            kind,
            label: label.into(),
            detail: detail.into(),
            octets,
            source: host("10.77.0.2"),
            destination: host("10.77.0.1"),
            mac: Some(Mac([2, 0, 0, 0, 0x77, 2])),
        };
        let station = |octet| PacketEnd::Station(Mac([2, 0, 0, 0, 0x77, octet]));
        let arp = SinglePacket {
            source: station(2),
            destination: PacketEnd::Station(Mac::BROADCAST),
            ..line(PacketKind::Arp, "ARP request for 10.77.0.1", "", 28)
        };
        let read = |line: &SinglePacket, mac| {
            let words = Wording::new(TimeZone::UTC).packet(line, "ipta0", mac);
            words.strip_prefix("Sun Nov 22 09:40:08 2026; ").unwrap().to_owned()
        };
        for (line, mac, expected) in [
            (
                line(PacketKind::Udp, "UDP", "", 33),
                true,
                "UDP; ipta0; 33 bytes; source MAC address 02:00:00:00:77:02; from 10.77.0.2:44215 to 10.77.0.1:44215\n",
            ),
            (
                line(PacketKind::Udp, "UDP", "fragment", 548),
                false,
                "UDP; ipta0; 548 bytes; from 10.77.0.2 to 10.77.0.1; fragment\n",
            ),
            (
                line(PacketKind::Icmp, "ICMP", "dest unrch (port)", 61),
                false,
                "ICMP; ipta0; 61 bytes; from 10.77.0.2 to 10.77.0.1; dest unrch (port)\n",
            ),
            (
                line(PacketKind::OtherIp, "IP protocol 253", "", 40),
                false,
                "IP protocol 253; ipta0; 40 bytes; from 10.77.0.2 to 10.77.0.1\n",
            ),
            (arp, true, "ARP request for 10.77.0.1; ipta0; 28 bytes; from 02:00:00:00:77:02 to ff:ff:ff:ff:ff:ff \n"),
        ] {
            assert_eq!(read(&line, mac), expected);
        }
    }

    #[test]
    fn times_are_local_and_in_ctimes_format() {
        let at = Timestamp::from_seconds(1_795_340_406);
        assert_eq!(ctime(at, &TimeZone::UTC), "Sun Nov 22 09:40:06 2026");
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(ctime(Timestamp::from_seconds(1_795_340_406 - 19 * 86_400), &zone), "Tue Nov  3 11:40:06 2026");
        assert!(!ctime(Timestamp(i64::MIN), &TimeZone::UTC).is_empty());
    }

    #[test]
    fn rates_are_written_as_iptraf_does() {
        assert_eq!(rate(3_005_193), " 24041.54 kbps");
        assert_eq!(rate(0), "     0.00 kbps");
        assert_eq!(rate(99_999_999), "799999.99 kbps");
        assert_eq!(rate(100_000_000), "   800.00 Mbps");
        assert_eq!(rate(u64::MAX).split(' ').next_back(), Some("Pbps"));
        assert_eq!(packets(67), "       67 pps");
    }

    #[test]
    fn an_average_never_divides_by_zero() {
        assert_eq!(per_second(40, 0), 40);
        assert_eq!(per_second(40, -5), 40);
        assert_eq!(per_second(40, SECOND / 2), 40);
        assert_eq!(per_second(840, 120 * SECOND), 7);
    }
}
