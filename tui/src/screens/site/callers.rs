//! Who called a site: its call stacks as a tree, the site itself at the root.

use npprof_model::{Bytes, CallStack, Frame, Site, StackCount};
use ratatui::text::{Line, Span};

use crate::data::Data;
use crate::text;
use crate::theme;

/// Lines of the tree.
const MAX_LINES: usize = 30;
/// Callers of a frame that are shown.
const MAX_CHILDREN: usize = 5;

/// A frame and who called it.
struct Caller<'a> {
    frame: &'a Frame,
    bytes: Bytes,
    stacks: Vec<(StackCount, &'a [Frame])>,
}

/// The tree with its title; nothing while no call stacks are known.
pub(super) fn lines(site: &Site, data: &Data, columns: usize) -> Vec<Line<'static>> {
    let Some((site, stacks)) = data.stacks_of(site.id) else { return Vec::new() };
    let frames = |count: &StackCount| frames_of(stacks, count);
    let own: Vec<_> =
        site.stacks.iter().filter_map(|count| Some((*count, frames(count)?))).collect();
    if own.is_empty() {
        return Vec::new();
    }
    let whole: Bytes = own.iter().map(|(count, _)| count.bytes).sum();
    let mut lines =
        vec![Line::default(), Line::styled("allocated            called from", theme::LABEL)];
    // Frames inside the call site, as those of a library that it called, are left out.
    let from_site = own
        .into_iter()
        .map(|(count, frames)| {
            let place = frames.iter().position(|frame| *frame == site.frame).unwrap_or(0);
            (count, frames.get(place + 1..).unwrap_or_default())
        })
        .collect();
    let tree = Tree { cwd: &data.snapshot.cwd, columns, whole };
    tree.add(from_site, 0, &mut lines);
    lines
}

fn frames_of<'a>(stacks: &'a [CallStack], count: &StackCount) -> Option<&'a [Frame]> {
    // Most often at the place that its number says.
    let place = usize::try_from(count.stack.0).ok()?;
    let near = stacks.get(place).filter(|stack| stack.id == count.stack);
    let stack = near.or_else(|| stacks.iter().find(|stack| stack.id == count.stack))?;
    Some(&stack.frames)
}

struct Tree<'a> {
    cwd: &'a str,
    columns: usize,
    whole: Bytes,
}

impl Tree<'_> {
    fn add(
        &self,
        stacks: Vec<(StackCount, &[Frame])>,
        depth: usize,
        lines: &mut Vec<Line<'static>>,
    ) {
        let callers = callers(stacks);
        let n = callers.len();
        // A chain without branches needs no further indent.
        let next_depth = if n > 1 { depth + 1 } else { depth };
        for (place, caller) in callers.into_iter().enumerate() {
            if lines.len() >= MAX_LINES {
                return;
            }
            let indent = "  ".repeat(depth.min(10));
            if place >= MAX_CHILDREN {
                let more = format!("{:>21}{indent}and {} more", "", n - place);
                lines.push(Line::styled(more, theme::QUIET));
                return;
            }
            let share = caller.bytes.share_of(self.whole) * 100.0;
            let figures = format!("{:>10} {share:>5.0} %   {indent}← ", caller.bytes.to_string());
            let room = self.columns.saturating_sub(text::width(&figures));
            lines.push(Line::from(vec![
                Span::raw(figures),
                Span::raw(text::site(caller.frame, self.cwd, room)),
            ]));
            self.add(caller.stacks, next_depth, lines);
        }
    }
}

/// Puts stacks together by their next frame, most bytes first.
fn callers(stacks: Vec<(StackCount, &[Frame])>) -> Vec<Caller<'_>> {
    let mut callers: Vec<Caller<'_>> = Vec::new();
    for (count, frames) in stacks {
        let Some((frame, rest)) = frames.split_first() else { continue };
        if let Some(caller) = callers.iter_mut().find(|caller| caller.frame == frame) {
            caller.bytes = Bytes(caller.bytes.0.saturating_add(count.bytes.0));
            caller.stacks.push((count, rest));
        } else {
            let stacks = vec![(count, rest)];
            callers.push(Caller { frame, bytes: count.bytes, stacks });
        }
    }
    callers.sort_by_key(|caller| std::cmp::Reverse(caller.bytes));
    callers
}
