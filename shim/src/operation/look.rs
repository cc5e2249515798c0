//! What can be seen of an object in a few loads.

use std::sync::OnceLock;

use npprof_abi::numpy::{ArrayBody, array, scalar};
use npprof_abi::python::IntLayout;
use npprof_abi::python::object::{self, OBJECT_SIZE};
use npprof_wire::record::{MAX_NDIM, Scalar};

use crate::memory::{Address, c_string, read};

/// Bytes of a cache line.
pub(crate) const CACHE_LINE: usize = 64;
/// Bytes of an array object.
const ARRAY_SIZE: usize = OBJECT_SIZE.wrapping_add(size_of::<ArrayBody>());
/// Flags of an array that lies without gaps. What its strides say beyond that is no matter: either it
/// has at most one element, or none of them is smaller than an itemsize and one of them is that.
const DENSE: i32 = array::C_CONTIGUOUS | array::F_CONTIGUOUS;
/// Longest chain of base classes that is followed to `ndarray`.
const MAX_BASES: usize = 12;

/// A function of the interpreter that gives an `int`'s value and whether it fits, without an error.
pub(crate) type IntValue = unsafe extern "C" fn(*mut std::ffi::c_void, *mut i32) -> i64;

/// The types that hooks know, and what they need of the interpreter besides.
pub(crate) struct Types {
    pub(crate) array: Address,
    pub(crate) int: Address,
    /// NumPy's integer of the size of an index.
    pub(crate) numpy_int: Address,
    pub(crate) float: Address,
    pub(crate) complex: Address,
    pub(crate) bool: Address,
    pub(crate) slice: Address,
    pub(crate) tuple: Address,
    pub(crate) list: Address,
    pub(crate) generator: Address,
    /// `None` and `...` themselves.
    pub(crate) none: Address,
    pub(crate) ellipsis: Address,
    pub(crate) int_value: IntValue,
    pub(crate) int_layout: IntLayout,
    /// Interned names of keyword arguments, as [`crate::operation::call::Keyword`] numbers them.
    pub(crate) keywords: [Address; crate::operation::call::N_KEYWORDS],
}

static TYPES: OnceLock<Types> = OnceLock::new();

impl Types {
    /// Makes these the known types. Once.
    pub(crate) fn set(self) {
        let _ = TYPES.set(self);
    }
}

/// The known types; `None` before operations are hooked.
#[inline(always)]
pub(crate) fn types() -> Option<&'static Types> {
    TYPES.get()
}

/// The type of an object.
///
/// # Safety
///
/// `object` must be alive.
#[inline(always)]
pub(crate) unsafe fn type_of(object: Address) -> Address {
    // SAFETY: every object has a type.
    unsafe { read::<Address>(object, object::OB_TYPE) }
}

/// A type's name, for types of C code with the module in front.
///
/// # Safety
///
/// `class` must be a type that outlives `'a`.
pub(crate) unsafe fn name_of<'a>(class: Address) -> &'a [u8] {
    // SAFETY: every type has a name.
    let name = unsafe { read::<Address>(class, object::TP_NAME) };
    // SAFETY: a C string, which lives as long as the type.
    unsafe { c_string(name) }
}

/// Whether an object is an array, of a subclass as well.
///
/// # Safety
///
/// `object` must be null or alive.
#[inline(always)]
pub(crate) unsafe fn is_array(object: Address, types: &Types) -> bool {
    if object == 0 {
        return false;
    }
    // SAFETY: the caller vouches for the object.
    let class = unsafe { type_of(object) };
    if class == types.array {
        return true;
    }
    // What is smaller than an array is none: most operands that aren't arrays are numbers, or `None`.
    // SAFETY: a type of a live object is alive.
    let size = unsafe { read::<usize>(class, object::TP_BASICSIZE) };
    // SAFETY: as above.
    size >= ARRAY_SIZE && unsafe { is_subclass(class, types) }
}

/// # Safety
///
/// `class` must be a live type.
#[inline(never)]
unsafe fn is_subclass(class: Address, types: &Types) -> bool {
    let mut base = class;
    for _ in 0..MAX_BASES {
        // SAFETY: the caller's class, or a base of it, which it keeps alive.
        base = unsafe { read::<Address>(base, object::TP_BASE) };
        if base == types.array {
            return true;
        }
        if base == 0 {
            return false;
        }
    }
    false
}

/// Whether an object is a list or a tuple.
///
/// # Safety
///
/// `object` must be null or alive.
pub(crate) unsafe fn is_sequence(object: Address, types: &Types) -> bool {
    // SAFETY: the caller vouches for the object.
    object != 0
        && matches!(unsafe { type_of(object) }, class if class == types.list || class == types.tuple)
}

