//! A small drawing of how an array lies in memory and how a loop walks it.
//!
//! Two pictures: the array as a grid, with the places of its elements in memory and the order in
//! which the loop comes to them; and the first cache lines that the loop touches, with what it
//! uses of them.

use npprof_model::ArrayLayout;
use npprof_model::walk::CACHE_LINE;
use ratatui::text::{Line, Span};

use crate::text::{stride as step, width};
use crate::theme;

/// Rows and columns of a grid.
const GRID_ROWS: u64 = 4;
const GRID_COLUMNS: u64 = 5;
/// Elements of a cache line that are drawn.
const MAX_CELLS: u64 = 16;

/// The drawing in at most so many rows; nothing where there is too little room.
pub(crate) fn lines(
    layout: &ArrayLayout,
    stride: i64,
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if rows >= 2 && columns >= 30 {
        lines.extend(cache_lines(layout.itemsize, stride, columns));
    }
    if rows >= lines.len() + 4
        && columns >= 50
        && let Some(axes) = axes(layout, stride)
    {
        let n = u64::try_from(rows - lines.len() - 1).unwrap_or(GRID_ROWS).min(GRID_ROWS);
        lines.extend(grids(layout, stride, axes, n));
    }
    lines
}

/// The first cache lines that the loop touches, each used element in them marked.
fn cache_lines(itemsize: u64, stride: i64, columns: usize) -> Vec<Line<'static>> {
    let itemsize = itemsize.clamp(1, CACHE_LINE);
    let n_cells = (CACHE_LINE / itemsize).clamp(1, MAX_CELLS);
    let bytes_of_cell = CACHE_LINE / n_cells;
    let distance = stride.unsigned_abs();
    let gap = if distance > 2 * CACHE_LINE {
        format!(" ⋯{}⋯ ", step(stride))
    } else {
        " ".to_owned()
    };
    let one = usize::try_from(n_cells).unwrap_or(8) + 2 + width(&gap);
    let label = "cache lines ";
    let n_lines = (columns.saturating_sub(label.len() + 1) / one).clamp(1, 8);
    let mut spans = vec![Span::styled(label, theme::LABEL)];
    let mut line_start = 0_u64;
    let mut offset = 0_u64;
    for nth in 0..n_lines {
        if nth > 0 {
            spans.push(Span::styled(gap.clone(), theme::QUIET));
        }
        let mut used = Vec::new();
        while offset < line_start.saturating_add(CACHE_LINE) {
            used.push((offset - line_start) / bytes_of_cell);
            if distance == 0 {
                offset = line_start.saturating_add(CACHE_LINE);
                break;
            }
            offset = offset.saturating_add(distance);
        }
        spans.push(Span::raw("["));
        for cell in 0..n_cells {
            if used.contains(&cell) {
                spans.push(Span::styled("■", theme::USED));
            } else {
                spans.push(Span::styled("·", theme::QUIET));
            }
        }
        spans.push(Span::raw("]"));
        if distance == 0 {
            break;
        }
        line_start = offset / CACHE_LINE * CACHE_LINE;
    }
    vec![Line::from(spans)]
}

/// The two axes that the picture shows, as (down, across), and whether the loop goes down.
fn axes(layout: &ArrayLayout, stride: i64) -> Option<(usize, usize, bool)> {
    let long: Vec<usize> = (0..layout.shape.len().min(layout.strides.len()))
        .filter(|&axis| layout.shape[axis] > 1)
        .collect();
    let looped = *long
        .iter()
        .rev()
        .find(|&&axis| layout.strides[axis].unsigned_abs() == stride.unsigned_abs())?;
    // Beside it, the axis along which neighbours are closest.
    let other = *long
        .iter()
        .filter(|&&axis| axis != looped)
        .min_by_key(|&&axis| layout.strides[axis].unsigned_abs())?;
    Some((looped.min(other), looped.max(other), looped < other))
}

