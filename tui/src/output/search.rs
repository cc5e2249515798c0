//! Search in what the program wrote: its screen, and what has left it.

use crate::text::width;

/// What is searched for. Capitals count if the text has any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needle {
    text: String,
    has_capitals: bool,
}

impl Needle {
    pub(crate) fn new(text: &str) -> Self {
        let has_capitals = text.chars().any(char::is_uppercase);
        let text = if has_capitals { text.to_owned() } else { lower(text) };
        Self { text, has_capitals }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn is_in(&self, row: &str) -> bool {
        !self.is_empty() && self.folded(row).contains(&self.text)
    }

    /// Where it stands in a row, as first column and number of columns.
    pub(crate) fn places(&self, row: &str) -> Vec<(usize, usize)> {
        if self.is_empty() {
            return Vec::new();
        }
        let row = self.folded(row);
        let columns = width(&self.text);
        row.match_indices(&self.text).map(|(place, _)| (width(&row[..place]), columns)).collect()
    }

    fn folded(&self, row: &str) -> String {
        if self.has_capitals { row.to_owned() } else { lower(row) }
    }
}

/// Characters whose small form takes several stay: columns are counted in what comes out.
fn lower(text: &str) -> String {
    let small = |c: char| {
        let mut small = c.to_lowercase();
        match (small.next(), small.next()) {
            (Some(small), None) => small,
            _ => c,
        }
    };
    text.chars().map(small).collect()
}

/// A search and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) needle: Needle,
    /// The row of the match that is shown, from the pane's first row.
    pub(super) row: Option<i64>,
    /// Which match that is, from the newest one, and of how many.
    pub(super) count: (usize, usize),
}

/// Which of the matching rows comes next; they are in their order, the newest one last.
pub(super) fn next(rows: &[i64], from: Option<i64>, is_older: bool) -> Option<usize> {
    let last = rows.len().checked_sub(1)?;
    let Some(from) = from else { return Some(last) };
    Some(if is_older {
        // After the oldest one comes the newest.
        rows.partition_point(|&row| row < from).checked_sub(1).unwrap_or(last)
    } else {
        let place = rows.partition_point(|&row| row <= from);
        if place > last { 0 } else { place }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_count_if_there_are_any() {
        let is_in = |needle: &str, row: &str| Needle::new(needle).is_in(row);
        assert!(is_in("loss", "Epoch 3 LOSS 0.1"));
        assert!(!is_in("Loss", "Epoch 3 LOSS 0.1"));
        assert!(is_in("LOSS", "Epoch 3 LOSS 0.1"));
        assert!(!is_in("", "text"));
    }

    #[test]
    fn places_are_columns() {
        assert_eq!(Needle::new("a").places("漢Aba"), [(2, 1), (4, 1)]);
        assert_eq!(Needle::new("漢").places("x漢"), [(1, 2)]);
        assert_eq!(Needle::new("").places("x"), []);
    }

    #[test]
    fn matches_follow_each_other_in_a_ring() {
        let rows = [-5, 0, 7];
        let check = |from, is_older, expected| assert_eq!(next(&rows, from, is_older), expected);
        check(None, true, Some(2));
        check(Some(7), true, Some(1));
        check(Some(-5), true, Some(2));
        check(Some(-5), false, Some(1));
        check(Some(7), false, Some(0));
        check(Some(3), true, Some(1));
        check(Some(3), false, Some(2));
        assert_eq!(next(&[], None, true), None);
    }
}
