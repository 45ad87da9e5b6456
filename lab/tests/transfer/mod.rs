//! A transfer between two machines, and three sensors that may see it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use traf_lab::wait::{Deadline, Probe, eventually};
use traf_lab::{Collector, Console, Lan, Sensor};
use traf_model::{Counters, Traffic};

/// Octets that anna sends to ben.
pub(crate) const BULK: u64 = 100_000_000;
/// Octets of Ethernet's header, which frames have and IP packets have not.
pub(crate) const HEADER: u64 = 14;

/// Machines anna and ben, and who watches a mirror port between them; no sensor yet.
pub(crate) struct Setup {
    pub(crate) sensors: Vec<Sensor>,
    pub(crate) console: Console,
    pub(crate) collector: Collector,
    pub(crate) lan: Lan,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let lan = Lan::new(&["anna", "ben"]).unwrap();
        let collector = lan.start_collector().unwrap();
        let console = Console::join("viewer", &lan.tower, &collector, &lan.folder).unwrap();
        Self { sensors: Vec::new(), console, collector, lan }
    }

    /// One sensor more: on anna, on ben, at the mirror port.
    pub(crate) fn another(&mut self) {
        let (lan, collector) = (&self.lan, &self.collector);
        let sensor = match self.sensors.len() {
            2 => Sensor::start(&lan.watch, collector, &lan.folder, "mon0", &["--mirror", "mon0", "--slice", "2s"]),
            machine => Sensor::start(&lan.machines[machine], collector, &lan.folder, "eth0", &["--slice", "2s"]),
        };
        self.sensors.push(sensor.unwrap());
        self.console.wait_for_sensors(self.sensors.len()).unwrap();
        self.collector.wait_for_keys(self.sensors.len()).unwrap();
    }

    /// The observation points that should see it.
    pub(crate) fn observers(&self, count: usize) -> Vec<String> {
        let mut names: Vec<String> =
            ["anna/eth0", "ben/eth0", "watch/mon0"][..count].iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    pub(crate) fn anna(&self) -> Traffic {
        self.lan.machines[0].counters().unwrap()["eth0"]
    }

    pub(crate) fn ben(&self) -> Traffic {
        self.lan.machines[1].counters().unwrap()["eth0"]
    }

    /// Takes the offloads from the cable to a machine: it gets single frames of what the other sends in large ones.
    pub(crate) fn cut_frames_for(&self, machine: usize) {
        let port = self.lan.lan.port(&self.lan.machines[machine]);
        let words = ["-K", &port, "tso", "off", "gso", "off", "tx-udp-segmentation", "off"];
        self.lan.lan.machine.run("ethtool", &words).unwrap();
    }

    /// Three sensors count what anna and ben exchange on a port once, live, past and marked, although one of them sees more and
    /// smaller packets than the other: at least what either way has in large frames, at most what it has in single ones, with the
    /// headers of all packets. Gives the packets of either machine.
    pub(crate) fn counts_once(&self, port: u16, send: impl FnOnce()) -> [u64; 2] {
        let (from, before) = (self.now(), [self.anna(), self.ben()]);
        send();
        let [anna, ben] = [self.anna() - before[0], self.ben() - before[1]];
        let ip = |seen: Counters| seen.octets - HEADER * seen.packets;
        let ways = [[anna.outbound, ben.inbound], [ben.outbound, anna.inbound]].map(|seen| seen.map(ip));
        let least: u64 = ways.iter().map(|[sent, got]| sent.min(got)).sum();
        let most: u64 = ways.iter().map(|[sent, got]| sent.max(got)).sum();
        let packets = [anna, ben].map(|seen| seen.total().packets);
        assert!(least > BULK);
        let right = |octets: u64| octets * 100 >= least * 99 && octets * 100 <= most * 101;
        let who = self.observers(3);
        let good = |report: &Value| right(octets(report)) && observed_by(report) == who;
        let live = self.flows(port, &[], good);
        println!("live: {} octets, {least} to {most}, {packets:?} packets", octets(&live));
        assert!(good(&live), "live: {least} to {most}, {live:#}");
        let past = self.flows(port, &["--from", &from], good);
        println!("past: {} octets", octets(&past));
        assert!(good(&past), "past: {least} to {most}, {past:#}");
        let sql = format!("select sum(octets) from flows where prim = 1 and {port} in (source_port, destination_port)");
        let marked = u64::try_from(self.collector.number(&sql).unwrap()).unwrap();
        assert!(right(marked), "{marked} marked, {least} to {most}");
        packets
    }

    pub(crate) fn now(&self) -> String {
        self.lan.tower.run("date", &["-u", "+%Y-%m-%dT%H:%M:%S.%NZ"]).unwrap().trim().to_owned()
    }

    /// The LAN's flows of a filter, live or in a window, once they are as wanted; else as they were last.
    pub(crate) fn flows(&self, port: u16, window: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let filter = format!("port {port}");
        let words = [&["traffic", "--filter", &filter], window].concat();
        let mut last = Value::Null;
        let found = eventually("the flows", Deadline::seconds(40), || {
            last = self.console.table(&words)?;
            Ok(Probe::when(wanted(&last), || "something else".into()))
        });
        assert!(!last.is_null(), "{found:?}");
        last
    }
}

pub(crate) fn octets(report: &Value) -> u64 {
    ["in", "out"].iter().map(|way| report["total"][way]["octets"].as_u64().unwrap_or(0)).sum()
}

pub(crate) fn observed_by(report: &Value) -> Vec<String> {
    let mut names: Vec<String> = report["rows"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|row| row["observed_by"].as_array().cloned().unwrap_or_default())
        .map(|point| match &point {
            Value::String(name) => name.clone(),
            point => {
                format!("{}/{}", point["sensor"].as_str().unwrap_or(""), point["interface"].as_str().unwrap_or(""))
            }
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Octets of IP packets of a transfer, by the kernel's counters.
pub(crate) fn of_ip(after: Traffic, before: Traffic) -> u64 {
    let all = (after - before).total();
    all.octets - HEADER * all.packets
}
