//! The four functions of a data-memory handler (NEP 49).
//!
//! `default_*` stand in NumPy's own handler, which serves every thread; `wrapped_*` in handlers of
//! the user's, with the [`Original`] as their context. The real function is always called and its
//! result passed on. An allocation is recorded after the real call, a free before it: the block is
//! the program's only in between.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use npprof_abi::numpy::DataMemHandler;
use npprof_abi::numpy::data_mem::{DataCalloc, DataFree, DataMalloc, DataRealloc};
use npprof_wire::encode::{Traits, event, freed_from, size_in_operation};
use npprof_wire::record::Kind;

use crate::layout::Layout;
use crate::memory::Address;
use crate::operation::Making;
use crate::state::{State, enter, pending, record_aside, set_pending};
use crate::stream::TIMED_BYTES;

/// A handler's own functions.
#[derive(Clone, Copy)]
pub(crate) struct Original {
    ctx: *mut c_void,
    malloc: DataMalloc,
    calloc: DataCalloc,
    realloc: DataRealloc,
    free: DataFree,
}

impl Original {
    /// What is in a handler; `None` if a function is missing.
    pub(crate) fn of(handler: &DataMemHandler) -> Option<Self> {
        Some(Self {
            ctx: handler.ctx,
            malloc: handler.malloc?,
            calloc: handler.calloc?,
            realloc: handler.realloc?,
            free: handler.free?,
        })
    }
}

/// Handlers of the user's that can be wrapped in one process.
const MAX_WRAPPED: usize = 64;

struct Originals {
    default: UnsafeCell<MaybeUninit<Original>>,
    wrapped: [UnsafeCell<MaybeUninit<Original>>; MAX_WRAPPED],
    n_wrapped: AtomicUsize,
}

// SAFETY: each place is written once, with the interpreter lock held, before a hook that reads it is
// put in place.
unsafe impl Sync for Originals {}

static ORIGINALS: Originals = Originals {
    default: UnsafeCell::new(MaybeUninit::uninit()),
    wrapped: [const { UnsafeCell::new(MaybeUninit::uninit()) }; MAX_WRAPPED],
    n_wrapped: AtomicUsize::new(0),
};

/// What to put in NumPy's default handler in place of `original`.
///
/// # Safety
///
/// To be called once, with the interpreter lock held.
pub(crate) unsafe fn default_hooks(original: Original, handler: &DataMemHandler) -> DataMemHandler {
    // SAFETY: the caller calls once, before any hook is in place.
    let place = unsafe { &mut *ORIGINALS.default.get() };
    place.write(original);
    DataMemHandler {
        malloc: Some(default_malloc),
        calloc: Some(default_calloc),
        realloc: Some(default_realloc),
        free: Some(default_free),
        ..*handler
    }
}

/// What to put in a handler of the user's in place of `original`; `None` if there are too many.
///
/// # Safety
///
/// The interpreter lock must be held.
pub(crate) unsafe fn wrapping_hooks(
    original: Original,
    handler: &DataMemHandler,
) -> Option<DataMemHandler> {
    let place = ORIGINALS.wrapped.get(ORIGINALS.n_wrapped.load(Ordering::Relaxed))?;
    ORIGINALS.n_wrapped.fetch_add(1, Ordering::Relaxed);
    // SAFETY: nobody has this place yet, and the lock is held.
    unsafe { &mut *place.get() }.write(original);
    Some(DataMemHandler {
        ctx: place.get().cast(),
        malloc: Some(wrapped_malloc),
        calloc: Some(wrapped_calloc),
        realloc: Some(wrapped_realloc),
        free: Some(wrapped_free),
        ..*handler
    })
}

/// Whether a handler has our functions already.
pub(crate) fn is_hooked(handler: &DataMemHandler) -> bool {
    handler.malloc.is_some_and(|malloc| {
        let malloc = malloc as usize;
        malloc == default_malloc as *const () as usize
            || malloc == wrapped_malloc as *const () as usize
    })
}

/// The default handler's functions.
#[inline]
fn default_original() -> &'static Original {
    // SAFETY: `default_hooks` wrote it before it gave out the only functions that call this, and
    // nobody writes it again.
    let original = unsafe { &*ORIGINALS.default.get() };
    // SAFETY: as above.
    unsafe { original.assume_init_ref() }
}

/// # Safety
///
/// As NumPy calls a handler's `malloc`. `ctx` is not looked at: the default handler's own goes with
/// the call, so that whoever patches the handler on top of us gets through.
unsafe extern "C" fn default_malloc(_ctx: *mut c_void, size: usize) -> *mut c_void {
    let original = default_original();
    // SAFETY: NumPy's call, passed on.
    let block = unsafe { (original.malloc)(original.ctx, size) };
    record_allocation(block.addr(), size, false);
    block
}

