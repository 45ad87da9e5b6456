//! The lower line of a box.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::Report;

use crate::app::App;
use crate::number::{count, elapsed};
use crate::theme::Role;
use crate::widget::border;

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
