//! What happens before and after a method or function that is an operation.

use npprof_abi::numpy::{ArrayBody, array};
use npprof_abi::python::object::OBJECT_SIZE;
use npprof_wire::record::{Role, Scalar, operation as flag};

use crate::hooks::method::{Entry, Table};
use crate::hooks::ufunc::options;
use crate::memory::{Address, read};
use crate::operation::call::{Args, Keyword};
use crate::operation::copies::Copy;
use crate::operation::counters::{Marks, Small};
use crate::operation::finish::axes;
use crate::operation::index::{self, is_whole};
use crate::operation::look::{
    Seen, Types, is_array, is_sequence, items, owner_of, scalar_kind, type_of, types,
};
use crate::operation::record::{Facts, Operands};
use crate::operation::spec::Spec;
use crate::operation::{Begun, Frame, LARGE, hidden};
use crate::state::{State, enter_locked};
use crate::stream::now_ns;

/// Scalars from which on a conversion of a sequence, or to one, has a record.
const MIN_SCALARS: usize = 1000;
/// Numbers in a list from which on any operation that makes an array of it has a record.
const MIN_LONG_LIST: usize = 100_000;
/// Arrays in a sequence that are looked at.
const MAX_ITEMS: usize = 4096;
/// Of operations that copy for the sake of another dtype, those that never do anything besides.
const CASTS_ONLY: Spec = Spec::CASTS.and(Spec::TYPED);

/// # Safety
///
/// A call from Python of the entry must be under way, with the lock held.
pub(crate) unsafe fn begin(operation: u16, entry: Entry, args: &Args) -> Begun {
    // SAFETY: the caller vouches for the lock.
    let Some(state) = (unsafe { enter_locked() }) else { return Begun::NONE };
    let Some(types) = types() else { return Begun::NONE };
    let mut operation = operation;
    if entry.table == Table::Ufunc {
        let State { operations, stream, .. } = &mut *state;
        // SAFETY: a ufunc.
        operation = unsafe { operations.names.of_method(args.receiver, entry.name, stream) };
    }
    let begun = state.begin(operation);
    if entry.table == Table::Array {
        // SAFETY: a method of `ndarray`.
        let seen = unsafe { state.look(args.receiver) };
        state.weigh(seen, 0);
    }
    for at in 0..args.n.min(4) {
        // SAFETY: an argument.
        let Some(argument) = (unsafe { args.positional(at) }) else { break };
        // SAFETY: alive, as the caller holds it.
        if unsafe { is_array(argument, types) } {
            // SAFETY: an array.
            let seen = unsafe { state.look(argument) };
            state.weigh(seen, 0);
        }
    }
    let is_timed = entry.spec.has(Spec::ALWAYS) || entry.spec.has(Spec::LISTS);
    if let Some(frame) = state.operations.current().filter(|frame| frame.began_ns == 0 && is_timed)
    {
        frame.began_ns = now_ns();
    }
    begun
}

/// # Safety
///
/// As for [`begin`], with its result; the call is over and gave `result`.
pub(crate) unsafe fn finish(begun: Begun, entry: Entry, args: &Args, result: Address) {
    // SAFETY: the caller vouches for the lock.
    let Some(state) = (unsafe { enter_locked() }) else { return };
    let (Some((frame, outer)), Some(types)) = (state.end(begun), types()) else { return };
    if result == 0 {
        return;
    }
    let spec = entry.spec;
    if spec.has(Spec::MAKES_UFUNC) {
        crate::install::operations::hook_ufunc(result, state);
        return;
    }
    // SAFETY: alive, as it is being given back.
    let given = if unsafe { is_array(result, types) } {
        // SAFETY: an array.
        Some(unsafe { state.look(result) })
    } else {
        None
    };
    if spec.has(Spec::ELEMENT) {
        state.count_scalar(frame.operation);
        // SAFETY: a method of `ndarray`.
        let seen = unsafe { state.look(args.receiver) };
        return state.read_all(seen);
    }
    if spec.has(Spec::VIEWS) && frame.allocated == 0 {
        if given.is_some() {
            // SAFETY: an array.
            unsafe { state.note_view(result, types, Some(&frame)) };
        }
        return state.count(&frame, Small::default());
    }
    let call = Call { entry, args, result, given, types };
    // SAFETY: the caller's.
    let is_large = unsafe { call.is_large(&frame) };
    // SAFETY: as above.
    let is_odd = is_large || unsafe { call.may_copy(state, &frame) };
    let marks = if !is_odd {
        Some(Marks::default())
    } else if !is_large && outer == 0 && spec.has(CASTS_ONLY) {
        // SAFETY: as above.
        unsafe { call.cast(state, &frame) }
    } else {
        None
    };
    match marks {
        // SAFETY: as above.
        Some(marks) => unsafe { call.count(state, &frame, marks) },
        // SAFETY: as above.
        None => unsafe { call.record(state, (&frame, outer)) },
    }
}

