//! A distribution of sizes or lifetimes: exact while it has few distinct values.
//!
//! Most sites allocate a handful of sizes only; those are counted one by one, the first of them
//! where the site itself is. With more of them the distribution becomes a histogram whose memory is
//! bounded, good to a sixteenth of each value.

use npprof_model::Quantiles;

/// Distinct values counted one by one.
const MAX_FEW: usize = 32;
/// Larger values count as this, which bounds the histogram.
const MAX_VALUE: u64 = 1 << 56;
/// Buckets for each power of two, and for the values that have one each.
const PER_POWER: usize = 16;

/// A distribution of numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    /// The first value that came, and how often.
    first: u64,
    n: u64,
    rest: Option<Box<Rest>>,
}

/// All values but the first.
#[derive(Clone, Debug, Default)]
struct Rest {
    few: Vec<(u64, u64)>,
    /// By bucket, the first of which is `base`; empty as long as there are few.
    many: Vec<u32>,
    base: usize,
    /// Where the latest value was counted.
    latest: usize,
    n: u64,
    max: u64,
    /// The quantiles as of so many values, most likely asked for again.
    known: (u64, Quantiles),
}

impl Spread {
    #[inline]
    pub(crate) fn record(&mut self, value: u64) {
        if value == self.first && self.n > 0 {
            self.n = self.n.wrapping_add(1);
        } else {
            self.record_other(value);
        }
    }

    /// See [`super::sites::Site::glance`].
    #[inline]
    pub(crate) fn glance(&self) -> u64 {
        let Some(rest) = &self.rest else { return self.n };
        let few = rest.few.get(rest.latest).map_or(0, |&(_, n)| n);
        let many = rest.many.get(rest.latest).copied().unwrap_or(0);
        few ^ u64::from(many)
    }

    /// `None` of nothing.
    pub(crate) fn quantiles(&mut self) -> Option<Quantiles> {
        let of_first = [(self.first, self.n)];
        let Some(rest) = &mut self.rest else {
            return (self.n > 0).then(|| compute(&of_first, self.first));
        };
        let n = self.n.wrapping_add(rest.n);
        if rest.known.0 != n {
            rest.known = (n, rest.quantiles(of_first[0]));
        }
        Some(rest.known.1)
    }

    #[inline(never)]
    fn record_other(&mut self, value: u64) {
        if self.n == 0 {
            (self.first, self.n) = (value, 1);
        } else {
            self.rest.get_or_insert_default().record(value);
        }
    }
}

impl Rest {
    fn record(&mut self, value: u64) {
        self.n = self.n.wrapping_add(1);
        self.max = self.max.max(value);
        if !self.many.is_empty() {
            return self.record_many(value, 1);
        }
        if let Some((_, n)) = self.few.get_mut(self.latest).filter(|few| few.0 == value) {
            *n += 1;
        } else if let Some(place) = self.few.iter().position(|&(few, _)| few == value) {
            self.latest = place;
            self.few[place].1 += 1;
        } else if self.few.len() + 1 < MAX_FEW {
            self.latest = self.few.len();
            self.few.push((value, 1));
        } else {
            for (value, n) in std::mem::take(&mut self.few) {
                self.record_many(value, u32::try_from(n).unwrap_or(u32::MAX));
            }
            self.record_many(value, 1);
        }
    }

    fn record_many(&mut self, value: u64, n: u32) {
        let bucket = bucket(value);
        let place = bucket.wrapping_sub(self.base);
        if place >= self.many.len() {
            self.reach(bucket);
        }
        self.latest = bucket - self.base;
        if let Some(count) = self.many.get_mut(self.latest) {
            *count = count.saturating_add(n);
        }
    }

    /// Makes room for a bucket, and for those of the same power of two.
    #[cold]
    fn reach(&mut self, bucket: usize) {
        let first = bucket / PER_POWER * PER_POWER;
        let (low, high) = if self.many.is_empty() {
            (first, first + PER_POWER)
        } else {
            let high = self.base + self.many.len();
            (first.min(self.base), high.max(first + PER_POWER))
        };
        let mut many = vec![0; high - low];
        for (to, &from) in many.iter_mut().skip(self.base.max(low) - low).zip(&self.many) {
            *to = from;
        }
        (self.many, self.base) = (many, low);
    }

    fn quantiles(&self, first: (u64, u64)) -> Quantiles {
        let mut all = self.few.clone();
        all.extend((self.base..).zip(&self.many).filter_map(|(bucket, &n)| {
            let value = highest(bucket).min(self.max.max(first.0));
            (n > 0).then_some((value, n.into()))
        }));
        let is_many = !self.many.is_empty();
        let value = if is_many { highest(bucket(first.0)) } else { first.0 };
        all.push((value.min(self.max.max(first.0)), first.1));
        all.sort_unstable();
        compute(&all, self.max.max(first.0))
    }
}

