//! Keys and answers seen from outside: the queries that are asked, and the screens.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod driver;

use driver::{Console, LARGE, SMALL, answer, nothing, sample};
use traf_console::app::Screen;
use traf_console::event::{Effect, Event};
use traf_model::facility::{HOSTS, SERVICES, SIZES, STATIONS};
use traf_model::{Facility, Filter, Group, Order, OrderBy, Point, Query, Report, Scope, Timestamp, Window};

#[test]
fn a_tiny_terminal_and_any_resize_do_no_harm() {
    let mut console = Console::new(LARGE).keys("i<end>");
    for size in [(80, 24), (40, 10), (39, 10), (1, 1), (0, 0), (200, 60), (60, 12)] {
        console.on(Event::Resize(size.0, size.1));
        for keys in ["", "<esc>e", "<esc>g", "<esc>iv", "<esc>f(", "<esc>?", "<esc><enter>", "<esc>s"] {
            console = console.keys(keys);
            console.screen();
        }
        console = console.keys("<esc>");
    }
}

#[test]
fn nothing_from_the_network_reaches_the_terminal_unescaped() {
    for keys in ["", "e", "iv", "e<down>"] {
        let screen = Console::new(LARGE).keys(keys).screen();
        assert!(!screen.contains('\x1b'), "{screen}");
    }
    assert!(Console::new(LARGE).keys("e").screen().contains("pi\\u{1b}[31m"));
}

#[test]
fn keys_become_questions() {
    let console = Console::new(SMALL).keys("i");
    let filters: Vec<String> = asked(&console).iter().map(|query| query.filter.to_string()).collect();
    assert_eq!(filters, ["tcp", "udp", "not udp"]);
    assert_eq!(asked(&console)[0].order, Order { by: OrderBy::Rate, ascending: false });

    let console = console.keys("sp<left>fhost 10.0.0.3 or arp<enter>v<down><down><enter>");
    let query = &asked(&console)[0];
    assert_eq!(query.order.by, OrderBy::Packets);
    assert_eq!(query.filter.to_string().parse::<Filter>(), "(host 10.0.0.3 or arp) and tcp".parse());
    assert_eq!(query.scope, Scope(vec![Point::new("nas", "eth0")]));
    let Window::Past(window) = query.window else { panic!("{query:?}") };
    assert_eq!(window.to.to_string(), "2026-11-22T14:02:20.000000000Z");
}

#[test]
fn a_jump_asks_for_the_slice_of_that_moment() {
    let console = Console::new(SMALL).keys("iT-2h<enter>");
    let Window::Past(window) = console.watches[0].query.window else { panic!("not the past") };
    assert_eq!(
        [window.from, window.to].map(|at| at.to_string()),
        ["2026-11-22T12:02:30.000000000Z", "2026-11-22T12:02:40.000000000Z"]
    );
    let console = console.keys("<end>");
    assert_eq!(console.watches[0].query.window, Window::Live);
}

#[test]
fn playing_the_past_asks_for_a_window_a_second() {
    let console = Console::new(SMALL).keys("i<left><left><left>p").after(1).after(1);
    let Window::Past(window) = console.watches[0].query.window else { panic!("not the past") };
    assert_eq!(window.to.to_string(), "2026-11-22T14:02:20.000000000Z");
    assert_eq!(console.after(1).after(1).watches[0].query.window, Window::Live);
}

#[test]
fn a_pause_holds_the_rows_still() {
    let mut console = Console::new(SMALL).keys("ip");
    let before = console.screen();
    console.answer = nothing;
    console.answer();
    let lines = |screen: &str| screen.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&console.screen()), lines(&before));
    assert!(console.screen().contains("PAUSED 14:02:31"));
    console = console.keys("p");
    console.answer();
    assert!(!console.screen().contains("10.0.0.3:49197"));
}

