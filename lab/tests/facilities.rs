//! Each facility's numbers are those of independent programs: the kernel's counters, and what tshark reads in a capture
//! beside the sensor. Live and past say the same of the same window.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod expected;

use std::ops::Range;

use expected::{COUNTED, Expected, ObservationPoint, Table};
use serde_json::Value;
use traf_lab::reference::{Frame, ReferenceCounts};
use traf_lab::wait::{Deadline, Probe, eventually};
use traf_lab::{Lan, Machine, MonitoredLan, ReferenceCapture, counters};
use traf_model::Traffic;

/// The MTU of the lab's interfaces.
const MTU: u64 = 1500;
/// Seconds of a slice, which begins where they divide the time.
const SLICE: i64 = 4;
const SECOND: i64 = 1_000_000_000;
/// Conversations of both families with ben, some that ben begins: offloaded bulk, datagrams, fragments, pings.
fn conversations(lan: &Lan) {
    let [anna, ben, carl] = &lan.machines[..] else { panic!("three machines") };
    let (_bens, v4, v6) = lan.serve(1, 80).unwrap();
    // A higher port than any that a client gets: only who began tells that it is the service.
    let (_annas, annas_v4, annas_v6) = lan.serve(0, 65000).unwrap();
    anna.traffic(&["tcp", &v4, "--octets", "12000000", "--reply", "1000000"]).unwrap();
    ben.traffic(&["tcp", &annas_v4, "--octets", "6000000", "--reply", "300000"]).unwrap();
    carl.traffic(&["tcp", &v6, "--octets", "500000", "--reply", "500000"]).unwrap();
    for (machine, to) in [(anna, &v6), (carl, &v4), (ben, &annas_v6)] {
        machine.traffic(&["udp", to, "--datagrams", "150", "--size", "700"]).unwrap();
        machine.traffic(&["udp", to, "--datagrams", "20", "--size", "4000"]).unwrap();
    }
    for address in [lan.interfaces[1].ipv4.to_string(), lan.interfaces[1].ipv6.to_string()] {
        anna.run("ping", &["-c", "5", "-i", "0.2", "-s", "300", &address]).unwrap();
    }
}

/// Refused connections, broadcast, multicast, ARP, other protocols, VLANs, padding, 3,000 flows.
fn everything_else(lan: &Lan) {
    let [anna, ben, carl] = &lan.machines[..] else { panic!("three machines") };
    let plug = &lan.interfaces[1];
    let frames = ["frames", "--to", &plug.mac, "--count"];
    // On the edge of a bracket, beyond it with the tag.
    for words in [
        &["500", "--vlan", "7", "--size", "318"][..],
        &["500", "--vlan", "9", "--ipv6", "--syn", "--size", "1400"],
        &["3000", "--flows", "3000", "--rate", "20000", "--size", "120"],
    ] {
        carl.traffic(&[&frames[..], words].concat()).unwrap();
    }
    // From ben: a bridge may take padding away.
    let padded = ["--count", "500", "--size", "60", "--padding", "18", "--first", "4000"];
    ben.traffic(&[&["frames", "--to", &lan.interfaces[0].mac], &padded[..]].concat()).unwrap();
    let closed = format!("{}:9", plug.ipv4);
    assert!(
        anna.traffic(&["tcp", &closed]).is_err() && anna.traffic(&["udp", &closed]).is_err(),
        "nobody listens there"
    );
    // Nobody need answer these.
    for words in [&["-b", "10.77.1.255"][..], &["-I", "eth0", "224.0.0.1"], &["ff02::1%eth0"]] {
        carl.run("ping", &[&["-c", "3", "-i", "0.2", "-W", "1"], words].concat()).unwrap_or_default();
    }
    // Who joins a group says so, in IGMP.
    carl.run("ip", &["addr", "add", "239.77.1.1/32", "dev", "eth0", "autojoin"]).unwrap();
    // Marked packets of both families: expedited and assured forwarding, and a code point without a name.
    for (machine, tos, to) in [
        (anna, "184", plug.ipv4.to_string()),
        (ben, "40", lan.interfaces[0].ipv6.to_string()),
        (carl, "28", plug.ipv4.to_string()),
    ] {
        machine.run("ping", &["-c", "4", "-i", "0.2", "-Q", tos, &to]).unwrap();
    }
    // ARP has to ask again.
    anna.run("ip", &["neigh", "flush", "dev", "eth0"]).unwrap();
    anna.run("ping", &["-c", "2", "-i", "0.2", &plug.ipv4.to_string()]).unwrap();
}

