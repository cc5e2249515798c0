//! Streams of records as a program would write them, made up at random.
//!
//! They are words as on the wire, so that tests can damage them. What they are about is in keeping
//! with itself: frees are of blocks that are alive, operands lie in blocks, stacks are defined.

use npprof_wire::encode::{
    Definition, Traits, event, freed_from, operand, operand_traits, operation, operation_context,
    size_in_operation, touch,
};
use npprof_wire::record::{Fact, Kind, MAX_OPERANDS, MAX_RECORD_WORDS, Order, Role, Scalar};

/// Names of operations of all classes.
const NAMES: &[&str] = &[
    "add",
    "subtract",
    "divide",
    "add.outer",
    "add.reduce",
    "add.accumulate",
    "add.at",
    "matmul",
    "dot",
    "array",
    "asarray",
    "ascontiguousarray",
    "ndarray.copy",
    "ndarray.astype",
    "ndarray.flatten",
    "ndarray.reshape",
    "ndarray.ravel",
    "getitem",
    "setitem",
    "copyto",
    "take",
    "concatenate",
    "where",
    "repeat",
    "ndarray.sort",
    "ndarray.argsort",
    "ndarray.tolist",
    "ndarray.tobytes",
    "buffer",
    "empty",
    "zeros",
    "PyArray_FromAny",
    "fromiter",
    "ndarray.item",
    "iteration",
];
const DTYPES: &[(&str, u32)] = &[
    ("float64", 8),
    ("float32", 4),
    ("int64", 8),
    ("uint8", 1),
    ("bool", 1),
    ("complex128", 16),
    ("object", 8),
    (">f8", 8),
];
const CODES: &[(&str, &str)] = &[
    ("/home/u/fit.py", "fit"),
    ("/home/u/fit.py", "Model.load"),
    ("/v/site-packages/pkg/core.py", "run"),
    ("/v/site-packages/numpy/core.py", "zeros"),
    ("/v/site-packages/numpy/fft/_pocketfft.py", "_raw_fft"),
    ("/v/site-packages/numpy/lib.py", "insert"),
];
/// More than that are never alive.
const N_PLACES: usize = 48;
/// Bytes between two blocks, and of the largest of them.
const ROOM: u64 = 64 << 20;
const SIZES: &[u64] =
    &[0, 8, 800, 4096, 40_000, 65_536, 100_000, 1 << 20, 3 << 20, 8 << 20, 10 << 20, 64 << 20];

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    address: u64,
    size: u64,
}

/// A stream under construction.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) words: Vec<u64>,
    places: [Option<Place>; N_PLACES],
    n_stacks: u32,
    now_ns: u64,
    /// One in so many of the operations, touches and frees that could be.
    rest: u64,
    random: u64,
}

impl Stream {
    /// Of so many events.
    pub(super) fn new(seed: u64, n_events: usize) -> Self {
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let places = [None; N_PLACES];
        // In some streams arrays pile up that nobody looks at.
        let rest = if seed % 3 == 1 { 12 } else { 1 };
        let mut stream = Self { words: Vec::new(), places, n_stacks: 0, now_ns: 1, rest, random };
        stream.define();
        for _ in 0..n_events {
            stream.step();
        }
        stream
    }

    fn define(&mut self) {
        let mut words = [0; MAX_RECORD_WORDS];
        let version = if self.below(2) == 0 { "1.26.4" } else { "2.4.6" };
        self.add(Definition::fact(&mut words, Fact::StdlibFolder, b"/usr/lib/python3").finish());
        self.add(Definition::fact(&mut words, Fact::NumpyVersion, version.as_bytes()).finish());
        for (number, &(name, itemsize)) in (1..).zip(DTYPES) {
            self.add(Definition::dtype(&mut words, number, itemsize, name.as_bytes()).finish());
        }
        for (number, name) in (1..).zip(NAMES) {
            self.add(Definition::operation(&mut words, number, name.as_bytes()).finish());
        }
        for (number, (file, name)) in (1..).zip(CODES) {
            let (file, name) = (file.as_bytes(), name.as_bytes());
            self.add(Definition::code(&mut words, number, 1, file, name).finish());
        }
        for _ in 0..8 {
            self.define_stack();
        }
        self.add(Definition::thread(&mut words, 1, 77, b"worker").finish());
    }

    fn define_stack(&mut self) {
        let mut words = [0; MAX_RECORD_WORDS];
        let caller = self.number(u64::from(self.n_stacks) + 1);
        let code = self.number(CODES.len() as u64) + 1;
        let (line, offset) = (self.number(5) + 1, 2 * self.number(6));
        self.n_stacks += 1;
        self.add(
            Definition::stack(&mut words, self.n_stacks, caller, (code, line, offset)).finish(),
        );
    }

