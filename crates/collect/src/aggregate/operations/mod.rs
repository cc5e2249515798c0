//! Operations: what NumPy did at each call site, what it read and wrote, and what it copied.
//!
//! Large operations come one by one, with their operands. Small ones come as sums: those that had to
//! leave the shim's table of counters as records, the others in the table itself, so the sum of a
//! kind is what its records say and what the table says now. Functions that only make an array are
//! counted nowhere else than here, by their allocations.
//!
//! Sums are kept by call site and name. Their memory grows with these, not with operations.

pub(crate) mod class;
pub(crate) mod ledger;
pub(crate) mod operands;

mod summary;
mod walked;

#[cfg(test)]
mod tests;

pub(crate) use summary::{SiteSums, Summary};

use std::sync::Arc;

use npprof_model::{CopyReason, Operand};
use npprof_wire::record::{Counts, Operation, Role, operation as flag};
use rustc_hash::FxHashMap;

use super::sites::{NONE, Stack};
use super::threads::ThreadIndex;
use crate::define::Definitions;
use class::Class;
use ledger::{Copied, Ledger};
use operands::{Operands, Seen, signature};

/// Operations by call site and name; further ones are counted together.
pub(crate) const MAX_ENTRIES: usize = 1 << 18;
/// Kinds of small operations by stack; likewise.
const MAX_SMALL: usize = 1 << 20;
/// Sets of operands that are told apart in an entry.
const MAX_SETS: usize = 4;
/// Bytes of all those sets together, about; beyond, no further ones are told.
pub(crate) const MAX_SET_BYTES: usize = 48 << 20;
/// What a shared slice takes besides its elements.
const ARC_BYTES: usize = 16;
/// The name of what is counted together.
const REST: &str = "other operations";
/// Number of reasons for a copy.
const N_REASONS: usize = CopyReason::Sequence as usize + 1;

/// Bytes by reason.
type ByReason = [u64; N_REASONS];

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    site: u32,
    operation: u16,
    /// From this dtype to that one.
    cast: Option<(u16, u16)>,
}

/// Operands that were seen together, and how often.
#[derive(Clone, Debug)]
struct OperandSet {
    signature: u64,
    n: u64,
    operands: Arc<[Operand]>,
}

/// Small operations, summed up anew each time somebody looks.
#[derive(Clone, Copy, Debug, Default)]
struct Small {
    n: u64,
    read: u64,
    written: u64,
    n_scalars: u64,
    n_buffered: u64,
    /// Those that are counted elsewhere, with the dtypes between which they cast.
    n_cast: u64,
    copied: ByReason,
}

/// Operations of one name at one call site.
#[derive(Clone, Debug)]
struct Entry {
    key: Key,
    class: Class,
    name: Arc<str>,
    n: u64,
    time_ns: u64,
    /// Time of those that ran inside of no other one.
    own_time_ns: u64,
    n_timed: u64,
    read: u64,
    written: u64,
    timed: u64,
    copied: ByReason,
    n_copies: u64,
    hidden: u64,
    /// Calls known by their first allocations, without those that had a record, and its bytes.
    n_made: u64,
    made: u64,
    sets: Vec<OperandSet>,
    small: Small,
}

/// All operations of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operations {
    entries: Vec<Entry>,
    by_key: FxHashMap<Key, u32>,
    ledger: Ledger,
    /// Small operations that left the table of counters.
    flushed: FxHashMap<summary::Kind, Counts>,
    /// The table of counters, as it was last seen.
    table: Vec<Counts>,
    /// All small operations, if nothing was counted since they were summed up.
    settled: Option<Vec<Counts>>,
    /// Bytes copied by large operations.
    copied_by_large: u64,
    /// Bytes copied by small ones, when they were last looked at.
    copied_by_small: u64,
    /// Bytes of all sets of operands, about.
    set_bytes: usize,
    /// The entry of what found no other one.
    rest: Option<u32>,
    /// Small operations that found no room among the others.
    rest_of_flushed: Counts,
}

/// Where an operation ran.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) site: u32,
    pub(crate) thread: ThreadIndex,
    pub(crate) definitions: &'a Definitions,
}

impl Operations {
    /// Bytes copied so far. Those of small operations are as of when they were last looked at.
    pub(crate) const fn copied(&self) -> u64 {
        self.copied_by_large.saturating_add(self.copied_by_small)
    }

    /// A block was made inside of an operation of a class that is counted by its allocations.
    #[inline]
    pub(crate) fn made(
        &mut self,
        operation: u16,
        size: u64,
        stack: &mut Stack,
        definitions: &Definitions,
    ) {
        if stack.maker != operation || stack.entry == NONE {
            stack.entry = self.entry((stack.site, operation), None, definitions);
            stack.maker = operation;
        }
        if let Some(entry) = self.entries.get_mut(stack.entry as usize) {
            entry.n_made = entry.n_made.wrapping_add(1);
            entry.made = entry.made.saturating_add(size);
        }
    }

