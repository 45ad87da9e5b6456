//! The settings of one sensor, and the configuration of the console: what may be changed, with what it is now.

use ratatui::buffer::Buffer;

use super::dialog::{dialog, foot, prompt};
use crate::app::App;
use crate::app::configure::{self, Configure, MENU};
use crate::app::layout::Areas;
use crate::app::sensor::{self, SensorDesk, line, port_lines};
use crate::facility::detail::Lines;
use crate::settings::{Field, standing};
use crate::text::clean;

/// Draws a sensor's settings; says where the terminal's own cursor stands.
pub(super) fn of_sensor(app: &App, desk: &SensorDesk, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    let found = app.sensor_states().iter().find(|sensor| sensor.name == desk.sensor);
    if let sensor::Open::Ports(_) | sensor::Open::Port(_) = desk.open {
        return ports(app, desk, buffer, areas);
    }
    let now = found.map(|sensor| &sensor.settings.settings);
    let mut lines: Lines = vec![(String::new(), format!("{:<24}{}", "wanted", "in force there"))];
    for (place, field) in Field::ALL.into_iter().enumerate() {
        let (title, wanted, now) = line(field, desk, now);
        let bar = if place == desk.selected { "›" } else { " " };
        lines.push((format!("{bar} {title}"), format!("{wanted:<24}{now}")));
    }
    lines.push((String::new(), String::new()));
    // Until the collector says so itself, a change that was just made is on its way.
    let state = found.and_then(|sensor| {
        if sensor.wanted.revision < desk.settings.revision {
            return Some(format!("waiting for {}", sensor.name));
        }
        standing(sensor).map(|(words, _)| words)
    });
    lines.push(("  State".to_owned(), state.unwrap_or_else(|| "never changed from here".to_owned())));
    if let Some(sensor) = found.filter(|sensor| !sensor.settings.trouble.is_empty()) {
        lines.push(("  Trouble".to_owned(), sensor.settings.trouble.clone()));
    }
    if let Some(said) = app.said() {
        lines.push(("  Last".to_owned(), said.to_owned()));
    }
    dialog(buffer, areas.body, &format!("Settings of {}", clean(&desk.sensor)), &lines, 0, theme);
    if let sensor::Open::Value(input) = &desk.open {
        let wrong = (!desk.wrong.is_empty()).then(|| (0, desk.wrong.clone()));
        return Some(prompt(buffer, areas, desk.field().name(), input, wrong, desk.field().words(), theme));
    }
    foot(buffer, areas, desk.field().words(), "↑↓ move  enter change  d as its file says  x close", theme);
    None
}

fn ports(app: &App, desk: &SensorDesk, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    let at = if let sensor::Open::Ports(at) = desk.open { at } else { usize::MAX };
    let ports = port_lines(desk);
    let lines: Lines = ports
        .into_iter()
        .enumerate()
        .map(|(place, words)| (if place == at { "›" } else { " " }.to_owned(), words))
        .collect();
    let empty = vec![(String::new(), "none: only ports below 1024 are services; a adds one".to_owned())];
    let page = usize::from(areas.body.height.saturating_sub(2)).max(1);
    let first = at.saturating_add(1).min(lines.len()).saturating_sub(page);
    let title = format!("Additional ports of {}", clean(&desk.sensor));
    dialog(buffer, areas.body, &title, if lines.is_empty() { &empty } else { &lines }, first, theme);
    if let sensor::Open::Port(input) = &desk.open {
        let wrong = (!desk.wrong.is_empty()).then(|| (0, desk.wrong.clone()));
        return Some(prompt(
            buffer,
            areas,
            "port",
            input,
            wrong,
            "a port such as 8080, or a range such as 9000-9100",
            theme,
        ));
    }
    foot(
        buffer,
        areas,
        "Ports and ranges that are services beside those below 1024",
        "↑↓ move  a add  d delete  x back",
        theme,
    );
    None
}

/// Draws the configuration; says where the terminal's own cursor stands.
pub(super) fn configuration(app: &App, open: &Configure, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    if let configure::Open::Descriptions(_) | configure::Open::NewMac(_) = open.open {
        return descriptions(app, open, buffer, areas);
    }
    let lines: Lines = MENU
        .iter()
        .enumerate()
        .map(|(place, (item, title, _))| {
            let (name, value) = configure::value(*item, app);
            let bar = if place == open.selected { "›" } else { " " };
            (format!("{bar} {title}"), if name.is_empty() { value } else { format!("{name:<21}{value:>12}") })
        })
        .collect();
    dialog(buffer, areas.body, "Configure", &lines, 0, theme);
    if let configure::Open::Value(input) = &open.open {
        let wrong = (!open.wrong.is_empty()).then(|| (0, open.wrong.clone()));
        let words = MENU[open.selected.min(MENU.len() - 1)].2;
        return Some(prompt(buffer, areas, "value", input, wrong, words, theme));
    }
    let words = if open.wrong.is_empty() { MENU[open.selected.min(MENU.len() - 1)].2 } else { &open.wrong };
    foot(buffer, areas, words, "↑↓ move  enter execute  x exit; kept at once in console.toml", theme);
    None
}

fn descriptions(app: &App, open: &Configure, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    let at = if let configure::Open::Descriptions(at) = open.open { at } else { usize::MAX };
    let lines: Lines = app
        .names
        .descriptions
        .own()
        .enumerate()
        .map(|(place, (mac, words))| (format!("{} {mac}", if place == at { "›" } else { " " }), words.to_owned()))
        .collect();
    let empty = vec![(String::new(), "none yet: a adds one".to_owned())];
    let page = usize::from(areas.body.height.saturating_sub(2)).max(1);
    let first = at.saturating_add(1).min(lines.len()).saturating_sub(page);
    dialog(buffer, areas.body, "Host descriptions", if lines.is_empty() { &empty } else { &lines }, first, theme);
    if let configure::Open::NewMac(input) = &open.open {
        let wrong = (!open.wrong.is_empty()).then(|| (0, open.wrong.clone()));
        return Some(prompt(
            buffer,
            areas,
            "MAC",
            input,
            wrong,
            "of the machine to describe: 00:0c:29:b9:94:62",
            theme,
        ));
    }
    foot(
        buffer,
        areas,
        "Kept in traf/ethers beside console.toml; /etc/ethers is read too",
        "↑↓ move  a add  enter edit  d delete  x back",
        theme,
    );
    None
}