/// # Safety
///
/// As NumPy calls a handler's `calloc`.
unsafe extern "C" fn default_calloc(_ctx: *mut c_void, count: usize, size: usize) -> *mut c_void {
    let original = default_original();
    // SAFETY: NumPy's call, passed on.
    let block = unsafe { (original.calloc)(original.ctx, count, size) };
    record_allocation(block.addr(), count.wrapping_mul(size), true);
    block
}

/// # Safety
///
/// As NumPy calls a handler's `realloc`.
unsafe extern "C" fn default_realloc(
    _ctx: *mut c_void,
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    let original = default_original();
    // SAFETY: NumPy's call, passed on.
    let new_block = unsafe { (original.realloc)(original.ctx, block, size) };
    record_reallocation(block.addr(), new_block.addr(), size);
    new_block
}

/// # Safety
///
/// As NumPy calls a handler's `free`.
unsafe extern "C" fn default_free(_ctx: *mut c_void, block: *mut c_void, size: usize) {
    let original = default_original();
    record_free(block.addr(), size);
    // SAFETY: NumPy's call, passed on.
    unsafe { (original.free)(original.ctx, block, size) };
}

/// Calls a function of a handler of the user's, which may itself call NumPy's default handler: that
/// is not an allocation of its own.
///
/// # Safety
///
/// `ctx` must be what `wrapping_hooks` put into a handler.
unsafe fn call_original<T>(ctx: *mut c_void, call: impl FnOnce(&Original) -> T) -> T {
    // SAFETY: `wrapping_hooks` wrote it, and it is never written again.
    let original = unsafe { &*ctx.cast::<MaybeUninit<Original>>() };
    // SAFETY: as above.
    let original = unsafe { original.assume_init_ref() };
    let is_outermost = enter().map(State::enter_nested).is_some();
    let result = call(original);
    if is_outermost {
        // Entered again, as the call may have let go of the lock for a while.
        leave_nested();
    }
    result
}

fn leave_nested() {
    if crate::state::is_live() {
        // SAFETY: this thread entered the nested call with the lock held, and holds it again now.
        unsafe { crate::state::get_alone() }.leave_nested();
    }
}

/// # Safety
///
/// As NumPy calls a handler's `malloc`, with a context from `wrapping_hooks`.
unsafe extern "C" fn wrapped_malloc(ctx: *mut c_void, size: usize) -> *mut c_void {
    let call = |original: &Original| {
        // SAFETY: NumPy's call, passed on.
        unsafe { (original.malloc)(original.ctx, size) }
    };
    // SAFETY: the caller vouches for the context.
    let block = unsafe { call_original(ctx, call) };
    record_allocation(block.addr(), size, false);
    block
}

/// # Safety
///
/// As NumPy calls a handler's `calloc`, with a context from `wrapping_hooks`.
unsafe extern "C" fn wrapped_calloc(ctx: *mut c_void, count: usize, size: usize) -> *mut c_void {
    let call = |original: &Original| {
        // SAFETY: NumPy's call, passed on.
        unsafe { (original.calloc)(original.ctx, count, size) }
    };
    // SAFETY: the caller vouches for the context.
    let block = unsafe { call_original(ctx, call) };
    record_allocation(block.addr(), count.wrapping_mul(size), true);
    block
}

/// # Safety
///
/// As NumPy calls a handler's `realloc`, with a context from `wrapping_hooks`.
unsafe extern "C" fn wrapped_realloc(
    ctx: *mut c_void,
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    let call = |original: &Original| {
        // SAFETY: NumPy's call, passed on.
        unsafe { (original.realloc)(original.ctx, block, size) }
    };
    // SAFETY: the caller vouches for the context.
    let new_block = unsafe { call_original(ctx, call) };
    record_reallocation(block.addr(), new_block.addr(), size);
    new_block
}

/// # Safety
///
/// As NumPy calls a handler's `free`, with a context from `wrapping_hooks`.
unsafe extern "C" fn wrapped_free(ctx: *mut c_void, block: *mut c_void, size: usize) {
    record_free(block.addr(), size);
    let call = |original: &Original| {
        // SAFETY: NumPy's call, passed on.
        unsafe { (original.free)(original.ctx, block, size) };
    };
    // SAFETY: the caller vouches for the context.
    unsafe { call_original(ctx, call) };
}

