//! One packet in 96 octets, enough to say everything that IPTraf says of it.

use std::net::Ipv4Addr;

use traf_model::filter::Subject;
use traf_model::{Counters, Endpoint, Mac, Timestamp, Traffic};

use crate::parse::packet::{self, Fragment, PackedKey, Packet};
use crate::parse::packet::{ARP, RARP};

/// One packet of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketRecord {
    /// Counts the lines of its interface from 1.
    pub number: u64,
    /// Time of capture.
    pub at: Timestamp,
    key: PackedKey,
    macs: [u8; 12],
    /// Of IP the beginning of the transport header; of ARP [`ArpSubject`]; of anything else its beginning.
    beginning: [u8; 12],
    /// Octets of `beginning` that were captured.
    captured: u8,
    pub(super) fragment: Fragment,
    pub(super) authenticated: bool,
    reverse: bool,
    /// Ether type of what is not IP, or the length of an IEEE 802.3 frame.
    pub(super) ether_type: u16,
    /// Octets of the IP packet, or of the frame without its link header.
    pub(super) octets: u32,
}

/// Subject of an ARP or RARP packet: operation, and the address and the MAC that it is about.
pub(super) struct ArpSubject {
    pub(super) operation: u16,
    pub(super) address: Ipv4Addr,
    pub(super) mac: Mac,
}

impl PacketRecord {
    /// Of a parsed packet, of whose frame `captured` is here.
    #[inline]
    pub(crate) fn new(number: u64, packet: &Packet, captured: &[u8]) -> Self {
        let mut record = Self {
            number,
            at: Timestamp(packet.at),
            key: packet.key,
            macs: packet.macs,
            beginning: [0; 12],
            captured: 0,
            fragment: packet.fragment,
            authenticated: packet.authenticated,
            reverse: packet.reverse,
            ether_type: packet.ether_type,
            octets: packet.octets,
        };
        if packet.is_ip() {
            if packet.key.protocol() != 17 && packet.transport != 0 {
                record.begin(captured.get(usize::from(packet.transport)..).unwrap_or_default());
            }
        } else {
            record.octets = packet.length.saturating_sub(u32::from(packet.header));
            let payload = captured.get(usize::from(packet.header)..).unwrap_or_default();
            match packet.ether_type {
                ARP | RARP => record.begin(asked(payload).as_ref().map_or(&[], |asked| asked)),
                _ => record.begin(payload),
            }
        }
        record
    }

    fn begin(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(self.beginning.len());
        self.beginning[..length].copy_from_slice(&bytes[..length]);
        self.captured = length as u8;
    }

    /// Captured beginning of the transport header, or of a payload other than IP.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning[..usize::from(self.captured)]
    }

    /// Of ARP and RARP over Ethernet for IPv4.
    pub(super) fn asked(&self) -> Option<ArpSubject> {
        let [o, p, w, x, y, z, mac @ ..] = self.beginning;
        let asked = ArpSubject { operation: u16::from_be_bytes([o, p]), address: [w, x, y, z].into(), mac: Mac(mac) };
        (self.captured == 12).then_some(asked)
    }

    /// IP protocol, source and destination; `None` when it is not IP. Datagrams have their ports.
    pub(super) fn ip(&self) -> Option<(u8, Endpoint, Endpoint)> {
        let flow = (self.key.version() != 0).then(|| self.key.flow(self.reverse))?;
        Some((flow.protocol, flow.source, flow.destination))
    }

    /// Destination and source MAC, where the link has any.
    pub(super) fn macs(&self) -> Option<(Mac, Mac)> {
        let [a, b, c, d, e, f, source @ ..] = self.macs;
        (self.macs != [0; 12]).then_some((Mac([a, b, c, d, e, f]), Mac(source)))
    }

    /// As a filter sees it.
    pub(super) fn subject<'a>(&self, interface: &'a str) -> Subject<'a> {
        packet::subject(&self.key, self.reverse, self.ether_type, &self.macs, interface)
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic::inbound(Counters::new(1, u64::from(self.octets)))
    }
}

/// Operation, IP address and MAC address that an ARP packet (RFC 826) is about: a request's target, a reply's sender.
fn asked(payload: &[u8]) -> Option<[u8; 12]> {
    let packet = payload.first_chunk::<28>()?;
    let [_, _, 0x08, 0x00, 6, 4, o, p, sender @ ..] = packet else { return None };
    // Requests of ARP and of RARP (RFC 903) have odd numbers.
    let about = if p & 1 == 1 { sender.get(10..20) } else { sender.get(..10) }?;
    let [a, b, c, d, e, f, w, x, y, z] = *about.first_chunk::<10>()?;
    Some([*o, *p, w, x, y, z, a, b, c, d, e, f])
}
