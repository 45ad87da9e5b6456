//! Programs are killed while traffic flows. Afterwards nothing is counted twice, and what is missing is known.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use traf_lab::wait::{Deadline, Probe, eventually};
use traf_lab::{Console, Disk, Lan, MonitoredLan, ReferenceCapture, Sensor};
use traf_sensor::spool::{record_name, record_ranges};

/// Short slices: more of them are in flight when something dies.
const SLICE: [&str; 2] = ["--slice", "2s"];

#[test]
#[ignore = "needs namespaces"]
fn a_collector_killed_five_times_and_a_sensor_once_cost_one_recorded_slice() {
    let mut lan = MonitoredLan::new(&["anna", "ben"], false, &SLICE).unwrap();
    let (_serve, v4, v6) = lan.lan.serve(1, 9000).unwrap();
    let mut traffic = [
        lan.lan.machines[0]
            .start_traffic(&["udp", &v4, "--datagrams", "100000000", "--size", "700", "--rate", "300"])
            .unwrap(),
        lan.lan.machines[0].start_traffic(&["tcp", &v6, "--octets", "100000000000", "--rate", "300000"]).unwrap(),
    ];

    for _ in 0..5 {
        lan.next_slice("anna").unwrap();
        lan.collector.process.kill().unwrap();
        lan.collector.start_again().unwrap();
    }
    lan.next_slice("anna").unwrap();
    traffic.iter_mut().for_each(|traffic| traffic.kill().unwrap());
    let kernel = lan.kernel().unwrap();
    assert!(kernel["ben"].inbound.packets > 1000, "there was traffic: {kernel:?}");
    assert_eq!(lan.stored_like(&kernel).unwrap(), kernel, "five dead collectors cost nothing and double nothing");
    println!("{}", lan.collector.verify().unwrap());
    assert_eq!(losses(&lan), Vec::<String>::new());

    // A slice has just begun; what follows is all that it holds when its sensor dies.
    lan.next_slice("ben").unwrap();
    let before = lan.lan.rest().unwrap();
    lan.next_slice("ben").unwrap();
    lan.lan.machines[0].traffic(&["udp", &v4, "--datagrams", "100", "--size", "400"]).unwrap();
    let ben = lan.sensors.iter_mut().find(|sensor| sensor.machine.name == "ben").unwrap();
    ben.process.kill().unwrap();
    let killed = lan.collector.number("select unixepoch('now')").unwrap();
    let missing = lan.lan.rest().unwrap()["ben"] - before["ben"];
    assert!(missing.inbound.packets >= 100, "{missing:?}");
    ben.process.start_again().unwrap();
    lan.console.wait_for_sensors(2).unwrap();

    lan.lan.machines[0].traffic(&["udp", &v4, "--datagrams", "50", "--size", "400"]).unwrap();
    let mut kernel = lan.kernel().unwrap();
    kernel.insert("ben".to_owned(), kernel["ben"] - missing);
    assert_eq!(lan.stored_like(&kernel).unwrap(), kernel, "one slice is missing, and nothing else");
    println!("{}", lan.collector.verify().unwrap());
    assert_eq!(losses(&lan), ["ben|sensor ended before it sealed the slice"]);
    let covers =
        format!("select count(*) from events where unixepoch(time) <= {killed} and {killed} <= unixepoch(until)");
    assert_eq!(
        lan.collector.number(&covers).unwrap(),
        1,
        "the loss says when: {:?}",
        lan.collector.sql("select * from events")
    );
}

#[test]
#[ignore = "needs namespaces"]
fn a_cut_cable_delays_and_loses_nothing() {
    let lan = MonitoredLan::new(&["anna", "ben"], false, &SLICE).unwrap();
    let (_serve, v4, _) = lan.lan.serve(1, 9000).unwrap();
    lan.lan.mgmt.cut(&lan.lan.machines[0]).unwrap();
    lan.lan.machines[0].traffic(&["udp", &v4, "--datagrams", "300", "--rate", "100"]).unwrap();
    eventually("the collector to miss the sensor", Deadline::seconds(60), || {
        let sensors = lan.console.table(&["sensors"])?.to_string();
        Ok(Probe::when(sensors.contains("\"late\"") || sensors.contains("\"away\""), || sensors))
    })
    .unwrap();
    let kernel = lan.kernel().unwrap();
    assert_ne!(lan.stored().unwrap(), kernel, "the cut was felt");
    lan.lan.mgmt.mend(&lan.lan.machines[0]).unwrap();
    eventually("the sensor to catch up", Deadline::seconds(90), || {
        let stored = lan.stored()?;
        Ok(Probe::when(stored == kernel, || format!("{stored:?}")))
    })
    .unwrap();
    println!("{}", lan.collector.verify().unwrap());
    assert_eq!(losses(&lan), Vec::<String>::new());
}

