//! Drawing: a frame is a function of the application's state. Nothing here remembers or decides.

mod bar;
mod counted;
mod detailed;
mod home;
mod sensors;
mod tables;
mod traffic;
mod words;

use ratatui::Frame;
use ratatui::layout::Rect;
use traf_model::Group;

use crate::app::{App, Link, Screen, dialog};
use crate::theme::Role;
use crate::widget::layout::areas;

/// The smallest terminal that makes sense.
const LEAST: (u16, u16) = (40, 10);

/// Draws everything.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let theme = app.look.theme;
    if area.width < LEAST.0 || area.height < LEAST.1 {
        buffer.set_string(0, 0, "Trafalgar needs 40×10", theme.style(Role::Text));
        return;
    }
    let areas = areas((area.width, area.height), !app.notes().is_empty());
    match app.screen {
        Screen::Home => home::draw(app, buffer, areas.body),
        Screen::Traffic if app.traffic.group != Group::Flow => tables::groups(app, buffer, areas.body),
        Screen::Traffic => traffic::draw(app, buffer, areas.body),
        Screen::Interfaces => tables::interfaces(app, buffer, areas.body),
        Screen::Detailed => detailed::draw(app, buffer, areas.body),
        Screen::Counted(view) => counted::draw(app, view, buffer, areas.body),
        Screen::Sensors => sensors::draw(app, buffer, areas.body),
    }
    if matches!(app.link, Link::Away(..)) {
        buffer.set_style(Rect { height: areas.body.height, ..areas.body }, theme.style(Role::Away));
    }
    bar::head(app, buffer, areas.head);
    bar::notes(app, buffer, areas.notes);
    bar::strip(app, buffer, areas.strip);
    bar::keys(app, buffer, areas.keys);
    let cursor = dialog::draw(app, buffer, areas);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}