/// Start of the present slice, in seconds since 1970.
fn slice(machine: &Machine) -> i64 {
    let now: i64 = machine.run("date", &["+%s"]).unwrap().trim().parse().unwrap();
    now - now % SLICE
}

/// Waits for the next slice to begin; its first second.
fn next_slice(machine: &Machine) -> i64 {
    let running = slice(machine);
    let look = || Ok(Probe::some(Some(slice(machine)).filter(|now| *now > running), || running.to_string()));
    eventually("the next slice", Deadline::seconds(30), look).unwrap()
}

/// The words for a window of the past, in seconds.
fn words_of(machine: &Machine, window: &Range<i64>) -> [String; 4] {
    let text = |at: i64| machine.run("date", &["-u", "-d", &format!("@{at}"), "+%FT%TZ"]).unwrap().trim().to_owned();
    ["--from".into(), text(window.start), "--to".into(), text(window.end)]
}

/// Tables of `traf` for ben's interface in all facilities, live or in a window.
fn shown(lan: &MonitoredLan, window: &[String]) -> Expected {
    let mut shown = Expected::default();
    for (facility, key, _) in COUNTED {
        let mut words = vec![facility, "--sensor", "ben", "--interface", "eth0", "--limit", "1000"];
        words.extend(window.iter().map(String::as_str));
        let report = lan.console.table(&words).unwrap();
        assert_eq!(report["live"], window.is_empty(), "{report:#}");
        assert_eq!((&report["dropped"], &report["gaps"]), (&Value::from(0), &Value::Array(Vec::new())), "{report:#}");
        let rows = report["rows"].as_array().unwrap();
        assert_eq!(report["matched"], rows.len(), "every row is there: {report:#}");
        assert!(rows.iter().all(|row| row["other"] != true), "every row has a key: {report:#}");
        let table = match (facility, &rows[..]) {
            ("interfaces", [row]) => {
                let ledger = &row["ledger"];
                assert_eq!(ledger["received"], ledger["parsed"], "{row:#}");
                assert_eq!(row["drops"], 0, "{row:#}");
                table(row["classes"].as_array().unwrap(), |class| text(&class["class"]))
            }
            ("interfaces", rows) => panic!("{} rows of {facility}", rows.len()),
            (_, rows) => table(rows, |row| expected::key(row, key)),
        };
        assert_eq!(total(&report), sum(facility, &table), "the total of {facility}");
        if facility == "hosts" {
            shown.peers = rows.iter().map(|row| (text(&row["address"]), row["peers"].as_u64().unwrap())).collect();
        }
        if facility == "sizes" {
            assert_eq!(report["mtu"], MTU);
            shown.largest = ["in", "out"].map(|way| report["largest"][way].as_u64().unwrap());
        }
        if facility == "stations" {
            let ip: Vec<Value> = rows.iter().map(|row| with_address(&row["ip"], &row["address"])).collect();
            shown.tables.insert("stations of IP", self::table(&ip, |row| text(&row["address"])));
        }
        shown.tables.insert(facility, table);
    }
    shown
}

fn with_address(counts: &Value, address: &Value) -> Value {
    let mut row = counts.clone();
    row["address"] = address.clone();
    row
}