#[test]
#[ignore = "needs namespaces"]
fn a_stopped_collector_is_waited_for() {
    let lan = MonitoredLan::new(&["anna", "ben"], false, &SLICE).unwrap();
    let (_serve, v4, _) = lan.lan.serve(1, 9000).unwrap();
    lan.next_slice("anna").unwrap();
    lan.collector.process.signal(Signal::SIGSTOP).unwrap();
    lan.lan.machines[0].traffic(&["udp", &v4, "--datagrams", "600", "--rate", "100"]).unwrap();
    let kernel = lan.kernel().unwrap();
    lan.collector.process.signal(Signal::SIGCONT).unwrap();
    assert_eq!(lan.stored_like(&kernel).unwrap(), kernel);
    println!("{}", lan.collector.verify().unwrap());
}

#[test]
#[ignore = "needs namespaces"]
fn a_sensor_that_is_held_up_finds_what_passed_in_its_ring() {
    let lan = MonitoredLan::new(&["anna", "ben"], false, &SLICE).unwrap();
    let (_serve, v4, _) = lan.lan.serve(1, 9000).unwrap();
    lan.next_slice("anna").unwrap();
    let tell = |signal| {
        lan.sensors.iter().for_each(|sensor| sensor.process.signal(signal).unwrap());
    };
    tell(Signal::SIGSTOP);
    // Four times as many octets as a ring has.
    lan.lan.machines[0].traffic(&["tcp", &v4, "--octets", "64000000"]).unwrap();
    tell(Signal::SIGCONT);
    let kernel = lan.kernel().unwrap();
    assert!(kernel["ben"].inbound.octets > 64_000_000, "{kernel:?}");
    assert_eq!(lan.stored_like(&kernel).unwrap(), kernel);
    println!("{}", lan.collector.verify().unwrap());
}

#[test]
#[ignore = "needs namespaces"]
fn frames_that_are_read_late_count_in_the_slice_of_their_time() {
    let lan = MonitoredLan::new(&["anna", "ben"], false, &SLICE).unwrap();
    let [anna, ben] = &lan.lan.machines[..] else { panic!("two machines") };
    lan.next_slice("ben").unwrap();
    let reference = ReferenceCapture::start(ben, "eth0", &lan.lan.folder, "ip").unwrap();
    let to = &lan.lan.interfaces[1].mac;
    let frames = |count: &str| {
        let load = ["frames", "--to", to, "--count", count, "--flows", "3000", "--rate", "8000", "--size", "120"];
        anna.traffic(&load).unwrap();
    };
    frames("8000");
    // Longer than two slices.
    lan.sensors[1].process.signal(Signal::SIGSTOP).unwrap();
    frames("40000");
    lan.sensors[1].process.signal(Signal::SIGCONT).unwrap();
    frames("8000");
    let kernel = lan.kernel().unwrap();
    assert_eq!(lan.stored_like(&kernel).unwrap(), kernel);
    let capture_file = reference.stop().unwrap();

    let slice = |second: i64| second - second.rem_euclid(2);
    let mut passed: BTreeMap<i64, i64> = BTreeMap::new();
    for frame in capture_file.frames().unwrap().iter().filter(|frame| frame.packet.is_some()) {
        *passed.entry(slice(frame.at.div_euclid(1_000_000_000))).or_default() += 1;
    }
    assert!(passed.len() >= 3 && passed.values().sum::<i64>() >= 56_000, "{passed:?}");
    for (start, packets) in passed {
        let query = format!("select coalesce(sum(packets), 0) from flows where sensor = 'ben' and ts = {start}");
        let counted = lan.collector.number(&query).unwrap();
        // The two captures stamp a frame at moments of their own, and other packets pass beside these.
        assert!((counted - packets).abs() <= 100, "slice {start}: {counted}, not {packets}");
    }
}

