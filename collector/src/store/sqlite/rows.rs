//! Rows of one transaction, by table.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sqlx::sqlite::SqliteConnection;
use traf_model::{InterfaceSummary, Interval, Learnt, LossReason, Mac, Timestamp, Traffic};

use super::columns::columns;
use super::counted::{self, CountedRow};
use super::dictionary::Dictionary;
use super::facts::{AggregatedFlowRow, FlowNumber, FlowRow, LedgerRow, MinuteRow, OtherFlowsRow, SecondRow};
use super::marks::Marked;
use super::number;
use super::progress::json;
use super::table::{InsertInto, SliceKey};
use crate::live::committed::{Decided, point_of};
use crate::report::primary::FLOW_BITS;
use crate::store::{Delivery, Identity, PointKey, StoreError};

columns! {
    /// A delivery, and the slice that it stands for.
    DeliveryRow {
        id: i64,
        ts: i64,
        sensor: i64,
        seq: u64,
        from_seq: u64,
        epoch: u64,
        covered: Interval,
        sealed: Timestamp,
        stored: Timestamp,
        lost: u64,
        clock_suspect: bool,
        doubtful_octets: u64,
        mark_octets: u64,
    }
}

columns! {
    /// A stretch of time that is known to be missing.
    LossRow {
        slice: i64,
        n: i64,
        reason: LossReason,
        interval: Interval,
        records: u64,
        packets: Option<u64>,
        octets: Option<u64>,
        interface: Option<String>,
    }
}

static SLICE: InsertInto<DeliveryRow> = InsertInto::new("slice", "");
static LOSS: InsertInto<LossRow> = InsertInto::new("loss", "");
static LEDGER: InsertInto<(SliceKey, LedgerRow)> = InsertInto::new("slice_ledger", "");
static FLOW: InsertInto<(FlowNumber, FlowRow)> = InsertInto::new("flow", "");
static OTHER_FLOWS: InsertInto<(SliceKey, OtherFlowsRow)> = InsertInto::new("flow_other", "");
static AGGREGATED: InsertInto<(SliceKey, AggregatedFlowRow)> = InsertInto::new("flow_aggregated", "");
static COUNTED: InsertInto<(SliceKey, CountedRow)> = InsertInto::new("counted", "");
static SECOND: InsertInto<(SliceKey, SecondRow)> = InsertInto::new("second", "");
static MINUTE: InsertInto<MinuteRow> = InsertInto::new(
    "minute",
    // A sum that does not fit is the greatest number.
    "on conflict do update set in_packets = min(9223372036854775807, in_packets + excluded.in_packets), \
     in_octets = min(9223372036854775807, in_octets + excluded.in_octets), \
     in_coalesced = min(9223372036854775807, in_coalesced + excluded.in_coalesced), \
     out_packets = min(9223372036854775807, out_packets + excluded.out_packets), \
     out_octets = min(9223372036854775807, out_octets + excluded.out_octets), \
     out_coalesced = min(9223372036854775807, out_coalesced + excluded.out_coalesced)",
);
static IDENTITY: InsertInto<Identity> = InsertInto::new(
    "identity",
    "on conflict do update set first_ns = min(first_ns, excluded.first_ns), last_ns = max(last_ns, excluded.last_ns)",
);

/// Number of a delivery's sequence numbers that are declared lost. Where traffic came with it, one at least is stored: totals
/// of records that had no room are a record. A declared loss without any traffic stores nothing.
fn declared_lost(delivery: &Delivery) -> u64 {
    let gone = |reason| matches!(reason, LossReason::SpoolFull | LossReason::Damaged | LossReason::Forgotten);
    let losses = delivery.summary.losses.iter().filter(|loss| gone(loss.reason));
    let declared = losses.map(|loss| loss.records).fold(0, u64::saturating_add);
    let stored = u64::from(!delivery.summary.interfaces.is_empty());
    declared.min(delivery.to_seq - delivery.from_seq + 1 - stored)
}

/// Increments of an interface's totals in one transaction.
#[derive(Default)]
struct Totals {
    traffic: Traffic,
    received: u64,
    dropped: u64,
    /// From the start of its first slice to the end of its last one.
    slices: Interval,
}

