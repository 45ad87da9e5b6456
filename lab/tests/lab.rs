//! The lab itself: what the other tests stand on must be true first.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use traf_lab::wait::{Deadline, Probe, eventually};
use traf_lab::{Disk, Lan, ReferenceCapture, Terminal};
use traf_model::Counters;

fn frames_of(report: &str) -> (u64, u64) {
    let sent: Value = serde_json::from_str(report).unwrap();
    (sent["frames"].as_u64().unwrap(), sent["octets"].as_u64().unwrap())
}

#[test]
#[ignore = "needs namespaces"]
fn a_frame_is_counted_alike_where_it_leaves_where_it_arrives_and_at_the_mirror() {
    let lan = Lan::new(&["anna", "ben"]).unwrap();
    let before = lan.rest().unwrap();
    let ben = &lan.interfaces[1];
    let mut sent = (0, 0);
    for words in [
        &["--count", "1000", "--flows", "1000"][..],
        &["--count", "500", "--vlan", "7"],
        &["--count", "300", "--ipv6", "--syn"],
    ] {
        let report = lan.machines[0].traffic(&[&["frames", "--to", &ben.mac], words].concat()).unwrap();
        let (frames, octets) = frames_of(&report);
        sent = (sent.0 + frames, sent.1 + octets);
    }
    let after = lan.rest().unwrap();

    let sent = Counters::new(sent.0, sent.1);
    assert_eq!(after["anna"].outbound - before["anna"].outbound, sent);
    assert_eq!(after["ben"].inbound - before["ben"].inbound, sent, "a VLAN tag is four octets everywhere");
    assert_eq!(after["watch"].inbound - before["watch"].inbound, sent, "the mirror port sees each frame once");
}

#[test]
#[ignore = "needs namespaces"]
fn streams_and_datagrams_arrive_whole_over_ipv4_and_ipv6() {
    let lan = Lan::new(&["anna", "ben"]).unwrap();
    let (_serve, v4, v6) = lan.serve(1, 9000).unwrap();
    let before = lan.rest().unwrap();
    for to in [&v4, &v6] {
        lan.machines[0].traffic(&["tcp", to, "--octets", "5000000", "--reply", "1000000"]).unwrap();
        lan.machines[0].traffic(&["udp", to, "--datagrams", "50", "--size", "1000"]).unwrap();
    }
    let after = lan.rest().unwrap();

    let tx = after["anna"].outbound - before["anna"].outbound;
    let rx = after["anna"].inbound - before["anna"].inbound;
    assert!(tx.octets > 10_000_000 + 100_000 && rx.octets > 2_000_000 + 100_000, "{tx:?} {rx:?}");
    assert!(tx.packets < 10_000_000 / 1448, "the bulk is offloaded: {} frames", tx.packets);
}

#[test]
#[ignore = "needs namespaces"]
fn a_cut_cable_carries_nothing_and_a_mended_one_does() {
    let lan = Lan::new(&["anna", "ben"]).unwrap();
    let to = lan.interfaces[1].ipv4.to_string();
    let ping = || lan.machines[0].run("ping", &["-c", "1", "-W", "1", &to]);
    ping().unwrap();
    lan.lan.cut(&lan.machines[1]).unwrap();
    assert!(ping().is_err());
    lan.lan.mend(&lan.machines[1]).unwrap();
    eventually("the mended cable", Deadline::seconds(10), || Ok(Probe::some(ping().ok(), || "no answer".into())))
        .unwrap();
}

#[test]
#[ignore = "needs namespaces"]
fn a_full_disk_takes_nothing_until_it_is_relieved() {
    let lan = Lan::new(&["anna"]).unwrap();
    let disk = Disk::new(&lan.tower.namespaces, &lan.folder.join("disk"), 1 << 20).unwrap();
    let write = || lan.machines[0].sh(&format!("head -c 100 /dev/zero > {}/note", disk.folder.display()));
    disk.fill().unwrap();
    let error = write().unwrap_err().to_string();
    assert!(error.contains("No space left"), "{error}");
    disk.clear().unwrap();
    write().unwrap();
}

#[test]
#[ignore = "needs user-namespaces"]
fn a_lab_needs_no_root() {
    // As root this gives up its rights first; otherwise it has none to give up.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("traf-lab");
    fs::copy(env!("CARGO_BIN_EXE_traf-lab"), &program).unwrap();
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(&program);
        command
    } else {
        Command::new(&program)
    };
    let output = command.arg("check").env("TMPDIR", "/tmp").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    assert!(out.contains("a lab stands here under a user namespace of uid"), "{out}");
    eprint!("{out}");
}

