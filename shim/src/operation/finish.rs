//! What hooks have in common once the real function has returned.

use npprof_abi::numpy::{ArrayBody, array, descr, dtype};
use npprof_abi::python::object::{self, OBJECT_SIZE};
use npprof_wire::record::{objects, operation as flag};

use crate::memory::{Address, read};
use crate::operation::look::{self, Types, int_value, is_array, is_sequence, items, type_of};
use crate::operation::owners::{MIN_OWNER, SMALL_PART};
use crate::operation::record::Facts;
use crate::operation::{Frame, LARGE};
use crate::state::State;

/// Elements from which on arrays of objects are looked through.
const MIN_OBJECTS: usize = 10_000;
/// Elements that are looked at, at most.
const MAX_OBJECTS: usize = 1 << 20;

impl State {
    /// Notes a view that was just made, if it is a small one of a large owner.
    ///
    /// # Safety
    ///
    /// `view` must be a live array; the lock is held.
    #[inline]
    pub(crate) unsafe fn note_view(&mut self, view: Address, types: &Types, frame: Option<&Frame>) {
        // Functions that make views also give back arrays that were there before: these have a holder
        // besides whoever gets the result.
        // SAFETY: the caller vouches for the array.
        if unsafe { read::<u64>(view, object::OB_REFCNT) } != 1 {
            return;
        }
        // SAFETY: as above.
        let Some((owner, n_bytes)) = (unsafe { self.small_view(view, types) }) else { return };
        let stack = match frame {
            Some(frame) => self.stack_of(frame),
            None => self.stack(),
        };
        // SAFETY: alive, as the view holds it.
        let data = unsafe { read::<ArrayBody>(owner, OBJECT_SIZE) }.data.addr();
        self.operations.owners.add_view(owner, data, n_bytes, stack);
        crate::hooks::array::watch_deaths();
    }

    /// The owner that a small view of a large one holds, and the view's size.
    ///
    /// # Safety
    ///
    /// As for [`Self::note_view`].
    #[inline(always)]
    pub(crate) unsafe fn small_view(
        &self,
        view: Address,
        types: &Types,
    ) -> Option<(Address, usize)> {
        // SAFETY: the caller vouches for the array.
        let body = unsafe { read::<ArrayBody>(view, OBJECT_SIZE) };
        if body.flags & array::OWNDATA != 0 || body.base.is_null() {
            return None;
        }
        let owner = body.base.addr();
        // SAFETY: alive, as the view holds it.
        if !unsafe { is_array(owner, types) } {
            return None;
        }
        // SAFETY: as above.
        let owner_body = unsafe { read::<ArrayBody>(owner, OBJECT_SIZE) };
        if owner_body.flags & array::OWNDATA == 0 {
            return None;
        }
        // SAFETY: as above.
        let owned = unsafe { self.look(owner) }.n_bytes;
        if owned < MIN_OWNER {
            return None;
        }
        // SAFETY: the caller vouches for the array.
        let n_bytes = unsafe { self.look(view) }.n_bytes;
        (n_bytes.wrapping_mul(SMALL_PART) <= owned).then_some((owner, n_bytes))
    }

    /// Notes that a small operation wrote to a whole array, if it lies in a block worth watching.
    ///
    /// # Safety
    ///
    /// `array` must be a live array; the lock is held.
    pub(crate) unsafe fn note_write(&mut self, array: Address, types: &Types) {
        // SAFETY: the caller vouches for the array.
        let owner = unsafe { look::owner_of(array, types) };
        // SAFETY: alive, as the array holds it.
        if owner == 0 || unsafe { self.look(owner) }.n_bytes < LARGE {
            return;
        }
        // SAFETY: as above.
        let itemsize = unsafe { self.dtypes.itemsize_of(array) };
        // SAFETY: as above.
        let span = unsafe { look::span(array, itemsize) };
        self.write_range(owner, span);
    }

