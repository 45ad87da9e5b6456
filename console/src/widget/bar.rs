//! Bars: a value against the largest, in eighths of a character.

/// A bar of `value` where `top` would take all `columns`. What is there is always seen.
pub fn bar(value: u64, top: u64, columns: u16) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(columns) * 8;
    let filled = (u128::from(value) * eighths / u128::from(top.max(1))).clamp(u128::from(value > 0), eighths) as usize;
    format!("{}{}", "█".repeat(filled / 8), PARTS[filled % 8])
}

/// Share of the whole, in hundredths.
pub fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(whole.max(1))).min(100) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_for_the_largest_and_shows_the_smallest() {
        assert_eq!([0, 1, 500, 1_000, 9_999].map(|value| bar(value, 1_000, 3)), ["", "▏", "█▌", "███", "███"]);
        assert_eq!(bar(u64::MAX, u64::MAX, 2), "██");
        assert_eq!((percent(1, 3), percent(5, 0), percent(u64::MAX, 1)), (33, 100, 100));
    }
}
