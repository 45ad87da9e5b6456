//! VLAN tags that not everybody sees: the same packets are tagged on one link and plain on another, or tagged one way only. Each
//! packet counts once; tags that differ by direction split no conversation, hide no direction and invent no service.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod links;

use std::time::Duration;

use links::{LIVE, Links, PAST, Run, count, difference, of_ip, table};
use serde_json::Value;
use traf_lab::ReferenceCapture;
use traf_lab::process::binary;
use traf_lab::wait::{Deadline, at_rest, together};
use traf_model::{Counters, Traffic};

/// Octets of a tag.
const TAG: u64 = 4;
/// Octets of the IP packet of each frame.
const PACKET: u64 = 106;
/// Flows of each kind and shape of tags, and frames of each, each way.
const FLOWS: usize = 240;
const FRAMES: u64 = 5;
/// Flows of a shape: connections, and datagrams.
const CONVERSATIONS: usize = 2 * FLOWS;

/// Tags of the shapes, there and back: one way only, another each way, and priority alone (VID 0), which is no VLAN.
const SHAPES: [(Option<u16>, Option<u16>); 3] = [(Some(7), None), (Some(8), Some(9)), (Some(0), None)];

/// Connections and datagrams with one host, with these tags there and back on the west link and, with a twin, plain on the east.
fn tagged(host: &str, there: Option<u16>, back: Option<u16>, twin: bool) -> Vec<String> {
    let mut runs = Vec::new();
    for (kind, port) in [("--tcp", 8080), ("", 5060)] {
        for (direction, tag) in [("", there), ("--back", back)] {
            let size = 14 + PACKET + if tag.is_some() { TAG } else { 0 };
            let tag = tag.map_or_else(String::new, |vlan| format!("--vlan {vlan}"));
            let twin = if twin { "--twin east" } else { "" };
            let ends = format!("--source {host}.2 --destination {host}.1 --port {port} {kind} {direction} {tag}");
            let count = FLOWS as u64 * FRAMES;
            runs.push(format!("{ends} {twin} --flows {FLOWS} --count {count} --size {size} --rate {FLOWS} --seed 7"));
        }
    }
    runs
}

/// VLAN of a row: that of the direction that began.
fn vlan((there, _): (Option<u16>, Option<u16>)) -> Option<u16> {
    there.filter(|there| *there != 0)
}

/// The host of a shape: on both links, tagged on the west and plain on the east; or on the west link alone.
fn host(shape: usize, both: bool) -> String {
    format!("10.{}.{shape}", u8::from(both))
}

fn send(links: &Links) -> [Traffic; 2] {
    let before = links.counts();
    let mut runs = Vec::new();
    for (shape, (there, back)) in SHAPES.into_iter().enumerate() {
        for both in [true, false] {
            runs.extend(tagged(&host(shape, both), there, back, both));
        }
    }
    let runs: Vec<Run<'_>> = runs.iter().map(|words| Run { link: 0, words }).collect();
    // Every conversation has begun by then: who sends first is the initiator.
    links.send(&runs, (SHAPES.len() * CONVERSATIONS) as u64 * 3 * 3 / 2);
    difference(links.counts(), before)
}

/// True for a row that has all frames of both directions.
fn is_whole(row: &Value) -> bool {
    ["forward", "reverse"].iter().all(|way| row[way]["packets"] == FRAMES)
}

/// Sentences on what is wrong with the conversations of a shape of tags, on both links or on the west link alone.
fn conversations(links: &Links, shape: usize, both: bool, (name, window): (&str, &[&str])) -> Vec<String> {
    let (mut wrong, tags, past) = (Vec::new(), SHAPES[shape], !window.is_empty());
    let what = format!("tags {tags:?}, both links {both}, {name}");
    let filter = format!("host {}.1", host(shape, both));
    let ask = |words: &[&str]| -> Vec<Value> {
        let words = [words, &["--limit", "1000", "--filter", &filter], window].concat();
        let answered = |report: &Value| !report["notes"].to_string().contains("no answer");
        table(&links.console, &words, Deadline::seconds(30), answered)["rows"].as_array().unwrap().clone()
    };
    // Live a sensor may send fewer rows than there are, but a screenful at least: then what it left out is in `other`.
    let rows: Vec<Value> = ask(&["traffic"]).into_iter().filter(|row| past || row["other"] != true).collect();
    let whole = rows.iter().filter(|row| is_whole(row)).count();
    println!("{what}: {} conversations, {whole} of them whole", rows.len());
    let enough = if past { CONVERSATIONS } else { 60 };
    if whole != rows.len() || !(enough..=CONVERSATIONS).contains(&whole) {
        wrong.push(format!("{what}: {} rows, {whole} of them whole: {:?}", rows.len(), rows.first()));
    }
    if !both && !rows.iter().all(|row| row["vlan"].as_u64() == vlan(tags).map(u64::from)) {
        wrong.push(format!("{what}: rows of other VLANs: {:?}", rows.first()));
    }
    // Live a filter counts since it was set.
    if past {
        let mut ports: Vec<String> = ask(&["services"]).iter().map(|row| row["port"].to_string()).collect();
        ports.sort();
        if ports != ["5060", "8080"] {
            wrong.push(format!("{what}: {} services: {ports:.5?}", ports.len()));
        }
    }
    wrong
}

#[test]
#[ignore = "needs namespaces"]
fn packets_whose_tags_not_everybody_sees_count_once_and_tags_split_no_conversation() {
    let mut links = Links::new();
    links.watch(0);
    let [west, east] = send(&links);
    assert_eq!(west.total().packets, 2 * east.total().packets);
    let east = of_ip(east);
    assert_eq!(east.octets, east.packets * PACKET);
    let expected = Counters::new(2 * east.packets, 2 * east.octets);
    let mut wrong = count(&links.console, &links.collector, expected, 10);
    let asked: Vec<_> = (0..SHAPES.len()).flat_map(|shape| [true, false].map(|both| (shape, both))).collect();
    let wrong_in = |window, (shape, both): (usize, bool)| conversations(&links, shape, both, window);
    wrong.extend(together(&asked, |asked| wrong_in(LIVE, *asked)).concat());
    wrong.extend(asked.iter().flat_map(|asked| wrong_in(PAST, *asked)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs namespaces"]
fn a_priority_tag_is_no_vlan_in_a_file() {
    let links = Links::new();
    let gate = &links.lan.machines[0];
    let reference = ReferenceCapture::start(gate, "west", &links.lan.folder, "").unwrap();
    let runs = tagged(&host(0, false), Some(0), None, false);
    let runs: Vec<Run<'_>> = runs.iter().map(|words| Run { link: 0, words }).collect();
    links.send(&runs, CONVERSATIONS as u64);
    // The capture has read the last of them, too.
    at_rest("the links", Duration::from_secs(1), Deadline::seconds(10), || Ok(links.counts())).unwrap();
    let file = reference.stop().unwrap().file;
    let words = ["read", &file.to_string_lossy(), "--format", "json"];
    let document: Value = serde_json::from_str(&gate.run(&binary("traf-sensor").unwrap(), &words).unwrap()).unwrap();
    let flows = document["flows"].as_array().unwrap();
    let whole = flows.iter().filter(|flow| flow["vlan"].is_null() && is_whole(flow)).count();
    assert_eq!(
        [flows.len(), whole],
        [CONVERSATIONS; 2],
        "conversations, and those of them that are whole and untagged"
    );
}
