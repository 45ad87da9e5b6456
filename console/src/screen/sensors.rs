//! Sensors: who reports, since when, how late, what waits and what is missing, in words below.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{Ledger, Loss, Presence, SensorState, Timestamp};

use super::words::why_empty;
use crate::app::App;
use crate::facility::cell::bad;
use crate::look::Look;
use crate::moment;
use crate::number::{count, plural, rate, short_span, size, span};
use crate::settings::standing;
use crate::text::clean;
use crate::theme::Role;
use crate::widget::border::{self, message, paragraph, wrapped};
use crate::widget::layout::panes;
use crate::widget::table::{Cell, Column, Table};

/// A column; cells need the collector's time beside the sensor.
type Col<'a> = Column<&'a SensorState, Timestamp>;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let (upper, lower) = panes(body, 5);
    let upper = upper.inner(Margin::new(1, 0));
    let at = app.fleet.as_ref().map_or(app.now, |fleet| fleet.at);
    let columns = columns();
    let table = Table::new(&columns, &at, theme);
    let sensors = app.sensor_states();
    let cursor = &app.sensors;
    let bar = (!sensors.is_empty()).then(|| cursor.selected - cursor.offset);
    let end = table.draw(buffer, upper, body.y, sensors.iter().skip(cursor.offset), bar);
    border::title(buffer, body, body.y, &plural(sensors.len() as u64, "sensor", "sensors"), end, theme);

    let divider = lower.y - 1;
    border::divider(buffer, body, divider, theme);
    let Some(sensor) = sensors.get(cursor.selected) else {
        message(buffer, upper, &why_empty(app, "sensor"), app.look.theme);
        return;
    };
    border::title(buffer, body, divider, &clean(&sensor.name), body.right(), theme);
    if app.details.1 {
        border::right(buffer, body, divider, body.x, &[("Active".to_owned(), Role::Mark)], theme);
    }
    let room = usize::from(lower.width.saturating_sub(2));
    let mut lines = details(sensor, at, &app.look);
    let notes = app.fleet.iter().flat_map(|fleet| &fleet.notes);
    lines.extend(notes.map(|note| (format!("collector: {}", clean(note)), Role::Warn)));
    let lines = wrapped(lines, room);
    let first = app.details.0.min(lines.len().saturating_sub(usize::from(lower.height)));
    paragraph(buffer, lower.inner(Margin::new(1, 0)), &lines[first..], theme);
    if lines.len() > usize::from(lower.height) {
        let words = (format!("{} lines", lines.len()), Role::Border);
        border::right(buffer, body, body.bottom() - 1, body.x, &[words], theme);
    }
}

fn columns<'a>() -> [Col<'a>; 10] {
    [
        Column::name(|sensor, _| Cell::text(sensor.name.clone())),
        Column::left("Presence", 9, 0, |sensor, _| presence(sensor)),
        Column::right("Since", 8, 0, |sensor, now| ago(sensor.connected.or(sensor.last_seen), *now)),
        Column::right("Lag", 7, 0, |sensor, now| ago(sensor.stored, *now)),
        Column::right("Drops", 7, 0, |sensor, _| bad(sensor.interfaces.iter().map(|state| state.ledger.dropped).sum())),
        Column::right("Spool", 8, 0, |sensor, _| Cell::number(size(sensor.spool.octets))),
        Column::right("Records", 8, 100, |sensor, _| Cell::number(count(sensor.spool.records))),
        Column::right("Lost", 6, 0, |sensor, _| bad(sensor.spool.lost)),
        Column::right("Clock", 7, 0, |sensor, _| clock(sensor.clock_offset)),
        Column::left("Version", 9, 100, |sensor, _| Cell::text(sensor.version.clone())),
    ]
}

fn presence(sensor: &SensorState) -> Cell {
    let role = match sensor.presence {
        Presence::Away => Role::Alarm,
        Presence::Late => Role::Warn,
        Presence::Reporting if sensor.trouble.is_empty() => Role::Good,
        Presence::Reporting => Role::Warn,
    };
    Cell::new(sensor.presence.name(), role)
}

fn ago(at: Option<Timestamp>, now: Timestamp) -> Cell {
    at.map_or_else(|| Cell::new("never", Role::Dim), |at| Cell::number(short_span(now.since(at).max(0))))
}

