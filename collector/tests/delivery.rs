//! History from a sensor to the store: once, in order, and nothing twice.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Collector, Export, summary};
use prost::Message as _;
use tonic::Code;
use traf_model::{Loss, LossReason, Summary};
use traf_peer::Role;
use traf_proto as wire;
use traf_proto::view_client::ViewClient;

#[tokio::test]
async fn a_delivery_is_committed_then_acknowledged_and_a_resent_one_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let sensor = collector.joined(Role::Sensor, "web1").await;

    let (mut export, first) = Export::open(sensor.clone(), 1).await.unwrap();
    assert_eq!((first.epoch, first.seq), (0, 0));
    for seq in 1..=3 {
        export.send(1, seq, seq, &summary(seq as i64)).await;
    }
    export.acked(3).await;
    // The same again, on the same stream and on a new one.
    export.send(1, 2, 2, &summary(2)).await;
    assert_eq!(export.ack().await.unwrap().seq, 3);
    let (mut again, mark) = Export::open(sensor, 1).await.unwrap();
    assert_eq!((mark.epoch, mark.seq), (1, 3));
    again.send(1, 3, 3, &summary(3)).await;
    assert_eq!(again.ack().await.unwrap().seq, 3);

    let findings = traf_collector::verify::verify(&collector.config).await.unwrap();
    assert!(findings.iter().all(|finding| finding.wrong == 0), "{findings:#?}");
    assert_eq!(findings[0].rows, 3);
    collector.stop().await;
}

/// What a sensor declares in the place of damaged records.
fn damaged(slice: i64, records: u64) -> Summary {
    let Summary { slice, sealed, .. } = summary(slice);
    let losses = vec![Loss { reason: LossReason::Damaged, interval: slice, records, counted: None, interface: None }];
    Summary { slice, sealed, losses, ..Summary::default() }
}

#[tokio::test]
async fn a_damaged_record_is_lost_and_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (mut export, _) = Export::open(collector.joined(Role::Sensor, "web1").await, 1).await.unwrap();
    for seq in 1..=36 {
        let lost = [7, 8, 30].contains(&seq);
        export.send(1, seq, seq, &if lost { damaged(seq as i64, 1) } else { summary(seq as i64) }).await;
    }
    // Totals of two whole records and two damaged ones, then two damaged ones together.
    let mut folded = summary(37);
    folded.losses = damaged(37, 2).losses;
    folded.losses.push(Loss { reason: LossReason::SpoolFull, ..folded.losses[0].clone() });
    export.send(1, 37, 40, &folded).await;
    export.send(1, 41, 42, &damaged(41, 2)).await;
    export.acked(42).await;

    let findings = traf_collector::verify::verify(&collector.config).await.unwrap();
    assert!(findings.iter().all(|finding| finding.wrong == 0), "{findings:#?}");
    let config = collector.config.clone();
    collector.stop().await;
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", folder.path().join("history.db").display())).await;
    let file = file.unwrap();
    let counts: Vec<(i64, i64)> =
        sqlx::query_as("select stored_records, lost_records from sensors").fetch_all(&file).await.unwrap();
    assert_eq!(counts, [(33 + 1, 3 + 3 + 2)]);
    // Had they been counted as stored, the check would say so.
    sqlx::query("update slice set lost = 0 where seq = 7").execute(&file).await.unwrap();
    file.close().await;
    let findings = traf_collector::verify::verify(&config).await.unwrap();
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.wrong > 0).collect();
    assert_eq!(wrong.len(), 2, "{wrong:#?}");
    assert!(wrong.iter().all(|finding| finding.invariant == "I3 deliver"), "{wrong:#?}");
}

#[tokio::test]
async fn what_was_committed_but_not_acknowledged_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let credentials = collector.join(Role::Sensor, "web1").await;
    let (mut export, _) = Export::open(collector.channel(&credentials), 1).await.unwrap();
    export.send(1, 1, 1, &summary(1)).await;
    export.acked(1).await;
    // The collector dies; the sensor never saw the acknowledgement of what it sent last.
    export.send(1, 2, 2, &summary(2)).await;
    collector.kill().await;

    let collector = Collector::start(&folder).await;
    let (mut export, mark) = Export::open(collector.channel(&credentials), 1).await.unwrap();
    assert!((1..=2).contains(&mark.seq));
    for seq in 1..=3 {
        export.send(1, seq, seq, &summary(seq as i64)).await;
    }
    export.acked(3).await;
    let findings = traf_collector::verify::verify(&collector.config).await.unwrap();
    assert!(findings.iter().all(|finding| finding.wrong == 0), "{findings:#?}");
    assert_eq!(findings[0].rows, 3);
    collector.stop().await;
}

