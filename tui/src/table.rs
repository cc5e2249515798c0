//! The table of call sites as a value: order, selection, scrolling. Knows nothing of drawing.

use std::cmp::Reverse;

use npprof_model::{Bytes, Site, SiteId};

use crate::keys::Command;

/// Columns by which sites are ordered, largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    AtHighWater,
    Live,
    Allocated,
}

impl Sort {
    const ALL: [Self; 3] = [Self::AtHighWater, Self::Live, Self::Allocated];

    /// The figure that the order goes by.
    pub(crate) const fn of(self, site: &Site) -> Bytes {
        match self {
            Self::AtHighWater => site.at_high_water,
            Self::Live => site.live,
            Self::Allocated => site.allocated,
        }
    }

    fn step(self, n: usize) -> Self {
        let place = Self::ALL.iter().position(|&sort| sort == self).unwrap_or(0);
        Self::ALL[(place + n) % Self::ALL.len()]
    }
}

/// What the user chose, and the order that follows from it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SiteTable {
    pub(crate) sort: Sort,
    pub(crate) is_inverted: bool,
    /// Places in the snapshot's sites, in the order shown.
    pub(crate) order: Vec<usize>,
    /// The first row shown.
    pub(crate) offset: usize,
    /// The site that stays selected wherever it moves; `None` keeps to the first row.
    selected: Option<SiteId>,
}

impl SiteTable {
    /// Puts the sites of a new snapshot into order, and keeps the selected one in sight.
    pub(crate) fn update(&mut self, sites: &[Site], height: usize) {
        self.order.clear();
        self.order.extend(0..sites.len());
        let sort = self.sort;
        // The id settles ties, so that rows do not dance.
        self.order
            .sort_unstable_by_key(|&place| (Reverse(sort.of(&sites[place])), sites[place].id));
        if self.is_inverted {
            self.order.reverse();
        }
        self.scroll_into_view(sites, height);
    }

    /// The row that is selected; zero also when there is none.
    pub(crate) fn selected_row(&self, sites: &[Site]) -> usize {
        let is_selected = |&place: &usize| Some(sites[place].id) == self.selected;
        self.order.iter().position(is_selected).unwrap_or(0)
    }

    /// The site that is selected.
    pub(crate) fn selected_site<'a>(&self, sites: &'a [Site]) -> Option<&'a Site> {
        sites.get(*self.order.get(self.selected_row(sites))?)
    }

    /// Selects a row; the first one means whatever comes first.
    pub(crate) fn select(&mut self, row: usize, sites: &[Site], height: usize) {
        let row = row.min(self.order.len().saturating_sub(1));
        self.selected = match row {
            0 => None,
            _ => self.order.get(row).map(|&place| sites[place].id),
        };
        self.scroll_into_view(sites, height);
    }

    /// Carries out a command that concerns the table; says whether it was one.
    pub(crate) fn on_command(&mut self, command: Command, sites: &[Site], height: usize) -> bool {
        let row = self.selected_row(sites);
        let page = height.saturating_sub(1).max(1);
        match command {
            Command::Up => self.select(row.saturating_sub(1), sites, height),
            Command::Down => self.select(row + 1, sites, height),
            Command::PageUp => self.select(row.saturating_sub(page), sites, height),
            Command::PageDown => self.select(row + page, sites, height),
            Command::Top => self.select(0, sites, height),
            Command::Bottom => self.select(usize::MAX, sites, height),
            Command::Sort | Command::Right => self.sort_by(self.sort.step(1), sites, height),
            Command::Left => self.sort_by(self.sort.step(2), sites, height),
            Command::Invert => {
                self.is_inverted = !self.is_inverted;
                self.update(sites, height);
            }
            _ => return false,
        }
        true
    }

    fn sort_by(&mut self, sort: Sort, sites: &[Site], height: usize) {
        self.sort = sort;
        self.update(sites, height);
    }

    fn scroll_into_view(&mut self, sites: &[Site], height: usize) {
        let row = self.selected_row(sites);
        self.offset = self
            .offset
            .min(row)
            .max((row + 1).saturating_sub(height.max(1)))
            .min(self.order.len().saturating_sub(height.max(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    const HEIGHT: usize = 2;

    fn sites(figures: &[(u64, u64, u64)]) -> Vec<Site> {
        let site = |(place, &(at_high_water, live, allocated))| Site {
            id: SiteId(u32::try_from(place).unwrap()),
            at_high_water: Bytes(at_high_water),
            live: Bytes(live),
            allocated: Bytes(allocated),
            ..fixtures::site()
        };
        figures.iter().enumerate().map(site).collect()
    }

    /// Runs commands on three sites; expects the order, the selected row and the offset.
    fn check(commands: &[Command], order: &[usize], row: usize, offset: usize) {
        let sites = sites(&[(10, 30, 5), (20, 20, 5), (30, 10, 90)]);
        let mut table = SiteTable::default();
        table.update(&sites, HEIGHT);
        for &command in commands {
            assert!(table.on_command(command, &sites, HEIGHT));
        }
        assert_eq!(table.order, order, "{commands:?}");
        assert_eq!((table.selected_row(&sites), table.offset), (row, offset), "{commands:?}");
    }

    #[test]
    fn sites_are_ordered_by_the_chosen_column() {
        check(&[], &[2, 1, 0], 0, 0);
        check(&[Command::Sort], &[0, 1, 2], 0, 0);
        check(&[Command::Sort, Command::Sort], &[2, 0, 1], 0, 0);
        check(&[Command::Left], &[2, 0, 1], 0, 0);
        check(&[Command::Sort, Command::Sort, Command::Sort], &[2, 1, 0], 0, 0);
        check(&[Command::Invert], &[0, 1, 2], 0, 0);
    }

    #[test]
    fn the_selection_stays_in_sight_and_within_the_table() {
        check(&[Command::Down], &[2, 1, 0], 1, 0);
        check(&[Command::Down, Command::Down, Command::Down], &[2, 1, 0], 2, 1);
        check(&[Command::Bottom], &[2, 1, 0], 2, 1);
        check(&[Command::Bottom, Command::Up], &[2, 1, 0], 1, 1);
        check(&[Command::Bottom, Command::Top], &[2, 1, 0], 0, 0);
        check(&[Command::Up], &[2, 1, 0], 0, 0);
        check(&[Command::PageDown, Command::PageDown, Command::PageUp], &[2, 1, 0], 1, 1);
    }

    #[test]
    fn a_selected_site_is_followed_to_its_new_row() {
        check(&[Command::Bottom, Command::Sort], &[0, 1, 2], 0, 0);
        check(&[Command::Down, Command::Invert], &[0, 1, 2], 1, 0);
    }

    #[test]
    fn an_empty_table_selects_nothing() {
        let mut table = SiteTable::default();
        table.update(&[], HEIGHT);
        assert!(table.on_command(Command::Down, &[], HEIGHT));
        assert_eq!(table.selected_site(&[]), None);
    }
}