    /// What kinds of objects a large array of objects holds; `None` for other arrays, and for those
    /// that aren't laid out simply.
    ///
    /// # Safety
    ///
    /// As for [`Self::note_write`].
    pub(crate) unsafe fn objects_in(&self, array: Address, types: &Types) -> Option<u64> {
        // SAFETY: the caller vouches for the array.
        let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
        // SAFETY: an array's dtype lives as long.
        if unsafe { read::<i32>(body.descr.addr(), descr::TYPE_NUM) } != dtype::OBJECT {
            return None;
        }
        // SAFETY: the caller vouches for the array.
        let seen = unsafe { self.look(array) };
        let is_dense = body.flags & (array::C_CONTIGUOUS | array::F_CONTIGUOUS) != 0;
        if seen.n_elements < MIN_OBJECTS || !(is_dense || body.ndim == 1) {
            return None;
        }
        let step = if is_dense {
            8
        } else {
            // SAFETY: one stride.
            unsafe { read::<isize>(body.strides.addr(), 0) }
        };
        let mut kinds = 0;
        let mut last = 0;
        let mut at = body.data.addr();
        for _ in 0..seen.n_elements.min(MAX_OBJECTS) {
            // SAFETY: an element of the array: an object or null.
            let element = unsafe { read::<Address>(at, 0) };
            at = at.wrapping_add_signed(step);
            if element == types.none || element == 0 {
                kinds |= objects::NONE;
                continue;
            }
            // SAFETY: alive, as the array holds it.
            let class = unsafe { type_of(element) };
            if class != last {
                last = class;
                // SAFETY: a type of a live object.
                kinds |= unsafe { kind_of_object(class, types) };
            }
        }
        Some(kinds)
    }
}

/// # Safety
///
/// `class` must be a live type.
unsafe fn kind_of_object(class: Address, types: &Types) -> u64 {
    if class == types.float {
        return objects::FLOAT;
    }
    if class == types.int {
        return objects::INT;
    }
    if class == types.bool {
        return objects::BOOL;
    }
    if class == types.complex {
        return objects::COMPLEX;
    }
    // SAFETY: the caller vouches for the type.
    let name = unsafe { look::name_of(class) };
    match name {
        b"numpy.float64" | b"numpy.float32" | b"numpy.float16" => objects::FLOAT,
        b"numpy.bool_" | b"numpy.bool" => objects::BOOL,
        b"decimal.Decimal" | b"Fraction" => objects::NUMBER,
        b"NAType" | b"NaTType" | b"pandas._libs.missing.NAType" => objects::MISSING,
        name if name.starts_with(b"numpy.int") || name.starts_with(b"numpy.uint") => objects::INT,
        _ => objects::OTHER,
    }
}

/// Bits of the axes that an argument names, for an array of `ndim` dimensions; all for `None`.
///
/// # Safety
///
/// `axis` must be null or alive.
pub(crate) unsafe fn axes(axis: Option<Address>, ndim: usize, types: &Types) -> u64 {
    let all = if ndim >= 64 { u64::MAX } else { (1_u64 << ndim).wrapping_sub(1) };
    let bit = |object: Address| {
        // SAFETY: the caller vouches for the object.
        let Some(value) = (unsafe { int_value(object, types) }) else { return 0 };
        let ndim = ndim.cast_signed();
        let value = if value < 0 { value.wrapping_add(ndim) } else { value };
        u32::try_from(value).ok().filter(|&value| value < 64).map_or(0, |value| 1_u64 << value)
    };
    match axis {
        None => all,
        // SAFETY: as above.
        Some(axis) if unsafe { is_sequence(axis, types) } => {
            // SAFETY: as above.
            let (first, n) = unsafe { items(axis, types) };
            // SAFETY: items of the tuple.
            (0..n).fold(0, |bits, at| bits | bit(unsafe { read(first, at.wrapping_mul(8)) }))
        }
        Some(axis) => bit(axis),
    }
}

impl Facts {
    /// With the kinds of objects in an array, if it is one of objects.
    pub(crate) fn with_objects(mut self, kinds: Option<u64>) -> Self {
        if let Some(kinds) = kinds {
            self.flags |= flag::OBJECTS;
            self.detail = kinds;
        }
        self
    }
}

impl State {
    /// Whether an array is one of objects.
    ///
    /// # Safety
    ///
    /// As for [`Self::note_write`].
    pub(crate) unsafe fn is_of_objects(&self, array: Address) -> bool {
        // SAFETY: the caller vouches for the array.
        let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
        // SAFETY: an array's dtype lives as long.
        (unsafe { read::<i32>(body.descr.addr(), descr::TYPE_NUM) }) == dtype::OBJECT
    }
}
