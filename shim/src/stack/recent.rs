//! Stacks that were numbered lately, by where the innermost frame is and the stack of its caller.
//!
//! What stands here was found in the tables. It is known by a code object's address, so all of it is
//! forgotten when one dies.

use super::{Place, Stack};

/// Stacks that are remembered: enough for the places that a large program comes to again and again.
pub(super) const N_RECENT: usize = 8192;

#[derive(Clone, Copy)]
pub(super) struct Entry {
    place: Place,
    caller: u32,
    /// See [`Recent::age`].
    age: u32,
    stack: Stack,
}

impl Entry {
    pub(super) const NONE: Self = Self {
        place: Place { code: 0, instruction: 0 },
        caller: 0,
        age: 0,
        stack: Stack { stack: 0, before: 0, after: 0 },
    };
}

pub(super) struct Recent {
    entries: &'static mut [Entry; N_RECENT],
    /// How often all was forgotten: entries of another age don't count.
    age: u32,
}

impl Recent {
    /// Nothing is remembered, in `entries` that are all [`Entry::NONE`].
    pub(super) const fn new(entries: &'static mut [Entry; N_RECENT]) -> Self {
        Self { entries, age: 1 }
    }

    #[inline(always)]
    pub(super) fn get(&self, caller: u32, place: Place) -> Option<Stack> {
        let entry = self.entries.get(slot(caller, place))?;
        let is_same = entry.place.instruction == place.instruction
            && entry.place.code == place.code
            && entry.caller == caller
            && entry.age == self.age;
        is_same.then_some(entry.stack)
    }

    pub(super) fn put(&mut self, caller: u32, place: Place, stack: Stack) {
        if let Some(entry) = self.entries.get_mut(slot(caller, place)) {
            *entry = Entry { place, caller, age: self.age, stack };
        }
    }

    pub(super) fn forget(&mut self) {
        self.age = self.age.wrapping_add(1);
        if self.age == 0 {
            *self.entries = [Entry::NONE; N_RECENT];
            self.age = 1;
        }
    }
}

/// Neighbouring instructions and stacks are told apart.
#[inline(always)]
fn slot(caller: u32, place: Place) -> usize {
    let place = place.instruction.wrapping_add((place.code as u64).rotate_left(5));
    let mixed = (place ^ u64::from(caller) << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize & N_RECENT.wrapping_sub(1)
}

const _: () = assert!(N_RECENT.is_power_of_two());
const _: () = assert!(size_of::<Entry>() == 32, "two of them fit into a cache line");

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_types, reason = "a test, not a hook")]
    fn recent() -> Recent {
        Recent::new(Box::leak(Box::new([Entry::NONE; N_RECENT])))
    }

    #[test]
    fn a_stack_is_found_by_its_caller_and_its_place_until_all_is_forgotten() {
        let mut recent = recent();
        let place = Place { code: 0x1000, instruction: 0x1040 };
        let stack = Stack { stack: 7, before: 2, after: 4 };
        assert!(recent.get(3, place).is_none());
        recent.put(3, place, stack);
        assert_eq!(recent.get(3, place).map(|stack| stack.stack), Some(7));
        assert!(recent.get(4, place).is_none());
        assert!(recent.get(3, Place { code: 0x2000, ..place }).is_none());
        assert!(recent.get(3, Place { instruction: 0x1042, ..place }).is_none());
        recent.forget();
        assert!(recent.get(3, place).is_none());
    }

    #[test]
    fn nothing_is_found_where_nothing_was_put() {
        assert!(recent().get(0, Entry::NONE.place).is_none());
    }
}
