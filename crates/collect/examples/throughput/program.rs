//! A program that does what a case says, and nothing else.

use std::time::Duration;

use npprof_wire::encode::{
    event, freed_from, operand, operand_traits, operation, operation_context, size_in_operation,
    touch,
};
use npprof_wire::record::{Kind, Role, Scalar, operand as traits};
use npprof_wire::segment::{MAIN_RING, MAIN_RING_WORDS};

use super::case::{Case, Turns, Work};
use super::fake::{self, FLAT, MainWriter};

/// From here on blocks are followed one by one, and their ends come with a stack.
const LARGE: u64 = 64 << 10;
/// From here on blocks don't share the room that they have.
const ROOM: u64 = 16 << 20;

/// A block that is alive, if any.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    size: u64,
    stack: u32,
}

/// A program, and how far it has got.
pub(crate) struct Program<'a> {
    case: Case,
    writer: MainWriter<'a>,
    places: Vec<Place>,
    n_written: u64,
    turn: u32,
    random: u64,
}

impl<'a> Program<'a> {
    pub(crate) fn new(case: Case, process: &'a fake::Process) -> Self {
        let n_places = usize::try_from(case.n_live).expect("they fit into memory");
        Self {
            case,
            writer: MainWriter::new(&process.segment, MAIN_RING),
            places: vec![Place::default(); n_places],
            n_written: 0,
            turn: 0,
            random: 1,
        }
    }

    /// Events so far, definitions and clocks not counted.
    pub(crate) const fn n_written(&self) -> u64 {
        self.n_written
    }

    /// Makes all blocks that the case wants alive.
    pub(crate) fn begin(&mut self, now_ns: u64) {
        self.push(&[event(Kind::Clock, now_ns)]);
        for place in 0..self.places.len() {
            self.make(place);
        }
        self.writer.publish();
    }

    /// Some hundreds of events, and the time.
    pub(crate) fn go_on(&mut self, now_ns: u64) {
        self.push(&[event(Kind::Clock, now_ns)]);
        for n in 0..256 {
            let n_places = self.places.len() as u64;
            let place = usize::try_from(self.random() % n_places).expect("a place");
            match self.case.work {
                Work::Blocks => {
                    self.free(place);
                    self.make(place);
                }
                Work::Operations => {
                    self.free(place);
                    self.make(place);
                    self.operate(place);
                }
                Work::Counts => self.count(),
                Work::Touches => self.touch(place, n),
                Work::Pins => self.pin(place, n % 2),
            }
        }
        self.writer.publish();
    }

    /// Waits until all has been read.
    pub(crate) fn wait(&mut self) {
        while !self.writer.has_room(MAIN_RING_WORDS) {
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn make(&mut self, place: usize) {
        let sizes = self.case.sizes;
        let size = 1 << (u64::from(sizes.first) + self.random() % u64::from(sizes.n));
        let stack = self.stack();
        self.places[place] = Place { size, stack };
        let at = self.address(place);
        // A third of them by an operation that is counted by its allocations, and a third by none.
        match (self.case.work, stack % 3) {
            (Work::Operations, _) => self.event(&fake::alloc_in(1, at, size, stack)),
            (_, 0) => self.event(&fake::alloc(at, size, stack)),
            (_, 1) => self.event(&fake::alloc_in(1, at, size, stack)),
            (..) => self.event(&fake::alloc_in(2, at, size, stack)),
        }
    }

    fn free(&mut self, place: usize) {
        let (at, from) = (self.address(place), self.places[place].stack);
        let is_large = self.places[place].size >= LARGE;
        let is_here = self.n_written % 4 < 2;
        let kind = if is_here { Kind::FreeSameLine } else { Kind::Free };
        if is_large {
            self.event(&[event(Kind::FreeFrom, at), freed_from(from, kind)]);
        } else if is_here {
            self.event(&[event(kind, at)]);
        } else {
            self.event(&fake::free(at));
        }
    }

    /// The block in a place is the sum of two others.
    fn operate(&mut self, place: usize) {
        let Place { size, stack } = self.places[place];
        let others =
            [place.wrapping_add(7), place.wrapping_add(31)].map(|at| at % self.places.len());
        let array = |at: u64, role, more| {
            let words = fake::Traits { has_shape: true, ..FLAT };
            let traits = words.word(operand_traits(Scalar::None, more));
            [operand(at, role), traits, size / 8]
        };
        let mut words = vec![operation(1, 3, 0), operation_context(stack, 0, 2)];
        words.extend([1000, size_in_operation(size, 0), 0, 0, 0, 0]);
        words.extend(others.map(|at| array(self.address(at), Role::Input, 0)).concat());
        words.extend(array(self.address(place), Role::Result, traits::OWNS_DATA));
        self.event(&words);
    }

    fn count(&mut self) {
        let stack = self.stack();
        let counts = [event(Kind::Counts, 1), u64::from(stack) << 32, 100, 800, 800, 0, 0, 100];
        self.event(&counts);
    }

    fn touch(&mut self, place: usize, n: u64) {
        let inside = self.random() % self.places[place].size.max(8) / 8 * 8;
        let at = self.address(place) + inside;
        self.event(&[event(Kind::Touch, at), touch(8, n.is_multiple_of(2))]);
    }

    fn pin(&mut self, place: usize, n_views: u64) {
        let (at, stack) = (self.address(place), self.stack());
        self.event(&[event(Kind::Pin, at), u64::from(stack) << 32 | n_views, 64 * n_views]);
    }

    fn stack(&mut self) -> u32 {
        self.turn = match self.case.turns {
            Turns::InOrder => (self.turn + 1) % self.case.n_sites,
            Turns::AtRandom => {
                let turn = self.random() % u64::from(self.case.n_sites);
                u32::try_from(turn).expect("one of the sites")
            }
        };
        self.turn + 1
    }

    /// Where the block in a place is: never two at the same address.
    fn address(&self, place: usize) -> u64 {
        let largest = 1 << (self.case.sizes.first + self.case.sizes.n - 1);
        let room = if largest < LARGE { 96 } else { largest.max(ROOM) };
        0x7f00_0000_0000 + place as u64 * room
    }

    fn event(&mut self, words: &[u64]) {
        self.push(words);
        self.n_written += 1;
    }

    fn push(&mut self, words: &[u64]) {
        while !self.writer.has_room(words.len()) {
            self.writer.publish();
            std::thread::sleep(Duration::from_micros(100));
        }
        words.iter().for_each(|&word| self.writer.push(word));
    }

    const fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
