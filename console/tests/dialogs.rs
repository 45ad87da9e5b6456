//! Named filters, settings of sensors, configuration and descriptions: what keys do, what is handed on, what is seen.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod driver;

use driver::{Console, LARGE, SMALL, sample};
use traf_console::config::Config;
use traf_console::event::{Change, Effect, Event};
use traf_console::names::{Descriptions, Known};
use traf_console::number::Units;
use traf_model::facility::HOSTS;
use traf_model::settings::PORTS;
use traf_model::{Facility, NamedFilter, Settings, SettingsState};

fn filter(name: &str, rules: &str) -> NamedFilter {
    NamedFilter { name: name.to_owned(), rules: rules.parse().unwrap() }
}

fn shared() -> Vec<NamedFilter> {
    vec![
        filter("backup", "include host 10.0.0.9 and tcp port 22\n"),
        filter("web", "exclude host 10.0.0.7\ninclude src net 10.0.0.0/8 and dst portrange 80-443 and (tcp or udp)\n"),
    ]
}

fn console(size: (u16, u16)) -> Console {
    let mut console = Console::new(size);
    console.on(Event::Filters(shared()));
    console
}

fn changes(console: &mut Console) -> Vec<Effect> {
    let kept =
        |effect: &Effect| !matches!(effect, Effect::Watch(_) | Effect::LookUp(_) | Effect::Redraw | Effect::Quit);
    std::mem::take(&mut console.effects).into_iter().filter(kept).collect()
}

fn asked(console: &Console, facility: Facility) -> String {
    let watch = console.watches.iter().find(|watch| watch.query.facility == facility).expect("not asked");
    watch.query.filter.to_string()
}

/// Compares a screen, at both sizes, with the one that was approved.
macro_rules! frame {
    ($name:literal, $keys:literal) => {
        for (size, label) in [(SMALL, "80x24"), (LARGE, "132x40")] {
            insta::assert_snapshot!(format!("{}_{label}", $name), console(size).keys($keys).screen());
        }
    };
}

#[test]
fn the_dialogs_stand_whole_at_either_size() {
    frame!("filters", "f");
    frame!("filters_apply", "fa<down>");
    frame!("filters_rules", "fe<down><enter>");
    frame!("filters_form", "fe<down><enter><down><enter>");
    frame!("filters_rule_text", "fe<enter>texclude src port 70000");
    frame!("filters_name", "fdweb");
    frame!("configure", "c<down>");
    frame!("sensor_settings", "ec");
    frame!("sensor_ports", "ec<down><enter>a80-x<enter>");
}

#[test]
fn a_filter_is_defined_rule_by_rule_as_a_form_and_as_text_and_handed_to_the_collector() {
    let mut console = console(SMALL).keys("fdmine<enter>i10.0.0.7<enter>n<ctrl-u>exclude udp<enter>+x");
    assert!(console.screen().contains("Keep what was changed?"), "{}", console.screen());
    console = console.keys("y");
    let rules = "include src host 10.0.0.7 or dst host 10.0.0.7\nexclude udp\n";
    assert_eq!(changes(&mut console), [Effect::Change(Change::SaveFilter(filter("mine", rules)))]);
    assert!(console.screen().contains("Define new filter"), "back in the menu");
}

#[test]
fn rules_are_inserted_moved_edited_and_deleted_and_what_is_given_up_is_forgotten() {
    let mut console = console(SMALL).keys("fe<down><enter>d");
    console = console.keys("ni<esc>").keys("xn");
    assert_eq!(changes(&mut console), []);
    let mut console = self::console(SMALL).keys("fe<down><enter><down>-<down>t<ctrl-u>include all<enter>xy");
    let rules = "include src net 10.0.0.0/8 and dst portrange 80-443 and (tcp or udp)\ninclude all\n";
    assert_eq!(changes(&mut console), [Effect::Change(Change::SaveFilter(filter("web", rules)))]);
    let mut console = self::console(SMALL).keys("fl<enter>");
    assert_eq!(changes(&mut console), [Effect::Change(Change::DeleteFilter("backup".to_owned()))]);
}

