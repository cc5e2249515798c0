//! Search in what the program wrote: its screen, and what has left it.

use std::ops::Range;

use vt100::Screen;

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

    /// Where it stands in rows that follow each other, also where a line goes on in the next row.
    pub(crate) fn matches(&self, rows: &[Row]) -> Vec<Vec<Part>> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut matches = Vec::new();
        let mut first = 0;
        for line in rows.split_inclusive(|row| !row.goes_on) {
            let texts: Vec<String> = line.iter().map(|row| self.folded(&row.text)).collect();
            let whole = texts.concat();
            let found = whole.match_indices(&self.text);
            matches.extend(found.map(|(at, text)| parts(&texts, at..at + text.len(), first)));
            first += line.len();
        }
        matches
    }

    fn folded(&self, row: &str) -> String {
        if self.has_capitals { row.to_owned() } else { lower(row) }
    }
}

/// The rows that a screen shows.
pub(crate) fn rows(screen: &Screen) -> impl Iterator<Item = Row> {
    let (_, columns) = screen.size();
    let goes_on = (0_u16..).map(|row| screen.row_wrapped(row));
    screen.rows(0, columns).zip(goes_on).map(|(text, goes_on)| Row { text, goes_on })
}

/// A row of a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) text: String,
    /// The next row is the same line's: it was too long for this one.
    pub(crate) goes_on: bool,
}

/// The part of a match in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// From the first one that was looked at.
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) n_columns: usize,
}

/// Which columns of a line's rows hold these bytes of the line. Its first row is `first`.
fn parts(rows: &[String], bytes: Range<usize>, first: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (row, text) in (first..).zip(rows) {
        let end = start + text.len();
        let (from, to) = (bytes.start.max(start), bytes.end.min(end));
        if from < to {
            let column = width(&text[..from - start]);
            parts.push(Part { row, column, n_columns: width(&text[from - start..to - start]) });
        }
        start = end;
    }
    parts
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

    fn row(text: &str) -> Row {
        Row { text: text.to_owned(), goes_on: false }
    }

    #[test]
    fn capitals_count_if_there_are_any() {
        let is_in =
            |needle: &str, text: &str| !Needle::new(needle).matches(&[row(text)]).is_empty();
        assert!(is_in("loss", "Epoch 3 LOSS 0.1"));
        assert!(!is_in("Loss", "Epoch 3 LOSS 0.1"));
        assert!(is_in("LOSS", "Epoch 3 LOSS 0.1"));
        assert!(!is_in("", "text"));
    }

    /// The parts of each match, as row, column and number of columns.
    fn check_places(needle: &str, rows: &[(&str, bool)], expected: &[&[(usize, usize, usize)]]) {
        let rows: Vec<Row> =
            rows.iter().map(|&(text, goes_on)| Row { goes_on, ..row(text) }).collect();
        let matches = Needle::new(needle).matches(&rows);
        let places = |parts: &Vec<Part>| -> Vec<_> {
            parts.iter().map(|part| (part.row, part.column, part.n_columns)).collect()
        };
        assert_eq!(matches.iter().map(places).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn places_are_columns() {
        check_places("a", &[("漢Aba", false)], &[&[(0, 2, 1)], &[(0, 4, 1)]]);
        check_places("漢", &[("x漢", false)], &[&[(0, 1, 2)]]);
        check_places("", &[("x", false)], &[]);
    }

    #[test]
    fn a_match_goes_on_in_the_next_row_of_its_line() {
        let rows = [("a nee", true), ("dle", false), ("nee", false), ("dle", false)];
        check_places("needle", &rows, &[&[(0, 2, 3), (1, 0, 3)]]);
        let rows = [("x", false), ("漢字", true), ("漢字a", true), ("字", false)];
        check_places("字漢字a字", &rows, &[&[(1, 2, 2), (2, 0, 5), (3, 0, 2)]]);
        check_places("needle", &[("nee", true)], &[]);
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
