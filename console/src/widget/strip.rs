//! Time itself: how much was going on, where nobody looked, and where we are.

use std::ops::Range;

use traf_model::{Gap, Interval, Strip, Timestamp};

const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The strip in `columns` characters. Live it ends at the right; a window of the past is marked by a cursor. A gap of the
/// strip is one in which nobody reported; `gaps` are those of single observation points.
pub fn strip(strip: &Strip, gaps: &[Gap], window: Option<Interval>, columns: usize) -> String {
    let steps = strip.octets.len();
    if steps == 0 || columns == 0 {
        return " ".repeat(columns);
    }
    // Live: the newest steps, one to a column. Past: all of them, so that the window is somewhere among them.
    let (first, shown) = match window {
        None => (steps.saturating_sub(columns), steps.min(columns)),
        Some(_) => (0, steps),
    };
    let width = shown.min(columns);
    let bucket =
        |column: usize| first + column * shown / width..first + ((column + 1) * shown).div_ceil(width).min(shown);
    let peak = |column| strip.octets.get(bucket(column)).and_then(|octets| octets.iter().max()).copied().unwrap_or(0);
    let top = (0..width).map(peak).max().unwrap_or(0).max(1);
    let cursor = window.and_then(|window| column_of(strip, middle(window), width));
    let draw = |column| {
        let steps = bucket(column);
        if cursor == Some(column) {
            return '│';
        }
        let nobody = strip.gaps.iter().any(|gap| steps.contains(&(*gap as usize)));
        if nobody || gaps.iter().any(|gap| meets(strip, &steps, gap.interval)) {
            return '×';
        }
        BARS[(u128::from(peak(column)) * 8).div_ceil(u128::from(top)).min(8) as usize]
    };
    std::iter::repeat_n(' ', columns - width).chain((0..width).map(draw)).collect()
}

/// True if steps of the strip lie in an interval.
fn meets(strip: &Strip, steps: &Range<usize>, interval: Interval) -> bool {
    let at = |step: usize| strip.from.0.saturating_add(strip.step.saturating_mul(step as i64));
    at(steps.start) < interval.to.0 && interval.from.0 < at(steps.end)
}

fn middle(window: Interval) -> Timestamp {
    Timestamp(window.from.0 + window.nanos() / 2)
}

fn column_of(strip: &Strip, at: Timestamp, width: usize) -> Option<usize> {
    let into = usize::try_from(at.since(strip.from)).ok()?;
    let step = usize::try_from(strip.step).ok().filter(|step| *step > 0)?;
    let column = (into / step).checked_mul(width)? / strip.octets.len().max(1);
    (column < width).then_some(column)
}

#[cfg(test)]
mod tests {
    use traf_model::time::SECOND;

    use super::*;

    fn seconds(octets: &[u64], gaps: &[u32]) -> Strip {
        Strip { from: Timestamp(0), step: SECOND, octets: octets.to_vec(), gaps: gaps.to_vec() }
    }

    #[test]
    fn live_it_ends_at_the_right_and_a_gap_is_no_silence() {
        assert_eq!(strip(&seconds(&[0, 1, 4, 8, 0], &[4]), &[], None, 8), "    ▁▄█×");
        assert_eq!(strip(&seconds(&[9, 9, 1, 8], &[]), &[], None, 2), "▁█");
        assert_eq!(strip(&Strip::default(), &[], None, 3), "   ");
    }

    #[test]
    fn a_gap_of_one_observation_point_is_marked_where_others_saw_traffic() {
        let interval = Interval::new(Timestamp(SECOND), Timestamp(3 * SECOND));
        let gap = Gap { interval, point: traf_model::Point::new("nas", "eth0") };
        assert_eq!(strip(&seconds(&[8, 8, 8, 8], &[]), &[gap], None, 4), "█××█");
    }

    #[test]
    fn a_window_of_the_past_has_the_cursor() {
        let window = Interval::new(Timestamp(2 * SECOND), Timestamp(3 * SECOND));
        assert_eq!(strip(&seconds(&[1, 1, 1, 1], &[]), &[], Some(window), 4), "██│█");
        assert_eq!(strip(&seconds(&[1; 100], &[]), &[], Some(window), 10), "│█████████");
        let gone = Interval::new(Timestamp(-9 * SECOND), Timestamp(-8 * SECOND));
        assert_eq!(strip(&seconds(&[1, 2], &[]), &[], Some(gone), 2), "▄█");
    }
}
