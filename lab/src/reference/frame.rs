//! One frame, as tshark names its parts.

use std::collections::HashMap;
use std::net::IpAddr;

use anyhow::{Context, Result, ensure};

/// One direction of a conversation: a uniflow of RFC 5103.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uniflow {
    /// `tcp`, `udp` or the number of the protocol.
    pub protocol: String,
    /// Address of the sender.
    pub source: IpAddr,
    /// Port of the sender; 0 for protocols without ports.
    pub source_port: u16,
    /// Address of the receiver.
    pub destination: IpAddr,
    /// Port of the receiver; 0 for protocols without ports.
    pub destination_port: u16,
    /// The VLAN's number.
    pub vlan: Option<u16>,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Time of capture, in nanoseconds since 1970.
    pub at: i64,
    /// Octets on the wire.
    pub octets: u64,
    /// Number of VLAN tags.
    pub tags: u64,
    /// The outermost VLAN's number.
    pub vlan: Option<u16>,
    /// MAC address of the sender.
    pub source: String,
    /// MAC address it is sent to.
    pub destination: String,
    /// The IP packet in it.
    pub packet: Option<Packet>,
}

/// An IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its protocol, addresses, ports and VLAN.
    pub sent: Uniflow,
    /// `ip.len`, or `ipv6.plen` and the 40 of its header.
    pub octets: u64,
    /// Codepoint in the DS field.
    pub dscp: u8,
    /// TCP's flags; 0 where there are none.
    pub flags: u16,
}

/// The fields of each frame that tshark prints.
pub(super) const FIELDS: [&str; 27] = [
    "frame.time_epoch",
    "frame.len",
    "frame.protocols",
    "eth.src",
    "eth.dst",
    "vlan.id",
    "ip.src",
    "ip.dst",
    "ip.len",
    "ip.proto",
    "ip.dsfield.dscp",
    "ip.id",
    "ip.frag_offset",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.plen",
    "ipv6.nxt",
    "ipv6.tclass.dscp",
    "ipv6.fraghdr.nxt",
    "ipv6.fraghdr.ident",
    "ipv6.fraghdr.offset",
    "icmpv6.type",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "udp.srcport",
    "udp.dstport",
];

/// Reads frames, one after the other: a later fragment has the ports of its first.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Ports of the first fragment, by addresses and identification.
    firsts: HashMap<(String, String, String), (u16, u16)>,
}

impl Reader {
    /// A line of fields with tabs between them.
    pub(super) fn read(&mut self, line: &str) -> Result<Frame> {
        let fields: Vec<&str> = line.split('\t').collect();
        ensure!(fields.len() == FIELDS.len(), "{} fields, not {}", fields.len(), FIELDS.len());
        let get = |name: &str| FIELDS.iter().position(|field| *field == name).map_or("", |place| fields[place]);
        let (seconds, nanos) = get("frame.time_epoch").split_once('.').context("frame.time_epoch")?;
        Ok(Frame {
            at: seconds.parse::<i64>()? * 1_000_000_000 + format!("{nanos:0<9}").parse::<i64>()?,
            octets: get("frame.len").parse().context("frame.len")?,
            tags: get("frame.protocols").split(':').filter(|layer| *layer == "vlan").count() as u64,
            vlan: vlan(get("vlan.id"))?,
            source: get("eth.src").to_owned(),
            destination: get("eth.dst").to_owned(),
            packet: self.packet(get)?,
        })
    }

