//! A counted facility: a table or a chart, as its row in the list of facilities says.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::words::{filter_words, footer, listed, order_words, why_empty};
use crate::app::App;
use crate::facility::view::{Layout, Shown, TableLayout, View};
use crate::widget::border::{self, message};
use crate::widget::table::{Table, pieces};

pub(super) fn draw(app: &App, view: &'static View, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    let area = border::frame(buffer, body, theme);
    match &view.layout {
        Layout::Table(table) => draw_table(app, view, table, buffer, body, area),
        Layout::Chart(words, chart) => {
            let title = format!("{} on {}{}", view.title, app.scope, filter_words(app));
            border::title(buffer, body, body.y, &title, body.right(), theme);
            match app.report().filter(|report| !report.rows.is_empty()) {
                Some(report) => {
                    chart(report, buffer, area, theme);
                    footer(app, buffer, body, &words(report, &app.row_context()));
                }
                None => message(buffer, area, &why_empty(app, view.noun), theme),
            }
        }
    }
}

fn draw_table(app: &App, view: &'static View, layout: &TableLayout, buffer: &mut Buffer, body: Rect, area: Rect) {
    let (theme, context) = (app.look.theme, app.row_context());
    let Some((list, _)) = app.list() else { return };
    let rows = Rect { height: area.height.saturating_sub(u16::from(layout.summary.is_some())), ..area };
    let headlines = view.lines(body.width) == 2;
    let columns = (layout.columns)(&context, area.width, headlines);
    let head = layout.headline.filter(|_| headlines);
    let table = Table { head, ..Table::new(&columns, &context, theme) };
    let end = table.draw(buffer, rows, body.y, list.seen(app.report()).map(|(row, _)| row), list.bar());
    let hidden = app
        .report()
        .filter(|_| app.no_groups)
        .map_or(0, |report| report.rows.iter().filter(|row| view.hides(row)).count() as u64);
    let matched = app.report().map_or(0, |report| report.matched).saturating_sub(hidden);
    let shown = Shown {
        entries: listed(list.len() as u64, matched),
        order: order_words(list),
        hidden: app.no_groups.then_some(hidden),
        headlines,
        context: &context,
    };
    border::title(buffer, body, body.y, &(layout.title)(&shown), end, theme);
    if list.is_empty() {
        message(buffer, rows, &why_empty(app, view.noun), theme);
    }
    if app.report().is_none() {
        return;
    }
    if let Some(summary) = layout.summary {
        let speed = list.selected(app.report()).map(|(row, _)| row.rate).unwrap_or_default();
        pieces(buffer, Rect { y: rows.bottom(), height: 1, ..area }, &summary(speed, &context), theme);
    }
    footer(app, buffer, body, &(layout.footer)(&shown));
}
