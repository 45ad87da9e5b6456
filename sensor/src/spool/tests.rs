#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use proptest::prelude::*;
use traf_model::facility::HOSTS;
use traf_model::{Classes, Counters, Interface, InterfaceSummary, Key, Ledger, Nic, Second, Traffic};
use traf_proto::Batch;

use super::*;

mod full;

const LIMITS: SpoolLimits = SpoolLimits { octets: 1 << 20, files: 1_000 };
const US: &str = "traf://c/sensor/s";

/// Ten seconds with `packets` frames, and enough flows to need `octets` on the wire.
fn summary(number: u64, octets: usize) -> Summary {
    let from = Timestamp::from_seconds(number as i64 * 10);
    let slice = Interval::new(from, Timestamp::from_seconds(number as i64 * 10 + 10));
    let class = traf_model::Class::at(0).unwrap();
    let traffic = Traffic::inbound(Counters::new(number + 1, 100));
    let mut part = InterfaceSummary {
        interface: Interface { name: "eth0".to_owned(), ..Interface::default() },
        ledger: Ledger {
            received: number + 1,
            parsed: number + 1,
            nic: Some(Nic { rx_packets: 100 * number, ..Nic::default() }),
            ..Ledger::default()
        },
        seconds: vec![Second { at: from, classes: Classes::from_iter([(class, traffic)]) }],
        ..InterfaceSummary::default()
    };
    let hosts = part.counted.entry(HOSTS).or_default();
    for host in 0..octets / 24 {
        let key = Key::Address(std::net::Ipv4Addr::from(host as u32).into());
        hosts.add(key, Traffic::inbound(Counters::new(1, 10)).into());
    }
    Summary { slice, sealed: slice.to, interfaces: vec![part], ..Summary::default() }
}

fn open(path: &Path, limits: SpoolLimits) -> Spool {
    Spool::open(path, limits, "boot".to_owned()).unwrap().0
}

/// Everything that would be sent, in order.
fn all(spool: &mut Spool) -> Vec<Batch> {
    std::iter::from_fn(|| spool.next()).collect()
}

fn ranges(records: &[Batch]) -> Vec<(u64, u64)> {
    records.iter().map(|record| (record.from_seq, record.to_seq)).collect()
}

fn packets(records: &[Batch]) -> u64 {
    let summaries = records.iter().map(|record| traf_proto::decode(&record.summary).unwrap());
    summaries.flat_map(|summary| summary.interfaces).map(|part| part.ledger.received).sum()
}

fn losses(records: &[Batch]) -> Vec<Loss> {
    records.iter().flat_map(|record| traf_proto::decode(&record.summary).unwrap().losses).collect()
}

#[test]
fn what_is_sealed_survives_a_kill_and_its_number_is_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    assert_eq!(spool.epoch(), 1);
    (0..3).for_each(|number| spool.seal(&summary(number, 100)));
    drop(spool); // as after a kill: nothing is finished

    let (mut spool, last) = Spool::open(folder.path(), LIMITS, "boot".to_owned()).unwrap();
    assert_eq!(spool.epoch(), 2);
    assert_eq!(last.unwrap().end, Timestamp::from_seconds(30).0);
    spool.seal(&summary(3, 100));
    let records = all(&mut spool);
    assert_eq!(ranges(&records), [(1, 1), (2, 2), (3, 3), (4, 4)]);
    assert_eq!(records.iter().map(|record| record.epoch).collect::<Vec<_>>(), [1, 1, 1, 2]);

    spool.acknowledge(4);
    drop(spool);
    let mut spool = open(folder.path(), LIMITS);
    spool.seal(&summary(4, 100));
    assert_eq!(ranges(&all(&mut spool)), [(5, 5)]);
}

#[test]
fn a_second_sensor_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let _spool = open(folder.path(), LIMITS);
    assert!(SpoolFolder::is_locked(folder.path()));
    let error = Spool::open(folder.path(), LIMITS, String::new()).unwrap_err().to_string();
    assert!(error.contains("another traf-sensor"), "{error}");
}

