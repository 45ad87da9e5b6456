//! Live numbers of a whole LAN under thousands of flows and floods, second by second beside a capture at the mirror port; then
//! the past and SQL.
//!
//! `TRAF_LIVE_SECONDS` and `TRAF_LIVE_FLOWS` (a second) set the length and the load of the long form: 120 and 5000.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod figures;
mod watched;

use std::collections::BTreeMap;
use std::time::Duration;

use figures::{Figures, SECOND, Times, off, text, top};
use traf_lab::demo::{self, MACHINES};
use traf_lab::process::cpu;
use traf_lab::reference::truth::{Facility, Key};
use traf_lab::reference::{ReferenceCounts, TruePoint, Truth, Uniflow};
use traf_lab::wait::{Deadline, Probe, Stopwatch, eventually};
use traf_lab::{Lan, Machine, MonitoredLan, Process, ReferenceCapture};
use traf_model::{Counters, Mac, Traffic};
use watched::{Shown, Watch};

/// Ports that the short conversations ask.
const PORTS: [u16; 12] = [443, 53, 8443, 993, 5432, 123, 3306, 25, 6379, 389, 8080, 161];
/// Addresses of each machine that asks or answers.
const ADDRESSES: u8 = 6;

/// Seconds in which generators and consoles start.
const STARTING: u64 = 3;
/// Seconds from which on the form is the long one.
const LONG: u64 = 60;

/// Length and load.
struct Form {
    seconds: u64,
    /// Short conversations a second; a flood has as many frames.
    flows: u64,
    /// From here on counts are compared.
    warm: i64,
}

impl Form {
    fn new() -> Self {
        let number = |name: &str, otherwise: u64| {
            std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
        };
        let (seconds, flows) = (number("TRAF_LIVE_SECONDS", 20), number("TRAF_LIVE_FLOWS", 500));
        Self { seconds, flows, warm: if seconds < LONG { 9 } else { 15 } }
    }

    fn is_long(&self) -> bool {
        self.seconds >= LONG
    }

    /// The floods of each part of the time, all parts of one length.
    fn parts(&self) -> &'static [&'static [&'static str]] {
        if !self.is_long() { &[&[], &["udp", "syn"]] } else { &[&[], &["udp"], &["syn"], &["udp", "syn"]] }
    }
}

/// More addresses for all machines; those of anna and dora ask, those of ben and carl answer.
fn more_addresses(lan: &MonitoredLan) -> BTreeMap<&'static str, Vec<String>> {
    let mut addresses = BTreeMap::new();
    for ((number, name), machine) in (1..).zip(MACHINES).zip(&lan.lan.machines) {
        let own: Vec<String> = (0..ADDRESSES).map(|place| format!("10.77.1.{}", number * 20 + place)).collect();
        own.iter().for_each(|address| {
            machine.run("ip", &["addr", "add", &format!("{address}/24"), "dev", "eth0"]).unwrap();
        });
        addresses.insert(name, own);
    }
    addresses
}

