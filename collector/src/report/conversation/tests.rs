use traf_model::{Counters, Endpoint, Evidence, FlowKey, FlowState, Half, Interface, Timestamp};

use super::*;
use crate::report::primary::RowEvidence;

/// Flows that several links have between equal ends.
const LOOKALIKES: u16 = 3_000;

fn points(sites: &[&str]) -> Vec<ObservationPoint> {
    let interface = Interface { name: "eth0".to_owned(), ..Interface::default() };
    let point =
        |(number, site): (usize, &&str)| ObservationPoint::new((&format!("s{number}"), site), &interface, true, None);
    sites.iter().enumerate().map(point).collect()
}

fn flow(first: i64, last: i64, octets: u64) -> Flow {
    let end = |last, port| Endpoint::new([10, 0, 0, last].into(), port);
    Flow {
        key: FlowKey { protocol: 6, vlan: None, source: end(1, 5000), destination: end(2, 80) },
        traffic: Traffic::outbound(Counters::new(1, octets)),
        first: Timestamp::from_seconds(first),
        last: Timestamp::from_seconds(last),
        forward: Half::default(),
        reverse: Half::default(),
        state: FlowState::Established,
        complete: true,
        own: false,
        evidence: Evidence::new([1_000_000, 0]),
    }
}

/// The same between other ends.
fn from_port(port: u16, mut flow: Flow) -> Flow {
    flow.key.source.port = port;
    flow
}

/// The same with other packets: those that a link has of its own.
fn of_link(link: u32, flow: Flow) -> Flow {
    let top = (u32::from(flow.key.source.port) ^ link << 16).wrapping_mul(0x9e37_79b1).max(1);
    Flow { evidence: Evidence::new([top, 0]), ..flow }
}

fn turned(flow: Flow) -> Flow {
    let [forward, reverse] = flow.evidence.halves();
    let evidence = Evidence::new([reverse, forward]);
    Flow { key: flow.key.reversed(), traffic: flow.traffic.reversed(), evidence, ..flow }
}

fn live(point: usize, flow: Flow) -> Sighting {
    Sighting::live(point, Traffic::default(), flow)
}

/// A row of the store with its evidence.
fn proven(point: usize, slice: i64, flow: Flow, marked: bool) -> Sighting {
    Sighting::stored(point, flow, marked).with_evidence(Timestamp::from_seconds(slice * 10), RowEvidence::new(&flow, 1))
}

fn stored((point, flow, marked): &(usize, Flow, bool)) -> Sighting {
    Sighting::stored(*point, *flow, *marked)
}

/// Octets, who counts, who saw.
type Counted = (u64, Vec<usize>, Vec<usize>);

/// Most octets first.
fn count(all: Conversations<'_>, counting: Counting<'_>) -> Vec<Counted> {
    let counted = |once: JoinedFlow| {
        let by = once.by.iter().map(|(point, _)| *point).collect();
        let mut observed_by = once.observed_by;
        observed_by.sort_unstable();
        (once.flow.traffic.total().octets, by, observed_by)
    };
    let mut rows: Vec<Counted> = Vec::new();
    all.finish(counting, |once| rows.push(counted(once)));
    rows.sort_by(|a, b| b.cmp(a));
    rows
}

fn of(points: &[ObservationPoint], records: impl IntoIterator<Item = Sighting>) -> Conversations<'_> {
    let mut all = Conversations::new(points);
    records.into_iter().for_each(|record| all.add(record));
    all
}

/// By the marks.
fn marked(points: &[ObservationPoint], records: &[(usize, Flow, bool)]) -> Vec<Counted> {
    count(of(points, records.iter().map(stored)), Counting::Marks)
}

/// A live list, which is remembered.
fn next(points: &[ObservationPoint], elected: &mut Elected, records: Vec<Sighting>) -> Vec<Counted> {
    let mut all = of(points, records);
    elected.follow(points);
    all.recall(elected);
    count(all, Counting::Fullest(Some(elected)))
}

#[test]
fn slices_of_one_conversation_are_one_row_and_a_port_used_again_is_another() {
    let rest = Flow { complete: false, ..flow(40, 45, 7) };
    let records = [(0, flow(0, 5, 10), true), (0, flow(0, 15, 20), true), (0, flow(16, 18, 5), true), (0, rest, true)];
    let rows = marked(&points(&[""]), &records);
    assert_eq!(rows, [(30, vec![0], vec![0]), (12, vec![0], vec![0])]);
}

#[test]
fn of_two_that_see_one_conversation_the_marked_rows_count_even_turned_around() {
    let records = [(0, flow(0, 5, 10), true), (1, turned(flow(1, 6, 11)), false), (1, turned(flow(1, 16, 9)), true)];
    let rows = marked(&points(&["", ""]), &records);
    assert_eq!(rows, [(19, vec![0, 1], vec![0, 1])]);
}

