//! Answers about slices, beside the summaries of these slices.

use std::collections::BTreeMap;

use traf_model::facility::{COUNTED, PROTOCOLS};
use traf_model::{Answer, Class, GroupKey, InterfaceSummary};

use super::*;

const HOSTS_OF: u32 = 1_500;

/// `flows` conversations in the second that begins at `at`: with a table of 2,048 places most of them are pushed out.
fn second(meter: &mut Meter, at: i64, flows: u32, seed: u32) {
    let mut bytes = udp(A, B, 5000, 53, 20);
    for number in 0..flows {
        let mixed = (number ^ seed << 12).wrapping_mul(2_654_435_761);
        let [_, _, c, d] = (mixed % HOSTS_OF).to_be_bytes();
        bytes[26..30].copy_from_slice(&[10, 1, c, d]);
        bytes[33] = (mixed >> 24) as u8 % 30;
        bytes[34..36].copy_from_slice(&(1024 + mixed as u16 % 20_000).to_be_bytes());
        bytes[36..38].copy_from_slice(&[0, 20 + (mixed >> 16) as u8 % 60]);
        for packet in 0..1 + i64::from(mixed % 7) {
            give(meter, at * SECOND + i64::from(number) * 1_000 + packet, &bytes);
        }
    }
}

fn wishes(filter: &str, limit: u32) -> Vec<Wish> {
    let of_slice = |facility, group| Wish { group, slice: true, ..wish(facility, filter, limit) };
    let groups = [Group::Flow, Group::Address, Group::Port, Group::Pair, Group::Sensor];
    let traffic = groups.map(|group| of_slice(Facility::Traffic, group));
    let counted = COUNTED.map(|facility| of_slice(facility.into(), Group::Flow));
    let all = traffic.into_iter().chain(counted).zip(1..);
    all.map(|(wish, id)| Wish { id, ..wish }).collect()
}

/// Traffic of an answer's rows by key and of what has none; together they are its total.
fn read(answer: &Answer) -> (BTreeMap<String, Traffic>, Traffic) {
    let (mut rows, mut other) = (BTreeMap::<String, Traffic>::new(), answer.total);
    for row in answer.rows.iter().filter(|row| !matches!(row.item, Item::Other(..))) {
        let key = match &row.item {
            Item::Flow(flow) => format!("{:?} {:?}", flow.key, flow.first),
            Item::Group(GroupKey::Sensor(_), ..) => String::new(),
            Item::Group(key, ..) => key.to_string(),
            Item::Counted(_, key, _) => format!("{key:?}"),
            _ => panic!("{row:?}"),
        };
        let traffic = row.item.traffic();
        assert!(rows.values().all(|_| traffic.total().octets <= other.total().octets), "{row:?}");
        other = other - traffic;
        if !traffic.is_empty() {
            *rows.entry(key).or_default() += traffic;
        }
    }
    (rows, other)
}

/// The same of a summary.
fn expected(summary: &InterfaceSummary, wish: &Wish) -> (BTreeMap<String, Traffic>, Traffic) {
    let mut rows = BTreeMap::<String, Traffic>::new();
    let mut other = Traffic::default();
    match wish.facility {
        Facility::Counted(facility) => {
            let Some(tally) = summary.counted.get(&facility) else { return (rows, other) };
            for (key, counts) in tally.rows() {
                rows.insert(format!("{key:?}"), counts.traffic);
            }
            other = tally.other().traffic;
        }
        _ => {
            for flow in &summary.flows {
                let key = match wish.group.of(&flow.key, "") {
                    None => format!("{:?} {:?}", flow.key, flow.first),
                    Some(GroupKey::Sensor(_)) => String::new(),
                    Some(key) => key.to_string(),
                };
                *rows.entry(key).or_default() += flow.traffic;
            }
            other += summary.other_flows.iter().map(|(_, traffic, _)| *traffic).sum::<Traffic>();
            for flow in summary.aggregated_flows.iter().filter(|_| wish.group != Group::Flow) {
                let of_any = wish.group == Group::Pair && flow.key.is_of_any();
                if let Some(key) = wish.group.of(&flow.key, "").filter(|_| !of_any) {
                    *rows.entry(key.to_string()).or_default() += flow.traffic;
                    other = other - flow.traffic;
                }
            }
        }
    }
    (rows, other)
}

fn config() -> MeterConfig {
    MeterConfig {
        flows: 2_048,
        parted: 500,
        history_flows: usize::MAX,
        history_keys: usize::MAX,
        ..MeterConfig::default()
    }
}

