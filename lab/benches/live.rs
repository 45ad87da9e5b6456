//! Live capture beside tcpdump: frames of 60 octets, 100,000 flows, 300,000 a second, each program in turn, three times.
//!
//! The generator has one CPU and the program the other. What counts is CPU time a frame, which stays meaningful on a busy
//! machine, and loss. The bar is 300 ns, without loss wherever tcpdump has none. The frames enter at the switch's end of the
//! machine's cable: bridge and mirror port would cost the generator more than half of its speed.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use traf_lab::process::cpu;
use traf_lab::wait::{Deadline, Probe, eventually};
use traf_lab::{Collector, Console, Lan, Process, Sensor};

const FRAMES: u64 = 3_000_000;
const RATE: u64 = 300_000;
const ROUNDS: usize = 3;

/// One run of one program.
#[derive(Debug)]
struct Run {
    program: &'static str,
    cpu: Duration,
    seen: u64,
    dropped: u64,
}

fn main() {
    let lan = Lan::new(&["anna", "ben"]).unwrap();
    let collector = lan.start_collector().unwrap();
    let console = Console::join("viewer", &lan.tower, &collector, &lan.folder).unwrap();
    lan.rest().unwrap();
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        runs.push(tcpdump(&lan));
        runs.push(sensor(&lan, &collector, &console));
    }
    for run in &runs {
        let each = run.cpu.as_nanos() as f64 / FRAMES as f64;
        println!(
            "{:12} {each:6.0} ns CPU a frame, {} frames of {FRAMES}, {} dropped",
            run.program, run.seen, run.dropped
        );
    }
    let best = |program| runs.iter().filter(|run| run.program == program).map(|run| run.cpu).min().unwrap();
    let (theirs, ours) = (best("tcpdump"), best("traf-sensor"));
    println!("traf-sensor / tcpdump: {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
}

/// Sends the frames from the first CPU; the program that watches has moved to the second.
fn load(lan: &Lan, program: &Process) -> Duration {
    pin(program.pid());
    let before = cpu(program.pid()).unwrap();
    let lab = traf_lab::process::binary("traf-lab").unwrap();
    let (count, rate) = (FRAMES.to_string(), RATE.to_string());
    let (port, mac) = (lan.lan.port(&lan.machines[1]), &lan.interfaces[1].mac);
    let ends = ["traffic", "frames", "--interface", &port, "--to", mac];
    let load = ["--count", &count, "--flows", "100000", "--rate", &rate];
    let words = [&["-c", "0", &lab][..], &ends, &load].concat();
    let sent = lan.lan.machine.run("taskset", &words).unwrap();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let pace = sent["frames"].as_f64().unwrap() / sent["seconds"].as_f64().unwrap();
    println!("sent {FRAMES} frames at {pace:.0} a second");
    lan.rest().unwrap();
    cpu(program.pid()).unwrap() - before
}

/// All threads of a process to the second CPU, where there is one.
fn pin(pid: u32) {
    let mask = if std::thread::available_parallelism().unwrap().get() > 1 { "1" } else { "0" };
    let pinned =
        std::process::Command::new("taskset").args(["-a", "-c", "-p", mask, &pid.to_string()]).output().unwrap();
    assert!(pinned.status.success(), "{pinned:?}");
}

fn tcpdump(lan: &Lan) -> Run {
    let mut program =
        lan.machines[1].start("tcpdump", &["-i", "eth0", "-w", "/dev/null", "-B", "16384", "-n"]).unwrap();
    let from = program.log().len();
    eventually("tcpdump", Deadline::seconds(10), || {
        let log = program.log();
        Ok(Probe::when(log[from.min(log.len())..].contains("listening on"), || log))
    })
    .unwrap();
    let cpu = load(lan, &program);
    program.signal(Signal::SIGINT).unwrap();
    program.wait(Deadline::seconds(10)).unwrap();
    let log = program.log();
    let number = |words: &str| {
        let line = log.lines().rev().find(|line| line.ends_with(words)).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    };
    Run { program: "tcpdump", cpu, seen: number("captured"), dropped: number("dropped by kernel") }
}

fn sensor(lan: &Lan, collector: &Collector, console: &Console) -> Run {
    let state = lan.folder.join("sensor-ben");
    let _ = std::fs::remove_dir_all(&state);
    let known = console.interfaces().unwrap().get("ben").map_or(0, |counters| counters.inbound.packets);
    let mut sensor = Sensor::start(&lan.machines[1], collector, &lan.folder, "eth0", &[]).unwrap();
    console.wait_for_sensors(1).unwrap();
    let cpu = load(lan, &sensor.process);
    let table = console.table(&["interfaces"]).unwrap();
    let rows = table["rows"].as_array().unwrap();
    let row = rows.iter().max_by_key(|row| row["in"]["packets"].as_u64()).unwrap();
    let dropped = row["drops"].as_u64().unwrap();
    let seen = row["in"]["packets"].as_u64().unwrap();
    sensor.process.terminate(Deadline::seconds(20)).unwrap();
    Run { program: "traf-sensor", cpu, seen: seen.max(known), dropped }
}
