//! Evidence of a running sensor: with the key of its collector, on real interfaces in a network of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Mutex;

use support::program::{Sensor, apart, ip, program};
use support::{Book, pair, until};
use traf_model::{Evidence, Flow, Summary};

/// Committed summaries from the `from`th on.
fn summaries(book: &Mutex<Book>, from: usize) -> Vec<Summary> {
    let committed = book.lock().unwrap().committed.clone();
    committed[from..].iter().map(|batch| traf_proto::decode(&batch.summary).unwrap()).collect()
}

/// Rows of one interface with this port of the destination.
fn rows(summaries: &[Summary], name: &str, port: u16) -> Vec<Flow> {
    let parts = summaries.iter().flat_map(|summary| &summary.interfaces).filter(|part| part.interface.name == name);
    parts.flat_map(|part| &part.flows).filter(|flow| flow.key.destination.port == port).copied().collect()
}

/// Two machines on one wire, one of them in a network namespace of its own.
fn wire() {
    ip(&["link", "add", "va", "type", "veth", "peer", "name", "vb"]);
    ip(&["address", "add", "10.77.0.1/24", "dev", "va"]);
    ip(&["link", "set", "va", "up"]);
    ip(&["link", "set", "vb", "up"]);
    ip(&["neighbour", "add", "10.77.0.2", "lladdr", "02:00:00:00:00:02", "dev", "va"]);
}

/// Datagrams of many flows, each of one to four.
fn send(port: u16, flows: usize) {
    for number in 0..flows {
        let socket = UdpSocket::bind(format!("10.77.0.1:{}", 20_000 + number)).unwrap();
        for _ in 0..1 + number % 4 {
            socket.send_to(b"a heartbeat that is always the same", ("10.77.0.2", port)).unwrap();
        }
    }
}

#[test]
#[ignore = "needs root"]
fn two_points_of_one_wire_have_equal_evidence_and_a_restarted_sensor_has_the_key_at_once() {
    apart(|| async {
        let (folder, book, collector) = pair(Book { digest_key: (vec![7; 48], 5), ..Book::default() }).await;
        wire();
        let sensor = Sensor::start(&mut program(), folder.path(), &["-i", "va", "-i", "vb", "-i", "lo"]);
        let kept = folder.path().join("digest.toml");
        until("the key is kept", 20, || kept.exists()).await;
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        // In the first slice interfaces may differ: the key came to some of them before their first frame.
        let with_key = || {
            let all = summaries(&book, 0).into_iter().filter(|summary| summary.generation == 5);
            all.map(|summary| summary.slice.from).collect::<std::collections::BTreeSet<_>>()
        };
        until("slices with the key", 20, || with_key().len() >= 2).await;
        let before = book.lock().unwrap().committed.len();

        send(7001, 1000);
        let listener = TcpListener::bind("127.0.0.1:7002").unwrap();
        let mut client = TcpStream::connect("127.0.0.1:7002").unwrap();
        client.write_all(&[1; 1000]).unwrap();
        listener.accept().unwrap().0.read_exact(&mut [0; 1000]).unwrap();
        let ports = |name| {
            let rows = rows(&summaries(&book, before), name, 7001);
            rows.iter().map(|row| row.key.source.port).collect::<std::collections::BTreeSet<_>>()
        };
        until("all flows", 30, || ports("va").len() == 1000 && ports("vb").len() == 1000).await;
        let all = summaries(&book, before);
        assert!(all.iter().all(|summary| summary.generation == 5));
        // The other end of a wire stamps a packet a little later: that may be another slice.
        let other = rows(&all, "vb", 7001);
        let known = rows(&all, "va", 7001).into_iter().filter(|row| {
            let twins = other.iter().filter(|twin| twin.key == row.key);
            !row.evidence.is_none() && twins.into_iter().any(|twin| twin.evidence == row.evidence)
        });
        assert!(known.count() >= 990);
        until("the connection", 20, || !rows(&summaries(&book, before), "lo", 7002).is_empty()).await;
        let tcp = rows(&summaries(&book, before), "lo", 7002)[0];
        assert!(tcp.evidence.halves().iter().all(|top| *top != 0), "{tcp:?}");
        sensor.end();

        // Without a collector it digests with the key that was kept, from its first slice on.
        collector.stop.cancel();
        let sensor = Sensor::start(&mut program(), folder.path(), &["-i", "va", "-i", "vb", "-i", "lo"]);
        // Other files of the spool are there before anything is captured.
        let records = || traf_sensor::spool::record_ranges(&folder.path().join("spool")).unwrap().len();
        let empty = records();
        until("its first record", 20, || records() > empty).await;
        send(7003, 100);
        until("records", 20, || records() >= empty + 4).await;
        sensor.end();
        let found = traf_sensor::spool::record_ranges(&folder.path().join("spool")).unwrap();
        let waiting: Vec<Summary> = found
            .iter()
            .map(|(from, to)| {
                let file = std::fs::read(folder.path().join("spool").join(traf_sensor::spool::record_name(*from, *to)));
                let file = file.unwrap();
                traf_proto::decode(traf_sensor::spool::RecordHeader::decode(&file).unwrap().1).unwrap()
            })
            .collect();
        let rows = rows(&waiting, "va", 7003);
        assert_eq!(rows.len(), 100);
        assert!(rows.iter().all(|row| row.evidence != Evidence::NONE));
        assert!(waiting.iter().filter(|summary| !summary.interfaces.is_empty()).all(|summary| summary.generation == 5));
        let secret = "07".repeat(24);
        let told = Command::new("grep").args(["-r", "-l", &secret]).arg(folder.path()).output().unwrap().stdout;
        assert_eq!(String::from_utf8(told).unwrap().trim(), kept.to_str().unwrap());
    });
}
