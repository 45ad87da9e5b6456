//! Live, paused, or a moment of the past: which time the screens show.

use traf_model::time::SECOND;
use traf_model::{Interval, Timestamp, Window};

/// Times that the screens show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Now.
    #[default]
    Live,
    /// The state of this moment; nothing moves.
    Paused(Timestamp),
    /// The window that ends here.
    Past {
        /// First moment after the window.
        to: Timestamp,
        /// Goes on by itself, a window a second.
        playing: bool,
    },
}

/// Position in time, and width of a window of the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeBar {
    /// The time that is shown.
    pub when: When,
    zoom: usize,
}

/// Widths of a window: seconds, and how they are said.
const WIDTHS: [(i64, &str); 7] =
    [(10, "10 s"), (60, "1 min"), (300, "5 min"), (600, "10 min"), (3_600, "1 h"), (21_600, "6 h"), (86_400, "1 day")];

/// The shortest window: one slice.
const SLICE: i64 = WIDTHS[0].0 * SECOND;

/// A slice is stored this long after its end: the newest window of the past is one that is complete.
const SETTLED: i64 = 3 * SECOND;

impl TimeBar {
    /// Nanoseconds of a window.
    pub const fn width(&self) -> i64 {
        WIDTHS[self.zoom].0 * SECOND
    }

    /// The same, as it is said.
    pub const fn width_words(&self) -> &'static str {
        WIDTHS[self.zoom].1
    }

    /// The window of a query.
    pub fn window(&self) -> Window {
        self.interval().map_or(Window::Live, Window::Past)
    }

    /// The window of the past that is shown.
    pub fn interval(&self) -> Option<Interval> {
        match self.when {
            When::Past { to, .. } => Some(Interval::new(Timestamp(to.0.saturating_sub(self.width())), to)),
            When::Live | When::Paused(_) => None,
        }
    }

    /// By so many windows; past the newest window lies now.
    pub fn step(&mut self, windows: i64, now: Timestamp) {
        let from = match self.when {
            When::Live if windows > 0 => return,
            When::Live => after(newest(now), self.width()),
            When::Paused(at) => after(newest(at), self.width()),
            When::Past { to, .. } => to,
        };
        self.go(after(from, windows.saturating_mul(self.width())), now);
    }

    /// To the window that holds `at`.
    pub fn jump(&mut self, at: Timestamp, now: Timestamp) {
        self.go(after(at.floor(self.width().min(SLICE)), self.width()), now);
    }

    /// Pauses what runs, plays what stands.
    pub fn pause(&mut self, now: Timestamp) {
        self.when = match self.when {
            When::Live => When::Paused(now),
            When::Paused(_) => When::Live,
            When::Past { to, playing } => When::Past { to, playing: !playing },
        };
    }

    /// Back to now.
    pub fn live(&mut self) {
        self.when = When::Live;
    }

    /// A second went by.
    pub fn tick(&mut self, now: Timestamp) {
        if let When::Past { to, playing: true } = self.when {
            let next = after(to, self.width());
            self.when = if next > newest(now) { When::Live } else { When::Past { to: next, playing: true } };
        }
    }

    /// Shorter (negative) or longer windows; a window that is shown keeps its end.
    pub fn zoom(&mut self, steps: isize) {
        self.zoom = self.zoom.saturating_add_signed(steps).min(WIDTHS.len() - 1);
    }

    fn go(&mut self, to: Timestamp, now: Timestamp) {
        let playing = matches!(self.when, When::Past { playing: true, .. });
        self.when = if to > newest(now) { When::Live } else { When::Past { to: to.max(Timestamp(0)), playing } };
    }
}

fn newest(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(SETTLED)).floor(SLICE)
}

fn after(at: Timestamp, nanos: i64) -> Timestamp {
    Timestamp(at.0.saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_007 * SECOND);

    fn ends(bar: &TimeBar) -> Option<(i64, i64)> {
        bar.interval().map(|window| (window.from.seconds(), window.to.seconds()))
    }

    #[test]
    fn one_step_back_is_the_newest_whole_window() {
        let mut bar = TimeBar::default();
        bar.step(-1, NOW);
        assert_eq!(ends(&bar), Some((999_990, 1_000_000)));
        bar.step(-1, NOW);
        assert_eq!(ends(&bar), Some((999_980, 999_990)));
        bar.step(1, NOW);
        bar.step(1, NOW);
        assert_eq!(bar.when, When::Live);
        bar.step(1, NOW);
        assert_eq!(bar.when, When::Live);
    }

    #[test]
    fn a_jump_shows_the_slice_that_holds_the_moment() {
        let mut bar = TimeBar::default();
        bar.jump(Timestamp(999_955 * SECOND), NOW);
        assert_eq!(ends(&bar), Some((999_950, 999_960)));
        bar.jump(NOW, NOW);
        assert_eq!(bar.when, When::Live, "now is no past");
    }

    #[test]
    fn playing_ends_at_now() {
        let mut bar = TimeBar::default();
        bar.step(-2, NOW);
        bar.pause(NOW);
        bar.tick(NOW);
        assert_eq!(bar.when, When::Past { to: Timestamp(1_000_000 * SECOND), playing: true });
        bar.tick(NOW);
        assert_eq!(bar.when, When::Live);
    }

    #[test]
    fn a_pause_of_live_is_undone_by_the_same_key() {
        let mut bar = TimeBar::default();
        bar.pause(NOW);
        assert_eq!((bar.when, bar.window()), (When::Paused(NOW), Window::Live));
        bar.pause(NOW);
        assert_eq!(bar.when, When::Live);
    }

    #[test]
    fn zooming_keeps_the_end_of_the_window() {
        let mut bar = TimeBar::default();
        bar.step(-1, NOW);
        bar.zoom(1);
        assert_eq!(ends(&bar), Some((999_940, 1_000_000)));
        bar.zoom(-9);
        assert_eq!(ends(&bar), Some((999_990, 1_000_000)));
        bar.zoom(99);
        assert_eq!(bar.width_words(), "1 day");
    }
}