#[test]
fn two_that_both_count_in_a_slice_are_two_conversations() {
    // Equal addresses on two links: in a hundred slices, and two thousand pairs of ends.
    let mut records = Vec::new();
    for slice in 0..100 {
        for port in 0..2_000 {
            let of = |octets| from_port(port, flow(0, slice * 10 + 5, octets));
            records.extend([(0, of(10), true), (1, of(7), true)]);
        }
    }
    let rows = marked(&points(&["", ""]), &records);
    assert_eq!(rows.len(), 4_000);
    assert!(rows[..2_000].iter().all(|row| *row == (1_000, vec![0], vec![0])));
    assert!(rows[2_000..].iter().all(|row| *row == (700, vec![1], vec![1])));
}

#[test]
fn live_rows_of_equal_ends_are_one_only_if_they_are_of_the_same_packets() {
    let points = points(&["", "", ""]);
    // Two points of one link, one of them with the ends turned around and a little ahead, and one of another link.
    let rows = |port| {
        let of = |link, octets| of_link(link, from_port(port, flow(0, 5, octets)));
        let [top, _] = of(1, 90).evidence.halves();
        let ahead = Flow { evidence: Evidence::new([top.wrapping_add(1_000).max(1), 0]), ..of(1, 110) };
        [live(0, of(1, 90)), live(1, turned(ahead)), live(2, of(2, 40))]
    };
    let rows = next(&points, &mut Elected::default(), (0..LOOKALIKES).flat_map(rows).collect());
    let (joined, alone) = rows.split_at(LOOKALIKES.into());
    assert!(joined.iter().all(|row| *row == (110, vec![1], vec![0, 1])));
    assert!(alone.len() == usize::from(LOOKALIKES) && alone.iter().all(|row| *row == (40, vec![2], vec![2])));
}

#[test]
fn a_long_conversation_proves_no_more_than_its_rate() {
    let points = points(&["", ""]);
    let long = |top: u32| Flow { evidence: Evidence::new([top, 0]), ..flow(0, 5_000, 200_000_000) };
    let rate = Traffic::outbound(Counters::new(100, 50_000));
    let rows = |apart: u32| [(0, 1), (1, 1 + apart)].map(|(point, top)| Sighting::live(point, rate, long(top)));
    assert_eq!(count(of(&points, rows(500_000)), Counting::Fullest(None)).len(), 1);
    assert_eq!(count(of(&points, rows(600_000)), Counting::Fullest(None)).len(), 2, "within all that it has sent");
}

#[test]
fn what_was_proved_stays_so_while_both_report() {
    let (both, mut elected) = (points(&["", ""]), Elected::default());
    let rows = |seen: &[usize], evidence: bool, began: i64| -> Vec<Sighting> {
        let row = |point: usize, port: u16| {
            let known = of_link(1, from_port(port, flow(began, began + 5, 100)));
            let none = Flow { evidence: Evidence::NONE, ..known };
            live(point, if evidence { known } else { none })
        };
        (0..LOOKALIKES).flat_map(|port| seen.iter().map(move |point| row(*point, port))).collect()
    };
    let number = usize::from(LOOKALIKES);
    assert_eq!(next(&both, &mut elected, rows(&[0, 1], false, 0)).len(), 2 * number, "nothing is known yet");
    assert_eq!(next(&both, &mut elected, rows(&[0, 1], true, 0)).len(), number);
    assert_eq!(next(&both, &mut elected, rows(&[0, 1], false, 0)).len(), number);
    // Other points come and go.
    let three = {
        let mut three = points(&["", "", ""]);
        three.rotate_right(1);
        three
    };
    assert_eq!(next(&three, &mut elected, rows(&[1, 2], false, 0)).len(), number);
    assert_eq!(next(&both, &mut elected, rows(&[0, 1], false, 0)).len(), number);
    assert_eq!(next(&both, &mut elected, rows(&[0, 1], false, 60)).len(), 2 * number, "a port used again");
    assert_eq!(next(&both, &mut elected, rows(&[0, 1], true, 60)).len(), number);
    assert_eq!(next(&both, &mut elected, rows(&[0], false, 60)).len(), number);
    assert_eq!(next(&both, &mut elected, rows(&[0, 1], false, 60)).len(), 2 * number, "one was away");
}

#[test]
fn what_the_store_has_decided_to_be_the_same_is_one() {
    let points = points(&["", "", ""]);
    let none = |port, octets| Flow { evidence: Evidence::NONE, ..from_port(port, flow(0, 5, octets)) };
    let rows = |port| [live(0, none(port, 90)), live(1, none(port, 40)), live(2, none(port, 100))];
    let mut all = of(&points, (0..LOOKALIKES).flat_map(rows));
    // The first and the last see one link; nothing is decided of the last ports.
    all.decide(|point, flow| (flow.key.source.port < 2_000).then_some(point % 2));
    let rows = count(all, Counting::Fullest(None));
    let joined = rows.iter().filter(|row| **row == (100, vec![2], vec![0, 2])).count();
    assert_eq!((rows.len(), joined), (3 * usize::from(LOOKALIKES) - 2_000, 2_000));
}