#[test]
#[ignore = "needs namespaces"]
fn a_killed_lab_leaves_no_namespace_and_no_process() {
    let lab = env!("CARGO_BIN_EXE_traf-lab");
    let mut child = Command::new(lab).args(["check", "--hold"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    assert!(line.contains("a lab stands here"), "{line}");
    let mark = format!("TRAF_LAB={}", child.id());
    assert!(!marked(&mark).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the end of the killed lab's processes", Deadline::seconds(10), || {
        let left = marked(&mark);
        Ok(Probe::when(left.is_empty(), || format!("{left:?}")))
    })
    .unwrap();
}

/// Processes that carry the mark in their environment.
fn marked(mark: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let carries = |path: &std::path::Path| {
        fs::read(path.join("environ"))
            .is_ok_and(|text| text.split(|&octet| octet == 0).any(|word| word == mark.as_bytes()))
    };
    entries.map(|entry| entry.path()).filter(|path| carries(path)).map(|path| path.display().to_string()).collect()
}

#[test]
#[ignore = "needs namespaces"]
fn the_witness_sees_what_the_kernel_counts_of_every_kind() {
    let lan = Lan::new(&["anna", "ben"]).unwrap();
    let before = lan.rest().unwrap();
    let reference = ReferenceCapture::start(&lan.machines[1], "eth0", &lan.folder, "").unwrap();
    let ben = &lan.interfaces[1];
    lan.machines[0].run("ping", &["-c", "3", "-i", "0.2", &ben.ipv6.to_string()]).unwrap();
    lan.machines[0].traffic(&["frames", "--to", &ben.mac, "--count", "40", "--vlan", "7", "--size", "200"]).unwrap();
    let after = lan.rest().unwrap();
    let reference_counts = reference.counts().unwrap();

    assert_eq!(reference_counts.frames, (after["ben"] - before["ben"]).total());
    let tagged: Vec<_> = reference_counts.sent.iter().filter(|(sent, _)| sent.vlan == Some(7)).collect();
    assert_eq!(tagged.len(), 1);
    assert_eq!(*tagged[0].1, Counters::new(40, 40 * (200 - 18)));
}

#[test]
#[ignore = "needs namespaces"]
fn a_terminal_shows_obeys_and_tells_its_manners() {
    let lan = Lan::new(&["anna"]).unwrap();
    let terminal = Terminal::open(&lan.machines[0], &lan.folder, 80, 24).unwrap();
    let before = terminal.modes().unwrap();
    terminal.line("stty size; tput smcup; tput civis; stty -echo").unwrap();
    eventually("bad manners", Deadline::seconds(5), || {
        let now = terminal.modes()?;
        let spoilt = now.modes.contains("alternate 1") && now.modes.contains("cursor 0") && now.line.contains("-echo ");
        Ok(Probe::when(spoilt, || format!("{now:?}")))
    })
    .unwrap();
    terminal.line("tput rmcup; tput cnorm; stty echo; clear; stty size; echo done").unwrap();
    let screen = terminal.wait_for("the end", Deadline::seconds(5), |screen| screen.contains("\ndone")).unwrap();
    assert!(screen.contains("24 80"), "{screen}");
    assert_eq!(terminal.modes().unwrap(), before);
}

#[test]
#[ignore = "needs namespaces"]
fn a_lab_stands_until_it_is_taken_down() {
    // A folder of its own, so that a lab that stands here already is left alone.
    let folder = tempfile::tempdir().unwrap();
    let lab = |words: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_traf-lab")).args(words).env("TMPDIR", folder.path()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (up, words) = lab(&["up", "anna", "ben"]);
    assert!(up && words.contains("a lab stands"), "{words}");
    let (again, words) = lab(&["up"]);
    assert!(!again && words.contains("a lab stands already"), "{words}");
    let (pinged, words) = lab(&["exec", "anna", "ping", "-c", "1", "10.77.1.2"]);
    assert!(pinged, "{words}");
    let (nobody, words) = lab(&["exec", "zoe", "true"]);
    assert!(!nobody && words.contains("no host \"zoe\""), "{words}");
    let (down, words) = lab(&["down"]);
    assert!(down && words.contains("cleared away"), "{words}");
    let (gone, words) = lab(&["exec", "anna", "true"]);
    assert!(!gone && words.contains("no lab stands"), "{words}");
}
