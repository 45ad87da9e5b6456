//! General interface statistics: IPTraf's columns, and what went in and out.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{ClassGroup, Row};

use super::footer::footer;
use super::words::why_empty;
use crate::app::App;
use crate::facility::cell::{
    Col, RowContext, class_packets, octets_in, octets_out, of_interface, packets, packets_in, packets_out, rate_in,
    rate_out, rate_total,
};
use crate::number::{count, plural, rate};
use crate::theme::Role;
use crate::widget::border::{self, message};
use crate::widget::layout::inside;
use crate::widget::table::{Cell, Column, Table};

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let area = inside(body).inner(Margin::new(1, 0));
    let columns = if app.second { direction_columns() } else { packet_columns() };
    let context = app.row_context();
    let table = Table::new(&columns, &context, theme);
    let Some((list, _)) = app.list() else { return };
    let end = table.draw(buffer, area, body.y, list.seen(app.report()).map(|(row, _)| row), list.bar());
    border::title(buffer, body, body.y, "Iface", end, theme);
    if list.is_empty() {
        message(buffer, area, &why_empty(app, "interface"), app.look.theme);
    }
    let Some(report) = app.report() else { return };
    let sum = report.rows.iter().map(|row| row.rate).sum::<traf_model::Traffic>().total();
    let words = format!(
        "Total: {} / {} pps · {}{}",
        rate(sum.octets, app.look.units),
        count(sum.packets),
        plural(report.matched, "interface", "interfaces"),
        if list.continuous { "" } else { ", kept" }
    );
    footer(app, buffer, body, &words);
}

fn name(row: &&Row, context: &RowContext<'_>) -> Cell {
    of_interface(row, |stats| match row.observed_by.first() {
        Some(point) if context.several => Cell::text(format!("{}/{}", point.sensor, stats.interface.name)),
        _ => Cell::text(stats.interface.name.clone()),
    })
}

/// IPTraf's columns, in its order; wide terminals add directions, peaks and drops.
fn packet_columns<'a>() -> Vec<Col<'a>> {
    vec![
        Column::name(name),
        Column::right("Total", 10, 0, packets),
        Column::right("IPv4", 10, 0, |row, _| class_packets(row, ClassGroup::Ipv4)),
        Column::right("IPv6", 9, 0, |row, _| class_packets(row, ClassGroup::Ipv6)),
        Column::right("NonIP", 8, 0, |row, _| class_packets(row, ClassGroup::NonIp)),
        Column::right("BadIP", 6, 0, |row, _| of_interface(row, |stats| bad(stats.ledger.bad_checksum))),
        Column::right("Activity", 13, 0, rate_total),
        Column::right("In", 13, 110, rate_in),
        Column::right("Out", 13, 110, rate_out),
        Column::right("Peak", 13, 124, |row, context| {
            of_interface(row, |stats| Cell::number(context.rate(stats.peak.total())))
        }),
        Column::right("Drops", 7, 110, drops),
    ]
}

/// Each direction for itself.
fn direction_columns<'a>() -> Vec<Col<'a>> {
    vec![
        Column::name(name),
        Column::right("In packets", 10, 0, packets_in),
        Column::right("In octets", 10, 0, octets_in),
        Column::right("Out packets", 11, 0, packets_out),
        Column::right("Out octets", 10, 0, octets_out),
        Column::right("Activity", 13, 0, rate_total),
        Column::right("In", 13, 110, rate_in),
        Column::right("Out", 13, 110, rate_out),
        Column::right("Drops", 7, 110, drops),
    ]
}

fn drops(row: &&Row, _: &RowContext<'_>) -> Cell {
    of_interface(row, |stats| bad(stats.ledger.dropped))
}

/// A count that should be zero.
fn bad(number: u64) -> Cell {
    Cell::new(count(number), if number == 0 { Role::Number } else { Role::Alarm })
}
