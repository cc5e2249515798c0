//! The way through the frames: whether they are those of the latest event, and what is new.

use npprof_abi::python::Instruction;

use super::{Kept, MAX_FRAMES, Stack, Stacks};
use crate::install::python::Python;
use crate::memory::{Address, read};
use crate::stream::Stream;

/// Innermost frames that may be new, or may be gone, before all frames are looked at again.
const MAX_NEW: usize = 8;
/// As [`MAX_NEW`], where it takes no search to find which of them are new and which are gone.
const MAX_GONE: usize = 32;

/// How a chain of frames differs from what is kept.
#[derive(Clone, Copy)]
struct Meeting {
    /// Innermost frames that were not there.
    n_new: usize,
    /// The first of the kept ones that still is there.
    first: usize,
    /// How many from there on may have moved: the ones behind have not.
    n_changed: usize,
}

impl Stacks {
    /// Whether all frames outside of `top` are those of the latest event, where they were then.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::place`].
    #[inline]
    pub(super) unsafe fn are_callers_kept(&self, top: Address) -> bool {
        let Some([first, callers @ ..]) = self.kept.get(..self.n_kept) else { return false };
        // SAFETY: the caller's.
        first.frame == top && unsafe { self.are_kept(top, callers) }
    }

    /// Whether the frames outside of `inner` are `callers`, where they were then, and there are no others.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::place`].
    #[inline(always)]
    unsafe fn are_kept(&self, inner: Address, callers: &[Kept]) -> bool {
        let mut frame = inner;
        let offsets = self.offsets;
        if offsets.form == Instruction::Pointer {
            // A pointer to an instruction leads into the code object, and so names it.
            let is_kept = |inner: Address, caller: &Kept| {
                // SAFETY: `inner` is in the chain, or was compared with a frame that is.
                (unsafe { read::<Address>(inner, offsets.previous) }) == caller.frame
                    // SAFETY: just found in the chain.
                    && unsafe { read::<u64>(caller.frame, offsets.instruction) }
                        == caller.place.instruction
            };
            let mut fours = callers.chunks_exact(4);
            for four in fours.by_ref() {
                let [first, second, third, fourth] = four else { return false };
                if !(is_kept(frame, first)
                    && is_kept(first.frame, second)
                    && is_kept(second.frame, third)
                    && is_kept(third.frame, fourth))
                {
                    return false;
                }
                frame = fourth.frame;
            }
            for caller in fours.remainder() {
                if !is_kept(frame, caller) {
                    return false;
                }
                frame = caller.frame;
            }
        } else {
            for caller in callers {
                // SAFETY: `frame` is in the chain, or was compared with a frame that is.
                let previous = unsafe { read::<Address>(frame, offsets.previous) };
                if previous != caller.frame {
                    return false;
                }
                frame = caller.frame;
                // SAFETY: just found in the chain.
                if unsafe { offsets.place(frame) } != caller.place {
                    return false;
                }
            }
        }
        // SAFETY: as above.
        unsafe { read::<Address>(frame, offsets.previous) == 0 }
    }

    /// Numbers the stack when frames have changed, and keeps them.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::place`].
    #[inline(never)]
    pub(super) unsafe fn walk(
        &mut self,
        top: Address,
        python: &Python,
        stream: &mut Stream,
    ) -> u32 {
        // SAFETY: the caller's.
        match unsafe { self.meet(top) } {
            // SAFETY: as above.
            Some(meeting) => unsafe { self.join(meeting, python, stream) },
            // SAFETY: as above.
            None => unsafe { self.walk_all(top, python, stream) },
        }
    }

