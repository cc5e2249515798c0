//! Numbers for the names of operations.

use npprof_abi::numpy::ufunc;
use npprof_wire::encode::Definition;

use crate::memory::{Address, c_string, read};
use crate::stream::Stream;
use crate::table::{Table, hash_bytes};

/// Operations with different names; more are not told apart.
const MAX_NAMES: u16 = 4096;
/// Longest name, in bytes.
const MAX_NAME: usize = 120;

/// Ufuncs that are remembered.
const N_RECENT: usize = 64;
/// Methods of ufuncs that are remembered.
const N_METHODS: usize = 16;

/// A method of a ufunc whose number is known.
#[derive(Clone, Copy)]
struct Method {
    ufunc: Address,
    /// Where the names of the ufunc and of the method are.
    name: Address,
    method: Address,
    number: u16,
}

const NO_METHOD: Method = Method { ufunc: 0, name: 0, method: 0, number: 0 };

/// Operations that have a number of their own from the start.
pub(crate) mod fixed {
    /// `a[key]`.
    pub(crate) const GET_ITEM: u16 = 1;
    /// `a[key] = value`.
    pub(crate) const SET_ITEM: u16 = 2;
    /// `for x in a`; also `list(a)`, element by element.
    pub(crate) const ITERATION: u16 = 3;
    /// The buffer protocol.
    pub(crate) const BUFFER_EXPORT: u16 = 4;
    /// `list(a)`, besides the iteration.
    pub(crate) const LIST: u16 = 5;
}

const FIXED: [&str; 5] = ["getitem", "setitem", "iteration", "buffer export", "list"];

/// The names seen so far, and the ufuncs that bear them.
pub(crate) struct Names {
    numbers: Table<u64, u16>,
    n: u16,
    ufuncs: Table<u64, u16>,
    /// Ufuncs that were looked up lately.
    recent: [(Address, u16); N_RECENT],
    /// Methods of ufuncs that were looked up lately.
    methods: [Method; N_METHODS],
}

impl Names {
    const EMPTY: Self = Self {
        numbers: Table::EMPTY,
        n: 0,
        ufuncs: Table::EMPTY,
        recent: [(0, 0); N_RECENT],
        methods: [NO_METHOD; N_METHODS],
    };

    /// Defines the fixed ones.
    pub(crate) fn new(stream: &mut Stream) -> Self {
        let mut names = Self::EMPTY;
        for name in FIXED {
            names.number(&[name.as_bytes()], stream);
        }
        names
    }

    /// The number of the operation whose name consists of `parts`; 0 if there are too many.
    pub(crate) fn number(&mut self, parts: &[&[u8]], stream: &mut Stream) -> u16 {
        let mut name = [0; MAX_NAME];
        let mut len = 0;
        for &byte in parts.iter().copied().flatten() {
            if let Some(to) = name.get_mut(len) {
                *to = byte;
                len = len.wrapping_add(1);
            }
        }
        let name = name.get(..len).unwrap_or(&[]);
        let hash = hash_bytes(name, 7);
        if let Some(number) = self.numbers.get(&hash) {
            return number;
        }
        let number = self.n.wrapping_add(1);
        if number >= MAX_NAMES || !self.numbers.insert(hash, number) {
            return 0;
        }
        self.n = number;
        let mut words = [0; MAX_NAME / 8 + 8];
        stream.define(Definition::operation(&mut words, number, name).finish());
        number
    }

