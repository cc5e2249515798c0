//! Arrays of which a list is being made: `list(a)`, `tuple(a)`, `sorted(a)`, `[*a]`.
//!
//! Each of these takes the elements one by one, as a loop does, but asks for the length first, by the
//! same instruction; a loop doesn't ask, and a call of `len` is another instruction.

use npprof_wire::record::{Role, operation as flag};

use crate::memory::Address;
use crate::operation::counters::Small;
use crate::operation::look::Types;
use crate::operation::names::fixed;
use crate::operation::record::{Facts, Operands};
use crate::stack::Here;
use crate::state::State;

/// Elements from which on a list has a record.
const MIN_SCALARS: usize = 1000;

/// The array whose length was asked for last, and from where.
pub(crate) struct Listing {
    array: Address,
    here: Here,
}

impl Listing {
    pub(crate) const fn new() -> Self {
        Self { array: 0, here: Here::NOWHERE }
    }
}

impl State {
    /// The length of an array of one dimension was asked for.
    #[inline]
    pub(crate) fn asked_length(&mut self, array: Address) {
        // SAFETY: `enter` gave out `self`, so this is the current thread and holds the lock.
        let here = unsafe { self.stacks.here(self.thread()) };
        self.operations.listing = Listing { array, here };
    }

    /// An array of one dimension gave its element `number` of `extent`.
    ///
    /// # Safety
    ///
    /// `array` must be a live array.
    #[inline]
    pub(crate) unsafe fn gave_element(
        &mut self,
        array: Address,
        (number, extent): (isize, isize),
        types: &Types,
    ) {
        if self.operations.listing.array != array {
            return;
        }
        if number == 0 {
            // SAFETY: as above.
            let here = unsafe { self.stacks.here(self.thread()) };
            if here != self.operations.listing.here {
                self.operations.listing.array = 0;
                return;
            }
        }
        if number.wrapping_add(1) == extent {
            self.operations.listing.array = 0;
            // SAFETY: the caller vouches for the array.
            unsafe { self.listed(array, types) };
        }
    }

    /// # Safety
    ///
    /// As for [`Self::gave_element`].
    #[cold]
    unsafe fn listed(&mut self, array: Address, types: &Types) {
        let begun = self.begin(fixed::LIST);
        let Some((frame, outer)) = self.end(begun) else { return };
        // SAFETY: the caller vouches for the array.
        let seen = unsafe { self.look(array) };
        if seen.n_elements < MIN_SCALARS {
            let small = Small { read: seen.n_bytes, copied: seen.n_bytes, ..Small::default() };
            return self.count(&frame, small);
        }
        let mut operands = Operands::new(types);
        // SAFETY: as above.
        unsafe { operands.add(array, Role::Input) };
        let second = seen.n_elements as u64;
        let facts = Facts { flags: flag::SEQUENCE, second, ..Facts::default() };
        // SAFETY: the array is alive.
        unsafe { self.record_operation((&frame, outer), facts, &operands, None) };
    }
}
