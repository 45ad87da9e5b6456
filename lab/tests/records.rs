//! One schema of rows: what `traf-sensor read` prints of a capture file, `traf` prints of the sensor that saw the same frames.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Map, Value};
use traf_lab::process::binary;
use traf_lab::{MonitoredLan, ReferenceCapture};
use traf_model::Timestamp;

/// Tables by the command of `traf`, and their names in the document of a file.
const TABLES: [(&str, &str); 6] = [
    ("traffic", "flows"),
    ("interfaces", "classes"),
    ("sizes", "sizes"),
    ("services", "services"),
    ("stations", "stations"),
    ("hosts", "hosts"),
];
/// Fields that only an answer of a collector has.
const MORE: [&str; 9] =
    ["sensor", "interface", "observed_by", "own", "source_end", "destination_end", "peers", "flows", "rate"];

/// Connections that end well, badly and never, datagrams, pings, ARP, a VLAN, both families.
fn traffic(lan: &MonitoredLan) {
    let [anna, ben] = &lan.lan.machines[..] else { panic!("two machines") };
    let plug = &lan.lan.interfaces[1];
    let (_serve, v4, v6) = lan.lan.serve(1, 80).unwrap();
    anna.traffic(&["tcp", &v4, "--octets", "2000000", "--reply", "100000"]).unwrap();
    anna.traffic(&["tcp", &v6, "--octets", "50000", "--reply", "300000"]).unwrap();
    anna.traffic(&["udp", &v6, "--datagrams", "30", "--size", "4000"]).unwrap();
    assert!(anna.traffic(&["tcp", &format!("{}:9", plug.ipv4)]).is_err(), "nobody listens there");
    ben.run("ping", &["-c", "2", "-i", "0.2", &lan.lan.interfaces[0].ipv4.to_string()]).unwrap();
    for words in [&["--vlan", "7", "--size", "318"][..], &["--ipv6", "--syn"], &["--flows", "40", "--size", "120"]] {
        anna.traffic(&[&["frames", "--to", &plug.mac, "--count", "80"], words].concat()).unwrap();
    }
}

/// The rows of a table of `traf`. Classes of the one interface are rows; a bracket of sizes without a packet is none.
fn rows(lan: &MonitoredLan, table: &str, window: &[&str]) -> Vec<Value> {
    let words = [&[table, "--sensor", "watch", "--interface", "mon0", "--limit", "1000"], window].concat();
    let report = lan.console.table(&words).unwrap();
    assert_eq!(report["live"], window.is_empty(), "{report:#}");
    let rows = report["rows"].as_array().unwrap();
    if let ("interfaces", [row]) = (table, &rows[..]) {
        return row["classes"].as_array().unwrap().clone();
    }
    rows.iter().filter(|row| table != "sizes" || row["packets"] != 0).cloned().collect()
}

/// True if the row of `traf` has every field of the row of the file, in its order and with its value, and no field that is
/// not in [`MORE`].
fn holds(traf: &Map<String, Value>, file: &Map<String, Value>) -> bool {
    let shared: Vec<_> = traf.iter().filter(|(name, _)| file.contains_key(*name)).collect();
    let (more, mut pairs) = (traf.len() - shared.len(), shared.iter().zip(file));
    shared.len() == file.len()
        && pairs.all(|((name, value), (other, read))| *name == other && same(value, read))
        && traf.keys().filter(|name| MORE.contains(&name.as_str()) && !file.contains_key(*name)).count() == more
}

/// Equality of values. Times may differ by what lies between two sockets' looks at the clock.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((name, a), (other, b))| name == other && same(a, b))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::String(a), Value::String(b)) => match (a.parse::<Timestamp>(), b.parse::<Timestamp>()) {
            (Ok(a), Ok(b)) => a.since(b).abs() < 1_000_000,
            _ => a == b,
        },
        _ => a == b,
    }
}

#[test]
#[ignore = "needs namespaces"]
fn a_file_and_a_sensor_that_saw_the_same_frames_have_the_same_rows() {
    let lan = MonitoredLan::new(&["anna", "ben"], true, &["--slice", "2s"]).unwrap();
    let from = lan.lan.tower.run("date", &["-u", "-d", "-1 minute", "+%FT%TZ"]).unwrap();
    let reference = ReferenceCapture::start(&lan.lan.watch, "mon0", &lan.lan.folder, "").unwrap();
    traffic(&lan);
    let kernel = lan.kernel().unwrap();
    assert_eq!(lan.shown_like(&kernel).unwrap(), kernel, "traf interfaces and the kernel");
    assert_eq!(lan.stored_like(&kernel).unwrap(), kernel, "SQL and the kernel");
    let file = reference.stop().unwrap().file.to_string_lossy().into_owned();
    let document = lan.lan.watch.run(&binary("traf-sensor").unwrap(), &["read", &file, "--format", "json"]).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();

    for (window, what) in [(&[][..], "live"), (&["--from", from.trim()], "past")] {
        for (table, name) in TABLES {
            let (traf, read) = (rows(&lan, table, window), document[name].as_array().unwrap());
            println!("{what}: {table}: {} rows", read.len());
            assert!(!read.is_empty(), "{what}: {table}: no rows");
            for row in read {
                let row = row.as_object().unwrap();
                let found = traf.iter().filter_map(Value::as_object).filter(|traf| holds(traf, row)).count();
                assert_eq!(found, 1, "{what}: {table}: rows of traf with the fields of {row:#?}, in {traf:#?}");
            }
            assert_eq!(traf.len(), read.len(), "{what}: {table}: {traf:#?}, {read:#?}");
        }
    }
}