#[test]
fn a_damaged_record_is_declared_and_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    (0..3).for_each(|number| spool.seal(&summary(number, 100)));
    drop(spool);
    let path = folder.path().join(record_name(2, 2));
    let whole = fs::read(&path).unwrap();
    for (lost, place) in (1..).zip([0, 5, 20, 30, 50, 54, 57, whole.len() - 1]) {
        let mut bad = whole.clone();
        bad[place] ^= 4;
        fs::write(&path, bad).unwrap();
        let mut spool = open(folder.path(), LIMITS);
        let records = all(&mut spool);
        assert_eq!(ranges(&records), [(1, 1), (2, 2), (3, 3)], "{place}");
        assert_eq!(packets(&records), 4, "{place}");
        let losses = losses(&records);
        assert_eq!((losses.len(), losses[0].reason, losses[0].records), (1, LossReason::Damaged, 1), "{place}");
        assert_eq!(spool.state().lost, lost, "{place}");
    }
    assert!(
        fs::read_dir(folder.path()).unwrap().flatten().any(|file| file.path().extension().is_some_and(|e| e == "bad"))
    );
}

#[test]
fn a_damaged_header_makes_no_loss_that_the_collector_would_refuse() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut spool = open(folder.path(), LIMITS);
        (0..3).for_each(|number| spool.seal(&summary(1_000 + spool.state.next + number, 100)));
    }
    let names = [1, 2, 4, 6].map(|seq| record_name(seq, seq));
    let state = fs::read(folder.path().join(STATE)).unwrap();
    let whole = names.clone().map(|name| fs::read(folder.path().join(name)).unwrap());
    for bit in (0..record::HEADER * 8).step_by(3) {
        fs::write(folder.path().join(STATE), &state).unwrap();
        for (name, whole) in names.iter().zip(&whole) {
            let mut bad = whole.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(folder.path().join(name), bad).unwrap();
        }
        let mut spool = open(folder.path(), LIMITS);
        let records = all(&mut spool);
        assert_eq!(ranges(&records), (1..=6).map(|seq| (seq, seq)).collect::<Vec<_>>(), "bit {bit}");
        let epochs: Vec<u64> = records.iter().map(|record| record.epoch).collect();
        assert!(epochs.is_sorted() && epochs.iter().all(|epoch| (1..=3).contains(epoch)), "bit {bit}: {epochs:?}");
        let sealed = Timestamp::from_seconds(0)..=Timestamp(spool.state.last.as_ref().unwrap().end + 10);
        for record in &records {
            let slice = traf_proto::decode(&record.summary).unwrap().slice;
            let fits = sealed.contains(&slice.from) && sealed.contains(&slice.to) && slice.from < slice.to;
            assert!(fits, "bit {bit}: {slice:?}");
        }
        assert_eq!((losses(&records).len(), spool.state().lost), (4, 4), "bit {bit}");
    }
}

/// Its payload, read as one of today, would be a summary without its counted facilities.
#[test]
fn a_record_of_an_earlier_format_is_refused_in_words_and_declared_and_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    (0..3).for_each(|number| spool.seal(&summary(number, 100)));
    drop(spool);
    let path = folder.path().join(record_name(2, 2));
    let mut earlier = fs::read(&path).unwrap();
    earlier[4] = 1;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&earlier[..52]), &earlier[record::HEADER..]);
    earlier[52..record::HEADER].copy_from_slice(&sum.to_le_bytes());
    fs::write(&path, &earlier).unwrap();

    let refused = RecordHeader::decode(&earlier).unwrap_err();
    assert_eq!(refused, RecordError::Version(1));
    assert_eq!(refused.to_string(), "its format is version 1, and this program reads version 2");
    let mut spool = open(folder.path(), LIMITS);
    let records = all(&mut spool);
    assert_eq!(ranges(&records), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(packets(&records), 4);
    let losses = losses(&records);
    assert_eq!((losses.len(), losses[0].reason, losses[0].records), (1, LossReason::Damaged, 1));
    assert_eq!(spool.state().lost, 1);
    assert_eq!(fs::read(path.with_extension("slice.bad")).unwrap(), earlier, "it is kept for whoever looks into it");
}

#[test]
fn a_record_that_somebody_removed_is_declared() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    (0..4).for_each(|number| spool.seal(&summary(number, 100)));
    drop(spool);
    fs::remove_file(folder.path().join(record_name(2, 2))).unwrap();
    fs::remove_file(folder.path().join(record_name(3, 3))).unwrap();
    let mut spool = open(folder.path(), LIMITS);
    let records = all(&mut spool);
    assert_eq!(ranges(&records), [(1, 1), (2, 3), (4, 4)]);
    assert_eq!(losses(&records)[0].records, 2);
}