    /// Something of what [`Self::made`] changes, so that it is in the cache afterwards.
    #[inline]
    pub(crate) fn glance(&self, entry: u32) -> u64 {
        self.entries.get(entry as usize).map_or(0, |entry| entry.n_made)
    }

    /// Takes in a large operation. `block` gives the number of the allocation of the block at an
    /// address.
    pub(crate) fn take(
        &mut self,
        operation: &Operation<'_>,
        at: At<'_>,
        block: impl Fn(u64) -> Option<u32>,
    ) {
        let definitions = at.definitions;
        let number = operation.operation;
        let class = definitions.operation_class(number);
        let operands = Operands::new(operation, definitions, |address| block(address).is_some());
        let seen = ledger::copied(class, operation, &operands, definitions);
        let sequence = seen.and_then(|copied| block(copied.block?));
        let copied = self.ledger.book(seen, operation, sequence, at.thread);
        if class.is_counted_by_allocations() && operation.allocated_bytes > 0 {
            let plain = self.entry((at.site, number), None, definitions);
            if let Some(plain) = self.entries.get_mut(plain as usize) {
                plain.n_made = plain.n_made.saturating_sub(1);
                plain.made = plain.made.saturating_sub(operands.fresh_bytes());
            }
        }
        let cast = seen.and_then(|copied| copied.cast);
        let place = self.entry((at.site, number), cast, definitions);
        if let Some(copied) = copied {
            self.copied_by_large = self.copied_by_large.saturating_add(copied.bytes);
        }
        if let Some(entry) = self.entries.get_mut(place as usize) {
            entry.add(operation, &operands, copied);
            if self.rest != Some(place) {
                entry.see(operation, &operands, definitions, &mut self.set_bytes);
            }
        }
    }

    /// Takes in small operations that left the table of counters.
    pub(crate) fn count(&mut self, counts: &Counts) {
        let key = summary::kind(counts);
        let to = if self.flushed.len() >= MAX_SMALL && !self.flushed.contains_key(&key) {
            &mut self.rest_of_flushed
        } else {
            self.flushed.entry(key).or_default()
        };
        summary::add(to, counts);
        self.settled = None;
    }

    /// The table of counters as it is now.
    pub(crate) fn see_table(&mut self, table: Vec<Counts>) {
        if table != self.table || self.settled.is_none() {
            self.table = table;
            self.settled = None;
            let all = self.flushed.values().chain(&self.table).chain([&self.rest_of_flushed]);
            let copied = all.fold(0, |sum: u64, counts| sum.saturating_add(counts.copied_bytes));
            // A counter may leave the table between the reading of its record and that of the table.
            self.copied_by_small = self.copied_by_small.max(copied);
        }
    }

    /// Whether there were so many operations by call site that some are counted together.
    pub(crate) const fn has_rest(&self) -> bool {
        self.rest.is_some()
    }

    /// Says which site stands for those of the operations that are counted together.
    pub(crate) fn place_rest(&mut self, site: u32) {
        if let Some(rest) = self.rest
            && let Some(entry) = self.entries.get_mut(rest as usize)
        {
            entry.key.site = site;
        }
    }

    fn entry(
        &mut self,
        (site, operation): (u32, u16),
        cast: Option<(u16, u16)>,
        definitions: &Definitions,
    ) -> u32 {
        let key = Key { site, operation, cast };
        if let Some(&entry) = self.by_key.get(&key) {
            return entry;
        }
        if self.entries.len() >= MAX_ENTRIES {
            return self.rest();
        }
        let place = u32::try_from(self.entries.len()).unwrap_or(NONE);
        self.by_key.insert(key, place);
        let class = definitions.operation_class(key.operation);
        self.entries.push(Entry::new(key, class, name(key, definitions)));
        place
    }

    /// The entry of what finds no other one.
    #[cold]
    fn rest(&mut self) -> u32 {
        if let Some(rest) = self.rest {
            return rest;
        }
        let place = u32::try_from(self.entries.len()).unwrap_or(NONE);
        let key = Key { site: NONE, operation: 0, cast: None };
        self.entries.push(Entry::new(key, Class::Other, REST.into()));
        self.rest = Some(place);
        place
    }
}