/// A call that is over.
struct Call<'a> {
    entry: Entry,
    args: &'a Args,
    result: Address,
    /// The result, if it is an array.
    given: Option<Seen>,
    types: &'a Types,
}

impl Call<'_> {
    /// The first argument of a function, or the array that a method belongs to.
    ///
    /// # Safety
    ///
    /// The arguments must be alive, here and below.
    unsafe fn subject(&self) -> Option<Address> {
        match self.entry.table {
            Table::Array => Some(self.args.receiver),
            // SAFETY: the caller vouches for the arguments.
            Table::Module | Table::Ufunc => unsafe { self.args.positional(0) },
        }
    }

    /// The Python sequence that was converted.
    unsafe fn sequence(&self) -> Option<Address> {
        if !self.entry.spec.has(Spec::CONVERTS) {
            return None;
        }
        // SAFETY: the caller vouches for the arguments.
        let subject = unsafe { self.subject() }?;
        // SAFETY: alive.
        unsafe { is_sequence(subject, self.types) }.then_some(subject)
    }

    unsafe fn is_large(&self, frame: &Frame) -> bool {
        let spec = self.entry.spec;
        let n_given = self.given.map_or(0, |seen| seen.n_elements);
        if spec.has(Spec::LISTS) {
            return frame.read >= MIN_SCALARS;
        }
        // SAFETY: the caller vouches for the arguments.
        let is_converted = n_given >= MIN_SCALARS && unsafe { self.sequence() }.is_some();
        let is_fed = spec.has(Spec::ITERATES) && n_given >= MIN_SCALARS;
        spec.has(Spec::ALWAYS)
            || is_converted
            || is_fed
            // SAFETY: as above.
            || unsafe { self.is_of_long_list() }
            || frame.weight.max(self.given.map_or(0, |seen| seen.weight)) >= LARGE
    }

    /// Whether sums wouldn't tell what a small operation copied, or why.
    unsafe fn may_copy(&self, state: &State, frame: &Frame) -> bool {
        let spec = self.entry.spec;
        if spec.has(Spec::ROUTINE) {
            return hidden::is_more(frame.allocated, self.given.map(|seen| seen.n_bytes));
        }
        if self.entry.table == Table::Ufunc {
            // SAFETY: the caller vouches for the arguments.
            return unsafe { self.has_odd_operand() };
        }
        // SAFETY: as above.
        let Some(subject) = (unsafe { self.subject() }) else { return false };
        // SAFETY: alive.
        if !unsafe { is_array(subject, self.types) } {
            return false;
        }
        if spec.has(Spec::WRITES) {
            let is_put = self.entry.table == Table::Array
                && (spec.has(Spec::INDEXED) || self.entry.name == "setfield");
            return is_put
                // SAFETY: an array.
                || spec.has(Spec::LAST_AXIS) && !unsafe { self.has_dense_lanes(state, subject) };
        }
        if self.given.is_none() || frame.allocated == 0 {
            return false;
        }
        if spec.has(Spec::ORDERS) {
            // `flatten` and `__array__` may have been asked for another order or dtype.
            let is_asked = self.entry.table == Table::Array && self.args.are_any();
            // SAFETY: both are arrays.
            return is_asked || !unsafe { hidden::lie_alike(subject, self.result) };
        }
        // SAFETY: as above.
        spec.has(Spec::CASTS) && !unsafe { hidden::are_of_one_dtype(subject, self.result) }
    }

    /// What tells of a method that has cast an array of plain numbers into a block that it made, and has
    /// done nothing else; `None` where a record tells more.
    unsafe fn cast(&self, state: &State, frame: &Frame) -> Option<Marks> {
        let (source, given) = (self.args.receiver, self.given?);
        // SAFETY: a method of `ndarray`, whose array is alive.
        let seen = unsafe { state.look(source) };
        // SAFETY: as above.
        let body = unsafe { read::<ArrayBody>(source, OBJECT_SIZE) };
        // SAFETY: alive, as it is being given back.
        let made = unsafe { read::<ArrayBody>(self.result, OBJECT_SIZE) };
        let is_made = made.flags & array::OWNDATA != 0
            && frame.allocated == given.n_bytes as u64
            && given.n_elements == seen.n_elements
            && given.n_elements != 0;
        // Elsewhere an element may be told several times.
        let is_each_once = body.flags & (array::C_CONTIGUOUS | array::F_CONTIGUOUS) != 0
            // SAFETY: one stride.
            || body.ndim == 1 && unsafe { read::<isize>(body.strides.addr(), 0) } != 0;
        // SAFETY: as above.
        if !is_made || !is_each_once || unsafe { state.is_in_large_block(source, self.types) } {
            return None;
        }
        // SAFETY: dtypes live as long as their arrays.
        let (from, _) = unsafe { state.dtypes.plain_number_of(body.descr.addr()) }?;
        // SAFETY: as above.
        let (to, _) = unsafe { state.dtypes.plain_number_of(made.descr.addr()) }?;
        if from == to { None } else { Marks::cast((from, to)) }
    }

    /// Whether an array that a ufunc's method works on has to go through a buffer.
    unsafe fn has_odd_operand(&self) -> bool {
        // SAFETY: the caller vouches for the arguments.
        let out = unsafe { self.args.keyword(Keyword::Out, self.types) };
        (0..self.args.n.min(4))
            // SAFETY: as above.
            .filter_map(|at| unsafe { self.args.positional(at) })
            .chain(out)
            // SAFETY: alive.
            .filter(|&it| unsafe { is_array(it, self.types) })
            // SAFETY: arrays.
            .any(|it| unsafe { hidden::needs_buffer(it) })
    }

    /// Whether what is sorted lies densely along the axis along which it is sorted.
    unsafe fn has_dense_lanes(&self, state: &State, array: Address) -> bool {
        // SAFETY: the caller vouches for the array.
        let body = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) };
        // SAFETY: as above.
        if unsafe { hidden::needs_buffer(array) } {
            return false;
        }
        if body.flags & array::C_CONTIGUOUS != 0 && !self.args.are_any() {
            return true;
        }
        let mut facts = Facts::default();
        // SAFETY: as above.
        unsafe { self.add_axes(&mut facts) };
        let axis = (facts.axes.trailing_zeros() as usize).wrapping_mul(8);
        if facts.axes.count_ones() != 1 {
            return true;
        }
        // SAFETY: the array has this axis, as the call was good.
        let stride = unsafe { read::<usize>(body.strides.addr(), axis) };
        // SAFETY: the caller vouches for the array.
        stride == unsafe { state.dtypes.itemsize_of(array) }
    }

    /// Whether an array of more than one element, or one of as many as are written, is put into
    /// `whole`: a single element that fills more is no copy.
    unsafe fn is_array_put(&self, state: &State, whole: Seen) -> bool {
        let first = if self.entry.spec.has(Spec::INDEXED) { 2 } else { 1 };
        (first..self.args.n.min(4))
            // SAFETY: the caller vouches for the arguments.
            .filter_map(|at| unsafe { self.args.positional(at) })
            // SAFETY: alive.
            .filter(|&argument| unsafe { is_array(argument, self.types) })
            // SAFETY: an array.
            .any(|array| !unsafe { state.look(array) }.fills(whole.n_elements))
    }

    unsafe fn count(&self, state: &mut State, frame: &Frame, marks: Marks) {
        let spec = self.entry.spec;
        let written = self.given.map_or(0, |seen| seen.n_bytes);
        // SAFETY: the caller vouches for the arguments.
        let subject = unsafe { self.subject() };
        // SAFETY: alive.
        let subject = subject.filter(|&subject| unsafe { is_array(subject, self.types) });
        let mut small = Small { read: frame.read, written, marks, ..Small::default() };
        if spec.has(Spec::WRITES) {
            if let Some(subject) = subject {
                // SAFETY: an array.
                unsafe { state.note_write(subject, self.types) };
                // SAFETY: as above.
                let whole = unsafe { state.look(subject) };
                // SAFETY: as above.
                let chosen = unsafe { self.chosen(whole) };
                small.written = chosen.unwrap_or(whole.n_bytes);
                small.read = frame.read.saturating_sub(whole.n_bytes);
                // An array that is copied is broadcast to what is written.
                // SAFETY: as above.
                if spec.has(Spec::COPIES) && unsafe { self.is_array_put(state, whole) } {
                    small.copied = small.written;
                }
            }
        } else if spec.has(Spec::COPIES) {
            small.copied = match self.given {
                // SAFETY: the caller vouches for the arguments.
                Some(_) if subject.is_none() && unsafe { self.sequence() }.is_none() => 0,
                Some(seen) if frame.allocated != 0 || spec.has(Spec::PICKS) => seen.n_bytes,
                None if spec.has(Spec::BYTES) => frame.read,
                _ => 0,
            };
            small.written = small.written.max(small.copied);
        }
        state.count(frame, small);
        if !spec.has(Spec::WRITES)
            && let Some(subject) = subject
        {
            // SAFETY: an array.
            let seen = unsafe { state.look(subject) };
            state.read_all(seen);
        }
        for at in 0..self.args.n.min(4) {
            // SAFETY: an argument, alive.
            let Some(argument) = (unsafe { self.args.positional(at) }) else { break };
            // SAFETY: as above.
            if Some(argument) != subject && unsafe { is_array(argument, self.types) } {
                // SAFETY: an array.
                let seen = unsafe { state.look(argument) };
                state.read_all(seen);
            }
        }
    }

    /// Bytes of an array that a mask lets through, where the operation takes one.
    unsafe fn chosen(&self, whole: Seen) -> Option<usize> {
        if !self.entry.spec.has(Spec::MASKED) {
            return None;
        }
        // SAFETY: the caller vouches for the arguments.
        let mask = unsafe { self.args.positional(1) }?;
        // SAFETY: alive.
        let n_true = unsafe { index::count_true(mask, self.types) }?;
        Some(n_true.wrapping_mul(whole.n_bytes.checked_div(whole.n_elements)?))
    }

    unsafe fn record(&self, state: &mut State, frame: (&Frame, u16)) {
        let spec = self.entry.spec;
        let mut operands = Operands::new(self.types);
        let mut facts = Facts::default();
        // SAFETY: the caller vouches for the arguments.
        unsafe { self.add_inputs(&mut operands, &mut facts) };
        // SAFETY: as above.
        unsafe { options(self.args, self.types, &mut facts, &mut operands) };
        // SAFETY: as above.
        unsafe { self.add_axes(&mut facts) };
        if spec.has(Spec::TYPED) {
            // `astype` takes the dtype first, `array` behind the object.
            let index = usize::from(self.entry.table == Table::Module);
            // SAFETY: as above.
            if unsafe { self.args.either(Some(index), Keyword::Dtype, self.types) }.is_some() {
                facts.flags |= flag::HAS_DTYPE;
            }
        }
        let n_given = self.given.map_or(0, |seen| seen.n_elements);
        // SAFETY: as above.
        if let Some(sequence) = unsafe { self.sequence() } {
            facts.flags |= flag::SEQUENCE;
            // SAFETY: alive, as it is being given back.
            if self.given.is_some() && unsafe { holds_arrays(sequence, self.result, self.types) } {
                facts.flags |= flag::OF_ARRAYS;
            }
            facts.detail = sequence as u64;
            facts.second = n_given as u64;
        } else if spec.has(Spec::LISTS) {
            // SAFETY: a method of `ndarray`.
            let seen = unsafe { state.look(self.args.receiver) };
            facts.flags |= flag::SEQUENCE;
            facts.detail = self.result as u64;
            facts.second = seen.n_elements as u64;
        } else if spec.has(Spec::ITERATES) {
            // SAFETY: an argument, alive.
            let source = unsafe { self.args.positional(0) };
            // SAFETY: as above.
            if source.is_some_and(|source| unsafe { type_of(source) } == self.types.generator) {
                facts.flags |= flag::CALLBACKS;
                facts.detail = u64::from(frame.0.n_scalars);
                facts.second = n_given as u64;
            }
        }
        // SAFETY: as above.
        if let Some(subject) = unsafe { self.subject() }.filter(|_| spec.has(Spec::MASKED)) {
            // SAFETY: alive.
            if unsafe { is_array(subject, self.types) } {
                // SAFETY: an array.
                let whole = unsafe { state.look(subject) };
                facts.flags |= flag::COUNTED;
                // SAFETY: as above.
                facts.second = unsafe { self.chosen(whole) }.unwrap_or(whole.n_bytes) as u64;
            }
        }
        if self.given.is_some() {
            // SAFETY: alive, as it is being given back.
            unsafe { operands.add(self.result, Role::Result) };
            if facts.flags & (flag::SEQUENCE | flag::CALLBACKS | flag::PROGRESSION) == 0 {
                // SAFETY: an array.
                facts = facts.with_objects(unsafe { state.objects_in(self.result, self.types) });
            } else if facts.flags & flag::SEQUENCE != 0
                // SAFETY: as above.
                && let Some(kinds) = unsafe { state.objects_in(self.result, self.types) }
            {
                // What matters of an array of objects is what it holds.
                facts.flags = facts.flags & !flag::SEQUENCE | flag::OBJECTS;
                facts.detail = kinds;
            }
        }
        if facts.flags & (flag::OBJECTS | flag::SEQUENCE | flag::CALLBACKS | flag::PROGRESSION) == 0
            // SAFETY: as above.
            && let Some(subject) = unsafe { self.subject() }
            // SAFETY: alive.
            && unsafe { is_array(subject, self.types) }
        {
            // SAFETY: an array.
            facts = facts.with_objects(unsafe { state.objects_in(subject, self.types) });
        }
        // SAFETY: all operands are alive.
        unsafe { state.record_operation(frame, facts, &operands, None) };
        // SAFETY: as above.
        unsafe { self.remember_copy(state, frame.0) };
        // SAFETY: as above.
        unsafe { self.read_the_rest(state) };
    }

    /// Remembers a copy that lies in memory as its source does.
    unsafe fn remember_copy(&self, state: &mut State, frame: &Frame) {
        let spec = self.entry.spec;
        let Some(given) = self.given else { return };
        if !spec.has(Spec::COPIES) || spec.has(Spec::WRITES) || frame.allocated == 0 {
            return;
        }
        // SAFETY: the caller vouches for the arguments.
        let Some(subject) = (unsafe { self.subject() }) else { return };
        // SAFETY: alive.
        if !unsafe { is_array(subject, self.types) } {
            return;
        }
        // SAFETY: an array.
        let source = unsafe { state.look(subject) };
        // SAFETY: as above.
        let flags = |array| unsafe { read::<ArrayBody>(array, OBJECT_SIZE) }.flags;
        let orders = array::C_CONTIGUOUS | array::F_CONTIGUOUS;
        let has_same_order = flags(subject) & flags(self.result) & orders != 0;
        // SAFETY: as above.
        let blocks = [subject, self.result].map(|array| unsafe { block_of(array, self.types) });
        if source.n_bytes == given.n_bytes && has_same_order && !blocks.contains(&0) {
            let (from, to, n_bytes) = (source.data, given.data, given.n_bytes);
            state.operations.copies.add(Copy { from, to, n_bytes, blocks });
        }
    }

    unsafe fn add_inputs(&self, operands: &mut Operands<'_>, facts: &mut Facts) {
        let spec = self.entry.spec;
        let first_role = if spec.has(Spec::WRITES) { Role::Output } else { Role::Input };
        let mut at = 0;
        // SAFETY: the caller vouches for the arguments.
        if let Some(subject) = unsafe { self.subject() } {
            // SAFETY: alive.
            unsafe { self.add(subject, first_role, operands) };
        }
        if self.entry.table != Table::Array {
            at = 1;
        }
        if spec.has(Spec::INDEXED) {
            // SAFETY: as above.
            if let Some(index) = unsafe { self.args.positional(at) } {
                // SAFETY: as above.
                unsafe { self.add_index(index, operands, facts) };
            }
            at = at.wrapping_add(1);
        }
        // `dot(b, out)`, `take(indices, axis, out)`: an array where an output may be is one.
        for at in at..self.args.n.min(MAX_ITEMS) {
            // SAFETY: as above.
            let Some(argument) = (unsafe { self.args.positional(at) }) else { break };
            // SAFETY: as above.
            if unsafe { is_array(argument, self.types) } {
                let is_given = argument == self.result;
                let role = if is_given { Role::Output } else { Role::Input };
                if is_given {
                    facts.flags |= flag::HAS_OUT;
                }
                // SAFETY: as above.
                unsafe { operands.add(argument, role) };
            } else if self.entry.table == Table::Module && !spec.has(Spec::CONVERTS) && at < 3 {
                // SAFETY: as above.
                unsafe { self.add(argument, Role::Input, operands) };
            }
        }
    }

    /// Whether a long list of numbers, which becomes an array on the way, is what it is about.
    unsafe fn is_of_long_list(&self) -> bool {
        // SAFETY: the caller vouches for the arguments.
        self.entry.table != Table::Array
            && !self.entry.spec.has(Spec::CONVERTS)
            // SAFETY: as above.
            && unsafe { self.args.positional(0) }
                // SAFETY: alive.
                .is_some_and(|first| unsafe { is_long_list(first, self.types) })
    }

    /// Adds an array, or those in a sequence, or a long list of numbers itself.
    unsafe fn add(&self, object: Address, role: Role, operands: &mut Operands<'_>) {
        // SAFETY: alive.
        if self.entry.spec.has(Spec::CONVERTS) || !unsafe { is_sequence(object, self.types) } {
            // SAFETY: as above.
            return unsafe { operands.add(object, role) };
        }
        // SAFETY: as above.
        if unsafe { is_long_list(object, self.types) } {
            // SAFETY: as above.
            return unsafe { operands.add(object, role) };
        }
        // SAFETY: as above.
        let (first, n) = unsafe { items(object, self.types) };
        for at in 0..n.min(MAX_ITEMS) {
            // SAFETY: an item, which the sequence holds.
            let item = unsafe { read::<Address>(first, at.wrapping_mul(8)) };
            // SAFETY: as above.
            if unsafe { is_array(item, self.types) } {
                // SAFETY: as above.
                unsafe { operands.add(item, role) };
            }
        }
    }

    unsafe fn add_index(&self, index: Address, operands: &mut Operands<'_>, facts: &mut Facts) {
        // SAFETY: alive.
        if unsafe { is_array(index, self.types) } {
            // SAFETY: as above.
            unsafe { operands.add(index, Role::Index) };
        // SAFETY: as above.
        } else if unsafe { is_sequence(index, self.types) } {
            // An index for each axis, as `ufunc.at` takes them.
            // SAFETY: as above.
            unsafe { self.add(index, Role::Index, operands) };
        }
        if !matches!(self.entry.name, "take" | "compress") {
            return;
        }
        // SAFETY: as above.
        let whole = |item| unsafe { is_whole(item, self.types) };
        // SAFETY: as above.
        if let (Some(found), _) = unsafe { index::progression(index, self.types, whole) } {
            facts.flags |= flag::PROGRESSION;
            facts.detail = found.start.cast_unsigned() as u64;
            facts.second = found.step.cast_unsigned() as u64;
        }
    }

    unsafe fn add_axes(&self, facts: &mut Facts) {
        let Some(index) = self.entry.spec.axis() else { return };
        // SAFETY: the caller vouches for the arguments.
        let Some(subject) = (unsafe { self.subject() }) else { return };
        // SAFETY: alive.
        if !unsafe { is_array(subject, self.types) } {
            return;
        }
        // SAFETY: an array.
        let body = unsafe { read::<ArrayBody>(subject, OBJECT_SIZE) };
        let ndim = usize::try_from(body.ndim).unwrap_or(0);
        // SAFETY: the caller vouches for the arguments.
        let is_given = unsafe { self.args.positional(index) }.is_some()
            // SAFETY: as above.
            || unsafe { self.has_keyword(Keyword::Axis) };
        facts.flags |= flag::HAS_AXES;
        if is_given {
            // SAFETY: as above.
            let axis = unsafe { self.args.either(Some(index), Keyword::Axis, self.types) };
            // SAFETY: as above.
            facts.axes = unsafe { axes(axis, ndim, self.types) };
        } else if self.entry.spec.has(Spec::LAST_AXIS) {
            let last = u32::try_from(ndim.saturating_sub(1)).unwrap_or(0);
            facts.axes = 1_u64.checked_shl(last).unwrap_or(0);
        } else if self.entry.table == Table::Ufunc {
            facts.axes = 1;
        } else {
            // SAFETY: nothing to look at.
            facts.axes = unsafe { axes(None, ndim, self.types) };
        }
    }

    /// Whether a keyword was given, even as `None`.
    unsafe fn has_keyword(&self, keyword: Keyword) -> bool {
        let Some(&name) = self.types.keywords.get(keyword as usize) else { return false };
        // SAFETY: the caller vouches for the arguments.
        unsafe { self.args.has(name) }
    }

    /// A long list of arrays was read as well, as far as the record has no room for it.
    unsafe fn read_the_rest(&self, state: &mut State) {
        // SAFETY: the caller vouches for the arguments.
        let Some(subject) = (unsafe { self.subject() }) else { return };
        // SAFETY: alive.
        if !unsafe { is_sequence(subject, self.types) } {
            return;
        }
        // SAFETY: as above.
        let (first, n) = unsafe { items(subject, self.types) };
        for at in 0..n.min(1 << 20) {
            // SAFETY: an item, which the sequence holds.
            let item = unsafe { read::<Address>(first, at.wrapping_mul(8)) };
            // SAFETY: as above.
            if !unsafe { is_array(item, self.types) } {
                // A list of scalars is one throughout, most likely.
                return;
            }
            // SAFETY: an array.
            let seen = unsafe { state.look(item) };
            state.read_all(seen);
        }
    }
}

