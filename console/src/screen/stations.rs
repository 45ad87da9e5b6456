//! LAN stations: two lines for each as in IPTraf, one where the terminal is wide.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{Item, Row, Station};

use super::name;
use super::traffic::{footer, say};
use super::words::{listed, order_words, seen_by, why_empty};
use crate::app::App;
use crate::app::layout::{inside, station_lines};
use crate::app::traffic::is_group_address;
use crate::number::{plain, rate_unit, short_rate};
use crate::theme::Role;
use crate::widget::border;
use crate::widget::table::{Cell, Column, Table};

type Col<'a> = Column<&'a Row, App>;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let area = inside(body).inner(Margin::new(1, 0));
    let two = station_lines(body) == 2;
    let columns = columns(two);
    let table = Table { head: two.then_some(head), ..Table::new(&columns, app, theme) };
    let list = &app.lists.stations;
    let end = table.draw(buffer, area, body.y, list.seen(app.report()).map(|(row, _)| row), list.bar());
    border::title(buffer, body, body.y, if two { "" } else { "Station" }, end, theme);
    if list.is_empty() {
        say(buffer, area, &why_empty(app, "LAN station"), app);
    }
    let Some(report) = app.report() else { return };
    let hidden = report.rows.iter().filter(|row| is_group_address(row)).count() as u64;
    let (entries, hidden) = match app.no_groups {
        true => (listed(list.len() as u64, report.matched.saturating_sub(hidden)), format!(", {hidden} groups hidden")),
        false => (listed(list.len() as u64, report.matched), String::new()),
    };
    let rates = rate_unit(app.look.units);
    let words = format!("{entries} entries{hidden} · {} · rates in {rates}", order_words(list));
    footer(app, buffer, body, &words);
}

/// IPTraf's eight columns; where a station is one line, its name before them.
fn columns<'a>(two: bool) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = Vec::new();
    if two {
        columns.push(Column::left("", 1, 0, |_, _| Cell::new("└", Role::Mark)));
    } else {
        columns.push(Column::left("", 17, 0, |row, _| Cell::text(mac(row))));
        columns.push(Column::left("", 0, 0, |row, app| {
            let known = [about(row, app), addresses(row, app)];
            Cell::text(known.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("  "))
        }));
    }
    columns.extend([
        Column::right("PktsIn", 8, 0, |row: &&Row, _: &App| Cell::number(plain(row.item.traffic().inbound.packets))),
        Column::right("IP In", 8, 0, |row: &&Row, _: &App| station(row, |s| plain(s.ip.inbound.packets))),
        Column::right("OctsIn", 8, 0, |row: &&Row, _: &App| Cell::number(plain(row.item.traffic().inbound.octets))),
        Column::right("InRate", 8, 0, |row: &&Row, app: &App| speed(row.rate.inbound.octets, app)),
        Column::right("PktsOut", 8, 0, |row: &&Row, _: &App| Cell::number(plain(row.item.traffic().outbound.packets))),
        Column::right("IP Out", 8, 0, |row: &&Row, _: &App| station(row, |s| plain(s.ip.outbound.packets))),
        Column::right("OctsOut", 8, 0, |row: &&Row, _: &App| Cell::number(plain(row.item.traffic().outbound.octets))),
        Column::right("OutRate", 8, 0, |row: &&Row, app: &App| speed(row.rate.outbound.octets, app)),
    ]);
    if !two {
        columns.push(Column::left("Seen by", 12, 0, |row, app| Cell::text(on(row, app))));
    }
    columns
}

fn head(row: &&Row, app: &App) -> Cell {
    let about = about(row, app);
    let about = if about.is_empty() { about } else { format!(" ({about})") };
    match &row.item {
        Item::Station(mac, _) => {
            let addresses = addresses(row, app);
            let addresses = if addresses.is_empty() { addresses } else { format!("  {addresses}") };
            Cell::text(format!("Ethernet HW addr: {mac}{about} on {}{addresses}", on(row, app)))
        }
        _ => Cell::new(mac(row), Role::Warn),
    }
}

fn mac(row: &Row) -> String {
    match &row.item {
        Item::Station(mac, _) => mac.to_string(),
        Item::Other(_, _, keys) => format!("other: {keys} more"),
        _ => String::new(),
    }
}

fn about(row: &Row, app: &App) -> String {
    match &row.item {
        Item::Station(mac, _) => name::station(app, *mac),
        _ => String::new(),
    }
}

/// The address that was seen last, and how many more there are.
fn addresses(row: &Row, app: &App) -> String {
    let Item::Station(_, station) = &row.item else { return String::new() };
    let Some(newest) = station.addresses.iter().max_by_key(|learnt| learnt.last) else { return String::new() };
    let more = match station.addresses.len() {
        1 => String::new(),
        several => format!(" +{}", several - 1),
    };
    format!("{}{more}", name::host(app, newest.address))
}

fn on(row: &Row, app: &App) -> String {
    seen_by(&row.observed_by, app.several_sensors())
}

fn station(row: &Row, number: fn(&Station) -> String) -> Cell {
    match &row.item {
        Item::Station(_, station) => Cell::number(number(station)),
        _ => Cell::default(),
    }
}

fn speed(octets: u64, app: &App) -> Cell {
    Cell::number(short_rate(octets, app.look.units))
}
