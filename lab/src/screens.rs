//! Every screen of the console as it stands in a real terminal, for `docs/screens.md`: the demo's LAN, live and past, at
//! three sizes.

use std::fmt::Write;
use std::panic::resume_unwind;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::demo::Demo;
use crate::terminal::Terminal;
use crate::wait::Deadline;

/// A screen, with the keys that lead to it from the first one.
struct Screen {
    title: &'static str,
    keys: &'static [&'static str],
    /// A text on it once its rows are there.
    shows: &'static str,
    /// Keys that need them.
    then: &'static [&'static str],
    /// True if it has a past.
    timed: bool,
}

const fn screen(title: &'static str, keys: &'static [&'static str], shows: &'static str) -> Screen {
    Screen { title, keys, shows, then: &[], timed: true }
}

const SCREENS: [Screen; 21] = [
    screen("Main menu and overview", &[], "bit/s"),
    screen("IP traffic monitor", &["i"], ":9000"),
    screen("IP traffic monitor: sizes and windows, every packet below", &["i", "m", "m", "u"], ":9000"),
    screen("IP traffic monitor, grouped by pair", &["i", "g", "i"], "10.77.1.1 → "),
    Screen { timed: false, then: &["Enter"], ..screen("IP traffic monitor: details", &["i"], ":9000") },
    screen("General interface statistics", &["g"], "anna/eth0"),
    screen("Detailed interface statistics", &["d", "Down", "Enter"], "Multicast:"),
    screen("Detailed interface statistics: rates", &["d", "Down", "Enter", "m"], "Multicast:"),
    screen("Packet sizes", &["b", "s", "Down", "Enter"], "MTU is"),
    screen("TCP and UDP services", &["b", "p"], "TCP/80"),
    screen("VLANs", &["b", "v"], "untagged"),
    screen("DSCP classes", &["b", "d"], "CS0"),
    screen("IP protocols", &["b", "i"], "udp"),
    screen("LAN station monitor", &["l"], "02:54:01:00:00:01"),
    Screen { timed: false, then: &["Enter"], ..screen("LAN station monitor: details", &["l"], "02:54:01:00:00:01") },
    screen("Hosts", &["o"], "10.77.1.1"),
    Screen { timed: false, ..screen("Sensors", &["e"], "reporting") },
    Screen { timed: false, then: &["c"], ..screen("Sensors: settings of one", &["e"], "reporting") },
    Screen { timed: false, ..screen("Filters", &["f"], "Filters") },
    Screen { timed: false, ..screen("Configure", &["c"], "Configure") },
    Screen { timed: false, ..screen("Help", &["i", "?"], "keys") },
];

/// Columns and rows.
const SIZES: [(u16, u16); 3] = [(80, 24), (132, 40), (200, 60)];

/// Blank rows of a table that are shown one by one; more of them become one line that says how many there were.
const BLANK: usize = 3;

/// Time until the slices of the past are stored.
const SETTLED: Duration = Duration::from_secs(45);

/// All screens, as one document.
pub fn document() -> Result<String> {
    let demo = &Demo::new()?;
    eprintln!("lab: waiting until there is a past");
    std::thread::sleep(SETTLED);
    let lan = &demo.lan.lan;
    let open = |(columns, rows)| Terminal::open(&lan.tower, &lan.folder, columns, rows);
    let terminals = SIZES.into_iter().map(open).collect::<Result<Vec<_>>>()?;
    // The terminals work at the same time.
    let pages = std::thread::scope(|scope| {
        let threads: Vec<_> =
            terminals.iter().zip(SIZES).map(|(at, size)| scope.spawn(move || pages(demo, at, size))).collect();
        let join = |thread: ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    let mut out = String::from(HEAD);
    for (number, screen) in SCREENS.iter().enumerate() {
        write!(out, "\n## {}\n{}", screen.title, pages.iter().map(|pages| &*pages[number]).collect::<String>())?;
    }
    Ok(out)
}

/// All screens at one size.
fn pages(demo: &Demo, terminal: &Terminal, (columns, rows): (u16, u16)) -> Result<Vec<String>> {
    let page = |screen: &Screen| {
        let texts = take(demo, screen, terminal).with_context(|| format!("{} at {columns}×{rows}", screen.title))?;
        eprintln!("lab: {} at {columns}×{rows}", screen.title);
        let block =
            |(when, text): (_, String)| format!("\n{columns}×{rows}, {when}:\n\n```text\n{}```\n", folded(&text));
        Ok(texts.into_iter().map(block).collect())
    };
    SCREENS.iter().map(page).collect()
}

const HEAD: &str = "\
# Screens

Every screen of `traf` as it stood in a real terminal (tmux), over the five sensors of the lab's demo. Rows that hold
nothing but the frame are left out where there are more than three of them. Made by `cargo run -p traf-lab -- screens >
docs/screens.md`; colours are not shown.
";

/// A screen, live and, where it has one, past.
fn take(demo: &Demo, wanted: &Screen, terminal: &Terminal) -> Result<Vec<(&'static str, String)>> {
    terminal.line(&format!("clear; {}", demo.lan.console.line()?))?;
    terminal.wait_for("the first screen", Deadline::seconds(20), |screen| screen.contains("5 of 5 reporting"))?;
    for key in wanted.keys {
        terminal.key(key)?;
        settle();
    }
    let shows = |screen: &str| screen.contains(wanted.shows) && !screen.contains("asking");
    terminal.wait_for(wanted.title, Deadline::seconds(20), shows)?;
    for key in wanted.then {
        terminal.key(key)?;
    }
    settle();
    let mut taken = vec![("live", terminal.screen()?)];
    if wanted.timed {
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

/// Waits for rates, which need some seconds.
fn settle() {
    std::thread::sleep(Duration::from_millis(1_500));
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
