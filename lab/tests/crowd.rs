//! Thirty consoles over five sensors: each is answered, whatever the others look at, and totals stay exact.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::Value;
use traf_lab::wait::{Deadline, Probe, eventually};
use traf_lab::{Console, MonitoredLan, Process};

const NAMES: [&str; 5] = ["anna", "ben", "carl", "dora", "emil"];
/// Different flows of each machine, and frames a second of all of them.
const FLOWS: u64 = 3_000;
const RATE: u64 = 1_000;
const FRAMES: u64 = 20 * RATE;
/// Table, sensor, filter, order and page of a console: no two have the same. Some ask for what all sensors saw.
fn questions() -> Vec<Vec<String>> {
    let question = |number: usize| {
        let (sensor, filter) = (["--sensor", NAMES[number % 5]], ["--filter", "udp and port 53"]);
        let port = format!("port {}", 1_024 + number);
        let words: Vec<&str> = match number % 6 {
            0 => [&["traffic"], &sensor[..], &filter].concat(),
            1 => [&["traffic", "--group", "pair"], &sensor[..], &filter].concat(),
            2 => [&["hosts"], &sensor[..]].concat(),
            3 => [&["services"], &sensor[..]].concat(),
            4 => vec!["traffic", "--filter", &port],
            _ => [&["stations"], &sensor[..]].concat(),
        };
        let order = ["octets", "packets", "rate"][number / 6 % 3];
        let page = ["60", "100", "200"][number % 3];
        let more = ["--order", order, "--limit", page, "--watch", "--format", "json"];
        words.into_iter().chain(more).map(str::to_owned).collect()
    };
    (0..30).map(question).collect()
}

/// The reports of a console so far.
fn reports(console: &Process) -> Vec<Value> {
    let log = console.log();
    // The last line may be under way.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn packets(report: &Value) -> u64 {
    report["total"]["packets"].as_u64().unwrap_or_else(|| panic!("no packets in {report}"))
}

#[test]
#[ignore = "needs namespaces"]
fn thirty_consoles_over_five_sensors_are_all_answered_and_their_totals_are_exact() {
    let lan = MonitoredLan::new(&NAMES, false, &[]).unwrap();
    // A key has sixteen connections.
    let admin = Console::join("admin", &lan.lan.tower, &lan.collector, &lan.lan.folder).unwrap();
    let macs: Vec<String> = (1..=5).map(|to| lan.lan.interfaces[to % 5].mac.clone()).collect();
    let words = |number: u64| {
        let (count, flows) = (FRAMES.to_string(), FLOWS.to_string());
        let first = (number * FLOWS).to_string();
        let to = macs[number as usize].clone();
        ["frames", "--to", &to, "--count", &count, "--flows", &flows, "--first", &first, "--rate", &RATE.to_string()]
            .map(str::to_owned)
    };
    let machines = || (0..).zip(&lan.lan.machines);
    let mut traffic: Vec<Process> = machines()
        .map(|(number, machine)| machine.start_traffic(&words(number).each_ref().map(String::as_str)).unwrap())
        .collect();

    let mut consoles: Vec<(String, Process)> = Vec::new();
    for (number, question) in questions().into_iter().enumerate() {
        let console = if number % 2 == 0 { &lan.console } else { &admin };
        let mut command = console.command().unwrap();
        command.args(&question);
        let log = lan.lan.folder.join(format!("question-{number}.log"));
        let question = question.join(" ");
        let process = Process::start(&question, command, log).unwrap();
        consoles.push((question, process));
    }
    eventually("an answer for every console", Deadline::seconds(60), || {
        let waiting: Vec<&str> = consoles
            .iter()
            .filter(|(_, console)| !reports(console).iter().any(|report| packets(report) > 0))
            .map(|(question, _)| question.as_str())
            .collect();
        Ok(Probe::when(waiting.is_empty(), || format!("no answer to {waiting:#?}")))
    })
    .unwrap();
    for (question, console) in &consoles {
        let crowded = |report: &Value| report["notes"].to_string().contains("many different tables");
        assert!(!reports(console).iter().any(crowded), "{question}");
    }

    // At rest each sensor has what its machine and its neighbour have sent, however many rows a console asked for.
    for one in &mut traffic {
        one.wait(Deadline::seconds(120)).unwrap();
    }
    let exact = |(question, _): &&(String, Process)| question.contains("port 53");
    for (question, console) in consoles.iter().filter(exact) {
        let flows = if question.contains("--group") { 1 } else { 2 * FLOWS };
        eventually(question, Deadline::after(Duration::from_secs(20)), || {
            let reports = reports(console);
            let last = reports.last().unwrap();
            // A frame that the capture lost is counted as lost.
            let dropped = last["dropped"].as_u64().unwrap();
            let seen = (packets(last) + dropped, last["matched"].as_u64().unwrap());
            Ok(Probe::when(seen == (2 * FRAMES, flows), || format!("{seen:?}, not {:?}", (2 * FRAMES, flows))))
        })
        .unwrap();
    }
}
