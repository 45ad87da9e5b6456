//! Settings from a console on a running sensor, on real interfaces in a network of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::net::UdpSocket;
use std::process::Command;
use std::sync::Mutex;

use support::program::{Sensor, apart, ip, program};
use support::{Book, pair, until};
use traf_model::settings::{CAPTURE, IDLE, LOG, PORTS, PROMISCUOUS, Value};
use traf_model::{PortRange, Settings, SettingsState, Snapshot};
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

fn settings(revision: u64, texts: &[(&str, &str)]) -> Settings {
    Settings::read(revision, texts.iter().copied()).unwrap()
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
        assert_eq!((state.settings.revision, state.settings.on(&PROMISCUOUS)), (0, false));
        assert_eq!((state.settings.time(&IDLE).as_secs(), state.settings.on(&LOG)), (900, false));
        assert_eq!(promiscuity("va"), 0);

        // Promiscuous: only as long as it is wanted, and nobody else's wish is touched.
        want(&book, &settings(1, &[("promiscuous", "on")]));
        assert_eq!(answer(&book, 1).await.refused, "");
        assert_eq!(promiscuity("va"), 1);
        ip(&["link", "set", "va", "promisc", "on"]);
        assert_eq!(promiscuity("va"), 2);
        want(&book, &settings(2, &[]));
        assert_eq!(
            answer(&book, 2).await.settings.get(&PROMISCUOUS),
            Some(&Value::Switch(false)),
            "what is not named is as the flags say"
        );
        assert_eq!(promiscuity("va"), 1);

        // A capture filter.
        let before = received(&book, "va").unwrap();
        send(0, 10, 7);
        until("all frames count", 5, || received(&book, "va") == Some(before + 7)).await;
        let changes = [("promiscuous", "on"), ("capture", "udp port 9"), ("ports", "8080-8090"), ("idle", "1m")];
        let filter = settings(3, &changes);
        want(&book, &filter);
        let state = answer(&book, 3).await;
        assert_eq!((state.refused.as_str(), state.settings.text(&CAPTURE)), ("", "udp port 9"));
        let ports = [PortRange { from: 8080, to: 8090 }];
        assert_eq!((state.settings.ports(&PORTS), state.settings.time(&IDLE).as_secs()), (&ports[..], 60));
        send(0, 10, 7);
        send(0, 9, 5);
        until("only what the filter lets through counts", 5, || received(&book, "va") == Some(before + 12)).await;
        let ledger =
            latest(&book).unwrap().interfaces.into_iter().find(|one| one.interface.name == "va").unwrap().ledger;
        assert_eq!((ledger.residue(), ledger.kernel_received), (0, Some(before + 12)));

        // One that does not compile.
        want(&book, &settings(4, &[("capture", "udp prot 9")]));
        let state = answer(&book, 4).await;
        assert!(state.refused.contains("the capture filter on") && state.refused.contains("syntax error"), "{state:?}");
        assert_eq!((state.settings.text(&CAPTURE), state.settings.on(&PROMISCUOUS)), ("udp port 9", true));
        send(0, 10, 7);
        send(0, 9, 5);
        until("the former filter goes on", 5, || received(&book, "va") == Some(before + 17)).await;

        // One that a newer collector knows: it is left out and reported, and the others hold.
        want(&book, &settings(5, &[&changes[..], &[("colour", "red")]].concat()));
        let state = answer(&book, 5).await;
        assert_eq!((state.refused.as_str(), state.settings.unknown().count()), ("", 0));
        assert!(
            state.trouble.contains("no setting `colour`") && state.settings.text(&CAPTURE) == "udp port 9",
            "{state:?}"
        );

        // One that is not understood: a range that ends before it begins.
        let values = vec![wire::Setting { name: "ports".to_owned(), value: "9-8".to_owned() }];
        let unclear = wire::Settings { revision: 6, values };
        book.lock().unwrap().wishes = Some(wire::Wishes { wishes: vec![], settings: Some(unclear) });
        let state = answer(&book, 6).await;
        assert!(
            state.refused.contains("does not understand it") && state.settings.time(&IDLE).as_secs() == 60,
            "{state:?}"
        );

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
        assert!(text.contains("revision = 5\n") && text.contains("capture = \"udp port 9\"\n"), "{text}");
        book.lock().unwrap().wishes = None;
        let sensor = Sensor::start(&mut program(), folder.path(), &["--no-promiscuous"]);
        let state = answer(&book, 5).await;
        assert_eq!((state.settings, state.refused), (filter.or(&Settings::defaults()).at(5), String::new()));
        send(0, 10, 7);
        send(0, 9, 5);
        until("the filter acts from the start", 5, || received(&book, "va") == Some(5)).await;
        assert_eq!(promiscuity("va"), 2);
        sensor.end();
    });
}
