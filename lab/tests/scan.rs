//! A scan of a million flows while ten people work: their rows stay, and what detail is shed is counted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use traf_lab::process::Memory;
use traf_lab::{MonitoredLan, ReferenceCapture};
use traf_model::{Counters, Traffic};

/// Flows of the table, as the sensor has it by default.
const CAPACITY: u64 = 262_144;
/// Most memory that a sensor may hold: 12 MB and 160 octets a flow of capacity. Its ring is the kernel's and is not counted.
const MEMORY: u64 = 12_000_000 + 160 * CAPACITY;

#[test]
#[ignore = "needs namespaces"]
fn ten_conversations_stay_on_the_screen_through_a_million_new_flows() {
    let mut lan = MonitoredLan::new(&["anna", "ben", "mallory"], false, &[]).unwrap();
    // Only ben's link is looked at; the sender of a scan has nothing to prove.
    for sensor in &mut lan.sensors {
        if sensor.machine.name != "ben" {
            sensor.process.kill().unwrap();
        }
    }
    let (_serve, v4, _) = lan.lan.serve(1, 9000).unwrap();
    let reference = ReferenceCapture::start(&lan.lan.machines[1], "eth0", &lan.lan.folder, "tcp port 9000").unwrap();
    let words = ["tcp", &v4, "--octets", "100000000000", "--rate", "30000"];
    let mut people: Vec<_> = (0..10).map(|_| lan.lan.machines[0].start_traffic(&words).unwrap()).collect();
    let mac = lan.lan.interfaces[1].mac.clone();
    let scan = ["frames", "--to", &mac, "--count", "1000000", "--flows", "1000000", "--syn", "--rate", "40000"];
    println!("scan: {}", lan.lan.machines[2].traffic(&scan).unwrap().trim());
    people.iter_mut().for_each(|person| person.kill().unwrap());
    let kernel = frames(lan.kernel().unwrap()["ben"]);

    // A frame that the capture lost is counted as lost: what is shown and what was dropped is all there was.
    let shown = traf_lab::wait::eventually("the console", traf_lab::wait::Deadline::seconds(10), || {
        let drops = drops(&lan.console.table(&["interfaces", "--filter", "sensor ben"])?);
        let shown = frames(lan.console.interfaces()?["ben"]) + drops;
        println!("shown, with {drops} dropped: {shown}, kernel {kernel}");
        Ok(traf_lab::wait::Probe::some((shown == kernel).then_some(shown), || format!("{shown}, not {kernel}")))
    })
    .unwrap();
    let table = lan.console.table(&["traffic", "--filter", "sensor ben", "--limit", "50"]).unwrap();
    let rows = table["rows"].as_array().unwrap();
    let reference_counts = reference.counts().unwrap();
    let (mut seen, mut expected) = (Counters::default(), Counters::default());
    let conversations: Vec<_> = reference_counts.sent.keys().filter(|sent| sent.destination_port == 9000).collect();
    assert_eq!(conversations.len(), 10);
    for sent in conversations {
        let row = rows
            .iter()
            .find(|row| row["source_port"] == sent.source_port || row["destination_port"] == sent.source_port);
        let row = row.unwrap_or_else(|| panic!("{sent:?} is not among the first {}", rows.len()));
        seen.octets += octets(row);
        for (other, count) in &reference_counts.sent {
            if other.source_port == sent.source_port || other.destination_port == sent.source_port {
                expected.octets += count.octets;
            }
        }
    }
    assert!(seen.octets <= expected.octets, "never more than there was: {seen:?} {expected:?}");
    let missing = expected.octets - seen.octets;
    println!("ten conversations: {} octets, {missing} of them in other", expected.octets);
    assert!(missing * 1000 < expected.octets, "{missing} of {} octets are missing", expected.octets);

    let ben = lan.sensors.iter_mut().find(|sensor| sensor.machine.name == "ben").unwrap();
    let memory = Memory::of(ben.process.pid()).unwrap().held();
    println!("memory: {memory} octets of at most {MEMORY}");
    assert!(memory <= MEMORY, "{memory} octets");
    traf_lab::wait::eventually("the store", traf_lab::wait::Deadline::seconds(60), || {
        let dropped = lan.collector.number("select dropped from interfaces where sensor = 'ben'")?;
        let stored = frames(lan.stored()?["ben"]) + u64::try_from(dropped)?;
        Ok(traf_lab::wait::Probe::when(stored == shown, || format!("{stored}, not {shown}")))
    })
    .unwrap();
    println!("{}", lan.collector.verify().unwrap());
}

fn frames(counters: Traffic) -> u64 {
    counters.total().packets
}

fn drops(table: &Value) -> u64 {
    table["rows"].as_array().unwrap().iter().map(|row| row["drops"].as_u64().unwrap()).sum()
}

fn octets(row: &Value) -> u64 {
    row["forward"]["octets"].as_u64().unwrap() + row["reverse"]["octets"].as_u64().unwrap()
}
