//! First and last lines: what one looks at, who reports, when; time itself; keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::time::SECOND;
use traf_model::{Presence, Timestamp};

use crate::app::dialog::Dialog;
use crate::app::menu::{BREAKDOWNS, ENTRIES};
use crate::app::timebar::When;
use crate::app::{App, Link, Screen};
use crate::key::bindings;
use crate::moment;
use crate::number::span;
use crate::text::{clean, fit, width};
use crate::theme::Role;
use crate::widget;
use crate::widget::table::pieces;

/// Scope, filter, who reports, and when: the only place that tells live from past.
pub(super) fn head(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.look.theme;
    let all = usize::from(area.width);
    buffer.set_string(area.x, area.y, " ".repeat(all), theme.style(Role::Desktop));
    let (when, when_role) = when(app);
    let when_at = all.saturating_sub(width(&when) + 1);
    buffer.set_string(area.x + when_at as u16, area.y, &when, theme.style(when_role));

    let mut room = when_at.saturating_sub(2);
    if !matches!(app.link, Link::Away(..)) {
        let (who, role) = reporting(app);
        let at = when_at.saturating_sub(width(&who) + 3);
        buffer.set_string(area.x + at as u16, area.y, &who, theme.style(role));
        room = at.saturating_sub(2);
    }
    let scope = app.scope.to_string();
    let scope = fit(&clean(&scope), room.saturating_sub(15)).into_owned();
    let words = format!(" Trafalgar   {scope} ▾  ");
    let (x, _) = buffer.set_stringn(area.x, area.y, &words, room, theme.style(Role::Desktop));
    let filter = app.filter_words();
    if !filter.is_empty() {
        let room = room.saturating_sub(usize::from(x - area.x));
        buffer.set_stringn(x, area.y, fit(&clean(&filter), room), room, theme.style(Role::Hot));
    }
}

fn when(app: &App) -> (String, Role) {
    let show = |at: Timestamp| moment::show(at, app.now, &app.look.zone);
    if let Link::Away(since, _) = app.link {
        // At least one second, none of its parts.
        let away = (app.now.since(since) / SECOND).max(1) * SECOND;
        return (format!("collector away {}, trying again", span(away)), Role::Alarm);
    }
    match app.time.when {
        When::Live => (format!("LIVE {}", show(app.now)), Role::Desktop),
        When::Paused(at) => (format!("PAUSED {}", show(at)), Role::Hot),
        When::Past { playing, .. } => {
            let from = app.time.interval().unwrap_or_default().from;
            let play = if playing { "▶ " } else { "" };
            (format!("{play}{} +{}", show(from), app.time.width_words()), Role::Hot)
        }
    }
}

fn reporting(app: &App) -> (String, Role) {
    let of_fleet = || {
        let sensors = app.sensor_states();
        (sensors.iter().filter(|sensor| sensor.presence == Presence::Reporting).count() as u32, sensors.len() as u32)
    };
    let (now, known) = app.report().map_or_else(of_fleet, |report| (report.sensors_reporting, report.sensors_known));
    let blind = app.sensor_states().iter().any(|sensor| {
        app.scope.holds_sensor(&sensor.name) && (sensor.presence == Presence::Away || !sensor.trouble.is_empty())
    });
    let role = match (now, known) {
        (_, 0) => Role::Desktop,
        (0, _) => Role::Alarm,
        _ if blind => Role::Alarm,
        (now, known) if now < known => Role::Hot,
        _ => Role::Desktop,
    };
    if app.report().is_none() && app.fleet.is_none() {
        return ("connecting".to_owned(), Role::Desktop);
    }
    if app.asking() {
        return ("asking …".to_owned(), Role::Desktop);
    }
    (format!("{now} of {known} reporting"), role)
}

/// Notes about the report.
pub(super) fn notes(app: &App, buffer: &mut Buffer, area: Rect) {
    if area.height == 0 {
        return;
    }
    let notes = app.notes();
    let words = clean(&notes.join(" · ")).into_owned();
    let columns = usize::from(area.width);
    let line = format!("{:columns$}", fit(&format!(" ! {words}"), columns));
    buffer.set_stringn(area.x, area.y, line, columns, app.look.theme.style(Role::Warn));
}

/// The rate over time.
pub(super) fn strip(app: &App, buffer: &mut Buffer, area: Rect) {
    let columns = usize::from(area.width);
    let window = app.time.interval();
    let strip = app.strip();
    let label = match (window, strip) {
        (Some(_), Some(strip)) if !strip.octets.is_empty() => {
            let end = strip.from.0.saturating_add(strip.step.saturating_mul(strip.octets.len() as i64));
            moment::show(Timestamp(end), app.now, &app.look.zone)
        }
        (Some(_), _) => String::new(),
        (None, _) => "now".to_owned(),
    };
    let gaps = app.report().map_or(&[][..], |report| &report.gaps);
    let room = columns.saturating_sub(width(&label) + 3);
    let drawn = strip.map(|strip| widget::strip::strip(strip, gaps, window, room)).unwrap_or_else(|| " ".repeat(room));
    buffer.set_stringn(area.x, area.y, format!(" {drawn} {label} "), columns, app.look.theme.style(Role::Mark));
}

/// The keys of this screen, as many as fit; in the main menu what its entry is.
pub(super) fn keys(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.look.theme;
    let columns = usize::from(area.width);
    if app.leaving {
        let words = (" press x once more to leave, any other key to stay".to_owned(), Role::Hot);
        return pieces(buffer, area, &[(String::new(), Role::Desktop), words], theme);
    }
    let mut line = vec![(" ".to_owned(), Role::Desktop)];
    if app.screen == Screen::Home {
        let words = match &app.dialog {
            Some(Dialog::Breakdowns(at)) => BREAKDOWNS.get(*at).map_or("", |entry| entry.words),
            _ if app.overview.picked.is_some() => "enter: the interface in detail, or who the host talks to",
            _ => ENTRIES.get(app.menu).map_or("", |entry| entry.words),
        };
        let words = fit(words, columns.saturating_sub(18));
        line.push((format!("{words:room$}", room = columns.saturating_sub(16)), Role::Desktop));
    }
    // Help and the way out are always there; the others as far as there is room.
    let (last, others): (Vec<&str>, Vec<&str>) = bindings(app.key_context())
        .map(|binding| binding.line)
        .filter(|line| !line.is_empty())
        .partition(|line| line.starts_with("? ") || line.starts_with("x "));
    let mut room = (columns + 1).saturating_sub(last.iter().map(|line| width(line) + 2).sum::<usize>());
    let others = others.into_iter().filter(|_| app.screen != Screen::Home).take_while(|line| {
        room = room.saturating_sub(width(line) + 2);
        room > 0
    });
    for part in others.chain(last) {
        let (key, words) = part.split_once(' ').unwrap_or((part, ""));
        line.extend([(key.to_owned(), Role::Hot), (format!(" {words}  "), Role::Desktop)]);
    }
    pieces(buffer, area, &line, theme);
}
