//! Cost of a frame and of a key with as many rows as a report may have.
//!
//! `cargo bench -p traf-console --bench frame`. The budgets: 10 ms a frame, 50 ms a key (`tests/speed.rs` holds to them).

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/driver/mod.rs"]
mod driver;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use driver::{Console, HUGE, SMALL, many};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use traf_console::screen;

const SCREENS: [(&str, &str); 5] =
    [("traffic", "i"), ("services", "bp"), ("stations", "l"), ("hosts", "o"), ("groups", "igp")];

fn frames(criterion: &mut Criterion) {
    for (size, label) in [(SMALL, "80x24"), (HUGE, "200x60")] {
        let mut group = criterion.benchmark_group(format!("frame {label}"));
        for (name, keys) in SCREENS {
            let console = Console::with(size, many).keys(keys);
            let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    terminal.draw(|frame| screen::draw(black_box(&console.app), frame)).unwrap();
                });
            });
        }
        group.finish();
    }
}

/// A key, and all answers anew.
fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key and answers");
    for (name, keys) in SCREENS {
        let mut console = Some(Console::with(HUGE, many).keys(keys).keys("z<end>"));
        group.bench_function(name, |bencher| {
            bencher.iter(|| console = console.take().map(|console| console.keys("<up>")));
        });
    }
    group.finish();
}

criterion_group!(benches, frames, keys);
criterion_main!(benches);