#[test]
fn x_leaves_one_step_at_a_time_and_twice_the_program() {
    let console = Console::new(SMALL).keys("i?x");
    assert!(console.screen().contains("TCP connections"));
    let console = console.keys("xx");
    assert!(!console.effects.contains(&Effect::Quit));
    assert!(console.screen().contains("once more"));
    assert!(!console.screen().contains("? help"));
    let console = console.keys("<down>x");
    assert!(!console.effects.contains(&Effect::Quit), "any other key stays");
    assert_eq!(console.keys("x").effects.last(), Some(&Effect::Quit));
    for keys in ["i<ctrl-c>", "<up><enter>", "if<ctrl-c>"] {
        assert_eq!(Console::new(SMALL).keys(keys).effects.last(), Some(&Effect::Quit), "{keys}");
    }
}

#[test]
fn the_bar_stays_on_its_row_when_the_order_changes() {
    fn turned(query: &Query) -> Report {
        let mut report = answer(query);
        report.rows.reverse();
        report
    }
    let mut console = Console::new(SMALL).keys("i<down><down><down>");
    let rate = |console: &Console| console.screen().lines().nth(21).unwrap().to_owned();
    let before = rate(&console);
    assert!(before.contains("row 960.0 kbit/s"), "{before}");
    console.answer = turned;
    console.answer();
    assert_eq!(rate(&console), before);
}

#[test]
fn rows_keep_their_places_when_the_order_is_not_continuous() {
    fn turned(query: &Query) -> Report {
        let mut report = answer(query);
        report.rows.reverse();
        report
    }
    let mut console = Console::new(SMALL).keys("isc<esc>");
    let rows = |console: &Console| console.screen().lines().skip(2).take(8).map(str::to_owned).collect::<Vec<_>>();
    let before = rows(&console);
    console.answer = turned;
    console.answer();
    assert_eq!(rows(&console), before);
}

#[test]
fn redraw_is_passed_on() {
    assert_eq!(Console::new(SMALL).keys("i<ctrl-l>").effects.last(), Some(&Effect::Redraw));
    assert_eq!(Console::new(SMALL).keys("iL").effects.last(), Some(&Effect::Redraw));
}

#[test]
fn an_answer_to_an_old_question_is_not_shown() {
    let mut console = Console::new(SMALL).keys("i");
    let old = console.watches[0].id;
    console = console.keys("fudp<enter>");
    console.on(Event::Report(old, Box::new(nothing(&Query { facility: Facility::Traffic, ..Query::default() }))));
    assert!(console.screen().contains("10.0.0.3:49197"));
}

#[test]
fn an_unfinished_answer_is_passed_over_for_a_second_and_then_taken() {
    fn unfinished(query: &Query) -> Report {
        Report { notes: vec![Report::WAITING.to_owned()], ..answer(query) }
    }
    let mut console = Console::new(SMALL);
    console.answer = unfinished;
    console = console.keys("i");
    assert!(console.screen().contains("asking …") && !console.screen().contains("10.0.0.3:49197"));
    (0..20).for_each(|_| console.answer());
    assert!(console.screen().contains("10.0.0.3:49197"), "{}", console.screen());
}

#[test]
fn a_refusal_is_told_where_the_rows_would_be() {
    let mut console = Console::with(SMALL, nothing).keys("i");
    let id = console.watches[0].id;
    console.on(Event::Refused(id, "a sensor may not look".to_owned()));
    assert!(console.screen().contains("a sensor may not look"), "{}", console.screen());
}

#[test]
fn a_collector_that_says_nothing_is_away() {
    let console = Console::new(SMALL).after(5);
    assert!(console.screen().contains("LIVE"));
    let mut console = console.after(2);
    assert!(console.screen().contains("collector away 7 s"), "{}", console.screen());
    console.on(Event::Fleet(Box::new(sample::fleet())));
    assert!(console.screen().contains("LIVE"));
}

