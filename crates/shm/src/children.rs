//! The header's table of ended children: what a process learns by waiting, the collector learns too.

use npprof_wire::segment::{CHILDREN, EXIT_VALID, MAX_CHILDREN, N_CHILDREN};

use crate::Segment;
use crate::sync::Ordering;

/// Writes a child's end into the table; any thread may do so at any time.
pub fn note(segment: &Segment, pid: u32, wait_status: i32) {
    let index = segment.word(N_CHILDREN).fetch_add(1, Ordering::Relaxed);
    let index = usize::try_from(index).unwrap_or(0).wrapping_rem(MAX_CHILDREN);
    let at = CHILDREN.wrapping_add(index.wrapping_mul(2));
    segment.word(at).store(u64::from(pid), Ordering::Relaxed);
    let status = EXIT_VALID | u64::from(wait_status.cast_unsigned());
    // Pairs with the `Acquire` of `ended`: whoever sees the status sees whose it is.
    segment.word(at.wrapping_add(1)).store(status, Ordering::Release);
}

/// Process ids and wait statuses, as far as they stand in the table.
#[must_use]
pub fn ended(segment: &Segment) -> Vec<(u32, i32)> {
    let n_claimed = segment.word(N_CHILDREN).load(Ordering::Relaxed);
    let n_claimed = usize::try_from(n_claimed).unwrap_or(usize::MAX);
    let entry = |index: usize| {
        let status = segment.word(CHILDREN + 2 * index + 1).load(Ordering::Acquire);
        let pid = segment.word(CHILDREN + 2 * index).load(Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "wait statuses have 32 bits")]
        let wait_status = (status as u32).cast_signed();
        (status & EXIT_VALID != 0).then_some((u32::try_from(pid).ok()?, wait_status))
    };
    (0..n_claimed.min(MAX_CHILDREN)).filter_map(entry).collect()
}