#[test]
#[ignore = "needs namespaces"]
fn three_spooled_records_with_a_flipped_bit_each_are_lost_and_no_other_is() {
    let mut lan = MonitoredLan::new(&["anna", "ben"], false, &SLICE).unwrap();
    lan.next_slice("ben").unwrap();
    lan.collector.process.kill().unwrap();
    let spool = lan.lan.folder.join("sensor-ben/spool");
    eventually("six records in the spool", Deadline::seconds(60), || {
        let waiting = record_ranges(&spool)?.len();
        Ok(Probe::when(waiting >= 6, || format!("{waiting} records")))
    })
    .unwrap();
    let ben = lan.sensors.iter_mut().find(|sensor| sensor.machine.name == "ben").unwrap();
    ben.process.kill().unwrap();
    let waiting = record_ranges(&spool).unwrap();
    let (_, last) = waiting[waiting.len() - 1];
    for ((from, to), place) in [waiting[1], waiting[2], waiting[4]].into_iter().zip([0, 30, 80]) {
        let path = spool.join(record_name(from, to));
        let mut record = std::fs::read(&path).unwrap();
        record[place] ^= 1 << 4;
        std::fs::write(&path, record).unwrap();
    }
    lan.collector.start_again().unwrap();
    ben.process.start_again().unwrap();
    eventually("the records to arrive", Deadline::seconds(60), || {
        let marks = lan.collector.sql("select mark_seq from sensors where sensor = 'ben'")?;
        Ok(Probe::when(marks.iter().any(|mark| mark.parse().is_ok_and(|mark: u64| mark >= last)), || {
            format!("{marks:?}")
        }))
    })
    .unwrap();
    let counts =
        "select lost_records || '|' || (stored_records + lost_records = mark_seq) from sensors where sensor = 'ben'";
    assert_eq!(lan.collector.sql(counts).unwrap(), ["3|1"]);
    println!("{}", lan.collector.verify().unwrap());
    let damaged = losses(&lan).iter().filter(|loss| loss.contains("damaged")).count();
    assert_eq!(damaged, 3, "{:?}", losses(&lan));
}

#[test]
#[ignore = "needs namespaces"]
fn a_full_disk_at_the_collector_stops_acknowledging_and_loses_nothing() {
    let lan = Lan::new(&["anna", "ben"]).unwrap();
    let disk = Disk::new(&lan.tower.namespaces, &lan.folder.join("small"), 32 << 20).unwrap();
    // `ip netns exec` copies the lab's mounts when it starts, so the disk is there for the collector.
    let collector = lan.start_collector_on(&disk.folder.join("data")).unwrap();
    let console = Console::join("viewer", &lan.tower, &collector, &lan.folder).unwrap();
    let before = lan.rest().unwrap();
    let _sensor = Sensor::start(&lan.machines[0], &collector, &lan.folder, "eth0", &SLICE).unwrap();
    console.wait_for_sensors(1).unwrap();
    let (_serve, v4, _) = lan.serve(1, 9000).unwrap();

    disk.fill().unwrap();
    lan.machines[0].traffic(&["udp", &v4, "--datagrams", "600", "--rate", "100"]).unwrap();
    let kernel = lan.rest().unwrap()["anna"] - before["anna"];
    eventually("the spool to grow", Deadline::seconds(60), || {
        let records = console.table(&["sensors"])?.to_string();
        let waiting = std::fs::read_dir(lan.folder.join("sensor-anna/spool"))?.count();
        Ok(Probe::when(waiting >= 3, || records))
    })
    .unwrap();
    // A snapshot is up to a second old.
    eventually("the live view to go on", Deadline::seconds(10), || {
        let live = console.interfaces()?["anna"];
        Ok(Probe::when(live == kernel, || format!("{live:?}, not {kernel:?}")))
    })
    .unwrap();

    disk.clear().unwrap();
    let query = "select in_packets || '|' || in_octets || '|' || out_packets || '|' || out_octets from interfaces";
    let wanted = format!(
        "{}|{}|{}|{}",
        kernel.inbound.packets, kernel.inbound.octets, kernel.outbound.packets, kernel.outbound.octets
    );
    eventually("the store to catch up", Deadline::seconds(90), || {
        let rows =
            lan.tower.run("sqlite3", &["-readonly", &collector.data.join("history.db").to_string_lossy(), query])?;
        Ok(Probe::when(rows.trim() == wanted, || format!("{rows}, not {wanted}")))
    })
    .unwrap();
    println!("{}", collector.verify().unwrap());
}

/// Recorded losses: sensor and reason.
fn losses(lan: &MonitoredLan) -> Vec<String> {
    lan.collector.sql("select sensor, what from events where what not like 'clock%' order by ts").unwrap()
}
