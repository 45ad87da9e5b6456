//! The highlighted row of a list, and what part of the list is seen.

/// A place in a list, which stays with its row when rows change places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor<K> {
    /// The highlighted row.
    pub selected: usize,
    /// The first row that is seen.
    pub offset: usize,
    key: Option<K>,
}

impl<K> Default for Cursor<K> {
    fn default() -> Self {
        Self { selected: 0, offset: 0, key: None }
    }
}

impl<K: PartialEq> Cursor<K> {
    /// Goes to a row of a list of `length` of which `page` are seen, and stays with that row from then on.
    pub fn go(&mut self, row: usize, keys: impl Fn(usize) -> Option<K>, length: usize, page: usize) {
        self.selected = row;
        self.fit(length, page);
        self.key = keys(self.selected);
    }

    /// Stays with the row it was on, wherever that is now; at the top it stays at the top, so that the first row is
    /// always the first.
    pub fn follow(&mut self, keys: impl Fn(usize) -> Option<K>, length: usize, page: usize) {
        if self.selected > 0
            && let Some(key) = &self.key
            && keys(self.selected).as_ref() != Some(key)
            && let Some(place) = (0..length).find(|place| keys(*place).as_ref() == Some(key))
        {
            // The bar keeps its place on the screen, the list moves under it.
            self.offset = (self.offset + place).saturating_sub(self.selected);
            self.selected = place;
        }
        self.go(self.selected, keys, length, page);
    }

    /// Keeps the bar inside a list, and the list inside the page.
    pub fn fit(&mut self, length: usize, page: usize) {
        self.selected = self.selected.min(length.saturating_sub(1));
        let page = page.max(1);
        self.offset = self.offset.clamp((self.selected + 1).saturating_sub(page), self.selected);
        self.offset = self.offset.min(length.saturating_sub(page));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_stays_inside_the_list_and_the_list_inside_the_page() {
        let mut cursor = Cursor::<u8>::default();
        cursor.go(0, |_| None, 5, 3);
        assert_eq!((cursor.selected, cursor.offset), (0, 0));
        cursor.go(4, |_| None, 5, 3);
        assert_eq!((cursor.selected, cursor.offset), (4, 2));
        cursor.go(104, |_| None, 5, 3);
        assert_eq!((cursor.selected, cursor.offset), (4, 2));
        cursor.fit(2, 3);
        assert_eq!((cursor.selected, cursor.offset), (1, 0));
        cursor.fit(0, 0);
        assert_eq!((cursor.selected, cursor.offset), (0, 0));
    }

    #[test]
    fn the_bar_goes_where_its_row_goes() {
        let mut cursor = Cursor::default();
        let at = |rows: &'static str| move |place: usize| rows.as_bytes().get(place).copied();
        cursor.go(1, at("abc"), 3, 3);
        cursor.follow(at("acb"), 3, 3);
        assert_eq!(cursor.selected, 2);
        cursor.follow(at("ac"), 2, 3);
        assert_eq!(cursor.selected, 1, "a row that left gives its place to the next");
    }

    #[test]
    fn at_the_top_it_stays_at_the_top() {
        let mut cursor = Cursor::default();
        cursor.go(0, |place| "abc".as_bytes().get(place).copied(), 3, 3);
        cursor.follow(|place| "bac".as_bytes().get(place).copied(), 3, 3);
        assert_eq!(cursor.selected, 0);
    }
}