/// The array twice: where its elements lie, and when the loop comes to them.
fn grids(
    layout: &ArrayLayout,
    stride: i64,
    (down, across, goes_down): (usize, usize, bool),
    n_rows: u64,
) -> Vec<Line<'static>> {
    let (rows, columns) = (layout.shape[down].min(n_rows), layout.shape[across].min(GRID_COLUMNS));
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let offset = |row: u64, column: u64| {
        let along = |n: u64, axis: usize| signed(n).saturating_mul(layout.strides[axis]);
        along(row, down).saturating_add(along(column, across))
    };
    // The order in memory among the elements that are drawn.
    let mut places: Vec<i64> = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| offset(row, column))
        .collect();
    places.sort_unstable();
    places.dedup();
    let (inner, outer) = if goes_down { (rows, columns) } else { (columns, rows) };
    let turn = |row: u64, column: u64| {
        let (fast, slow) = if goes_down { (row, column) } else { (column, row) };
        let fast =
            if stride.signum() * layout.strides[if goes_down { down } else { across }].signum() < 0
            {
                inner - 1 - fast
            } else {
                fast
            };
        slow.min(outer) * inner + fast
    };
    let arrow = if goes_down { "↓" } else { "→" };
    let memory_down = layout.strides[down].unsigned_abs() < layout.strides[across].unsigned_abs();
    let memory = if memory_down { "↓" } else { "→" };
    let cell_columns = usize::try_from(columns * 3).unwrap_or(15);
    let head = format!("in memory {memory}");
    let column = cell_columns.max(width(&head)) + 5;
    let mut lines = vec![Line::from(vec![
        Span::styled(format!("{head}{}", " ".repeat(column - width(&head))), theme::LABEL),
        Span::styled(format!("the loop goes {arrow}"), theme::LABEL),
        Span::styled(
            format!("   axis {down} down, axis {across} across, a corner of the array"),
            theme::QUIET,
        ),
    ])];
    for row in 0..rows {
        let three = |n: usize| format!("{n:>3}");
        let place = |at| places.binary_search(&offset(row, at)).unwrap_or(0);
        let mut text: String = (0..columns).map(|at| three(place(at))).collect();
        text += &" ".repeat(column.saturating_sub(width(&text)));
        let turn = |at| usize::try_from(turn(row, at)).unwrap_or(usize::MAX);
        let turns: String = (0..columns).map(|at| three(turn(at))).collect();
        lines.push(Line::from(vec![Span::raw(text), Span::styled(turns, theme::USED)]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use npprof_model::Order;

    fn layout(shape: &[u64], order: Order) -> ArrayLayout {
        ArrayLayout {
            shape: shape.into(),
            dtype: "float64".into(),
            itemsize: 8,
            strides: ArrayLayout::dense_strides(shape, 8, order).into(),
            order,
        }
    }

    fn drawn(layout: &ArrayLayout, stride: i64) -> Vec<String> {
        lines(layout, stride, 78, 8)
            .iter()
            .map(|line| line.to_string().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn a_loop_along_the_rows_uses_whole_lines() {
        let lines = drawn(&layout(&[1000, 1000], Order::C), 8);
        assert!(lines[0].starts_with("cache lines [■■■■■■■■] [■■■■■■■■]"), "{lines:#?}");
        assert!(lines[1].starts_with("in memory →         the loop goes →"), "{lines:#?}");
        assert_eq!(lines[2], "  0  1  2  3  4       0  1  2  3  4");
        assert_eq!(lines[3], "  5  6  7  8  9       5  6  7  8  9");
    }

    #[test]
    fn a_loop_across_the_rows_uses_an_element_of_each_line() {
        let lines = drawn(&layout(&[1000, 1000], Order::C), 8000);
        assert!(lines[0].starts_with("cache lines [■·······] ⋯8000 B⋯ [■·······]"), "{lines:#?}");
        assert!(lines[1].starts_with("in memory →         the loop goes ↓"), "{lines:#?}");
        assert_eq!(lines[2], "  0  1  2  3  4       0  4  8 12 16");
        assert_eq!(lines[3], "  5  6  7  8  9       1  5  9 13 17");
    }

    #[test]
    fn steps_within_a_line_and_broadcasts_are_drawn_too() {
        let lines = drawn(&layout(&[100], Order::C), 24);
        assert!(lines[0].starts_with("cache lines [■··■··■·] [·■··■··■] [··■··■··]"), "{lines:#?}");
        assert_eq!(drawn(&layout(&[100], Order::C), 0), ["cache lines [■·······]"]);
        assert_eq!(lines.len(), 1);
    }

    #[test]
    fn any_layout_can_be_drawn() {
        for itemsize in [0, 1, 3, 16, 100, u64::MAX] {
            for stride in [i64::MIN, -7, 0, 1, 65, i64::MAX] {
                let odd = ArrayLayout {
                    itemsize,
                    strides: [stride, i64::MIN, 5].into(),
                    ..layout(&[u64::MAX, 3, 2], Order::Strided)
                };
                for rows in 0..9 {
                    assert!(lines(&odd, stride, 60, rows).len() <= rows);
                }
            }
        }
    }
}
