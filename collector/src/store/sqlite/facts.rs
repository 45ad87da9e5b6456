//! A row of a statement as what it says.

use std::net::IpAddr;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use traf_model::{
    Bracket, Class, Counters, Endpoint, Flow, FlowKey, FlowState, Half, Interval, Learnt, Ledger, Mac, Nic, Service,
    Station, Timestamp, Traffic,
};

use super::{count, pack};
use crate::store::{Fact, Place, StoreError};

pub(super) fn interval(row: &SqliteRow, at: usize) -> Result<Interval, StoreError> {
    Ok(Interval::new(Timestamp(row.try_get(at)?), Timestamp(row.try_get(at + 1)?)))
}

pub(super) fn place(row: &SqliteRow) -> Result<Place, StoreError> {
    Ok(Place { sensor: row.try_get(0)?, interface: row.try_get(1)? })
}

fn counters(row: &SqliteRow, at: usize) -> Result<Counters, StoreError> {
    Ok(Counters { packets: count(row, at)?, octets: count(row, at + 1)?, coalesced: count(row, at + 2)? })
}

pub(super) fn traffic(row: &SqliteRow, at: usize) -> Result<Traffic, StoreError> {
    Ok(Traffic { inbound: counters(row, at)?, outbound: counters(row, at + 3)? })
}

pub(super) fn class(row: &SqliteRow, at: usize) -> Result<Class, StoreError> {
    let index: i64 = row.try_get(at)?;
    let class = usize::try_from(index).ok().and_then(Class::at);
    class.ok_or_else(|| StoreError::Damaged(format!("class {index}")))
}

fn text<T: std::str::FromStr>(row: &SqliteRow, at: usize) -> Result<Option<T>, StoreError> {
    row.try_get::<Option<&str>, _>(at)?.map(pack::parse).transpose()
}

pub(super) fn flow(row: &SqliteRow) -> Result<Fact, StoreError> {
    let end = |at: usize| -> Result<Endpoint, StoreError> {
        let address: IpAddr =
            text(row, at)?.ok_or_else(|| StoreError::Damaged("an address without text".to_owned()))?;
        Ok(Endpoint::new(address, row.try_get(at + 1)?))
    };
    let start = row.try_get::<i64, _>(14)? * 1_000_000;
    let at = |column: usize| -> Result<Timestamp, StoreError> {
        Ok(Timestamp((start + row.try_get::<i64, _>(column)?).saturating_mul(1_000)))
    };
    let windows: i64 = row.try_get(18)?;
    let mac = |column: usize| text::<Mac>(row, column);
    let mut flow = Flow {
        key: FlowKey { protocol: row.try_get(2)?, vlan: row.try_get(3)?, source: end(4)?, destination: end(6)? },
        traffic: traffic(row, 8)?,
        first: at(15)?,
        last: at(16)?,
        forward: Half { window: (windows >> 16) as u16, size: row.try_get(19)?, mac: mac(21)?, ..Half::default() },
        reverse: Half { window: windows as u16, size: row.try_get(20)?, mac: mac(22)?, ..Half::default() },
        state: FlowState::Active,
        complete: false,
        own: false,
    };
    pack::read_status(row.try_get(17)?, &mut flow);
    Ok(Fact::Flow(flow, row.try_get(23)?))
}

pub(super) fn other_flows(row: &SqliteRow) -> Result<Fact, StoreError> {
    Ok(Fact::OtherFlows(class(row, 2)?, traffic(row, 4)?, count(row, 3)?))
}

pub(super) fn size(row: &SqliteRow) -> Result<Fact, StoreError> {
    Ok(Fact::Size(Bracket { from: row.try_get(2)?, to: row.try_get(3)? }, traffic(row, 4)?))
}

pub(super) fn service(row: &SqliteRow) -> Result<Fact, StoreError> {
    Ok(Fact::Service(Service::new(row.try_get(2)?, row.try_get(3)?), traffic(row, 4)?))
}

pub(super) fn host(row: &SqliteRow) -> Result<Fact, StoreError> {
    Ok(Fact::Host(text(row, 2)?, traffic(row, 4)?))
}

pub(super) fn station(row: &SqliteRow) -> Result<Fact, StoreError> {
    let mut station = Station { traffic: traffic(row, 4)?, ip: traffic(row, 10)?, addresses: Vec::new() };
    for address in pack::parse_list(row.try_get(16)?)? {
        let seen = Timestamp(0);
        station.seen(Learnt { address, first: seen, last: seen });
    }
    Ok(Fact::Station(text(row, 2)?, station))
}

pub(super) fn ledger(row: &SqliteRow) -> Result<Fact, StoreError> {
    let nic =
        |at: usize| -> Result<u64, StoreError> { Ok(row.try_get::<Option<i64>, _>(at)?.unwrap_or(0).cast_unsigned()) };
    let has_nic = row.try_get::<Option<i64>, _>(9)?.is_some();
    let ledger = Ledger {
        received: count(row, 2)?,
        parsed: count(row, 3)?,
        malformed: count(row, 4)?,
        unsupported: count(row, 5)?,
        dropped: count(row, 6)?,
        bad_checksum: count(row, 7)?,
        unparsed_octets: count(row, 8)?,
        nic: if has_nic {
            Some(Nic {
                rx_packets: nic(9)?,
                rx_octets: nic(10)?,
                tx_packets: nic(11)?,
                tx_octets: nic(12)?,
                rx_dropped: nic(13)?,
                tx_dropped: nic(14)?,
            })
        } else {
            None
        },
        kernel_received: row.try_get::<Option<i64>, _>(15)?.map(i64::cast_unsigned),
        clock_step: row.try_get(16)?,
    };
    let own = Traffic {
        inbound: Counters::new(count(row, 17)?, count(row, 18)?),
        outbound: Counters::new(count(row, 19)?, count(row, 20)?),
    };
    Ok(Fact::Ledger(Box::new(ledger), own, [row.try_get(21)?, row.try_get(22)?]))
}
