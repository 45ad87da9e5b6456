//! The list of all bindings.

use super::{Binding, Command, KeyContext as In};

const fn row(context: In, keys: &'static [&'static str], command: Command, line: &'static str) -> Binding {
    Binding { keys, command, context, line, words: "" }
}

impl Binding {
    const fn help(self, words: &'static str) -> Self {
        Self { words, ..self }
    }
}

/// Every key there is outside of prompts and dialogs. The first that matches counts.
pub(super) static BINDINGS: [Binding; 42] = [
    row(In::MOVING, &["↑"], Command::Up, "↑↓ move").help("one row up"),
    row(In::MOVING, &["↓"], Command::Down, "").help("one row down"),
    row(In::SENSORS, &["c"], Command::Settings, "c settings")
        .help("settings of the highlighted sensor: promiscuous, ports, capture filter, log, timers"),
    row(In::MACS, &["d"], Command::Describe, "d describe")
        .help("what you call the machine behind the highlighted address"),
    row(In::HOME, &["enter"], Command::Enter, "enter open").help("open the highlighted entry"),
    row(In::SORTED, &["s"], Command::Sort, "s sort").help("choose the order of the rows, and whether it is kept"),
    row(In::MONITOR, &["F", "c"], Command::Flush, "")
        .help("connections that are closed, reset or timed out leave the screen"),
    row(In::FACILITIES, &["f"], Command::Filter, "f filter").help("choose which traffic to show, in tcpdump's words"),
    row(In::MONITOR, &["g"], Command::Group, "g group")
        .help("a row for each flow, address, port, pair of addresses, or sensor"),
    row(In::LOWER, &["←"], Command::Shift(-1), "←→ shift").help("text back, where lines are longer than the screen"),
    row(In::LOWER, &["→"], Command::Shift(1), "").help("text on"),
    row(In::TIMED.without(In::LOWER), &["←", "["], Command::Time(-1), "←→ time").help("into the past, one window"),
    row(In::TIMED.without(In::LOWER), &["→", "]"], Command::Time(1), "").help("towards now, one window"),
    row(In::LOWER, &["["], Command::Time(-1), "[] time").help("into the past, one window"),
    row(In::LOWER, &["]"], Command::Time(1), "").help("towards now, one window"),
    row(In::MONITOR.and(In::SENSORS).and(In::HOME), &["w", "tab"], Command::Pane, "w pane")
        .help("the keys go to the other pane"),
    row(In::MONITOR, &["u"], Command::Others, "u udp")
        .help("lower pane: UDP as flows and all else packet by packet, all packet by packet, or all as flows"),
    row(In::TRAFFIC.and(In::INTERFACES).and(In::DETAILED), &["M"], Command::Columns, "M columns")
        .help("other columns: counts, addresses, sizes, directions, rates"),
    row(In::LOWER, &["M"], Command::Columns, "M mac").help("packets name their source MAC, or no longer"),
    row(In::DETAILED.and(In::CHART), &["i"], Command::Interface, "i interface").help("choose another interface"),
    row(In::MACS, &["a"], Command::Groups, "a groups")
        .help("hide broadcast and multicast addresses, or show them again"),
    row(In::ALL, &["v"], Command::Scope, "v scope").help("choose what to look at: all sensors, one, one interface"),
    row(In::TIMED, &["T"], Command::Moment, "").help("go to a moment: -2h, 14:00, yesterday 14:00"),
    row(In::LISTS.and(In::SENSORS), &["enter"], Command::Enter, "enter details")
        .help("all that is known of the highlighted row; of a group: its flows"),
    row(In::LISTS, &["z"], Command::Freeze, "z freeze")
        .help("rows keep their places while their numbers go on; once more lets them move"),
    row(In::TIMED, &["shift ←", "{"], Command::Time(-10), "").help("into the past, ten windows"),
    row(In::TIMED, &["shift →", "}"], Command::Time(10), "").help("towards now, ten windows"),
    row(In::TIMED, &["p"], Command::Pause, "p pause").help("pause; in the past, play window by window"),
    row(In::TIMED, &["n"], Command::Live, "").help("back to live"),
    row(In::TIMED, &[">", "+"], Command::Zoom(-1), "").help("shorter windows of the past"),
    row(In::TIMED, &["<"], Command::Zoom(1), "").help("longer windows of the past"),
    row(In::LISTS.and(In::SENSORS), &["pgup", "-"], Command::PageUp, "").help("a screenful up"),
    row(In::LISTS.and(In::SENSORS), &["pgdn", "space"], Command::PageDown, "").help("a screenful down"),
    row(In::MOVING, &["home"], Command::Home, "").help("the first row"),
    row(In::ALL, &["end"], Command::End, "").help("the last row; from the past: back to live"),
    row(In::FACILITIES, &["b"], Command::Units, "").help("rates in bits or in bytes a second"),
    row(In::TIMED, &["!"], Command::Missing, "").help("what is missing from these numbers, and why"),
    row(In::ALL, &["?"], Command::Help, "? help").help("this page"),
    row(In::ALL, &["ctrl-l"], Command::Redraw, "").help("draw the screen again"),
    row(In::TABLES, &["L"], Command::Redraw, "").help("draw the screen again"),
    row(In::ALL, &["x"], Command::Back, "x exit")
        .help("one step back; from the main menu twice to leave (q and esc too)"),
    row(In::ALL, &["ctrl-c"], Command::Quit, "").help("leave at once"),
];
