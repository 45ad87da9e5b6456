//! A real collector on loopback, and what speaks to it: TLS, gRPC and SQLite are the real ones.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)] // each test file uses its part

pub mod flood;
pub mod octets;
pub mod process;

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use traf_collector::{Addresses, Config};
use traf_model::facility::{HOSTS, SERVICES, SIZES, STATIONS};
use traf_model::{
    AggregatedFlow, Bracket, Class, Classes, Counters, Counts, Endpoint, Evidence, Flow, FlowKey, FlowState, Half,
    Interface, InterfaceSnapshot, InterfaceSummary, Interval, Key, Ledger, Mac, Second, Service, Snapshot, Summary,
    Timestamp, Traffic,
};
use traf_peer::Role;
use traf_peer::{CollectorUrl, Credentials, channel, join};
use traf_proto as wire;

/// Long enough for a loaded machine; reached only when something is wrong.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A start of a slice in 2027.
pub const START: i64 = 1_800_000_000;

/// A running collector.
pub struct Collector {
    pub config: Config,
    pub addresses: Addresses,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<anyhow::Result<()>>,
}

pub fn config(folder: &Path) -> Config {
    let any = Some(([127, 0, 0, 1], 0).into());
    // Slices of the tests are of 2027.
    let config = Config { clock_ahead: Duration::from_secs(100 * 365 * 24 * 3600), ..Config::default() };
    config.over(Some(folder.to_owned()), any, any)
}

impl Collector {
    pub async fn start(folder: &TempDir) -> Self {
        Self::start_at(folder.path()).await
    }

    pub async fn start_at(folder: &Path) -> Self {
        Self::start_with(config(folder)).await
    }

    pub async fn start_with(config: Config) -> Self {
        let (ready, addresses) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(traf_collector::run(config.clone(), ready, async {
            let _ = stopped.await;
        }));
        match tokio::time::timeout(DEADLINE, addresses).await.expect("no collector in time") {
            Ok(addresses) => Self { config, addresses, stop: Some(stop), task },
            Err(_) => panic!("the collector did not start: {:#}", task.await.unwrap().unwrap_err()),
        }
    }

    /// Ends it in order.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(DEADLINE, self.task).await.expect("it did not end").unwrap().unwrap();
    }

    /// As if killed: nothing is finished, nothing is said.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub fn url(&self) -> CollectorUrl {
        format!("https://{}", self.addresses.main).parse().unwrap()
    }

    pub fn join_url(&self) -> CollectorUrl {
        format!("https://{}", self.addresses.join).parse().unwrap()
    }

    pub async fn join(&self, role: Role, name: &str) -> Credentials {
        let token = traf_collector::create_token(&self.config, role, Duration::from_secs(60), 1).await.unwrap();
        join(&self.join_url(), &token, name, "test").await.unwrap().0
    }

    /// A channel of somebody who has joined.
    pub async fn joined(&self, role: Role, name: &str) -> Channel {
        channel(&self.url(), &self.join(role, name).await).unwrap()
    }

    pub fn channel(&self, credentials: &Credentials) -> Channel {
        channel(&self.url(), credentials).unwrap()
    }
}

/// One sensor's open history.
pub struct Export {
    pub out: tokio::sync::mpsc::Sender<wire::ExportRequest>,
    pub acks: tonic::Streaming<wire::ExportAck>,
}

impl Export {
    pub async fn open(channel: Channel, epoch: u64) -> Result<(Self, wire::ExportAck), tonic::Status> {
        Self::open_at(channel, epoch, "").await
    }

    pub async fn open_at(channel: Channel, epoch: u64, site: &str) -> Result<(Self, wire::ExportAck), tonic::Status> {
        let (out, requests) = tokio::sync::mpsc::channel(64);
        let (version, name, site) = ("test".into(), "x".into(), site.into());
        let hello = wire::Hello { epoch, version, name, site, ..wire::Hello::default() };
        out.send(wire::ExportRequest { message: Some(wire::export_request::Message::Hello(hello)) }).await.unwrap();
        let mut client = wire::ingest_client::IngestClient::new(channel)
            .send_compressed(tonic::codec::CompressionEncoding::Zstd)
            .accept_compressed(tonic::codec::CompressionEncoding::Zstd);
        let acks = client.export(tokio_stream::wrappers::ReceiverStream::new(requests)).await?.into_inner();
        let mut export = Self { out, acks };
        let first = export.ack().await?;
        Ok((export, first))
    }

    pub async fn send(&self, epoch: u64, from: u64, to: u64, summary: &Summary) {
        self.send_octets(epoch, from, to, traf_proto::encode(summary)).await;
    }

    pub async fn send_octets(&self, epoch: u64, from: u64, to: u64, summary: Vec<u8>) {
        let batch = wire::Batch { epoch, from_seq: from, to_seq: to, summary: summary.into() };
        self.out
            .send(wire::ExportRequest { message: Some(wire::export_request::Message::Batch(batch)) })
            .await
            .unwrap();
    }

    pub async fn ack(&mut self) -> Result<wire::ExportAck, tonic::Status> {
        let ack = tokio::time::timeout(DEADLINE, self.acks.message()).await.expect("no answer in time")?;
        ack.ok_or_else(|| tonic::Status::aborted("the stream ended"))
    }

