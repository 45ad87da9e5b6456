//! Memory of the console with a hundred thousand flows behind its screen.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use traf_lab::process::Memory;
use traf_lab::wait::{Deadline, Probe, eventually};
use traf_lab::{Console, Lan, Sensor, Terminal};

/// Flows in the sensor's table.
const FLOWS: u64 = 100_000;
/// Room for all of them: in a smaller table some sets are full, by which random words it hashes with.
const SENSOR: [&str; 4] = ["--buffer", "64MiB", "--flows", "1048576"];
/// Most memory that the console may hold, in octets, with the text of the program: 60,000 kB.
const MOST: u64 = 60_000 * 1024;
/// A line of the main menu.
const MENU: &str = "IP traffic monitor";
/// Rows that the console must have loaded; the sensor's live stream has room for more.
const ROWS: u64 = 450;
/// A screen, the keys that lead to it, and what it says when its rows are there.
const SCREENS: [(&str, &[&str], &str); 9] = [
    ("the traffic monitor", &["i"], " of 100,000 "),
    // Sources are 50,000 ports of two addresses.
    ("the traffic monitor, filtered", &["i", "f", "portrange 1024-40000", "Enter"], " of 77,954 "),
    ("the traffic monitor, by pair", &["i", "g", "i"], "198.18.0.1 → "),
    ("interfaces", &["g"], "eth0"),
    ("packet sizes", &["b", "s", "Enter"], "MTU is"),
    ("services", &["b", "p"], "TCP/80"),
    ("stations", &["l"], "02:54:01:00:00:01"),
    ("hosts", &["o"], "198.18."),
    ("sensors", &["e"], "reporting"),
];

#[test]
#[ignore = "needs namespaces"]
fn a_hundred_thousand_flows_behind_the_screen_cost_the_console_60_megabytes_at_most() {
    let lan = Lan::new(&["anna", "ben"]).unwrap();
    let collector = lan.start_collector().unwrap();
    let console = Console::join("viewer", &lan.tower, &collector, &lan.folder).unwrap();
    let _sensor = Sensor::start(&lan.machines[1], &collector, &lan.folder, "eth0", &SENSOR).unwrap();
    console.wait_for_sensors(1).unwrap();
    let flows = FLOWS.to_string();
    let words = ["frames", "--to", &lan.interfaces[1].mac, "--flows", &flows, "--syn"];
    // Each flow begins, and goes on at a pace that leaves room for the screens.
    lan.machines[0].traffic(&[&words[..], &["--count", &flows, "--rate", "20000"]].concat()).unwrap();
    let words = [&words[..], &["--count", "100000000", "--rate", "5000"]].concat();
    let _traffic = lan.machines[0].start_traffic(&words).unwrap();
    eventually("the flows", Deadline::seconds(120), || {
        let there = console.table(&["traffic", "--limit", "1"])?["matched"].as_u64().unwrap_or(0);
        Ok(Probe::when(there >= FLOWS, || format!("{there} flows")))
    })
    .unwrap();

    let terminal = Terminal::open(&lan.tower, &lan.folder, 200, 60).unwrap();
    let file = lan.folder.join("traf.pid");
    let start = format!("clear; (echo $BASHPID > {}; exec env {})", file.display(), console.line().unwrap());
    terminal.line(&start).unwrap();
    let home = || {
        let shows = |screen: &str| screen.contains("1 of 1 reporting") && screen.contains(MENU);
        terminal.wait_for("the main menu", Deadline::seconds(30), shows).unwrap();
    };
    home();
    let process: u32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    println!("first screen: {}", Memory::of(process).unwrap());
    for (what, keys, shows) in SCREENS {
        keys.iter().for_each(|key| terminal.key(key).unwrap());
        let there = |screen: &str| screen.contains(shows) && !screen.contains("asking");
        terminal.wait_for(what, Deadline::seconds(30), there).unwrap();
        if shows.starts_with(" of ") {
            // To the last row again and again: more are asked for as one scrolls.
            let deadline = Deadline::seconds(30);
            let more = |screen: &str| listed(screen, shows).is_some_and(|rows| rows > ROWS);
            eventually("more rows", deadline, || {
                terminal.key("End")?;
                let screen = terminal.screen()?;
                Ok(Probe::when(more(&screen), || screen))
            })
            .unwrap();
        }
        println!("{what}: {}", Memory::of(process).unwrap());
        terminal.key("x").unwrap();
        home();
    }
    let memory = Memory::of(process).unwrap();
    println!("{memory}, of {} kB", MOST / 1024);
    assert!(memory.peak <= MOST, "{memory}");
}

/// Rows of a list whose title says `· 1,000 of 100,000`.
fn listed(screen: &str, of: &str) -> Option<u64> {
    screen.split_once(of)?.0.rsplit_once("· ")?.1.replace(',', "").parse().ok()
}