#[test]
fn an_applied_filter_is_asked_shown_by_name_and_kept_over_restarts() {
    let mut console = console(LARGE).keys("fa<down><enter>o");
    let words = "src net 10.0.0.0/8 and dst portrange 80-443 and (tcp or udp) and not host 10.0.0.7";
    assert_eq!(asked(&console, Facility::Counted(HOSTS)), words);
    let [Effect::Config(kept)] = &changes(&mut console)[..] else { panic!("not kept") };
    assert_eq!(kept.1.filter, "@web");
    for keys in ["", "<esc>g", "<esc>i", "<esc>l", "<esc>bs<down><enter>"] {
        console = console.keys(keys);
        assert!(console.screen().contains("@web: src net 10"), "{keys}: {}", console.screen());
    }

    // The next start: nothing is shown until the collector has told what the name means.
    let mut next = Console::new(LARGE);
    next.app.begin(Config { filter: "@web".to_owned(), ..Config::default() });
    next = next.keys("o");
    assert_eq!(asked(&next, Facility::Counted(HOSTS)), "ip and not ip");
    next.on(Event::Filters(shared()));
    assert_eq!(asked(&next, Facility::Counted(HOSTS)), words);
    // What another console changes is followed; what it deletes is told.
    next.on(Event::Filters(vec![filter("web", "include udp")]));
    assert_eq!(asked(&next, Facility::Counted(HOSTS)), "udp");
    next.on(Event::Filters(Vec::new()));
    assert_eq!(asked(&next, Facility::Counted(HOSTS)), "");
    assert!(next.screen().contains("`web` is no longer there"), "{}", next.screen());
}

#[test]
fn a_filter_is_detached_and_a_name_can_be_typed() {
    let mut console = console(SMALL).keys("if@web<enter>");
    assert!(asked(&console, Facility::Traffic).contains("10.0.0.7"));
    console = console.keys("f<ctrl-u>@nobody<enter>");
    assert!(console.screen().contains("there are backup, web"), "{}", console.screen());
    console = console.keys("<esc><esc>fco");
    assert_eq!(asked(&console, Facility::Counted(HOSTS)), "");
    let Some(Effect::Config(kept)) = changes(&mut console).pop() else { panic!("not kept") };
    assert_eq!(kept.1.filter, "");
}

#[test]
fn arp_rarp_and_what_is_no_ip_are_shown_unless_hidden() {
    let console = console(SMALL).keys("iu");
    assert!(!asked(&console, Facility::Packets).contains("arp"));
    let console = console.keys("<esc>frn<esc>i");
    assert_eq!(asked(&console, Facility::Packets), "not arp and (ip or ip6 or arp or rarp)");
    assert!(!asked(&console, Facility::Traffic).contains("arp"), "the switches are of packets, not of flows");
}

