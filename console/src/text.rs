//! Text that others wrote, made fit for a terminal: no control byte gets through, and it fits its place.

use std::borrow::Cow;

use ratatui::text::Span;
pub use traf_model::text::{clean, clean_lines, is_unsafe};
use unicode_truncate::UnicodeTruncateStr;

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The beginning of `text` that fits into `columns`, with `…` where something is missing.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    shortened(text, columns, |_| 0)
}

/// Both ends of `text`, `…` for what is missing between: an address keeps its port.
pub fn fit_middle(text: &str, columns: usize) -> Cow<'_, str> {
    shortened(text, columns, |room| room.div_ceil(2))
}

/// `text` in `columns`; `tail` says how many of those beside the `…` are of its end.
fn shortened(text: &str, columns: usize, tail: fn(usize) -> usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let (tail, taken) = text.unicode_truncate_start(tail(room));
    Cow::Owned(format!("{}…{tail}", text.unicode_truncate(room - taken).0))
}

/// `text` in lines of at most `columns`, broken between words, the later lines set in.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for (place, word) in text.split(' ').enumerate() {
        if !line.trim().is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        if place > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.into_iter().map(|line| fit(&line, columns).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "  three"]);
        assert_eq!(wrap("unbreakable x", 5), ["unbr…", "  x"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn what_does_not_fit_shows_that_something_is_missing() {
        assert_eq!(fit("10.0.0.3", 8), "10.0.0.3");
        assert_eq!(fit("10.0.0.3", 5), "10.0…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit_middle("[2001:db8::1234:5678]:443", 15), "[2001:d…78]:443");
        assert_eq!(fit_middle("漢字漢字", 6), "漢…字");
        assert_eq!((fit("abc", 0), fit_middle("abc", 0)), ("".into(), "".into()));
    }
}