#[inline(always)]
fn record_allocation(block: usize, size: usize, is_zeroed: bool) {
    if block == 0 {
        return;
    }
    let Some(state) = enter() else { return record_allocation_aside(block, size, is_zeroed) };
    let array = pending();
    set_pending(0);
    state.operations.touches.born(block);
    let making = state.making(size);
    state.stacks.mark_line();
    state.flush_touches();
    if array != 0
        && size < TIMED_BYTES
        // SAFETY: as in `record_any_allocation`.
        && let Some(traits) = unsafe { Layout::plain(array, size, &state.dtypes) }
    {
        let traits = Traits { is_zeroed, is_first: making.is_first, ..traits };
        if state.stream.begin(3) {
            state.stream.write([
                event(Kind::Alloc, block as u64),
                traits.word(making.stack),
                size_in_operation(size as u64, making.operation),
            ]);
        }
        return;
    }
    record_any_allocation(state, &making, array, (block, size, is_zeroed));
}

#[cold]
fn record_allocation_aside(block: usize, size: usize, is_zeroed: bool) {
    let traits = Traits { is_zeroed, ..Traits::SCRATCH };
    record_aside(&[event(Kind::Alloc, block as u64), traits.word(0), size as u64]);
}

/// Records what isn't small and simple.
#[inline(never)]
fn record_any_allocation(
    state: &mut State,
    making: &Making,
    array: Address,
    (block, size, is_zeroed): (Address, usize, bool),
) {
    if size >= TIMED_BYTES {
        // SAFETY: `enter` has found the lock held.
        unsafe { state.operations.owners.look(&mut state.stream) };
    }
    let mut layout = if array == 0 {
        crate::hooks::array::adopt_subclasses(state.python);
        Layout::SCRATCH
    } else {
        // SAFETY: the pending array is forgotten when it dies, so it is alive; NumPy fills it in before
        // it asks for data.
        unsafe { Layout::of_array(array, size, false, &mut state.dtypes, &mut state.stream) }
    };
    layout.traits.is_zeroed = is_zeroed;
    layout.traits.is_first = making.is_first;
    let stream = &mut state.stream;
    let n_words = layout.n_words().wrapping_add(3);
    let has_room =
        if size < TIMED_BYTES { stream.begin(n_words) } else { stream.begin_timed(n_words) };
    if has_room {
        stream.push(event(Kind::Alloc, block as u64));
        stream.push(layout.traits.word(making.stack));
        stream.push(size_in_operation(size as u64, making.operation));
        layout.push(stream);
        stream.publish();
    }
}

#[inline(always)]
fn record_free(block: usize, size: usize) {
    if block == 0 {
        return;
    }
    let Some(state) = enter() else { return record_free_aside(block) };
    // SAFETY: `enter` has found that this is the current thread and holds the lock.
    let kind = unsafe { state.stacks.kind_of_free(state.thread()) };
    state.freed_inside(size);
    // SAFETY: frees are recorded before they happen, and what happens to blocks otherwise makes copies
    // be forgotten.
    unsafe { state.end_copies(block) };
    if size >= TIMED_BYTES {
        return record_large_free(state, kind, block);
    }
    let stream = &mut state.stream;
    if stream.begin(1) {
        stream.write([event(kind, block as u64)]);
    }
}

#[cold]
fn record_free_aside(block: usize) {
    crate::operation::copies::lose_track();
    record_aside(&[event(Kind::Free, block as u64)]);
}

/// A large block's end is recorded with where it happens: whether what made it was over by then.
#[inline(never)]
fn record_large_free(state: &mut State, kind: Kind, block: usize) {
    state.flush_touches();
    let stack = state.stack();
    let stream = &mut state.stream;
    if stream.begin_timed(2) {
        stream.push(event(Kind::FreeFrom, block as u64));
        stream.push(freed_from(stack, kind));
        stream.publish();
    }
}

#[cold]
fn record_reallocation(old_block: usize, block: usize, size: usize) {
    if block == 0 {
        return;
    }
    if old_block == 0 {
        return record_allocation(block, size, false);
    }
    let words = |stack| {
        [event(Kind::Realloc, old_block as u64), block as u64, size as u64, u64::from(stack) << 32]
    };
    let Some(state) = enter() else {
        crate::operation::copies::lose_track();
        return record_aside(&words(0));
    };
    set_pending(0);
    // The old block may be gone already.
    state.operations.copies.forget();
    let words = words(state.stack());
    state.stacks.mark_line();
    if state.stream.begin_timed(words.len()) {
        for word in words {
            state.stream.push(word);
        }
        state.stream.publish();
    }
}
