//! The store keeps what was delivered: no count changes on the way in or out.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{START, end, flow, summary};
use proptest::prelude::*;
use traf_collector::store::{Delivery, Fact, Hello, Identity, Outcome, Selection, Store, Tier};
use traf_collector::verify::Finding;
use traf_model::facility::{COUNTED, KeyKind};
use traf_model::{
    AggregatedFlow, Class, ClassGroup, Counted, Counters, Counts, Facility, FlowKey, Interval, Key, Learnt, Mac,
    Second, Summary, Timestamp, Traffic,
};

/// The collector's time: after all slices.
const NOW: Timestamp = Timestamp::from_seconds(START + 100_000);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn open(folder: &tempfile::TempDir) -> (Store, i64) {
    let store = Store::open(&folder.path().join("history.db")).await.unwrap();
    let hello = Hello { uuid: "7f".into(), name: "web1".into(), site: String::new(), version: "test".into(), epoch: 1 };
    let (sensor, _) = store.hello(&hello).await.unwrap().unwrap();
    (store, sensor)
}

fn delivery(sensor: i64, seq: u64, summary: Summary) -> Delivery {
    Delivery { sensor, epoch: 1, from_seq: seq, to_seq: seq, summary: Arc::new(summary) }
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let counters = || (0u64..1 << 30, 0u64..1 << 40, 0u64..1 << 20);
    (counters(), counters()).prop_map(|(a, b)| {
        let counters = |(packets, octets, coalesced)| Counters { packets, octets, coalesced };
        Traffic { inbound: counters(a), outbound: counters(b) }
    })
}

prop_compose! {
    /// A slice of any content: its sums need not agree, but each must survive.
    fn any_summary(slice: i64)(
        flows in proptest::collection::vec((any::<(u8, u16)>(), traffic()), 0..250),
        keys in proptest::collection::vec((any::<u8>(), traffic()), 0..40),
        other in traffic(),
        aggregated in proptest::collection::btree_map(any::<(u8, u16)>(), traffic(), 0..60),
        classes in proptest::collection::vec((0usize..Class::COUNT, 0i64..10, traffic()), 0..30),
    ) -> Summary {
        let mut summary = summary(slice);
        let from = summary.slice.from;
        let interface = &mut summary.interfaces[0];
        let aggregated = aggregated.into_iter().map(|((last, port), traffic)| {
            let key = FlowKey { protocol: 6, vlan: None, source: end(last, 0), destination: end(1, port) };
            AggregatedFlow { key, traffic, flows: 1 }
        });
        interface.aggregated_flows = aggregated.collect();
        interface.flows = flows.into_iter().map(|((last, port), traffic)| {
            let mut flow = flow(from);
            (flow.key.source, flow.traffic) = (end(last, port), traffic);
            flow
        }).collect();
        for facility in COUNTED {
            let tally = interface.counted.entry(facility).or_default();
            *tally = keys.iter().map(|(number, traffic)| counted(facility, *number, *traffic)).collect();
            tally.add_other(other.into());
        }
        interface.seconds = (0..10).map(|second| Second {
            at: Timestamp(from.0 + second * 1_000_000_000),
            classes: classes.iter().filter(|(_, at, _)| *at == second)
                .filter_map(|(class, _, traffic)| Some((Class::at(*class)?, *traffic))).collect(),
        }).collect();
        summary
    }
}

/// One of 256 keys of a facility, and its counts.
fn counted(facility: Counted, number: u8, traffic: Traffic) -> (Key, Counts) {
    let counts = Counts::from(traffic);
    match facility.key {
        KeyKind::Address => (Key::Address([0xfe80 + u16::from(number), 0, 0, 0, 0, 0, 0, 1].into()), counts),
        KeyKind::Number => (Key::Number(17 << 16 | u64::from(number)), counts),
        KeyKind::Mac => {
            let learnt = Learnt { address: [10, 0, 0, number].into(), first: Timestamp(0), last: Timestamp(0) };
            let counts = Counts { ip: traffic.reversed(), addresses: vec![learnt], ..counts };
            (Key::Mac(Mac([2, 0, 0, 0, 0, number])), counts)
        }
    }
}

