//! A distribution of sizes or lifetimes: exact while it has few distinct values.
//!
//! Most sites allocate a handful of sizes only; those are counted one by one. With more of them the
//! distribution becomes a histogram whose memory is bounded, good to a sixteenth of each value.

use hdrhistogram::Histogram;
use npprof_model::Quantiles;

/// Distinct values counted one by one.
const MAX_FEW: usize = 32;
/// Larger values count as this, which bounds the histogram.
const MAX_VALUE: u64 = 1 << 56;

/// A distribution of numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    few: Vec<(u64, u64)>,
    /// Where the latest value stands in `few`.
    latest: usize,
    many: Option<Box<Histogram<u32>>>,
    n: u64,
    max: u64,
    /// The quantiles as of so many values, most likely asked for again.
    known: (u64, Quantiles),
}

impl Spread {
    #[inline]
    pub(crate) fn record(&mut self, value: u64) {
        self.n = self.n.wrapping_add(1);
        self.max = self.max.max(value);
        if let Some(many) = &mut self.many {
            record_n(many, value, 1);
        } else if let Some((few, n)) = self.few.get_mut(self.latest)
            && *few == value
        {
            *n += 1;
        } else {
            self.record_other(value);
        }
    }

    /// See [`super::sites::Site::glance`].
    #[inline]
    pub(crate) fn glance(&self) -> u64 {
        self.n ^ self.few.get(self.latest).map_or(0, |&(_, n)| n)
    }

    /// `None` of nothing.
    pub(crate) fn quantiles(&mut self) -> Option<Quantiles> {
        if self.n == 0 {
            return None;
        }
        if self.known.0 != self.n {
            self.known = (self.n, self.compute());
        }
        Some(self.known.1)
    }

    #[inline(never)]
    fn record_other(&mut self, value: u64) {
        if let Some(latest) = self.few.iter().position(|&(few, _)| few == value) {
            self.latest = latest;
            self.few[latest].1 += 1;
        } else if self.few.len() < MAX_FEW {
            self.latest = self.few.len();
            self.few.push((value, 1));
        } else if let Ok(many) = Histogram::new_with_max(2, 1) {
            let mut many = Box::new(many);
            many.auto(true);
            for (value, n) in std::mem::take(&mut self.few) {
                record_n(&mut many, value, u32::try_from(n).unwrap_or(u32::MAX));
            }
            record_n(&mut many, value, 1);
            self.many = Some(many);
        }
    }

    fn compute(&self) -> Quantiles {
        let mut few;
        let quantile: &dyn Fn(u64) -> u64 = if let Some(many) = &self.many {
            #[expect(clippy::cast_precision_loss, reason = "a per cent")]
            &|percent| many.value_at_percentile(percent as f64).min(self.max)
        } else {
            few = self.few.clone();
            few.sort_unstable();
            &|percent| value_at(&few, (self.n.saturating_mul(percent)).div_ceil(100))
        };
        Quantiles { p50: quantile(50), p90: quantile(90), p99: quantile(99), max: self.max }
    }
}

#[inline]
fn record_n(many: &mut Histogram<u32>, value: u64, n: u32) {
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
    fn impossible_values_are_bounded() {
        let quantiles = spread((0..100).map(|n| u64::MAX - n)).expect("values");
        assert_eq!(quantiles.max, u64::MAX);
    }
}
