//! The dumps of statistics, from interfaces' snapshots: cumulative since each interface was opened.

use traf_model::{Answer, ClassGroup, Counters, Counts, InterfaceSnapshot, Item, Key, Service, Timestamp, Traffic};

use super::file_names::LogKind;
use super::wording::{packets, per_second, rate};

/// Counts of one interface at a moment; its answers are those to [`super::wishes`].
#[derive(Clone, Debug)]
pub(crate) struct Dump {
    pub(crate) at: Timestamp,
    pub(crate) snapshot: InterfaceSnapshot,
}

impl Dump {
    /// The text of one of the logs that each interface has; `time` is the moment in words.
    pub(super) fn text(&self, kind: LogKind, time: &str) -> String {
        let text = match kind {
            LogKind::Traffic | LogKind::General => return String::new(),
            LogKind::Detailed => self.detailed(time),
            LogKind::Services => self.services(time),
            LogKind::Sizes => self.sizes(time),
            LogKind::Stations => self.stations(time),
        };
        format!("{text}\nRunning time: {} seconds\n", self.seconds())
    }

    fn nanos(&self) -> i64 {
        self.at.since(self.snapshot.started).max(0)
    }

    fn seconds(&self) -> i64 {
        self.nanos() / traf_model::time::SECOND
    }

    fn average(&self, counters: Counters) -> Counters {
        Counters::new(per_second(counters.packets, self.nanos()), per_second(counters.octets, self.nanos()))
    }

    fn answer(&self, place: usize) -> Option<&Answer> {
        self.snapshot.answers.get(place)
    }

    /// Keys of an answer, with their counts and rates.
    fn rows(&self, place: usize) -> impl Iterator<Item = (Key, &Counts, Traffic)> {
        self.answer(place).into_iter().flat_map(|answer| &answer.rows).filter_map(|row| match &row.item {
            Item::Counted(_, key, counts) => Some((*key, counts, row.rate)),
            _ => None,
        })
    }

    fn detailed(&self, time: &str) -> String {
        const ROWS: [(ClassGroup, &str); 10] = [
            (ClassGroup::Total, "Total: \t"),
            (ClassGroup::Ipv4, "IP: \t"),
            (ClassGroup::Ipv6, "IPv6: "),
            (ClassGroup::Tcp, "TCP: "),
            (ClassGroup::Udp, "UDP: "),
            (ClassGroup::Icmp, "ICMP: "),
            (ClassGroup::OtherIp, "Other IP: "),
            (ClassGroup::NonIp, "Non-IP: "),
            (ClassGroup::Broadcast, "Broadcast: "),
            (ClassGroup::Multicast, "Multicast: "),
        ];
        let InterfaceSnapshot { interface, classes, peak, peak_total, ledger, .. } = &self.snapshot;
        let mut text = format!("\n*** Detailed statistics for interface {}, generated {time}\n\n", interface.name);
        for (group, name) in ROWS {
            let traffic = classes.group(group);
            let [total, inbound, outbound] = [traffic.total(), traffic.inbound, traffic.outbound].map(count);
            text += &format!("{name}{total}\n\t(incoming: {inbound}; outgoing: {outbound})\n");
        }
        let rates = |counters: Counters| format!("{}, {}", rate(counters.octets), packets(counters.packets));
        let all = classes.group(ClassGroup::Total);
        let average = |counters| rates(self.average(counters));
        let [total, inbound, outbound] = [all.total(), all.inbound, all.outbound].map(average);
        text += &format!("\nAverage rates:\n  Total:\t{total}\n  Incoming:\t{inbound}\n  Outgoing:\t{outbound}\n");
        let [total, inbound, outbound] = [*peak_total, peak.inbound, peak.outbound].map(rates);
        text +=
            &format!("\nPeak total activity: {total}\nPeak incoming rate: {inbound}\nPeak outgoing rate: {outbound}\n");
        text + &format!("\nIP checksum errors: {}\n", ledger.bad_checksum)
    }

