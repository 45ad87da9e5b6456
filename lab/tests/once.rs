//! One LAN, each byte once: a transfer that one, two or three sensors see is the same transfer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod transfer;

use serde_json::Value;
use traf_lab::wait::Deadline;
use transfer::{BULK, Setup, observed_by, octets, of_ip};

/// Within one percent.
fn close(found: u64, expected: u64) -> bool {
    found.abs_diff(expected) * 100 <= expected
}

#[test]
#[ignore = "needs namespaces"]
fn one_two_and_three_sensors_count_a_transfer_once_live_and_past() {
    let mut setup = Setup::new();
    for (count, port) in [(1, 9001), (2, 9002), (3, 9003)] {
        setup.another();
        let (_serve, to, _) = setup.lan.serve(1, port).unwrap();
        let (from, before) = (setup.now(), setup.anna());
        // A debug build follows at this rate: what the kernel drops nobody can count.
        let rate = (BULK / 5).to_string();
        setup.lan.machines[0].traffic(&["tcp", &to, "--octets", &BULK.to_string(), "--rate", &rate]).unwrap();
        let expected = of_ip(setup.anna(), before);
        assert!(expected > BULK);

        let who = setup.observers(count);
        let good = |report: &Value| close(octets(report), expected) && observed_by(report) == who;
        let live = setup.flows(port, &[], good);
        println!("{count} sensors, live: {} of {expected} octets, seen by {:?}", octets(&live), observed_by(&live));
        assert!(good(&live), "{count} live: {expected} at anna, {live:#}");

        // Up to now, until the last slices are delivered.
        let window = ["--from", &from];
        let past = setup.flows(port, &window, good);
        println!("{count} sensors, past: {} of {expected} octets, seen by {:?}", octets(&past), observed_by(&past));
        assert!(good(&past), "{count} past: {expected} at anna, {past:#}");
        let hosts =
            setup.console.table(&[&["hosts", "--filter", &format!("port {port}")], &window[..]].concat()).unwrap();
        assert!(close(octets(&hosts), 2 * expected), "{hosts:#}");
        let sql = format!("select sum(octets) from flows where prim = 1 and {port} in (source_port, destination_port)");
        let marked = u64::try_from(setup.collector.number(&sql).unwrap()).unwrap();
        assert!(close(marked, expected), "{marked} of {expected} marked");
    }
    println!("{}", setup.collector.verify().unwrap());
}

#[test]
#[ignore = "needs namespaces"]
fn a_sensor_that_stops_half_way_leaves_the_total_and_one_gap() {
    let mut setup = Setup::new();
    (0..3).for_each(|_| setup.another());
    let (_serve, to, _) = setup.lan.serve(1, 9004).unwrap();
    let (from, before) = (setup.now(), setup.anna());
    let rate = (BULK / 20).to_string();
    let mut traffic =
        setup.lan.machines[0].start_traffic(&["tcp", &to, "--octets", &BULK.to_string(), "--rate", &rate]).unwrap();
    let half = |report: &Value| octets(report) > BULK / 2;
    assert!(half(&setup.flows(9004, &[], half)), "the transfer never came half-way");
    // The one whose rows count so far.
    let sql =
        "select sensor from flows where prim = 1 and 9004 in (source_port, destination_port) order by ts desc limit 1";
    let name = setup.collector.sql(sql).unwrap().pop().unwrap();
    let place = setup.sensors.iter().position(|sensor| sensor.machine.name == name).unwrap();
    assert!(setup.sensors[place].process.terminate(Deadline::seconds(20)).unwrap().success());
    println!("stopped {name} half-way");
    assert!(traffic.wait(Deadline::seconds(60)).unwrap().success());
    let expected = of_ip(setup.anna(), before);

    let gaps = |report: &Value| report["gaps"].as_array().map_or(0, Vec::len);
    let good = |report: &Value| close(octets(report), expected) && gaps(report) == 1;
    let live = setup.flows(9004, &[], good);
    println!("live: {} of {expected} octets, gaps {}", octets(&live), live["gaps"]);
    assert!(good(&live), "live: {expected} at anna, {live:#}");
    assert!(!observed_by(&live).iter().any(|point| point.starts_with(&name)), "{live:#}");

    // It comes back: the gap has an end.
    setup.sensors[place].process.start_again().unwrap();
    setup.console.wait_for_sensors(3).unwrap();
    let window = ["--from", &from];
    let all = |report: &Value| good(report) && observed_by(report) == setup.observers(3);
    let past = setup.flows(9004, &window, all);
    println!("past: {} of {expected} octets, seen by {:?}, gaps {}", octets(&past), observed_by(&past), past["gaps"]);
    assert!(all(&past), "past: {expected} at anna, {past:#}");
    let point = setup.observers(3).into_iter().find(|point| point.starts_with(&name)).unwrap();
    assert_eq!(past["gaps"][0]["point"], point.as_str());
    println!("{}", setup.collector.verify().unwrap());
}