/// Traffic of flows, of classes, of aggregated flows, and of each counted facility.
type Sums = [Traffic; 3 + COUNTED.len()];

fn delivered(summaries: &[Summary]) -> Sums {
    let mut sums = Sums::default();
    for interface in summaries.iter().flat_map(|summary| &summary.interfaces) {
        sums[0] += interface.flows.iter().map(|flow| flow.traffic).sum::<Traffic>();
        sums[0] += interface.other_flows.iter().map(|(_, traffic, _)| *traffic).sum::<Traffic>();
        sums[1] += interface.classes().group(ClassGroup::Total);
        sums[2] += interface.aggregated_flows.iter().map(|flow| flow.traffic).sum::<Traffic>();
        for (facility, sum) in COUNTED.into_iter().zip(&mut sums[3..]) {
            if let Some(tally) = interface.counted.get(&facility) {
                *sum += tally.rows().map(|(_, counts)| counts.traffic).sum::<Traffic>() + tally.other().traffic;
            }
        }
    }
    sums
}

async fn stored(store: &Store, sensor: i64) -> Sums {
    let interval = Interval::new(Timestamp::from_seconds(START), Timestamp::from_seconds(START + 100_000));
    let selection = Selection { interval, sensors: vec![sensor] };
    let mut sums = Sums::default();
    let facilities = COUNTED.into_iter().map(Facility::Counted).zip(3..);
    for (facility, place) in [(Facility::Traffic, 0), (Facility::Interfaces, 1)].into_iter().chain(facilities) {
        let sum = &mut sums[place];
        store
            .facts(facility, &selection, &mut |_, fact| match fact {
                Fact::Flow(flow, _) => *sum += flow.traffic,
                Fact::OtherFlows(_, traffic, _) => *sum += traffic,
                Fact::Counted(_, counts) => *sum += counts.traffic,
                Fact::Ledger(..) => {}
            })
            .await
            .unwrap();
    }
    for tier in [Tier::Second, Tier::Minute] {
        sums[1] = Traffic::default();
        let sum = &mut sums[1];
        store.classes(tier, &selection, &mut |_, _, _, traffic| *sum += traffic).await.unwrap();
    }
    let sum = &mut sums[2];
    store.aggregated_flows(&selection, &mut |_, flow| *sum += flow.traffic).await.unwrap();
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sums_survive_the_store(first in any_summary(1), second in any_summary(2), third in any_summary(7)) {
        let summaries = [first, second, third];
        let expected = delivered(&summaries);
        let found = runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (store, sensor) = open(&folder).await;
            let deliveries: Vec<Delivery> =
                summaries.into_iter().zip(1..).map(|(summary, seq)| delivery(sensor, seq, summary)).collect();
            // In one group, and all of it again.
            for _ in 0..2 {
                store.apply(&deliveries, NOW).await.unwrap();
            }
            let found = stored(&store, sensor).await;
            store.close().await;
            found
        });
        prop_assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_failed_group_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (store, sensor) = open(&folder).await;
    let mut twice = summary(2);
    let other = twice.interfaces[0].other_flows[0];
    twice.interfaces[0].other_flows.push(other);
    let group = [delivery(sensor, 1, summary(1)), delivery(sensor, 2, twice)];
    let error = store.apply(&group, NOW).await.unwrap_err();
    assert!(!error.may_pass(), "{error}");
    assert_eq!(stored(&store, sensor).await, Sums::default());
    let outcomes = store.apply(&group[..1], NOW).await.unwrap();
    assert!(matches!(outcomes[..], [Outcome::Stored(mark)] if mark.seq == 1));
    assert_eq!(stored(&store, sensor).await, delivered(&[summary(1)]));
    store.close().await;
}