    /// Finds where the chain of frames meets what is kept, most often a few frames from the innermost
    /// one: a function was called, or has returned, or goes on in its caller. The new frames are left
    /// in `found`.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::place`].
    unsafe fn meet(&mut self, top: Address) -> Option<Meeting> {
        // SAFETY: the caller's.
        let (n_new, first, inner) = match unsafe { self.meet_in_order(top) } {
            Some(found) => found,
            // SAFETY: as above.
            None => unsafe { self.meet_anywhere(top) }?,
        };
        let kept = self.kept.get(..self.n_kept)?;
        let [met, callers @ ..] = kept.get(first..)? else { return None };
        // What has to be cut is looked at as a whole.
        if callers.len().wrapping_add(n_new) >= MAX_FRAMES {
            return None;
        }
        // SAFETY: a frame of the chain.
        let has_moved = unsafe { self.offsets.place(inner) } != met.place;
        let mut n_changed = usize::from(has_moved);
        // Most often only the frame goes on at which the two meet.
        // SAFETY: as above.
        if !unsafe { self.are_kept(inner, callers) } {
            // SAFETY: as above.
            let n_moved = unsafe { self.n_moved(inner, callers) }?;
            n_changed = n_changed.max(n_moved);
        }
        Some(Meeting { n_new, first, n_changed })
    }

    /// How many frames behind the one where the chain meets what is kept, and that one, have been gone
    /// through when none of those behind has moved; `None` if the chain goes elsewhere.
    ///
    /// # Safety
    ///
    /// As for [`Self::are_kept`].
    unsafe fn n_moved(&self, inner: Address, callers: &[Kept]) -> Option<usize> {
        let mut frame = inner;
        let mut n_moved = 0;
        for (at, kept) in callers.iter().enumerate() {
            // SAFETY: a frame of the chain.
            frame = unsafe { read::<Address>(frame, self.offsets.previous) };
            if frame != kept.frame {
                return None;
            }
            // SAFETY: as above.
            if unsafe { self.offsets.place(frame) } != kept.place {
                n_moved = at.wrapping_add(2);
            }
        }
        // SAFETY: as above.
        (unsafe { read::<Address>(frame, self.offsets.previous) } == 0).then_some(n_moved)
    }

    /// How many frames are new before the chain meets what is kept, where in that it does, and the
    /// frame: for an interpreter that puts the frames of calls one above the other. What was kept of
    /// frames above one of the chain is gone.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::place`].
    #[inline(always)]
    unsafe fn meet_in_order(&mut self, top: Address) -> Option<(usize, usize, Address)> {
        if self.offsets.form != Instruction::Pointer {
            return None;
        }
        let kept = self.kept.get(..self.n_kept)?;
        let mut gone = kept.iter().take(MAX_GONE).enumerate();
        let mut frame = top;
        let (mut at, mut nearest) = gone.next()?;
        for (n_new, found) in self.found.iter_mut().take(MAX_GONE).enumerate() {
            while nearest.frame > frame {
                (at, nearest) = gone.next()?;
            }
            if nearest.frame == frame {
                return Some((n_new, at, frame));
            }
            // SAFETY: a frame of the chain.
            let place = unsafe { self.offsets.place(frame) };
            *found = Kept { frame, place, stack: 0 };
            // SAFETY: as above.
            frame = unsafe { read::<Address>(frame, self.offsets.previous) };
            if frame == 0 {
                return None;
            }
        }
        None
    }

    /// As [`Self::meet_in_order`], wherever frames lie: also those of generators.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::place`].
    unsafe fn meet_anywhere(&mut self, top: Address) -> Option<(usize, usize, Address)> {
        let kept = self.kept.get(..self.n_kept)?;
        let mut frame = top;
        for (n_new, found) in self.found.iter_mut().take(MAX_NEW.wrapping_add(1)).enumerate() {
            let near = kept.iter().take(MAX_NEW);
            if let Some(first) = near.map(|kept| kept.frame).position(|kept| kept == frame) {
                return Some((n_new, first, frame));
            }
            // SAFETY: a frame of the chain.
            let place = unsafe { self.offsets.place(frame) };
            *found = Kept { frame, place, stack: 0 };
            // SAFETY: as above.
            frame = unsafe { read::<Address>(frame, self.offsets.previous) };
            if frame == 0 {
                return None;
            }
        }
        None
    }

