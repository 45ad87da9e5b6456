//! Frames for tests.

use etherparse::{PacketBuilder, TcpHeader};

pub(super) const A: [u8; 4] = [10, 0, 0, 1];
pub(super) const B: [u8; 4] = [10, 0, 0, 2];

/// Ethernet around an IPv4 packet, from the first station to the second or back.
pub(super) fn frame(forward: bool, packet: &[u8]) -> Vec<u8> {
    let (to, from) = if forward { (2, 1) } else { (1, 2) };
    let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0];
    frame.extend(packet);
    frame
}

/// A datagram; `A` lives behind the first station.
pub(super) fn udp(from: [u8; 4], to: [u8; 4], source: u16, destination: u16, payload: usize) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(from, to, 64).udp(source, destination).write(&mut packet, &vec![0; payload]).unwrap();
    frame(from == A, &packet)
}

/// A segment from `A` to `B`, or back.
pub(super) fn tcp(forward: bool, ports: (u16, u16), change: &dyn Fn(&mut TcpHeader), payload: usize) -> Vec<u8> {
    let (from, to) = if forward { (A, B) } else { (B, A) };
    let mut header = TcpHeader::new(ports.0, ports.1, 1, 1000);
    change(&mut header);
    let mut packet = Vec::new();
    PacketBuilder::ipv4(from, to, 64).tcp_header(header).write(&mut packet, &vec![0; payload]).unwrap();
    frame(forward, &packet)
}

/// The same over IPv6.
pub(super) fn tcp_six(forward: bool, ports: (u16, u16), change: &dyn Fn(&mut TcpHeader)) -> Vec<u8> {
    let (mut from, mut to) = ([0xfd; 16], [0xfe; 16]);
    if !forward {
        (from, to) = (to, from);
    }
    let mut header = TcpHeader::new(ports.0, ports.1, 1, 1000);
    change(&mut header);
    let mut packet = Vec::new();
    PacketBuilder::ipv6(from, to, 64).tcp_header(header).write(&mut packet, &[]).unwrap();
    let mut frame = frame(forward, &packet);
    frame[12..14].copy_from_slice(&[0x86, 0xdd]);
    frame
}

/// A router's answer to this frame: port unreachable.
pub(super) fn unreachable(sent: &[u8]) -> Vec<u8> {
    let router = [192, 0, 2, 1];
    let (mut error, quote) = (Vec::new(), &sent[14..]);
    if sent[12] == 8 {
        let port = etherparse::icmpv4::DestUnreachableHeader::Port;
        let icmp = etherparse::Icmpv4Type::DestinationUnreachable(port);
        PacketBuilder::ipv4(router, A, 64).icmpv4(icmp).write(&mut error, quote).unwrap();
    } else {
        let icmp = etherparse::Icmpv6Type::DestinationUnreachable(etherparse::icmpv6::DestUnreachableCode::Port);
        PacketBuilder::ipv6([0xfc; 16], [0xfd; 16], 64).icmpv6(icmp).write(&mut error, quote).unwrap();
    }
    let mut frame = frame(false, &error);
    frame[12..14].copy_from_slice(&sent[12..14]);
    frame
}
