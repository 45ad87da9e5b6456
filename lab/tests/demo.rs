//! The demo comes up, shows lively traffic of five sensors, and goes without a trace.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

#[test]
#[ignore = "needs namespaces"]
fn the_demo_shows_what_its_hosts_do() {
    let demo = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_traf-lab")).arg("demo").args(words).output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{err}");
        out
    };
    let sensors = demo(&["sensors"]);
    for name in ["anna", "ben", "carl", "dora", "watch"] {
        assert!(sensors.contains(name), "{sensors}");
    }
    println!("{sensors}");
}
