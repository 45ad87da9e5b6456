//! Hosts: who uses the line, in addresses.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{Host, Item, Row};

use super::name;
use super::traffic::{footer, say, seen_cell, seen_column};
use super::words::{listed, order_words, why_empty};
use crate::app::App;
use crate::app::layout::inside;
use crate::number::{count, plural, rate};
use crate::theme::Role;
use crate::widget::bar::{bar, percent};
use crate::widget::border;
use crate::widget::table::{Cell, Column, Table};

type Col<'a> = Column<&'a Row, App>;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let area = inside(body).inner(Margin::new(1, 0));
    let columns = columns(app, area.width);
    let table = Table::new(&columns, app, theme);
    let list = &app.lists.hosts;
    let end = table.draw(buffer, area, body.y, list.seen(app.report()).map(|(row, _)| row), list.bar());
    let matched = app.report().map_or(0, |report| report.matched);
    border::title(buffer, body, body.y, &format!("Hosts · {}", listed(list.len() as u64, matched)), end, theme);
    if list.is_empty() {
        say(buffer, area, &why_empty(app, "host"), app);
    }
    let Some(report) = app.report() else { return };
    let units = app.look.units;
    let line = rate(report.rate.total().octets, units);
    footer(app, buffer, body, &format!("{} · share of {line}", order_words(list)));
}

fn columns<'a>(app: &App, width: u16) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = vec![
        Column::name(address),
        Column::right("Pkts in", 10, 100, |row, _| Cell::number(count(row.item.traffic().inbound.packets))),
        Column::right("Octets in", 10, 0, |row, _| Cell::number(count(row.item.traffic().inbound.octets))),
        Column::right("Pkts out", 10, 100, |row, _| Cell::number(count(row.item.traffic().outbound.packets))),
        Column::right("Octets out", 10, 0, |row, _| Cell::number(count(row.item.traffic().outbound.octets))),
        Column::right("Rate", 12, 0, |row, app| Cell::number(rate(row.rate.total().octets, app.look.units))),
        Column::right("Peers", 5, 0, |row, _| known(row, |host| host.peers)),
        Column::right("Flows", 6, 0, |row, _| known(row, |host| host.flows)),
        Column::left("Share", 10, 0, share),
    ];
    if width >= 120 {
        columns.push(seen_column(app.several_sensors(), width, |row: &&Row, app| seen_cell(row, app)));
    }
    columns
}

fn address(row: &&Row, app: &App) -> Cell {
    match &row.item {
        Item::Host(address, _) => Cell::text(name::host(app, *address)),
        Item::Other(_, _, keys) => Cell::new(format!("other: {}", plural(*keys, "host", "hosts")), Role::Warn),
        _ => Cell::default(),
    }
}

fn known(row: &Row, number: fn(&Host) -> u64) -> Cell {
    match &row.item {
        Item::Host(_, host) => Cell::number(count(number(host))),
        _ => Cell::default(),
    }
}

/// Of what the line carries: each packet is of two hosts, so shares add up to more than a whole.
fn share(row: &&Row, app: &App) -> Cell {
    let line = app.report().map_or(0, |report| report.rate.total().octets);
    let speed = row.rate.total().octets;
    if speed == 0 {
        return Cell::default();
    }
    Cell::new(format!("{:>3}% {}", percent(speed, line), bar(speed, line, 5)), Role::Mark)
}