/// Items of a list or tuple.
///
/// # Safety
///
/// `sequence` must be a live list or tuple that nobody changes meanwhile.
pub(crate) unsafe fn items(sequence: Address, types: &Types) -> (Address, usize) {
    // SAFETY: both have their size there.
    let n = unsafe { read::<usize>(sequence, object::OB_SIZE) };
    // SAFETY: as above.
    if unsafe { type_of(sequence) } == types.list {
        // SAFETY: a list leads to its items.
        (unsafe { read::<Address>(sequence, object::LIST_ITEMS) }, n)
    } else {
        (sequence.wrapping_add(object::TUPLE_ITEMS), n)
    }
}

/// Whether a type is that of integers as which indices come: Python's, and NumPy's of that size.
#[inline(always)]
pub(crate) fn is_integer(class: Address, types: &Types) -> bool {
    class == types.int || class == types.numpy_int
}

/// The value of an exact `int` or of NumPy's integer; `None` if it is none, or too large.
///
/// # Safety
///
/// `object` must be alive.
#[inline(always)]
pub(crate) unsafe fn int_value(object: Address, types: &Types) -> Option<isize> {
    // SAFETY: the caller vouches for the object.
    let class = unsafe { type_of(object) };
    if class != types.int {
        // SAFETY: one of NumPy's integers.
        let value = || unsafe { read::<isize>(object, scalar::LONG_VALUE) };
        return (class == types.numpy_int).then(value);
    }
    let layout = types.int_layout;
    // SAFETY: an `int`.
    match layout.sign(unsafe { read::<u64>(object, layout.size) }) {
        Some(0) => Some(0),
        Some(sign) => {
            // SAFETY: an `int` that isn't zero has a digit.
            let digit = unsafe { read::<u32>(object, layout.digit) };
            isize::try_from(sign.wrapping_mul(digit.into())).ok()
        }
        // SAFETY: an `int`.
        None => unsafe { ask_value(object, types) },
    }
}

/// As [`int_value`], for an exact `int`, by the interpreter's own function.
///
/// # Safety
///
/// `object` must be a live `int`.
#[cold]
pub(crate) unsafe fn ask_value(object: Address, types: &Types) -> Option<isize> {
    let mut overflow = 0;
    let object = std::ptr::with_exposed_provenance_mut(object);
    // SAFETY: an `int`; the function sets no error for one.
    let value = unsafe { (types.int_value)(object, &raw mut overflow) };
    if overflow != 0 { None } else { isize::try_from(value).ok() }
}

/// Whether a `bool` is true; `None` for what is none.
///
/// # Safety
///
/// `object` must be alive.
pub(crate) unsafe fn truth(object: Address, types: &Types) -> Option<bool> {
    // SAFETY: the caller vouches for the object.
    if unsafe { type_of(object) } != types.bool {
        return None;
    }
    let mut overflow = 0;
    let object = std::ptr::with_exposed_provenance_mut(object);
    // SAFETY: a `bool` is an `int`; the function sets no error for one.
    Some(unsafe { (types.int_value)(object, &raw mut overflow) } != 0)
}

/// What an object is that is no array.
///
/// # Safety
///
/// `object` must be alive.
pub(crate) unsafe fn scalar_kind(object: Address, types: &Types) -> Scalar {
    // SAFETY: the caller vouches for the object.
    let class = unsafe { type_of(object) };
    if class == types.float {
        Scalar::Float
    } else if class == types.int {
        Scalar::Int
    } else if class == types.bool {
        Scalar::Bool
    } else if class == types.complex {
        Scalar::Complex
    } else if class == types.list || class == types.tuple {
        Scalar::Sequence
    } else {
        // SAFETY: a type of a live object.
        let name = unsafe { name_of(class) };
        if name.starts_with(b"numpy.") { Scalar::Numpy } else { Scalar::Other }
    }
}

/// The extent of an array, in a few figures.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) data: Address,
    pub(crate) n_elements: usize,
    pub(crate) n_bytes: usize,
    /// Smallest distance between neighbours along an axis, zero strides left out; an itemsize if there
    /// is no such axis.
    pub(crate) stride: usize,
    /// Elements times what each takes of the caches: a line at most.
    pub(crate) weight: usize,
}

impl Seen {
    #[inline(always)]
    fn new(data: Address, n_elements: usize, itemsize: usize, stride: usize) -> Self {
        let weight = n_elements.wrapping_mul(itemsize.max(stride.min(CACHE_LINE)));
        let n_bytes = n_elements.wrapping_mul(itemsize);
        Self { data, n_elements, n_bytes, stride, weight }
    }