    /// The number of a method of a ufunc, as in `add.reduce`.
    ///
    /// # Safety
    ///
    /// `ufunc` must be a live ufunc.
    pub(crate) unsafe fn of_method(
        &mut self,
        ufunc: Address,
        method: &'static str,
        stream: &mut Stream,
    ) -> u16 {
        // SAFETY: a ufunc, which has a name or null.
        let name = unsafe { read::<Address>(ufunc, ufunc::NAME) };
        let at = slot(ufunc).wrapping_add(method.len()) & N_METHODS.wrapping_sub(1);
        let address = method.as_ptr().addr();
        if let Some(known) = self.methods.get(at)
            && known.ufunc == ufunc
            && known.name == name
            && known.method == address
        {
            return known.number;
        }
        // SAFETY: a C string, or null.
        let text = unsafe { c_string(name) };
        let number = self.number(&[text, b".", method.as_bytes()], stream);
        if let Some(place) = self.methods.get_mut(at) {
            *place = Method { ufunc, name, method: address, number };
        }
        number
    }

    /// The number of a ufunc's name; 0 for one that isn't known.
    #[inline(always)]
    pub(crate) fn of_ufunc(&mut self, ufunc: Address) -> u16 {
        match self.recent.get(slot(ufunc)) {
            Some(&(found, number)) if found == ufunc => number,
            _ => self.look_up(ufunc),
        }
    }

    #[cold]
    fn look_up(&mut self, ufunc: Address) -> u16 {
        let number = self.ufuncs.get(&(ufunc as u64)).unwrap_or(0);
        if let Some(place) = self.recent.get_mut(slot(ufunc)) {
            *place = (ufunc, number);
        }
        number
    }

    /// `ufunc` bears the name with this number. Another one may have been at this address.
    pub(crate) fn name_ufunc(&mut self, ufunc: Address, number: u16) {
        self.ufuncs.remove(&(ufunc as u64));
        self.ufuncs.insert(ufunc as u64, number);
        if let Some(place) = self.recent.get_mut(slot(ufunc)) {
            *place = (0, 0);
        }
        for known in self.methods.iter_mut().filter(|known| known.ufunc == ufunc) {
            *known = NO_METHOD;
        }
    }
}

/// Ufuncs are objects of 200 bytes and more, most of them made one after the other.
#[inline(always)]
const fn slot(ufunc: Address) -> usize {
    (ufunc >> 4 ^ ufunc >> 8 ^ ufunc >> 12) & N_RECENT.wrapping_sub(1)
}

const _: () = assert!(N_RECENT.is_power_of_two() && N_METHODS.is_power_of_two());

#[cfg(test)]
mod tests {
    use npprof_shm::Segment;

    use super::*;

    #[test]
    fn a_ufunc_that_takes_the_place_of_another_one_has_its_own_name() {
        let mut names = Names::EMPTY;
        assert_eq!(names.of_ufunc(0x1000), 0);
        names.name_ufunc(0x1000, 5);
        assert_eq!([names.of_ufunc(0x1000), names.of_ufunc(0x1000)], [5, 5]);
        names.name_ufunc(0x1000, 6);
        assert_eq!(names.of_ufunc(0x1000), 6);
    }

    #[test]
    #[expect(clippy::disallowed_types, reason = "a test, not a hook")]
    fn methods_of_a_ufunc_have_numbers_of_their_own() {
        let (segment, _file) = Segment::create().unwrap();
        let mut stream = Stream::new(Box::leak(Box::new(segment)), false);
        let mut names = Names::EMPTY;
        let mut ufunc = [0_usize; 32];
        let mut number = |ufunc: &[usize; 32], method| {
            let address = ufunc.as_ptr().expose_provenance();
            // SAFETY: as much of a ufunc as is read.
            unsafe { names.of_method(address, method, &mut stream) }
        };
        ufunc[ufunc::NAME / 8] = c"add".as_ptr().expose_provenance();
        let reduce = number(&ufunc, "reduce");
        let outer = number(&ufunc, "outer");
        assert_ne!(reduce, outer);
        assert_eq!([number(&ufunc, "reduce"), number(&ufunc, "outer")], [reduce, outer]);
        ufunc[ufunc::NAME / 8] = c"multiply".as_ptr().expose_provenance();
        assert_ne!(number(&ufunc, "reduce"), reduce);
    }
}