#[test]
fn the_past_is_the_collectors_past_whatever_our_clock_says() {
    let mut console = Console::silent(SMALL);
    console.now = Timestamp(console.now.0 - 3_600_000_000_000);
    console.on(Event::Fleet(Box::new(sample::fleet())));
    let console = console.keys("<left>");
    let Window::Past(window) = console.watches[0].query.window else { panic!("not the past") };
    assert_eq!(window.to.to_string(), "2026-11-22T14:02:20.000000000Z");
}

fn asked(console: &Console) -> Vec<Query> {
    console.watches.iter().map(|watch| watch.query.clone()).collect()
}

#[test]
fn every_facility_is_asked_with_the_filter_and_the_scope() {
    for (keys, facility) in [
        ("g", Facility::Interfaces),
        ("d<home><enter>", Facility::Interfaces),
        ("bs<end><enter>", Facility::Counted(SIZES)),
        ("bp", Facility::Counted(SERVICES)),
        ("l", Facility::Counted(STATIONS)),
        ("o", Facility::Counted(HOSTS)),
        ("i", Facility::Traffic),
    ] {
        let console = Console::new(SMALL).keys("<esc>ftnet 10/8<enter>").keys(keys);
        let query = &asked(&console)[0];
        assert_eq!(
            (query.facility, query.filter.to_string().starts_with("net 10.0.0.0/8")),
            (facility, true),
            "{keys}"
        );
        let past = console.keys("[");
        assert!(matches!(asked(&past)[0].window, Window::Past(_)), "{keys}");
    }
}

#[test]
fn an_interface_is_chosen_where_one_must_be() {
    let console = Console::new(SMALL).keys("bs");
    assert!(console.screen().contains("Select Interface") && !console.screen().contains("All interfaces"));
    let console = console.keys("<end><enter>");
    assert_eq!(asked(&console)[0].scope, Scope(vec![Point::new("web1", "eth0")]));
    let console = console.keys("xd");
    assert!(console.screen().contains("Statistics for web1/eth0"), "the one that is looked at is taken");
    let console = console.keys("i<home><enter>");
    assert_eq!(asked(&console)[0].scope, Scope::default());
}

#[test]
fn sort_letters_are_iptrafs() {
    use OrderBy::*;
    for (open, letters) in [
        ("i", &[('p', Packets), ('b', Octets)][..]),
        (
            "bp",
            &[
                ('r', Key),
                ('p', Packets),
                ('b', Octets),
                ('t', PacketsIn),
                ('o', OctetsIn),
                ('f', PacketsOut),
                ('m', OctetsOut),
            ],
        ),
        ("l", &[('p', PacketsIn), ('i', IpIn), ('b', OctetsIn), ('k', PacketsOut), ('o', IpOut), ('y', OctetsOut)]),
    ] {
        for (letter, by) in letters {
            let console = Console::new(SMALL).keys(open).keys(&format!("S{}", letter.to_ascii_uppercase()));
            let order = Order { by: *by, ascending: *by == Key };
            assert_eq!(asked(&console)[0].order, order, "{open} {letter}");
        }
    }
}

#[test]
fn a_flush_takes_away_what_is_over_and_nothing_else() {
    for keys in ["iF", "ic", "iC"] {
        let screen = Console::new(SMALL).keys(keys).screen();
        assert!(!screen.contains("10.0.0.9:81"), "a reset connection: {screen}");
        assert!(screen.contains("10.0.0.9:21 ") && screen.contains("10.0.0.9:22 "), "{screen}");
    }
    let past = Console::new(SMALL).keys("iF<left>").screen();
    assert!(past.contains("10.0.0.9:81"), "the past is as it was: {past}");
}

#[test]
fn connections_that_are_over_leave_by_themselves_after_some_minutes() {
    let mut console = Console::new(SMALL).keys("i");
    console.app.look.persistence = 5;
    let mut console = console.after(298);
    console.answer();
    assert!(console.screen().contains("10.0.0.9:81"));
    let mut console = console.after(2);
    console.answer();
    assert!(!console.screen().contains("10.0.0.9:81"));
}