#[test]
fn settings_of_a_sensor_go_to_the_collector_and_what_became_of_them_is_seen() {
    let mut console = console(SMALL).keys("ec<enter>");
    let name = console.app.sensor_states()[0].name.clone();
    let promiscuous = Settings::read(0, [("promiscuous", "on")]).unwrap();
    assert_eq!(changes(&mut console), [Effect::Change(Change::Settings(name.clone(), Box::new(promiscuous.clone())))]);
    assert!(console.screen().contains(&format!("waiting for {name}")), "{}", console.screen());

    let mut fleet = sample::fleet();
    fleet.sensors[0].wanted = promiscuous.clone().at(1);
    fleet.sensors[0].settings = SettingsState { settings: fleet.sensors[0].wanted.clone(), ..SettingsState::default() };
    console.on(Event::Fleet(Box::new(fleet.clone())));
    assert!(console.screen().contains("in force"), "{}", console.screen());

    fleet.sensors[0].settings.refused = "no permission for eth0".to_owned();
    console.on(Event::Fleet(Box::new(fleet)));
    assert!(console.screen().contains("refused: no permission for eth0"), "{}", console.screen());

    // Ports: added, refused when they are there, deleted.
    console = console.keys("<down><enter>a8000-8100<enter>a8080<enter>");
    assert!(console.screen().contains("8080 overlaps 8000-8100"), "{}", console.screen());
    console = console.keys("<esc>d");
    let ports: Vec<_> = changes(&mut console)
        .into_iter()
        .map(|change| match change {
            Effect::Change(Change::Settings(_, settings)) => {
                (settings.revision, settings.get(&PORTS).unwrap().to_string())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ports, [(1, "8000-8100".to_owned()), (2, "none".to_owned())]);

    // What the collector does not take is put back.
    console.on(Event::Changed(Err("`wall` is a viewer".to_owned())));
    assert!(console.screen().contains("`wall` is a viewer") || console.keys("<esc>").screen().contains("a viewer"));
}

#[test]
fn every_toggle_of_iptraf_is_changed_at_once() {
    let mut console = console(SMALL).keys("c<enter><down><enter><down><down><down><down><enter><down><enter>");
    let configs: Vec<Config> = changes(&mut console)
        .into_iter()
        .map(|change| match change {
            Effect::Config(change) => change.1,
            other => panic!("{other:?}"),
        })
        .collect();
    let last = configs.last().unwrap();
    assert_eq!(configs.len(), 4);
    assert!(last.reverse_dns && last.service_names && last.rates == Units::Bytes && last.mac_addresses, "{last:?}");
    assert!(console.app.names.resolve && console.app.names.name_services && console.app.look.macs);
    let console = console.keys("<down><down><down><down><down>5<enter>");
    assert_eq!(
        console.app.look.persistence,
        0,
        "05 minutes are typed behind the 0 in the next line: {}",
        console.screen()
    );
}

#[test]
fn names_come_late_and_control_characters_never() {
    let mut console = console(LARGE).keys("c<enter><down><enter><esc>i");
    let address = "10.0.0.9".parse().unwrap();
    assert!(console.effects.contains(&Effect::LookUp(address)));
    assert!(console.screen().contains("10.0.0.9:ssh"), "{}", console.screen());
    console.on(Event::Name(address, Known::named("nas\x1b[2J.lan", 60)));
    assert!(console.screen().contains("nas\\u{1b}[2J.lan:ssh"), "{}", console.screen());
    console.on(Event::Resolver("the name server 10.0.0.1:53 does not answer: host names are missing".to_owned()));
    assert!(console.screen().contains("does not answer"), "{}", console.screen());
}

#[test]
fn a_station_is_described_by_key() {
    let mut console = console(LARGE).keys("l<down>d");
    assert!(console.screen().contains("what you call this machine"), "{}", console.screen());
    console = console.keys("the NAS<enter>");
    let [Effect::Descriptions(names)] = &changes(&mut console)[..] else { panic!("not kept") };
    let described: Vec<_> = names.own().map(|(_, words)| words.to_owned()).collect();
    assert_eq!(described, ["the NAS"]);
    assert!(console.screen().contains("the NAS"), "{}", console.screen());
    console = console.keys("d<ctrl-u><enter>");
    let [Effect::Descriptions(names)] = &changes(&mut console)[..] else { panic!("not kept") };
    assert_eq!(**names, Descriptions::default());
}

#[test]
fn a_tiny_terminal_does_no_harm_to_any_dialog() {
    for size in [(40, 10), (39, 10), (1, 1), (0, 0), (200, 60), (60, 12)] {
        for keys in [
            "f",
            "fe<down><enter>",
            "fe<down><enter>i",
            "fe<down><enter>t",
            "fd",
            "fa",
            "c",
            "ec",
            "ec<down><enter>a",
            "l<down>d",
        ] {
            let mut console = console(LARGE).keys(keys);
            console.on(Event::Resize(size.0, size.1));
            console.screen();
        }
    }
}
