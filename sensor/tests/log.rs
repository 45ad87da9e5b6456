//! Text logs of a running sensor, in a network of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use support::program::{Sensor, apart, program};
use support::{Authority, Book, pair, until};
use traf_model::{Settings, Snapshot};
use traf_proto as wire;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Both ends of a connection on the loopback.
fn connect(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// A folder with credentials for a collector that nobody is.
fn alone(folder: &Path) {
    support::save(&Authority::new().credentials(([127, 0, 0, 1], 9).into()), folder);
}

/// The last number before `unit` in a log.
fn last_seconds(text: &str, before: &str, after: &str) -> i64 {
    let mut numbers = text.lines().filter_map(|line| line.strip_prefix(before)?.strip_suffix(after)?.parse().ok());
    numbers.next_back().unwrap_or_else(|| panic!("{text}"))
}

#[test]
#[ignore = "needs root"]
#[allow(clippy::disallowed_methods, reason = "the true running time is compared")]
fn a_run_leaves_iptrafs_logs_and_usr1_opens_them_anew() {
    apart(|| async {
        let folder = tempfile::tempdir().unwrap();
        alone(folder.path());
        let log = folder.path().join("log");
        let started = std::time::Instant::now();
        let sensor = Sensor::start(&mut program(), folder.path(), &["--interface", "lo", "--text-log"]);
        let events = || read(&log.join("ip_traffic.log"));
        until("the log is there", 20, || {
            let detailed = read(&log.join("iface_stats_detailed-lo.log"));
            detailed.contains("******** Detailed interface statistics started ********")
        })
        .await;
        assert_eq!(read(&folder.path().join("sensor.pid")).trim(), sensor.pid().to_string());
        assert_eq!(read(&log.join("lock")).trim(), sensor.pid().to_string());

        // A connection of 3000 octets, a datagram, and a connection that stays open.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let (mut client, mut peer) = connect(&listener);
        let ours = client.local_addr().unwrap();
        client.write_all(&[7; 3000]).unwrap();
        drop(client);
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        drop(peer);
        let (receiver, sender) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        sender.send_to(b"hello", receiver.local_addr().unwrap()).unwrap();
        let (open, _peer) = connect(&listener);
        let still = open.local_addr().unwrap();
        let (from, to) = (sender.local_addr().unwrap(), receiver.local_addr().unwrap());
        let lines = [
            format!("TCP; lo; 60 bytes; from {ours} to {server}; first packet (SYN)\n"),
            format!("TCP; lo; 60 bytes; from {server} to {ours}; first packet (SYN)\n"),
            format!("from {ours} to {server}; FIN sent; "),
            format!("from {server} to {ours}; FIN sent; "),
            format!("TCP; lo; 52 bytes; from {ours} to {server}; FIN acknowleged\n"),
            format!("UDP; lo; 33 bytes; from {from} to {to}\n"),
            format!("TCP; lo; 60 bytes; from {still} to {server}; first packet (SYN)\n"),
        ];
        until("all of it is in the log", 10, || lines.iter().all(|line| events().contains(line))).await;

        // As logrotate does.
        let old = log.join("ip_traffic.log.1");
        std::fs::rename(log.join("ip_traffic.log"), &old).unwrap();
        sensor.signal(Signal::SIGUSR1);
        until("it is opened anew", 10, || events().contains("***** Logfile reopened *****\n")).await;
        let before = read(&old);
        let (_, after) = before.split_once("***** USR1 signal received, preparing to reopen log file *****\n").unwrap();
        for line in [
            format!("TCP; lo; active; from {still} to {server}; "),
            format!("TCP; lo; active; from {server} to {still}; "),
        ] {
            assert!(after.contains(&line), "{line}\n{before}");
        }
        assert!(!after.contains(&ours.to_string()), "what has ended is not open: {after}");
        let sizes = log.join("packet_size-lo.log");
        until("the others are opened anew, too", 10, || read(&sizes).contains("***** Logfile reopened *****\n")).await;

        let second = tempfile::tempdir().unwrap();
        alone(second.path());
        let mut other = program();
        other.args(["--data", second.path().to_str().unwrap(), "run", "--interface", "lo", "--log-folder"]).arg(&log);
        let other = other.stderr(Stdio::piped()).output().unwrap();
        let words = String::from_utf8_lossy(&other.stderr).into_owned();
        assert!(
            !other.status.success() && words.contains(&format!("are written by process {}", sensor.pid())),
            "{words}"
        );

        std::thread::sleep(std::time::Duration::from_secs(2));
        sensor.end();
        let ran = started.elapsed().as_secs() as i64;
        assert!(events().ends_with("; ******** IP traffic monitor stopped ********\n"), "{}", events());
        let general = read(&log.join("iface_stats_general.log"));
        assert!(
            general.contains("\nlo: ") && general.contains(" IPv6, 0 non-IP, 0 IP checksum errors, average"),
            "{general}"
        );
        assert!(general.ends_with("; ******** General interface statistics stopped ********\n"), "{general}");
        let seconds = last_seconds(&general, "", " seconds running time");
        assert!((ran - 3..=ran).contains(&seconds) && seconds >= 2, "{seconds} of {ran}: {general}");
        for (name, part) in [
            ("iface_stats_detailed-lo.log", "\nIPv6: 0 packets, 0 bytes\n"),
            ("tcp_udp_services-lo.log", &format!("\nTCP/{}: ", server.port())),
            ("packet_size-lo.log", "\nLargest packet:\t\t"),
            ("lan_statistics-lo.log", "*** LAN traffic log, generated "),
        ] {
            let text = read(&log.join(name));
            assert!(text.contains(part), "{name}: {text}");
            assert_eq!(last_seconds(&text, "Running time: ", " seconds"), seconds, "{name}");
            assert!(text.lines().last().unwrap().ends_with("stopped ********"), "{name}: {text}");
        }
        assert!(!folder.path().join("sensor.pid").exists());
    });
}

#[test]
#[ignore = "needs root"]
fn a_console_turns_the_log_on_and_off_and_dumps_come_at_its_interval() {
    apart(|| async {
        let (folder, book, _collector) = pair(Book::default()).await;
        let want = |revision, texts: &[(&str, &str)]| {
            let settings = Settings::read(revision, texts.iter().copied()).unwrap();
            book.lock().unwrap().wishes = Some(wire::Wishes { wishes: vec![], settings: Some((&settings).into()) });
        };
        let general = || read(&folder.path().join("log/iface_stats_general.log"));
        want(1, &[("log", "on"), ("log_interval", "1s")]);
        let sensor = Sensor::start(&mut program(), folder.path(), &["--interface", "lo"]);
        let dumps = || general().matches("*** General interface statistics log generated ").count();
        until("three dumps came", 30, || dumps() >= 3).await;
        want(2, &[("log", "off")]);
        until("it ends", 10, || general().ends_with("; ******** General interface statistics stopped ********\n"))
            .await;
        assert!(read(&folder.path().join("log/tcp_udp_services-lo.log")).ends_with("stopped ********\n"));
        assert!(general().contains("\nlo: "), "{}", general());
        sensor.end();
    });
}

#[test]
#[ignore = "needs root"]
fn a_log_on_a_full_disk_disturbs_nothing_but_the_log() {
    apart(|| async {
        let (folder, book, _collector) = pair(Book::default()).await;
        let log = folder.path().join("log");
        std::fs::create_dir(&log).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "log"]).arg(&log).status().unwrap();
        assert!(mounted.success());
        let sensor = Sensor::start(&mut program(), folder.path(), &["--interface", "lo", "--text-log"]);
        let latest = || {
            let snapshot = book.lock().unwrap().snapshots.last().cloned()?;
            Snapshot::try_from(snapshot).ok()
        };
        until("the sensor reports", 20, || latest().is_some()).await;
        let (receiver, sender) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let send = |count| {
            for number in 0..count {
                sender.send_to(b"hello", receiver.local_addr().unwrap()).unwrap();
                // Slowly enough for a debug build on a busy machine to lose none.
                if number % 64 == 0 {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
        };
        send(2_000);
        let trouble = || latest().map(|snapshot| snapshot.settings.trouble).unwrap_or_default();
        until("the full disk is told", 20, || trouble().contains("No space left on device")).await;
        assert!(trouble().contains("lines lost"), "{}", trouble());
        let udp = || {
            let lo = latest()?.interfaces.into_iter().next()?;
            let total = lo.classes.group(traf_model::ClassGroup::Udp).total().packets;
            Some((total, lo.ledger.dropped, lo.ledger.residue()))
        };
        let before = udp().unwrap();
        send(1_000);
        until("capture goes on", 20, || udp() == Some((before.0 + 1_000, 0, 0))).await;
        until("so does the history", 20, || !book.lock().unwrap().committed.is_empty()).await;

        // Room again: what is missing is said where it is missing.
        let mut freed = std::fs::read_dir(&log).unwrap().flatten().filter(|entry| entry.file_name() != "lock");
        let largest = freed.by_ref().max_by_key(|entry| entry.metadata().unwrap().len()).unwrap().path();
        assert!(largest.ends_with("ip_traffic.log"), "{largest:?}");
        std::fs::OpenOptions::new().write(true).open(&largest).unwrap().set_len(0).unwrap();
        send(10);
        until("the loss is in the log", 20, || {
            read(&largest).contains("lines could not be written and are lost *****")
        })
        .await;
        until("and the trouble is over", 20, || trouble().ends_with("lines were lost")).await;
        sensor.end();
    });
}

#[test]
#[ignore = "needs root and logrotate"]
fn the_rotation_recipe_of_the_documentation_rotates_and_loses_no_line() {
    apart(|| async {
        let folder = tempfile::tempdir().unwrap();
        alone(folder.path());
        let document = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/logs.md"));
        let recipe = document.split("```\n").find(|block| block.contains("postrotate")).unwrap();
        let recipe = recipe.replace("/var/lib/traf/sensor", folder.path().to_str().unwrap());
        let file = folder.path().join("logrotate.conf");
        std::fs::write(&file, recipe).unwrap();
        let sensor = Sensor::start(&mut program(), folder.path(), &["--interface", "lo", "--text-log"]);
        let (receiver, sender) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let (now, old) = (folder.path().join("log/ip_traffic.log"), folder.path().join("log/ip_traffic.log.1"));
        let datagrams = |path: &Path| read(path).matches("UDP; lo; 33 bytes; ").count();
        let send = || assert_eq!(sender.send_to(b"hello", receiver.local_addr().unwrap()).unwrap(), 5);
        until("the log is there", 20, || read(&folder.path().join("log/packet_size-lo.log")).contains("started")).await;
        send();
        until("the first is in it", 10, || datagrams(&now) == 1).await;
        let state = folder.path().join("logrotate.state");
        let rotated = Command::new("logrotate").arg("-f").arg("-s").args([&state, &file]).status().unwrap();
        assert!(rotated.success());
        until("it is rotated", 10, || read(&now).contains("***** Logfile reopened *****")).await;
        send();
        until("the second is in the new one", 10, || datagrams(&now) == 1).await;
        assert_eq!(datagrams(&old), 1);
        sensor.end();
    });
}
