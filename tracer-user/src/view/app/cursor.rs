//! The user's position in a list that keeps changing: the selection stays on its item, not on its row.

/// A position in a list whose items are identified by `K`.
#[derive(Clone, Debug)]
pub struct Cursor<K> {
    /// The selected item; `None` selects whatever is first.
    anchor: Option<K>,
    /// Its last known row.
    row: usize,
    /// The first row on the screen.
    top: usize,
}

impl<K> Default for Cursor<K> {
    fn default() -> Self {
        Self {
            anchor: None,
            row: 0,
            top: 0,
        }
    }
}

impl<K: PartialEq> Cursor<K> {
    /// The selected row.
    pub fn row(&self) -> usize {
        self.row
    }

    /// The first row on the screen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Finds the item again after the list has changed. If it is gone, the selection moves to whatever is now
    /// on its row, and returns when the item does.
    pub fn follow(&mut self, len: usize, find: impl FnOnce(&K) -> Option<usize>) {
        self.row = match &self.anchor {
            Some(anchor) => find(anchor).unwrap_or(self.row),
            None => 0,
        };
        self.row = self.row.min(len.saturating_sub(1));
    }

    /// Moves to another row; `key` gives the item there.
    pub fn select(&mut self, row: usize, len: usize, key: impl FnOnce(usize) -> Option<K>) {
        self.row = row.min(len.saturating_sub(1));
        self.anchor = key(self.row);
    }

    /// Moves to the first row and stays there, whatever item that is.
    pub fn stay_on_top(&mut self) {
        *self = Self::default();
    }

    /// Scrolls so that the selected row is among the `height` on the screen, without blank space below the
    /// last row.
    pub fn scroll(&mut self, len: usize, height: usize) {
        let height = height.max(1);
        self.top = self.top.min(self.row).max((self.row + 1).saturating_sub(height));
        self.top = self.top.min(len.saturating_sub(height));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_stays_on_its_item_when_the_order_changes() {
        let mut cursor = Cursor::default();
        let list = ["a", "b", "c", "d"];
        cursor.select(2, list.len(), |row| list.get(row).copied());
        let list = ["d", "c", "b", "a", "e"];
        cursor.follow(list.len(), |key| list.iter().position(|item| item == key));
        assert_eq!(cursor.row(), 1);
        let without = ["d", "b"];
        cursor.follow(without.len(), |key| without.iter().position(|item| item == key));
        assert_eq!(cursor.row(), 1, "the row is kept when the item is gone");
        cursor.follow(list.len(), |key| list.iter().position(|item| item == key));
        assert_eq!(cursor.row(), 1, "and the item when it is back");
    }

    #[test]
    fn on_top_it_stays_on_top() {
        let mut cursor: Cursor<&str> = Cursor::default();
        cursor.follow(3, |_| Some(2));
        assert_eq!(cursor.row(), 0);
        cursor.select(2, 3, |_| Some("x"));
        cursor.stay_on_top();
        cursor.follow(3, |_| Some(2));
        assert_eq!(cursor.row(), 0);
    }

    #[test]
    fn it_neither_leaves_the_list_nor_the_screen() {
        let mut cursor = Cursor::default();
        for (row, len) in [(5, 3), (0, 3), (1, 0), (100, 100), (50, 100)] {
            cursor.select(row, len, Some);
            cursor.scroll(len, 10);
            assert!(cursor.row() < len.max(1));
            assert!((cursor.top()..cursor.top() + 10).contains(&cursor.row()));
        }
        cursor.scroll(100, 0);
    }
}
