//! Reading a file beside tcpdump: 5 million packets of 100,000 flows, each program in turn, three times.
//!
//! The bar is twice the CPU of `tcpdump -r FILE -w /dev/null`, which does nothing but read.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

const PACKETS: u32 = 5_000_000;
const FLOWS: u32 = 100_000;
const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mix.pcap");
    write(&file);
    println!("{PACKETS} packets, {FLOWS} flows, {} MB", std::fs::metadata(&file).unwrap().len() >> 20);
    let name = file.to_str().unwrap();
    let ours = traf_lab::program::ours("traf-sensor").unwrap();
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        let theirs = cpu(Command::new("tcpdump").args(["-r", name, "-w", "/dev/null"]));
        let mine = cpu(Command::new(&ours).args(["read", name, "--format", "json"]));
        for (best, now) in best.iter_mut().zip([theirs, mine]) {
            *best = now.min(*best);
        }
        println!("tcpdump {theirs:.2?}, traf-sensor {mine:.2?} CPU");
    }
    let [theirs, mine] = best.map(|cpu| cpu.as_secs_f64());
    let each = mine * 1e9 / f64::from(PACKETS);
    println!("traf-sensor read / tcpdump -r: {:.2} ({each:.0} ns a packet; bar 2.0)", mine / theirs);
}

/// User and system time of a child.
fn cpu(command: &mut Command) -> Duration {
    let used = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let (user, system) = (usage.user_time(), usage.system_time());
        let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
        Duration::from_micros(micros.try_into().unwrap())
    };
    let before = used();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
    used() - before
}

/// 55 % TCP and 20 % UDP over IPv4, 15 % and 10 % over IPv6, one packet in ten tagged, lengths as on the Internet
/// (7 : 4 : 1 of 64, 570 and 1514 octets).
fn write(path: &Path) {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1];
    header.iter().for_each(|word| out.write_all(&word.to_le_bytes()).unwrap());
    let payload = [0x54; 1600];
    let mut random = 0x9e37_79b9_u32;
    for number in 0..PACKETS {
        // xorshift: the same file each time.
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let flow = random % FLOWS;
        let length = [64, 64, 64, 64, 64, 64, 64, 570, 570, 570, 570, 1514][(random >> 8) as usize % 12];
        let head = frame(flow, length);
        let size = length.max(head.len());
        let record = [1_700_000_000 + number / 100_000, number % 100_000 * 10, size as u32, size as u32];
        record.iter().for_each(|word| out.write_all(&word.to_le_bytes()).unwrap());
        out.write_all(&head).unwrap();
        out.write_all(&payload[..size - head.len()]).unwrap();
    }
    out.flush().unwrap();
}

/// The headers of a packet of a flow.
fn frame(flow: u32, length: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if flow.is_multiple_of(10) {
        frame.extend([0x81, 0, 0, 7]);
    }
    let (ipv6, tcp) = (flow % 20 >= 15, matches!(flow % 20, 0..11 | 15..18));
    let protocol = if tcp { 6 } else { 17 };
    if ipv6 {
        let body = length.saturating_sub(frame.len() + 42).max(20) as u16;
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(body.to_be_bytes());
        frame.extend([protocol, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
        frame.extend(flow.to_be_bytes());
        frame.extend([0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    } else {
        let total = length.saturating_sub(frame.len() + 2).max(40) as u16;
        frame.extend([8, 0, 0x45, 0]);
        frame.extend(total.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 10]);
        frame.extend(&flow.to_be_bytes()[1..]);
        frame.extend([192, 0, 2, 9]);
    }
    frame.extend(((flow % 60_000 + 1024) as u16).to_be_bytes());
    frame.extend([1, 187]);
    if tcp {
        frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    } else {
        frame.extend([0, 20, 0, 0]);
    }
    frame
}
