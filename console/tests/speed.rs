//! CPU time of a frame and of a key, with as many rows as a report may have.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod driver;

use std::time::Duration;

use driver::{Console, HUGE, many};
use nix::time::{ClockId, clock_gettime};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use traf_console::screen;

/// The budgets are those of a release; without optimisation everything takes some ten times as long.
const SLACK: u32 = if cfg!(debug_assertions) { 10 } else { 1 };

/// CPU time of this thread since it began.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// The fastest of many, in CPU time: other programs on the machine are not what is measured. It ends when the budget is met.
fn fastest(budget: Duration, mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let began = cpu_time();
        work();
        best = best.min(cpu_time() - began);
        if best < budget {
            break;
        }
    }
    best
}

#[test]
fn a_thousand_rows_are_drawn_in_ten_milliseconds() {
    let budget = Duration::from_millis(10) * SLACK;
    for keys in ["i", "bp", "l", "o", "igp"] {
        let console = Console::with(HUGE, many).keys(keys);
        let mut terminal = Terminal::new(TestBackend::new(HUGE.0, HUGE.1)).unwrap();
        let frame = fastest(budget, || {
            terminal.draw(|frame| screen::draw(&console.app, frame)).unwrap();
        });
        println!("{keys}: a frame of 1,000 rows: {frame:?}");
        assert!(frame < budget, "{keys}: {frame:?}");
    }
}

#[test]
fn a_key_and_an_answer_are_taken_in_fifty_milliseconds() {
    let budget = Duration::from_millis(50) * SLACK;
    for keys in ["i", "bp", "l", "o", "igp"] {
        // Frozen rows are the most work: each is looked for where it was.
        let mut console = Some(Console::with(HUGE, many).keys(keys).keys("z<end>"));
        for key in ["<down>", "<pgup>", "<home>", "<end>", "m", "z"] {
            let taken = fastest(budget, || {
                // With the answers to all questions, as many again.
                console = console.take().map(|console| console.keys(key));
            });
            println!("{keys} {key}: {taken:?}");
            assert!(taken < budget, "{keys} {key}: {taken:?}");
        }
    }
}
