//! A distribution of sizes or lifetimes: exact while it has few distinct values.
//!
//! Most sites allocate a handful of sizes only; those are counted one by one, the first of them
//! where the site itself is. With more of them the distribution becomes a histogram whose memory is
//! bounded, good to a sixteenth of each value: a flat array of counts while events come, and an
//! `hdrhistogram` with the same buckets when somebody asks.

use hdrhistogram::Histogram;
use npprof_model::{Bucket, Quantiles};

/// Distinct values counted one by one.
const MAX_FEW: usize = 32;
/// Larger values count as this, which bounds the histogram.
const MAX_VALUE: u64 = 1 << 56;
/// Buckets between two powers of two, as a power of two.
const SPLIT_BITS: u32 = 4;

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
    /// Where the latest value stands in `few`.
    latest: usize,
    many: Option<Many>,
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
        match &rest.many {
            Some(many) => many.counts.get(many.latest).map_or(0, |&n| n.into()),
            None => rest.few.get(rest.latest).map_or(0, |&(_, n)| n),
        }
    }

    /// As [`Self::record`], where the caller remembers the place that `near` says for values like this.
    #[inline]
    pub(crate) fn record_near(&mut self, value: u64, near: &mut u8) {
        if value == self.first && self.n > 0 {
            self.n = self.n.wrapping_add(1);
        } else if let Some(rest) = &mut self.rest
            && let Some((_, n)) = rest.few.get_mut(usize::from(*near)).filter(|few| few.0 == value)
        {
            *n += 1;
            rest.n = rest.n.wrapping_add(1);
        } else {
            self.record_other(value);
            let latest = self.rest.as_ref().map_or(0, |rest| rest.latest);
            *near = u8::try_from(latest).unwrap_or(0);
        }
    }

    /// `None` of nothing.
    pub(crate) fn quantiles(&mut self) -> Option<Quantiles> {
        let first = (self.first, self.n);
        let Some(rest) = &mut self.rest else {
            return (self.n > 0).then(|| exact(&[first], self.first));
        };
        let n = self.n.wrapping_add(rest.n);
        if rest.known.0 != n {
            rest.known = (n, rest.quantiles(first));
        }
        Some(rest.known.1)
    }

    /// How many values lie between powers of two, smallest first.
    pub(crate) fn buckets(&self) -> Vec<Bucket> {
        let mut counts = [0_u64; 65];
        let mut add = |value: u64, n: u64| counts[(64 - value.leading_zeros()) as usize] += n;
        add(self.first, self.n);
        if let Some(rest) = &self.rest {
            rest.few.iter().for_each(|&(value, n)| add(value, n));
            let buckets = rest.many.iter().flat_map(Many::iter);
            buckets.for_each(|(value, n)| add(value, n));
        }
        let bucket = |(power, &n): (usize, &u64)| {
            let least = if power == 0 { 0 } else { 1 << (power - 1) };
            (n > 0).then_some(Bucket { least, n })
        };
        counts.iter().enumerate().filter_map(bucket).collect()
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
        if let Some(many) = &mut self.many {
            many.record(value, 1);
        } else if let Some((_, n)) = self.few.get_mut(self.latest).filter(|few| few.0 == value) {
            *n += 1;
        } else if let Some(latest) = self.few.iter().position(|&(few, _)| few == value) {
            self.latest = latest;
            self.few[latest].1 += 1;
        } else if self.few.len() + 1 < MAX_FEW {
            self.latest = self.few.len();
            self.few.push((value, 1));
        } else {
            let mut many = Many::default();
            for (value, n) in std::mem::take(&mut self.few) {
                many.record(value, n);
            }
            many.record(value, 1);
            self.many = Some(many);
        }
    }

    /// Of these values and the first.
    fn quantiles(&self, first: (u64, u64)) -> Quantiles {
        let max = self.max.max(first.0);
        if let Some(mut many) = self.many.as_ref().and_then(Many::histogram) {
            record_n(&mut many, first.0, first.1);
            let quantile = |percent: f64| many.value_at_percentile(percent).min(max);
            return Quantiles { p50: quantile(50.), p90: quantile(90.), p99: quantile(99.), max };
        }
        let mut few = self.few.clone();
        few.push(first);
        few.sort_unstable();
        exact(&few, max)
    }
}

/// How many values there are in each bucket. Buckets are numbered in the order of their values; the
/// first thirty-two hold one value each.
#[derive(Clone, Debug, Default)]
struct Many {
    /// From the bucket `first` on.
    counts: Vec<u32>,
    first: usize,
    /// Where the latest value was counted.
    latest: usize,
}

impl Many {
    #[inline]
    fn record(&mut self, value: u64, n: u64) {
        let bucket = bucket(value);
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        let place = bucket.wrapping_sub(self.first);
        let Some(count) = self.counts.get_mut(place) else { return self.widen(bucket, n) };
        *count = count.saturating_add(n);
        self.latest = place;
    }

