//! Numbers for the names of operations.

use npprof_wire::encode::Definition;

use crate::memory::Address;
use crate::stream::Stream;
use crate::table::{Table, hash_bytes};

/// Operations with different names; more are not told apart.
const MAX_NAMES: u16 = 4096;
/// Longest name, in bytes.
const MAX_NAME: usize = 120;

/// Operations that have a number of their own from the start.
pub(crate) mod fixed {
    /// `a[key]`.
    pub(crate) const GET_ITEM: u16 = 1;
    /// `a[key] = value`.
    pub(crate) const SET_ITEM: u16 = 2;
    /// `for x in a`, `list(a)`.
    pub(crate) const ITERATION: u16 = 3;
    /// The buffer protocol.
    pub(crate) const BUFFER_EXPORT: u16 = 4;
}

const FIXED: [&str; 4] = ["getitem", "setitem", "iteration", "buffer export"];

/// The names seen so far, and the ufuncs that bear them.
pub(crate) struct Names {
    numbers: Table<u64, u16>,
    n: u16,
    ufuncs: Table<u64, u16>,
}

impl Names {
    /// Defines the fixed ones.
    pub(crate) fn new(stream: &mut Stream) -> Self {
        let mut names = Self { numbers: Table::EMPTY, n: 0, ufuncs: Table::EMPTY };
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

    /// The number of a ufunc's name; 0 for one that isn't known.
    #[inline]
    pub(crate) fn of_ufunc(&self, ufunc: Address) -> u16 {
        self.ufuncs.get(&(ufunc as u64)).unwrap_or(0)
    }

    /// `ufunc` bears the name with this number. Another one may have been at this address.
    pub(crate) fn name_ufunc(&mut self, ufunc: Address, number: u16) {
        self.ufuncs.remove(&(ufunc as u64));
        self.ufuncs.insert(ufunc as u64, number);
    }
}
