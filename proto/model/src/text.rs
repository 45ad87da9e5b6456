//! Text that others wrote, made fit for a terminal: no control byte gets through.

use std::borrow::Cow;

/// Characters that would move the cursor, change colours, turn the direction of writing or hide: none of them is printed.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with every unsafe character written as `\u{1b}`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if is_unsafe(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// [`clean`], but line breaks stay: for messages of several lines.
pub fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_byte_gets_through() {
        assert_eq!(clean("eth0"), "eth0");
        assert_eq!(clean("a\x1b[2J\r\nb\u{9b}c\u{202e}"), "a\\u{1b}[2J\\u{d}\\u{a}b\\u{9b}c\\u{202e}");
        assert_eq!(clean_lines("one\ntwo\x07"), "one\ntwo\\u{7}");
    }
}