    /// What reading the whole array reads: from where on, and how far; nothing if it is empty.
    #[inline(always)]
    pub(crate) fn read(&self) -> (Address, usize) {
        if self.n_bytes == 0 {
            return (0, 0);
        }
        (self.data, self.n_elements.wrapping_mul(self.stride).max(self.n_bytes))
    }

    /// Whether this is at most one element, written to all of more than that.
    pub(crate) fn fills(&self, n_elements: usize) -> bool {
        self.n_elements <= 1 && n_elements > self.n_elements
    }
}

/// Looks at an array.
///
/// # Safety
///
/// `array` must be a live array, with the interpreter lock held.
#[inline(always)]
pub(crate) unsafe fn look(array: Address, itemsize: usize) -> Seen {
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
    let data = body.data.addr();
    if body.ndim == 1 && body.flags & DENSE != 0 {
        // Of more than one element, neighbours are an itemsize apart.
        // SAFETY: NumPy keeps an extent there.
        let n_elements = unsafe { read::<usize>(body.shape.addr(), 0) };
        let n_bytes = n_elements.wrapping_mul(itemsize);
        return Seen { data, n_elements, n_bytes, stride: itemsize, weight: n_bytes };
    }
    // SAFETY: the caller's.
    let (n_elements, stride) = unsafe { look_along_all(array, itemsize) };
    Seen::new(data, n_elements, itemsize, stride)
}

/// Number of elements and [`Seen::stride`] of an array, whatever its dimensions. As a pair it comes in
/// registers.
///
/// # Safety
///
/// As for [`look`].
#[inline(never)]
unsafe fn look_along_all(array: Address, itemsize: usize) -> (usize, usize) {
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
    let ndim = usize::try_from(body.ndim).unwrap_or(0).min(MAX_NDIM);
    let (shape, strides) = (body.shape.addr(), body.strides.addr());
    let mut n_elements = 1_usize;
    if body.flags & DENSE != 0 {
        for axis in 0..ndim {
            // SAFETY: NumPy keeps `ndim` extents there.
            let extent = unsafe { read::<usize>(shape, axis.wrapping_mul(8)) };
            n_elements = n_elements.wrapping_mul(extent);
        }
        return (n_elements, itemsize);
    }
    let mut smallest = usize::MAX;
    for axis in 0..ndim {
        let offset = axis.wrapping_mul(8);
        // SAFETY: NumPy keeps `ndim` extents and strides there.
        let extent = unsafe { read::<usize>(shape, offset) };
        // SAFETY: as above.
        let stride = unsafe { read::<isize>(strides, offset) }.unsigned_abs();
        n_elements = n_elements.wrapping_mul(extent);
        if extent > 1 && stride != 0 {
            smallest = smallest.min(stride);
        }
    }
    (n_elements, if smallest == usize::MAX { itemsize } else { smallest })
}

/// The array that owns an array's memory: the last one along the bases; itself if it does. Zero when
/// something else owns it.
///
/// # Safety
///
/// As for [`look`].
#[inline]
pub(crate) unsafe fn owner_of(array: Address, types: &Types) -> Address {
    let mut at = array;
    for _ in 0..MAX_BASES {
        // SAFETY: the caller's array, or a base of it, which it keeps alive.
        let body = unsafe { read::<ArrayBody>(at, OBJECT_SIZE) };
        if body.flags & array::OWNDATA != 0 {
            return at;
        }
        let base = body.base.addr();
        // SAFETY: as above.
        if base == 0 || !unsafe { is_array(base, types) } {
            return 0;
        }
        at = base;
    }
    0
}

/// The addresses between which an array's elements lie, the second one past the end.
///
/// # Safety
///
/// As for [`look`].
pub(crate) unsafe fn span(array: Address, itemsize: usize) -> (Address, Address) {
    // SAFETY: the caller vouches for the array.
    let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
    let ndim = usize::try_from(body.ndim).unwrap_or(0).min(MAX_NDIM);
    let data = body.data.addr();
    let (mut start, mut end) = (data, data.wrapping_add(itemsize));
    for axis in 0..ndim {
        let offset = axis.wrapping_mul(8);
        // SAFETY: NumPy keeps `ndim` extents and strides there.
        let extent = unsafe { read::<isize>(body.shape.addr(), offset) };
        // SAFETY: as above.
        let stride = unsafe { read::<isize>(body.strides.addr(), offset) };
        if extent == 0 {
            return (data, data);
        }
        let reach = extent.wrapping_sub(1).wrapping_mul(stride);
        if reach < 0 {
            start = start.wrapping_add_signed(reach);
        } else {
            end = end.wrapping_add_signed(reach);
        }
    }
    (start, end)
}
