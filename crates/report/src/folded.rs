//! Folded stacks, as flame-graph tools read them: `outermost;…;innermost bytes`, one stack a line.

use std::collections::{BTreeMap, HashMap};

use crate::json::{Frame, SiteStack};
use crate::paint::one_line;
use crate::{Report, SortKey};

/// The call stacks of a report with their weight by `key`: bytes at the high-water mark, live or
/// allocated, or the number of allocations. What is not known of stacks counts as allocated bytes.
#[must_use]
pub fn folded(report: &Report, key: SortKey) -> String {
    let frames: HashMap<u64, &[Frame]> =
        report.stacks.iter().map(|stack| (stack.id, stack.frames.as_slice())).collect();
    let mut weights: BTreeMap<String, u64> = BTreeMap::new();
    for stack in report.sites.iter().flat_map(|site| &site.stacks) {
        let weight = weight(stack, key);
        if weight == 0 {
            continue;
        }
        let frames = frames.get(&stack.stack).copied().unwrap_or_default();
        let names: Vec<String> = frames.iter().rev().map(frame_name).collect();
        let name = if names.is_empty() { "(no Python frame)".to_owned() } else { names.join(";") };
        let sum = weights.entry(name).or_default();
        *sum = sum.saturating_add(weight);
    }
    let mut text = String::new();
    for (stack, weight) in weights {
        text.extend([stack.as_str(), " ", &weight.to_string(), "\n"]);
    }
    text
}

const fn weight(stack: &SiteStack, key: SortKey) -> u64 {
    match key {
        SortKey::HighWater | SortKey::Peak => stack.at_high_water_bytes,
        SortKey::Live => stack.live_bytes,
        SortKey::Allocated | SortKey::Temporary | SortKey::Copied | SortKey::Time => stack.bytes,
        SortKey::Count => stack.n,
    }
}

fn frame_name(frame: &Frame) -> String {
    let file = frame.file.rsplit('/').next().unwrap_or_default();
    // A semicolon separates frames.
    one_line(format!("{} ({file}:{})", frame.function, frame.line)).replace(';', ":")
}
