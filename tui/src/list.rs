//! A list as a value: order, filter, selection, scrolling. Knows nothing of drawing, and of what
//! is listed only what [`Listing`] says.

use std::cmp::Reverse;

use ratatui::style::Style;

use crate::fuzzy;
use crate::keys::Command;

/// A column of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Stands where the name has no room.
    pub(crate) short: &'static str,
    /// Columns that it needs.
    pub(crate) min: usize,
    /// Columns that it can use; one column of a list takes all that is left.
    pub(crate) max: usize,
    /// Figures stand at the right.
    pub(crate) is_right: bool,
    /// The lower, the longer it stays when there is little room.
    pub(crate) rank: u8,
    /// The list can be ordered by it.
    pub(crate) is_sortable: bool,
}

impl Column {
    /// A figure.
    pub(crate) const fn figure(name: &'static str, min: usize, rank: u8) -> Self {
        Self { name, short: name, min, max: min, is_right: true, rank, is_sortable: true }
    }

    /// Words.
    pub(crate) const fn text(name: &'static str, min: usize, max: usize, rank: u8) -> Self {
        Self { name, short: name, min, max, is_right: false, rank, is_sortable: false }
    }

    /// With a shorter name, and so narrower, where there is little room.
    pub(crate) const fn with_short(self, short: &'static str) -> Self {
        Self { short, ..self }
    }

    /// Words by which the list can be ordered.
    pub(crate) const fn sortable(self) -> Self {
        Self { is_sortable: true, ..self }
    }
}

/// What rows are ordered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// Largest first.
    Number(Reverse<i128>),
    /// First of the alphabet first.
    Text(String),
}

impl Key {
    pub(crate) fn number(number: impl Into<i128>) -> Self {
        Self::Number(Reverse(number.into()))
    }
}

/// What stands in a cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

/// Things that can be listed.
pub(crate) trait Listing {
    fn columns(&self) -> &'static [Column];

    /// The column that the list is ordered by at first.
    fn first_sort(&self) -> usize {
        0
    }

    /// Number of rows.
    fn len(&self) -> usize;

    /// What the row is, whatever its place.
    fn id(&self, row: usize) -> u64;

    fn key(&self, row: usize, column: usize) -> Key;

    /// How much the row matters: where the chosen column says the same of rows, more comes first.
    fn weight(&self, _row: usize) -> u64 {
        0
    }

    /// What the filter looks at.
    fn text(&self, row: usize) -> String;

    /// The text of a cell in at most so many columns.
    fn cell(&self, row: usize, column: usize, width: usize) -> Cell;

    /// Says why there are no rows.
    fn absence(&self) -> &'static str;

    /// Rows stand as they come, whatever the column: a tree.
    fn is_fixed(&self) -> bool {
        false
    }
}

/// What the user chose, and the order that follows from it.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    /// The column that the order goes by; `None` for the first choice.
    sort: Option<usize>,
    pub(crate) is_inverted: bool,
    pub(crate) filter: String,
    /// Rows of the listing, in the order shown.
    pub(crate) order: Vec<usize>,
    /// The first row shown.
    pub(crate) offset: usize,
    /// What stays selected wherever it moves; `None` keeps to the first row.
    selected: Option<u64>,
}

impl List {
    /// The column that the order goes by.
    pub(crate) fn sort(&self, listing: &dyn Listing) -> usize {
        self.sort.unwrap_or_else(|| listing.first_sort())
    }

    /// Puts rows into order, and keeps the selected one in sight.
    pub(crate) fn update(&mut self, listing: &dyn Listing, height: usize) {
        let filter = fuzzy::Filter::new(&self.filter);
        let matches = |row: usize| filter.is_empty() || filter.matches(&listing.text(row));
        let column = self.sort(listing);
        // The id settles what is left of ties, so that rows do not dance.
        let place = |row| (listing.key(row, column), Reverse(listing.weight(row)), listing.id(row));
        let mut rows: Vec<_> =
            (0..listing.len()).filter(|&row| matches(row)).map(|row| (place(row), row)).collect();
        if !listing.is_fixed() {
            rows.sort_unstable();
            if self.is_inverted {
                rows.reverse();
            }
        }
        self.order.clear();
        self.order.extend(rows.into_iter().map(|(_, row)| row));
        self.scroll_into_view(listing, height);
    }

