//! Floods of connections: whoever has no admitted key keeps nobody out who has one or who joins.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::future::Future;
use std::time::Duration;

use common::flood::{Flood, connect, loopback, open_files, tls};
use common::process::{output, start_at};
use common::{Collector, DEADLINE, config};
use futures_util::future::join_all;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt;
use traf_collector::{Config, Limits, create_token, revoke_sensor};
use traf_peer::{Backoff, Credentials, Role, join};
use traf_proto as wire;
use traf_proto::view_client::ViewClient;

/// Time in which honest peers get in, whatever goes on.
const IN_TIME: Duration = Duration::from_secs(5);

async fn viewers(collector: &Collector, number: u32) -> Vec<Credentials> {
    let token = create_token(&collector.config, Role::Viewer, Duration::from_secs(600), number).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..number {
        all.push(join(&collector.join_url(), &token, "desk", "test").await.expect("a good token").0);
    }
    all
}

type Fleet = tonic::Streaming<wire::FleetState>;

/// Opens the list of sensors.
async fn fleet(collector: &Collector, credentials: &Credentials) -> Result<Fleet, tonic::Status> {
    let mut stream = ViewClient::new(collector.channel(credentials)).fleet(wire::FleetQuery {}).await?.into_inner();
    stream.message().await?;
    Ok(stream)
}

/// Tries again, as programs do; returns the open streams of all, if they are open in time.
async fn all_get_in(collector: &Collector, peers: &[Credentials], time: Duration) -> Vec<Fleet> {
    let get_in = |peer| async move {
        let mut backoff = Backoff::up_to(Duration::from_secs(1));
        loop {
            match fleet(collector, peer).await {
                Ok(stream) => return stream,
                Err(_) => tokio::time::sleep(backoff.next(rand::random())).await,
            }
        }
    };
    tokio::time::timeout(time, join_all(peers.iter().map(get_in))).await.expect("kept out")
}

/// Does honest work beside a flood: attackers have machines of their own, too.
fn on_a_thread_of_its_own<T>(work: impl Future<Output = T> + Send) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::scope(|scope| {
        let done = scope.spawn(move || drop(runtime().block_on(work)));
        tokio::task::block_in_place(|| done.join()).expect("kept out");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_on_200_connections_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    // Fewer places than the flood has connections.
    let limits = Limits { connections: 128, ..Limits::default() };
    let collector = Collector::start_with(Config { limits, ..config(folder.path()) }).await;
    let thief = collector.join(Role::Viewer, "thief").await;
    let honest = viewers(&collector, 5).await;
    revoke_sensor(&collector.config, "thief").await.unwrap();
    let known = async {
        while fleet(&collector, &thief).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, known).await.expect("the revoked key is not refused");

    let pause = Duration::from_millis(100);
    let flood = Flood::start(&loopback(20), 10, collector.addresses.main, Some(&tls(Some(&thief))), Some(pause));
    flood.opened(200).await;
    let mut streams = all_get_in(&collector, &honest, IN_TIME).await;
    drop(flood);
    // A screen says how many that were.
    let told = tokio::time::timeout(DEADLINE, streams[0].message()).await.expect("it says nothing more").unwrap();
    let notes = told.expect("the stream ended").notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    let count = notes[0].split_once(" TLS handshakes that failed").map(|(words, _)| words.rsplit(' ').next().unwrap());
    assert!(count.and_then(|count| count.parse().ok()).is_some_and(|count: u32| count >= 200), "{notes:?}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_to_the_join_port_keep_nobody_from_joining() {
    open_files();
    let folder = tempfile::tempdir().unwrap();
    let (_running, _, port) = start_at(folder.path(), "127.0.0.1:0").await;
    let (code, token, _) = output(folder.path(), &["token", "create", "--role", "sensor"]);
    assert_eq!(code, 0);
    let (url, token) = (format!("https://{port}").parse().unwrap(), token.parse().unwrap());
    let flood = Flood::start(&loopback(20), 52, port, Some(&tls(None)), Some(Duration::from_secs(10)));
    flood.opened(1_024).await;
    let join = async {
        while join(&url, &token, "web1", "test").await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    on_a_thread_of_its_own(async { tokio::time::timeout(IN_TIME, join).await.expect("kept out") });
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_sockets_keep_no_admitted_peer_out() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let honest = viewers(&collector, 12).await;
    // 4,900 where the hard limit of open files allows them.
    let each = u16::try_from((open_files().saturating_sub(3000) / 100).min(49)).unwrap();
    assert!(each > 10, "the hard limit of open files is too low for a flood: 4,100 are needed (`ulimit -Hn`)");
    let flood = Flood::start(&loopback(100), each, collector.addresses.main, None, Some(Duration::from_secs(1)));
    flood.opened(usize::from(each) * 100).await;
    on_a_thread_of_its_own(all_get_in(&collector, &honest, IN_TIME));
    drop(flood);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_machines_join_and_stay_connected_from_one_address() {
    open_files();
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let peers = viewers(&collector, 200).await;
    // Two hundred handshakes at once are the work of seconds for both sides.
    let streams = all_get_in(&collector, &peers, DEADLINE).await;
    for mut stream in streams {
        let next = tokio::time::timeout(DEADLINE, stream.message()).await.expect("it says nothing more");
        assert!(next.unwrap().is_some());
    }
    collector.stop().await;
}

#[tokio::test]
async fn a_connection_of_a_revoked_peer_ends_though_it_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let [thief, honest] = [collector.join(Role::Sensor, "thief").await, collector.join(Role::Viewer, "desk").await];
    let connect = async |credentials| {
        let stream = connect([127, 0, 0, 1].into(), collector.addresses.main).await.unwrap();
        tls(Some(credentials)).connect(ServerName::try_from("collector").unwrap(), stream).await.unwrap()
    };
    let (mut idle, _other) = (connect(&thief).await, connect(&honest).await);
    revoke_sensor(&collector.config, "thief").await.unwrap();
    let ends = async {
        let mut octets = [0; 256];
        while matches!(idle.read(&mut octets).await, Ok(1..)) {}
    };
    tokio::time::timeout(Duration::from_secs(8), ends).await.expect("the connection stays");
    assert!(fleet(&collector, &honest).await.is_ok());
    collector.stop().await;
}

#[tokio::test]
async fn the_newest_connections_of_a_key_hold_and_its_oldest_ends() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let desk = collector.join(Role::Viewer, "desk").await;
    let mut oldest = fleet(&collector, &desk).await.unwrap();
    let mut newer = Vec::new();
    for _ in 0..16 {
        newer.push(fleet(&collector, &desk).await.unwrap());
    }
    let ends = async { while matches!(oldest.message().await, Ok(Some(_))) {} };
    tokio::time::timeout(DEADLINE, ends).await.expect("the oldest connection stays");
    for mut stream in newer {
        assert!(stream.message().await.unwrap().is_some());
    }
    collector.stop().await;
}
