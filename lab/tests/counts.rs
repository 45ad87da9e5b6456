//! The sentence that the whole is built for: what the kernel counted, what tshark counts, what the console shows and what
//! SQL answers are the same numbers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use traf_lab::wait::{Deadline, Look, eventually};
use traf_lab::witness::{Sent, Testimony};
use traf_lab::{Collector, Console, Count, Counters, Lan, Sensor, Witness};

/// A LAN with a sensor on each host and one at the mirror port, all at rest; and what the kernels had counted by then.
struct Watched {
    sensors: Vec<Sensor>,
    console: Console,
    collector: Collector,
    before: BTreeMap<String, Counters>,
    lan: Lan,
}

fn watched(names: &[&str]) -> Watched {
    let lan = Lan::new(names).unwrap();
    let collector = Collector::start(&lan.tower, &lan.tower_address(), &lan.folder.join("collector")).unwrap();
    let console = Console::join(&lan.tower, &collector, &lan.folder).unwrap();
    let before = lan.rest().unwrap();
    let start = |host, interface| Sensor::start(host, &collector, &lan.folder, &[interface], &[]).unwrap();
    let mut sensors: Vec<_> = lan.hosts.iter().map(|host| start(host, "eth0")).collect();
    sensors.push(start(&lan.watch, "mon0"));
    console.wait_for_sensors(sensors.len()).unwrap();
    assert_eq!(lan.rest().unwrap(), before, "nothing moved while the sensors started");
    Watched { sensors, console, collector, before, lan }
}

/// TCP, UDP, ICMP, IPv4, IPv6, VLAN, an offloaded bulk, broadcast and something that is no IP.
fn traffic_of_every_kind(lan: &Lan) {
    let [anna, ben, carl] = &lan.hosts[..] else { panic!("three hosts") };
    let to = &lan.plugs[1];
    let (v4, v6) = (format!("{}:9000", to.ipv4), format!("[{}]:9000", to.ipv6));
    let serve = ben.start_traffic(&["serve", &v4, &v6]).unwrap();
    eventually("the server", Deadline::seconds(10), || {
        Ok(Look::at(serve.log().contains("serving").then_some(()), || serve.log()))
    })
    .unwrap();
    anna.traffic(&["tcp", &v4, "--octets", "30000000", "--reply", "2000000"]).unwrap();
    carl.traffic(&["tcp", &v6, "--octets", "500000", "--reply", "500000"]).unwrap();
    for (host, to) in [(anna, &v6), (carl, &v4)] {
        host.traffic(&["udp", to, "--datagrams", "200", "--size", "900"]).unwrap();
    }
    // Larger than the MTU: fragments.
    anna.traffic(&["udp", &v4, "--datagrams", "20", "--size", "4000"]).unwrap();
    for address in [lan.plugs[2].ipv4.to_string(), lan.plugs[2].ipv6.to_string()] {
        anna.run("ping", &["-c", "5", "-i", "0.2", "-s", "300", &address]).unwrap();
    }
    carl.run("ping", &["-c", "2", "-i", "0.2", "-b", "10.77.1.255"]).unwrap_or_default();
    for words in [&["--vlan", "7"][..], &["--vlan", "9", "--ipv6", "--syn"], &["--flows", "3000", "--rate", "20000"]] {
        carl.traffic(&[&["frames", "--to", &to.mac, "--count", "3000", "--size", "120"], words].concat()).unwrap();
    }
}

impl Watched {
    /// What the kernels counted since the sensors opened, once all is at rest.
    fn kernel(&self) -> BTreeMap<String, Counters> {
        let after = self.lan.rest().unwrap();
        after.into_iter().map(|(name, counters)| (name.clone(), counters - self.before[&name])).collect()
    }

    /// What `traf interfaces` shows, once it shows what the kernel counted; or as it is when time is up.
    fn shown(&self, kernel: &BTreeMap<String, Counters>) -> BTreeMap<String, Counters> {
        let shown = || self.console.interfaces().unwrap();
        let same = eventually("the console", Deadline::seconds(10), || {
            let now = shown();
            Ok(Look::at((now == *kernel).then_some(()), || format!("{now:?}")))
        });
        same.map_or_else(|_| shown(), |()| kernel.clone())
    }

