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
