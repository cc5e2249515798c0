//! Which bytes of a block were used.

use super::tally::total;

/// Ranges that are kept exactly; further ones are merged with their nearest neighbour.
const MAX_RANGES: usize = 1024;
/// Pieces of an array with gaps that are told apart.
const MAX_PIECES: u64 = 64;
/// Bytes of a page.
const PAGE: u64 = 4096;

/// Used bytes of a block.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    /// Apart from each other, in order.
    all: Vec<(u64, u64)>,
    /// Bytes that lie somewhere between others, and pages that they may be on.
    scattered: u64,
    scattered_pages: u64,
}

impl Ranges {
    pub(super) fn add(&mut self, low: u64, high: u64) {
        if low >= high {
            return;
        }
        let first = self.all.partition_point(|&(_, end)| end < low);
        let after = self.all.partition_point(|&(start, _)| start <= high);
        let merged = self.all.get(first..after).unwrap_or(&[]).iter();
        let (low, high) =
            merged.fold((low, high), |(low, high), &(start, end)| (low.min(start), high.max(end)));
        self.all.splice(first..after.max(first), [(low, high)]);
        if self.all.len() > MAX_RANGES {
            let gap = |pair: &[(u64, u64)]| match *pair {
                [(_, end), (start, _)] => start.saturating_sub(end),
                _ => u64::MAX,
            };
            let nearest = self.all.windows(2).enumerate().min_by_key(|(_, pair)| gap(pair));
            if let Some(at) = nearest.map(|(at, _)| at) {
                let (_, end) = self.all.remove(at + 1);
                if let Some(range) = self.all.get_mut(at) {
                    range.1 = end;
                }
            }
        }
    }

    /// So many bytes somewhere.
    pub(super) fn scatter(&mut self, bytes: u64, n_elements: u64) {
        self.scattered = self.scattered.saturating_add(bytes);
        self.scattered_pages = self.scattered_pages.saturating_add(n_elements);
    }

    /// The elements of an array; `at` is the place of the first one in the block.
    pub(super) fn add_array(&mut self, at: u64, shape: &[u64], strides: &[i64], itemsize: u64) {
        let n = shape.iter().fold(1_u64, |n, &extent| n.saturating_mul(extent));
        let mut axes: Vec<(u64, i64)> = shape
            .iter()
            .copied()
            .zip(strides.iter().copied())
            .filter(|&(extent, stride)| extent > 1 && stride != 0)
            .collect();
        if n == 0 {
            return;
        }
        axes.sort_by_key(|&(_, stride)| stride.unsigned_abs());
        let (mut low, mut run) = (at, itemsize);
        let mut outer: Vec<(u64, u64)> = Vec::new();
        for (extent, stride) in axes {
            let step = stride.unsigned_abs();
            if stride < 0 {
                low = low.saturating_sub((extent - 1).saturating_mul(step));
            }
            if outer.is_empty() && step <= run {
                run = run.saturating_add((extent - 1).saturating_mul(step));
            } else {
                outer.push((extent, step));
            }
        }
        let n_pieces = outer.iter().fold(1_u64, |n, &(extent, _)| n.saturating_mul(extent));
        if n_pieces > MAX_PIECES {
            self.scatter(
                n.saturating_mul(itemsize),
                n.min(n_pieces.saturating_mul(1 + run / PAGE)),
            );
            return;
        }
        for piece in 0..n_pieces {
            let (mut rest, mut start) = (piece, low);
            for &(extent, step) in &outer {
                start = start.saturating_add((rest % extent).saturating_mul(step));
                rest /= extent;
            }
            self.add(start, start.saturating_add(run));
        }
    }

    pub(super) fn contains(&self, low: u64, high: u64) -> bool {
        let first = self.all.partition_point(|&(_, end)| end < high);
        low >= high || self.all.get(first).is_some_and(|&(start, _)| start <= low)
    }

    pub(super) const fn scattered(&self) -> u64 {
        self.scattered
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.scattered == 0
    }

    pub(super) fn bytes(&self) -> u64 {
        let exact = total(self.all.iter().map(|&(start, end)| end - start));
        exact.saturating_add(self.scattered)
    }

    pub(super) fn page_bytes(&self) -> u64 {
        let mut pages = self.scattered_pages;
        let mut reached = 0;
        for &(start, end) in &self.all {
            let (first, after) = (start / PAGE, end.div_ceil(PAGE));
            pages = pages.saturating_add(after.saturating_sub(first.max(reached)));
            reached = after;
        }
        pages.saturating_mul(PAGE)
    }

    /// One past the last byte.
    pub(super) fn end(&self) -> u64 {
        self.all.last().map_or(0, |&(_, end)| end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one() {
        let mut ranges = Ranges::default();
        for (low, high) in [(10, 20), (30, 40), (20, 30), (5, 6), (50, 50)] {
            ranges.add(low, high);
        }
        assert_eq!(ranges.all, [(5, 6), (10, 40)]);
        assert!(ranges.contains(12, 40) && !ranges.contains(5, 12) && !ranges.contains(39, 41));
    }

    #[test]
    fn rows_of_an_array_are_told_apart_and_columns_are_counted() {
        let mut ranges = Ranges::default();
        ranges.add_array(8, &[3, 4], &[800, 8], 8);
        assert_eq!(ranges.all, [(8, 40), (808, 840), (1608, 1640)]);
        ranges.add_array(0, &[1000], &[800], 8);
        assert_eq!((ranges.bytes(), ranges.scattered_pages), (96 + 8000, 1000));
        let mut backwards = Ranges::default();
        backwards.add_array(72, &[10], &[-8], 8);
        assert_eq!(backwards.all, [(0, 80)]);
    }

    #[test]
    fn pages_are_counted_once() {
        let mut ranges = Ranges::default();
        ranges.add(0, 10);
        ranges.add(100, 200);
        ranges.add(4090, 4100);
        assert_eq!(ranges.page_bytes(), 8192);
    }
}