/// Offset of a sensor's clock from which on it is an alarm: a tenth of a slice.
const CLOCK_OFF: u64 = 1_000_000_000;

fn clock(offset: i64) -> Cell {
    let sign = if offset < 0 { "-" } else { "+" };
    let role = if offset.unsigned_abs() > CLOCK_OFF { Role::Alarm } else { Role::Number };
    Cell::new(format!("{sign}{}", short_span(offset)), role)
}

/// Everything about one sensor, in lines.
fn details(sensor: &SensorState, at: Timestamp, look: &Look) -> Vec<(String, Role)> {
    let full = |at: Timestamp| moment::show_full(at, &look.zone);
    let mut lines = Vec::new();
    if !sensor.trouble.is_empty() {
        lines.push((sensor.trouble.clone(), Role::Alarm));
    }
    let started =
        sensor.started.map_or_else(|| "never heard of".to_owned(), |started| format!("started {}", full(started)));
    lines.push((format!("traf-sensor {}, {started}, start {}", sensor.version, sensor.epoch), Role::Text));
    if sensor.presence != Presence::Reporting
        && let Some(seen) = sensor.last_seen
    {
        lines.push((format!("last heard {} ({} ago)", full(seen), span(at.since(seen).max(0))), Role::Warn));
    }
    let stored = sensor
        .stored
        .map_or_else(|| "nothing stored yet".to_owned(), |stored| format!("stored up to {}", full(stored)));
    let spool = &sensor.spool;
    let waiting = match spool.records {
        0 => "nothing waits in its spool".to_owned(),
        records => {
            let oldest = spool.oldest.map(|oldest| format!(", since {}", full(oldest))).unwrap_or_default();
            format!("{} of {} wait in its spool{oldest}", plural(records, "record", "records"), size(spool.octets))
        }
    };
    lines.push((format!("{stored}; {waiting} (room for {})", size(spool.limit)), Role::Text));
    for state in &sensor.interfaces {
        let interface = &state.interface;
        let kind = [(state.gone, "gone"), (interface.loopback, "loopback"), (interface.mirror, "mirror port")];
        let kind: String = kind.iter().filter(|(is, _)| *is).map(|(_, word)| format!(", {word}")).collect();
        let mac = interface.mac.map(|mac| format!(" {mac}")).unwrap_or_default();
        let [inbound, outbound] = [state.rate.inbound, state.rate.outbound].map(|way| rate(way.octets, look.units));
        let Ledger { received, dropped, malformed, .. } = state.ledger;
        let [received, dropped, malformed, flows, capacity] =
            [received, dropped, malformed, state.flows, state.capacity].map(count);
        let frames =
            format!("{received} frames, {dropped} dropped, {malformed} malformed; {flows} of {capacity} flows");
        let words = format!("{}{mac}{kind}: {inbound} in, {outbound} out; {frames}", interface.name);
        lines.push((words, if state.gone { Role::Dim } else { Role::Text }));
    }
    lines.extend(standing(sensor).map(|(words, role)| (format!("settings from the console: {words}"), role)));
    if !sensor.settings.trouble.is_empty() {
        lines.push((format!("settings: {}", sensor.settings.trouble), Role::Warn));
    }
    if sensor.losses.is_empty() {
        lines.push(("nothing is known to be missing".to_owned(), Role::Good));
    }
    lines.extend(sensor.losses.iter().map(|loss| (loss_words(loss, look), Role::Warn)));
    lines
}

/// A loss as a sentence.
fn loss_words(loss: &Loss, look: &Look) -> String {
    let full = |at: Timestamp| moment::show_full(at, &look.zone);
    let place = loss.interface.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
    let records =
        if loss.records == 0 { String::new() } else { format!(", {}", plural(loss.records, "record", "records")) };
    let counted = loss.counted.map(|(packets, octets)| {
        format!(", {} frames and {} octets by the interface's own counters", count(packets), count(octets))
    });
    format!(
        "missing {} for {}{place}: {}{records}{}",
        full(loss.interval.from),
        span(loss.interval.nanos()),
        loss.reason.name(),
        counted.unwrap_or_default()
    )
}
