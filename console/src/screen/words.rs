//! Words that several screens share: what a line of the lower pane says, why a table is empty, the lower line of a box.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::names::protocol_name;
use traf_model::{Flow, Item, PacketKind, Report, Row};

use crate::app::list::List;
use crate::app::timebar::When;
use crate::app::{App, Link};
use crate::facility::cell::seen_by;
use crate::moment;
use crate::number::{count, elapsed, grouped};
use crate::theme::Role;
use crate::widget::border;

/// A packet, or a flow that is no TCP connection, in IPTraf's words.
pub(super) fn other_line(app: &App, row: &Row) -> (String, Role) {
    let seen = seen_by(&row.observed_by, app.several_sensors());
    match &row.item {
        Item::Packet(line) => {
            let words = line.words(&seen, app.look.macs, |end| app.names.line_end_label(end));
            (words, Role::Packet(line.kind))
        }
        Item::Flow(flow) => flow_line(app, flow, &seen),
        _ => Default::default(),
    }
}

/// A flow added up where IPTraf has a line for each packet.
fn flow_line(app: &App, flow: &Flow, seen: &str) -> (String, Role) {
    let total = flow.traffic.total();
    let (source, destination) =
        (app.names.endpoint_label(flow.key.source), app.names.endpoint_label(flow.key.destination));
    let (name, kind) = match flow.key.protocol {
        1 => ("ICMP".to_owned(), PacketKind::Icmp),
        2 => ("IGMP".to_owned(), PacketKind::Igmp),
        17 => ("UDP".to_owned(), PacketKind::Udp),
        41 => ("IPv6 tun".to_owned(), PacketKind::Ipv6Tunnel),
        47 => ("GRE".to_owned(), PacketKind::Gre),
        58 => ("ICMPv6".to_owned(), PacketKind::Icmpv6),
        89 => ("OSPF".to_owned(), PacketKind::Ospf),
        number => (
            match protocol_name(number) {
                name if name.starts_with(|c: char| c.is_ascii_digit()) => format!("IP protocol {name}"),
                name => name.to_uppercase(),
            },
            PacketKind::OtherIp,
        ),
    };
    let arrow = if flow.traffic.inbound.packets > 0 { "↔" } else { "→" };
    let vlan = flow.key.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
    let plural = |number: u64| if number == 1 { "packet" } else { "packets" };
    let counts = format!("{} bytes · {} {}", count(total.octets), count(total.packets), plural(total.packets));
    (format!("{name} {source} {arrow} {destination}  {counts}{vlan} on {seen}"), Role::Packet(kind))
}

/// The filter, in the words of a title: ` · port 443`.
pub(super) fn filter_words(app: &App) -> String {
    let words = app.filter_words();
    if words.is_empty() { words } else { format!(" · {words}") }
}

/// Number of rows shown and matched, in the words of a title.
pub(super) fn listed(listed: u64, matched: u64) -> String {
    if matched > listed { format!("{} of {}", grouped(listed), grouped(matched)) } else { grouped(listed) }
}

/// The order of a table, in the words of a title.
pub(super) fn order_words(list: &List) -> String {
    let kept = if list.continuous { "" } else { ", kept" };
    format!("by {}{kept}", list.order.by.name().replace('_', " "))
}

/// Reason why a table is empty, and what to do about it.
pub(super) fn why_empty(app: &App, what: &str) -> Vec<String> {
    let feed = app.feeds.get(0);
    if let Some(reason) = feed.and_then(|feed| feed.refused.as_ref()) {
        return vec!["the collector does not answer this question:".to_owned(), reason.clone()];
    }
    let Some(report) = feed.and_then(|feed| feed.report.as_ref()) else {
        return vec![match &app.link {
            Link::Connecting => format!("connecting to {} …", app.look.collector),
            Link::Up => "asking the collector …".to_owned(),
            Link::Away(..) => "the collector is away: this page fills when it is back".to_owned(),
        }];
    };
    if report.sensors_known == 0 && app.scope.0.is_empty() {
        return vec![
            "no sensor has joined this collector yet".to_owned(),
            "beside the collector: traf-collector token create --role sensor".to_owned(),
            "on the machine to watch: traf-sensor join https://COLLECTOR:7441 --token-file FILE".to_owned(),
            "and then: traf-sensor run".to_owned(),
        ];
    }
    if let When::Past { .. } = app.time.when {
        let window = app.time.interval().unwrap_or_default();
        let show = |at| moment::show(at, app.now, &app.look.zone);
        let filter = if app.filter.is_all() { String::new() } else { format!(" that matches `{}`", app.filter) };
        return vec![
            format!("no {what}{filter} between {} and {}", show(window.from), show(window.to)),
            "← → moves in time, - widens the window, end returns to live".to_owned(),
        ];
    }
    if !app.filter.is_all() {
        return vec![format!("no {what} matches `{}`", app.filter), "press f to change the filter".to_owned()];
    }
    if report.sensors_reporting == 0 {
        return vec![
            format!("none of {} sensors reports now", report.sensors_known),
            "the sensors page says why; ← shows what was before".to_owned(),
        ];
    }
    vec![format!("no {what} yet: it appears here within a second of the first packet")]
}

/// The lower line of a box: words from the left, drops and time at the right.
pub(super) fn footer(app: &App, buffer: &mut Buffer, body: Rect, words: &str) {
    let theme = app.look.theme;
    let Some(report) = app.report() else { return };
    // Where there is no room for both, the drops stay.
    let drops = if report.dropped == 0 { Role::Border } else { Role::Alarm };
    let pieces = [
        (format!("Time {}", elapsed(nanos(app, report))), Role::Border),
        (format!("Drops {}", count(report.dropped)), drops),
    ];
    let from = body.x + crate::text::width(words) as u16 + 3;
    border::right(buffer, body, body.bottom() - 1, from, &pieces, theme);
    border::title(buffer, body, body.bottom() - 1, words, body.right(), theme);
}

/// Time that the counts of a report cover.
pub(super) fn nanos(app: &App, report: &Report) -> i64 {
    match app.time.interval() {
        Some(window) => window.nanos(),
        None => report.at.since(report.interval.from),
    }
}
