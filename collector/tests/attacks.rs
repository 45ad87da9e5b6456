//! Everything that strangers and stolen keys can do, one after the other and at once, to one collector that honest peers use.
//!
//! With `TRAF_PROGRAMS` another collector is attacked. Its figures are printed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)] // it measures

mod common;

use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use common::flood::{Flood, loopback, open_files, tls};
use common::octets::{begin, live};
use common::process::{Running, output, start_at};
use common::{Export, flow, snapshot, summary};
use futures_util::future::{join, join_all};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt as _;
use tonic::codec::CompressionEncoding::Zstd;
use tonic::transport::Channel;
use traf_model::facility::HOSTS;
use traf_model::{
    Answer, Counters, Counts, Facility, Item, Key, Query, Row, Snapshot, Summary, Timestamp, Traffic, Window,
};
use traf_peer::{Backoff, CollectorUrl, Credentials, channel};
use traf_proto as wire;
use traf_proto::ingest_client::IngestClient;
use traf_proto::view_client::ViewClient;

/// Time of each attack alone, and of all together.
const ALONE: Duration = Duration::from_millis(1_000);
const TOGETHER: Duration = Duration::from_secs(5);
/// Bounds: memory of the collector, and time in which honest peers get in.
const MEMORY: u64 = 300_000_000;
const IN_TIME: Duration = Duration::from_secs(5);

/// A collector that listens for IPv4 and IPv6, and the keys of those who use it.
struct Target {
    folder: TempDir,
    running: Running,
    main: SocketAddr,
    join: SocketAddr,
}

impl Target {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (running, main, join) = start_at(folder.path(), "[::]:0").await;
        Self { folder, running, main, join }
    }

    fn main(&self, address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), self.main.port())
    }

    async fn admit(&self, role: &str, name: &str) -> Credentials {
        let (code, token, _) = output(self.folder.path(), &["token", "create", "--role", role]);
        assert_eq!(code, 0);
        let url = format!("https://127.0.0.1:{}", self.join.port()).parse().unwrap();
        traf_peer::join(&url, &token.parse().unwrap(), name, "test").await.unwrap().0
    }

    fn channel(&self, address: &str, credentials: &Credentials) -> Channel {
        channel(&self.url(address), credentials).unwrap()
    }

    fn url(&self, address: &str) -> CollectorUrl {
        format!("https://{}", self.main(address)).parse().unwrap()
    }
}

/// Longest time in which an honest peer got in, in milliseconds, and how often one did.
#[derive(Default)]
struct Served {
    longest: AtomicU64,
    times: AtomicU64,
}

