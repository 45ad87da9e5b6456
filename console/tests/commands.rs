//! Output of the commands, from one fixed LAN; and error messages of the program.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod sample;

use std::path::Path;
use std::process::{Command, Output};

use traf_console::look::Look;
use traf_console::output::{Answer, Format, Subject, Writer};
use traf_model::{Facility, Fleet, Group, Report};

fn written(answer: Answer<'_>, format: Format) -> String {
    let (mut out, look) = (Vec::new(), Look::default());
    Writer::new(&mut out, format, &look).write(answer).unwrap();
    String::from_utf8(out).unwrap()
}

fn rows(report: &Report) -> Answer<'_> {
    Answer::Report(report, report.facility.into())
}

fn pretty(answer: Answer<'_>) -> String {
    let value: serde_json::Value = serde_json::from_str(&written(answer, Format::Json)).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn tables_for_people_stand_aligned() {
    let reports: [(&str, Report); 7] = [
        ("traffic", sample::connections()),
        ("interfaces", sample::interfaces()),
        ("hosts", sample::hosts()),
        ("services", sample::services()),
        ("stations", sample::stations()),
        ("sizes", sample::sizes()),
        ("lines", Report { rows: sample::lines().rows.split_off(42), ..sample::lines() }),
    ];
    let tables: Vec<String> =
        reports.iter().map(|(name, report)| format!("traf {name}\n{}", written(rows(report), Format::Table))).collect();
    let detailed = Subject { detailed: true, ..Facility::Interfaces.into() };
    let interfaces = written(Answer::Report(&sample::interfaces(), detailed), Format::Table);
    insta::assert_snapshot!("interface_table", interfaces);
    let groups = sample::groups(Group::Pair);
    let pair = Subject { group: Group::Pair, ..Subject::default() };
    let pairs = format!("traf traffic --group pair\n{}", written(Answer::Report(&groups, pair), Format::Table));
    let fleet = sample::fleet();
    let sensors = format!("traf sensors\n{}", written(Answer::Fleet(&fleet), Format::Table));
    insta::assert_snapshot!("tables", tables.join("\n") + "\n" + &pairs + "\n" + &sensors);

    let none = written(Answer::Report(&Report { rows: Vec::new(), ..groups }, pair), Format::Table);
    assert!(none.starts_with("Group"), "groups without a row have their titles too: {none}");
}

#[test]
fn json_of_every_answer_is_one_document_as_in_its_snapshot() {
    insta::assert_snapshot!("traffic_json", pretty(rows(&sample::connections())));
    insta::assert_snapshot!("interfaces_json", pretty(rows(&sample::interfaces())));
    insta::assert_snapshot!("stations_json", pretty(rows(&sample::stations())));
    let one = |report: Report| Report { rows: report.rows[..1].to_vec(), ..report };
    insta::assert_snapshot!("lines_json", pretty(rows(&one(sample::lines()))));
    insta::assert_snapshot!("hosts_json", pretty(rows(&one(sample::hosts()))));
    insta::assert_snapshot!("groups_json", pretty(rows(&one(sample::groups(Group::Port)))));
    insta::assert_snapshot!("sensors_json", pretty(Answer::Fleet(&sample::fleet())));
}

#[test]
fn json_lines_hold_one_row_each() {
    let report = sample::connections();
    let lines = written(rows(&report), Format::Jsonl);
    let rows: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), report.rows.len());
    assert_eq!(
        (rows[1]["source"].as_str(), rows[1]["forward"]["octets"].as_u64()),
        (Some("10.0.0.3"), Some(1_204_331))
    );
    assert_eq!(rows[4]["other"], true);
}

#[test]
fn csv_has_one_line_of_titles_and_every_row_as_many_fields() {
    for (name, report) in [("traffic_csv", sample::connections()), ("interfaces_csv", sample::interfaces())] {
        let csv = written(rows(&report), Format::Csv);
        let fields: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
        assert!(fields.iter().all(|count| *count == fields[0]), "{csv}");
        assert_eq!(fields.len(), report.rows.len() + 1);
        insta::assert_snapshot!(name, csv);
    }
}

