//! Plays a program for tests: frames, blocks and operations by name.

use std::collections::HashMap;

use npprof_model::{ArrayLayout, Detail, Order as ModelOrder, Pattern};
use npprof_wire::decode::decode;
use npprof_wire::encode::{self, Definition, Traits};
use npprof_wire::record::{
    Counts, FreedAt, Layout, MAX_RECORD_WORDS, Order, Record, Role, Scalar, operand,
};

use crate::aggregate::Aggregate;
use crate::aggregate::threads::ThreadIndex;

/// An array as a test sees it.
#[derive(Clone, Debug)]
pub(super) struct Arr {
    pub(super) address: u64,
    pub(super) dtype: &'static str,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<i64>,
    pub(super) scalar: Scalar,
    pub(super) traits: u32,
}

pub(super) fn itemsize(dtype: &str) -> u64 {
    let digits = dtype.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    match dtype {
        "bool" => 1,
        "object" => 8,
        _ => digits.parse::<u64>().unwrap() / 8,
    }
}

impl Arr {
    /// A view of the same elements in another shape, or of a part of them.
    pub(super) fn view(&self, offset: i64, shape: &[u64], strides: &[i64]) -> Self {
        let address = self.address.checked_add_signed(offset).unwrap();
        Self { address, shape: shape.to_vec(), strides: strides.to_vec(), ..self.clone() }
    }

    pub(super) fn dense(&self, shape: &[u64]) -> Self {
        let size = itemsize(self.dtype);
        self.view(0, shape, &ArrayLayout::dense_strides(shape, size, ModelOrder::C))
    }

    pub(super) fn t(&self) -> Self {
        let (mut shape, mut strides) = (self.shape.clone(), self.strides.clone());
        shape.reverse();
        strides.reverse();
        self.view(0, &shape, &strides)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.shape.iter().product::<u64>() * itemsize(self.dtype)
    }
}

pub(super) fn scalar(scalar: Scalar) -> Arr {
    Arr { address: 0, dtype: "", shape: vec![], strides: vec![], scalar, traits: 0 }
}

/// An operation to be played.
#[derive(Clone, Debug, Default)]
pub(super) struct Op {
    pub(super) flags: u32,
    pub(super) axes: u64,
    pub(super) detail: u64,
    pub(super) second: u64,
    pub(super) hidden: u64,
    /// Inputs that the record has no room for.
    pub(super) n_more: u16,
}

/// A program that is played.
#[derive(Debug)]
pub(super) struct Play {
    aggregate: Aggregate,
    thread: ThreadIndex,
    next_address: u64,
    codes: HashMap<String, u32>,
    dtypes: HashMap<&'static str, u16>,
    operations: HashMap<String, u16>,
    stacks: HashMap<(u32, u32, u32, u32), u32>,
    sizes: HashMap<u64, u64>,
    counts: Vec<Counts>,
}

impl Play {
    pub(super) fn new() -> Self {
        Self {
            aggregate: Aggregate::new(0, 0),
            thread: ThreadIndex::default(),
            next_address: 1 << 20,
            codes: HashMap::new(),
            dtypes: HashMap::new(),
            operations: HashMap::new(),
            stacks: HashMap::new(),
            sizes: HashMap::new(),
            counts: Vec::new(),
        }
    }

    /// The version of NumPy.
    pub(super) fn numpy(&mut self, version: &str) {
        self.aggregate.definitions.facts.numpy = Some(version.into());
    }

    fn apply(&mut self, record: Record<'_>) {
        self.aggregate.apply(record, &mut self.thread).unwrap();
    }

    fn define(&mut self, make: impl FnOnce(&mut [u64])) {
        let mut words = vec![0; MAX_RECORD_WORDS];
        make(&mut words);
        let (record, _) = decode(&words).unwrap();
        self.apply(record);
    }

    /// A stack, as in `main:33@10 score:18@4 np.tile:7`: without an offset it is 0; of NumPy's are
    /// functions that begin with `np.`.
    pub(super) fn at(&mut self, frames: &str) -> u32 {
        let mut caller = 0;
        for frame in frames.split_whitespace() {
            let (name, place) = frame.split_once(':').unwrap();
            let (line, offset) = place.split_once('@').unwrap_or((place, "0"));
            let (line, offset) = (line.parse().unwrap(), offset.parse().unwrap());
            let code = self.code(name);
            caller = self.stack((caller, code, line, offset));
        }
        caller
    }

    fn code(&mut self, name: &str) -> u32 {
        if let Some(&code) = self.codes.get(name) {
            return code;
        }
        let code = u32::try_from(self.codes.len()).unwrap() + 1;
        self.codes.insert(name.to_owned(), code);
        let function = name.strip_prefix("np.");
        let file = if function.is_some() { "/v/site-packages/numpy/lib/x.py" } else { "a.py" };
        let function = function.unwrap_or(name);
        self.define(|words| {
            let _ = Definition::code(words, code, 1, file.as_bytes(), function.as_bytes()).finish();
        });
        code
    }