#[test]
fn a_group_is_opened_filtered_and_left_as_it_was() {
    let console = Console::new(SMALL).keys("ftnet 10/8<enter>igp");
    assert_eq!(asked(&console)[0].group, Group::Port);
    let console = console.keys("<down><enter>");
    let query = &asked(&console)[0];
    assert_eq!(
        (query.group, query.filter.to_string()),
        (Group::Flow, "net 10.0.0.0/8 and tcp port 22 and tcp".to_owned())
    );
    let console = console.keys("x");
    let query = &asked(&console)[0];
    assert_eq!((query.group, query.filter.to_string()), (Group::Port, "net 10.0.0.0/8".to_owned()));
    assert!(console.keys("x").screen().contains("IP traffic monitor"));
}

#[test]
fn details_of_a_row_lead_to_its_traffic() {
    for (keys, filter) in [
        ("o<down><enter>t", "host 10.0.0.9 and tcp"),
        ("bp<enter>t", "tcp port 443 and tcp"),
        ("l<enter>t", "ether host 00:0c:29:b9:94:62 and tcp"),
    ] {
        let console = Console::new(SMALL).keys(keys);
        let query = &asked(&console)[0];
        assert_eq!((query.facility, query.filter.to_string()), (Facility::Traffic, filter.to_owned()), "{keys}");
    }
}

#[test]
fn in_the_lower_pane_arrows_shift_and_brackets_go_through_time() {
    let console = Console::new(SMALL).keys("iuw<right>");
    assert_eq!(asked(&console)[0].window, Window::Live);
    assert!(console.screen().contains("│ o ff:ff:ff:ff:ff:ff on web1"), "{}", console.screen());
    let console = console.keys("<left>[");
    assert!(matches!(asked(&console)[0].window, Window::Past(_)));
    assert_eq!(asked(&console.keys("]"))[0].window, Window::Live);
}

#[test]
fn the_lower_pane_follows_the_newest_packet_until_one_looks_back() {
    fn later(query: &Query) -> Report {
        let mut report = answer(query);
        if query.facility == Facility::Packets {
            let mut newest = report.rows[0].clone();
            if let traf_model::Item::Packet(line) = &mut newest.item {
                (line.number, line.at, line.label) = (1_400, sample::now(), "IGMP".to_owned());
            }
            report.rows.insert(0, newest);
            report.matched = 1_400;
        }
        report
    }
    let mut console = Console::new(LARGE).keys("iuw");
    console.answer = later;
    console.answer();
    let screen = console.screen();
    assert!(screen.contains("IGMP") && screen.contains("Bottom") && screen.contains("201 more not shown"), "{screen}");
    let mut console = Console::new(LARGE).keys("iuw<home>");
    console.answer = later;
    console.answer();
    assert!(!console.screen().contains("IGMP") && console.screen().contains("Top"), "{}", console.screen());
}

#[test]
fn udp_is_shown_as_flows_or_as_packets() {
    let filters = |console: &Console| -> Vec<(Facility, String)> {
        asked(console).iter().map(|query| (query.facility, query.filter.to_string())).collect()
    };
    let console = Console::new(SMALL).keys("i");
    assert_eq!(filters(&console)[1..], [(Facility::Traffic, "udp".into()), (Facility::Packets, "not udp".into())]);
    let console = console.keys("u");
    assert_eq!(filters(&console)[1..], [(Facility::Packets, String::new())]);
    let console = console.keys("u");
    assert_eq!(filters(&console)[1..], [(Facility::Traffic, "not tcp".into())]);
    let past = console.keys("u<left>");
    assert_eq!(filters(&past)[1..], [(Facility::Traffic, "not tcp".into())], "packets are not recorded one by one");
}

