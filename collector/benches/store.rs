//! Cost of a flow in the store: CPU time of decoding and writing it, and octets of the file, on a generated load.
//!
//! `cargo bench -p traf-collector --bench store [-- --sensors N --flows N --slices N --group N --late N]`
//!
//! The load is the same in every run. In each slice 35 % of a sensor's flows are new, their sizes have a heavy tail, 10 % are
//! IPv6, and every second sensor also sees 30 % of its neighbour's flows. Deliveries are made and encoded before the clock
//! starts. The store is a file in `TRAF_BENCH_DIR`, or the system's temporary folder, and removed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Parser;
use nix::time::{ClockId, clock_gettime};
use sqlx::{Connection, SqliteConnection};
use traf_collector::store::{Delivery, Hello, Outcome, Store};
use traf_model::facility::{HOSTS, SERVICES, SIZES, STATIONS};
use traf_model::time::SECOND;
use traf_model::{
    Brackets, Cast, Class, Classes, Counters, Counts, Endpoint, Evidence, Family, Flow, FlowKey, FlowState, Half,
    Interface, InterfaceSummary, Interval, Key, Learnt, Ledger, Mac, Ports, Second, Summary, Timestamp, Traffic,
    Transport,
};

/// The start of the first slice, in seconds since 1970.
const START: i64 = 1_790_000_000;

#[derive(Parser)]
struct Args {
    /// Sensors, with one interface each
    #[arg(long, default_value_t = 40)]
    sensors: usize,
    /// Flows in each slice of a sensor
    #[arg(long, default_value_t = 500)]
    flows: usize,
    /// Slices of each sensor, of ten seconds
    #[arg(long, default_value_t = 6)]
    slices: usize,
    /// Deliveries in a transaction
    #[arg(long, default_value_t = 40)]
    group: usize,
    /// Slices by which the first sensor is behind the others
    #[arg(long, default_value_t = 0)]
    late: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let folder = std::env::var_os("TRAF_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).context("making a folder")?;
    let path = folder.path().join("history.db");
    let store = Store::open(&path).await?;
    let mut sensors = Vec::new();
    for number in 0..args.sensors {
        let (uuid, name, site) = (format!("u{number}"), format!("s{number}"), format!("site{}", number / 4));
        let hello = Hello { uuid, name, site, version: "bench".to_owned(), epoch: 1 };
        sensors.push(store.hello(&hello).await?.ok().context("a new sensor is known")?.0);
    }

    let (deliveries, rows) = deliveries(&args);
    let (mut decoding, mut applying) = (0.0, 0.0);
    for group in deliveries.chunks(args.group.max(1)) {
        let start = cpu()?;
        let mut decoded = Vec::with_capacity(group.len());
        for (sensor, seq, octets) in group {
            let summary = Arc::new(traf_proto::decode(octets)?);
            decoded.push(Delivery { sensor: sensors[*sensor], epoch: 1, from_seq: *seq, to_seq: *seq, summary });
        }
        let now = decoded.iter().map(|last| last.summary.sealed).max().unwrap_or_default();
        let read = cpu()?;
        let outcomes = store.apply(&decoded, now).await?;
        drop(decoded);
        applying += cpu()? - read;
        decoding += read - start;
        ensure!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored(_))), "a delivery was not stored");
    }
    store.close().await;

    let each = |sum: f64| sum / rows as f64;
    let (decode, apply) = (each(decoding), each(applying));
    println!("{rows} flow rows: decode {decode:.2} + apply {apply:.2} = {:.2} us CPU a row", decode + apply);
    println!("most memory {} MB", peak()?);
    println!("file {:.1} octets a row, of it (from 0.5)", each(std::fs::metadata(&path)?.len() as f64));
    let mut file = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
    let octets = "select name, sum(pgsize) from dbstat group by name order by 2 desc";
    let tables: Vec<(String, i64)> = sqlx::query_as(octets).fetch_all(&mut file).await?;
    for (name, octets) in tables.into_iter().filter(|(_, octets)| each(*octets as f64) >= 0.5) {
        println!("  {name:<28}{:>6.1}", each(octets as f64));
    }
    Ok(())
}

/// The most memory that this process had, in MiB.
fn peak() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading the state of this process")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
}

/// CPU time of this process, all threads, in microseconds.
fn cpu() -> anyhow::Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 * 1e6 + time.tv_nsec() as f64 / 1e3)
}

