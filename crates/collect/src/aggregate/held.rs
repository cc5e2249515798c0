//! Live bytes, and what was alive at the high-water mark, in constant time.
//!
//! When a process reaches a new high-water mark, every count of live bytes would have to be copied.
//! Instead the marks are numbered, and a count that has not changed since the mark needs no copy:
//! what is alive now was alive then. The copy is made at the first change after the mark.

/// Live bytes of a site, a stack or a layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    live: u64,
    at_high_water: u64,
    /// The mark that `at_high_water` is of.
    mark: u64,
}

impl Held {
    /// What a process begins with that inherited `live` bytes: they are its high-water mark.
    pub(crate) const fn inherited(live: u64) -> Self {
        Self { live, at_high_water: live, mark: 0 }
    }

    pub(crate) const fn live(&self) -> u64 {
        self.live
    }

    /// What was alive at `mark`, the latest one.
    pub(crate) const fn at_high_water(&self, mark: u64) -> u64 {
        if self.mark == mark { self.at_high_water } else { self.live }
    }

    #[inline]
    pub(crate) const fn add(&mut self, bytes: u64, mark: u64) {
        self.settle(mark);
        self.live = self.live.saturating_add(bytes);
    }

    #[inline]
    pub(crate) const fn subtract(&mut self, bytes: u64, mark: u64) {
        self.settle(mark);
        self.live = self.live.saturating_sub(bytes);
    }

    /// Moves a block to another count, also in what was alive at the mark if the block `was_there`.
    pub(crate) const fn move_to(&mut self, to: &mut Self, bytes: u64, mark: u64, was_there: bool) {
        self.subtract(bytes, mark);
        to.add(bytes, mark);
        if was_there {
            self.at_high_water = self.at_high_water.saturating_sub(bytes);
            to.at_high_water = to.at_high_water.saturating_add(bytes);
        }
    }

    #[inline]
    const fn settle(&mut self, mark: u64) {
        if self.mark != mark {
            self.mark = mark;
            self.at_high_water = self.live;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_change_since_the_mark_was_alive_at_it() {
        let mut held = Held::default();
        held.add(100, 0);
        assert_eq!(held.at_high_water(0), 0);
        assert_eq!(held.at_high_water(1), 100);
        held.add(50, 1);
        held.subtract(120, 1);
        assert_eq!((held.live(), held.at_high_water(1), held.at_high_water(2)), (30, 100, 30));
    }

    #[test]
    fn a_moved_block_takes_its_part_of_the_mark_along() {
        let (mut from, mut to) = (Held::default(), Held::default());
        from.add(100, 0);
        from.move_to(&mut to, 100, 1, true);
        assert_eq!((from.at_high_water(1), to.at_high_water(1)), (0, 100));
    }
}
