//! TCP and UDP services: IPTraf's table, and below it how fast the highlighted one is.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{Item, Row};

use super::name;
use super::traffic::{footer, say, seen_cell, seen_column};
use super::words::{listed, order_words, why_empty};
use crate::app::App;
use crate::app::layout::inside;
use crate::number::{count, rate};
use crate::theme::Role;
use crate::widget::border;
use crate::widget::table::{Cell, Column, Table, pieces};

type Col<'a> = Column<&'a Row, App>;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let area = inside(body).inner(Margin::new(1, 0));
    let rows = Rect { height: area.height.saturating_sub(1), ..area };
    let columns = columns(app, area.width);
    let table = Table::new(&columns, app, theme);
    let list = &app.lists.services;
    table.draw(buffer, rows, body.y, list.seen(app.report()).map(|(row, _)| row), list.bar());
    border::title(buffer, body, body.y, "Proto/Port", rows.right(), theme);
    if list.is_empty() {
        say(buffer, rows, &why_empty(app, "TCP or UDP service"), app);
    }
    let Some(report) = app.report() else { return };
    let speed = list.selected(Some(report)).map(|(row, _)| row.rate).unwrap_or_default();
    let units = app.look.units;
    let value = |octets, words| [(rate(octets, units), Role::SummaryValue), (format!(" {words}  "), Role::Summary)];
    let words = [
        &[("Protocol data rates: ".to_owned(), Role::Summary)][..],
        &value(speed.total().octets, "total"),
        &value(speed.inbound.octets, "in"),
        &value(speed.outbound.octets, "out"),
    ];
    let line = Rect { y: rows.bottom(), height: 1, ..area };
    pieces(buffer, line, &words.concat(), theme);
    let entries = listed(list.len() as u64, report.matched);
    footer(app, buffer, body, &format!("{entries} entries · {}", order_words(list)));
}

fn columns<'a>(app: &App, width: u16) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = vec![
        Column::name(service),
        Column::right("Pkts", 10, 0, |row, _| Cell::number(count(row.item.traffic().total().packets))),
        Column::right("Octets", 10, 0, |row, _| Cell::number(count(row.item.traffic().total().octets))),
        Column::right("PktsTo", 10, 0, |row, _| Cell::number(count(row.item.traffic().inbound.packets))),
        Column::right("OctetsTo", 10, 0, |row, _| Cell::number(count(row.item.traffic().inbound.octets))),
        Column::right("PktsFrom", 10, 0, |row, _| Cell::number(count(row.item.traffic().outbound.packets))),
        Column::right("OctsFrom", 10, 0, |row, _| Cell::number(count(row.item.traffic().outbound.octets))),
        Column::right("Rate", 13, 100, |row, app| Cell::number(rate(row.rate.total().octets, app.look.units))),
        Column::right("To", 13, 150, |row, app| Cell::number(rate(row.rate.inbound.octets, app.look.units))),
        Column::right("From", 13, 150, |row, app| Cell::number(rate(row.rate.outbound.octets, app.look.units))),
    ];
    if width >= 120 {
        columns.push(seen_column(app.several_sensors(), width, |row: &&Row, app| seen_cell(row, app)));
    }
    columns
}

/// TCP and UDP are coloured apart.
fn service(row: &&Row, app: &App) -> Cell {
    match &row.item {
        Item::Service(service, _) => {
            Cell::new(name::service(app, *service), if service.protocol == 6 { Role::Text } else { Role::Mark })
        }
        Item::Other(..) => Cell::new("other", Role::Warn),
        _ => Cell::default(),
    }
}