#[test]
fn a_damaged_state_goes_on_behind_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    (0..2).for_each(|number| spool.seal(&summary(number, 100)));
    drop(spool);
    fs::write(folder.path().join("state"), "nonsense").unwrap();
    let mut spool = open(folder.path(), LIMITS);
    assert_eq!(spool.epoch(), 2);
    spool.seal(&summary(2, 100));
    assert_eq!(ranges(&all(&mut spool)), [(1, 1), (2, 2), (3, 3)]);
}

#[test]
fn a_full_spool_keeps_its_bound_and_every_total() {
    let folder = tempfile::tempdir().unwrap();
    let limits = SpoolLimits { octets: 40 * 4096, files: 1_000 };
    let mut spool = open(folder.path(), limits);
    for number in 0..200 {
        spool.seal(&summary(number, 10_000));
        assert!(spool.state().octets <= limits.octets);
    }
    let on_disk: u64 = fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .filter(|file| record::range(&file.file_name().to_string_lossy()).is_some())
        .map(|file| file.metadata().unwrap().len().next_multiple_of(4096))
        .sum();
    assert_eq!(on_disk, spool.state().octets);

    let records = all(&mut spool);
    let mut expected = 1;
    for (from, to) in ranges(&records) {
        assert_eq!(from, expected);
        expected = to + 1;
    }
    assert_eq!(expected, 201);
    assert_eq!(packets(&records), (1..=200).sum::<u64>());
    let lost: u64 = losses(&records).iter().map(|loss| loss.records).sum();
    assert_eq!(lost, spool.state().lost);
    assert!(lost > 150 && losses(&records).iter().all(|loss| loss.reason == LossReason::SpoolFull));
    let newest = traf_proto::decode(&records.last().unwrap().summary).unwrap();
    assert!(newest.interfaces[0].counted[&HOSTS].len() > 100, "the newest keep their detail");
}

#[test]
fn what_may_be_committed_stays_as_it_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let limits = SpoolLimits { octets: 10 * 4096, files: 1_000 };
    let mut spool = open(folder.path(), limits);
    (0..2).for_each(|number| spool.seal(&summary(number, 10_000)));
    let first = spool.next().unwrap();
    (2..10).for_each(|number| spool.seal(&summary(number, 10_000)));
    spool.resume(US, CommitMark::default()).unwrap();
    assert_eq!(spool.next().unwrap(), first);
}

#[test]
fn after_a_hello_what_is_committed_goes_and_the_rest_follows() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    (0..5).for_each(|number| spool.seal(&summary(number, 100)));
    spool.resume(US, CommitMark::default()).unwrap();
    assert_eq!(all(&mut spool).len(), 5);
    // Three were committed, one ack arrived, the connection broke.
    spool.acknowledge(1);
    spool.resume(US, CommitMark { epoch: 1, seq: 3 }).unwrap();
    assert_eq!(ranges(&all(&mut spool)), [(4, 4), (5, 5)]);
    assert_eq!(spool.state().records, 2);
}

#[test]
fn with_a_new_disk_numbers_go_on_behind_the_mark_and_nothing_is_taken_for_a_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    (0..3).for_each(|number| spool.seal(&summary(number, 100)));
    spool.resume(US, CommitMark { epoch: 12, seq: 1_000 }).unwrap();
    let records = all(&mut spool);
    assert_eq!(ranges(&records), [(1001, 1001), (1002, 1002), (1003, 1003)]);
    assert!(records.iter().all(|record| record.epoch > 12));
    spool.acknowledge(1001);
    drop(spool);
    let mut spool = open(folder.path(), LIMITS);
    assert_eq!(spool.wire_epoch(), 14);
    spool.resume(US, CommitMark { epoch: 13, seq: 1_002 }).unwrap();
    spool.seal(&summary(3, 100));
    assert_eq!(ranges(&all(&mut spool)), [(1003, 1003), (1004, 1004)]);
    assert_eq!(spool.state().lost, 0);
}

#[test]
fn a_sensor_that_lost_its_memory_goes_on_behind_its_former_epochs_and_a_twin_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    let now = Timestamp::from_seconds(1_800_000_000);
    assert!(spool.fenced(US, now));
    assert_eq!(spool.wire_epoch(), 1_800_000_001);
    assert!(!spool.fenced(US, now));
    spool.seal(&summary(0, 100));
    spool.resume(US, CommitMark { epoch: 12, seq: 7 }).unwrap();
    assert_eq!(ranges(&all(&mut spool)), [(8, 8)]);
    drop(spool);
    let mut spool = open(folder.path(), LIMITS);
    assert!(!spool.fenced(US, Timestamp::from_seconds(1_900_000_000)), "it was known: this is another one");
}

