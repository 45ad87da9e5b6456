//! The program itself, on real interfaces. Needs the right to capture; where there is none it says so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::net::UdpSocket;
use std::process::Stdio;
use std::sync::Mutex;

use support::program::{Namespace, Sensor, program};
use support::{Authority, Book, pair, until};
use traf_model::{Flow, Item, LossReason, Order, Snapshot, Summary, Wish};
use traf_proto as wire;
use traf_sensor::spool::Spool;
use traf_sensor::spool::SpoolLimits;

fn flows(book: &Mutex<Book>) -> Vec<Flow> {
    let batches = book.lock().unwrap().committed.clone();
    let summaries = batches.iter().map(|batch| traf_proto::decode(&batch.summary).unwrap());
    summaries.flat_map(|summary| summary.interfaces).flat_map(|part| part.flows).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root"]
async fn datagrams_on_the_loopback_are_in_the_live_view_and_once_in_the_history_and_our_own_stream_is_labelled() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = receiver.local_addr().unwrap().port();
    let wish = Wish {
        id: 7,
        group: traf_model::Group::Flow,
        facility: traf_model::Facility::Traffic,
        filter: format!("udp and port {port}").parse().unwrap(),
        order: Order::default(),
        also: Vec::new(),
        limit: 10,
        slice: false,
    };
    // A newer collector may wish for what this sensor does not know.
    let newer = wire::Wish { id: 8, facility: 250, ..(&wish).into() };
    let wishes = Some(wire::Wishes { wishes: vec![newer, (&wish).into()], settings: None });
    let (folder, book, collector) = pair(Book { wishes, ..Book::default() }).await;
    let sensor = Sensor::start(&mut program(), folder.path(), &["--interface", "lo"]);
    until("the live view is there", 20, || book.lock().unwrap().snapshots.len() >= 2).await;

    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..100 {
        sender.send_to(&[0; 72], ("127.0.0.1", port)).unwrap();
    }
    let answered = |snapshot: &wire::Snapshot| {
        let snapshot = Snapshot::try_from(snapshot.clone()).unwrap();
        let rows = snapshot.interfaces.iter().flat_map(|lo| &lo.answers).flat_map(|answer| &answer.rows);
        rows.filter(|row| matches!(&row.item, Item::Flow(flow) if flow.traffic.total().packets == 100)).count() == 1
    };
    until("the wish is answered exactly", 10, || book.lock().unwrap().snapshots.last().is_some_and(answered)).await;
    let ours = |flow: &&Flow| flow.own && flow.key.destination.port == collector.address.port();
    until("our own stream is labelled", 20, || flows(&book).iter().any(|flow| ours(&flow))).await;
    sensor.end();

    let flows = flows(&book);
    let datagrams = flows.iter().filter(|flow| flow.key.destination.port == port && flow.key.protocol == 17);
    let total = datagrams.map(|flow| flow.traffic.total()).fold((0, 0), |a, b| (a.0 + b.packets, a.1 + b.octets));
    assert_eq!(total, (100, 100 * (20 + 8 + 72)));
    let batches = book.lock().unwrap().committed.clone();
    for batch in &batches {
        for lo in traf_proto::decode(&batch.summary).unwrap().interfaces {
            assert_eq!(lo.ledger.residue(), 0);
            assert_eq!(
                lo.ledger.received,
                lo.ledger.dropped + lo.classes().rows().map(|row| row.1.total().packets).sum::<u64>()
            );
        }
    }
    assert_eq!(
        batches.iter().map(|batch| batch.from_seq).collect::<Vec<_>>(),
        (1..=batches.len() as u64).collect::<Vec<_>>()
    );
}

#[tokio::test]
#[ignore = "needs root"]
async fn an_interface_that_vanishes_is_a_gap_and_is_attached_again_within_two_seconds() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    // Nobody listens there: everything stays in the spool.
    support::save(&authority.credentials(([127, 0, 0, 1], 9).into()), folder.path());
    let spool = folder.path().join("spool");
    let space = Namespace::new();
    let quiet = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
    assert!(space.exec("sh").args(["-c", quiet]).status().unwrap().success());
    let plug = || {
        space.ip(&["link", "add", "va", "type", "veth", "peer", "name", "vb"]);
        space.ip(&["address", "add", "10.77.0.1/24", "dev", "va"]);
        space.ip(&["link", "set", "va", "up"]);
        space.ip(&["link", "set", "vb", "up"]);
    };
    // Unanswered questions for 10.77.0.2: frames that nobody else sends.
    let talk = || {
        let mut ping = space.exec("ping");
        let _ = ping.args(["-c", "3", "-i", "0.2", "-W", "1", "10.77.0.2"]).stdout(Stdio::null()).status().unwrap();
    };
    let seen = |names: &[&str]| -> bool {
        let ranges = traf_sensor::spool::record_ranges(&spool).unwrap_or_default();
        let newest = ranges.last().and_then(|(from, to)| {
            let file = std::fs::read(spool.join(traf_sensor::spool::record_name(*from, *to))).ok()?;
            traf_proto::decode(traf_sensor::spool::RecordHeader::decode(&file).ok()?.1).ok()
        });
        let newest: Vec<String> =
            newest.map(|one| one.interfaces.into_iter().map(|part| part.interface.name).collect()).unwrap_or_default();
        names.iter().all(|name| newest.iter().any(|seen| seen == name))
    };

    let mut command = space.exec(env!("CARGO_BIN_EXE_traf-sensor"));
    let sensor = Sensor::start(&mut command, folder.path(), &[]);
    until("the sensor runs", 20, || traf_sensor::spool::SpoolFolder::is_locked(&spool)).await;
    plug();
    until("hot-plugged interfaces are captured", 10, || seen(&["va", "vb"])).await;
    talk();
    space.ip(&["link", "del", "va"]);
    until("they are gone", 10, || !traf_sensor::spool::record_ranges(&spool).unwrap().is_empty() && !seen(&["va"]))
        .await;
    plug();
    until("they are captured again", 10, || seen(&["va", "vb"])).await;
    talk();
    sensor.end();

    let (mut spool, last) = Spool::open(&spool, SpoolLimits::default(), String::new()).unwrap();
    assert!(last.unwrap().ended);
    let summaries: Vec<Summary> =
        std::iter::from_fn(|| spool.next()).map(|record| traf_proto::decode(&record.summary).unwrap()).collect();
    let gaps =
        summaries.iter().flat_map(|summary| &summary.losses).filter(|loss| loss.interface.as_deref() == Some("va"));
    let gaps: Vec<_> = gaps.collect();
    assert!(gaps.iter().all(|gap| gap.reason == LossReason::Vanished) && gaps.len() == 2, "{gaps:?}");
    // What each device counted itself is what was captured on it.
    let parts: Vec<_> = summaries.iter().flat_map(|summary| &summary.interfaces).collect();
    for name in ["va", "vb"] {
        let all = || parts.iter().filter(|part| part.interface.name == name);
        let mut devices: Vec<u32> = all().map(|part| part.interface.index).collect();
        devices.dedup();
        assert_eq!(devices.len(), 2, "{name}");
        let second = || all().filter(|part| part.interface.index == devices[1]);
        let captured: u64 = second().map(|part| part.ledger.received).sum();
        let nic = second().next_back().unwrap().ledger.nic.unwrap();
        assert_eq!(captured, nic.rx_packets + nic.tx_packets, "{name}");
        assert!(captured > 0, "{name}");
        assert!(second().all(|part| part.interface.mtu == Some(1500)), "{name}");
    }
}