    fn packet<'a>(&mut self, get: impl Fn(&str) -> &'a str) -> Result<Option<Packet>> {
        let (source, destination, octets, protocol, id, offset) = if !get("ip.src").is_empty() {
            let octets = get("ip.len").parse::<u64>().context("ip.len")?;
            (get("ip.src"), get("ip.dst"), octets, get("ip.proto"), get("ip.id"), get("ip.frag_offset"))
        } else if !get("ipv6.src").is_empty() {
            let octets = get("ipv6.plen").parse::<u64>().context("ipv6.plen")? + 40;
            let (id, offset) = (get("ipv6.fraghdr.ident"), get("ipv6.fraghdr.offset"));
            // Both may stand behind extension headers.
            let protocol = match (get("icmpv6.type"), get("ipv6.fraghdr.nxt")) {
                ("", "") => get("ipv6.nxt"),
                ("", next) => next,
                _ => "58",
            };
            (get("ipv6.src"), get("ipv6.dst"), octets, protocol, id, offset)
        } else {
            return Ok(None);
        };
        let (protocol, ports) = match protocol {
            "6" => ("tcp", (get("tcp.srcport"), get("tcp.dstport"))),
            "17" => ("udp", (get("udp.srcport"), get("udp.dstport"))),
            other => (other, ("0", "0")),
        };
        let datagram = (source.to_owned(), destination.to_owned(), id.to_owned());
        let ports = if matches!(offset, "" | "0") {
            let ports = (ports.0.parse().context("a port")?, ports.1.parse().context("a port")?);
            if !id.is_empty() {
                self.firsts.insert(datagram, ports);
            }
            ports
        } else {
            *self.firsts.get(&datagram).context("a fragment without its first")?
        };
        let sent = Uniflow {
            protocol: protocol.to_owned(),
            source: source.parse().context("an address")?,
            source_port: ports.0,
            destination: destination.parse().context("an address")?,
            destination_port: ports.1,
            vlan: vlan(get("vlan.id"))?,
        };
        // What an ICMP error quotes has flags too.
        let flags = if protocol == "tcp" { get("tcp.flags").trim_start_matches("0x") } else { "" };
        let flags = if flags.is_empty() { 0 } else { u16::from_str_radix(flags, 16).context("tcp.flags")? };
        let dscp = [get("ip.dsfield.dscp"), get("ipv6.tclass.dscp")].concat().parse().unwrap_or(0);
        Ok(Some(Packet { sent, octets, dscp, flags }))
    }
}

fn vlan(text: &str) -> Result<Option<u16>> {
    Some(text).filter(|text| !text.is_empty()).map(|text| text.parse().context("vlan.id")).transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// tshark's line of these fields.
    fn line(named: &[(&str, &str)]) -> String {
        let value = |field: &&str| named.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value);
        FIELDS.iter().map(value).collect::<Vec<_>>().join("\t")
    }

    const ANY: [(&str, &str); 2] = [("frame.time_epoch", "7.000000009"), ("frame.len", "74")];

    #[test]
    fn a_line_of_tshark_is_one_packet_of_one_sender() {
        let udp = [("ipv6.src", "fd77::1"), ("ipv6.dst", "fd77::2"), ("ipv6.plen", "16"), ("ipv6.nxt", "17")];
        let ports = [("udp.srcport", "53"), ("udp.dstport", "99"), ("vlan.id", "7")];
        let words = [&ANY[..], &udp, &ports, &[("frame.protocols", "eth:ethertype:vlan:ethertype:ipv6:udp")]].concat();
        let frame = Reader::default().read(&line(&words)).unwrap();
        assert_eq!((frame.at, frame.octets, frame.tags), (7_000_000_009, 74, 1));
        let packet = frame.packet.unwrap();
        assert_eq!((packet.octets, packet.sent.vlan, packet.sent.source_port), (56, Some(7), 53));
        assert_eq!(Reader::default().read(&line(&ANY)).unwrap().packet, None);
    }

    #[test]
    fn a_later_fragment_has_the_ports_of_its_first() {
        let mut reader = Reader::default();
        let mut port = |more: &[(&str, &str)]| {
            let ip =
                [("ip.src", "10.0.0.1"), ("ip.dst", "10.0.0.2"), ("ip.len", "60"), ("ip.proto", "17"), ("ip.id", "5")];
            let frame = reader.read(&line(&[&ANY[..], &ip, more].concat()))?;
            Ok::<_, anyhow::Error>(frame.packet.unwrap().sent.destination_port)
        };
        assert!(port(&[("ip.frag_offset", "1480")]).is_err());
        assert_eq!(port(&[("ip.frag_offset", "0"), ("udp.srcport", "1"), ("udp.dstport", "53")]).unwrap(), 53);
        assert_eq!(port(&[("ip.frag_offset", "1480")]).unwrap(), 53);
    }
}
