//! What one transaction writes, as rows by table.

use std::collections::{BTreeMap, HashMap};

use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
use traf_model::{Flow, InterfaceSummary, Interval, LossReason, Timestamp, Traffic};

use super::dictionary::Dictionary;
use super::marks::Marks;
use super::{number, pack};
use crate::store::{Delivery, StoreError};

/// Rows of one statement: more are not faster, and 200 × 25 values stay below SQLite's limit.
const ROWS: usize = 200;

/// A row without texts.
type Numbers<const N: usize> = [Option<i64>; N];

/// What one transaction writes, by table.
#[derive(Default)]
pub(super) struct Rows {
    slices: Vec<Numbers<10>>,
    ledgers: Vec<Numbers<25>>,
    flows: Vec<Numbers<26>>,
    other_flows: Vec<Numbers<12>>,
    sizes: Vec<Numbers<12>>,
    services: Vec<Numbers<12>>,
    hosts: Vec<Numbers<11>>,
    stations: Vec<(Numbers<17>, String)>,
    seconds: Vec<Numbers<12>>,
    minutes: BTreeMap<[i64; 4], Traffic>,
    /// Sensor, MAC and address: first and last seen.
    identities: HashMap<[i64; 3], [i64; 2]>,
    losses: Vec<(Numbers<10>, Option<String>)>,
    /// Sensor and interface: packets and octets in and out, frames received and dropped.
    totals: BTreeMap<(i64, i64), [u64; 6]>,
    /// Sensor and interface: first and last moment of its slices.
    spans: BTreeMap<(i64, i64), Interval>,
}

impl Rows {
    /// Gives how many of the delivery's sequence numbers are declared lost.
    pub(super) fn add(
        &mut self,
        delivery: &Delivery,
        site: &str,
        dictionary: &Dictionary,
        marks: &mut Marks,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let summary = &delivery.summary;
        let key = [summary.slice.from.seconds(), delivery.sensor, number(delivery.to_seq)];
        let gone = |reason| matches!(reason, LossReason::SpoolFull | LossReason::Damaged | LossReason::Forgotten);
        let lost: u64 = summary.losses.iter().filter(|loss| gone(loss.reason)).map(|loss| loss.records).sum();
        let lost = lost.min(delivery.to_seq - delivery.from_seq);
        self.slices.push(row(
            &key,
            [
                number(delivery.from_seq),
                number(delivery.epoch),
                summary.slice.from.0,
                summary.slice.to.0,
                summary.sealed.0,
                now.0,
                number(lost),
            ],
        ));
        for (n, loss) in summary.losses.iter().enumerate() {
            let reason = LossReason::ALL.iter().position(|reason| *reason == loss.reason).unwrap_or(0) as i64 + 1;
            let [from, to] = [loss.interval.from.0, loss.interval.to.0];
            let mut numbers: Numbers<10> = row(&key, [n as i64, reason, from, to, number(loss.records), 0, 0]);
            (numbers[8], numbers[9]) =
                (loss.counted.map(|(packets, _)| number(packets)), loss.counted.map(|(_, octets)| number(octets)));
            self.losses.push((numbers, loss.interface.clone()));
        }
        marks.delivered(delivery.sensor, summary.slice);
        let mut n = 0;
        for interface in &summary.interfaces {
            let id = dictionary.interface(delivery.sensor, &interface.interface.name)?;
            self.add_interface([key[0], key[1], key[2], id], interface, dictionary)?;
            let span = self.spans.entry((key[1], id)).or_insert(summary.slice);
            *span = span.hull(summary.slice);
            for flow in &interface.flows {
                let row = [key[0], key[1], key[2], n];
                let primary = marks.see((site, id, &interface.interface), summary.slice, row, flow);
                let mut numbers = flow_row([key[0], key[1], key[2], n, id], flow, dictionary)?;
                numbers[25] = Some(i64::from(primary));
                self.flows.push(numbers);
                n += 1;
            }
        }
        Ok(lost)
    }

