//! The sentence that the whole is built for: what the kernel counted, what tshark counts, what the console shows and what
//! SQL answers are the same numbers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use traf_lab::reference::{ReferenceCounts, Uniflow};
use traf_lab::wait::Deadline;
use traf_lab::{Collector, Lan, MonitoredLan, ReferenceCapture};
use traf_model::Counters;

/// TCP, UDP, ICMP, IPv4, IPv6, VLAN, an offloaded bulk, broadcast and something that is no IP.
fn traffic_of_every_kind(lan: &Lan) {
    let [anna, _, carl] = &lan.machines[..] else { panic!("three machines") };
    let to = &lan.interfaces[1];
    let (_serve, v4, v6) = lan.serve(1, 9000).unwrap();
    anna.traffic(&["tcp", &v4, "--octets", "30000000", "--reply", "2000000"]).unwrap();
    carl.traffic(&["tcp", &v6, "--octets", "500000", "--reply", "500000"]).unwrap();
    for (machine, to) in [(anna, &v6), (carl, &v4)] {
        machine.traffic(&["udp", to, "--datagrams", "200", "--size", "900"]).unwrap();
    }
    // Larger than the MTU: fragments.
    anna.traffic(&["udp", &v4, "--datagrams", "20", "--size", "4000"]).unwrap();
    for address in [lan.interfaces[2].ipv4.to_string(), lan.interfaces[2].ipv6.to_string()] {
        anna.run("ping", &["-c", "5", "-i", "0.2", "-s", "300", &address]).unwrap();
    }
    carl.run("ping", &["-c", "2", "-i", "0.2", "-b", "10.77.1.255"]).unwrap_or_default();
    for words in [&["--vlan", "7"][..], &["--vlan", "9", "--ipv6", "--syn"], &["--flows", "3000", "--rate", "20000"]] {
        carl.traffic(&[&["frames", "--to", &to.mac, "--count", "3000", "--size", "120"], words].concat()).unwrap();
    }
}

/// Flows of one sensor in SQL, by who sent what to whom: IP packets and octets.
fn flows_in_sql(collector: &Collector, sensor: &str) -> BTreeMap<Uniflow, Counters> {
    let query = format!(
        "select protocol, coalesce(vlan, ''), source, source_port, destination, destination_port, sum(forward_packets), \
         sum(forward_octets), sum(reverse_packets), sum(reverse_octets) from flows where sensor = '{sensor}' group by 1, 2, 3, 4, 5, 6"
    );
    let mut flows: BTreeMap<Uniflow, Counters> = BTreeMap::new();
    for row in collector.sql(&query).unwrap() {
        let fields: Vec<&str> = row.split('|').collect();
        let number = |at: usize| fields[at].parse::<u64>().unwrap();
        let there = Uniflow {
            protocol: fields[0].to_owned(),
            vlan: fields[1].parse().ok(),
            source: fields[2].parse().unwrap(),
            source_port: fields[3].parse().unwrap(),
            destination: fields[4].parse().unwrap(),
            destination_port: fields[5].parse().unwrap(),
        };
        let back = Uniflow {
            source: there.destination,
            source_port: there.destination_port,
            destination: there.source,
            destination_port: there.source_port,
            ..there.clone()
        };
        for (sent, frames, octets) in [(there, number(6), number(7)), (back, number(8), number(9))] {
            if frames > 0 {
                let count = flows.entry(sent).or_default();
                count.packets += frames;
                count.octets += octets;
            }
        }
    }
    flows
}

/// The counts of tshark with the store's names of protocols.
fn by_name(reference_counts: &ReferenceCounts) -> BTreeMap<Uniflow, Counters> {
    let name = |protocol: &str| match protocol {
        "1" => "icmp".to_owned(),
        "2" => "igmp".to_owned(),
        "58" => "icmp6".to_owned(),
        other => other.to_owned(),
    };
    reference_counts
        .sent
        .iter()
        .map(|(sent, count)| (Uniflow { protocol: name(&sent.protocol), ..sent.clone() }, *count))
        .collect()
}

#[test]
#[ignore = "needs namespaces"]
fn the_kernel_the_console_and_sql_count_the_same_and_flows_are_what_tshark_counts() {
    let mut lan = MonitoredLan::new(&["anna", "ben", "carl"], true, &["--slice", "2s"]).unwrap();
    let reference = ReferenceCapture::start(&lan.lan.machines[1], "eth0", &lan.lan.folder, "").unwrap();
    traffic_of_every_kind(&lan.lan);
    let kernel = lan.kernel().unwrap();

    assert_eq!(lan.shown_like(&kernel).unwrap(), kernel, "traf interfaces and the kernel");
    assert_eq!(lan.stored_like(&kernel).unwrap(), kernel, "SQL and the kernel");
    let reference_counts = reference.counts().unwrap();
    let ben = kernel["ben"];
    assert_eq!(reference_counts.frames, ben.total(), "tshark and the kernel");
    let (tshark, ours) = (by_name(&reference_counts), flows_in_sql(&lan.collector, "ben"));
    assert!(tshark.len() > 3000, "{} senders", tshark.len());
    for (sent, count) in &tshark {
        assert_eq!(ours.get(sent), Some(count), "{sent:?}");
    }
    assert_eq!(ours.len(), tshark.len(), "no flow that tshark did not see");

    for sensor in &mut lan.sensors {
        let status = sensor.process.terminate(Deadline::seconds(20)).unwrap();
        assert!(status.success(), "a sensor that is asked to end, ends in order: {status}");
    }
    println!("{}", lan.collector.verify().unwrap());
}