    fn stack(&mut self, frame: (u32, u32, u32, u32)) -> u32 {
        if let Some(&stack) = self.stacks.get(&frame) {
            return stack;
        }
        let stack = u32::try_from(self.stacks.len()).unwrap() + 1;
        self.stacks.insert(frame, stack);
        let (caller, code, line, offset) = frame;
        self.define(|words| {
            let _ = Definition::stack(words, stack, caller, (code, line, offset)).finish();
        });
        stack
    }

    fn dtype(&mut self, dtype: &'static str) -> u16 {
        if dtype.is_empty() {
            return 0;
        }
        if let Some(&number) = self.dtypes.get(dtype) {
            return number;
        }
        let number = u16::try_from(self.dtypes.len()).unwrap() + 1;
        self.dtypes.insert(dtype, number);
        let size = u32::try_from(itemsize(dtype)).unwrap();
        self.define(|words| {
            let _ = Definition::dtype(words, number, size, dtype.as_bytes()).finish();
        });
        number
    }

    fn operation(&mut self, name: &str) -> u16 {
        if name.is_empty() {
            return 0;
        }
        if let Some(&number) = self.operations.get(name) {
            return number;
        }
        let number = u16::try_from(self.operations.len()).unwrap() + 1;
        self.operations.insert(name.to_owned(), number);
        self.define(|words| {
            let _ = Definition::operation(words, number, name.as_bytes()).finish();
        });
        number
    }

    /// Hands out a block for a C-ordered array, inside of an operation.
    pub(super) fn alloc(
        &mut self,
        at: &str,
        name: &str,
        dtype: &'static str,
        shape: &[u64],
    ) -> Arr {
        self.alloc_in(at, (name, true), dtype, shape)
    }

    /// Hands out a block, the first one of its operation or a further one.
    pub(super) fn alloc_in(
        &mut self,
        at: &str,
        (name, is_first): (&str, bool),
        dtype: &'static str,
        shape: &[u64],
    ) -> Arr {
        let (stack, operation, number) = (self.at(at), self.operation(name), self.dtype(dtype));
        let size_bytes = shape.iter().product::<u64>() * itemsize(dtype);
        let address = self.next_address;
        self.next_address += size_bytes.next_multiple_of(4096) + 4096;
        self.sizes.insert(address, size_bytes);
        let layout = Layout { dtype: number, order: Order::C, shape, strides: &[], is_flat: false };
        let is_zeroed = name == "zeros";
        self.apply(Record::Alloc {
            address,
            size_bytes,
            stack,
            is_zeroed,
            operation,
            is_first,
            layout,
        });
        let strides = ArrayLayout::dense_strides(shape, itemsize(dtype), ModelOrder::C);
        let shape = shape.to_vec();
        let traits = operand::OWNS_DATA | operand::WRITEABLE;
        Arr { address, dtype, shape, strides, scalar: Scalar::None, traits }
    }

    pub(super) fn free(&mut self, array: &Arr, from: &str) {
        let stack = self.at(from);
        let (address, at) = (array.address, FreedAt::Elsewhere);
        self.apply(Record::FreeFrom { address, at, stack });
    }

    /// Plays an operation.
    pub(super) fn op(&mut self, at: &str, name: &str, op: &Op, operands: &[(Role, &Arr)]) {
        let (stack, number) = (self.at(at), self.operation(name));
        let is_array = |role: Role, array: &Arr| {
            role == Role::Result && self.sizes.contains_key(&array.address)
        };
        let made = operands.iter().filter(|(role, array)| is_array(*role, array));
        let allocated = made.map(|(_, array)| array.bytes()).sum::<u64>() + op.hidden;
        let n_inputs = operands.iter().filter(|(role, _)| *role == Role::Input).count();
        let (n, n_inputs) =
            (u8::try_from(operands.len()).unwrap(), u16::try_from(n_inputs).unwrap() + op.n_more);
        let mut words = vec![
            encode::operation(number, n, op.flags),
            encode::operation_context(stack, 0, n_inputs),
            1000,
            allocated,
            0,
            op.axes,
            op.detail,
            op.second,
        ];
        for &(role, array) in operands {
            self.operand(role, array, &mut words);
        }
        let (record, _) = decode(&words).unwrap();
        self.apply(record);
    }

    fn operand(&mut self, role: Role, array: &Arr, words: &mut Vec<u64>) {
        let size = if array.dtype.is_empty() { 0 } else { itemsize(array.dtype) };
        let dense = |order| ArrayLayout::dense_strides(&array.shape, size, order) == array.strides;
        let order = if dense(ModelOrder::C) {
            Order::C
        } else if dense(ModelOrder::F) {
            Order::F
        } else {
            Order::Strided
        };
        let traits = Traits {
            dtype: self.dtype(array.dtype),
            ndim: u8::try_from(array.shape.len()).unwrap(),
            order,
            has_shape: true,
            is_zeroed: false,
            is_first: false,
        };
        words.push(encode::operand(array.address, role));
        words.push(traits.word(encode::operand_traits(array.scalar, array.traits)));
        words.extend(&array.shape);
        if order == Order::Strided {
            words.extend(array.strides.iter().map(|stride| stride.cast_unsigned()));
        }
    }