    fn services(&self, time: &str) -> String {
        let mut text = format!("\n*** TCP/UDP traffic log, generated {time}\n\n");
        let mut line = |name: String, traffic: Traffic| {
            let ways = [(traffic.total(), "total"), (traffic.inbound, "incoming"), (traffic.outbound, "outgoing")];
            let part = |(counters, way)| format!("{} {way}, {}", count(counters), rate(self.average(counters).octets));
            text += &format!("{name}: {}\n\n", ways.map(part).join("; "));
        };
        let service = |(key, counts, _): (_, &Counts, _)| Some((Service::of_key(key)?, counts.traffic));
        let mut rows: Vec<(Service, Traffic)> = self.rows(1).filter_map(service).collect();
        rows.sort_by_key(|(service, _)| *service);
        rows.iter().for_each(|(service, traffic)| line(name(*service), *traffic));
        let all = self.answer(1).map(|answer| answer.total).unwrap_or_default();
        let rest = all - rows.iter().map(|(_, traffic)| *traffic).sum();
        if !rest.is_empty() {
            line("other services".to_owned(), rest);
        }
        text
    }

    fn sizes(&self, time: &str) -> String {
        let interface = &self.snapshot.interface;
        let mtu = interface.mtu.map_or_else(|| "unknown".to_owned(), |mtu| mtu.to_string());
        let mut text = format!("*** Packet Size Distribution, generated {time}\n\n");
        text += &format!("Interface: {}   MTU: {mtu}\n\nPacket Size (bytes)\tIn\t\tOut\n", interface.name);
        for bracket in traf_model::Brackets::new(interface.mtu.unwrap_or(1500)).all() {
            let counted = self.rows(0).find(|(key, ..)| *key == bracket.key());
            let traffic = counted.map(|(_, counts, _)| counts.traffic).unwrap_or_default();
            // A packet has an octet at least: IPTraf's first bracket begins with 1.
            let name = match bracket.to {
                Some(to) => format!("{} to {to}:", bracket.from.max(1)),
                None => format!("{} and more:", bracket.from),
            };
            text += &format!("{name}\t\t{:8}\t{:8}\n", traffic.inbound.packets, traffic.outbound.packets);
        }
        let [inbound, outbound] = self.answer(0).map_or([0; 2], |answer| answer.largest);
        text + &format!("Largest packet:\t\t{inbound:8}\t{outbound:8}\n")
    }

    fn stations(&self, time: &str) -> String {
        let mut text = format!("\n*** LAN traffic log, generated {time}\n\n");
        let mut stations: Vec<_> = self.rows(2).collect();
        stations.sort_by_key(|(mac, ..)| *mac);
        let pair = |traffic: Traffic| {
            format!("{} incoming, {} outgoing", rate(traffic.inbound.octets), rate(traffic.outbound.octets))
        };
        for (mac, station, now) in &stations {
            let all = station.traffic;
            let average = Traffic { inbound: self.average(all.inbound), outbound: self.average(all.outbound) };
            let way = |way: &str, all: Counters, ip: Counters| {
                format!("\t{way} total {}; {} IP packets\n", count(all), ip.packets)
            };
            text += &format!("\nEthernet address: {mac}\n");
            text += &way("Incoming", all.inbound, station.ip.inbound);
            text += &way("Outgoing", all.outbound, station.ip.outbound);
            text += &format!("\tAverage rates: {}\n\tLast 5-second rates: {}\n", pair(average), pair(*now));
        }
        let rest = self.answer(2).map_or(0, |answer| answer.matched.saturating_sub(stations.len() as u64));
        if rest > 0 {
            text += &format!("\n{rest} more stations had less traffic\n");
        }
        text
    }
}

/// The general statistics of all interfaces.
pub(super) fn general<'a>(dumps: impl Iterator<Item = &'a Dump>, time: &str) -> String {
    let mut text = format!("\n*** General interface statistics log generated {time}\n\n");
    let mut running = 0;
    for dump in dumps {
        let InterfaceSnapshot { interface, classes, ledger, peak_total, rate: now, .. } = &dump.snapshot;
        let packets = |group: ClassGroup| classes.group(group).total().packets;
        let average = dump.average(classes.group(ClassGroup::Total).total());
        text += &format!(
            "{}: {} total, {} IP, {} IPv6, {} non-IP, {} IP checksum errors, average activity {}, peak activity {}, last \
             5-second average activity {}\n",
            interface.name,
            packets(ClassGroup::Total),
            packets(ClassGroup::Ipv4),
            packets(ClassGroup::Ipv6),
            packets(ClassGroup::NonIp),
            ledger.bad_checksum,
            rate(average.octets),
            rate(peak_total.octets),
            rate(now.total().octets),
        );
        running = running.max(dump.seconds());
    }
    text + &format!("\n{running} seconds running time\n")
}

fn count(counters: Counters) -> String {
    format!("{} packets, {} bytes", counters.packets, counters.octets)
}