#[test]
fn rates_are_bits_or_bytes_on_every_screen() {
    for keys in ["g", "d<home><enter>", "bp", "l", "o", "i"] {
        let console = Console::new(LARGE).keys(keys);
        assert!(console.screen().contains("bit/s"), "{keys}");
        let console = console.keys("b");
        let screen = console.screen();
        assert!(screen.contains("B/s") && !screen.contains("bit/s"), "{keys}: {screen}");
    }
}

#[test]
fn group_addresses_of_stations_can_be_hidden() {
    let console = Console::new(SMALL).keys("l");
    assert!(console.screen().contains("ff:ff:ff:ff:ff:ff"));
    let console = console.keys("a");
    assert!(!console.screen().contains("ff:ff:ff:ff:ff:ff") && console.screen().contains("2 entries, 2 groups hidden"));
    assert!(console.keys("a").screen().contains("ff:ff:ff:ff:ff:ff"));
}

#[test]
fn a_gap_is_told_and_marked() {
    let console = Console::new(SMALL).keys("g");
    assert!(console.screen().contains("blind: nas/eth0 14:01:01 for 20 s"), "{}", console.screen());
    let strip = console.screen().lines().nth(22).unwrap_or_default().to_owned();
    assert!(strip.starts_with(" ××××") && strip.contains("×××▁"), "one sensor's, and one of all: {strip}");
    assert!(console.keys("!").screen().contains("What is missing"));
}

#[test]
fn frozen_rows_keep_their_places_in_every_table() {
    fn turned(query: &Query) -> Report {
        let mut report = answer(query);
        report.rows.reverse();
        report
    }
    for keys in ["bp", "l", "o", "igp", "g", "i"] {
        let mut console = Console::new(LARGE).keys(keys).keys("z");
        let before: Vec<String> = console.screen().lines().skip(2).take(6).map(str::to_owned).collect();
        console.answer = turned;
        console.answer();
        let after: Vec<String> = console.screen().lines().skip(2).take(6).map(str::to_owned).collect();
        assert_eq!(before, after, "{keys}");
        assert!(console.screen().contains(", kept"), "{keys}: {}", console.screen());
    }
}

#[test]
fn each_line_of_the_overview_opens_the_facility_it_comes_from_already_filtered() {
    let console = Console::new(LARGE).keys("<tab>");
    let lines = console.app.busy_interfaces().len();
    let console = console.keys("<enter>");
    let busiest = asked(&console)[0].clone();
    assert_eq!((console.app.screen, busiest.scope.0.len()), (Screen::Detailed, 1));
    // The way back is wide again, and the bar is still there.
    let console = console.keys("x");
    assert_eq!((asked(&console)[0].scope.clone(), console.app.screen), (Scope::default(), Screen::Home));
    let console = console.keys(&"<down>".repeat(lines)).keys("<enter>");
    let query = &asked(&console)[0];
    assert_eq!((console.app.screen, query.scope.clone()), (Screen::Traffic, Scope::default()));
    assert_eq!(query.filter.to_string(), "host 10.0.0.3 and tcp");
    // What somebody chose since stays.
    let console = console.keys("v<down><enter>x");
    assert_eq!((console.app.filter.to_string().as_str(), console.app.scope.0.len()), ("host 10.0.0.3", 1));
    let console = console.keys("<up><esc><down>");
    assert_eq!((console.app.menu, console.app.screen), (1, Screen::Home));
}

#[test]
fn details_longer_than_the_screen_are_scrolled_to_their_end() {
    let console = Console::new(SMALL).keys("g<enter>");
    assert!(console.screen().contains("more lines") && !console.screen().contains("history"));
    let console = console.keys("<pgdn>");
    assert!(console.screen().contains("history") && !console.screen().contains("more lines"), "{}", console.screen());
    assert!(console.keys("<enter>").app.dialog.is_none());
}