#[test]
fn what_a_slice_is_answered_to_have_counted_is_what_its_summary_says() {
    let mut meter = meter(config());
    for number in 0..3u32 {
        let from = i64::from(number) * 10;
        meter.begin_slice(Timestamp(from * SECOND));
        let mut last = Traffic::default();
        for at in 0..9 {
            second(&mut meter, from + at, 800, number * 7 + at as u32 / 3);
            let answers = meter.snapshot(Timestamp((from + at + 1) * SECOND), &wishes("", 1_000)).answers;
            assert!(answers.iter().all(|answer| answer.slice == Some(Timestamp(from * SECOND))));
            assert!(answers[0].total.total().octets > last.total().octets);
            last = answers[0].total;
        }
        second(&mut meter, from + 9, 500, 99);
        let summary = meter.close(slice(from, from + 10));
        sums::hold(&summary, "slices");
        let sealed = meter.sealed_answers(Timestamp((from + 11) * SECOND));
        for wish in wishes("", 1_000) {
            let found: Vec<&Answer> = sealed
                .iter()
                .filter(|answer| answer.id == wish.id && answer.slice == Some(Timestamp(from * SECOND)))
                .collect();
            let [answer] = found[..] else { panic!("{} answers to {wish:?}", found.len()) };
            let ((rows, other), (truth, without)) = (read(answer), expected(&summary, &wish));
            let total = |rows: &BTreeMap<String, Traffic>, other| rows.values().copied().sum::<Traffic>() + other;
            assert_eq!(total(&rows, other), total(&truth, without), "{wish:?}");
            // As many of the busiest as were asked for. A key of a full set of places may lose its own while the slice is sealed.
            let wrong = rows.iter().filter(|(key, sum)| truth.get(*key) != Some(sum)).count();
            let ranked = [HOSTS, SERVICES, STATIONS].iter().any(|facility| wish.facility == (*facility).into());
            assert!(wrong <= if ranked { rows.len() / 50 } else { 0 }, "{wrong} rows of {wish:?}");
            let begun = |flow: &&Flow| flow.first >= Timestamp(from * SECOND);
            let asked = match (wish.facility, wish.group) {
                (Facility::Traffic, Group::Flow) => {
                    let new = summary.flows.iter().filter(begun).count();
                    new.min(1_000) + (summary.flows.len() - new).min(1_000)
                }
                _ => truth.len().min(1_000),
            };
            assert!(rows.len().abs_diff(asked) <= wrong, "{wish:?}");
        }
        let evicted: Traffic = summary.other_flows.iter().map(|(_, traffic, _)| *traffic).sum();
        assert!(number == 0 || evicted.total().packets > 2_000, "{evicted:?}");
        assert!(meter.sealed_answers(Timestamp((from + 14) * SECOND)).is_empty());
    }
}

#[test]
fn the_flows_of_a_slice_and_what_has_no_row_add_up_to_its_classes() {
    let mut meter = meter(config());
    let by_class = |traffic: &mut dyn Iterator<Item = (Class, Traffic)>| -> BTreeMap<usize, Traffic> {
        let mut sums = BTreeMap::<usize, Traffic>::new();
        traffic.for_each(|(class, traffic)| *sums.entry(class.index()).or_default() += traffic);
        sums
    };
    let class = |flow: &Flow| PackedKey::of(&flow.key).0.class(traf_model::Cast::Unicast);
    second(&mut meter, 0, 5_000, 1);
    give(&mut meter, 1, &tcp(true, (40_000, 22), &|tcp| tcp.syn = true, 0));
    give(&mut meter, 1, &tcp_six(true, (40_000, 22), &|tcp| tcp.syn = true));
    let answer = meter.snapshot(Timestamp(SECOND), &wishes("", 100)).answers.remove(0);
    let rows = answer.rows.iter().filter_map(|row| match row.item {
        Item::Flow(flow) => Some((class(&flow), flow.traffic)),
        Item::Other(class, traffic, _) => Some((class, traffic)),
        _ => None,
    });
    let found = by_class(&mut rows.into_iter());
    let summary = meter.close(slice(0, 10));
    let flows = summary.flows.iter().map(|flow| (class(flow), flow.traffic));
    let truth = by_class(&mut flows.chain(summary.other_flows.iter().map(|(class, traffic, _)| (*class, *traffic))));
    assert_eq!(found, truth);
    assert_eq!(answer.rows.iter().filter(|row| matches!(row.item, Item::Flow(_))).count(), 100);
    assert_eq!(answer.total, truth.values().copied().sum());
    assert!(matches!(answer.rows[0].item, Item::Other(..)), "what has no row comes first, so that it is never cut off");
}