#[tokio::test]
async fn all_sensors_get_one_digest_key_with_the_first_answer_only_and_it_outlives_the_collector() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let collector = Collector::start(&folder).await;
        for name in ["web1", "web2"] {
            let (mut export, first) = Export::open(collector.joined(Role::Sensor, name).await, 1).await.unwrap();
            assert_eq!((first.digest_key.len(), first.generation), (48, 1));
            keys.push(first.digest_key);
            export.send(1, 1, 1, &summary(1)).await;
            let later = export.ack().await.unwrap();
            assert_eq!((later.seq, later.digest_key.len(), later.generation), (1, 0, 0));
        }
        collector.stop().await;
    }
    assert!(keys.iter().all(|key| *key == keys[0]) && keys[0].iter().any(|octet| *octet != 0));
}

#[tokio::test]
async fn tables_of_a_newer_sensor_are_left_out_and_its_trouble_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (mut export, _) = Export::open(collector.joined(Role::Sensor, "web1").await, 1).await.unwrap();
    let mut newer = wire::Summary::decode(&traf_proto::encode(&summary(1))[..]).unwrap();
    newer.interfaces[0].counted.push(wire::CountedTable { facility: 250, ..Default::default() });
    export.send_octets(1, 1, 1, newer.encode_to_vec()).await;
    export.acked(1).await;
    let mut view = ViewClient::new(collector.joined(Role::Viewer, "desk").await);
    let words = "it sends 1 tables that this collector does not know: install a newer collector";
    for (seq, told) in [(2, true), (3, false)] {
        let fleet = view.fleet(wire::FleetQuery {}).await.unwrap().into_inner().message().await.unwrap().unwrap();
        assert_eq!(fleet.sensors[0].trouble.contains(words), told, "{}", fleet.sensors[0].trouble);
        // The newest record says how it is now.
        export.send(1, seq, seq, &summary(seq as i64)).await;
        export.acked(seq).await;
    }
    collector.stop().await;
}

#[tokio::test]
async fn a_gap_is_refused_and_the_words_name_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let sensor = collector.joined(Role::Sensor, "web1").await;
    let (mut export, _) = Export::open(sensor.clone(), 1).await.unwrap();
    export.send(1, 2, 2, &summary(2)).await;
    let status = export.ack().await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("sequence number 1 comes next, not 2"), "{status}");

    // A record that stands for several may close it.
    let (mut export, _) = Export::open(sensor, 1).await.unwrap();
    export.send(1, 1, 4, &summary(4)).await;
    export.acked(4).await;
    collector.stop().await;
}

#[tokio::test]
async fn an_older_epoch_is_fenced_off_and_a_newer_connection_wins() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let sensor = collector.joined(Role::Sensor, "web1").await;
    let (mut older, _) = Export::open(sensor.clone(), 5).await.unwrap();
    let (mut newer, _) = Export::open(sensor.clone(), 5).await.unwrap();
    assert_eq!(older.ack().await.unwrap_err().code(), Code::Aborted);
    newer.send(5, 1, 1, &summary(1)).await;
    newer.acked(1).await;

    let refused = Export::open(sensor.clone(), 4).await.err().unwrap();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("epoch 4 is over"), "{refused}");
    // A record of an older epoch, still in the spool, is delivered under the newer one.
    let (mut export, mark) = Export::open(sensor, 6).await.unwrap();
    assert_eq!((mark.epoch, mark.seq), (5, 1));
    export.send(5, 2, 2, &summary(2)).await;
    export.send(6, 3, 3, &summary(3)).await;
    export.acked(3).await;
    collector.stop().await;
}

#[tokio::test]
async fn a_record_that_means_nothing_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let sensor = collector.joined(Role::Sensor, "web1").await;
    let (mut export, _) = Export::open(sensor, 1).await.unwrap();
    let mut backwards = summary(1);
    backwards.slice.to = backwards.slice.from;
    export.send(1, 1, 1, &backwards).await;
    let status = export.ack().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("record 1 cannot be used"), "{status}");
    collector.stop().await;
}

#[tokio::test]
async fn while_another_program_locks_the_store_nothing_is_acknowledged_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let sensor = collector.joined(Role::Sensor, "web1").await;
    let (mut export, _) = Export::open(sensor, 1).await.unwrap();

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("history.db"));
    let other = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let lock = other.begin_with("begin immediate").await.unwrap();
    export.send(1, 1, 1, &summary(1)).await;
    let early = tokio::time::timeout(std::time::Duration::from_secs(3), export.acks.message()).await;
    assert!(early.is_err(), "acknowledged without a commit: {early:?}");
    lock.rollback().await.unwrap();
    export.acked(1).await;
    collector.stop().await;
}