fn serve(machine: &Machine, addresses: &[String]) -> Process {
    let ends: Vec<String> =
        addresses.iter().flat_map(|address| PORTS.map(|port| format!("{address}:{port}"))).collect();
    machine.serve(&ends.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
}

/// The short conversations of a machine with those who answer.
fn ask(machine: &Machine, from: &[String], to: &[String], form: &Form) -> Process {
    let mut words = vec!["short".to_owned()];
    for (option, values) in [("--from", from), ("--to", to), ("--port", &PORTS.map(|port| port.to_string())[..])] {
        values.iter().for_each(|value| words.extend([option.to_owned(), value.clone()]));
    }
    let (rate, count) = (form.flows / 2, form.flows / 2 * form.seconds);
    words.extend(["--rate".into(), rate.to_string(), "--count".into(), count.to_string()]);
    machine.start_traffic(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
}

/// A flood of a part of the time. Every UDP flow goes on, every SYN is a flow of its own.
fn flood(machine: &Machine, to: &str, kind: &str, form: &Form) -> Process {
    let (rate, seconds) = (form.flows, form.seconds / form.parts().len() as u64);
    let (rate, count) = (rate.to_string(), (rate * seconds).to_string());
    let frames = ["frames", "--to", to, "--rate", &rate, "--count", &count];
    let flood = match kind {
        "udp" => &["--flows", "200", "--size", "300", "--seed", "1", "--destination", "198.51.100.9"][..],
        _ => &["--syn", "--flows", &count, "--seed", "2", "--destination", "198.51.100.10"],
    };
    machine.start_traffic(&[&frames, flood].concat()).unwrap()
}

fn now(machine: &Machine) -> i64 {
    machine.run("date", &["+%s%N"]).unwrap().trim().parse().unwrap()
}

fn wait_until(watch: &Stopwatch, at: Duration) {
    let deadline = Deadline::after(at + Duration::from_secs(5));
    eventually("the time", deadline, || Ok(Probe::when(watch.elapsed() >= at, || "earlier".into()))).unwrap();
}

/// The observation points of the LAN: a machine sees what it sends and gets, the mirror port everything.
fn points(lan: &MonitoredLan) -> Vec<TruePoint> {
    let of_machine = |(machine, interface): (&Machine, &traf_lab::Interface)| TruePoint {
        name: format!("{}/eth0", machine.name),
        mac: Some(interface.mac.parse::<Mac>().unwrap().0),
    };
    let mirror = TruePoint { name: "watch/mon0".to_owned(), mac: None };
    lan.lan.machines.iter().zip(&lan.lan.interfaces).map(of_machine).chain([mirror]).collect()
}

/// Tables of `traf`, asked at the same time, live or in a window; and what went wrong.
fn tables(lan: &MonitoredLan, asked: &[(Facility, Vec<String>)]) -> (BTreeMap<Facility, Shown>, Vec<String>) {
    let table = |(facility, window): &(Facility, Vec<String>)| {
        let window = window.iter().map(String::as_str);
        let words: Vec<&str> = facility.words().iter().copied().chain(["--limit", "1000"]).chain(window).collect();
        Ok((*facility, Shown::read(*facility, &lan.console.table(&words)?)?))
    };
    let results: Vec<anyhow::Result<(Facility, Shown)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = asked.iter().map(|asked| scope.spawn(|| table(asked))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (mut shown, mut wrong) = (BTreeMap::new(), Vec::new());
    for result in results {
        match result {
            Ok((facility, table)) => drop(shown.insert(facility, table)),
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    (shown, wrong)
}

/// A sentence on the rows of the top that differ from the truth of the whole time by more than a percent and two packets.
fn wrong(what: &str, facility: Facility, shown: &BTreeMap<String, Traffic>, truth: &Truth) -> Option<String> {
    let top = top(facility, truth, i64::MAX);
    let differs = |(key, traffic): &(Key, Traffic)| {
        let found = shown.get(&truth.name(key)).copied().unwrap_or_default();
        let percent = off(&found, &[*traffic, *traffic]);
        let words = || format!("{}: {}, not {} ({percent:.1} %)", truth.name(key), text(&found), text(traffic));
        (percent > 1.0).then(words)
    };
    let differ: Vec<String> = top.iter().filter_map(differs).collect();
    (!differ.is_empty()).then(|| {
        let first = differ.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("; ");
        format!("{what} {facility:?}: {} of the first {} rows: {first}", differ.len(), top.len())
    })
}

fn rows(shown: &Shown) -> BTreeMap<String, Traffic> {
    shown.rows.iter().map(|row| (row.key.clone(), row.traffic)).collect()
}

/// Hosts in SQL, each byte once: as `docs/sql.md` has it, with packets and both ways.
fn hosts_in_sql(lan: &MonitoredLan) -> BTreeMap<String, Traffic> {
    let ends = "ts, site, protocol, source, destination, destination_port";
    let counts = ["forward_packets", "forward_octets", "reverse_packets", "reverse_octets"];
    let list = |of: &dyn Fn(&str) -> String| counts.map(of).join(", ");
    let of_point = |flows: &str, counted: &str, rowless: &str| {
        let sums = list(&|count| format!("sum({count}) as {count}, sum({count} * {counted}) as counted_{count}"));
        format!(
            "select {ends}, sensor, interface, {sums}, {rowless} as rowless from {flows} group by {ends}, sensor, interface"
        )
    };
    let seen =
        format!("{} union all {}", of_point("flows", "prim", "0"), of_point("aggregated_flows", "0", "sum(octets)"));
    let sums = list(&|count| format!("sum({count}) as {count}, sum(counted_{count}) as counted_{count}"));
    let once = list(&|count| {
        let counted = format!("sum(counted_{count})");
        format!("case when sum(rowless) > 0 then max(max({count}), {counted}) else {counted} end as {count}")
    });
    let [fp, fo, rp, ro] = counts;
    let query = format!(
        "with seen as ({seen}), \
           points as (select {ends}, {sums}, sum(rowless) as rowless from seen group by {ends}, sensor, interface), \
           lan as (select {ends}, {once} from points group by {ends}) \
         select address, sum(i), sum(io), sum(o), sum(oo) from ( \
           select source as address, {rp} as i, {ro} as io, {fp} as o, {fo} as oo from lan union all \
           select destination, {fp}, {fo}, {rp}, {ro} from lan) group by 1"
    );
    let mut hosts = BTreeMap::new();
    for row in lan.collector.sql(&query).unwrap() {
        let fields: Vec<&str> = row.split('|').collect();
        let [i, io, o, oo] = [1, 2, 3, 4].map(|place| fields[place].parse().unwrap());
        let (inbound, outbound) = (Counters::new(i, io), Counters::new(o, oo));
        hosts.insert(fields[0].to_owned(), Traffic { inbound, outbound });
    }
    hosts
}

#[test]
#[ignore = "needs namespaces"]
fn live_numbers_of_a_lan_are_those_of_its_mirror_port_each_second_and_of_the_past() {
    let form = Form::new();
    let slice = if form.is_long() { "10s" } else { "2s" };
    let mut lan = MonitoredLan::new(&MACHINES, true, &["--slice", slice]).unwrap();
    lan.collector.wait_for_keys(lan.sensors.len()).unwrap();
    let addresses = more_addresses(&lan);
    let [anna, ben, carl, dora] = &lan.lan.machines[..] else { panic!("four machines") };
    let _servers = [serve(ben, &addresses["ben"]), serve(carl, &addresses["carl"])];
    let answer = [&addresses["ben"][..], &addresses["carl"][..]].concat();
    let reference = ReferenceCapture::start(&lan.lan.watch, "mon0", &lan.lan.folder, "").unwrap();
    let watches: Vec<Watch> =
        Facility::ALL.iter().map(|facility| Watch::start(&lan.console, *facility, &lan.lan.folder).unwrap()).collect();

    let (began, stopwatch) = (now(&lan.lan.tower), Stopwatch::start());
    let demo = demo::start_traffic(&lan).unwrap();
    let asking = [ask(anna, &addresses["anna"], &answer, &form), ask(dora, &addresses["dora"], &answer, &form)];
    let mut floods = Vec::new();
    let part = Duration::from_secs(form.seconds) / form.parts().len() as u32;
    for (number, kinds) in (1..).zip(form.parts()) {
        floods.extend(kinds.iter().map(|kind| flood(dora, &lan.lan.interfaces[1].mac, kind, &form)));
        wait_until(&stopwatch, part * number);
    }
    let shown: Vec<(Facility, Vec<Shown>)> =
        watches.into_iter().map(|watch| (watch.facility, watch.stop().unwrap())).collect();
    for mut process in floods.into_iter().chain(asking) {
        // A machine that is slow takes longer.
        let deadline = Deadline::seconds(20 + form.seconds);
        assert!(process.wait(deadline).unwrap().success(), "traffic: {}", process.log());
        // Two floods write one log.
        println!("traffic: {}", process.log().lines().last().unwrap_or_default());
    }
    drop(demo);
    println!("CPU since the start: collector {:.1?}", cpu(lan.collector.process.pid()).unwrap());
    for sensor in &lan.sensors {
        println!("CPU since the start: sensor of {} {:.1?}", sensor.machine.name, cpu(sensor.process.pid()).unwrap());
    }
    let kernel = lan.kernel().unwrap();
    let capture_file = reference.stop().unwrap();
    let mut truth = Truth::new(points(&lan));
    capture_file.each_head(|head| truth.add(head)).unwrap();
    println!("{} frames at the mirror port, the kernel says {}", truth.frames.packets, kernel["watch"].total().packets);

    let second = |place: u64| began + place as i64 * SECOND;
    let (length, number) = (form.seconds / form.parts().len() as u64, form.parts().len() as u64);
    let times = Times {
        begun: began,
        counts: second(0) + form.warm * SECOND..second(form.seconds),
        // Programs that have just been started average over less than five seconds.
        steady: (0..number)
            .map(|part| second(part * length + if part == 0 { STARTING } else { 0 })..second((part + 1) * length))
            .collect(),
    };
    let mut failures = Vec::new();
    for (facility, reports) in &shown {
        let figures = Figures::of(*facility, reports, &truth, &times);
        println!("{facility:?}: {figures}");
        failures.extend(judge(*facility, &figures));
        let dropped = reports.iter().map(|report| report.dropped).max().unwrap_or_default();
        if dropped > 0 {
            failures.push(format!("{facility:?}: the kernels dropped {dropped} frames: this machine is too slow"));
        }
        if let Some(notes) = reports.last().map(|report| &report.notes) {
            println!("    notes: {notes:?}");
        }
    }

    // At rest, and everything stored: one total, which is that of the past.
    let stored = lan.stored_like(&kernel).unwrap();
    if stored != kernel {
        failures.push(format!("stored {stored:?}, kernel {kernel:?}"));
    }
    failures.extend(at_rest(&lan, &form, &truth));
    failures.extend(wrong("SQL", Facility::Hosts, &hosts_in_sql(&lan), &truth));
    for sensor in &mut lan.sensors {
        assert!(sensor.process.terminate(Deadline::seconds(20)).unwrap().success());
    }
    println!("{}", lan.collector.verify().unwrap());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Sentences on what is wrong when all is stored: live and past say the same, which is the truth, and all facilities have one
/// total.
fn at_rest(lan: &MonitoredLan, form: &Form, truth: &Truth) -> Vec<String> {
    let (live, mut wrongs) = tables(lan, &Facility::ALL.map(|facility| (facility, Vec::new())));
    // One way to group is asked in the past of the short form: each reads all flows.
    let asked = |facility: &Facility| form.is_long() || !matches!(facility, Facility::Address | Facility::Port);
    let window = |facility: &Facility| vec!["--from".to_owned(), live[facility].from.clone()];
    let mut past = BTreeMap::new();
    // Two at a time: each reads all flows, and there are two processors.
    let questions: Vec<_> = live.keys().filter(|one| asked(one)).map(|one| (*one, window(one))).collect();
    for two in questions.chunks(2) {
        let (tables, failed) = tables(lan, two);
        past.extend(tables);
        wrongs.extend(failed);
    }
    for (what, tables) in [("live", &live), ("past", &past)] {
        for (facility, shown) in tables {
            wrongs.extend(wrong(what, *facility, &rows(shown), truth));
            let total = truth.at(*facility, &Key::Total, i64::MAX);
            if *facility != Facility::Interfaces && off(&shown.total, &[total, total]) > 1.0 {
                wrongs.push(format!("{what} {facility:?}: total {}, not {}", text(&shown.total), text(&total)));
            }
        }
    }
    let octets = |traffic: &Traffic| traffic.total().octets;
    for (facility, past) in &past {
        let (now, before) = (rows(&live[facility]), rows(past));
        let equal = now.iter().filter(|(key, traffic)| before.get(*key) == Some(traffic)).count();
        println!("{facility:?}: {equal} of {} live rows are those of the past ({})", now.len(), before.len());
        let differ = now.iter().filter_map(|(key, now)| {
            let past = before.get(key).copied().unwrap_or_default();
            let words = || format!("{facility:?} {key}: live {}, past {}", text(now), text(&past));
            (off(now, &[past, past]) > 1.0).then(words)
        });
        wrongs.extend(differ.take(3));
        let [now, before] = [&live[facility].total, &past.total];
        if octets(now).abs_diff(octets(before)) * 1000 > octets(before) {
            wrongs.push(format!("{facility:?}: {} live, {} past", text(now), text(before)));
        }
    }
    let total = |facility| live.get(&facility).map_or_else(Traffic::default, |table| table.total);
    let hosts = total(Facility::Hosts);
    let groups = [Facility::Address, Facility::Port, Facility::Pair].map(|group| octets(&total(group)));
    println!("LAN: hosts in {} out {}, groups {groups:?}", hosts.inbound.octets, hosts.outbound.octets);
    if groups.iter().any(|total| *total != hosts.inbound.octets || *total != hosts.outbound.octets) {
        wrongs.push(format!("hosts {}, groups {groups:?}: not one total", text(&hosts)));
    }
    wrongs
}

/// Sentences on the figures that are out of bounds.
fn judge(facility: Facility, figures: &Figures) -> Vec<String> {
    let mean = match facility {
        Facility::Hosts | Facility::Interfaces => 1.0,
        _ => 2.5,
    };
    let checks = [
        (figures.reports[1] < 5 || figures.rated == 0, format!("only {:?} reports", figures.reports)),
        (figures.worst_count.percent > 1.0, format!("count: {}", figures.worst_count)),
        (figures.worst_total.percent > 1.0, format!("total: {}", figures.worst_total)),
        (figures.mean_rate > mean, format!("rates: mean error {:.2} %", figures.mean_rate)),
        (figures.worst_rate.percent > 10.0, format!("rate: {}", figures.worst_rate)),
        (
            figures.ordered * 100 < figures.reports[1] * 95,
            format!("order right in {} of {:?}", figures.ordered, figures.reports),
        ),
        (!figures.fell.is_empty(), format!("fell {} times: {}", figures.fell.len(), figures.fell.join("; "))),
        (!figures.sums.is_empty(), format!("{} wrong sums: {}", figures.sums.len(), figures.sums.join("; "))),
    ];
    let failed = checks.into_iter().filter(|(failed, _)| *failed);
    // A list of a thousand rows helps nobody.
    failed.map(|(_, text)| format!("{facility:?}: {}", text.chars().take(600).collect::<String>())).collect()
}

#[test]
#[ignore = "needs namespaces"]
fn the_lab_reads_a_capture_as_tshark_does() {
    let lan = Lan::new(&["anna", "ben"]).unwrap();
    let [anna, ben] = &lan.machines[..] else { panic!("two machines") };
    let reference = ReferenceCapture::start(ben, "eth0", &lan.folder, "").unwrap();
    let (_serve, v4, v6) = lan.serve(1, 9000).unwrap();
    for to in [&v4, &v6] {
        anna.traffic(&["tcp", to, "--octets", "3000000", "--reply", "200000"]).unwrap();
        anna.traffic(&["udp", to, "--datagrams", "50", "--size", "4000"]).unwrap();
    }
    let mac = &lan.interfaces[1].mac;
    for words in [&["--vlan", "7", "--flows", "500"][..], &["--ipv6", "--syn"], &["--dhcp", "--seed", "3"]] {
        anna.traffic(&[&["frames", "--to", mac, "--count", "500"], words].concat()).unwrap();
    }
    anna.run("ping", &["-c", "3", "-i", "0.2", &lan.interfaces[1].ipv6.to_string()]).unwrap();
    lan.rest().unwrap();
    let capture_file = reference.stop().unwrap();
    let frames = capture_file.frames().unwrap();
    let mut heads = Vec::new();
    capture_file.each_head(|head| heads.push(head.clone())).unwrap();
    assert!(heads.len() > 2000, "{} frames", heads.len());
    assert_eq!(heads.len() as u64, ReferenceCounts::of(&frames).frames.packets);
    for (head, frame) in heads.iter().zip(&frames) {
        let packet = head.packet.as_ref().map(|packet| {
            let protocol = match packet.protocol {
                6 => "tcp".to_owned(),
                17 => "udp".to_owned(),
                number => number.to_string(),
            };
            let sent = Uniflow {
                protocol,
                source: packet.source.0,
                source_port: packet.source.1,
                destination: packet.destination.0,
                destination_port: packet.destination.1,
                vlan: frame.vlan,
            };
            (sent, packet.octets, u16::from(packet.flags))
        });
        let tshark = frame.packet.as_ref().map(|packet| (packet.sent.clone(), packet.octets, packet.flags & 0xff));
        assert_eq!(packet, tshark, "{head:?}");
        let macs = [head.source, head.destination].map(|mac| Mac(mac).to_string());
        assert_eq!(
            (head.at, head.octets, &macs[0], &macs[1]),
            (frame.at, frame.octets, &frame.source, &frame.destination)
        );
    }
}
