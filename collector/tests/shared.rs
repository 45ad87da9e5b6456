//! Named filters and the settings of sensors, from console to collector to sensor and back.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Collector, DEADLINE, snapshot};
use tokio::sync::mpsc::Sender;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Streaming};
use traf_model::settings::CAPTURE;
use traf_model::{Fleet, NamedFilter, Settings, SettingsState, Snapshot};
use traf_peer::Role;
use traf_proto as wire;
use traf_proto::admin_client::AdminClient;
use traf_proto::ingest_client::IngestClient;
use traf_proto::view_client::ViewClient;

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("not in time")
}

fn web(rules: &str) -> wire::NamedFilter {
    wire::NamedFilter { name: "web".to_owned(), rules: rules.to_owned() }
}

async fn next(filters: &mut Streaming<wire::NamedFilters>) -> Vec<NamedFilter> {
    soon(filters.message()).await.unwrap().unwrap().try_into().unwrap()
}

#[tokio::test]
async fn a_filter_that_one_console_saves_is_there_for_all_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (admin, viewer) = (collector.join(Role::Admin, "desk").await, collector.join(Role::Viewer, "wall").await);
    let mut view = ViewClient::new(collector.channel(&viewer));
    let mut filters = view.filters(wire::FiltersQuery {}).await.unwrap().into_inner();
    assert!(next(&mut filters).await.is_empty());

    let mut change = AdminClient::new(collector.channel(&admin));
    change.save_filter(web("exclude host 10.0.0.7\ninclude tcp port 80\n")).await.unwrap();
    let seen = next(&mut filters).await;
    assert_eq!(seen[0].rules.compiled().to_string(), "tcp port 80 and not host 10.0.0.7");
    change.save_filter(web("include udp")).await.unwrap();
    assert_eq!(next(&mut filters).await[0].rules.to_string(), "include udp\n");

    let status = change.save_filter(web("include udp\nexclude src port 70000")).await.unwrap_err();
    assert!(status.code() == Code::InvalidArgument && status.message().contains("line 2, column 18"), "{status}");
    drop(filters);
    collector.stop().await;

    let collector = Collector::start(&folder).await;
    let mut view = ViewClient::new(collector.channel(&viewer));
    let mut filters = view.filters(wire::FiltersQuery {}).await.unwrap().into_inner();
    assert_eq!(next(&mut filters).await[0].rules.to_string(), "include udp\n");
    let mut change = AdminClient::new(collector.channel(&admin));
    change.delete_filter(wire::FilterName { name: "web".to_owned() }).await.unwrap();
    assert!(next(&mut filters).await.is_empty());
    let status = change.delete_filter(wire::FilterName { name: "web".to_owned() }).await.unwrap_err();
    assert!(status.code() == Code::NotFound && status.message().contains("no filter `web`"), "{status}");
    drop(filters);
    collector.stop().await;
}

#[tokio::test]
async fn who_may_only_look_changes_nothing_and_hears_why() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    collector.join(Role::Sensor, "web1").await;
    let viewer = collector.join(Role::Viewer, "wall").await;
    let mut change = AdminClient::new(collector.channel(&viewer));
    let refused = [
        change.save_filter(web("include udp")).await.unwrap_err(),
        change.delete_filter(wire::FilterName { name: "web".to_owned() }).await.unwrap_err(),
        change.set_settings(wire::SensorSettings { sensor: "web1".to_owned(), settings: None }).await.unwrap_err(),
    ];
    for status in refused {
        assert_eq!(status.code(), Code::PermissionDenied);
        assert!(status.message().contains("`wall` is a viewer") && status.message().contains("admin"), "{status}");
    }
    collector.stop().await;
}

/// A sensor that does what it is told, or says why not.
struct Sensor {
    out: Sender<wire::Snapshot>,
    wishes: Streaming<wire::Wishes>,
}

impl Sensor {
    async fn connect(channel: Channel) -> Self {
        let (out, snapshots) = tokio::sync::mpsc::channel(8);
        out.send((&snapshot(1)).into()).await.unwrap();
        let wishes = IngestClient::new(channel).live(ReceiverStream::new(snapshots)).await.unwrap().into_inner();
        Self { out, wishes }
    }

    async fn told(&mut self) -> Option<Settings> {
        soon(self.wishes.message()).await.unwrap().unwrap().settings.map(|settings| settings.try_into().unwrap())
    }