    /// An operation that gives back a new array.
    pub(super) fn make(
        &mut self,
        at: &str,
        name: &str,
        inputs: &[&Arr],
        (dtype, shape): (&'static str, &[u64]),
    ) -> Arr {
        let result = self.alloc(at, name, dtype, shape);
        let role =
            |array: &Arr| if array.scalar == Scalar::None { Role::Input } else { Role::Scalar };
        let mut operands: Vec<_> = inputs.iter().map(|array| (role(array), *array)).collect();
        operands.push((Role::Result, &result));
        self.op(at, name, &Op::default(), &operands);
        result
    }

    /// An operation that reads arrays, and gives back nothing of note.
    pub(super) fn read(&mut self, at: &str, name: &str, inputs: &[&Arr]) {
        let operands: Vec<_> = inputs.iter().map(|array| (Role::Input, *array)).collect();
        self.op(at, name, &Op::default(), &operands);
    }

    /// An operation that writes to an array.
    pub(super) fn write(&mut self, at: &str, name: &str, inputs: &[&Arr], output: &Arr) {
        let mut operands: Vec<_> = inputs.iter().map(|array| (Role::Input, *array)).collect();
        operands.push((Role::Output, output));
        let flags = npprof_wire::record::operation::HAS_OUT;
        self.op(at, name, &Op { flags, ..Op::default() }, &operands);
    }

    pub(super) fn touch(&mut self, array: &Arr, is_write: bool) {
        let (address, size_bytes) = (array.address, array.bytes());
        self.apply(Record::Touch { address, size_bytes, is_write });
    }

    pub(super) fn pin(&mut self, base: &Arr, at: &str, n_views: u32, viewed_bytes: u64) {
        let stack = self.at(at);
        self.apply(Record::Pin { address: base.address, stack, n_views, viewed_bytes });
    }

    pub(super) fn count(&mut self, at: &str, name: &str, counts: Counts) {
        let (stack, operation) = (self.at(at), self.operation(name));
        self.counts.push(Counts { stack, operation, ..counts });
    }

    pub(super) const fn high_water(&self) -> u64 {
        self.aggregate.sums.high_water
    }

    pub(super) fn is_live(&self, array: &Arr) -> bool {
        self.sizes.contains_key(&array.address)
    }

    /// The block that was handed out last.
    pub(super) fn latest(&self) -> Arr {
        let address = self.sizes.keys().copied().max().unwrap();
        let shape = vec![self.sizes[&address]];
        let (scalar, strides) = (Scalar::None, vec![1]);
        Arr { address, dtype: "uint8", shape, strides, scalar, traits: 0 }
    }

    /// The patterns of a kind: their line and the pattern.
    pub(super) fn patterns(&mut self) -> Vec<(u32, Pattern)> {
        self.aggregate.see_counters(self.counts.clone());
        let _ = self.aggregate.operations(100);
        let patterns = self.aggregate.patterns();
        let line = |pattern: &Pattern| {
            let site = &self.aggregate.sites.all()[pattern.site.0 as usize];
            site.place.line
        };
        patterns.into_iter().map(|pattern| (line(&pattern), pattern)).collect()
    }

    /// The patterns: kind, line, number, bytes, and what the high-water mark would be less by.
    pub(super) fn found(&mut self) -> Vec<String> {
        let mut found: Vec<_> = self.patterns().iter().map(|(line, it)| told(*line, it)).collect();
        found.sort();
        found
    }

    pub(super) fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.found(), expected);
    }
}

fn told(line: u32, pattern: &Pattern) -> String {
    let kind = match pattern.detail {
        Detail::RedundantCopy => "redundant-copy",
        Detail::LayoutCopy { .. } => "layout-copy",
        Detail::BoundaryCopy { .. } => "boundary-copy",
        Detail::FancyIndexCopy { .. } => "fancy-index-copy",
        Detail::BroadcastBlowup { .. } => "broadcast-blowup",
        Detail::StridedAccess { .. } => "strided-access",
        Detail::PythonLoop { .. } => "python-loop",
        Detail::ImplicitUpcast { .. } => "implicit-upcast",
        Detail::ObjectDtype { .. } => "object-dtype",
        Detail::ListConversion { .. } => "list-conversion",
        Detail::TemporaryChain { .. } => "temporary-chain",
        Detail::QuadraticAppend { .. } => "quadratic-append",
        Detail::OverAllocation { .. } => "over-allocation",
        Detail::ViewPinsBase { .. } => "view-pins-base",
        Detail::MemoryGrowth { .. } => "memory-growth",
    };
    let saved = pattern.saves.high_water.map_or(String::new(), |saved| format!(" -{}", saved.0));
    format!("{kind}:{line} {}x {}{saved}", pattern.n, pattern.bytes.0)
}