/// Slices in the order of arrival (sensor, sequence number, octets), and how many flows they have.
fn deliveries(args: &Args) -> (Vec<(usize, u64, Vec<u8>)>, usize) {
    let mut random = Random(7);
    let mut active: Vec<Vec<Talk>> = vec![Vec::new(); args.sensors];
    let (mut deliveries, mut rows) = (Vec::new(), 0);
    for slice in 0..args.slices {
        for sensor in 0..args.sensors {
            let mut talks = std::mem::take(&mut active[sensor]);
            talks.retain(|_| random.below(100) < 65);
            if sensor % 2 == 1 {
                let new = |talk: &&Talk| talk.shared && !talks.iter().any(|known| known.key == talk.key);
                let shared: Vec<Talk> = active[sensor - 1].iter().filter(new).copied().collect();
                talks.extend(shared);
            }
            talks.resize_with(args.flows, || Talk::new(sensor, &mut random));
            let summary = summary(START + 10 * slice as i64, sensor, &talks);
            rows += talks.len();
            // The first sensor's arrive among the later ones of the others.
            let arrival = slice + if sensor == 0 { args.late } else { 0 };
            deliveries.push((arrival, (sensor, slice as u64 + 1, traf_proto::encode(&summary))));
            active[sensor] = talks;
        }
    }
    deliveries.sort_by_key(|(arrival, _)| *arrival);
    (deliveries.into_iter().map(|(_, delivery)| delivery).collect(), rows)
}

/// A conversation that goes on from slice to slice.
#[derive(Clone, Copy)]
struct Talk {
    key: FlowKey,
    /// The local station.
    mac: Mac,
    /// The neighbouring sensor sees it too.
    shared: bool,
    packets: [u64; 2],
    size: [u64; 2],
}

impl Talk {
    /// Few hosts have most of the flows: 500 flows give about 1.05 host rows and 0.36 station rows each.
    fn new(sensor: usize, random: &mut Random) -> Self {
        let v6 = random.below(10) == 0;
        let (near, far) = ((160.0 * random.fraction().powi(2)) as u16, (1e5 * random.fraction().powi(9)) as u32);
        let [high, low] = near.to_be_bytes();
        let local = match v6 {
            true => IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, sensor as u16, 0, 0, 0, 0, near)),
            false => IpAddr::from(Ipv4Addr::new(10, sensor as u8, high, low)),
        };
        let mixed = far.wrapping_mul(0x9e37_79b1);
        let remote = match v6 {
            true => IpAddr::from(Ipv6Addr::new(0x2a00, (mixed >> 16) as u16, 1, 0, 0, 0, 0, mixed as u16)),
            false => IpAddr::from(Ipv4Addr::from(0x1400_0000 + mixed % 0x6000_0000)),
        };
        let protocol = match random.below(100) {
            0..78 => 6,
            78..98 => 17,
            _ if v6 => 58,
            _ => 1,
        };
        let port = match (protocol, random.below(100)) {
            (6, 0..70) | (17, 55..85) => 443,
            (6, 70..82) => 80,
            (6, 82..88) => 22,
            (6, _) => 993,
            (17, 0..55) => 53,
            (17, _) => 123,
            _ => 0,
        };
        let client = if port == 0 { 0 } else { 32_768 + random.below(28_000) as u16 };
        let (source, destination) = (Endpoint::new(local, client), Endpoint::new(remote, port));
        let out = 1 + (random.fraction().powi(6) * 4_000.0) as u64 + random.below(6);
        let back = (out as f64 * (0.3 + 1.5 * random.fraction())) as u64;
        Self {
            key: FlowKey { protocol, vlan: None, source, destination },
            mac: Mac([2, 0, 0, sensor as u8, high, low]),
            shared: random.below(100) < 30,
            packets: [out, back],
            size: [60 + random.below(400), 80 + random.below(1_400)],
        }
    }

    /// The same for all who see it in a slice: sequence numbers that go on, or digests.
    fn evidence(&self, start: i64) -> Evidence {
        let FlowKey { protocol, source, destination, .. } = self.key;
        let ends = u32::from(source.port) << 16 ^ u32::from(destination.port) ^ u32::from(self.mac.0[5]) << 8;
        let first = ends.wrapping_mul(0x9e37_79b1);
        let slice = (start / 10) as u32;
        let halves = match protocol {
            6 => [0, 1].map(|way| first.wrapping_add(slice.wrapping_mul((self.packets[way] * self.size[way]) as u32))),
            _ => [1, 2].map(|digest| (first ^ slice.wrapping_mul(digest)).wrapping_mul(0x85eb_ca6b)),
        };
        Evidence::new(halves.map(|half| half.max(1)))
    }

    fn traffic(&self, header: u64) -> Traffic {
        let counters = |way: usize| Counters::new(self.packets[way], self.packets[way] * (self.size[way] + header));
        Traffic { inbound: counters(1), outbound: counters(0) }
    }
}

