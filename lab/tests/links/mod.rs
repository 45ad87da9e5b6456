//! Two links of one gate with nothing on them but the frames that a test sends; and totals, live, past and marked.

use serde_json::Value;
use traf_lab::wait::{Deadline, Probe, eventually, together};
use traf_lab::{Collector, Console, Lan, Sensor, counters};
use traf_model::{Counters, Traffic};

/// Octets of Ethernet's header.
const HEADER: u64 = 14;

/// A gate with two links, west and east, to a machine that sends at the far end of both. No kernel sends anything on them.
pub(crate) struct Links {
    sensors: Vec<Sensor>,
    pub(crate) console: Console,
    pub(crate) collector: Collector,
    pub(crate) lan: Lan,
}

/// A run of frames on a link.
pub(crate) struct Run<'a> {
    /// 0 is west, 1 is east.
    pub(crate) link: usize,
    /// Words of `traf-lab traffic frames`.
    pub(crate) words: &'a str,
}

impl Links {
    pub(crate) fn new() -> Self {
        let lan = Lan::new(&["gate", "far"]).unwrap();
        let [gate, far] = &lan.machines[..] else { panic!("two machines") };
        for link in LINKS {
            // Equal MAC addresses, too, as cloned machines on two links have them.
            gate.run("ip", &["link", "add", link, "type", "veth", "peer", "name", link, "netns", "far"]).unwrap();
            for (machine, interface, mac) in [(gate, link, GATE_MAC), (far, link, END_MAC)] {
                machine
                    .sh(&format!(
                        "sysctl -qw net.ipv6.conf.{interface}.disable_ipv6=1; \
                         ethtool -K {interface} rxvlan off txvlan off; ip link set {interface} address {mac} up"
                    ))
                    .unwrap();
            }
        }
        let collector = lan.start_collector().unwrap();
        let console = Console::join("viewer", &lan.tower, &collector, &lan.folder).unwrap();
        Self { sensors: Vec::new(), console, collector, lan }
    }

    /// A sensor of both links: on the gate (0) or at the far end (1).
    pub(crate) fn watch(&mut self, machine: usize) {
        let machine = &self.lan.machines[machine];
        let words = ["--slice", "2s", "--interface", LINKS[1]];
        self.sensors.push(Sensor::start(machine, &self.collector, &self.lan.folder, LINKS[0], &words).unwrap());
        self.console.wait_for_sensors(self.sensors.len()).unwrap();
    }

    /// Frames that the gate got and sent on each link.
    pub(crate) fn counts(&self) -> [Traffic; 2] {
        let counters = self.lan.machines[0].counters().unwrap();
        LINKS.map(|link| counters[link])
    }

    /// Sends all runs at the same time: from the far end, or from the gate with `--back`. Answers begin when the gate has got
    /// so many frames.
    pub(crate) fn send(&self, runs: &[Run<'_>], answers_after: u64) {
        self.collector.wait_for_keys(self.sensors.len()).unwrap();
        let before = self.counts();
        let start = |Run { link, words }: &Run<'_>| {
            let back = words.contains("--back");
            let machine = usize::from(!back);
            let to = if back { END_MAC } else { GATE_MAC };
            let words: Vec<&str> = ["frames", "--interface", LINKS[*link], "--to", to]
                .into_iter()
                .chain(words.split_whitespace())
                .collect();
            self.lan.machines[machine].start_traffic(&words).unwrap()
        };
        let mut started: Vec<_> = runs.iter().filter(|run| !run.words.contains("--back")).map(start).collect();
        eventually("the first frames", Deadline::seconds(10), || {
            let got = difference(self.counts(), before).map(|link| link.inbound.packets);
            Ok(Probe::when(got.iter().sum::<u64>() >= answers_after, || format!("{got:?}")))
        })
        .unwrap();
        started.extend(runs.iter().filter(|run| run.words.contains("--back")).map(start));
        for process in &mut started {
            assert!(process.wait(Deadline::seconds(30)).unwrap().success(), "{}", process.log());
        }
    }
}

/// Sentences on what is wrong: live, past and marks are these IP packets and octets, each once; `slack` is in thousandths.
pub(crate) fn count(console: &Console, collector: &Collector, expected: Counters, slack: u64) -> Vec<String> {
    let near = |found: u64, expected: u64| found.abs_diff(expected) * 1000 <= expected * slack;
    let right = |found: Counters, expected: Counters| {
        near(found.packets, expected.packets) && near(found.octets, expected.octets)
    };
    let by = Deadline::seconds(30);
    // Both ends of a packet are hosts.
    let facilities = [("traffic", 1), ("traffic --group pair", 1), ("services", 1), ("hosts", 2)];
    let wrong_in = |(name, window): (&str, &[&str]), (facility, times): (&str, u64)| {
        let words: Vec<&str> = facility.split(' ').chain(window.iter().copied()).collect();
        let expected = Counters::new(expected.packets * times, expected.octets * times);
        let shown = table(console, &words, by, |report| right(total(report), expected));
        let found = total(&shown);
        println!("{name} {facility}: {}/{} of {}/{}", found.packets, found.octets, expected.packets, expected.octets);
        let sentence = || format!("{name} {facility}: {found:?}, not {expected:?}; notes {}", shown["notes"]);
        (!right(found, expected)).then(sentence)
    };
    // Sensors answer live questions with the next second; a question about the past is work at once.
    let live = together(&facilities, |facility| wrong_in(LIVE, *facility));
    let past = facilities.map(|facility| wrong_in(PAST, facility));
    let mut wrong: Vec<String> = live.into_iter().chain(past).flatten().collect();
    let marked = marked(collector);
    println!("marked: {}/{}", marked.packets, marked.octets);
    if !right(marked, expected) {
        wrong.push(format!("marked: {marked:?}, not {expected:?}"));
    }
    println!("{}", collector.verify().unwrap());
    wrong
}

/// Windows of a table: their names, and their words.
pub(crate) const LIVE: (&str, &[&str]) = ("live", &[]);
pub(crate) const PAST: (&str, &[&str]) = ("past", &["--from", "-5m"]);
/// The links; their interfaces have the same names at both ends.
pub(crate) const LINKS: [&str; 2] = ["west", "east"];
/// MAC addresses of both links.
const GATE_MAC: &str = "00:00:5e:00:01:01";
const END_MAC: &str = "02:54:09:00:00:02";

/// A table, as soon as it is as wanted; at the deadline the last one.
pub(crate) fn table(console: &Console, words: &[&str], by: Deadline, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = eventually("the table", by, || {
        last = console.table(words)?;
        Ok(Probe::when(wanted(&last), || "something else".into()))
    });
    assert!(!last.is_null(), "{found:?}");
    last
}

fn total(report: &Value) -> Counters {
    counters::of_row(&report["total"]).unwrap().total()
}

/// Rows of the history that count, in SQL.
fn marked(collector: &Collector) -> Counters {
    let row = collector.sql("select sum(packets), sum(octets) from flows where prim = 1").unwrap().pop().unwrap();
    let (packets, octets) = row.split_once('|').unwrap();
    Counters::new(packets.parse().unwrap(), octets.parse().unwrap())
}

/// IP packets and octets of untagged frames, both ways.
pub(crate) fn of_ip(frames: Traffic) -> Counters {
    let all = frames.total();
    Counters::new(all.packets, all.octets - HEADER * all.packets)
}

pub(crate) fn difference(after: [Traffic; 2], before: [Traffic; 2]) -> [Traffic; 2] {
    [after[0] - before[0], after[1] - before[1]]
}
