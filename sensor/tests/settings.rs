//! Settings from a console on a running sensor, on real interfaces in a network of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::net::UdpSocket;
use std::process::Command;
use std::sync::Mutex;

use support::program::{Sensor, apart, ip, program};
use support::{Book, pair, until};
use traf_model::{Settings, SettingsState, Snapshot};
use traf_proto as wire;

/// Number of sockets that made the interface promiscuous, by the kernel's count.
fn promiscuity(name: &str) -> u64 {
    let shown = Command::new("ip").args(["-d", "link", "show", name]).output().unwrap().stdout;
    let shown = String::from_utf8(shown).unwrap();
    let number = shown.split("promiscuity ").nth(1).and_then(|rest| rest.split_whitespace().next());
    number.unwrap_or_else(|| panic!("{shown}")).parse().unwrap()
}

fn latest(book: &Mutex<Book>) -> Option<Snapshot> {
    let snapshot = book.lock().unwrap().snapshots.last().cloned()?;
    Some(Snapshot::try_from(snapshot).unwrap())
}

fn received(book: &Mutex<Book>, name: &str) -> Option<u64> {
    let snapshot = latest(book)?;
    let interface = snapshot.interfaces.into_iter().find(|one| one.interface.name == name)?;
    Some(interface.ledger.received)
}

fn want(book: &Mutex<Book>, settings: &Settings) {
    book.lock().unwrap().wishes = Some(wire::Wishes { wishes: vec![], settings: Some(settings.into()) });
}

/// The state that answers to a revision.
async fn answer(book: &Mutex<Book>, revision: u64) -> SettingsState {
    let state = || latest(book).map(|snapshot| snapshot.settings).filter(|state| state.settings.revision == revision);
    until("the sensor answers", 20, || state().is_some()).await;
    state().unwrap()
}

fn plug(a: &str, b: &str, network: u8) {
    ip(&["link", "add", a, "type", "veth", "peer", "name", b]);
    ip(&["address", "add", &format!("10.77.{network}.1/24"), "dev", a]);
    ip(&["link", "set", a, "up"]);
    ip(&["link", "set", b, "up"]);
    // Nobody is asked for the other end's address: the only frames are those that the test sends.
    let other = format!("10.77.{network}.2");
    ip(&["neighbour", "add", &other, "lladdr", "02:00:00:00:00:02", "dev", a]);
}

fn send(network: u8, port: u16, count: usize) {
    let socket = UdpSocket::bind(format!("10.77.{network}.1:0")).unwrap();
    for _ in 0..count {
        socket.send_to(b"hello", (format!("10.77.{network}.2"), port)).unwrap();
    }
}

#[test]
#[ignore = "needs root"]
fn a_console_changes_what_a_running_sensor_does_and_a_change_that_cannot_be_leaves_the_former_running() {
    apart(|| async {
        let (folder, book, _collector) = pair(Book::default()).await;
        plug("va", "vb", 0);
        let sensor = Sensor::start(&mut program(), folder.path(), &["--no-promiscuous"]);
        until("the sensor reports", 20, || received(&book, "va").is_some()).await;
        let state = latest(&book).unwrap().settings;
        assert_eq!((state.settings.revision, state.settings.promiscuous), (0, Some(false)));
        assert_eq!((state.settings.idle, state.settings.log), (Some(900), Some(false)));
        assert_eq!(promiscuity("va"), 0);

        // Promiscuous: only as long as it is wanted, and nobody else's wish is touched.
        want(&book, &Settings { revision: 1, promiscuous: Some(true), ..Settings::default() });
        assert_eq!(answer(&book, 1).await.refused, "");
        assert_eq!(promiscuity("va"), 1);
        ip(&["link", "set", "va", "promisc", "on"]);
        assert_eq!(promiscuity("va"), 2);
        want(&book, &Settings { revision: 2, ..Settings::default() });
        assert_eq!(answer(&book, 2).await.settings.promiscuous, Some(false), "what is not named is as the flags say");
        assert_eq!(promiscuity("va"), 1);

        // A capture filter.
        let before = received(&book, "va").unwrap();
        send(0, 10, 7);
        until("all frames count", 5, || received(&book, "va") == Some(before + 7)).await;
        let filter = Settings {
            revision: 3,
            promiscuous: Some(true),
            capture: Some("udp port 9".to_owned()),
            ports: Some(vec![(8080, 8090)]),
            idle: Some(60),
            ..Settings::default()
        };
        want(&book, &filter);
        let state = answer(&book, 3).await;
        assert_eq!((state.refused.as_str(), state.settings.capture.as_deref()), ("", Some("udp port 9")));
        assert_eq!((state.settings.ports, state.settings.idle), (Some(vec![(8080, 8090)]), Some(60)));
        send(0, 10, 7);
        send(0, 9, 5);
        until("only what the filter lets through counts", 5, || received(&book, "va") == Some(before + 12)).await;
        let ledger =
            latest(&book).unwrap().interfaces.into_iter().find(|one| one.interface.name == "va").unwrap().ledger;
        assert_eq!((ledger.residue(), ledger.kernel_received), (0, Some(before + 12)));

        // One that does not compile.
        want(&book, &Settings { revision: 4, capture: Some("udp prot 9".to_owned()), ..Settings::default() });
        let state = answer(&book, 4).await;
        assert!(state.refused.contains("the capture filter on") && state.refused.contains("syntax error"), "{state:?}");
        assert_eq!((state.settings.capture.as_deref(), state.settings.promiscuous), (Some("udp port 9"), Some(true)));
        send(0, 10, 7);
        send(0, 9, 5);
        until("the former filter goes on", 5, || received(&book, "va") == Some(before + 17)).await;

        // One that is not understood: a range that ends before it begins.
        let ranges = vec![wire::PortRange { from: 9, to: 8 }];
        let unclear = wire::Settings { revision: 5, ports: Some(wire::Ports { ranges }), ..wire::Settings::default() };
        book.lock().unwrap().wishes = Some(wire::Wishes { wishes: vec![], settings: Some(unclear) });
        let state = answer(&book, 5).await;
        assert!(state.refused.contains("does not understand it") && state.settings.idle == Some(60), "{state:?}");

        // Without a text log nothing is opened anew, and nothing ends.
        sensor.signal(nix::sys::signal::Signal::SIGUSR1);

        // An interface that comes now.
        plug("vc", "vd", 1);
        until("it is captured", 10, || received(&book, "vc").is_some()).await;
        assert_eq!(promiscuity("vc"), 1);
        send(1, 10, 7);
        send(1, 9, 5);
        until("the filter holds there too", 5, || received(&book, "vc") == Some(5)).await;

        // The end gives the interfaces back; the next start remembers, though the collector says nothing.
        sensor.end();
        assert_eq!((promiscuity("va"), promiscuity("vc")), (1, 0));
        let text = std::fs::read_to_string(folder.path().join("settings.toml")).unwrap();
        assert!(text.contains("revision = 3\n") && text.contains("capture = \"udp port 9\"\n"), "{text}");
        book.lock().unwrap().wishes = None;
        let sensor = Sensor::start(&mut program(), folder.path(), &["--no-promiscuous"]);
        let state = answer(&book, 3).await;
        assert_eq!(
            (state.settings, state.refused),
            (Settings { log: Some(false), log_interval: Some(3600), ..filter }, String::new())
        );
        send(0, 10, 7);
        send(0, 9, 5);
        until("the filter acts from the start", 5, || received(&book, "va") == Some(5)).await;
        assert_eq!(promiscuity("va"), 2);
        sensor.end();
    });
}
