//! Single elements that go to Python or come from it, counted as cheaply as can be.
//!
//! Where such an access comes from is told by the innermost frame, its instruction, and its caller's
//! instruction; the whole stack is only numbered for places that weren't seen lately.

use crate::memory::Address;
use crate::operation::counters::{self, Counter};
use crate::stack::Here;
use crate::state::State;

/// Places that are remembered.
const N_PLACES: usize = 64;

#[derive(Clone, Copy)]
struct Place {
    here: Here,
    key: u64,
    counter: Option<&'static Counter>,
}

const NOWHERE: Place = Place { here: Here::NOWHERE, key: 0, counter: None };

/// The places from which single elements were accessed.
pub(crate) struct Scalars {
    places: [Place; N_PLACES],
}

impl Scalars {
    pub(crate) const fn new() -> Self {
        Self { places: [NOWHERE; N_PLACES] }
    }
}

impl State {
    /// Counts an access to a single element, by this operation.
    #[inline(always)]
    pub(crate) fn count_scalar(&mut self, operation: u16) {
        // SAFETY: `enter` gave out `self`, so this is the current thread and holds the lock.
        let here = unsafe { self.stacks.here(self.thread()) };
        let slot = here.slot(operation) & N_PLACES.wrapping_sub(1);
        if let Some(place) = self.operations.scalars.places.get(slot)
            && place.here == here
            && place.key & 0xffff == u64::from(operation)
            && let Some(counter) = place.counter
            && counters::count_scalar(counter, place.key)
        {
            return;
        }
        self.count_scalar_anew(operation);
    }

    #[cold]
    fn count_scalar_anew(&mut self, operation: u16) {
        // SAFETY: as in `count_scalar`.
        let here = unsafe { self.stacks.here(self.thread()) };
        let slot = here.slot(operation) & N_PLACES.wrapping_sub(1);
        let key = counters::key(self.stack(), operation);
        let at = counters::find(key, &mut self.stream);
        let counter = counters::counter(&self.stream, at);
        if let Some(counter) = counter {
            counters::count_scalar(counter, key);
        }
        // Without a Python frame here may be anywhere.
        if here != Here::NOWHERE
            && let Some(place) = self.operations.scalars.places.get_mut(slot)
        {
            *place = Place { here, key, counter };
        }
    }

    /// A range of an array was read, element by element.
    #[inline(always)]
    pub(crate) fn read_range(&mut self, array: Address, range: (Address, Address)) {
        self.operations.touches.read(array, range, &mut self.stream);
    }

    /// A range of an array was written.
    #[inline(always)]
    pub(crate) fn write_range(&mut self, array: Address, range: (Address, Address)) {
        self.operations.touches.write(array, range, &mut self.stream);
    }
}

const _: () = assert!(N_PLACES.is_power_of_two());