    fn step(&mut self) {
        match self.below(100) {
            0..30 => self.allocate(),
            30..92 if self.below(self.rest) > 0 => self.allocate(),
            30..52 => self.free(),
            52..54 => self.reallocate(),
            54..56 => self.lay_out(),
            56..78 => self.operate(),
            78..84 => self.touch(),
            84..88 => self.count(),
            88..92 => self.pin(),
            92..94 => {
                let thread = self.below(3);
                self.add(&[event(Kind::Thread, thread)]);
            }
            94..97 => {
                self.now_ns += self.below(3_000_000);
                self.add(&[event(Kind::Clock, self.now_ns)]);
            }
            97 => self.add(&[event(Kind::Fork, 1)]),
            _ if self.n_stacks < 200 => self.define_stack(),
            _ => {}
        }
    }

    fn allocate(&mut self) {
        let at = self.place();
        if self.places[at].is_some() {
            return;
        }
        let Place { address, size } = self.put(at);
        let stack = self.stack();
        let operation = if self.below(3) == 0 { 0 } else { self.operation() };
        let (traits, layout) = self.layout(size);
        let traits =
            Traits { is_zeroed: self.below(4) == 0, is_first: self.below(2) == 0, ..traits };
        self.add(&[event(Kind::Alloc, address), traits.word(stack)]);
        self.add(&[size_in_operation(size, operation)]);
        self.add(&layout);
        // What made it says so, most of the time.
        if operation != 0 && self.below(3) > 0 {
            self.finish_operation(operation, stack, Some(at));
        }
    }

    fn free(&mut self) {
        let at = self.place();
        let Some(place) = self.places[at].take() else { return };
        let kinds = [Kind::Free, Kind::FreeSameLine, Kind::FreeSamePlace];
        let kind = kinds[usize::try_from(self.below(3)).expect("one of them")];
        if self.below(2) == 0 {
            let stack = self.stack();
            self.add(&[event(Kind::FreeFrom, place.address), freed_from(stack, kind)]);
        } else {
            self.add(&[event(kind, place.address)]);
        }
    }

    fn reallocate(&mut self) {
        let (from, to) = (self.place(), self.place());
        let Some(old) = self.places[from].take() else { return };
        if self.places[to].is_some() {
            self.places[from] = Some(old);
            return;
        }
        let new = self.put(to);
        let stack = if self.below(3) == 0 { 0 } else { self.stack() };
        self.add(&[event(Kind::Realloc, old.address), new.address, new.size]);
        self.add(&[u64::from(stack) << 32]);
    }

    fn lay_out(&mut self) {
        let at = self.place();
        let Some(place) = self.places[at] else { return };
        let (traits, layout) = self.layout(place.size);
        self.add(&[event(Kind::Layout, place.address), traits.word(0)]);
        self.add(&layout);
    }

    fn operate(&mut self) {
        let (operation, stack, at) = (self.operation(), self.stack(), self.place());
        let result = (self.below(2) == 0).then_some(at);
        self.finish_operation(operation, stack, result);
    }

    fn finish_operation(&mut self, number: u16, stack: u32, result: Option<usize>) {
        let n_operands = 1 + usize::try_from(self.below(3)).expect("few");
        let mut operands = Vec::new();
        for _ in 0..n_operands.min(MAX_OPERANDS - 1) {
            let roles = [Role::Input, Role::Input, Role::Input, Role::Output, Role::Index];
            let role = roles[usize::try_from(self.below(5)).expect("one of them")];
            let at = self.place();
            self.operand(self.places[at], role, &mut operands);
        }
        let result = result.and_then(|at| self.places[at]);
        if result.is_some() {
            self.operand(result, Role::Result, &mut operands);
        }
        let n_operands = u8::try_from(n_operands).expect("few") + u8::from(result.is_some());
        let flags = if self.below(2) == 0 { 0 } else { self.number(1 << 12) };
        let outer = if self.below(4) == 0 { self.operation() } else { 0 };
        let n_inputs = u16::try_from(self.below(5)).expect("few");
        self.add(&[
            operation(number, n_operands, flags),
            operation_context(stack, outer, n_inputs),
        ]);
        let allocated = result.map_or(0, |place| place.size) + self.below(3) * 40_000;
        let axes = self.below(8);
        let (time, freed, detail) = (self.below(9000), self.below(3) * 40_000, self.below(9));
        let second = [0, 1, 3, 20_000, u64::MAX][usize::try_from(self.below(5)).expect("one")];
        self.add(&[time, allocated, freed, axes, detail, second]);
        self.add(&operands);
    }