#[tokio::test]
async fn what_is_retired_is_gone_and_what_is_left_still_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let (store, sensor) = open(&folder).await;
    let deliveries: Vec<Delivery> = (1..=60).map(|seq| delivery(sensor, seq, summary(seq as i64))).collect();
    store.apply(&deliveries, NOW).await.unwrap();
    let before = Timestamp::from_seconds(START + 300);
    for tier in Tier::ALL {
        let mut pieces = 0;
        while store.retire(tier, before).await.unwrap() {
            pieces += 1;
        }
        assert!(pieces > 2, "{tier:?} left in {pieces} pieces");
    }
    let kept = store.kept().await.unwrap();
    assert_eq!((kept.flow, kept.ledger), (before, before));
    let left: Vec<Summary> = (30..=60).map(summary).collect();
    assert_eq!(stored(&store, sensor).await, delivered(&left));
    let findings = store.verify().await.unwrap();
    assert!(findings.iter().all(|finding| finding.wrong == 0), "{findings:#?}");
    store.close().await;
}

#[tokio::test]
async fn an_interface_leaves_with_its_last_facts_and_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, sensor) = open(&folder).await;
    let container = |slice| {
        let mut summary = summary(slice);
        summary.interfaces[0].interface.name = "veth0".to_owned();
        summary
    };
    let deliveries =
        (1..=60).map(|seq| delivery(sensor, seq, if seq < 4 { container(seq as i64) } else { summary(seq as i64) }));
    store.apply(&deliveries.collect::<Vec<_>>(), NOW).await.unwrap();
    let before = Timestamp::from_seconds(START + 300);
    for tier in Tier::ALL {
        assert_eq!(store.interfaces(sensor).await.unwrap().len(), 2, "{tier:?}");
        while store.retire(tier, before).await.unwrap() {}
    }
    let named: Vec<String> = store.interfaces(sensor).await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(named, ["eth0"]);
    store.apply(&[delivery(sensor, 61, container(61))], NOW).await.unwrap();
    let mut left: Vec<Summary> = (30..=60).map(summary).collect();
    left.push(container(61));
    assert_eq!(stored(&store, sensor).await, delivered(&left));
    assert_eq!(store.points().await.unwrap().len(), 2);
    let findings = store.verify().await.unwrap();
    assert!(findings.iter().all(|finding| finding.wrong == 0), "{findings:#?}");
    store.close().await;
}

/// Flow rows that count and those that do not, of every sensor.
async fn marks(store: &Store, sensors: &[i64]) -> Vec<(usize, usize)> {
    let interval = Interval::new(Timestamp::from_seconds(START), Timestamp::from_seconds(START + 100_000));
    let mut all = Vec::new();
    for sensor in sensors {
        let selection = Selection { interval, sensors: vec![*sensor] };
        let mut counted = (0, 0);
        let mut take = |_, fact| match fact {
            Fact::Flow(_, true) => counted.0 += 1,
            Fact::Flow(_, false) => counted.1 += 1,
            _ => {}
        };
        store.facts(Facility::Traffic, &selection, &mut take).await.unwrap();
        all.push(counted);
    }
    all
}

async fn another(store: &Store, name: &str, site: &str) -> i64 {
    let hello = Hello { uuid: name.into(), name: name.into(), site: site.into(), version: "test".into(), epoch: 1 };
    store.hello(&hello).await.unwrap().unwrap().0
}

#[tokio::test]
async fn of_two_sensors_that_see_a_flow_one_counts_over_restarts_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, web1) = open(&folder).await;
    let web2 = another(&store, "web2", "").await;
    let away = another(&store, "away", "elsewhere").await;
    for seq in 1..=30 {
        // The second one comes first as often.
        let mut order = [web1, web2, away];
        if seq % 2 == 0 {
            order.reverse();
        }
        for sensor in order {
            // The first one stops half-way.
            if sensor != web1 || seq <= 15 {
                store.apply(&[delivery(sensor, seq, summary(seq as i64))], NOW).await.unwrap();
            }
        }
        if seq % 4 == 0 {
            store.close().await;
            (store, _) = open(&folder).await;
        }
    }
    assert_eq!(marks(&store, &[web1, web2, away]).await, [(15, 0), (15, 15), (30, 0)]);
    let wrong = |findings: &[Finding]| findings.iter().map(|finding| finding.wrong).sum::<u64>();
    assert_eq!(wrong(&store.verify().await.unwrap()), 0);
    // A mark that somebody gave to both is found in each of their slices.
    let other = sqlx::SqlitePool::connect(&format!("sqlite:{}", folder.path().join("history.db").display())).await;
    sqlx::query("update flow set prim = 1").execute(&other.unwrap()).await.unwrap();
    let findings = store.verify().await.unwrap();
    assert_eq!((wrong(&findings), findings[8].wrong), (15, 15), "{findings:#?}");
    store.close().await;
}