    /// The place that is selected; zero also when there is none.
    pub(crate) fn selected_place(&self, listing: &dyn Listing) -> usize {
        let Some(selected) = self.selected else { return 0 };
        self.order.iter().position(|&row| listing.id(row) == selected).unwrap_or(0)
    }

    /// The row of the listing that is selected.
    pub(crate) fn selected(&self, listing: &dyn Listing) -> Option<usize> {
        let row = *self.order.get(self.selected_place(listing))?;
        (row < listing.len()).then_some(row)
    }

    /// Selects a place; the first one means whatever comes first.
    pub(crate) fn select(&mut self, place: usize, listing: &dyn Listing, height: usize) {
        let place = place.min(self.order.len().saturating_sub(1));
        self.selected = match place {
            0 => None,
            _ => self.order.get(place).map(|&row| listing.id(row)),
        };
        self.scroll_into_view(listing, height);
    }

    /// Carries out a command that concerns the list; says whether it was one.
    pub(crate) fn on_command(
        &mut self,
        command: Command,
        listing: &dyn Listing,
        height: usize,
    ) -> bool {
        let place = self.selected_place(listing);
        let page = height.saturating_sub(1).max(1);
        match command {
            Command::Up => self.select(place.saturating_sub(1), listing, height),
            Command::Down => self.select(place + 1, listing, height),
            Command::PageUp => self.select(place.saturating_sub(page), listing, height),
            Command::PageDown => self.select(place + page, listing, height),
            Command::Top => self.select(0, listing, height),
            Command::Bottom => self.select(usize::MAX, listing, height),
            Command::Sort | Command::Right => self.sort_further(1, listing, height),
            Command::Left => self.sort_further(-1, listing, height),
            Command::Invert => {
                self.is_inverted = !self.is_inverted;
                self.update(listing, height);
            }
            _ => return false,
        }
        true
    }

    /// Orders by a sortable column so many further.
    fn sort_further(&mut self, n: isize, listing: &dyn Listing, height: usize) {
        let sortable: Vec<usize> = listing
            .columns()
            .iter()
            .enumerate()
            .filter_map(|(place, column)| column.is_sortable.then_some(place))
            .collect();
        let Ok(n_sortable) = isize::try_from(sortable.len()) else { return };
        if n_sortable == 0 || listing.is_fixed() {
            return;
        }
        let now = self.sort(listing);
        let place = sortable.iter().position(|&column| column == now).unwrap_or(0);
        let place = isize::try_from(place).unwrap_or(0);
        let next = usize::try_from((place + n).rem_euclid(n_sortable)).unwrap_or(0);
        self.sort = Some(sortable[next]);
        self.update(listing, height);
    }

