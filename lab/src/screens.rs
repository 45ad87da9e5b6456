//! Every screen of the console as it stands in a real terminal, for `docs/screens.md`: the demo's LAN, live and past, at
//! three sizes.

use std::fmt::Write;
use std::panic::resume_unwind;
use std::thread::ScopedJoinHandle;

use anyhow::{Context, Result};

use crate::demo::Demo;
use crate::terminal::Terminal;
use crate::wait::Deadline;

/// A screen, and the keys that lead to it from the first one.
struct Picture {
    title: &'static str,
    keys: &'static [&'static str],
    /// What it says when its rows are there.
    shows: &'static str,
    /// Keys that need them.
    then: &'static [&'static str],
    /// It has a past.
    timed: bool,
}

const fn picture(title: &'static str, keys: &'static [&'static str], shows: &'static str) -> Picture {
    Picture { title, keys, shows, then: &[], timed: true }
}

const PICTURES: [Picture; 18] = [
    picture("Main menu and overview", &[], "bit/s"),
    picture("IP traffic monitor", &["i"], ":9000"),
    picture("IP traffic monitor: sizes and windows, every packet below", &["i", "m", "m", "u"], ":9000"),
    picture("IP traffic monitor, grouped by pair", &["i", "g", "i"], "10.77.1.1 → "),
    Picture { timed: false, then: &["Enter"], ..picture("IP traffic monitor: details", &["i"], ":9000") },
    picture("General interface statistics", &["g"], "anna/eth0"),
    picture("Detailed interface statistics", &["d", "Down", "Enter"], "Multicast:"),
    picture("Detailed interface statistics: rates", &["d", "Down", "Enter", "m"], "Multicast:"),
    picture("Packet sizes", &["b", "s", "Down", "Enter"], "MTU is"),
    picture("TCP and UDP services", &["b", "p"], "TCP/80"),
    picture("LAN station monitor", &["l"], "02:54:01:00:00:01"),
    Picture { timed: false, then: &["Enter"], ..picture("LAN station monitor: details", &["l"], "02:54:01:00:00:01") },
    picture("Hosts", &["o"], "10.77.1.1"),
    Picture { timed: false, ..picture("Sensors", &["e"], "reporting") },
    Picture { timed: false, then: &["c"], ..picture("Sensors: settings of one", &["e"], "reporting") },
    Picture { timed: false, ..picture("Filters", &["f"], "Filters") },
    Picture { timed: false, ..picture("Configure", &["c"], "Configure") },
    Picture { timed: false, ..picture("Help", &["i", "?"], "keys") },
];

/// Columns and rows.
const SIZES: [(u16, u16); 3] = [(80, 24), (132, 40), (200, 60)];

/// Blank rows of a table that are shown one by one; more of them become one line that says how many there were.
const BLANK: usize = 3;

/// Time for the slices that the past is made of to be stored.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(45);

/// All pictures, as one document.
///
/// # Errors
/// When the lab does not stand, or a screen does not show what it should.
pub fn document() -> Result<String> {
    let demo = Demo::new()?;
    eprintln!("lab: waiting until there is a past");
    std::thread::sleep(SETTLED);
    let open = |(columns, rows)| Terminal::open(&demo.lan.tower, &demo.lan.folder, columns, rows);
    let terminals = SIZES.into_iter().map(open).collect::<Result<Vec<_>>>()?;
    // One person before each terminal.
    let demo = &demo;
    let albums = std::thread::scope(|scope| {
        let people: Vec<_> =
            terminals.iter().zip(SIZES).map(|(at, size)| scope.spawn(move || screens(demo, at, size))).collect();
        let screens = |person: ScopedJoinHandle<'_, _>| person.join().unwrap_or_else(|panic| resume_unwind(panic));
        people.into_iter().map(screens).collect::<Result<Vec<_>>>()
    })?;
    let mut out = String::from(HEAD);
    for (place, picture) in PICTURES.iter().enumerate() {
        write!(out, "\n## {}\n{}", picture.title, albums.iter().map(|screens| &*screens[place]).collect::<String>())?;
    }
    Ok(out)
}

/// All pictures at one size.
fn screens(demo: &Demo, terminal: &Terminal, (columns, rows): (u16, u16)) -> Result<Vec<String>> {
    let page = |picture: &Picture| {
        let screens =
            take(demo, picture, terminal).with_context(|| format!("{} at {columns}×{rows}", picture.title))?;
        eprintln!("lab: {} at {columns}×{rows}", picture.title);
        let text =
            |(when, screen): (_, String)| format!("\n{columns}×{rows}, {when}:\n\n```text\n{}```\n", folded(&screen));
        Ok(screens.into_iter().map(text).collect())
    };
    PICTURES.iter().map(page).collect()
}

const HEAD: &str = "\
# Screens

Every screen of `traf` as it stood in a real terminal (tmux), over the five sensors of the lab's demo. Rows that hold
nothing but the frame are left out where there are more than three of them. Made by `cargo run -p traf-lab -- screens >
docs/screens.md`; colours are not shown.
";

/// A screen, live and, where it has one, past.
fn take(demo: &Demo, picture: &Picture, terminal: &Terminal) -> Result<Vec<(&'static str, String)>> {
    terminal.line(&format!("clear; {}", demo.console.line()?))?;
    terminal.wait_for("the first screen", Deadline::seconds(20), |screen| screen.contains("5 of 5 reporting"))?;
    for key in picture.keys {
        terminal.key(key)?;
        settle();
    }
    let shows = |screen: &str| screen.contains(picture.shows) && !screen.contains("asking");
    terminal.wait_for(picture.title, Deadline::seconds(20), shows)?;
    for key in picture.then {
        terminal.key(key)?;
    }
    settle();
    let mut taken = vec![("live", terminal.screen()?)];
    if picture.timed {
        terminal.key("[")?;
        terminal.key("[")?;
        terminal.wait_for("the past", Deadline::seconds(20), |screen| shows(screen) && screen.contains("+10 s"))?;
        settle();
        taken.push(("past", terminal.screen()?));
    }
    terminal.key("C-c")?;
    terminal.wait_for("the shell", Deadline::seconds(10), |screen| screen.trim_end().ends_with('$'))?;
    Ok(taken)
}

/// A person looks for longer: rates are there after some seconds.
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(1_500));
}

fn folded(screen: &str) -> String {
    let blank = |line: &str| line.starts_with('│') && line.chars().all(|c| c == '│' || c == ' ');
    let (mut out, mut blanks) = (String::new(), Vec::new());
    for line in screen.lines().chain([""]) {
        if blank(line) {
            blanks.push(line);
            continue;
        }
        if blanks.len() > BLANK {
            out.push_str(&format!("│ … {} empty rows\n", blanks.len()));
        } else {
            blanks.iter().for_each(|line| out.push_str(&format!("{line}\n")));
        }
        blanks.clear();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    format!("{}\n", out.trim_end())
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn a_few_blank_rows_stay_and_many_become_one_line() {
        let screen = format!("head\n┌─┐\n│a│\n{}└─┘\n", "│ │\n".repeat(5));
        assert_eq!(folded(&screen), "head\n┌─┐\n│a│\n│ … 5 empty rows\n└─┘\n");
        assert_eq!(folded("│ │\n│a│\n\n\n"), "│ │\n│a│\n");
    }
}
