//! Which methods and functions are operations, and what is special about each.
//!
//! Left out are those that only call others which are here (`sum`, `mean`, `clip` end in a ufunc),
//! and those that have nothing to do with data.

/// What is special about an operation, as bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spec(u32);

impl Spec {
    /// Nothing.
    pub(crate) const PLAIN: Self = Self(0);
    /// Writes to the array that it is a method of, or to its first argument.
    pub(crate) const WRITES: Self = Self(1);
    /// Gives a view where it can.
    pub(crate) const VIEWS: Self = Self(1 << 1);
    /// Its first argument, behind the array, says which elements are meant.
    pub(crate) const INDEXED: Self = Self(1 << 2);
    /// Only makes an array: its allocation tells all.
    pub(crate) const MAKES: Self = Self(1 << 3);
    /// Makes an array of what may be a Python sequence.
    pub(crate) const CONVERTS: Self = Self(1 << 4);
    /// Always has a record.
    pub(crate) const ALWAYS: Self = Self(1 << 5);
    /// Copies what it reads when it is a small one.
    pub(crate) const COPIES: Self = Self(1 << 6);
    /// Makes Python objects of the elements.
    pub(crate) const LISTS: Self = Self(1 << 7);
    /// Gives a single element.
    pub(crate) const ELEMENT: Self = Self(1 << 8);
    /// Takes `dtype` as its first argument.
    pub(crate) const TYPED: Self = Self(1 << 9);
    /// The axis is its first argument, or 1, 2 or 3 for a later one: see [`Self::axis`].
    const AXIS_SHIFT: u32 = 20;
    /// Works along the last axis if no axis is given; else along the first.
    pub(crate) const LAST_AXIS: Self = Self(1 << 10);
    /// Makes a ufunc.
    pub(crate) const MAKES_UFUNC: Self = Self(1 << 11);
    /// Hands the memory to foreign code.
    pub(crate) const EXPORTS: Self = Self(1 << 12);
    /// Takes an iterator that Python code may feed.
    pub(crate) const ITERATES: Self = Self(1 << 13);