/// The router, behind which the remote hosts are.
const GATEWAY: Mac = Mac([0, 0x1b, 0x21, 0, 0, 1]);

/// A slice; all that is counted beside the flows is folded from them.
fn summary(start: i64, sensor: usize, talks: &[Talk]) -> Summary {
    let at = |nanos: i64| Timestamp(start * SECOND + nanos);
    let slice = Interval::new(at(0), at(10 * SECOND));
    let interface = Interface { name: "eth0".to_owned(), index: 2, mtu: Some(1_500), ..Interface::default() };
    let mut summary =
        InterfaceSummary { interface, largest_inbound: 1_500, largest_outbound: 1_500, ..Default::default() };
    let (brackets, mut seconds) = (Brackets::new(1_500), HashMap::<i64, Classes>::new());
    for (place, talk) in talks.iter().enumerate() {
        let FlowKey { protocol, source, destination, .. } = talk.key;
        let (key, ip, frames) = (talk.key, talk.traffic(0), talk.traffic(14));
        let nanos = (place as i64 * 7_919_000_003 + sensor as i64 * 17_000_001) % (10 * SECOND);
        let (state, flags) = if protocol == 6 { (FlowState::Established, 0x1b) } else { (FlowState::Active, 0) };
        let half = |way: usize, mac| {
            let window = u16::from(flags) * 18;
            Half { flags, last_flags: flags & 0x10, window, size: talk.size[way] as u32, mac: Some(mac), word: None }
        };
        let (first, last, forward, reverse) = (at(nanos / 3), at(nanos), half(0, talk.mac), half(1, GATEWAY));
        summary.flows.push(Flow {
            key,
            traffic: ip,
            first,
            last,
            forward,
            reverse,
            state,
            complete: true,
            own: false,
            evidence: talk.evidence(start),
        });
        summary.ledger.received += ip.total().packets;
        let family = if source.address.is_ipv6() { Family::Ipv6 } else { Family::Ipv4 };
        let class = Class { family, transport: Transport::of(protocol), cast: Cast::Unicast };
        seconds.entry(nanos / SECOND).or_default().add(class, frames);
        let mut count = |facility, key, counts| summary.counted.entry(facility).or_default().add(key, counts);
        let size = |way: usize| brackets.bracket(brackets.place(talk.size[way] as u32 + 14)).key();
        count(SIZES, size(0), Traffic::outbound(frames.outbound).into());
        count(SIZES, size(1), Traffic::inbound(frames.inbound).into());
        if let Some(service) = key.service(&Ports::default()) {
            count(SERVICES, service.key(), ip.into());
        }
        count(HOSTS, Key::Address(source.address), ip.into());
        count(HOSTS, Key::Address(destination.address), ip.reversed().into());
        let seen = |address| vec![Learnt { address, first: slice.from, last }];
        let station = |ip, address| Counts { ip, addresses: seen(address), ..Counts::from(ip) };
        count(STATIONS, Key::Mac(talk.mac), station(frames, source.address));
        count(STATIONS, Key::Mac(GATEWAY), station(frames.reversed(), destination.address));
    }
    summary.ledger = Ledger { parsed: summary.ledger.received, ..summary.ledger };
    let second = |second| Some(Second { at: at(second * SECOND), classes: seconds.remove(&second)? });
    summary.seconds = (0..10).filter_map(second).collect();
    Summary { slice, sealed: slice.to, interfaces: vec![summary], generation: 1, ..Summary::default() }
}

/// xorshift64*: the same numbers in every run.
struct Random(u64);

impl Random {
    /// From 0 to below 1.
    fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) as f64 / (1u64 << 48) as f64
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.fraction() * end as f64) as u64
    }
}
