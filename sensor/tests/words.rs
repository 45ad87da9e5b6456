//! Bad input is answered in words, and with the exit code that scripts rely on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use support::Authority;

/// Exit code and standard error.
fn answer(data: &Path, arguments: &[&str]) -> (i32, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_traf-sensor")).env("TRAF_SENSOR_DATA", data).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn joined() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    support::save(&Authority::new().credentials(([127, 0, 0, 1], 9).into()), folder.path());
    folder
}

#[test]
fn without_credentials_the_answer_is_how_to_get_them() {
    let folder = tempfile::tempdir().unwrap();
    let (code, words) = answer(folder.path(), &["run"]);
    assert_eq!(code, 78);
    assert!(words.contains("traf-sensor join https://HOST:7441 --token-file FILE"), "{words}");
}

#[test]
fn an_unknown_interface_is_refused_with_those_that_exist() {
    let (code, words) = answer(joined().path(), &["run", "--interface", "eht0"]);
    assert_eq!(code, 2);
    assert!(words.contains("there is no interface `eht0`; there are: ") && words.contains("lo"), "{words}");
}

#[test]
fn a_malformed_configuration_is_refused_with_line_and_column() {
    let folder = joined();
    let file = folder.path().join("sensor.toml");
    std::fs::write(&file, "slice = \"10s\"\ninterface = \"eth0\"\n").unwrap();
    let (code, words) = answer(folder.path(), &["--config", file.to_str().unwrap(), "run"]);
    assert_eq!(code, 78);
    assert!(words.contains("line 2, column 1") && words.contains("unknown field `interface`"), "{words}");
    let (code, words) = answer(folder.path(), &["--config", "/nowhere/sensor.toml", "run"]);
    assert_eq!(code, 78);
    assert!(words.contains("/nowhere/sensor.toml"), "{words}");
    let (code, words) = answer(folder.path(), &["run", "--slice", "500ms"]);
    assert_eq!(code, 78);
    assert!(words.contains("whole seconds"), "{words}");
}

#[test]
fn a_collector_that_is_away_is_told_when_joining() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let token = traf_peer::token::Token { pin: [1; 32], id: [2; 6], secret: [3; 20] };
    std::fs::write(&file, token.to_string()).unwrap();
    let (code, words) = answer(folder.path(), &["join", "https://127.0.0.1:9", "--token-file", file.to_str().unwrap()]);
    assert_eq!(code, 69);
    assert!(words.contains("nobody listens there"), "{words}");
}

#[test]
#[ignore = "needs root"]
fn without_permission_the_answer_is_how_to_give_it() {
    // Where anybody may look: the folders of a build seldom are.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("traf-sensor");
    std::fs::copy(env!("CARGO_BIN_EXE_traf-sensor"), &program).unwrap();
    let data = folder.path().join("data");
    support::save(&Authority::new().credentials(([127, 0, 0, 1], 9).into()), &data);
    let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(folder.path()).status().unwrap();
    assert!(owned.success());
    let mut command = Command::new(&program);
    command.env("TRAF_SENSOR_DATA", &data).args(["run", "--interface", "lo"]).uid(65_534).gid(65_534);
    let output = command.output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(77), "{words}");
    assert!(words.contains("no permission to capture on lo") && words.contains("setcap cap_net_raw+ep"), "{words}");
}