    /// What SQL answers, once a slice that ends after the traffic is stored.
    fn stored(&self, kernel: &BTreeMap<String, Counters>) -> BTreeMap<String, Counters> {
        let stored = || {
            let query = "select sensor, in_packets, in_octets, out_packets, out_octets from interfaces order by sensor";
            let rows = self.collector.sql(query).unwrap();
            rows.iter().map(|row| counters_of(row)).collect::<BTreeMap<_, _>>()
        };
        let same = eventually("the store", Deadline::seconds(30), || {
            let now = stored();
            Ok(Look::at((now == *kernel).then_some(()), || format!("{now:?}")))
        });
        same.map_or_else(|_| stored(), |()| kernel.clone())
    }
}

fn counters_of(row: &str) -> (String, Counters) {
    let fields: Vec<&str> = row.split('|').collect();
    let count = |at: usize| Count { frames: fields[at].parse().unwrap(), octets: fields[at + 1].parse().unwrap() };
    (fields[0].to_owned(), Counters { rx: count(1), tx: count(3) })
}

/// Flows of one sensor in SQL, by who sent what to whom: IP packets and octets.
fn flows_in_sql(collector: &Collector, sensor: &str) -> BTreeMap<Sent, Count> {
    let query = format!(
        "select protocol, coalesce(vlan, ''), source, source_port, destination, destination_port, sum(forward_packets), \
         sum(forward_octets), sum(reverse_packets), sum(reverse_octets) from flows where sensor = '{sensor}' group by 1, 2, 3, 4, 5, 6"
    );
    let mut flows: BTreeMap<Sent, Count> = BTreeMap::new();
    for row in collector.sql(&query).unwrap() {
        let fields: Vec<&str> = row.split('|').collect();
        let number = |at: usize| fields[at].parse::<u64>().unwrap();
        let there = Sent {
            protocol: fields[0].to_owned(),
            vlan: fields[1].parse().ok(),
            source: fields[2].parse().unwrap(),
            source_port: fields[3].parse().unwrap(),
            destination: fields[4].parse().unwrap(),
            destination_port: fields[5].parse().unwrap(),
        };
        let back = Sent {
            source: there.destination,
            source_port: there.destination_port,
            destination: there.source,
            destination_port: there.source_port,
            ..there.clone()
        };
        for (sent, frames, octets) in [(there, number(6), number(7)), (back, number(8), number(9))] {
            if frames > 0 {
                let count = flows.entry(sent).or_default();
                count.frames += frames;
                count.octets += octets;
            }
        }
    }
    flows
}

/// The witness in the store's words: protocols by name.
fn by_name(testimony: &Testimony) -> BTreeMap<Sent, Count> {
    let name = |protocol: &str| match protocol {
        "1" => "icmp".to_owned(),
        "2" => "igmp".to_owned(),
        "58" => "icmp6".to_owned(),
        other => other.to_owned(),
    };
    testimony
        .sent
        .iter()
        .map(|(sent, count)| (Sent { protocol: name(&sent.protocol), ..sent.clone() }, *count))
        .collect()
}

#[test]
fn the_kernel_the_console_and_sql_count_the_same_and_flows_are_what_tshark_counts() {
    let mut watched = watched(&["anna", "ben", "carl"]);
    let witness = Witness::start(&watched.lan.hosts[1], "eth0", &watched.lan.folder, "").unwrap();
    traffic_of_every_kind(&watched.lan);
    let kernel = watched.kernel();

    assert_eq!(watched.shown(&kernel), kernel, "traf interfaces and the kernel");
    assert_eq!(watched.stored(&kernel), kernel, "SQL and the kernel");
    let testimony = witness.testify().unwrap();
    let ben = kernel["ben"];
    let all = Count { frames: ben.rx.frames + ben.tx.frames, octets: ben.rx.octets + ben.tx.octets };
    assert_eq!(testimony.frames, all, "the witness and the kernel");
    let (tshark, ours) = (by_name(&testimony), flows_in_sql(&watched.collector, "ben"));
    assert!(tshark.len() > 3000, "{} senders", tshark.len());
    for (sent, count) in &tshark {
        assert_eq!(ours.get(sent), Some(count), "{sent:?}");
    }
    assert_eq!(ours.len(), tshark.len(), "no flow that tshark did not see");

    println!("{}", watched.collector.verify().unwrap());
    for sensor in &mut watched.sensors {
        let status = sensor.program().terminate(Deadline::seconds(20)).unwrap();
        assert!(status.success(), "a sensor that is asked to end, ends in order: {status}");
    }
    println!("{}", watched.collector.verify().unwrap());
}
