//! What NumPy did at a site.

use npprof_model::Site;
use npprof_model::units::short_count;
use ratatui::text::Line;

use crate::data::Data;
use crate::text::{self, clean, fit_middle, layout_with_strides, width};
use crate::theme;

/// Operations that are shown.
const MAX_OPERATIONS: usize = 12;
/// Operands of each.
const MAX_OPERANDS: usize = 3;

/// Its operations, most time first, with their title; nothing where there are none.
pub(super) fn lines(site: &Site, data: &Data, columns: usize) -> Vec<Line<'static>> {
    let mut operations: Vec<_> =
        data.snapshot.operations.iter().filter(|it| it.site == site.id).collect();
    if operations.is_empty() {
        return Vec::new();
    }
    operations.sort_by_key(|it| std::cmp::Reverse((it.time, it.copied, it.n)));
    let head = format!("{:>11} {:>10} {:>8}  operation", "time", "copied", "calls");
    let mut lines = vec![Line::default(), Line::styled(head, theme::LABEL)];
    for operation in operations.iter().take(MAX_OPERATIONS) {
        let time = text::time(operation.time);
        let calls = short_count(operation.n);
        let figures = format!("{time:>11} {:>10} {calls:>8}  ", operation.copied.to_string());
        let room = columns.saturating_sub(width(&figures));
        lines.push(Line::raw(figures + &fit_middle(&clean(&operation.name), room)));
        for count in operation.operands.iter().take(MAX_OPERANDS) {
            let stride = count.operand.inner_stride;
            let stride =
                stride.map_or_else(String::new, |stride| format!(", inner stride {stride} B"));
            let text = format!("{}{stride}", layout_with_strides(&count.operand.layout));
            let text = fit_middle(&text, columns.saturating_sub(35));
            lines.push(Line::styled(format!("{:>35}{text}", ""), theme::QUIET));
        }
    }
    if operations.len() > MAX_OPERATIONS {
        let more = format!("{:>33}and {} more", "", operations.len() - MAX_OPERATIONS);
        lines.push(Line::styled(more, theme::QUIET));
    }
    lines
}