/// Rows by key, without those in which nothing was counted.
fn table(rows: &[Value], key: impl Fn(&Value) -> String) -> Table {
    let counted = rows.iter().map(|row| (key(row), counters::of_row(row).unwrap()));
    counted.filter(|(_, counters)| *counters != Traffic::default()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn total(report: &Value) -> Traffic {
    counters::of_row(&report["total"]).unwrap()
}

/// The sum of the rows; classes overlap, and one of them is the total.
fn sum(facility: &str, table: &Table) -> Traffic {
    let mut sum = Traffic::default();
    for (_, counters) in table.iter().filter(|(key, _)| facility != "interfaces" || *key == "total") {
        sum += *counters;
    }
    sum
}

/// Fails with the rows that differ.
fn same(what: &str, shown: &Expected, expected: &Expected) {
    let mut wrong = Vec::new();
    for (facility, rows) in &expected.tables {
        let none = Table::new();
        let found = shown.tables.get(facility).unwrap_or(&none);
        let keys: std::collections::BTreeSet<_> = rows.keys().chain(found.keys()).collect();
        println!("{what}: {facility}: {} rows, {:?}", found.len(), sum(facility, found));
        for key in keys.into_iter().filter(|key| rows.get(*key) != found.get(*key)) {
            wrong.push(format!("{facility} {key}: traf {:?}, tshark {:?}", found.get(key), rows.get(key)));
        }
    }
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
    assert_eq!(shown.tables.len(), expected.tables.len());
    assert_eq!(shown.largest, expected.largest, "{what}: the largest packets");
    assert_eq!(shown.peers, expected.peers, "{what}: the peers of hosts");
}

#[test]
#[ignore = "needs namespaces"]
fn every_facility_counts_what_tshark_and_the_kernel_count_live_and_past() {
    let lan = MonitoredLan::new(&["anna", "ben", "carl"], false, &["--slice", &format!("{SLICE}s")]).unwrap();
    let reference = ReferenceCapture::start(&lan.lan.machines[1], "eth0", &lan.lan.folder, "").unwrap();
    let tower = &lan.lan.tower;
    let from = slice(tower);
    conversations(&lan.lan);
    lan.lan.rest().unwrap();
    let middle = next_slice(tower);
    everything_else(&lan.lan);
    let kernel = lan.kernel().unwrap();
    assert_eq!(lan.shown_like(&kernel).unwrap(), kernel, "traf interfaces and the kernel");
    assert_eq!(lan.stored_like(&kernel).unwrap(), kernel, "SQL and the kernel");
    let to = slice(tower);

    let capture_file = reference.stop().unwrap();
    let frames = capture_file.frames().unwrap();
    let ben = kernel["ben"];
    assert_eq!(ReferenceCounts::of(&frames).frames, ben.total(), "tshark and the kernel");
    let observer = ObservationPoint { mac: &lan.lan.interfaces[1].mac, mtu: MTU };

    let nanos = |window: &Range<i64>| window.start * SECOND..window.end * SECOND;
    let whole = from..to;
    let expected = observer.expected(&frames, &nanos(&whole));
    assert_eq!(expected.tables["interfaces"]["total"], ben, "the kernel's counters");
    assert_eq!(
        expected.tables["stations"],
        capture_file.ethernet_endpoints().unwrap(),
        "tshark's own table of Ethernet endpoints"
    );
    for (facility, _, rows) in COUNTED {
        let table = &expected.tables[facility];
        assert!(table.len() >= rows, "{facility}: the lab's traffic is too plain: {table:#?}");
    }
    let padded = |frame: &&Frame| frame.packet.as_ref().is_some_and(|packet| expected::size(frame) > packet.octets);
    assert_eq!(frames.iter().filter(padded).count(), 500, "frames with padding");
    same("live", &shown(&lan, &[]), &expected);
    for (what, window) in [("past", whole), ("past, first part", from..middle), ("past, second part", middle..to)] {
        let past = shown(&lan, &words_of(tower, &window));
        same(what, &past, &observer.expected(&frames, &nanos(&window)));
    }
    println!("{}", lan.collector.verify().unwrap());
}