    /// A mask, its second argument, says which elements are written.
    pub(crate) const MASKED: Self = Self(1 << 14);
    /// Makes itself copies of what it can't take as it lies.
    pub(crate) const ROUTINE: Self = Self(1 << 15);
    /// Why it copies is told by whether the copy has another dtype.
    pub(crate) const CASTS: Self = Self(1 << 16);
    /// Why it copies is told by whether the copy has another dtype or order.
    pub(crate) const ORDERS: Self = Self(1 << 17);
    /// Gives bytes, or what contains them.
    pub(crate) const BYTES: Self = Self(1 << 18);
    /// Picks elements, and never gives a view.
    pub(crate) const PICKS: Self = Self(1 << 19);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The axis may be the argument with this index.
    const fn axis_at(self, index: u32) -> Self {
        Self(self.0 | index.wrapping_add(1) << Self::AXIS_SHIFT)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Where the axis is among the positional arguments.
    pub(crate) const fn axis(self) -> Option<usize> {
        match (self.0 >> Self::AXIS_SHIFT).checked_sub(1) {
            Some(index) => Some(index as usize),
            None => None,
        }
    }
}

const PLAIN: Spec = Spec::PLAIN;
const COPIES: Spec = Spec::COPIES;
const VIEWS: Spec = Spec::VIEWS;
const WRITES: Spec = Spec::WRITES;
const ARRAY: Spec = COPIES.and(VIEWS).and(Spec::CONVERTS);

/// Methods of `ndarray`.
pub(crate) const METHODS: &[(&str, Spec)] = &[
    ("__array__", VIEWS.and(Spec::ORDERS)),
    ("__copy__", COPIES),
    ("__deepcopy__", COPIES),
    ("__dlpack__", Spec::EXPORTS),
    ("__reduce__", COPIES.and(Spec::BYTES)),
    ("__setstate__", PLAIN),
    ("argmax", Spec::PLAIN.axis_at(0)),
    ("argmin", Spec::PLAIN.axis_at(0)),
    ("argpartition", Spec::LAST_AXIS.axis_at(1)),
    ("argsort", Spec::LAST_AXIS.axis_at(0)),
    ("astype", COPIES.and(VIEWS).and(Spec::TYPED).and(Spec::CASTS)),
    ("byteswap", COPIES),
    ("choose", COPIES.and(Spec::PICKS)),
    ("compress", COPIES.and(Spec::INDEXED).and(Spec::PICKS).axis_at(1)),
    ("copy", COPIES),
    ("diagonal", VIEWS),
    ("dot", Spec::ROUTINE),
    ("fill", WRITES),
    ("flatten", COPIES.and(Spec::ORDERS)),
    ("getfield", VIEWS),
    ("item", Spec::ELEMENT),
    ("itemset", WRITES.and(Spec::ELEMENT)),
    ("nonzero", PLAIN),
    ("partition", WRITES.and(Spec::LAST_AXIS).axis_at(1)),
    ("put", WRITES.and(Spec::INDEXED)),
    ("ravel", COPIES.and(VIEWS)),
    ("repeat", COPIES.and(Spec::INDEXED).axis_at(1)),
    ("reshape", COPIES.and(VIEWS)),
    ("resize", WRITES),
    ("searchsorted", PLAIN),
    ("setfield", WRITES),
    ("sort", WRITES.and(Spec::LAST_AXIS).axis_at(0)),
    ("squeeze", VIEWS),
    ("swapaxes", VIEWS),
    ("take", COPIES.and(Spec::INDEXED).and(Spec::PICKS).axis_at(1)),
    ("tobytes", COPIES.and(Spec::BYTES)),
    ("tofile", PLAIN),
    ("tolist", Spec::LISTS),
    ("tostring", COPIES.and(Spec::BYTES)),
    ("transpose", VIEWS),
    ("view", VIEWS),
];

/// C functions of NumPy's core module.
pub(crate) const FUNCTIONS: &[(&str, Spec)] = &[
    ("_reconstruct", Spec::MAKES),
    ("arange", Spec::MAKES),
    ("array", ARRAY.and(Spec::ORDERS).and(Spec::TYPED)),
    ("asanyarray", ARRAY.and(Spec::ORDERS)),
    ("asarray", ARRAY.and(Spec::ORDERS)),
    ("ascontiguousarray", ARRAY.and(Spec::CASTS)),
    ("asfortranarray", ARRAY.and(Spec::CASTS)),
    ("bincount", PLAIN),
    ("c_einsum", Spec::ROUTINE),
    ("concatenate", COPIES.and(Spec::ALWAYS).axis_at(1)),
    ("copyto", WRITES.and(COPIES)),
    ("correlate", Spec::ROUTINE),
    ("correlate2", Spec::ROUTINE),
    ("count_nonzero", PLAIN),
    ("dot", Spec::ROUTINE),
    ("empty", Spec::MAKES),
    ("empty_like", Spec::MAKES),
    ("from_dlpack", VIEWS),
    ("frombuffer", VIEWS),
    ("fromfile", Spec::MAKES),
    ("fromiter", Spec::ITERATES),
    ("frompyfunc", Spec::MAKES_UFUNC),
    ("fromstring", Spec::MAKES),
    ("inner", Spec::ROUTINE),
    ("interp", PLAIN),
    ("interp_complex", PLAIN),
    ("lexsort", PLAIN),
    ("packbits", PLAIN),
    ("place", WRITES.and(COPIES).and(Spec::INDEXED).and(Spec::MASKED)),
    ("_place", WRITES.and(COPIES).and(Spec::INDEXED).and(Spec::MASKED)),
    ("_insert", WRITES.and(COPIES).and(Spec::INDEXED).and(Spec::MASKED)),
    ("putmask", WRITES.and(COPIES).and(Spec::INDEXED).and(Spec::MASKED)),
    ("ravel_multi_index", PLAIN),
    ("unpackbits", PLAIN),
    ("unravel_index", PLAIN),
    ("vdot", Spec::ROUTINE),
    ("where", PLAIN),
    ("zeros", Spec::MAKES),
];

/// Methods of `ufunc`.
pub(crate) const UFUNC_METHODS: &[(&str, Spec)] = &[
    ("accumulate", Spec::PLAIN.axis_at(1)),
    ("at", WRITES.and(Spec::INDEXED)),
    ("outer", PLAIN),
    ("reduce", Spec::PLAIN.axis_at(1)),
    ("reduceat", Spec::PLAIN.axis_at(2)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_axis_is_kept_beside_the_bits() {
        let spec = Spec::LAST_AXIS.axis_at(1);
        assert_eq!(spec.axis(), Some(1));
        assert!(spec.has(Spec::LAST_AXIS) && !spec.has(Spec::WRITES));
        assert_eq!(Spec::PLAIN.axis(), None);
    }

    #[test]
    fn names_stand_once_in_each_table() {
        for table in [METHODS, FUNCTIONS, UFUNC_METHODS] {
            for (at, (name, _)) in table.iter().enumerate() {
                assert!(table.iter().skip(at + 1).all(|(other, _)| other != name), "{name}");
            }
        }
    }
}
