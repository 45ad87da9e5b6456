//! The expected rows of every facility, added up from the frames that tshark read: by IPTraf's definitions, and by none of the
//! project's own code.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Range;

use serde_json::Value;
use traf_lab::reference::{Frame, Packet, Uniflow};
use traf_model::{Counters, Traffic};

/// Octets of Ethernet's header, and of a VLAN's tag.
const HEADER: u64 = 14;
const TAG: u64 = 4;

/// The facilities: the command of each, the fields of its key in JSON, and the number of rows that the lab's traffic has at
/// least.
pub(crate) const COUNTED: [(&str, &[&str], usize); 8] = [
    ("interfaces", &[], 10),
    ("sizes", &["from", "to"], 8),
    ("services", &["protocol", "port"], 6),
    ("hosts", &["address"], 10),
    ("stations", &["address"], 7),
    ("vlans", &["vlan"], 3),
    ("dscp", &["dscp"], 4),
    ("protocols", &["number"], 5),
];

/// The key of a row: its fields with `/` between.
pub(crate) fn key(row: &Value, fields: &[&str]) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.iter().map(|field| text(&row[*field])).collect::<Vec<_>>().join("/")
}

/// Keys, as `traf` names them, with what came in and went out.
pub(crate) type Table = BTreeMap<String, Traffic>;

/// The observation point of the frames.
pub(crate) struct ObservationPoint<'a> {
    /// MAC address of the interface: what comes from there went out.
    pub(crate) mac: &'a str,
    /// Its MTU.
    pub(crate) mtu: u64,
}

/// The expected tables of a window.
#[derive(Default)]
pub(crate) struct Expected {
    /// By the command that shows each; `stations of IP` are the frames with IP in them.
    pub(crate) tables: BTreeMap<&'static str, Table>,
    /// With how many others each host had to do.
    pub(crate) peers: BTreeMap<String, u64>,
    /// Largest packet received and sent, without the link header.
    pub(crate) largest: [u64; 2],
}

impl ObservationPoint<'_> {
    /// Adds up the frames of a window. Earlier ones tell who began a conversation.
    pub(crate) fn expected(&self, frames: &[Frame], window: &Range<i64>) -> Expected {
        let mut expected = Expected::default();
        let mut pairs = BTreeSet::new();
        let mut began = HashMap::new();
        for frame in frames {
            let initiated = frame.packet.as_ref().is_some_and(|packet| initiated(packet, &mut began));
            if window.contains(&frame.at) {
                self.count(frame, initiated, &mut expected.tables);
                let largest = &mut expected.largest[usize::from(self.sent(frame))];
                *largest = size(frame).max(*largest);
                if let Some(Packet { sent, .. }) = &frame.packet {
                    pairs.extend([(sent.source, sent.destination), (sent.destination, sent.source)]);
                }
            }
        }
        pairs.iter().for_each(|(host, _)| *expected.peers.entry(host.to_string()).or_default() += 1);
        expected
    }

    fn sent(&self, frame: &Frame) -> bool {
        frame.source == self.mac
    }

    fn count(&self, frame: &Frame, initiated: bool, tables: &mut BTreeMap<&'static str, Table>) {
        let mut add = |facility, key: String, out, octets| {
            let counters = tables.entry(facility).or_default().entry(key).or_default();
            *(if out { &mut counters.outbound } else { &mut counters.inbound }) += Counters::new(1, octets);
        };
        // Interfaces, sizes and stations: octets of frames.
        let (sent, octets) = (self.sent(frame), frame.octets);
        classes(frame).into_iter().for_each(|class| add("interfaces", class.to_owned(), sent, octets));
        add("sizes", self.bracket(size(frame)), sent, octets);
        add("vlans", frame.vlan.unwrap_or(0).to_string(), sent, octets);
        for (mac, out) in [(&frame.source, true), (&frame.destination, false)] {
            add("stations", mac.clone(), out, octets);
            if frame.packet.is_some() {
                add("stations of IP", mac.clone(), out, octets);
            }
        }
        // Hosts and services: octets of IP packets, without padding and link header.
        if let Some(Packet { octets, dscp, .. }) = &frame.packet {
            add("dscp", dscp.to_string(), sent, *octets);
        }
        if let Some(Packet { sent, octets, .. }) = &frame.packet {
            add("hosts", sent.source.to_string(), true, *octets);
            add("hosts", sent.destination.to_string(), false, *octets);
            let number = match sent.protocol.as_str() {
                "tcp" => "6",
                "udp" => "17",
                number => number,
            };
            add("protocols", number.to_owned(), initiated, *octets);
            if let Some((name, from)) = service(sent, initiated) {
                add("services", name, from, *octets);
            }
        }
    }

    /// Twenty brackets of the MTU, and one for what is larger.
    fn bracket(&self, size: u64) -> String {
        let width = self.mtu / 20;
        match size.saturating_sub(1) / width {
            _ if size > self.mtu => format!("{}/null", self.mtu + 1),
            0 => format!("0/{width}"),
            place @ 1..19 => format!("{}/{}", place * width + 1, (place + 1) * width),
            _ => format!("{}/{}", 19 * width + 1, self.mtu),
        }
    }
}

