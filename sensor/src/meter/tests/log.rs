//! Text of the log for frames, to the letter.

use jiff::tz::TimeZone;

use super::*;
use crate::text_log::Wording;

/// Everything that a log would get, in its order, without the times.
fn said(meter: &mut Meter, mac: bool) -> Vec<String> {
    meter.flush();
    let mut words = Wording::new(TimeZone::UTC);
    let records = meter.take_log();
    assert_eq!(records.lost, 0);
    let text = words.round(&records, "eth0", mac);
    text.lines().map(|line| line.split_once("; ").unwrap().1.to_owned()).collect()
}

fn logging(mac: bool) -> Meter {
    let mut meter = meter(MeterConfig { flows: 64, idle: Duration::from_secs(60), ..MeterConfig::default() });
    meter.log(Some(mac), Timestamp(0));
    meter
}

const THERE: (u16, u16) = (36204, 80);
const BACK: (u16, u16) = (80, 36204);

fn from_a(what: &str, octets: u32) -> String {
    format!("TCP; eth0; {octets} bytes; from 10.0.0.1:36204 to 10.0.0.2:80; {what}")
}

fn from_b(what: &str, octets: u32) -> String {
    format!("TCP; eth0; {octets} bytes; from 10.0.0.2:80 to 10.0.0.1:36204; {what}")
}

/// SYN, SYN and ACK, 1000 octets of data.
fn open(meter: &mut Meter, at: i64) {
    give(meter, at, &tcp(true, THERE, &|tcp| (tcp.syn, tcp.sequence_number) = (true, 100), 0));
    give(meter, at, &tcp(false, BACK, &|tcp| (tcp.syn, tcp.ack, tcp.acknowledgment_number) = (true, true, 101), 0));
    give(meter, at, &tcp(true, THERE, &|tcp| (tcp.ack, tcp.sequence_number) = (true, 101), 1000));
}

#[test]
fn the_log_of_a_connection_has_its_first_packets_its_fins_and_what_acknowledged_them() {
    let mut meter = logging(false);
    open(&mut meter, SECOND);
    let fin = |sequence, acknowledgement| {
        move |tcp: &mut TcpHeader| {
            (tcp.fin, tcp.ack) = (true, true);
            (tcp.sequence_number, tcp.acknowledgment_number) = (sequence, acknowledgement);
        }
    };
    give(&mut meter, 3 * SECOND, &tcp(true, THERE, &fin(1101, 2), 0));
    // Sent twice, told once.
    give(&mut meter, 3 * SECOND, &tcp(true, THERE, &fin(1101, 2), 0));
    give(&mut meter, 3 * SECOND, &tcp(false, BACK, &fin(2, 1102), 0));
    let ack = |tcp: &mut TcpHeader| (tcp.ack, tcp.sequence_number, tcp.acknowledgment_number) = (true, 1102, 3);
    give(&mut meter, 3 * SECOND, &tcp(true, THERE, &ack, 0));
    assert_eq!(
        said(&mut meter, false),
        [
            from_a("first packet (SYN)", 40),
            from_b("first packet (SYN)", 40),
            from_a("FIN sent; 3 packets, 1120 bytes, avg flow rate      4.48 kbps", 40),
            from_b("FIN acknowleged", 40),
            from_b("FIN sent; 2 packets, 80 bytes, avg flow rate      0.32 kbps", 40),
            from_a("FIN acknowleged", 40),
        ]
    );
}

#[test]
fn the_log_of_a_refused_connection_has_both_directions() {
    let mut meter = logging(true);
    give(&mut meter, SECOND, &tcp(true, THERE, &|tcp| tcp.syn = true, 0));
    give(&mut meter, SECOND, &tcp(false, BACK, &|tcp| (tcp.rst, tcp.ack) = (true, true), 0));
    let head = "TCP; eth0; 40 bytes; from 10.0.0.2:80 to 10.0.0.1:36204 (source MAC addr 02:00:00:00:00:02); ";
    let lines = said(&mut meter, true);
    assert_eq!(
        lines[0],
        "TCP; eth0; 40 bytes; from 10.0.0.1:36204 to 10.0.0.2:80 (source MAC addr 02:00:00:00:00:01); first packet (SYN)"
    );
    let reset = "Connection reset; 1 packets, 40 bytes, avg flow rate      0.32 kbps; opposite direction 1 packets, 40 bytes; avg flow rate      0.32 kbps";
    assert_eq!(lines[1..], [format!("{head}{reset}")]);
}

#[test]
fn a_silent_connection_times_out_once_and_at_its_time() {
    let mut meter = logging(false);
    open(&mut meter, SECOND);
    let _ = said(&mut meter, false);
    for second in 2..=61 {
        let _ = meter.snapshot(Timestamp(second * SECOND), &[]);
        assert_eq!(said(&mut meter, false), [""; 0], "{second}");
    }
    let timed_out = "TCP; Connection 10.0.0.1:36204 to 10.0.0.2:80 timed out, 2 packets, 1080 bytes, avg flow rate      0.14 kbps; \
                     opposite direction 1 packets, 40 bytes, avg flow rate      0.00 kbps";
    let _ = meter.snapshot(Timestamp(62 * SECOND), &[]);
    assert_eq!(said(&mut meter, false), [timed_out]);
    for second in 63..=80 {
        let _ = meter.snapshot(Timestamp(second * SECOND), &[]);
    }
    let _ = meter.close(slice(0, 200));
    assert_eq!(said(&mut meter, false), [""; 0]);
}