    async fn says(&self, settings: Settings, refused: &str) {
        let settings = SettingsState { settings, refused: refused.to_owned(), ..SettingsState::default() };
        self.out.send((&Snapshot { settings, ..snapshot(1) }).into()).await.unwrap();
    }
}

fn settings(revision: u64, texts: &[(&str, &str)]) -> Settings {
    Settings::read(revision, texts.iter().copied()).unwrap()
}

/// The sensor as consoles see it, once it says `revision`.
async fn seen(view: &mut ViewClient<Channel>, revision: u64) -> (Settings, SettingsState) {
    let mut states = view.fleet(wire::FleetQuery {}).await.unwrap().into_inner();
    soon(async {
        loop {
            let fleet = Fleet::try_from(states.message().await.unwrap().unwrap()).unwrap();
            let sensor = &fleet.sensors[0];
            if sensor.settings.settings.revision == revision {
                return (sensor.wanted.clone(), sensor.settings.clone());
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_sensor_is_told_its_settings_and_its_word_on_them_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let mut sensor = Sensor::connect(collector.joined(Role::Sensor, "web1").await).await;
    assert_eq!(sensor.told().await, None, "nothing was ever changed");

    let admin = collector.join(Role::Admin, "desk").await;
    let mut change = AdminClient::new(collector.channel(&admin));
    let mut view = ViewClient::new(collector.channel(&admin));
    let set =
        |settings: Settings| wire::SensorSettings { sensor: "web1".to_owned(), settings: Some((&settings).into()) };
    let ports = settings(0, &[("ports", "8080, 9000-9100"), ("idle", "15m")]);
    assert_eq!(change.set_settings(set(ports.clone())).await.unwrap().into_inner().revision, 1);

    // The sensor hears it at once; until it answers the console sees what is wanted beside what holds.
    let first = ports.at(1);
    assert_eq!(sensor.told().await, Some(first.clone()));
    let (wanted, state) = seen(&mut view, 0).await;
    assert_eq!((wanted, state.settings.revision), (first.clone(), 0));
    sensor.says(first.clone(), "").await;
    assert_eq!(seen(&mut view, 1).await.1.settings, first);

    // A capture filter that libpcap does not understand is refused by the sensor, which goes on with the old one.
    let mut bad = first.clone();
    bad.set(&CAPTURE, "tcp prot 80").unwrap();
    change.set_settings(set(bad)).await.unwrap();
    assert_eq!(sensor.told().await.unwrap().text(&CAPTURE), "tcp prot 80");
    sensor.says(first.clone().at(2), "capture filter: syntax error").await;
    let (wanted, state) = seen(&mut view, 2).await;
    assert_eq!((wanted.revision, state.refused.as_str()), (2, "capture filter: syntax error"));
    assert_eq!(state.settings.get(&CAPTURE), None);

    for (revision, (name, value), words) in [
        (1, ("log", "on"), "were changed meanwhile (revision 2 now)"),
        (2, ("ports", "80, 80"), "80 is there already"),
        (2, ("idle", "0s"), "from 1s to a year"),
    ] {
        let values = vec![wire::Setting { name: name.to_owned(), value: value.to_owned() }];
        let settings = Some(wire::Settings { revision, values });
        let settings = wire::SensorSettings { sensor: "web1".to_owned(), settings };
        let status = change.set_settings(settings).await.unwrap_err();
        assert!(status.message().contains(words), "{status}");
    }
    let nobody = wire::SensorSettings { sensor: "web2".to_owned(), settings: None };
    assert!(change.set_settings(nobody).await.unwrap_err().message().contains("no sensor `web2`"));
    drop(sensor);
    collector.stop().await;
}

#[tokio::test]
async fn a_sensor_that_was_away_is_told_when_it_comes_back_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (web1, admin) = (collector.join(Role::Sensor, "web1").await, collector.join(Role::Admin, "desk").await);
    let settings = settings(0, &[("promiscuous", "on")]);
    let message = wire::SensorSettings { sensor: "web1".to_owned(), settings: Some((&settings).into()) };
    AdminClient::new(collector.channel(&admin)).set_settings(message).await.unwrap();
    collector.stop().await;

    let collector = Collector::start(&folder).await;
    let mut sensor = Sensor::connect(collector.channel(&web1)).await;
    assert_eq!(sensor.told().await, Some(settings.at(1)));
    drop(sensor);
    collector.stop().await;
}