    #[cold]
    fn widen(&mut self, bucket: usize, n: u32) {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if let Some(before) = self.first.checked_sub(bucket) {
            self.counts.splice(..0, std::iter::repeat_n(0, before));
            self.first = bucket;
        }
        let place = bucket - self.first;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] = self.counts[place].saturating_add(n);
        self.latest = place;
    }

    /// The least value of each bucket, and how many there are in it.
    fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts.iter().zip(self.first..);
        counts.filter(|&(&n, _)| n > 0).map(|(&n, bucket)| (least_of(bucket), n.into()))
    }

    /// With a twentieth of each value as its precision it has the very same buckets.
    fn histogram(&self) -> Option<Histogram<u32>> {
        let mut histogram = Histogram::new_with_max(2, 1).ok()?;
        histogram.auto(true);
        self.iter().for_each(|(value, n)| record_n(&mut histogram, value, n));
        Some(histogram)
    }
}

/// The bucket that a value is counted in.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "there are less than a thousand buckets")]
const fn bucket(value: u64) -> usize {
    let value = if value < MAX_VALUE { value } else { MAX_VALUE };
    let shift = (value | 1 << SPLIT_BITS).ilog2() - SPLIT_BITS;
    ((shift as u64) << SPLIT_BITS) as usize + (value >> shift) as usize
}

/// The least value that is counted in a bucket.
const fn least_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket >> SPLIT_BITS).saturating_sub(1);
    (bucket - (shift << SPLIT_BITS)) << shift
}

/// Of values in order and how often each came.
fn exact(sorted: &[(u64, u64)], max: u64) -> Quantiles {
    let n = sorted.iter().fold(0_u64, |n, &(_, more)| n.saturating_add(more));
    let quantile = |percent: u64| value_at(sorted, n.saturating_mul(percent).div_ceil(100));
    Quantiles { p50: quantile(50), p90: quantile(90), p99: quantile(99), max }
}

#[inline]
fn record_n(many: &mut Histogram<u32>, value: u64, n: u64) {
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    // It grows as needed, so this can't fail; if it did, a value would be missing.
    let _ = many.record_n(value.min(MAX_VALUE), n);
}

/// The value of rank `rank`, from 1, among sorted values and how often each came.
fn value_at(sorted: &[(u64, u64)], rank: u64) -> u64 {
    let mut below = 0;
    let found = sorted.iter().find(|&&(_, n)| {
        below += n;
        below >= rank
    });
    found.or(sorted.last()).map_or(0, |&(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn buckets_are_powers_of_two() {
        let mut spread = Spread::default();
        [0, 1, 7, 4, 8, u64::MAX].into_iter().for_each(|value| spread.record(value));
        let seen: Vec<_> = spread.buckets().iter().map(|it| (it.least, it.n)).collect();
        assert_eq!(seen, [(0, 1), (1, 1), (4, 2), (8, 1), (1 << 63, 1)]);
        (0..1000).for_each(|value| spread.record(value));
        let seen = spread.buckets();
        assert_eq!(seen.iter().map(|it| it.n).sum::<u64>(), 1006);
        assert_eq!(seen[1], Bucket { least: 1, n: 2 });
    }

    #[test]
    fn a_bucket_is_never_wider_than_a_sixteenth_of_its_values() {
        for number in 0..bucket(u64::MAX) {
            let (least, next) = (least_of(number), least_of(number + 1));
            assert_eq!((bucket(least), bucket(next - 1)), (number, number));
            assert!((next - least - 1) * 16 <= least, "{least}..{next}");
        }
    }

    #[test]
    fn buckets_and_the_histogram_that_quantiles_come_from_agree() {
        let mut many = Many::default();
        let values = (0..40).chain((0..600).map(|n| (n * n * n * 77) ^ 0x5a5a)).rev();
        values.clone().for_each(|value| many.record(value, 1));
        let histogram = many.histogram().expect("room");
        assert_eq!(histogram.len(), 640);
        for value in values {
            assert_eq!(histogram.lowest_equivalent(value), least_of(bucket(value)));
        }
    }

    #[test]
    fn a_remembered_place_changes_nothing() {
        let (mut near, mut plain) = (Spread::default(), Spread::default());
        let mut places = [0; 3];
        for n in 0..5000_u64 {
            let value = n * n % 7 + n / 1000 * 10;
            near.record_near(value, &mut places[(n % 3) as usize]);
            plain.record(value);
        }
        assert_eq!((near.quantiles(), near.buckets()), (plain.quantiles(), plain.buckets()));
    }

    #[test]
    fn impossible_values_are_bounded() {
        let quantiles = spread((0..100).map(|n| u64::MAX - n)).expect("values");
        assert_eq!(quantiles.max, u64::MAX);
    }
}
