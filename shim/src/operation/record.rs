//! The record of a large operation.

use npprof_abi::numpy::{ArrayBody, array, descr};
use npprof_abi::python::object::OBJECT_SIZE;
use npprof_wire::encode::{self, operand_traits};
use npprof_wire::record::{MAX_OPERANDS, Role, Scalar, operand};

use crate::layout::Layout;
use crate::memory::{Address, read};
use crate::operation::Frame;
use crate::operation::index::Part;
use crate::operation::look::{Types, is_array, scalar_kind};
use crate::state::State;

/// The operands of an operation, as they are collected.
pub(crate) struct Operands<'a> {
    types: &'a Types,
    items: [Item; MAX_OPERANDS],
    n: usize,
    /// Arrays read, also those for which there was no room.
    n_inputs: u16,
}

#[derive(Clone, Copy)]
struct Item {
    object: Address,
    role: Role,
    /// The object is a part of an array: see [`Operands::add_part`].
    is_part: bool,
}

/// What there is to say of an operation besides its operands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) flags: u32,
    pub(crate) axes: u64,
    pub(crate) detail: u64,
    pub(crate) second: u64,
}

impl<'a> Operands<'a> {
    pub(crate) fn new(types: &'a Types) -> Self {
        let nothing = Item { object: 0, role: Role::Scalar, is_part: false };
        Self { types, items: [nothing; MAX_OPERANDS], n: 0, n_inputs: 0 }
    }

    /// Adds an object; no array is added as a scalar.
    ///
    /// # Safety
    ///
    /// `object` must be null or alive until the record is written.
    pub(crate) unsafe fn add(&mut self, object: Address, role: Role) {
        if object == 0 || object == self.types.none {
            return;
        }
        // SAFETY: the caller vouches for the object.
        let role = if unsafe { is_array(object, self.types) } { role } else { Role::Scalar };
        self.push(Item { object, role, is_part: false });
    }

    /// Adds the part of an array that an index selects. `array` gives everything but its place.
    pub(crate) fn add_part(&mut self, array: Address, role: Role) {
        self.push(Item { object: array, role, is_part: true });
    }

    /// Number of arrays among the inputs.
    fn push(&mut self, item: Item) {
        if item.role == Role::Input {
            self.n_inputs = self.n_inputs.saturating_add(1);
        }
        // The last place is kept for a result.
        let room =
            if item.role == Role::Result { MAX_OPERANDS } else { MAX_OPERANDS.wrapping_sub(1) };
        if self.n < room
            && let Some(place) = self.items.get_mut(self.n)
        {
            *place = item;
            self.n = self.n.wrapping_add(1);
        }
    }
}

/// An operand on its way to the ring.
#[derive(Clone, Copy)]
struct Ready {
    first: u64,
    second: u64,
    layout: Layout,
}

impl State {
    /// Writes the record of an operation that has ended. `part` is what operands added as parts are.
    ///
    /// # Safety
    ///
    /// The operands must be alive, with the interpreter lock held.
    pub(crate) unsafe fn record_operation(
        &mut self,
        (frame, outer): (&Frame, u16),
        facts: Facts,
        operands: &Operands<'_>,
        part: Option<&Part>,
    ) {
        let stack = self.stack_of(frame);
        self.flush_touches();
        let nothing = Ready { first: 0, second: 0, layout: Layout::SCRATCH };
        let mut ready = [nothing; MAX_OPERANDS];
        let mut n_words = 8_usize;
        for (item, ready) in operands.items.iter().take(operands.n).zip(&mut ready) {
            // SAFETY: the caller vouches for the operands.
            *ready = unsafe { self.prepare(*item, frame, operands.types, part) };
            n_words = n_words.wrapping_add(2).wrapping_add(ready.layout.n_words());
        }
        let now = if frame.began_ns == 0 { 0 } else { crate::stream::now_ns() };
        if !self.stream.begin_at(n_words, now) {
            return;
        }
        let stream = &mut self.stream;
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_OPERANDS")]
        let n_operands = operands.n as u8;
        let duration = if now == 0 { 0 } else { now.saturating_sub(frame.began_ns) };
        for word in [
            encode::operation(frame.operation, n_operands, facts.flags),
            encode::operation_context(stack, outer, operands.n_inputs),
            duration,
            frame.allocated,
            frame.freed,
            facts.axes,
            facts.detail,
            facts.second,
        ] {
            stream.push(word);
        }
        for ready in ready.iter().take(operands.n) {
            stream.push(ready.first);
            stream.push(ready.second);
            ready.layout.push(stream);
        }
        stream.publish();
    }

    /// # Safety
    ///
    /// As for [`Self::record_operation`].
    unsafe fn prepare(
        &mut self,
        item: Item,
        frame: &Frame,
        types: &Types,
        part: Option<&Part>,
    ) -> Ready {
        if item.role == Role::Scalar {
            // SAFETY: the caller vouches for the operand.
            let scalar = unsafe { scalar_kind(item.object, types) };
            let first = encode::operand(0, Role::Scalar);
            let layout = Layout::SCRATCH;
            let second = layout.traits.word(operand_traits(scalar, 0));
            return Ready { first, second, layout };
        }
        // SAFETY: an array, as its role says.
        let body = unsafe { read::<ArrayBody>(item.object, OBJECT_SIZE) };
        // SAFETY: as above.
        let mut layout = unsafe {
            let size = usize::MAX;
            Layout::of_array(item.object, size, true, &mut self.dtypes, &mut self.stream)
        };
        let mut data = body.data.addr();
        if let Some(part) = part.filter(|_| item.is_part) {
            let (shape, strides) = (part.shape.get(..part.ndim), part.strides.get(..part.ndim));
            #[expect(clippy::cast_possible_truncation, reason = "at most MAX_NDIM")]
            let traits = encode::Traits {
                ndim: part.ndim as u8,
                order: npprof_wire::record::Order::Strided,
                has_shape: true,
                ..layout.traits
            };
            data = part.data;
            layout = Layout::of_part(traits, shape.unwrap_or(&[]), strides.unwrap_or(&[]));
        }
        let mut traits = 0;
        if body.flags & array::ALIGNED == 0 {
            traits |= operand::MISALIGNED;
        }
        if body.flags & array::WRITEABLE != 0 {
            traits |= operand::WRITEABLE;
        }
        // SAFETY: an array has a dtype, which lives as long.
        if unsafe { read::<u8>(body.descr.addr(), descr::BYTEORDER) } == b'>' {
            traits |= operand::SWAPPED;
        }
        let owns = if item.role == Role::Result {
            // A result may be a view of a block that was made for it alone.
            // SAFETY: as above.
            let n_bytes = unsafe { self.look(item.object) }.n_bytes as u64;
            n_bytes != 0 && frame.allocated >= n_bytes
        } else {
            body.flags & array::OWNDATA != 0
        };
        if owns {
            traits |= operand::OWNS_DATA;
        }
        Ready {
            first: encode::operand(data as u64, item.role),
            second: layout.traits.word(operand_traits(Scalar::None, traits)),
            layout,
        }
    }
}