#[test]
fn without_marks_the_fullest_counts_and_keeps_it_while_it_is_nearly_so() {
    let (points, mut elected) = (points(&["", ""]), Elected::default());
    let mut who =
        |a: u64, b: u64| next(&points, &mut elected, vec![live(0, flow(0, 5, a)), live(1, flow(0, 5, b))])[0].clone();
    assert_eq!(who(100, 99), (100, vec![0], vec![0, 1]));
    assert_eq!(who(200, 210), (200, vec![0], vec![0, 1]));
    assert_eq!(who(200, 300), (300, vec![1], vec![0, 1]));
}

#[test]
fn who_no_longer_speaks_gives_way_to_who_does() {
    let mut points = points(&["", ""]);
    points[0].fresh = false;
    let records = vec![live(0, flow(0, 5, 100)), live(1, flow(0, 5, 90))];
    assert_eq!(next(&points, &mut Elected::default(), records), [(90, vec![1], vec![0, 1])]);
}

/// One point of a link, whose rows another one counts, and one of another link.
#[test]
fn in_a_part_of_a_lan_stored_rows_of_equal_ends_are_one_only_if_evidence_proves_it_in_any_slice() {
    let points = points(&["", "", ""]);
    let mut records = Vec::new();
    for slice in 0..4 {
        for (point, link, is_marked) in [(0, 1, false), (1, 2, true), (2, 1, false)] {
            for port in 0..LOOKALIKES {
                let of = |link| of_link(link, from_port(port, flow(0, slice * 10 + 5, 100)));
                let none = Flow { evidence: Evidence::NONE, ..of(link) };
                // Of the same packets there is a proof in one slice, or in two that are one apart.
                let flow = match slice {
                    2 if point == 0 => of(link),
                    3 if point == 2 && port % 2 == 0 => of(link),
                    2 if point == 2 && port % 2 == 1 => of(link),
                    _ if point == 1 => of(link),
                    _ => none,
                };
                records.push(proven(point, slice, flow, is_marked));
            }
        }
    }
    let rows = count(of(&points, records), Counting::Fullest(None));
    let number = usize::from(LOOKALIKES);
    let seen = |seen: &[usize]| rows.iter().filter(|(octets, _, by)| *octets == 400 && by == seen).count();
    assert_eq!((rows.len(), seen(&[0, 2]), seen(&[1])), (2 * number, number, number));
}

#[test]
fn where_the_evidence_is_retired_at_most_one_row_of_a_time_counts() {
    let points = points(&["", ""]);
    let rows = |port| {
        let row = |point, is_marked| (point, from_port(port, flow(0, 5, 100)), is_marked);
        // One that counts, none, both.
        [row(0, port % 3 == 2), row(1, port % 3 > 0)]
    };
    let records: Vec<_> = (0..LOOKALIKES).flat_map(rows).collect();
    let rows = count(of(&points, records.iter().map(stored)), Counting::Fullest(None));
    let joined = rows.iter().filter(|(.., by)| *by == [0, 1]).count();
    assert_eq!((rows.len(), joined), (4_000, 2_000));
}

#[test]
fn sites_are_apart_and_so_is_what_never_leaves_its_host() {
    let records = [(0, flow(0, 5, 10), true), (1, flow(0, 5, 20), true)];
    assert_eq!(marked(&points(&["a", "b"]), &records).len(), 2);
    let home = |octets| {
        let mut flow = flow(0, 5, octets);
        (flow.key.source.address, flow.key.destination.address) = ([127, 0, 0, 1].into(), [127, 0, 0, 1].into());
        flow
    };
    let records = vec![live(0, home(10)), live(1, home(20))];
    assert_eq!(next(&points(&["", ""]), &mut Elected::default(), records).len(), 2);
}

#[test]
fn one_vlan_of_a_trunk_counts_in_a_lan_and_both_at_the_trunk_itself() {
    let tagged = |vlan, octets| {
        let mut flow = flow(0, 5, octets);
        flow.key.vlan = Some(vlan);
        flow
    };
    let records = [(0, tagged(7, 10), true), (0, tagged(9, 10), false)];
    assert_eq!(marked(&points(&["", ""]), &records), [(10, vec![0], vec![0, 0])]);
    let live = |vlan| live(0, tagged(vlan, 10));
    assert_eq!(count(of(&points(&["", ""]), [7, 9].map(live)), Counting::Fullest(None)).len(), 1);
    let alone = next(&points(&[""]), &mut Elected::default(), [7, 9].map(live).into());
    assert_eq!(alone.iter().map(|(octets, ..)| octets).sum::<u64>(), 20);
}
