//! The latest packets that belong to no TCP connection, one by one: IPTraf's lower window.
//!
//! On the capture path a packet becomes a [`PacketRecord`] in a ring, nothing else; [`describe`] makes words of it where somebody looks
//! or a log is written. Datagrams have a ring of their own, so that a video call does not push out the ICMP error before it.
//! Both rings number alike, so that whoever looks sees how many lines are missing.

mod description;
mod record;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use traf_model::{Answer, Interface, Item, OrderBy, PacketKind, Row, Traffic, Wish};

pub(crate) use description::describe;
pub(crate) use record::PacketRecord;

use crate::parse::packet::Packet;

/// Records of one ring: IPTraf's scroll-back. Two rings are 96 KiB.
const RING: usize = 512;

/// Records that wait for a log, while there is one: a round of the capture, in 384 KiB.
const WAITING: usize = 4_096;

/// The rings of one interface.
#[derive(Default)]
pub(super) struct PacketLog {
    newest: u64,
    datagrams: VecDeque<PacketRecord>,
    others: VecDeque<PacketRecord>,
    /// Records that a log has not taken yet; `None` without a log.
    waiting: Option<Vec<PacketRecord>>,
    lost: u64,
}

impl PacketLog {
    /// Notes a packet that is not TCP.
    #[inline]
    pub(super) fn packet(&mut self, packet: &Packet, captured: &[u8]) {
        self.newest += 1;
        let record = PacketRecord::new(self.newest, packet, captured);
        if let Some(waiting) = &mut self.waiting {
            if waiting.len() < WAITING {
                waiting.push(record);
            } else {
                self.lost += 1;
            }
        }
        let ring = if packet.key.protocol() == 17 { &mut self.datagrams } else { &mut self.others };
        if ring.len() >= RING {
            ring.pop_front();
        }
        ring.push_back(record);
    }

    /// Keeps the records for a log, or stops to.
    pub(super) fn keep(&mut self, keep: bool) {
        if keep {
            self.waiting.get_or_insert_default();
        } else {
            (self.waiting, self.lost) = (None, 0);
        }
    }

    /// Takes the records since the last call.
    pub(super) fn take(&mut self) -> (Vec<PacketRecord>, u64) {
        let records = self.waiting.as_mut().map(std::mem::take).unwrap_or_default();
        (records, std::mem::take(&mut self.lost))
    }

    /// The answer to a wish, with the number of packets since the start; under a filter, of those that are still kept.
    pub(super) fn answer(&self, wish: &Wish, interface: &Interface) -> Answer {
        let mut records: Vec<&PacketRecord> = self.datagrams.iter().chain(&self.others).collect();
        records.retain(|record| wish.filter.matches(&record.subject(&interface.name)));
        let total: Traffic = records.iter().map(|record| record.traffic()).sum();
        let matched = if wish.filter.is_all() { self.newest } else { total.total().packets };
        let limit = wish.limit.min(Wish::LIMIT) as usize;
        // By time means by number here: several packets may carry one time.
        let by_number = matches!(wish.order.by, OrderBy::First | OrderBy::Last);
        if by_number {
            records.sort_unstable_by_key(|record| record.number);
            if !wish.order.ascending {
                records.reverse();
            }
            records.truncate(limit);
        }
        let row = |record| Row::new(Traffic::default(), Item::Packet(describe(record)));
        let mut rows: Vec<Row> = records.into_iter().map(row).collect();
        if !by_number {
            rows.sort_by(|a, b| a.compare(b, wish.order));
            rows.truncate(limit);
        }
        Answer { id: wish.id, matched, total, rows, ..Answer::default() }
    }
}

/// Kind of a record, by IP protocol.
fn kind(protocol: u8) -> PacketKind {
    match protocol {
        1 => PacketKind::Icmp,
        2 => PacketKind::Igmp,
        9 => PacketKind::Igp,
        17 => PacketKind::Udp,
        41 => PacketKind::Ipv6Tunnel,
        47 => PacketKind::Gre,
        58 => PacketKind::Icmpv6,
        88 => PacketKind::Igrp,
        89 => PacketKind::Ospf,
        _ => PacketKind::OtherIp,
    }
}