fn name(service: Service) -> String {
    format!("{}/{}", if service.protocol == 6 { "TCP" } else { "UDP" }, service.port)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use traf_model::facility::{SERVICES, SIZES, STATIONS};
    use traf_model::time::SECOND;
    use traf_model::{Brackets, Cast, Class, Classes, Family, Interface, Mac, Row, Transport};

    use super::*;

    const TIME: &str = "Sun Nov 22 09:41:44 2026";

    fn traffic(inbound: (u64, u64), outbound: (u64, u64)) -> Traffic {
        Traffic { inbound: Counters::new(inbound.0, inbound.1), outbound: Counters::new(outbound.0, outbound.1) }
    }

    /// After 61 seconds, with the figures of a machine that has served files.
    fn dump(seconds: i64) -> Dump {
        let class = |family, transport, cast| Class { family, transport, cast };
        let classes = Classes::from_iter([
            (class(Family::Ipv4, Transport::Tcp, Cast::Unicast), traffic((1327, 79_808), (2320, 83_223_964))),
            (class(Family::Ipv6, Transport::Udp, Cast::Multicast), traffic((53, 2595), (36, 2034))),
            (class(Family::NonIp, Transport::Other, Cast::Broadcast), traffic((4, 240), (0, 0))),
        ]);
        let brackets = Brackets::new(1500);
        let size = |size, t: Traffic| Item::Counted(SIZES, brackets.bracket(brackets.place(size)).key(), t.into());
        let sizes = [
            size(60, traffic((1272, 76_320), (0, 0))),
            size(1500, traffic((0, 0), (212, 318_000))),
            size(20_000, traffic((0, 0), (1655, 80_000_000))),
        ];
        let service =
            |protocol, port, t: Traffic| Item::Counted(SERVICES, Service::new(protocol, port).unwrap().key(), t.into());
        let http = traffic((1147, 68_576), (1985, 74_106_802));
        let services = [service(17, 53, traffic((18, 1440), (18, 1440))), service(6, 80, http)];
        let station = traffic((2548, 83_242_915), (1555, 98_283));
        let station = Counts { ip: station, ..station.into() };
        let row = |item| Row::new(traffic((9, 1_190_642), (1, 1647)), item);
        let answer = |items: Vec<Item>| {
            let total = items.iter().map(Item::traffic).sum();
            Answer {
                matched: items.len() as u64,
                total,
                rows: items.into_iter().map(row).collect(),
                ..Answer::default()
            }
        };
        let snapshot = InterfaceSnapshot {
            interface: Interface { name: "ipta0".into(), mtu: Some(1500), ..Interface::default() },
            started: Timestamp(0),
            classes,
            peak: traffic((46, 2923), (101, 3_848_132)),
            peak_total: Counters::new(148, 3_850_817),
            rate: traffic((1, 1000), (1, 1_134_626)),
            answers: vec![
                Answer { largest: [60, 20_000], ..answer(sizes.to_vec()) },
                answer(services.to_vec()),
                answer(vec![Item::Counted(STATIONS, Key::Mac(Mac([2, 0, 0, 0, 0x77, 2])), station)]),
            ],
            ..InterfaceSnapshot::default()
        };
        Dump { at: Timestamp(seconds * SECOND), snapshot }
    }

    #[test]
    fn general_statistics_read_as_in_iptraf_and_have_ipv6() {
        let expected = "\n*** General interface statistics log generated Sun Nov 22 09:41:44 2026\n\n\
            ipta0: 3740 total, 3647 IP, 89 IPv6, 4 non-IP, 0 IP checksum errors, average activity  10925.72 kbps, peak \
            activity  30806.54 kbps, last 5-second average activity   9085.01 kbps\n\n61 seconds running time\n";
        assert_eq!(general([dump(61)].iter(), TIME), expected);
    }

    #[test]
    fn detailed_statistics_read_as_in_iptraf_and_have_ipv6_and_multicast() {
        let text = dump(61).text(LogKind::Detailed, TIME);
        let none = "0 packets, 0 bytes\n\t(incoming: 0 packets, 0 bytes; outgoing: 0 packets, 0 bytes)\n";
        let udp = "89 packets, 4629 bytes\n\t(incoming: 53 packets, 2595 bytes; outgoing: 36 packets, 2034 bytes)\n";
        let tcp = "3647 packets, 83303772 bytes\n\t(incoming: 1327 packets, 79808 bytes; outgoing: 2320 packets, 83223964 \
                   bytes)\n";
        let arp = "4 packets, 240 bytes\n\t(incoming: 4 packets, 240 bytes; outgoing: 0 packets, 0 bytes)\n";
        let expected = format!(
            "\n*** Detailed statistics for interface ipta0, generated {TIME}\n\n\
             Total: \t3740 packets, 83308641 bytes\n\t(incoming: 1384 packets, 82643 bytes; outgoing: 2356 packets, \
             83225998 bytes)\nIP: \t{tcp}IPv6: {udp}TCP: {tcp}UDP: {udp}ICMP: {none}Other IP: {none}Non-IP: {arp}\
             Broadcast: {arp}Multicast: {udp}\n\
             Average rates:\n  Total:\t 10925.72 kbps,        61 pps\n  Incoming:\t    10.83 kbps,        22 pps\n  \
             Outgoing:\t 10914.88 kbps,        38 pps\n\n\
             Peak total activity:  30806.54 kbps,       148 pps\nPeak incoming rate:     23.38 kbps,        46 pps\n\
             Peak outgoing rate:  30785.06 kbps,       101 pps\n\nIP checksum errors: 0\n\nRunning time: 61 seconds\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn services_read_as_in_iptraf_and_what_found_no_place_is_there_too() {
        let http = "TCP/80: 3132 packets, 74175378 bytes total,   9727.91 kbps; 1147 packets, 68576 bytes incoming,      8.99 \
                    kbps; 1985 packets, 74106802 bytes outgoing,   9718.92 kbps\n\n";
        let dns = "UDP/53: 36 packets, 2880 bytes total,      0.38 kbps; 18 packets, 1440 bytes incoming,      0.18 kbps; 18 \
                   packets, 1440 bytes outgoing,      0.18 kbps\n\n";
        let text = dump(61).text(LogKind::Services, TIME);
        assert_eq!(
            text,
            format!("\n*** TCP/UDP traffic log, generated {TIME}\n\n{http}{dns}\nRunning time: 61 seconds\n")
        );
        let mut more = dump(61);
        more.snapshot.answers[1].total += traffic((1, 61), (0, 0));
        assert!(
            more.text(LogKind::Services, TIME).contains("\nother services: 1 packets, 61 bytes total,      0.01 kbps;")
        );
    }

    #[test]
    fn sizes_read_as_in_iptraf_and_have_oversized_packets_and_the_largest() {
        let text = dump(61).text(LogKind::Sizes, TIME);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..6],
            [
                "*** Packet Size Distribution, generated Sun Nov 22 09:41:44 2026",
                "",
                "Interface: ipta0   MTU: 1500",
                "",
                "Packet Size (bytes)\tIn\t\tOut",
                "1 to 75:\t\t    1272\t       0"
            ]
        );
        assert_eq!(lines[6], "76 to 150:\t\t       0\t       0");
        let end = [
            "1426 to 1500:\t\t       0\t     212",
            "1501 and more:\t\t       0\t    1655",
            "Largest packet:\t\t      60\t   20000",
            "",
            "Running time: 61 seconds",
        ];
        assert_eq!(lines[24..], end);
    }

    #[test]
    fn stations_read_as_in_iptraf() {
        let expected = format!(
            "\n*** LAN traffic log, generated {TIME}\n\n\nEthernet address: 02:00:00:00:77:02\n\
             \tIncoming total 2548 packets, 83242915 bytes; 2548 IP packets\n\
             \tOutgoing total 1555 packets, 98283 bytes; 1555 IP packets\n\
             \tAverage rates:  10917.10 kbps incoming,     12.89 kbps outgoing\n\
             \tLast 5-second rates:   9525.14 kbps incoming,     13.18 kbps outgoing\n\nRunning time: 61 seconds\n"
        );
        assert_eq!(dump(61).text(LogKind::Stations, TIME), expected);
    }

    #[test]
    fn a_dump_in_the_first_second_divides_by_no_zero_and_tells_its_time() {
        for kind in [LogKind::Detailed, LogKind::Services, LogKind::Sizes, LogKind::Stations] {
            for at in [0, -5] {
                let text = dump(at).text(kind, TIME);
                assert!(text.ends_with("\nRunning time: 0 seconds\n"), "{text}");
            }
        }
        assert!(general([dump(0)].iter(), TIME).contains("average activity 666469.13 kbps"));
        assert!(general(std::iter::empty(), TIME).ends_with("\n0 seconds running time\n"));
    }
}