impl Totals {
    fn to_json(&self, (sensor, interface): (i64, i64)) -> String {
        let Traffic { inbound, outbound } = self.traffic;
        let counts = [inbound.packets, inbound.octets, outbound.packets, outbound.octets, self.received, self.dropped];
        let counts = counts.map(|count| number(count).to_string()).join(",");
        format!("[{sensor},{interface},{counts},{},{}]", self.slices.from.0, self.slices.to.0)
    }
}

/// Rows of one transaction, by table.
#[derive(Default)]
pub(super) struct Rows {
    slices: Vec<DeliveryRow>,
    losses: Vec<LossRow>,
    ledgers: Vec<(SliceKey, LedgerRow)>,
    flows: Vec<(FlowNumber, FlowRow)>,
    other_flows: Vec<(SliceKey, OtherFlowsRow)>,
    aggregated: Vec<(SliceKey, AggregatedFlowRow)>,
    counted: Vec<(SliceKey, CountedRow)>,
    seconds: Vec<(SliceKey, SecondRow)>,
    /// By start, sensor, interface and class.
    minutes: BTreeMap<(i64, i64, i64, traf_model::Class), Traffic>,
    /// By sensor, MAC and address: first and last seen.
    identities: BTreeMap<(i64, Mac, IpAddr), Interval>,
    /// By sensor and interface.
    totals: BTreeMap<(i64, i64), Totals>,
}

impl Rows {
    /// Adds a delivery under the number of its slice, with its marks; returns how many of its sequence numbers are declared lost, and who
    /// counts of each of its flow rows, in their order.
    pub(super) fn add(
        &mut self,
        (slice, delivery): (i64, &Delivery),
        dictionary: &Dictionary,
        marked: &Marked,
        now: Timestamp,
    ) -> Result<(u64, Vec<Decided>), StoreError> {
        let (summary, sensor) = (&delivery.summary, delivery.sensor);
        let ts = summary.slice.from.seconds();
        let lost = declared_lost(delivery);
        self.slices.push(DeliveryRow {
            id: slice,
            ts,
            sensor,
            seq: delivery.to_seq,
            from_seq: delivery.from_seq,
            epoch: delivery.epoch,
            covered: summary.slice,
            sealed: summary.sealed,
            stored: now,
            lost,
            clock_suspect: marked.suspect,
            doubtful_octets: marked.doubtful,
            mark_octets: marked.octets,
        });
        self.losses.extend((0..).zip(&summary.losses).map(|(n, loss)| LossRow {
            slice,
            n,
            reason: loss.reason,
            interval: loss.interval,
            records: loss.records,
            packets: loss.counted.map(|(packets, _)| packets),
            octets: loss.counted.map(|(_, octets)| octets),
            interface: loss.interface.clone(),
        }));
        // A time after the collector's is not that at which anything was seen.
        let seen = match marked.suspect {
            true => Interval::new(summary.slice.from.min(now), summary.slice.to.min(now)),
            false => summary.slice,
        };
        let mut id = slice << FLOW_BITS;
        let mut decisions = marked.decisions.iter();
        let mut decided = Vec::with_capacity(marked.decisions.len());
        for of_interface in &summary.interfaces {
            let interface = dictionary.interface(sensor, &of_interface.interface.name)?;
            self.add_interface((slice, sensor, interface), seen, of_interface, dictionary)?;
            for (flow, decision) in of_interface.flows.iter().zip(&mut decisions) {
                let (point, elected) = (PointKey { sensor, interface }, point_of(decision.elected));
                decided.push(Decided { point, counts: decision.counts, elected });
                self.flows.push((FlowNumber { id, interface }, FlowRow::new(ts, flow, decision.counts)));
                id += 1;
            }
        }
        Ok((lost, decided))
    }

