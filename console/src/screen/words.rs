//! Words that several screens share: who saw a row, what a line of the lower pane says, why a table is empty.

use traf_proto::names::protocol_name;
use traf_proto::{Flow, Point, Row};

use crate::app::timebar::When;
use crate::app::{App, Link};
use crate::moment;
use crate::number::count;
use crate::theme::Role;

pub use crate::app::traffic::Line;

/// Where a row was seen: the interface alone where there is one sensor, else the sensors, each once.
pub(super) fn seen_by(observed_by: &[Point], several: bool) -> String {
    let mut names: Vec<&str> = observed_by
        .iter()
        .map(|point| if several { point.sensor.as_str() } else { point.interface.as_deref().unwrap_or(&point.sensor) })
        .collect();
    names.dedup();
    names.join(" ")
}

/// A flow that is no TCP connection, in IPTraf's words where it has any, added up where IPTraf has a line for each packet.
pub(super) fn other_line(row: &Row, flow: &Flow, several: bool) -> (String, Role) {
    let total = flow.traffic.total();
    let (source, destination) = (flow.key.source, flow.key.destination);
    let (name, role) = match flow.key.protocol {
        1 => ("ICMP".to_owned(), Role::Text),
        2 => ("IGMP".to_owned(), Role::Mark),
        17 => ("UDP".to_owned(), Role::Udp),
        47 => ("GRE".to_owned(), Role::Gre),
        58 => ("ICMPv6".to_owned(), Role::OtherIp),
        89 => ("OSPF".to_owned(), Role::Ospf),
        number => (
            match protocol_name(number) {
                name if name.starts_with(|c: char| c.is_ascii_digit()) => format!("IP protocol {name}"),
                name => name.to_uppercase(),
            },
            Role::OtherIp,
        ),
    };
    let arrow = if flow.traffic.inbound.packets > 0 { "↔" } else { "→" };
    let vlan = flow.key.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
    let plural = |number: u64| if number == 1 { "packet" } else { "packets" };
    let counts = format!("{} bytes · {} {}", count(total.octets), count(total.packets), plural(total.packets));
    (format!("{name} {source} {arrow} {destination}  {counts}{vlan} on {}", seen_by(&row.observed_by, several)), role)
}

/// Why there is nothing to see, and what to do about it.
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