    fn add_interface(
        &mut self,
        key: [i64; 4],
        summary: &InterfaceSummary,
        dictionary: &Dictionary,
    ) -> Result<(), StoreError> {
        self.ledgers.push(ledger_row(&key, summary));
        for (class, traffic, keys) in &summary.other_flows {
            let mut numbers: Numbers<12> = counted(&key, &[class.index() as i64], *traffic);
            numbers[11] = Some(number(*keys));
            self.other_flows.push(numbers);
        }
        for (bracket, traffic) in &summary.sizes {
            let mut numbers = counted(&key, &[i64::from(bracket.from), 0], *traffic);
            numbers[5] = bracket.to.map(i64::from);
            self.sizes.push(numbers);
        }
        let services = summary
            .services
            .rows()
            .map(|(service, traffic)| ([i64::from(service.protocol), i64::from(service.port)], *traffic));
        for (service, traffic) in services.chain(other([0, 0], *summary.services.other())) {
            self.services.push(counted(&key, &service, traffic));
        }
        for (address, traffic) in summary.hosts.rows() {
            self.hosts.push(counted(&key, &[dictionary.address(*address)?], *traffic));
        }
        self.hosts.extend(other([0], *summary.hosts.other()).map(|(zero, traffic)| counted(&key, &zero, traffic)));
        for (mac, station) in summary.stations.rows() {
            let mac = dictionary.mac(Some(*mac))?;
            self.add_station(&key, mac, station);
            for learnt in &station.addresses {
                let (first, last) = (learnt.first.0, learnt.last.0);
                let seen = self.identities.entry([key[1], mac, dictionary.address(learnt.address)?]);
                let seen = seen.or_insert([first, last]);
                *seen = [seen[0].min(first), seen[1].max(last)];
            }
        }
        let rest = summary.stations.other();
        if !rest.traffic.is_empty() {
            self.add_station(&key, 0, rest);
        }
        let totals = self.totals.entry((key[1], key[3])).or_default();
        totals[4] += summary.ledger.received;
        totals[5] += summary.ledger.dropped;
        for second in &summary.seconds {
            let at = second.at.seconds();
            for (class, traffic) in second.classes.rows() {
                let class = class.index() as i64;
                self.seconds.push(counted(&key, &[at, class], traffic));
                *self.minutes.entry([at - at.rem_euclid(60), key[1], key[3], class]).or_default() += traffic;
                let totals = self.totals.entry((key[1], key[3])).or_default();
                totals[0] += traffic.inbound.packets;
                totals[1] += traffic.inbound.octets;
                totals[2] += traffic.outbound.packets;
                totals[3] += traffic.outbound.octets;
            }
        }
        Ok(())
    }

    fn add_station(&mut self, key: &[i64; 4], mac: i64, station: &traf_model::Station) {
        let mut numbers: Numbers<17> = counted(key, &[mac], station.traffic);
        numbers[11..].copy_from_slice(&six(station.ip));
        self.stations.push((numbers, {
            let addresses: Vec<_> = station.addresses.iter().map(|learnt| learnt.address).collect();
            pack::list(&addresses)
        }));
    }