    fn add_interface(
        &mut self,
        (slice, sensor, interface): (i64, i64, i64),
        covered: Interval,
        summary: &InterfaceSummary,
        dictionary: &Dictionary,
    ) -> Result<(), StoreError> {
        self.ledgers.push((SliceKey { slice, interface }, LedgerRow::new(summary)));
        for (class, traffic, keys) in &summary.other_flows {
            let row = OtherFlowsRow { class: *class, traffic: *traffic, keys: *keys };
            self.other_flows.push((SliceKey { slice, interface }, row));
        }
        let aggregated = summary.aggregated_flows.iter().map(AggregatedFlowRow::from);
        self.aggregated.extend(aggregated.map(|row| (SliceKey { slice, interface }, row)));
        for (facility, tally) in &summary.counted {
            counted::rows((slice, interface), (*facility, tally), dictionary, &mut self.counted)?;
            for (mac, counts) in tally.rows().filter_map(|(key, counts)| Some((key.mac()?, counts))) {
                for Learnt { address, first, last } in &counts.addresses {
                    let seen = Interval::new(*first, *last);
                    let known = self.identities.entry((sensor, mac, *address)).or_insert(seen);
                    *known = known.hull(seen);
                }
            }
        }
        let new = || Totals { slices: covered, ..Totals::default() };
        let totals = self.totals.entry((sensor, interface)).or_insert_with(new);
        totals.received = totals.received.saturating_add(summary.ledger.received);
        totals.dropped = totals.dropped.saturating_add(summary.ledger.dropped);
        totals.slices = totals.slices.hull(covered);
        for second in &summary.seconds {
            let at = second.at.seconds();
            for (class, traffic) in second.classes.rows() {
                self.seconds.push((SliceKey { slice, interface }, SecondRow { at, class, traffic }));
                *self.minutes.entry((at - at.rem_euclid(60), sensor, interface, class)).or_default() += traffic;
                totals.traffic += traffic;
            }
        }
        Ok(())
    }

    pub(super) async fn insert(
        mut self,
        connection: &mut SqliteConnection,
        words: &Dictionary,
    ) -> Result<(), StoreError> {
        SLICE.insert(connection, words, &self.slices).await?;
        LOSS.insert(connection, words, &self.losses).await?;
        LEDGER.insert(connection, words, &self.ledgers).await?;
        FLOW.insert(connection, words, &self.flows).await?;
        OTHER_FLOWS.insert(connection, words, &self.other_flows).await?;
        AGGREGATED.insert(connection, words, &self.aggregated).await?;
        // In the order of their keys: rows of a new slice go to the end of the table.
        self.counted.sort_unstable_by_key(|(of, row)| (of.slice, row.facility, of.interface, row.key));
        COUNTED.insert(connection, words, &self.counted).await?;
        SECOND.insert(connection, words, &self.seconds).await?;
        let minute = |((ts, sensor, interface, class), traffic)| MinuteRow { ts, sensor, interface, class, traffic };
        MINUTE.insert(connection, words, &self.minutes.into_iter().map(minute).collect::<Vec<_>>()).await?;
        let identity = |((sensor, mac, address), seen): ((i64, Mac, IpAddr), Interval)| Identity {
            sensor,
            mac,
            learnt: Learnt { address, first: seen.from, last: seen.to },
        };
        IDENTITY.insert(connection, words, &self.identities.into_iter().map(identity).collect::<Vec<_>>()).await?;
        let totals = json(self.totals.into_iter().map(|(place, totals)| totals.to_json(place)));
        sqlx::query(
            "update interface set in_packets = min(9223372036854775807, in_packets + (value ->> 2)), \
             in_octets = min(9223372036854775807, in_octets + (value ->> 3)), \
             out_packets = min(9223372036854775807, out_packets + (value ->> 4)), \
             out_octets = min(9223372036854775807, out_octets + (value ->> 5)), \
             received = min(9223372036854775807, received + (value ->> 6)), \
             dropped = min(9223372036854775807, dropped + (value ->> 7)), \
             first_ns = min(coalesce(first_ns, value ->> 8), value ->> 8), \
             last_ns = max(coalesce(last_ns, value ->> 9), value ->> 9) \
             from json_each(?) where sensor = value ->> 0 and interface.id = value ->> 1",
        )
        .bind(totals)
        .execute(connection)
        .await?;
        Ok(())
    }
}