#[test]
fn a_connection_whose_key_begins_anew_after_silence_has_timed_out_before() {
    let mut meter = logging(false);
    open(&mut meter, SECOND);
    let _ = said(&mut meter, false);
    give(&mut meter, 100 * SECOND, &tcp(true, THERE, &|tcp| tcp.ack = true, 0));
    let lines = said(&mut meter, false);
    assert!(lines[0].starts_with("TCP; Connection 10.0.0.1:36204 to 10.0.0.2:80 timed out, 2 packets"), "{lines:?}");
    assert_eq!(lines[1..], [from_a("first packet", 40)]);
}

#[test]
fn a_source_that_changes_its_mac_address_is_told_where_addresses_are_wanted() {
    for mac in [false, true] {
        let mut meter = logging(mac);
        open(&mut meter, SECOND);
        let _ = said(&mut meter, mac);
        let mut frame = tcp(true, THERE, &|tcp| tcp.ack = true, 0);
        frame[11] = 0xee;
        give(&mut meter, SECOND, &frame);
        give(&mut meter, SECOND, &frame);
        let moved = "TCP; eth0; from 10.0.0.1:36204 to 10.0.0.2:80: new source MAC address 02:00:00:00:00:ee (previously 02:00:00:00:00:01)";
        assert_eq!(said(&mut meter, mac), [moved][..usize::from(mac)]);
    }
}

#[test]
fn a_fin_that_belongs_to_no_connection_says_nothing() {
    let mut meter = logging(false);
    give(&mut meter, SECOND, &tcp(true, THERE, &|tcp| (tcp.fin, tcp.ack) = (true, true), 0));
    assert_eq!(said(&mut meter, false), [""; 0]);
}

#[test]
fn open_connections_are_listed_each_direction_by_itself_and_ended_ones_are_not() {
    let mut meter = logging(false);
    open(&mut meter, SECOND);
    let ports = |source| (source, 22);
    give(&mut meter, SECOND, &tcp(true, ports(5000), &|tcp| tcp.syn = true, 0));
    give(&mut meter, SECOND, &tcp(false, (22, 5000), &|tcp| tcp.rst = true, 0));
    let open = meter.open_connections(Timestamp(2 * SECOND), 10);
    let mut words = Wording::new(TimeZone::UTC);
    let said: Vec<String> = open.events.iter().map(|event| words.event(event, "eth0")).collect();
    assert_eq!(
        said,
        [
            "Thu Jan  1 00:00:02 1970; TCP; eth0; active; from 10.0.0.1:36204 to 10.0.0.2:80; 2 packets, 1080 bytes\n",
            "Thu Jan  1 00:00:02 1970; TCP; eth0; active; from 10.0.0.2:80 to 10.0.0.1:36204; 1 packets, 40 bytes\n"
        ]
    );
    let few = meter.open_connections(Timestamp(2 * SECOND), 1);
    assert_eq!((few.events.len(), few.lost), (1, 1));
}

#[test]
fn packets_that_are_no_tcp_are_logged_each() {
    let mut meter = logging(true);
    give(&mut meter, SECOND, &udp(A, B, 44215, 7777, 5));
    let line = "UDP; eth0; 33 bytes; source MAC address 02:00:00:00:00:01; from 10.0.0.1:44215 to 10.0.0.2:7777";
    assert_eq!(said(&mut meter, true), [line]);
}

#[test]
fn a_connection_that_a_scan_pushes_out_of_the_table_is_told() {
    let mut meter = meter(MeterConfig { flows: 8, ..MeterConfig::default() });
    meter.log(Some(false), Timestamp(0));
    for port in 0..20 {
        give(&mut meter, SECOND + i64::from(port), &tcp(true, (1000 + port, 80), &|tcp| tcp.syn = true, 0));
    }
    let lines = said(&mut meter, false);
    let of = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!((of("first packet (SYN)"), of("left the full table, 1 packets, 40 bytes")), (20, 12));
}

#[test]
fn without_a_log_nothing_is_kept() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    open(&mut meter, SECOND);
    give(&mut meter, SECOND, &udp(A, B, 44215, 7777, 5));
    assert_eq!(said(&mut meter, false), [""; 0]);
    meter.log(Some(false), Timestamp(0));
    open(&mut meter, SECOND);
    meter.log(None, Timestamp(0));
    assert_eq!(said(&mut meter, false), [""; 0]);
}

#[test]
fn more_than_a_log_can_take_is_counted() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    meter.log(Some(false), Timestamp(0));
    for number in 0..20_000u32 {
        let ports = ((number % 60_000) as u16 + 1, 80);
        give(&mut meter, SECOND, &tcp(true, ports, &|tcp| tcp.syn = true, 0));
    }
    meter.flush();
    let happened = meter.take_log();
    assert!(happened.events.len() <= 8_192 && happened.events.len() as u64 + happened.lost >= 20_000);
    assert_eq!(meter.take_log().lost, 0);
}