#[test]
#[ignore = "needs namespaces"]
fn a_transfer_counts_once_with_offload_on_one_side_only() {
    let mut setup = Setup::new();
    (0..3).for_each(|_| setup.another());
    setup.cut_frames_for(1);
    let (_serve, to, _) = setup.lan.serve(1, 9005).unwrap();
    let (octets, rate) = (BULK.to_string(), (BULK / 5).to_string());
    let packets = setup.counts_once(9005, || {
        setup.lan.machines[0].traffic(&["tcp", &to, "--octets", &octets, "--rate", &rate]).map(drop).unwrap();
    });
    assert!(packets[0] * 4 < packets[1], "{packets:?} packets");
    println!("{}", setup.collector.verify().unwrap());
}

/// Sends datagrams from machines to each other, so many at once that the kernel makes large frames of them. Nothing comes back:
/// only the datagrams themselves tell that all points saw the same.
fn send_segments(setup: &Setup, port: u16, senders: &[usize]) {
    let address = |machine: usize| format!("{}:{port}", setup.lan.interfaces[machine].ipv4);
    let sinks = senders.iter().map(|sender| {
        let sink = setup.lan.machines[1 - sender].start_traffic(&["sink", &address(1 - sender)]).unwrap();
        sink.wait_for_log("serving").unwrap();
        sink
    });
    let _sinks: Vec<_> = sinks.collect();
    let (octets, rate) = (BULK.to_string(), (BULK / 5).to_string());
    let start = |sender: &usize| {
        let words = ["segments", &address(1 - sender), "--octets", &octets, "--rate", &rate];
        setup.lan.machines[*sender].start_traffic(&words).unwrap()
    };
    let mut traffic: Vec<_> = senders.iter().map(start).collect();
    assert!(traffic.iter_mut().all(|traffic| traffic.wait(Deadline::seconds(60)).unwrap().success()));
}

#[test]
#[ignore = "needs namespaces"]
fn datagrams_that_are_cut_on_their_way_count_once() {
    let mut setup = Setup::new();
    (0..3).for_each(|_| setup.another());
    setup.cut_frames_for(1);
    let packets = setup.counts_once(9006, || send_segments(&setup, 9006, &[0]));
    assert!(packets[0] * 4 < packets[1], "{packets:?} packets");
    println!("{}", setup.collector.verify().unwrap());
}

#[test]
#[ignore = "needs namespaces"]
fn datagrams_that_are_cut_on_their_way_both_ways_count_once() {
    let mut setup = Setup::new();
    (0..3).for_each(|_| setup.another());
    [0, 1].iter().for_each(|machine| setup.cut_frames_for(*machine));
    let packets = setup.counts_once(9007, || send_segments(&setup, 9007, &[0, 1]));
    let least = BULK / 1_200;
    assert!(packets.iter().all(|packets| (least..2 * least).contains(packets)), "{packets:?} packets");
    println!("{}", setup.collector.verify().unwrap());
}

#[test]
#[ignore = "needs namespaces"]
fn datagrams_that_are_joined_by_their_receiver_count_once() {
    let mut setup = Setup::new();
    (0..3).for_each(|_| setup.another());
    setup.lan.machines[0].run("ethtool", &["-K", "eth0", "gso", "off", "tx-udp-segmentation", "off"]).unwrap();
    // A pair of virtual Ethernet devices joins packets only if its other end cannot cut them.
    setup.cut_frames_for(1);
    setup.lan.machines[1].run("ethtool", &["-K", "eth0", "gro", "on", "rx-gro-list", "on"]).unwrap();
    setup.counts_once(9008, || send_segments(&setup, 9008, &[0]));
    let packets = ["anna", "ben"].map(|name| {
        let sql = format!(
            "select sum(packets) from flows where sensor = '{name}' and 9008 in (source_port, destination_port)"
        );
        setup.collector.number(&sql).unwrap()
    });
    assert!(packets[0] > packets[1] * 4, "{packets:?} packets");
    println!("{}", setup.collector.verify().unwrap());
}
