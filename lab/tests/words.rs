//! Bad input is answered in words, with the exit code that scripts rely on, and never with a trace.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use traf_lab::process::binary;
use traf_peer::token::Token;

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 69;
const NO_PERMISSION: i32 = 77;
const BAD_CONFIGURATION: i32 = 78;

/// A program, started on this machine with words that cannot work; it ends by itself.
struct Case {
    what: &'static str,
    program: &'static str,
    words: Vec<String>,
    /// As the user nobody, which only root can become.
    nobody: bool,
    /// The exit code.
    code: i32,
    /// Texts that the answer must hold.
    says: &'static [&'static str],
}

fn case(what: &'static str, program: &'static str, words: &[&str], code: i32, says: &'static [&'static str]) -> Case {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Case { what, program, words, nobody: false, code, says }
}

/// A folder that everybody may enter, with the programs in it, for runs as nobody.
fn programs() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("traf-words-").tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["traf", "traf-sensor", "traf-collector"] {
        fs::copy(binary(name).unwrap(), folder.path().join(name)).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, path)
}

fn run(folder: &Path, case: &Case) -> Output {
    let program = folder.join(case.program);
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "30"]);
    if case.nobody {
        command.args(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
    }
    let home = folder.join("home");
    command.arg(program).args(&case.words).env("HOME", &home).env("XDG_CONFIG_HOME", home.join("config"));
    command.env("RUST_BACKTRACE", "1").env_remove("TRAF_SENSOR_CONFIG").output().unwrap()
}

fn holds(folder: &Path, case: &Case) -> Result<(), String> {
    let output = run(folder, case);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let all = format!("{out}{err}");
    let mut wrong = Vec::new();
    if output.status.code() != Some(case.code) {
        wrong.push(format!("exit {:?}, not {}", output.status.code(), case.code));
    }
    for word in case.says {
        if !all.to_lowercase().contains(&word.to_lowercase()) {
            wrong.push(format!("no {word:?}"));
        }
    }
    for trace in ["panicked at", "stack backtrace", "Stack backtrace", "0: "] {
        if all.contains(trace) {
            wrong.push(format!("a trace ({trace:?})"));
        }
    }
    let said = format!("{}: {} {}\n{all}", case.what, case.program, case.words.join(" "));
    println!("{said}");
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}\n{said}", wrong.join(", "))) }
}