#[test]
fn every_declaration_covers_some_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    spool.seal(&summary(0, 100));
    drop(spool);
    fs::write(folder.path().join(record_name(1, 1)), "damaged").unwrap();
    let mut spool = open(folder.path(), LIMITS);
    let declared = traf_proto::decode(&spool.next().unwrap().summary).unwrap();
    assert_eq!((declared.slice.nanos(), declared.slice.from), (1, Timestamp::from_seconds(10)));
}

#[test]
fn another_collector_begins_at_its_own_mark() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    (0..3).for_each(|number| spool.seal(&summary(number, 100)));
    spool.resume(US, CommitMark::default()).unwrap();
    spool.acknowledge(2);
    spool.resume("traf://other/sensor/s", CommitMark::default()).unwrap();
    assert_eq!(ranges(&all(&mut spool)), [(1, 1)]);
    assert_eq!(spool.state().lost, 0);
}

#[test]
fn a_collector_that_forgot_what_it_acknowledged_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), LIMITS);
    (0..5).for_each(|number| spool.seal(&summary(number, 100)));
    spool.resume(US, CommitMark::default()).unwrap();
    spool.acknowledge(4);
    spool.resume(US, CommitMark { epoch: 1, seq: 2 }).unwrap();
    let records = all(&mut spool);
    assert_eq!(ranges(&records), [(3, 3), (4, 4)], "the declaration, then what waits");
    assert_eq!(losses(&records)[0].reason, LossReason::Forgotten);
    assert_eq!(spool.state().lost, 2);
    spool.acknowledge(4);
    spool.seal(&summary(5, 100));
    assert_eq!(ranges(&all(&mut spool)), [(5, 5)]);
}

#[derive(Clone, Debug)]
enum Step {
    Seal,
    Send,
    Acknowledge,
    Reconnect,
    Kill,
    LoseTheNewestFile,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_happens_every_number_arrives_once_and_every_packet_is_there_or_declared(
        steps in prop::collection::vec(prop_oneof![
            6 => Just(Step::Seal), 4 => Just(Step::Send), 2 => Just(Step::Acknowledge), 2 => Just(Step::Reconnect),
            2 => Just(Step::Kill), 1 => Just(Step::LoseTheNewestFile),
        ], 1..60)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let limits = SpoolLimits { octets: 12 * 4096, files: 100 };
        let mut spool = open(folder.path(), limits);
        spool.resume(US, CommitMark::default()).unwrap();
        let (mut mark, mut received, mut sealed, mut gone) = (CommitMark::default(), Vec::<Batch>::new(), 0, 0);
        let mut number = 0;
        let mut steps = steps;
        steps.extend([Step::Reconnect]);
        steps.extend(vec![Step::Send; 80]);
        for step in steps {
            match step {
                Step::Seal => {
                    spool.seal(&summary(number, 5_000));
                    number += 1;
                    sealed += number;
                }
                Step::Send => if let Some(record) = spool.next() {
                    prop_assert_eq!(record.from_seq, mark.seq + 1, "gapless and in order");
                    mark = CommitMark { epoch: record.epoch, seq: record.to_seq };
                    received.push(record);
                },
                Step::Acknowledge => spool.acknowledge(mark.seq),
                Step::Reconnect => spool.resume(US, mark).unwrap(),
                Step::Kill => {
                    drop(spool);
                    spool = open(folder.path(), limits);
                    spool.resume(US, mark).unwrap();
                }
                Step::LoseTheNewestFile => {
                    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten()
                        .map(|file| file.file_name().to_string_lossy().into_owned())
                        .filter(|name| record::range(name).is_some_and(|(from, _)| from > mark.seq)).collect();
                    names.sort();
                    if let Some(name) = names.last() {
                        let file = fs::read(folder.path().join(name)).unwrap();
                        if let Ok((_, payload)) = RecordHeader::decode(&file) {
                            let parts = traf_proto::decode(payload).unwrap().interfaces;
                            gone += parts.iter().map(|part| part.ledger.received).sum::<u64>();
                        }
                        fs::write(folder.path().join(name), "damaged").unwrap();
                    }
                }
            }
        }
        prop_assert_eq!(packets(&received) + gone, sealed);
        let damaged = losses(&received).iter().filter(|loss| loss.reason == LossReason::Damaged).count();
        prop_assert!(gone == 0 || damaged > 0);
    }
}