#[test]
fn a_watch_prints_the_titles_of_csv_once() {
    let (mut out, look, report) = (Vec::new(), Look::default(), sample::hosts());
    let mut writer = Writer::new(&mut out, Format::Csv, &look);
    for _ in 0..3 {
        writer.write(rows(&report)).unwrap();
    }
    let csv = String::from_utf8(out).unwrap();
    assert_eq!(csv.lines().filter(|line| line.starts_with("sensor,")).count(), 1);
    assert_eq!(csv.lines().count(), 1 + 3 * report.rows.len());
}

#[test]
fn no_format_lets_a_control_byte_through() {
    let mut fleet: Fleet = sample::fleet();
    fleet.sensors[0].trouble = "\x1b]0;owned\x07 \u{9b}2J \u{202e}".to_owned();
    for format in [Format::Table, Format::Json, Format::Jsonl, Format::Csv] {
        let text = written(Answer::Fleet(&fleet), format);
        let bad = |c: char| c != '\n' && traf_console::text::is_unsafe(c);
        assert!(!text.contains(bad), "{format:?}: {text:?}");
    }
    let value: serde_json::Value = serde_json::from_str(&written(Answer::Fleet(&fleet), Format::Json)).unwrap();
    assert_eq!(value["rows"][0]["trouble"], fleet.sensors[0].trouble, "JSON keeps what was said");
}

fn traf(home: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traf"));
    command.args(words).env_clear().env("HOME", home).output().unwrap()
}

/// Exit code and standard error; standard output must be empty.
fn refusal(home: &Path, words: &[&str]) -> (i32, String) {
    let output = traf(home, words);
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn bad_input_is_answered_in_words_and_with_its_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let token = home.join("token");
    std::fs::write(&token, "password").unwrap();
    let token = token.to_str().unwrap();
    for (words, code, said) in [
        (&["traffic"][..], 78, "traf join https://HOST:7441"),
        (&[], 2, "the screens need a terminal"),
        (&["traffic", "--filter", "src port 70000"], 2, "  src port 70000\n           ^"),
        (&["traffic", "--at", "soon"], 2, "--at: `soon` is no time"),
        (&["traffic", "--bogus"], 2, "--bogus"),
        (&["join", "http://x", "--token-file", token], 2, "https://HOST:PORT"),
        (&["join", "https://127.0.0.1:1", "--token-file", token], 1, "begins with `traf1.`"),
        (&["join", "https://127.0.0.1:1", "--token-file", "/nowhere"], 1, "/nowhere"),
        (&["--config", "/nowhere.toml", "sensors"], 78, "/nowhere.toml"),
    ] {
        let (exit, text) = refusal(home, words);
        assert!(exit == code && text.contains(said), "{words:?}: {exit} {text}");
    }
}

#[test]
fn a_malformed_configuration_is_pointed_at() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join(".config/traf")).unwrap();
    std::fs::write(home.path().join(".config/traf/console.toml"), "rates = \"bits\"\ncolor = 1\n").unwrap();
    let (exit, text) = refusal(home.path(), &["sensors"]);
    assert!(exit == 78 && text.contains("line 2, column 1"), "{exit} {text}");
}

#[test]
fn a_collector_that_is_away_is_exit_69() {
    let home = tempfile::tempdir().unwrap();
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let token = traf_peer::token::Token { pin: [7; 32], id: [1; 6], secret: [9; 20] };
    std::fs::write(home.path().join("token"), token.to_string()).unwrap();
    let (url, token) = (format!("https://127.0.0.1:{port}"), home.path().join("token"));
    let (exit, text) = refusal(home.path(), &["join", &url, "--token-file", token.to_str().unwrap()]);
    assert!(exit == 69 && text.contains("is the collector running"), "{exit} {text}");
}