fn all_hold(folder: &Path, cases: &[Case]) {
    let wrong: Vec<String> = cases.iter().filter_map(|case| holds(folder, case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} answers are wrong:\n\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_program_answers_bad_words_and_files_in_words() {
    let (_keep, folder) = programs();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let collector_file = file("collector.toml", "listen = \"127.0.0.1:7440\"\nlissten = 1\n");
    let sensor_file = file("sensor.toml", "slice = \"10s\"\nslcie = \"5s\"\n");
    let broken = file("broken.toml", "listen = \n");
    let text = file("notes.txt", "this is no capture at all, whatever its name says");
    let data = folder.join("data").to_string_lossy().into_owned();
    let gone = folder.join("gone.pcap").to_string_lossy().into_owned();
    all_hold(
        &folder,
        &[
            case("unknown word", "traf-collector", &["fly"], USAGE, &["unrecognized", "fly"]),
            case("unknown word", "traf-sensor", &["fly"], USAGE, &["unrecognized", "fly"]),
            case("unknown word", "traf", &["fly"], USAGE, &["unrecognized", "fly"]),
            case(
                "unknown key",
                "traf-collector",
                &["run", "--config", &collector_file],
                BAD_CONFIGURATION,
                &["line 2", "lissten"],
            ),
            case(
                "unknown key",
                "traf-sensor",
                &["run", "--config", &sensor_file],
                BAD_CONFIGURATION,
                &["line 2", "slcie"],
            ),
            case(
                "no TOML",
                "traf-collector",
                &["run", "--config", &broken],
                BAD_CONFIGURATION,
                &["line 1", "broken.toml"],
            ),
            case(
                "no such file",
                "traf-sensor",
                &["run", "--config", "/no/such.toml"],
                BAD_CONFIGURATION,
                &["/no/such.toml"],
            ),
            case(
                "bad value",
                "traf-sensor",
                &["run", "--data", &data, "--slice", "500ms"],
                BAD_CONFIGURATION,
                &["whole seconds"],
            ),
            case("no such capture", "traf-sensor", &["read", &gone], FAILED, &["gone.pcap", "No such file"]),
            case("no capture at all", "traf-sensor", &["read", &text], FAILED, &["notes.txt", "pcap"]),
        ],
    );
}

#[test]
#[ignore = "needs root"]
fn nobody_is_told_what_is_not_allowed() {
    let (_keep, folder) = programs();
    let home = folder.join("home");
    fs::create_dir_all(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
    let closed = folder.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let data = closed.join("data").to_string_lossy().into_owned();
    let collector = case(
        "a closed folder",
        "traf-collector",
        &["run", "--data", &data],
        NO_PERMISSION,
        &["ermission denied", "--data"],
    );
    let sensor = case("a closed folder", "traf-sensor", &["run", "--data", &data], NO_PERMISSION, &["ermission"]);
    all_hold(&folder, &[Case { nobody: true, ..collector }, Case { nobody: true, ..sensor }]);
}

#[test]
fn a_port_in_use_and_a_foreign_database_are_named() {
    let (_keep, folder) = programs();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = folder.join("data").to_string_lossy().into_owned();
    let foreign = folder.join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("history.db"), "a shopping list: milk, bread, honey".repeat(100)).unwrap();
    let other = folder.join("other");
    fs::create_dir(&other).unwrap();
    let made = Command::new("sqlite3").arg(other.join("history.db")).arg("create table milk (litres integer)").status();
    assert!(made.unwrap().success());
    let free = ["--listen", "127.0.0.1:0", "--join-listen", "127.0.0.1:0"];
    let on = |folder: &Path| {
        [&["run", "--data", folder.to_str().unwrap()][..], &free]
            .concat()
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let with = |words: Vec<String>, case: Case| Case { words, ..case };
    all_hold(
        &folder,
        &[
            case(
                "port in use",
                "traf-collector",
                &["run", "--data", &data, "--listen", &address, "--join-listen", "127.0.0.1:0"],
                FAILED,
                &["in use", "127.0.0.1"],
            ),
            with(on(&foreign), case("no database", "traf-collector", &[], FAILED, &["history.db", "not a data base"])),
            with(
                on(&other),
                case("another program's database", "traf-collector", &[], FAILED, &["history.db", "another program"]),
            ),
        ],
    );
}

#[test]
fn a_collector_away_and_a_wrong_token_are_told_apart() {
    let (_keep, folder) = programs();
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let token = folder.join("token");
    fs::write(&token, "traf-this-is-no-token\n").unwrap();
    let token = token.to_string_lossy().into_owned();
    let whole = folder.join("whole");
    fs::write(&whole, Token { pin: [7; 32], id: [1; 6], secret: [9; 20] }.to_string()).unwrap();
    let whole = whole.to_string_lossy().into_owned();
    let url = format!("https://{away}");
    let data = folder.join("state").to_string_lossy().into_owned();
    all_hold(
        &folder,
        &[
            case(
                "no token",
                "traf-sensor",
                &["join", &url, "--token-file", &token, "--data", &data],
                FAILED,
                &["token"],
            ),
            case("no token", "traf", &["join", &url, "--token-file", &token], FAILED, &["token"]),
            case(
                "collector away",
                "traf-sensor",
                &["join", &url, "--token-file", &whole, "--data", &data],
                UNAVAILABLE,
                &["is the collector running"],
            ),
            case(
                "collector away",
                "traf",
                &["join", &url, "--token-file", &whole],
                UNAVAILABLE,
                &["is the collector running"],
            ),
            case("not joined", "traf", &["traffic"], BAD_CONFIGURATION, &["traf join"]),
            case("not joined", "traf-sensor", &["run", "--data", &data], BAD_CONFIGURATION, &["traf-sensor join"]),
        ],
    );
}