/// Whether an object is a long list or tuple that doesn't begin with an array.
///
/// # Safety
///
/// `object` must be alive.
unsafe fn is_long_list(object: Address, types: &Types) -> bool {
    // SAFETY: the caller vouches for the object.
    if !unsafe { is_sequence(object, types) } {
        return false;
    }
    // SAFETY: as above.
    let (first, n) = unsafe { items(object, types) };
    if n < MIN_LONG_LIST {
        return false;
    }
    // SAFETY: an item, which the sequence holds.
    let item = unsafe { read::<Address>(first, 0) };
    // SAFETY: as above.
    !unsafe { is_array(item, types) }
}

/// Whether what was made into an array is a sequence of arrays, or of sequences of them.
///
/// Then the array has more dimensions than sequences are nested. So it has with `ndmin=`, too; but
/// then the first of the innermost is a number.
///
/// # Safety
///
/// `sequence` must be a live list or tuple, and `array` the array that was made of it.
unsafe fn holds_arrays(sequence: Address, array: Address, types: &Types) -> bool {
    // SAFETY: the caller vouches for the array.
    let n_dims = unsafe { read::<ArrayBody>(array, OBJECT_SIZE) }.ndim;
    let mut object = sequence;
    for _ in 0..n_dims {
        // SAFETY: alive, as what holds it is.
        if !unsafe { is_sequence(object, types) } {
            // SAFETY: as above.
            return unsafe { is_array(object, types) }
                // SAFETY: as above.
                || unsafe { scalar_kind(object, types) } == Scalar::Other;
        }
        // SAFETY: as above.
        let (first, n) = unsafe { items(object, types) };
        if n == 0 {
            return false;
        }
        // SAFETY: an item, which the sequence holds.
        object = unsafe { read::<Address>(first, 0) };
    }
    false
}

/// The block of NumPy's allocator in which an array lies; zero for memory that it got otherwise.
///
/// # Safety
///
/// `array` must be a live array.
unsafe fn block_of(array: Address, types: &Types) -> Address {
    // SAFETY: the caller vouches for the array.
    let owner = unsafe { owner_of(array, types) };
    if owner == 0 {
        return 0;
    }
    // SAFETY: alive, as the array holds it.
    let body = unsafe { read::<ArrayBody>(owner, OBJECT_SIZE) };
    if body.mem_handler.is_null() { 0 } else { body.data.addr() }
}