impl Served {
    /// Comes again and again, each time on a new connection, until what it asks for is answered.
    async fn come_again<F: Future<Output = Result<(), tonic::Status>>>(&self, mut ask: impl FnMut() -> F) {
        loop {
            let (start, mut backoff) = (Instant::now(), Backoff::up_to(Duration::from_secs(1)));
            while !matches!(timeout(IN_TIME, ask()).await, Ok(Ok(()))) {
                self.longest.fetch_max(start.elapsed().as_millis() as u64, Relaxed);
                sleep(backoff.next(rand::random())).await;
            }
            self.longest.fetch_max(start.elapsed().as_millis() as u64, Relaxed);
            self.times.fetch_add(1, Relaxed);
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// An honest console asks for the list of sensors.
async fn console(channel: Channel) -> Result<(), tonic::Status> {
    let mut states = ViewClient::new(channel).fleet(wire::FleetQuery {}).await?.into_inner();
    states.message().await.map(drop)
}

/// An honest sensor delivers a slice.
async fn sensor(channel: Channel) -> Result<(), tonic::Status> {
    let (mut export, mark) = Export::open(channel, 1).await?;
    let seq = mark.seq + 1;
    let record = traf_proto::encode(&summary(seq as i64));
    export.out.send(batch(seq, record)).await.map_err(|error| tonic::Status::aborted(error.to_string()))?;
    while export.ack().await?.seq < seq {}
    Ok(())
}

fn batch(seq: u64, record: Vec<u8>) -> wire::ExportRequest {
    let batch = wire::Batch { epoch: 1, from_seq: seq, to_seq: seq, summary: record.into() };
    wire::ExportRequest { message: Some(wire::export_request::Message::Batch(batch)) }
}

type Attack<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
/// Begins an attack, as often as it is called.
type Start<'a> = Box<dyn Fn() -> Attack<'a> + 'a>;

/// Delivers records, whatever is said to them.
async fn deliver(channel: Channel, records: impl Iterator<Item = Vec<u8>>) {
    let Ok((export, mark)) = Export::open(channel, 1).await else { return };
    for (seq, record) in (mark.seq + 1..).zip(records) {
        if export.out.send(batch(seq, record)).await.is_err() {
            return;
        }
    }
    sleep(Duration::from_millis(300)).await;
}

fn changed(change: impl FnOnce(&mut Summary)) -> Vec<u8> {
    let mut summary = summary(1);
    change(&mut summary);
    traf_proto::encode(&summary)
}

/// A4: parts that are empty, millions of times.
async fn empties(channel: Channel) {
    loop {
        for tag in [0x22, 0x2a] {
            deliver(channel.clone(), std::iter::once([tag, 0].repeat(15_000_000))).await;
        }
        let _ = timeout(ALONE, live(channel.clone(), [0x32, 0].repeat(15_000_000))).await;
    }
}

/// A5: counts that no link carries.
async fn counts(channel: Channel) {
    let mut of_all = flow(summary(1).slice.from);
    of_all.traffic = Traffic::outbound(Counters::new(1, 1 << 48));
    let huge = changed(|summary| summary.interfaces[0].flows = vec![of_all; 34_000]);
    loop {
        deliver(channel.clone(), std::iter::repeat_n(huge.clone(), 2)).await;
    }
}

/// A6: long texts, and ever new interfaces.
async fn names(channel: Channel) {
    let long = changed(|summary| summary.interfaces[0].interface.link = "x".repeat(25 << 20));
    for round in 0.. {
        deliver(channel.clone(), std::iter::once(long.clone())).await;
        let new = |record: u32| {
            changed(|summary| {
                summary.interfaces = vec![summary.interfaces[0].clone(); 1_000];
                for (number, part) in summary.interfaces.iter_mut().enumerate() {
                    part.interface.name = format!("{}{round}n{record}n{number}", "x".repeat(200));
                }
            })
        };
        deliver(channel.clone(), (0..4).map(new)).await;
    }
}

/// Messages that are never sent to their end, on many streams of many connections.
async fn unfinished(target: &Target, stolen: &Credentials) {
    let mut held = Vec::new();
    for _ in 0..4 {
        let channel = target.channel("127.0.0.1", stolen);
        for path in ["/traf.v1.Ingest/Export", "/traf.v1.Ingest/Live"].repeat(5) {
            held.push(begin(channel.clone(), path, 20 << 20).await);
        }
    }
    std::future::pending::<()>().await;
}

/// Answers to all wishes and to some that nobody has, of as many slices as come to mind.
async fn answers(channel: Channel) {
    let row = |number: u32| {
        let counts = Counts::from(Traffic::inbound(Counters::new(1, number.into())));
        Row::new(Traffic::default(), Item::Counted(HOSTS, Key::Address(number.to_be_bytes().into()), counts))
    };
    let rows: Vec<Row> = (0..1_000).map(row).collect();
    let said = move |number: i64| {
        let slice = (number % 2 == 0).then(|| Timestamp::from_seconds(common::START + number * 10));
        let first = (number * 50 % 500) as u64;
        let answer = |id| Answer { id, matched: 1_000, rows: rows.clone(), slice, ..Answer::default() };
        let mut said: Snapshot = snapshot(number as u64);
        said.interfaces[0].answers = (first..first + 50).map(answer).collect();
        wire::Snapshot::from(&said)
    };
    for number in 0.. {
        let said = said.clone();
        let snapshots = tokio_stream::iter(number * 100..(number + 1) * 100).map(said);
        let Ok(wishes) = IngestClient::new(channel.clone()).send_compressed(Zstd).live(snapshots).await else {
            continue;
        };
        let mut wishes = wishes.into_inner();
        while let Ok(Some(_)) = wishes.message().await {}
    }
}

/// As many tables as a key can open.
async fn tables(target: &Target, stolen: &Credentials) {
    let mut open = Vec::new();
    for port in 0..16u32 * 32 {
        if port % 32 == 0 {
            open.push((target.channel("127.0.0.1", stolen), Vec::new()));
        }
        let (channel, streams) = open.last_mut().unwrap();
        let filter = format!("port {}", port + 1).parse().unwrap();
        let query =
            Query { facility: Facility::Traffic, window: Window::Live, filter, limit: 1_000, ..Query::default() };
        streams.push(ViewClient::new(channel.clone()).watch(wire::Query::from(&query)).await);
    }
    std::future::pending::<()>().await;
}

/// A new site with every start.
async fn sites(channel: Channel) {
    for number in 0.. {
        let _ = Export::open_at(channel.clone(), 1, &format!("{number}{}", "s".repeat(60))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_attacks_at_once_take_little_memory_and_keep_no_honest_peer_out() {
    open_files();
    let target = Target::start().await;
    let (honest, desk) = (target.admit("sensor", "web1").await, target.admit("viewer", "desk").await);
    let mut stolen = Vec::new();
    for number in 0..5 {
        stolen.push(target.admit("sensor", &format!("stolen{number}")).await);
    }
    let (thief, revoked) = (target.admit("viewer", "thief").await, target.admit("viewer", "revoked").await);
    assert_eq!(output(target.folder.path(), &["sensors", "revoke", "revoked"]).0, 0);
    sleep(Duration::from_secs(2)).await;

    let served = Arc::new(Served::default());
    let [v4_url, v6_url] = ["127.0.0.1", "::1"].map(|address| target.url(address));
    let of_peers = served.clone();
    // On a thread of its own: attackers have machines of their own, too.
    std::thread::spawn(move || {
        let all = async {
            let consoles = [&v4_url, &v6_url].map(|url| of_peers.come_again(|| console(channel(url, &desk).unwrap())));
            let sensor = of_peers.come_again(|| sensor(channel(&v4_url, &honest).unwrap()));
            join(sensor, join_all(consoles)).await;
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(all);
    });

    let (v4, v6, many) = (target.main("127.0.0.1"), target.main("::1"), loopback(20));
    let one_network = [Ipv6Addr::LOCALHOST.into()];
    let joining = SocketAddr::new(v4.ip(), target.join.port());
    let of_insider = |number: usize| target.channel("127.0.0.1", &stolen[number]);
    let (nobody, of_revoked) = (tls(None), tls(Some(&revoked)));
    let flood = |from: &[IpAddr], each, to, tls: Option<&_>, pause| -> Attack<'static> {
        let flood = Flood::start(from, each, to, tls, Some(Duration::from_millis(pause)));
        Box::pin(async move {
            let _flood = flood;
            std::future::pending::<()>().await;
        })
    };
    let attacks: [(&str, Start<'_>); 12] = [
        ("A4 empty parts", Box::new(|| Box::pin(empties(of_insider(0))))),
        ("A5 counts", Box::new(|| Box::pin(counts(of_insider(1))))),
        ("A6 names", Box::new(|| Box::pin(names(of_insider(2))))),
        ("sites", Box::new(|| Box::pin(sites(of_insider(3))))),
        ("unfinished messages", Box::new(|| Box::pin(unfinished(&target, &stolen[4])))),
        ("tables of a console", Box::new(|| Box::pin(tables(&target, &thief)))),
        ("answers", Box::new(|| Box::pin(answers(of_insider(4))))),
        ("A7 idle joins", Box::new(|| flood(&many, 52, joining, Some(&nobody), 1_000))),
        ("A8 a revoked key", Box::new(|| flood(&many, 10, v4, Some(&of_revoked), 100))),
        ("A9 silent sockets", Box::new(|| flood(&many, 100, v4, None, 100))),
        ("silent sockets of a /64", Box::new(|| flood(&one_network, 600, v6, None, 20))),
        ("handshakes of a /64", Box::new(|| flood(&one_network, 100, v6, Some(&nobody), 50))),
    ];
    for (name, attack) in &attacks {
        served.longest.store(0, Relaxed);
        let _ = timeout(ALONE, attack()).await;
        let longest = served.longest.load(Relaxed);
        println!("{name:26} longest {longest:5} ms, {:4} MB at most", target.running.peak() / 1_000_000);
        assert!(u128::from(longest) <= IN_TIME.as_millis(), "{name}: {longest} ms");
    }
    served.longest.store(0, Relaxed);
    let before = served.times.load(Relaxed);
    let _ = timeout(TOGETHER, join_all(attacks.iter().map(|(_, attack)| attack()))).await;
    // Who began last has its time, too.
    let (start, begun) = (Instant::now(), served.times.load(Relaxed));
    while served.times.load(Relaxed) < begun + 3 && start.elapsed() < IN_TIME {
        sleep(Duration::from_millis(20)).await;
    }
    let (longest, times) = (served.longest.load(Relaxed), served.times.load(Relaxed) - before);
    let peak = target.running.peak();
    println!("{:26} longest {longest:5} ms, {:4} MB at most, {times} times served", "all at once", peak / 1_000_000);
    assert!(peak <= MEMORY, "{peak} octets");
    assert!(u128::from(longest) <= IN_TIME.as_millis(), "{longest} ms");
    assert!(times > 3);
    let (code, said, _) = output(target.folder.path(), &["verify"]);
    assert_eq!(code, 0, "{said}");
}