#[test]
fn under_a_filter_a_slice_is_answered_for_what_was_selected_in_it() {
    let mut meter = meter(MeterConfig { flows: 65_536, ..config() });
    let filter = "port 30";
    meter.snapshot(Timestamp(0), &wishes(filter, 1_000));
    second(&mut meter, 0, 3_000, 5);
    meter.snapshot(Timestamp(SECOND), &wishes(filter, 1_000));
    let first = meter.close(slice(0, 10));
    meter.begin_slice(Timestamp(10 * SECOND));
    second(&mut meter, 10, 3_000, 6);
    let answers = meter.snapshot(Timestamp(11 * SECOND), &wishes(filter, 1_000)).answers;
    let sealed = meter.sealed_answers(Timestamp(11 * SECOND));
    let second = meter.close(slice(10, 20));
    for (answers, summary) in [(&sealed, first), (&answers, second)] {
        let truth: Traffic =
            summary.flows.iter().filter(|flow| flow.key.destination.port == 30).map(|flow| flow.traffic).sum();
        let of = |id: u64| answers.iter().find(|answer| answer.id == id).unwrap();
        let number = |facility| 6 + COUNTED.iter().position(|counted| *counted == facility).unwrap() as u64;
        assert!(truth.total().packets > 100);
        assert_eq!(of(1).total, truth);
        assert_eq!(of(2).total, truth);
        assert_eq!(of(number(PROTOCOLS)).total, truth);
        assert_eq!(of(number(HOSTS)).total, truth + truth.reversed());
        assert_eq!(of(number(SERVICES)).total.total(), truth.total());
    }
}

#[test]
fn a_seal_without_time_answers_some_wishes_of_a_slice_and_seals_all_that_was_counted() {
    let config = MeterConfig { flows: 65_536, ..config() };
    let (mut bounded, mut free, all) = (meter(config.clone()), meter(config), wishes("", 1_000));
    for number in 0..4u32 {
        let from = i64::from(number) * 10;
        for meter in [&mut bounded, &mut free] {
            meter.begin_slice(Timestamp(from * SECOND));
            (0..9).for_each(|at| second(meter, from + at, 2_000, number * 7 + at as u32 / 3));
            meter.snapshot(Timestamp((from + 9) * SECOND), &all);
        }
        // There is no time, but for four that need no pass, and one.
        let summary = bounded.close_within(slice(from, from + 10), || false);
        let whole = free.close(slice(from, from + 10));
        assert!(whole.flows.len() > 5_000, "{}", whole.flows.len());
        // Who is pushed out of a full set of places is chance; the sums are not.
        let total = |summary: &InterfaceSummary, wish: &Wish| {
            let (rows, other) = expected(summary, wish);
            rows.into_values().sum::<Traffic>() + other
        };
        assert!(all.iter().all(|wish| total(&summary, wish) == total(&whole, wish)));
        let now = Timestamp((from + 10) * SECOND);
        let (some, whole) = (bounded.sealed_answers(now), free.sealed_answers(now));
        assert_eq!((some.len(), whole.len()), (5, all.len()));
        for answer in some {
            let same = whole.iter().find(|other| other.id == answer.id).unwrap();
            assert_eq!(answer.total, same.total);
        }
    }
}

#[test]
fn groups_are_whole_where_there_are_fewer_rows_than_flows() {
    let groups = |config: MeterConfig| {
        let mut meter = meter(config);
        second(&mut meter, 0, 5_000, 3);
        let summary = meter.close(slice(0, 10));
        sums::hold(&summary, "groups");
        let flows = summary.flows.iter().map(|flow| (flow.key, flow.traffic));
        let all = flows.chain(summary.aggregated_flows.iter().map(|flow| (flow.key, flow.traffic)));
        let mut groups = BTreeMap::<String, Traffic>::new();
        for (key, traffic) in all {
            for group in [Group::Address, Group::Port] {
                *groups.entry(group.of(&key, "").unwrap().to_string()).or_default() += traffic;
            }
        }
        let mut octets: Vec<u64> = summary.flows.iter().map(Flow::octets).collect();
        octets.sort_unstable_by_key(|octets| std::cmp::Reverse(*octets));
        (octets, groups)
    };
    let (mut flows, truth) = groups(MeterConfig { flows: 65_536, ..config() });
    assert!(flows.len() > 4_500, "{}", flows.len());
    let (rows, found) = groups(MeterConfig { history_flows: 100, ..config() });
    assert_eq!(found, truth);
    // And the rows are the busiest flows, wherever they stood.
    flows.truncate(100);
    assert_eq!(rows, flows);
}