    /// Keeps a chain of frames that [`Self::meet`] has looked at.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::place`].
    unsafe fn join(&mut self, meeting: Meeting, python: &Python, stream: &mut Stream) -> u32 {
        let Meeting { n_new, first, n_changed } = meeting;
        let n_same = self.n_kept.wrapping_sub(first);
        if n_new != first {
            self.kept.copy_within(first..first.wrapping_add(n_same), n_new);
        }
        for (to, from) in self.kept.iter_mut().zip(&*self.found).take(n_new) {
            *to = *from;
        }
        self.n_kept = n_new.wrapping_add(n_same);
        // The innermost one is looked up for its line in any case.
        let n_numbered = n_new.wrapping_add(n_changed).max(1);
        let kept = self.kept.get(..self.n_kept).unwrap_or(&[]);
        let mut caller = kept.get(n_numbered).map_or(0, |kept| kept.stack);
        let mut latest = Stack { stack: 0, before: 0, after: 0 };
        let n_kept = self.n_kept;
        for at in (0..n_numbered).rev() {
            let Some(&Kept { frame, .. }) = self.kept.get(at) else { break };
            // SAFETY: a frame of the chain.
            let place = unsafe { self.offsets.place(frame) };
            // SAFETY: as above.
            if !unsafe { self.offsets.is_entry(frame) } {
                // SAFETY: as above; its code object is alive.
                latest = unsafe { self.number(caller, place, python, stream) };
                caller = latest.stack;
            }
            if let Some(kept) = self.kept.get_mut(at) {
                *kept = Kept { frame, place, stack: caller };
            }
        }
        self.n_kept = n_kept;
        self.generation = self.generation.wrapping_add(1);
        self.latest = latest;
        caller
    }

    /// Looks at all frames, numbers the stacks from the outermost one that has changed, keeps them.
    ///
    /// # Safety
    ///
    /// As for [`FrameOffsets::place`].
    #[cold]
    unsafe fn walk_all(&mut self, top: Address, python: &Python, stream: &mut Stream) -> u32 {
        let mut n_found = 0_usize;
        let mut frame = top;
        while frame != 0 {
            let Some(found) = self.found.get_mut(n_found) else { break };
            // SAFETY: a frame of the chain.
            let place = unsafe { self.offsets.place(frame) };
            *found = Kept { frame, place, stack: 0 };
            n_found = n_found.wrapping_add(1);
            // SAFETY: as above.
            frame = unsafe { read::<Address>(frame, self.offsets.previous) };
        }
        // From the outermost frame inwards, as long as nothing has changed.
        let mut caller = 0;
        let mut is_same = true;
        let mut latest = Stack { stack: 0, before: 0, after: 0 };
        for depth in 1..=n_found {
            let at = n_found.wrapping_sub(depth);
            let Some(&found) = self.found.get(at) else { break };
            let kept = self.n_kept.checked_sub(depth).and_then(|at| self.kept.get(at)).copied();
            is_same &= kept.is_some_and(|kept| kept.place == found.place);
            let stack = match kept {
                // The innermost one is looked up for its line.
                Some(kept) if is_same && depth < n_found => kept.stack,
                // SAFETY: a frame of the chain.
                _ if unsafe { self.offsets.is_entry(found.frame) } => caller,
                _ => {
                    // SAFETY: a frame of the chain, whose code object is alive.
                    latest = unsafe { self.number(caller, found.place, python, stream) };
                    latest.stack
                }
            };
            if let Some(found) = self.found.get_mut(at) {
                found.stack = stack;
            }
            caller = stack;
        }
        std::mem::swap(&mut self.kept, &mut self.found);
        self.generation = self.generation.wrapping_add(1);
        // A cut stack never counts as unchanged: its outermost frame has a caller.
        self.n_kept = n_found;
        self.latest = latest;
        caller
    }
}
