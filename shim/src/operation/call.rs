//! The arguments of a call from Python, whatever the calling convention.

use npprof_abi::python::object;

use crate::memory::{Address, read};
use crate::operation::look::Types;

/// Keyword arguments that say something about an operation.
#[derive(Clone, Copy)]
pub(crate) enum Keyword {
    Out = 0,
    Dtype = 1,
    Where = 2,
    Axis = 3,
    Order = 4,
    Signature = 5,
    Axes = 6,
}

/// Number of [`Keyword`]s.
pub(crate) const N_KEYWORDS: usize = 7;
/// Their names, in this order.
pub(crate) const KEYWORDS: [&std::ffi::CStr; N_KEYWORDS] =
    [c"out", c"dtype", c"where", c"axis", c"order", c"signature", c"axes"];

/// The arguments of a call: borrowed objects, alive as long as the call.
#[derive(Clone, Copy)]
pub(crate) struct Args {
    /// The array or ufunc that a method belongs to; a module, or null, for functions.
    pub(crate) receiver: Address,
    /// The positional ones, and behind them the values of `names`.
    pub(crate) items: Address,
    pub(crate) n: usize,
    /// A tuple of the names of keyword arguments, or null.
    pub(crate) names: Address,
    /// A dict of keyword arguments, or null.
    pub(crate) dict: Address,
}

impl Args {
    /// A positional argument.
    ///
    /// # Safety
    ///
    /// The call must be under way.
    #[inline]
    pub(crate) unsafe fn positional(&self, index: usize) -> Option<Address> {
        // SAFETY: so many arguments lie there.
        (index < self.n).then(|| unsafe { read::<Address>(self.items, index.wrapping_mul(8)) })
    }

    /// Whether there are any arguments besides the receiver, other than an empty dict.
    pub(crate) fn are_any(&self) -> bool {
        self.n != 0 || self.names != 0 || self.dict != 0
    }

    /// Number of keyword arguments that come with a tuple of names.
    fn n_names(&self) -> usize {
        if self.names == 0 {
            return 0;
        }
        // SAFETY: a tuple, as Python calls.
        unsafe { read::<usize>(self.names, object::OB_SIZE) }
    }

    /// A keyword argument; `None` also where `None` itself was given.
    ///
    /// # Safety
    ///
    /// The call must be under way, with the interpreter lock held.
    pub(crate) unsafe fn keyword(&self, keyword: Keyword, types: &Types) -> Option<Address> {
        let name = *types.keywords.get(keyword as usize)?;
        let found = if self.dict != 0 {
            let python = crate::install::python::get()?;
            // SAFETY: a dict with names as keys; looking one up runs no code of the user's.
            unsafe { python.dict_item(self.dict, name) }
        } else {
            // Names in calls are interned, so they are told apart by their addresses.
            let index = (0..self.n_names()).find(|index| {
                let at = object::TUPLE_ITEMS.wrapping_add(index.wrapping_mul(8));
                // SAFETY: an item of the tuple.
                unsafe { read::<Address>(self.names, at) == name }
            })?;
            // SAFETY: the values follow the positional arguments.
            unsafe { read::<Address>(self.items, self.n.wrapping_add(index).wrapping_mul(8)) }
        };
        (found != 0 && found != types.none).then_some(found)
    }

    /// A parameter that may come by position or by name.
    ///
    /// # Safety
    ///
    /// As for [`Self::keyword`].
    pub(crate) unsafe fn either(
        &self,
        index: Option<usize>,
        keyword: Keyword,
        types: &Types,
    ) -> Option<Address> {
        // SAFETY: the caller vouches for the call.
        let by_position = index.and_then(|index| unsafe { self.positional(index) });
        match by_position {
            Some(value) => (value != types.none).then_some(value),
            // SAFETY: as above.
            None => unsafe { self.keyword(keyword, types) },
        }
    }

    /// Whether a keyword was given, also as `None`.
    ///
    /// # Safety
    ///
    /// As for [`Self::keyword`].
    pub(crate) unsafe fn has(&self, name: Address) -> bool {
        if self.dict != 0 {
            let python = crate::install::python::get();
            // SAFETY: a dict with names as keys.
            return python.is_some_and(|python| unsafe { python.dict_item(self.dict, name) } != 0);
        }
        (0..self.n_names()).any(|index| {
            let at = object::TUPLE_ITEMS.wrapping_add(index.wrapping_mul(8));
            // SAFETY: an item of the tuple.
            unsafe { read::<Address>(self.names, at) == name }
        })
    }
}