    pub(super) async fn insert(self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        insert(connection, "insert into slice ", &self.slices, "").await?;
        insert(connection, "insert into slice_ledger ", &self.ledgers, "").await?;
        insert(connection, "insert into flow ", &self.flows, "").await?;
        insert(connection, "insert into flow_other ", &self.other_flows, "").await?;
        insert(connection, "insert into size ", &self.sizes, "").await?;
        insert(connection, "insert into service ", &self.services, "").await?;
        insert(connection, "insert into host ", &self.hosts, "").await?;
        insert_with_text(connection, "insert into station ", &self.stations).await?;
        insert(connection, "insert into second ", &self.seconds, "").await?;
        insert_with_text(connection, "insert into loss ", &self.losses).await?;
        let minutes: Vec<Numbers<10>> =
            self.minutes.into_iter().map(|(key, traffic)| counted(&key, &[], traffic)).collect();
        insert(connection, "insert into minute ", &minutes, ADD_MINUTE).await?;
        let identities: Vec<Numbers<5>> = self.identities.into_iter().map(|(key, seen)| row(&key, seen)).collect();
        insert(connection, "insert into identity ", &identities, SEEN).await?;
        for ((sensor, interface), totals) in self.totals {
            let mut update = sqlx::query(
                "update interface set in_packets = in_packets + ?, in_octets = in_octets + ?, out_packets = out_packets + ?, \
                 out_octets = out_octets + ?, received = received + ?, dropped = dropped + ? where sensor = ? and id = ?",
            );
            for total in totals {
                update = update.bind(number(total));
            }
            update.bind(sensor).bind(interface).execute(&mut *connection).await?;
        }
        for ((sensor, interface), Interval { from, to }) in self.spans {
            sqlx::query(
                "update interface set first_ns = min(coalesce(first_ns, ?1), ?1), last_ns = max(coalesce(last_ns, ?2), ?2) \
                 where sensor = ?3 and id = ?4",
            )
            .bind(from.0)
            .bind(to.0)
            .bind(sensor)
            .bind(interface)
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

const ADD_MINUTE: &str = " on conflict do update set in_packets = in_packets + excluded.in_packets, \
    in_octets = in_octets + excluded.in_octets, in_coalesced = in_coalesced + excluded.in_coalesced, \
    out_packets = out_packets + excluded.out_packets, out_octets = out_octets + excluded.out_octets, \
    out_coalesced = out_coalesced + excluded.out_coalesced";

const SEEN: &str = " on conflict do update set first_ns = min(first_ns, excluded.first_ns), \
    last_ns = max(last_ns, excluded.last_ns)";

async fn insert<const N: usize>(
    connection: &mut SqliteConnection,
    head: &'static str,
    rows: &[Numbers<N>],
    tail: &'static str,
) -> Result<(), StoreError> {
    for rows in rows.chunks(ROWS) {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(head);
        query.push_values(rows, |mut values, row| {
            for number in row {
                values.push_bind(*number);
            }
        });
        query.push(tail);
        // Only whole statements are worth a place among the prepared ones.
        query.build().persistent(rows.len() == ROWS).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_with_text<const N: usize, T>(
    connection: &mut SqliteConnection,
    head: &'static str,
    rows: &[(Numbers<N>, T)],
) -> Result<(), StoreError>
where
    T: Clone + for<'q> sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    for rows in rows.chunks(ROWS) {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(head);
        query.push_values(rows, |mut values, (row, text)| {
            for number in row {
                values.push_bind(*number);
            }
            values.push_bind(text.clone());
        });
        query.build().persistent(rows.len() == ROWS).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A key and numbers, in the order of the table's columns.
fn row<const K: usize, const V: usize, const N: usize>(key: &[i64; K], values: [i64; V]) -> Numbers<N> {
    let mut numbers = [None; N];
    numbers.iter_mut().zip(key.iter().chain(&values)).for_each(|(place, number)| *place = Some(*number));
    numbers
}

/// A key, more of it, and traffic, in the order of the table's columns.
fn counted<const N: usize>(key: &[i64; 4], more: &[i64], traffic: Traffic) -> Numbers<N> {
    let mut numbers = [None; N];
    let key = key.iter().chain(more).map(|number| Some(*number));
    numbers.iter_mut().zip(key.chain(six(traffic))).for_each(|(place, number)| *place = number);
    numbers
}

fn six(traffic: Traffic) -> [Option<i64>; 6] {
    let Traffic { inbound, outbound } = traffic;
    [inbound.packets, inbound.octets, inbound.coalesced, outbound.packets, outbound.octets, outbound.coalesced]
        .map(|count| Some(number(count)))
}

/// The row of what had no place, where there was any.
fn other<const K: usize>(zero: [i64; K], traffic: Traffic) -> impl Iterator<Item = ([i64; K], Traffic)> {
    (!traffic.is_empty()).then_some((zero, traffic)).into_iter()
}

fn ledger_row(key: &[i64; 4], summary: &InterfaceSummary) -> Numbers<25> {
    let ledger = &summary.ledger;
    let counts = [
        ledger.received,
        ledger.parsed,
        ledger.malformed,
        ledger.unsupported,
        ledger.dropped,
        ledger.bad_checksum,
        ledger.unparsed_octets,
    ];
    let nic = |part: fn(&traf_model::Nic) -> u64| ledger.nic.as_ref().map(|nic| number(part(nic)));
    let own = summary.own;
    let values = counts.into_iter().map(|count| Some(number(count))).chain([
        nic(|nic| nic.rx_packets),
        nic(|nic| nic.rx_octets),
        nic(|nic| nic.tx_packets),
        nic(|nic| nic.tx_octets),
        nic(|nic| nic.rx_dropped),
        nic(|nic| nic.tx_dropped),
        ledger.kernel_received.map(number),
        Some(ledger.clock_step),
        Some(number(own.inbound.packets)),
        Some(number(own.inbound.octets)),
        Some(number(own.outbound.packets)),
        Some(number(own.outbound.octets)),
        Some(i64::from(summary.largest_inbound)),
        Some(i64::from(summary.largest_outbound)),
    ]);
    let mut numbers = [None; 25];
    let key = key.iter().map(|number| Some(*number));
    numbers.iter_mut().zip(key.chain(values)).for_each(|(place, number)| *place = number);
    numbers
}

/// Its mark is not known here.
fn flow_row(key: [i64; 5], flow: &Flow, dictionary: &Dictionary) -> Result<Numbers<26>, StoreError> {
    let start = key[0] * 1_000_000;
    let after = |time: Timestamp| time.0.div_euclid(1_000) - start;
    let mut numbers = row(
        &key,
        [
            i64::from(flow.key.protocol),
            0,
            dictionary.address(flow.key.source.address)?,
            i64::from(flow.key.source.port),
            dictionary.address(flow.key.destination.address)?,
            i64::from(flow.key.destination.port),
            number(flow.traffic.outbound.packets),
            number(flow.traffic.outbound.octets),
            number(flow.traffic.outbound.coalesced),
            number(flow.traffic.inbound.packets),
            number(flow.traffic.inbound.octets),
            number(flow.traffic.inbound.coalesced),
            after(flow.first),
            after(flow.last),
            pack::status(flow),
            i64::from(flow.forward.window) << 16 | i64::from(flow.reverse.window),
            i64::from(flow.forward.size),
            i64::from(flow.reverse.size),
            dictionary.mac(flow.forward.mac)?,
            dictionary.mac(flow.reverse.mac)?,
        ],
    );
    numbers[6] = flow.key.vlan.map(i64::from);
    Ok(numbers)
}
