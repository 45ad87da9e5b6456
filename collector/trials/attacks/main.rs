//! Everything that strangers and stolen keys can do, one after the other and at once, to one collector that honest peers use.
//!
//! With `TRAF_PROGRAMS` another collector is attacked. Its figures are printed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)] // it measures

#[path = "../../tests/common/mod.rs"]
mod common;
mod honest;
mod insider;

use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use common::flood::{Flood, loopback, open_files, tls};
use common::process::{Running, output, start_at};
use futures_util::future::{join_all, join3};
use honest::{Served, console, joiner, past, sensor};
use insider::{answers, counts, empties, names, sites, tables, unfinished};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use traf_model::{Facility, Point, Scope};
use traf_peer::token::Token;
use traf_peer::{CollectorUrl, Credentials, channel};

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

    fn token(&self, role: &str, uses: &str) -> Token {
        let (code, token, _) = output(self.folder.path(), &["token", "create", "--role", role, "--uses", uses]);
        assert_eq!(code, 0);
        token.parse().unwrap()
    }

    async fn admit(&self, role: &str, name: &str) -> Credentials {
        traf_peer::join(&self.join_url(), &self.token(role, "1"), name, "test").await.unwrap().0
    }

    fn join_url(&self) -> CollectorUrl {
        format!("https://127.0.0.1:{}", self.join.port()).parse().unwrap()
    }

    fn channel(&self, address: &str, credentials: &Credentials) -> Channel {
        channel(&self.url(address), credentials).unwrap()
    }

    /// Prints how long peers waited and how much memory was taken so far, and says what of it is too much.
    fn figures(&self, name: &str, served: &Served) -> Vec<String> {
        let (longest, times) = (served.longest.load(Relaxed), served.times.load(Relaxed));
        let peak = self.running.peak();
        println!("{name:24} longest {longest:5} ms, {times:4} served so far, {:4} MB at most", peak / 1_000_000);
        let slow = (u128::from(longest) > IN_TIME.as_millis()).then(|| format!("{name}: {longest} ms"));
        slow.into_iter().chain((peak > MEMORY).then(|| format!("{name}: {peak} octets"))).collect()
    }

    fn url(&self, address: &str) -> CollectorUrl {
        format!("https://{}", self.main(address)).parse().unwrap()
    }
}

type Attack<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
/// Begins an attack, as often as it is called.
type Start<'a> = Box<dyn Fn() -> Attack<'a> + 'a>;

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
    let (of_peers, of_desk) = (served.clone(), target.channel("127.0.0.1", &desk));
    let (join_url, token) = (target.join_url(), target.token("viewer", "10000"));
    // On a thread of its own: attackers have machines of their own, too.
    std::thread::spawn(move || {
        let all = async {
            let consoles = [&v4_url, &v6_url].map(|url| of_peers.come_again(|| console(channel(url, &desk).unwrap())));
            let sensor = of_peers.come_again(|| sensor(channel(&v4_url, &honest).unwrap()));
            let joiner = of_peers.come_again(|| joiner(&join_url, &token));
            join3(sensor, joiner, join_all(consoles)).await;
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
        ("A7 idle joins", Box::new(|| flood(&many, 52, joining, Some(&nobody), 100))),
        ("A8 a revoked key", Box::new(|| flood(&many, 60, v4, Some(&of_revoked), 100))),
        ("A9 silent sockets", Box::new(|| flood(&many, 100, v4, None, 100))),
        ("silent sockets of a /64", Box::new(|| flood(&one_network, 600, v6, None, 20))),
        ("handshakes of a /64", Box::new(|| flood(&one_network, 100, v6, Some(&nobody), 50))),
    ];
    let mut wrong = Vec::new();
    for (name, attack) in &attacks {
        served.longest.store(0, Relaxed);
        let _ = timeout(ALONE, attack()).await;
        wrong.extend(target.figures(name, &served));
    }
    served.longest.store(0, Relaxed);
    let _ = timeout(TOGETHER, join_all(attacks.iter().map(|(_, attack)| attack()))).await;
    // Who began last has its time, too.
    let (start, begun) = (Instant::now(), served.times.load(Relaxed));
    while served.times.load(Relaxed) < begun + 4 && start.elapsed() < IN_TIME {
        sleep(Duration::from_millis(20)).await;
    }
    wrong.extend(target.figures("all at once", &served));
    let of_web1 = Scope(vec![Point { sensor: "web1".to_owned(), interface: None }]);
    for (facility, scope) in [(Facility::Traffic, of_web1), (Facility::Interfaces, Scope::default())] {
        let said = past(of_desk.clone(), facility, scope).await.map(|report| report.matched);
        wrong.extend((!matches!(said, Ok(1..))).then(|| format!("{facility:?} of the past: {said:?}")));
    }
    wrong.extend(target.figures("the past", &served));
    let (code, said, _) = output(target.folder.path(), &["verify"]);
    wrong.extend((code != 0).then_some(said));
    assert!(wrong.is_empty(), "{wrong:#?}");
}