/// The bucket of a value: the first values have one each, then each power of two has as many.
#[expect(clippy::cast_possible_truncation, reason = "a few hundred of them")]
const fn bucket(value: u64) -> usize {
    let value = if value > MAX_VALUE { MAX_VALUE } else { value };
    let shift = (value | PER_POWER as u64).ilog2() - PER_POWER.ilog2();
    (value >> shift) as usize + shift as usize * PER_POWER
}

/// The largest value of a bucket.
const fn highest(bucket: usize) -> u64 {
    let shift = (bucket / PER_POWER).saturating_sub(1);
    let next = (bucket - shift * PER_POWER) as u64 + 1;
    (next << shift) - 1
}

/// Of values in order and how often each came.
fn compute(sorted: &[(u64, u64)], max: u64) -> Quantiles {
    let n = sorted.iter().fold(0_u64, |n, &(_, more)| n.saturating_add(more));
    let quantile = |percent: u64| value_at(sorted, n.saturating_mul(percent).div_ceil(100));
    Quantiles { p50: quantile(50), p90: quantile(90), p99: quantile(99), max }
}

/// The value of rank `rank`, from 1, among sorted values and how often each came.
fn value_at(sorted: &[(u64, u64)], rank: u64) -> u64 {
    let mut below = 0_u64;
    let found = sorted.iter().find(|&&(_, n)| {
        below = below.saturating_add(n);
        below >= rank
    });
    found.or(sorted.last()).map_or(0, |&(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    fn spread(values: impl IntoIterator<Item = u64>) -> Option<Quantiles> {
        let mut spread = Spread::default();
        values.into_iter().for_each(|value| spread.record(value));
        spread.quantiles()
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(spread([]), None);
    }

    #[test]
    fn few_distinct_values_are_exact() {
        let values = (0..1000).map(|n| if n % 10 == 0 { 80_000 } else { 800 });
        let expected = Quantiles { p50: 800, p90: 800, p99: 80_000, max: 80_000 };
        assert_eq!(spread(values), Some(expected));
        assert_eq!(spread([0]), Some(Quantiles::default()));
    }

    #[test]
    fn many_distinct_values_are_good_to_a_sixteenth() {
        let quantiles = spread(1..=100_000).expect("values");
        assert_eq!(quantiles.max, 100_000);
        for (found, exact) in [(quantiles.p50, 50_000), (quantiles.p99, 99_000)] {
            assert!(found.abs_diff(exact) <= exact / 16, "{found} for {exact}");
        }
    }

    #[test]
    fn impossible_values_are_bounded() {
        let quantiles = spread((0..100).map(|n| u64::MAX - n)).expect("values");
        assert_eq!(quantiles.max, u64::MAX);
    }

    #[test]
    fn buckets_follow_each_other_without_gaps() {
        let last = bucket(u64::MAX);
        for at in 0..last {
            assert_eq!((bucket(highest(at)), bucket(highest(at) + 1)), (at, at + 1));
        }
        assert!(last < 1000, "{last}");
    }

    proptest! {
        /// The same buckets as the crate that is known for them, of values of all magnitudes.
        #[test]
        fn many_values_are_those_of_an_hdr_histogram(
            values in prop::collection::vec((0..60_u32, any::<u64>()), 1..400),
        ) {
            let values: Vec<u64> = values.into_iter().map(|(bits, it)| it >> (64 - bits).min(63)).collect();
            let mut distinct = values.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let found = spread(values.iter().copied()).expect("values");
            let mut reference = Histogram::<u64>::new_with_max(2, 1).expect("room");
            reference.auto(true);
            for &value in &values {
                reference.record(value.min(MAX_VALUE)).expect("room");
            }
            let max = values.iter().copied().max().unwrap_or(0);
            let mut sorted = values.clone();
            sorted.sort_unstable();
            for (percent, found) in [(50, found.p50), (90, found.p90), (99, found.p99)] {
                let rank = (values.len() * percent).div_ceil(100);
                let exact = sorted[rank - 1];
                let expected = if distinct.len() > MAX_FEW {
                    reference.highest_equivalent(exact.min(MAX_VALUE)).min(max)
                } else {
                    exact
                };
                prop_assert_eq!(found, expected, "{} %", percent);
            }
            prop_assert_eq!(found.max, max);
        }
    }
}
