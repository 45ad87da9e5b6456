//! General interface statistics: IPTraf's columns, and what went in and out.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{ClassGroup, InterfaceStats, Item, Row};

use super::footer::footer;
use super::words::why_empty;
use crate::app::App;
use crate::number::{count, plural, rate};
use crate::theme::Role;
use crate::widget::border::{self, message};
use crate::widget::layout::inside;
use crate::widget::table::{Cell, Column, Table};

type Col<'a> = Column<(&'a Row, &'a InterfaceStats), App>;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let area = inside(body).inner(Margin::new(1, 0));
    let columns = if app.second { directions() } else { packets() };
    let table = Table::new(&columns, app, theme);
    let Some((list, _)) = app.list() else { return };
    let stats = list.seen(app.report()).filter_map(|(row, _)| match &row.item {
        Item::Interface(stats) => Some((row, &**stats)),
        _ => None,
    });
    let end = table.draw(buffer, area, body.y, stats, list.bar());
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

fn name((row, stats): &(&Row, &InterfaceStats), app: &App) -> Cell {
    let name = &stats.interface.name;
    match row.observed_by.first() {
        Some(point) if app.several_sensors() => Cell::text(format!("{}/{name}", point.sensor)),
        _ => Cell::text(name.clone()),
    }
}

fn group(stats: &InterfaceStats, group: ClassGroup) -> Cell {
    Cell::number(count(stats.classes.group(group).total().packets))
}

/// IPTraf's columns, in its order; wide terminals add directions, peaks and drops.
fn packets<'a>() -> Vec<Col<'a>> {
    vec![
        Column::name(name),
        Column::right("Total", 10, 0, |(_, stats), _| group(stats, ClassGroup::Total)),
        Column::right("IPv4", 10, 0, |(_, stats), _| group(stats, ClassGroup::Ipv4)),
        Column::right("IPv6", 9, 0, |(_, stats), _| group(stats, ClassGroup::Ipv6)),
        Column::right("NonIP", 8, 0, |(_, stats), _| group(stats, ClassGroup::NonIp)),
        Column::right("BadIP", 6, 0, |(_, stats), _| bad(stats.ledger.bad_checksum)),
        Column::right("Activity", 13, 0, |(row, _), app| Cell::number(rate(row.rate.total().octets, app.look.units))),
        Column::right("In", 13, 110, |(row, _), app| Cell::number(rate(row.rate.inbound.octets, app.look.units))),
        Column::right("Out", 13, 110, |(row, _), app| Cell::number(rate(row.rate.outbound.octets, app.look.units))),
        Column::right("Peak", 13, 124, |(_, stats), app| Cell::number(rate(stats.peak.total().octets, app.look.units))),
        Column::right("Drops", 7, 110, |(_, stats), _| bad(stats.ledger.dropped)),
    ]
}

/// Each direction for itself.
fn directions<'a>() -> Vec<Col<'a>> {
    vec![
        Column::name(name),
        Column::right("In packets", 10, 0, |(_, stats), _| {
            Cell::number(count(stats.classes.group(ClassGroup::Total).inbound.packets))
        }),
        Column::right("In octets", 10, 0, |(_, stats), _| {
            Cell::number(count(stats.classes.group(ClassGroup::Total).inbound.octets))
        }),
        Column::right("Out packets", 11, 0, |(_, stats), _| {
            Cell::number(count(stats.classes.group(ClassGroup::Total).outbound.packets))
        }),
        Column::right("Out octets", 10, 0, |(_, stats), _| {
            Cell::number(count(stats.classes.group(ClassGroup::Total).outbound.octets))
        }),
        Column::right("Activity", 13, 0, |(row, _), app| Cell::number(rate(row.rate.total().octets, app.look.units))),
        Column::right("In", 13, 110, |(row, _), app| Cell::number(rate(row.rate.inbound.octets, app.look.units))),
        Column::right("Out", 13, 110, |(row, _), app| Cell::number(rate(row.rate.outbound.octets, app.look.units))),
        Column::right("Drops", 7, 110, |(_, stats), _| bad(stats.ledger.dropped)),
    ]
}

/// A count that should be zero.
fn bad(number: u64) -> Cell {
    Cell::new(count(number), if number == 0 { Role::Number } else { Role::Alarm })
}
