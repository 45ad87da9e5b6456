//! Every screen as it stands on a terminal, at 80×24, 132×40 and 200×60, colours left out.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod driver;

use driver::{Console, HUGE, LARGE, SMALL, nobody, nothing};
use traf_console::event::Event;
use traf_model::{Query, Report};

/// Compares a screen, at both sizes, with the one that was approved.
macro_rules! frame {
    ($name:literal, $keys:literal) => {
        frame!($name, $keys, [(SMALL, "80x24"), (LARGE, "132x40")]);
    };
    ($name:literal, $keys:literal, $sizes:expr) => {
        for (size, label) in $sizes {
            insta::assert_snapshot!(format!("{}_{label}", $name), Console::new(size).keys($keys).screen());
        }
    };
}

const ALL_SIZES: [((u16, u16), &str); 3] = [(SMALL, "80x24"), (LARGE, "132x40"), (HUGE, "200x60")];

#[test]
fn the_first_screen_is_the_menu_beside_the_overview() {
    frame!("home", "", ALL_SIZES);
}

#[test]
fn the_traffic_monitor_pairs_tcp_rows_above_all_other_flows() {
    frame!("traffic", "i", ALL_SIZES);
}

#[test]
fn the_traffic_monitor_cycles_its_columns() {
    frame!("traffic_macs", "im");
    frame!("traffic_sizes", "imm");
}

#[test]
fn the_traffic_monitor_shows_the_past_in_the_same_rows() {
    frame!("traffic_past", "i<left><left>", ALL_SIZES);
}

#[test]
fn interface_statistics_have_iptrafs_columns() {
    frame!("interfaces", "g", ALL_SIZES);
    frame!("interfaces_directions", "gm");
}

#[test]
fn sensors_say_in_words_what_is_missing() {
    frame!("sensors", "e", ALL_SIZES);
}

#[test]
fn detailed_statistics_fit_a_small_terminal_whole() {
    frame!("detailed", "d<down><enter>", ALL_SIZES);
    frame!("detailed_all", "d<home><enter>");
    frame!("detailed_rates", "d<down><enter>m");
    frame!("detailed_past", "d<down><enter><left>");
}

#[test]
fn packet_sizes_are_a_histogram() {
    frame!("sizes", "bs<end><enter>", ALL_SIZES);
}

#[test]
fn services_have_iptrafs_columns_and_the_rates_of_the_highlighted_one() {
    frame!("services", "bp<down>", ALL_SIZES);
}

#[test]
fn stations_take_two_lines_or_one() {
    frame!("stations", "l<down>", ALL_SIZES);
    frame!("stations_no_groups", "la");
}

#[test]
fn hosts_show_their_share_of_the_line() {
    frame!("hosts", "o", ALL_SIZES);
}

#[test]
fn the_lower_window_shows_packets_as_iptraf_does() {
    frame!("packets", "iuw<up><up>", ALL_SIZES);
    frame!("packets_shifted", "iuw<right>");
    frame!("packets_macs", "iuwm");
    frame!("others_as_flows", "iuu");
}

#[test]
fn traffic_is_grouped_by_what_flows_have_in_common() {
    frame!("grouped_port", "igp", ALL_SIZES);
    frame!("grouped_pair", "igi");
}

#[test]
fn help_prints_the_keys_of_its_screen() {
    frame!("help_traffic", "i?");
    frame!("help_sensors", "e?");
}

#[test]
fn dialogs_lie_over_their_screen() {
    frame!("sort", "is");
    frame!("scope", "iv<down><down>");
    frame!("details", "i<enter>");
    frame!("interface_details", "g<enter>");
    frame!("station_details", "l<down><enter>");
    frame!("select_interface", "d<down>");
    frame!("breakdowns", "b");
    frame!("sort_services", "bps");
    frame!("group", "ig");
    frame!("missing", "i!");
    frame!("about", "a");
}

#[test]
fn a_wrong_filter_is_pointed_at_while_it_is_typed() {
    frame!("filter_error", "ifsrc port 70000");
    frame!("filter_typed", "ifsrc port 443");
}

#[test]
fn a_moment_is_shown_while_it_is_typed() {
    frame!("moment", "iTyesterday 14:00");
    frame!("moment_error", "iTtomorrow");
}

#[test]
fn a_lost_collector_leaves_the_screen_and_says_so() {
    for (size, label) in [(SMALL, "80x24"), (LARGE, "132x40")] {
        let mut console = Console::new(size).keys("i");
        console.on(Event::Away("nobody listens there: is the collector running, and is the port right?".to_owned()));
        insta::assert_snapshot!(format!("away_{label}"), console.after(12).screen());
    }
}

#[test]
fn an_empty_screen_says_why_and_what_to_do() {
    for (name, answer, keys) in [
        ("empty_filter", nothing as fn(&Query) -> Report, "ifport 8443<enter>"),
        ("empty_past", nothing, "i<left>"),
        ("empty_live", nothing, "i"),
        ("empty_fleet", nobody, "i"),
    ] {
        insta::assert_snapshot!(name, Console::with(SMALL, answer).keys(keys).screen());
    }
    insta::assert_snapshot!("connecting", Console::silent(SMALL).screen());
}
