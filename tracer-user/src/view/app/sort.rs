//! The order of the lists. Keys sort only by columns that the last drawing had room for.

use super::{App, Sort, Tab, Title};
use crate::view::{columns::Column, lists::ListSort};

impl App {
    /// Cycles through the visible columns in order, then returns to the initial order.
    pub(super) fn next_sort(&mut self) {
        if self.tab == Tab::Peers {
            let seen = self.seen_columns();
            let next = match self.sort.column {
                None => seen.first(),
                Some(now) => seen
                    .iter()
                    .position(|column| *column == now)
                    .and_then(|at| seen.get(at + 1)),
            };
            self.sort = Sort {
                column: next.copied(),
                reversed: false,
            };
        } else {
            let seen = self.seen_titles();
            let next = match self.list_sort().column {
                None => seen.first(),
                Some(now) => seen.iter().find(|column| **column > now),
            };
            self.set_list_sort(ListSort {
                column: next.copied(),
                reversed: false,
            });
        }
        self.refresh();
    }

    /// The peer columns that the last drawing had room for; before the first drawing, all of them.
    fn seen_columns(&self) -> Vec<Column> {
        let titles = self.hits.titles.iter();
        let seen: Vec<Column> = titles
            .filter_map(|(_, title)| match title {
                Title::Peers(column) => Some(*column),
                Title::List(_) => None,
            })
            .collect();
        if seen.is_empty() { self.columns() } else { seen }
    }

    /// The same for the other lists.
    fn seen_titles(&self) -> Vec<usize> {
        let titles = self.hits.titles.iter();
        let seen: Vec<usize> = titles
            .filter_map(|(_, title)| match title {
                Title::List(column) => Some(*column),
                Title::Peers(_) => None,
            })
            .collect();
        if seen.is_empty() {
            (0..self.list_titles().len()).collect()
        } else {
            seen
        }
    }

    pub(super) fn reverse_sort(&mut self) {
        if self.tab == Tab::Peers {
            self.sort.reversed = !self.sort.reversed;
        } else {
            let sort = self.list_sort();
            self.set_list_sort(ListSort {
                reversed: !sort.reversed,
                ..sort
            });
        }
        self.refresh();
    }

    /// Sorts by a column; if the list is already sorted by it, reverses the order.
    pub fn sort_by(&mut self, column: Column) {
        let reversed = self.sort.column == Some(column) && !self.sort.reversed;
        self.sort = Sort {
            column: Some(column),
            reversed,
        };
        self.refresh();
    }

    /// Likewise for the current tab's list.
    pub fn sort_list_by(&mut self, column: usize) {
        let now = self.list_sort();
        self.set_list_sort(ListSort {
            column: Some(column),
            reversed: now.column == Some(column) && !now.reversed,
        });
        self.refresh();
    }

    /// The order of the current tab's list, unless that is the peers.
    pub fn list_sort(&self) -> ListSort {
        self.list_sorts
            .get(self.tab.number())
            .copied()
            .unwrap_or_default()
    }

    fn set_list_sort(&mut self, sort: ListSort) {
        if let Some(known) = self.list_sorts.get_mut(self.tab.number()) {
            *known = sort;
        }
    }

    /// Whether the user has changed the order of the current tab's list.
    pub fn is_arranged(&self) -> bool {
        match self.tab {
            Tab::Peers => self.sort != Sort::default() || self.grouped,
            _ => self.list_sort() != ListSort::default(),
        }
    }

    /// The order of the current tab's list, in words.
    pub fn order_in_words(&self) -> String {
        let (by, reversed) = if self.tab == Tab::Peers {
            let by = match self.sort.column {
                Some(column) => format!("by {}", column.spec().title.to_lowercase()),
                None => "worst first".to_owned(),
            };
            (by, self.sort.reversed)
        } else {
            let sort = self.list_sort();
            let title = sort
                .column
                .and_then(|column| self.list_titles().get(column).copied());
            let by = match (title, self.tab) {
                (Some(title), _) => format!("by {}", title.to_lowercase()),
                (None, Tab::Listeners) => "by namespace and port".to_owned(),
                (None, Tab::Connections) => "CLOSE_WAIT, then the oldest".to_owned(),
                (None, Tab::Log) => "as it happened".to_owned(),
                (None, _) => "costliest first".to_owned(),
            };
            (by, sort.reversed)
        };
        if reversed { format!("{by}, reversed") } else { by }
    }
}