impl Entry {
    fn new(key: Key, class: Class, name: Arc<str>) -> Self {
        Self {
            key,
            class,
            name,
            n: 0,
            time_ns: 0,
            own_time_ns: 0,
            n_timed: 0,
            read: 0,
            written: 0,
            timed: 0,
            copied: [0; N_REASONS],
            n_copies: 0,
            hidden: 0,
            n_made: 0,
            made: 0,
            sets: Vec::new(),
            small: Small::default(),
        }
    }

    fn add(&mut self, operation: &Operation<'_>, operands: &Operands<'_>, copied: Option<Copied>) {
        let (read, written) = traffic(self.class, operation, operands);
        let time_ns = operation.duration_ns;
        self.n = self.n.saturating_add(1);
        self.read = self.read.saturating_add(read);
        self.written = self.written.saturating_add(written);
        if time_ns > 0 {
            self.n_timed = self.n_timed.saturating_add(1);
            self.time_ns = self.time_ns.saturating_add(time_ns);
            self.timed = self.timed.saturating_add(read).saturating_add(written);
            if operation.outer == 0 {
                self.own_time_ns = self.own_time_ns.saturating_add(time_ns);
            }
        }
        if let Some(copied) = copied {
            let sum = &mut self.copied[copied.reason as usize];
            *sum = sum.saturating_add(copied.bytes);
            self.n_copies = self.n_copies.saturating_add(copied.n);
        }
        let inside = operation.allocated_bytes.saturating_sub(operands.fresh_bytes());
        self.hidden = self.hidden.saturating_add(inside.min(operation.freed_bytes));
    }

    /// Counts the operands. Where there are more sets of them than places, those in the table are
    /// counted from when they got in. `n_bytes` is what all sets of the process take.
    fn see(
        &mut self,
        operation: &Operation<'_>,
        operands: &Operands<'_>,
        definitions: &Definitions,
        n_bytes: &mut usize,
    ) {
        let signature = signature(operands, operation.axes);
        if let Some(set) = self.sets.iter_mut().find(|set| set.signature == signature) {
            set.n = set.n.saturating_add(1);
            return;
        }
        let is_full = self.sets.len() >= MAX_SETS;
        if *n_bytes >= MAX_SET_BYTES && !is_full {
            return;
        }
        let described = walked::described(self.class, operation, operands, definitions);
        let new = OperandSet { signature, n: 1, operands: described.into() };
        let more = new.n_bytes();
        if !is_full {
            self.sets.push(new);
            *n_bytes += more;
        } else if let Some(least) = self.sets.iter_mut().min_by_key(|set| set.n) {
            // What takes the place of a smaller one needs room, too.
            let left = n_bytes.saturating_sub(least.n_bytes());
            if left + more <= MAX_SET_BYTES || more <= least.n_bytes() {
                *n_bytes = left + more;
                *least = new;
            }
        }
    }
}

impl OperandSet {
    /// Bytes that it takes, about.
    fn n_bytes(&self) -> usize {
        let bytes = |it: &Operand| {
            let n_words = it.layout.shape.len() + it.layout.strides.len();
            size_of::<Operand>() + n_words * size_of::<u64>() + 2 * ARC_BYTES
        };
        size_of::<Self>() + self.operands.iter().map(bytes).sum::<usize>()
    }
}

/// Bytes that a large operation read and wrote.
fn traffic(class: Class, operation: &Operation<'_>, operands: &Operands<'_>) -> (u64, u64) {
    if operation.flags & flag::FAILED != 0 || operands.is_view_only() {
        return (0, 0);
    }
    let sum = |bytes: &mut dyn Iterator<Item = u64>| bytes.fold(0, u64::saturating_add);
    let indices = sum(&mut operands.of(Role::Index).map(Seen::distinct_bytes));
    let inputs = sum(&mut operands.inputs().map(Seen::distinct_bytes));
    let outputs = match class {
        Class::Assign => ledger::assigned_bytes(operation, operands),
        _ => sum(&mut operands.outputs().map(Seen::n_bytes)),
    };
    let written = outputs.saturating_add(operands.fresh_bytes());
    let inputs = match class {
        // Of what it picks from, no more than what it picks.
        Class::Gather => inputs.min(written),
        // A record has no room for all arrays of a long list.
        Class::Concatenate => inputs.max(written),
        // Sorted in place.
        Class::Lanes => inputs.saturating_add(outputs),
        _ => inputs,
    };
    (inputs.saturating_add(indices), written)
}

fn name(key: Key, definitions: &Definitions) -> Arc<str> {
    let name = definitions.operation_name(key.operation);
    let Some((from, to)) = key.cast else {
        return name;
    };
    let dtype = |number: u16| definitions.dtype(number).map_or("unknown", |dtype| &*dtype.name);
    let plain = name.strip_prefix("ndarray.").unwrap_or(&name);
    format!("{plain}({}→{})", dtype(from), dtype(to)).into()
}