/// The size that the MTU bounds. Padding counts: it was on the wire.
pub(crate) fn size(frame: &Frame) -> u64 {
    frame.octets - HEADER - TAG * frame.tags
}

/// The rows of the detailed statistics in which a frame counts.
fn classes(frame: &Frame) -> Vec<&'static str> {
    let mut classes = vec!["total"];
    classes.extend(match &frame.packet {
        None => vec!["non_ip"],
        Some(Packet { sent, .. }) => {
            let family = if sent.source.is_ipv6() { "ipv6" } else { "ipv4" };
            let transport = match sent.protocol.as_str() {
                "tcp" => "tcp",
                "udp" => "udp",
                "1" | "58" => "icmp",
                _ => "other_ip",
            };
            vec![family, transport]
        }
    });
    let first = u8::from_str_radix(frame.destination.get(..2).unwrap_or_default(), 16).unwrap_or_default();
    match frame.destination.as_str() {
        "ff:ff:ff:ff:ff:ff" => classes.push("broadcast"),
        _ if first & 1 == 1 => classes.push("multicast"),
        _ => {}
    }
    classes
}

type End = (IpAddr, u16);
/// Protocol, VLAN and both ends of a conversation, the smaller first.
type Conversation = (String, Option<u16>, End, End);

/// True if the initiator of its conversation sent a packet. Who begins is who sends first, but an answer to a SYN that was not
/// seen names the other.
fn initiated(packet: &Packet, began: &mut HashMap<Conversation, End>) -> bool {
    let Uniflow { protocol, source, source_port, destination, destination_port, vlan } = &packet.sent;
    let (source, destination) = ((*source, *source_port), (*destination, *destination_port));
    let conversation = (protocol.clone(), *vlan, source.min(destination), source.max(destination));
    let first = if protocol == "tcp" && packet.flags & 0x12 == 0x12 { destination } else { source };
    *began.entry(conversation).or_insert(first) == source
}

/// The service that a packet counts for, and whether it comes from there: the port below 1024 where only one end has such a
/// port, else the port of the end that did not begin.
fn service(
    Uniflow { protocol, source_port, destination_port, .. }: &Uniflow,
    initiated: bool,
) -> Option<(String, bool)> {
    if protocol != "tcp" && protocol != "udp" {
        return None;
    }
    let from = match (*source_port < 1024, *destination_port < 1024) {
        (true, false) => true,
        (false, true) => false,
        _ => !initiated,
    };
    Some((format!("{protocol}/{}", if from { source_port } else { destination_port }), from))
}