    fn scroll_into_view(&mut self, listing: &dyn Listing, height: usize) {
        let place = self.selected_place(listing);
        self.offset = self
            .offset
            .min(place)
            .max((place + 1).saturating_sub(height.max(1)))
            .min(self.order.len().saturating_sub(height.max(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEIGHT: usize = 2;

    /// Three figures for each row; its name is its place.
    struct Figures(Vec<[i64; 3]>);

    impl Listing for Figures {
        fn columns(&self) -> &'static [Column] {
            const COLUMNS: [Column; 4] = [
                Column::figure("a", 3, 0),
                Column::text("no order", 3, 3, 0),
                Column::figure("b", 3, 0),
                Column::figure("c", 3, 0),
            ];
            &COLUMNS
        }

        fn len(&self) -> usize {
            self.0.len()
        }

        fn id(&self, row: usize) -> u64 {
            u64::try_from(row).unwrap()
        }

        fn key(&self, row: usize, column: usize) -> Key {
            Key::number(self.0[row][column.saturating_sub(1)])
        }

        fn weight(&self, row: usize) -> u64 {
            u64::try_from(self.0[row][2]).unwrap()
        }

        fn text(&self, row: usize) -> String {
            ["smooth.py", "load.py", "main.py"][row].to_owned()
        }

        fn cell(&self, _: usize, _: usize, _: usize) -> Cell {
            Cell::default()
        }

        fn absence(&self) -> &'static str {
            ""
        }
    }

    /// Runs commands on three rows; expects the order, the selected place and the offset.
    fn check(commands: &[Command], order: &[usize], place: usize, offset: usize) {
        let rows = Figures(vec![[10, 30, 5], [20, 20, 5], [30, 10, 90]]);
        let mut list = List::default();
        list.update(&rows, HEIGHT);
        for &command in commands {
            assert!(list.on_command(command, &rows, HEIGHT));
        }
        assert_eq!(list.order, order, "{commands:?}");
        assert_eq!((list.selected_place(&rows), list.offset), (place, offset), "{commands:?}");
    }

    fn check_order(rows: &[[i64; 3]], order: &[usize]) {
        let mut list = List::default();
        list.update(&Figures(rows.to_vec()), HEIGHT);
        assert_eq!(list.order, order);
    }

    #[test]
    fn rows_are_ordered_by_the_chosen_column() {
        check(&[], &[2, 1, 0], 0, 0);
        check(&[Command::Sort], &[0, 1, 2], 0, 0);
        check(&[Command::Sort, Command::Sort], &[2, 0, 1], 0, 0);
        check(&[Command::Left], &[2, 0, 1], 0, 0);
        check(&[Command::Sort, Command::Sort, Command::Sort], &[2, 1, 0], 0, 0);
        check(&[Command::Invert], &[0, 1, 2], 0, 0);
    }

    #[test]
    fn of_equal_rows_the_weightier_one_comes_first() {
        check_order(&[[0, 0, 7], [0, 0, 9], [1, 0, 0], [0, 0, 9]], &[2, 1, 3, 0]);
    }

    #[test]
    fn the_selection_stays_in_sight_and_within_the_list() {
        check(&[Command::Down], &[2, 1, 0], 1, 0);
        check(&[Command::Down, Command::Down, Command::Down], &[2, 1, 0], 2, 1);
        check(&[Command::Bottom], &[2, 1, 0], 2, 1);
        check(&[Command::Bottom, Command::Up], &[2, 1, 0], 1, 1);
        check(&[Command::Bottom, Command::Top], &[2, 1, 0], 0, 0);
        check(&[Command::Up], &[2, 1, 0], 0, 0);
        check(&[Command::PageDown, Command::PageDown, Command::PageUp], &[2, 1, 0], 1, 1);
    }

    #[test]
    fn what_is_selected_is_followed_to_its_new_place() {
        check(&[Command::Bottom, Command::Sort], &[0, 1, 2], 0, 0);
        check(&[Command::Down, Command::Invert], &[0, 1, 2], 1, 0);
    }

    #[test]
    fn a_filter_leaves_what_matches() {
        let rows = Figures(vec![[1, 1, 1], [2, 2, 2], [3, 3, 3]]);
        let mut list = List { filter: "ma".to_owned(), ..List::default() };
        list.update(&rows, HEIGHT);
        assert_eq!(list.order, [2]);
        list.filter.clear();
        list.update(&rows, HEIGHT);
        assert_eq!(list.order, [2, 1, 0]);
    }

    #[test]
    fn an_empty_list_selects_nothing() {
        let rows = Figures(Vec::new());
        let mut list = List::default();
        list.update(&rows, HEIGHT);
        assert!(list.on_command(Command::Down, &rows, HEIGHT));
        assert_eq!(list.selected(&rows), None);
    }
}