    fn operand(&mut self, place: Option<Place>, role: Role, to: &mut Vec<u64>) {
        let traits = self.number(32);
        let Some(place) = place.filter(|_| self.below(12) > 0) else {
            let scalars =
                [Scalar::Int, Scalar::Float, Scalar::Numpy, Scalar::Sequence, Scalar::Other];
            let scalar = scalars[usize::try_from(self.below(5)).expect("one of them")];
            let word = Traits { ndim: 0, has_shape: true, ..FLAT };
            to.extend([operand(0, Role::Scalar), word.word(operand_traits(scalar, 0))]);
            return;
        };
        let (layout, words) = self.layout(place.size);
        let inside = if self.below(4) == 0 { place.size / 16 * 8 } else { 0 };
        let (layout, words) = if layout.has_shape {
            (layout, words)
        } else {
            (Traits { ndim: 1, has_shape: true, ..layout }, vec![place.size / 8])
        };
        to.push(operand(place.address + inside, role));
        to.push(layout.word(operand_traits(Scalar::None, traits)));
        to.extend(words);
    }

    fn touch(&mut self) {
        let at = self.place();
        let Some(place) = self.places[at] else { return };
        let inside = self.below(place.size.max(8)) / 8 * 8;
        let is_write = self.below(2) == 0;
        self.add(&[event(Kind::Touch, place.address + inside), touch(8, is_write)]);
    }

    fn count(&mut self) {
        let (stack, number) = (self.stack(), self.operation());
        self.add(&[event(Kind::Counts, number.into()), u64::from(stack) << 32]);
        for _ in 0..6 {
            let n = self.below(20_000);
            self.add(&[n]);
        }
    }

    fn pin(&mut self) {
        let at = self.place();
        let Some(place) = self.places[at] else { return };
        let (stack, n_views) = (self.stack(), self.below(3));
        self.add(&[event(Kind::Pin, place.address), u64::from(stack) << 32 | n_views]);
        self.add(&[n_views * 100]);
    }

    /// Puts a block of some size into a free place.
    fn put(&mut self, at: usize) -> Place {
        let size = SIZES[usize::try_from(self.below(SIZES.len() as u64)).expect("one of them")];
        let address = 0x7f00_0000_0000 + at as u64 * ROOM;
        let place = Place { address, size };
        self.places[at] = Some(place);
        place
    }

    /// A layout of so many bytes, and the words that follow it.
    fn layout(&mut self, size: u64) -> (Traits, Vec<u64>) {
        let dtype = self.number(DTYPES.len() as u64) + 1;
        let itemsize = u64::from(DTYPES[dtype as usize - 1].1);
        let dtype = u16::try_from(dtype).expect("few");
        let n = size / itemsize;
        match self.below(8) {
            0 => (Traits { dtype: 0, ndim: 0, order: Order::Scratch, ..FLAT }, vec![]),
            1 | 2 if n >= 8 => {
                let order = if self.below(2) == 0 { Order::C } else { Order::F };
                (Traits { dtype, ndim: 2, order, has_shape: true, ..FLAT }, vec![4, n / 4])
            }
            3 if n >= 8 => {
                let traits = Traits { dtype, ndim: 2, order: Order::Strided, ..FLAT };
                let strides = [itemsize, itemsize * (n / 4)];
                let words = [[n / 4, 4].as_slice(), &strides].concat();
                (Traits { has_shape: true, ..traits }, words)
            }
            4 if n >= 16 => {
                let traits = Traits { dtype, order: Order::Strided, has_shape: true, ..FLAT };
                (traits, vec![n / 16, 16 * itemsize])
            }
            _ => (Traits { dtype, ..FLAT }, vec![]),
        }
    }

    fn place(&mut self) -> usize {
        usize::try_from(self.below(N_PLACES as u64)).expect("one of them")
    }

    fn stack(&mut self) -> u32 {
        if self.rest > 1 && self.below(4) > 0 {
            return 1;
        }
        self.number(u64::from(self.n_stacks) + 1)
    }

    fn operation(&mut self) -> u16 {
        u16::try_from(self.below(NAMES.len() as u64) + 1).expect("few")
    }

    fn number(&mut self, below: u64) -> u32 {
        u32::try_from(self.below(below)).expect("a small number")
    }

    const fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % n
    }

    fn add(&mut self, words: &[u64]) {
        self.words.extend(words);
    }
}

/// An array whose shape follows from its size.
pub(super) const FLAT: Traits = Traits {
    dtype: 1,
    ndim: 1,
    order: Order::C,
    has_shape: false,
    is_zeroed: false,
    is_first: false,
};
