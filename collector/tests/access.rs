//! Access: peers that are let in, and the words to those that are not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use common::{Collector, DEADLINE, Export};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use tonic::Code;
use traf_peer::Role;
use traf_peer::token::Token;
use traf_peer::{Credentials, JoinError, Refusal, explain, join};
use traf_proto as wire;
use traf_proto::view_client::ViewClient;

/// Everything that the collectors of this file have logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        let filter = tracing_subscriber::EnvFilter::new("info");
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(move || writer.clone()).init();
        log
    })
}

/// Waits until a line of the log holds all of `words`.
async fn logged(words: &[&str]) {
    let look = async {
        loop {
            let text = String::from_utf8_lossy(&log().0.lock().unwrap()).into_owned();
            if text.lines().any(|line| words.iter().all(|word| line.contains(word))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(DEADLINE, look).await.is_err() {
        panic!("{words:?} is nowhere in\n{}", String::from_utf8_lossy(&log().0.lock().unwrap()));
    }
}

/// Credentials of a certificate made with the collector's own authority, or with another one.
fn forged(collector: &Collector, authority: &TempDir, change: impl FnOnce(&mut CertificateParams)) -> Credentials {
    let read = |dir: &TempDir, file: &str| std::fs::read_to_string(dir.path().join("authority").join(file)).unwrap();
    let issuer_key = KeyPair::from_pem(&read(authority, "key.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read(authority, "certificate.pem"), issuer_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("traf://c1/admin/77".try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2090, 1, 1);
    change(&mut params);
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    // The forger knows the true authority, which is no secret: otherwise it would not even speak to the collector.
    let true_authority = std::fs::read_to_string(collector.config.data.join("authority/certificate.pem")).unwrap();
    Credentials::new(collector.url(), true_authority, certificate, key.serialize_pem()).unwrap()
}

async fn fleet(collector: &Collector, credentials: &Credentials) -> Result<wire::FleetState, tonic::Status> {
    let mut client = ViewClient::new(collector.channel(credentials));
    let mut stream = client.fleet(wire::FleetQuery {}).await?.into_inner();
    tokio::time::timeout(DEADLINE, stream.message()).await.expect("no answer in time").map(Option::unwrap)
}

#[tokio::test]
async fn certificates_that_do_not_hold_are_refused_in_the_handshake_and_the_log_says_why() {
    log();
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let collector = Collector::start(&folder).await;
    Collector::start(&other).await.stop().await;
    type Change = fn(&mut CertificateParams);
    let cases: [(&str, &TempDir, Change, &str); 4] = [
        ("foreign authority", &other, |_| {}, "is of another authority"),
        ("expired", &folder, |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1), "has expired"),
        ("not yet valid", &folder, |params| params.not_before = rcgen::date_time_ymd(2089, 1, 1), "not valid yet"),
        (
            "of a server",
            &folder,
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            "not one of a client",
        ),
    ];
    for (name, authority, change, words) in cases {
        let status = fleet(&collector, &forged(&collector, authority, change)).await.expect_err(name);
        assert!(!explain(&status).is_empty(), "{name}: {status}");
        logged(&["refused", words, "127.0.0.1:"]).await;
    }
    // Without any certificate: what joining looks like on the wrong port.
    let token =
        traf_collector::create_token(&collector.config, Role::Sensor, Duration::from_secs(60), 1).await.unwrap();
    let error = join(&collector.url(), &token, "x", "test").await.expect_err("no certificate");
    assert!(matches!(error, JoinError::Unreachable { .. }), "{error}");
    logged(&["refused", "showed no certificate", "127.0.0.1:"]).await;
    collector.stop().await;
}

#[tokio::test]
async fn a_certificate_of_ours_whose_key_is_not_on_record_is_refused_in_the_handshake_and_in_words() {
    log();
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let status = fleet(&collector, &forged(&collector, &folder, |_| {})).await.unwrap_err();
    assert_eq!(Refusal::of(&status), Some(Refusal::Unknown), "{status:?}");
    assert_eq!(explain(&status), "our key is not on record at the collector; join again with a new token");
    logged(&["refused", "admin/77", "not on record", "127.0.0.1:"]).await;
    collector.stop().await;
}

#[tokio::test]
async fn roles_keep_to_their_methods_and_the_words_name_both() {
    log();
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let sensor = collector.join(Role::Sensor, "web1").await;
    let viewer = collector.join(Role::Viewer, "desk").await;
    assert_eq!(fleet(&collector, &viewer).await.unwrap().sensors.len(), 1);

    let status = fleet(&collector, &sensor).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(
        status.message().contains("`web1` is a sensor") && status.message().contains("admin or viewer"),
        "{status}"
    );
    logged(&["denied", "`web1` is a sensor", "127.0.0.1:"]).await;

    let status = Export::open(collector.channel(&viewer), 1).await.err().unwrap();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("`desk` is a viewer"), "{status}");
    collector.stop().await;
}

#[tokio::test]
async fn a_revoked_sensor_is_cut_off_in_the_middle_of_its_stream() {
    log();
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let sensor = collector.join(Role::Sensor, "web1").await;
    let (mut export, _) = Export::open(collector.channel(&sensor), 1).await.unwrap();
    traf_collector::revoke_sensor(&collector.config, "web1").await.unwrap();
    let status = tokio::time::timeout(DEADLINE, export.ack()).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("`web1` was revoked"), "{status}");
    // It comes again: refused in the handshake.
    let status = Export::open(collector.channel(&sensor), 2).await.err().unwrap();
    assert_eq!(Refusal::of(&status), Some(Refusal::Revoked), "{status:?}");
    assert_eq!(explain(&status), "our key was revoked at the collector; join again with a new token");
    logged(&["refused", "was revoked", "127.0.0.1:"]).await;
    collector.stop().await;
}

#[tokio::test]
async fn a_token_that_is_no_good_gets_the_same_words_whatever_is_wrong_with_it() {
    log();
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let token =
        traf_collector::create_token(&collector.config, Role::Sensor, Duration::from_secs(60), 1).await.unwrap();
    join(&collector.join_url(), &token, "Web One", "test").await.unwrap();
    let wrong = Token { secret: [0; 20], ..token.clone() };
    let unknown = Token { id: [0; 6], ..token.clone() };
    let mut heard = Vec::new();
    for bad in [&token, &wrong, &unknown] {
        heard.push(join(&collector.join_url(), bad, "x", "test").await.expect_err("a bad token").to_string());
    }
    assert!(heard[0].contains("this token is not good here"), "{heard:?}");
    assert!(heard.iter().all(|words| *words == heard[0]), "{heard:?}");
    logged(&["refused to join", "used up"]).await;

    // A machine that was told of another collector does not even send its secret.
    let pinned = Token { pin: [9; 32], ..token };
    let error = join(&collector.join_url(), &pinned, "x", "test").await.expect_err("another pin");
    assert!(matches!(error, JoinError::Unreachable { .. }), "{error}");
    collector.stop().await;
}

#[tokio::test]
async fn names_are_unique_and_plain() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let token =
        traf_collector::create_token(&collector.config, Role::Sensor, Duration::from_secs(60), 3).await.unwrap();
    let mut names = Vec::new();
    for wanted in ["web1", "web1", "Web 1"] {
        names.push(join(&collector.join_url(), &token, wanted, "test").await.unwrap().1);
    }
    assert_eq!(names, ["web1", "web1-2", "web-1"]);
    collector.stop().await;
}

#[tokio::test]
async fn a_silent_client_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(tokio::net::TcpStream::connect(collector.addresses.main).await.unwrap());
    }
    let viewer = collector.join(Role::Viewer, "desk").await;
    fleet(&collector, &viewer).await.unwrap();
    // And each is closed when its time is over.
    for mut stream in silent {
        let mut octet = [0];
        let closed = tokio::time::timeout(DEADLINE, tokio::io::AsyncReadExt::read(&mut stream, &mut octet)).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
    }
    collector.stop().await;
}
