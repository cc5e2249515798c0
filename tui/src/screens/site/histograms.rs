//! How the sizes and lifetimes of a site's allocations are distributed.

use npprof_model::{Bucket, Bytes, Nanos, Site};
use ratatui::text::{Line, Span};

use crate::data::Data;
use crate::theme;
use crate::widgets::byte_bar::byte_bar;

/// Rows of a histogram.
const MAX_ROWS: usize = 10;
/// Columns of a label, a count and the gap between the two histograms.
const LABEL: usize = 10;
const COUNT: usize = 7;
const GAP: usize = 3;
/// Two histograms side by side take at least so many columns.
const SIDE_BY_SIDE: usize = 68;
const MAX_BAR: usize = 30;

/// The histograms, then an empty line; nothing before they are known.
pub(super) fn lines(site: &Site, data: &Data, columns: usize) -> Vec<Line<'static>> {
    let Some((detail, _)) = data.detail_of(site.id) else { return Vec::new() };
    let is_side_by_side = columns >= SIDE_BY_SIDE;
    let room = if is_side_by_side { (columns - GAP) / 2 } else { columns };
    let bar = room.saturating_sub(LABEL + COUNT + 2).clamp(1, MAX_BAR);
    let size = |least: u64| Bytes(least).to_string();
    // Below the collector's tick nothing is known.
    let lifetime = |least: u64| if least == 0 { "0".to_owned() } else { Nanos(least).to_string() };
    let sizes = rows("size from", &detail.sizes, size, bar);
    let lifetimes = rows("alive from", &detail.lifetimes, lifetime, bar);
    if sizes.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<Line<'static>> = Vec::new();
    if is_side_by_side {
        let width = LABEL + COUNT + 2 + bar + GAP;
        let mut right = lifetimes.into_iter();
        for mut left in sizes {
            if let Some(right) = right.next() {
                let gap = width.saturating_sub(left.width());
                left.push_span(Span::raw(" ".repeat(gap)));
                left.extend(right);
            }
            lines.push(left);
        }
        for rest in right {
            let mut line = Line::from(" ".repeat(width));
            line.extend(rest);
            lines.push(line);
        }
    } else {
        lines.extend(sizes);
        lines.extend(lifetimes);
    }
    lines.push(Line::default());
    lines
}

fn rows(
    title: &'static str,
    buckets: &[Bucket],
    show: impl Fn(u64) -> String,
    bar: usize,
) -> Vec<Line<'static>> {
    if buckets.is_empty() {
        return Vec::new();
    }
    let buckets = merged(buckets);
    let most = buckets.iter().map(|bucket| bucket.n).max().unwrap_or(0);
    let head = format!("{title:>LABEL$} {:>COUNT$}", "blocks");
    let mut lines = vec![Line::styled(head, theme::LABEL)];
    for bucket in buckets {
        let n = npprof_model::units::short_count(bucket.n);
        let columns = u16::try_from(bar).unwrap_or(u16::MAX);
        let filled = byte_bar(Bytes(bucket.n).share_of(Bytes(most)), columns);
        lines.push(Line::from(vec![
            Span::raw(format!("{:>LABEL$} {n:>COUNT$} ", show(bucket.least))),
            Span::styled(filled, theme::LIVE),
        ]));
    }
    lines
}

/// Neighbours put together until there are few enough rows.
fn merged(buckets: &[Bucket]) -> Vec<Bucket> {
    let each = buckets.len().div_ceil(MAX_ROWS).max(1);
    let sum = |part: &[Bucket]| Bucket {
        least: part[0].least,
        n: part.iter().fold(0, |n: u64, bucket| n.saturating_add(bucket.n)),
    };
    buckets.chunks(each).map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_buckets_become_few_and_nothing_is_lost() {
        let buckets: Vec<_> = (0..25).map(|n| Bucket { least: 1 << n, n: 2 }).collect();
        let few = merged(&buckets);
        assert!(few.len() <= MAX_ROWS);
        assert_eq!(few.iter().map(|bucket| bucket.n).sum::<u64>(), 50);
        assert_eq!(few[1], Bucket { least: 8, n: 6 });
    }
}
