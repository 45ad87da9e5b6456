//! Filter text as words with their places.

/// Place and message.
pub(super) struct Wrong(pub(super) usize, pub(super) String);

/// The words of a filter, taken one by one; brackets and operators are words of their own.
pub(super) struct Words<'a> {
    all: Vec<(usize, &'a str)>,
    next: usize,
    end: usize,
}

impl<'a> Words<'a> {
    pub(super) fn scan(text: &'a str) -> Self {
        Self { all: scan(text), next: 0, end: text.len() }
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.rest().next()
    }

    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        let hit = self.peek().is_some_and(|word| words.contains(&word));
        self.next += usize::from(hit);
        hit
    }

    pub(super) fn word(&mut self, expected: &str) -> Result<&'a str, Wrong> {
        match self.peek() {
            Some("(" | ")" | "!" | "&&" | "||" | "and" | "or" | "not") | None => Err(self.wrong(expected)),
            Some(word) => {
                self.next += 1;
                Ok(word)
            }
        }
    }

    pub(super) fn wrong(&self, expected: &str) -> Wrong {
        match self.all.get(self.next) {
            Some((at, word)) => Wrong(*at, format!("expected {expected}, found `{word}`")),
            None => Wrong(self.end, format!("expected {expected}, found the end")),
        }
    }

    /// Points at the word just taken.
    pub(super) fn last_wrong(&self, expected: &str) -> Wrong {
        let (at, word) = self.all.get(self.next.saturating_sub(1)).copied().unwrap_or((self.end, ""));
        Wrong(at, format!("expected {expected}, found `{word}`"))
    }

    /// All that are left.
    pub(super) fn rest(&self) -> impl Iterator<Item = &'a str> {
        self.all.iter().skip(self.next).map(|(_, word)| *word)
    }

    /// Takes the next word.
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }
}

fn scan(text: &str) -> Vec<(usize, &str)> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | '!' => 1,
            '&' if rest.starts_with("&&") => 2,
            '|' if rest.starts_with("||") => 2,
            _ => {
                let end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '!' | '&' | '|');
                rest.find(end).unwrap_or(rest.len()).max(first.len_utf8())
            }
        };
        tokens.push((text.len() - rest.len(), &rest[..length]));
        rest = rest[length..].trim_start();
    }
    tokens
}