    /// Until everything up to `seq` is committed.
    pub async fn acked(&mut self, seq: u64) {
        while self.ack().await.unwrap().seq < seq {}
    }
}

/// Traffic of `eth0` in the slice number `slice`: every facility agrees with every other.
pub fn summary(slice: i64) -> Summary {
    let from = Timestamp::from_seconds(START + slice * 10);
    let to = Timestamp::from_seconds(START + slice * 10 + 10);
    let interface = interface_summary(from, slice);
    Summary {
        slice: Interval::new(from, to),
        sealed: to,
        interfaces: vec![interface],
        losses: Vec::new(),
        unknown: 0,
        generation: 0,
    }
}

pub fn end(last: u8, port: u16) -> Endpoint {
    Endpoint::new([10, 0, 0, last].into(), port)
}

pub fn flow(at: Timestamp) -> Flow {
    Flow {
        key: FlowKey { protocol: 6, vlan: Some(7), source: end(1, 50_000), destination: end(2, 443) },
        traffic: Traffic { inbound: Counters::new(20, 20_000), outbound: Counters::new(10, 1_000) },
        first: Timestamp::from_seconds(START),
        last: Timestamp(at.0 + 9_000_000_000),
        forward: Half {
            flags: 0x1b,
            last_flags: 0x18,
            window: 501,
            size: 52,
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            word: None,
        },
        reverse: Half {
            flags: 0x1a,
            last_flags: 0x10,
            window: 502,
            size: 1500,
            mac: Some(Mac([2, 0, 0, 0, 0, 2])),
            word: None,
        },
        state: FlowState::Established,
        complete: true,
        own: false,
        evidence: Evidence::new([100, 2_000].map(|rate| (at.seconds() * rate) as u32)),
    }
}

fn interface_summary(from: Timestamp, slice: i64) -> InterfaceSummary {
    let tcp = Class::at(0).unwrap();
    let udp_other = Class::at(3).unwrap();
    // 30 packets of a conversation, 5 of UDP that found no place: 35 frames, 14 octets of header each.
    let conversation = flow(from);
    let other = Traffic::inbound(Counters::new(5, 500));
    let framed = |traffic: Traffic| {
        let frame = |c: Counters| Counters::new(c.packets, c.octets + 14 * c.packets);
        Traffic { inbound: frame(traffic.inbound), outbound: frame(traffic.outbound) }
    };
    let classes: Classes = [(tcp, framed(conversation.traffic)), (udp_other, framed(other))].into_iter().collect();
    let all = framed(conversation.traffic) + framed(other);
    let mut summary = InterfaceSummary {
        interface: Interface {
            name: "eth0".into(),
            index: 2,
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            addresses: vec![[10, 0, 0, 1].into()],
            mtu: Some(1500),
            link: "EN10MB".into(),
            ..Interface::default()
        },
        ledger: Ledger { received: 37, parsed: 35, malformed: 1, dropped: 1, ..Ledger::default() },
        seconds: vec![Second { at: Timestamp::from_seconds(from.seconds() + slice % 10), classes }],
        flows: vec![conversation],
        other_flows: vec![(udp_other, other, 3)],
        aggregated_flows: vec![AggregatedFlow {
            key: FlowKey { protocol: 17, vlan: None, source: end(1, 0), destination: end(2, 53) },
            traffic: Traffic::inbound(Counters::new(4, 400)),
            flows: 2,
        }],
        ..InterfaceSummary::default()
    };
    let ip = conversation.traffic;
    let mut counted = |facility, key, counts| summary.counted.entry(facility).or_default().add(key, counts);
    counted(SIZES, Bracket { from: 0, to: Some(75) }.key(), all.into());
    counted(SERVICES, Service { protocol: 6, port: 443 }.key(), ip.reversed().into());
    counted(HOSTS, Key::Address([10, 0, 0, 1].into()), ip.into());
    counted(HOSTS, Key::Address([10, 0, 0, 2].into()), ip.reversed().into());
    let stations = Traffic { inbound: all.total(), outbound: all.total() };
    let seen = from;
    let learnt = traf_model::Learnt { address: [10, 0, 0, 1].into(), first: seen, last: seen };
    let station = Counts { ip: stations, addresses: vec![learnt], ..stations.into() };
    counted(STATIONS, Key::Mac(Mac([2, 0, 0, 0, 0, 1])), station);
    for (facility, other) in [(SERVICES, other), (HOSTS, other + other.reversed())] {
        summary.counted.entry(facility).or_default().add_other(other.into());
    }
    summary
}

/// A snapshot with `octets` seen on `eth0` since the start.
pub fn snapshot(octets: u64) -> Snapshot {
    let mut interface = InterfaceSnapshot { capacity: 10, ..InterfaceSnapshot::default() };
    interface.interface.name = "eth0".into();
    interface.classes.add(Class::at(0).unwrap(), Traffic::inbound(Counters::new(1, octets)));
    interface.rate = Traffic::inbound(Counters::new(1, 100));
    Snapshot { epoch: 1, version: "test".into(), name: "x".into(), interfaces: vec![interface], ..Snapshot::default() }
}