#[tokio::test]
async fn rows_that_come_late_count_where_nobody_elses_does() {
    let folder = tempfile::tempdir().unwrap();
    let (store, web1) = open(&folder).await;
    let (web2, web3) = (another(&store, "web2", "").await, another(&store, "web3", "").await);
    for seq in 1..=10 {
        store.apply(&[delivery(web1, seq, summary(seq as i64))], NOW).await.unwrap();
    }
    store.apply(&[delivery(web1, 11, summary(100))], NOW).await.unwrap();
    // Both late, in one group: slices 5 to 20, of which nobody has seen 12 to 20.
    for (seq, slice) in (1..).zip(5..=20) {
        let group = [delivery(web2, seq, summary(slice)), delivery(web3, seq, summary(slice))];
        store.apply(&group, NOW).await.unwrap();
    }
    assert_eq!(marks(&store, &[web1, web2, web3]).await, [(11, 0), (9, 7), (0, 16)]);
    let findings = store.verify().await.unwrap();
    assert!(findings.iter().all(|finding| finding.wrong == 0), "{findings:#?}");
    store.close().await;
}

#[tokio::test]
async fn who_was_behind_a_mac_is_known_from_first_to_last() {
    let folder = tempfile::tempdir().unwrap();
    let (store, sensor) = open(&folder).await;
    let deliveries: Vec<Delivery> = (1..=5).map(|seq| delivery(sensor, seq, summary(seq as i64))).collect();
    store.apply(&deliveries, NOW).await.unwrap();
    let found = store.identities(&[sensor], Timestamp(0)).await.unwrap();
    let at = |slice: i64| Timestamp::from_seconds(START + slice * 10);
    let learnt = Learnt { address: [10, 0, 0, 1].into(), first: at(1), last: at(5) };
    assert_eq!(found, [Identity { sensor, mac: Mac([2, 0, 0, 0, 0, 1]), learnt }]);
    assert!(store.identities(&[sensor], at(6)).await.unwrap().is_empty());
    store.close().await;
}

#[tokio::test]
async fn verify_finds_a_row_that_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, sensor) = open(&folder).await;
    let deliveries: Vec<Delivery> = (1..=3).map(|seq| delivery(sensor, seq, summary(seq as i64))).collect();
    store.apply(&deliveries, NOW).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("history.db"))
        .busy_timeout(Duration::from_secs(5));
    let other = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for (change, wrong) in [
        ("update slice_ledger set received = received + 1 where slice = 1", vec![0]),
        ("update slice_ledger set received = received - 1 where slice = 1", vec![]),
        ("update flow set forward_packets = forward_packets + 1 where id >> 20 = 2", vec![1]),
        ("update flow set forward_packets = forward_packets - 1 where id >> 20 = 2", vec![]),
        // Without its slice nobody knows whose seconds those are: the minute has no counterpart either.
        ("delete from slice where seq = 2", vec![2, 4, 5]),
        ("update minute set in_octets = in_octets + 1", vec![2, 4, 5, 7]),
        ("update flow set prim = 0", vec![2, 4, 5, 7, 9]),
    ] {
        sqlx::query(change).execute(&other).await.unwrap();
        let findings = store.verify().await.unwrap();
        let found: Vec<usize> = (0..).zip(&findings).filter(|(_, finding)| finding.wrong > 0).map(|(n, _)| n).collect();
        assert_eq!(found, wrong, "{change}: {findings:#?}");
    }
    store.close().await;
}
