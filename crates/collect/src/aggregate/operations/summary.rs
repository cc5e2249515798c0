//! What is published of operations.

use std::cmp::Reverse;
use std::sync::Arc;

use npprof_model::{Bytes, CopyReason, Nanos, OperandCount, OperationStats, SiteId};
use npprof_wire::record::Counts;

use super::class::Class;
use super::{ByReason, Entry, N_REASONS, Operations, Small};
use crate::aggregate::sites::NONE;
use crate::define::Definitions;

/// Operands that are told of an entry.
const MAX_OPERANDS: usize = 8;

/// All reasons, in the order of their numbers.
const REASONS: [CopyReason; N_REASONS] = [
    CopyReason::Explicit,
    CopyReason::Cast,
    CopyReason::Order,
    CopyReason::FancyIndex,
    CopyReason::Concatenate,
    CopyReason::Broadcast,
    CopyReason::Assign,
    CopyReason::Blas,
    CopyReason::Boundary,
    CopyReason::Buffered,
    CopyReason::Pickle,
    CopyReason::Sequence,
];

/// Sums over the operations of a site or of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SiteSums {
    pub(crate) copied: u64,
    pub(crate) n_copies: u64,
    pub(crate) n_operations: u64,
    /// Operations inside of others not counted.
    pub(crate) time_ns: u64,
}

impl SiteSums {
    fn add(&mut self, other: Self) {
        self.copied = self.copied.saturating_add(other.copied);
        self.n_copies = self.n_copies.saturating_add(other.n_copies);
        self.n_operations = self.n_operations.saturating_add(other.n_operations);
        self.time_ns = self.time_ns.saturating_add(other.time_ns);
    }
}

/// What is known of a process's operations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) all: SiteSums,
    /// By number of the site; sites without operations may be left out at the end.
    pub(crate) by_site: Vec<SiteSums>,
    /// With the number of the site in place of its identifier.
    pub(crate) operations: Vec<OperationStats>,
}

/// Kinds of small operations are told apart by stack, name and cast.
pub(super) type Kind = (u32, u16, Option<(u16, u16)>);

pub(super) const fn kind(counts: &Counts) -> Kind {
    (counts.stack, counts.operation, counts.cast)
}

/// Adds the sums of small operations of the same kind.
pub(super) fn add(to: &mut Counts, counts: &Counts) {
    to.operation = counts.operation;
    to.stack = counts.stack;
    to.cast = counts.cast;
    for (to, from) in [
        (&mut to.n, counts.n),
        (&mut to.read_bytes, counts.read_bytes),
        (&mut to.written_bytes, counts.written_bytes),
        (&mut to.copied_bytes, counts.copied_bytes),
        (&mut to.strided_bytes, counts.strided_bytes),
        (&mut to.n_scalars, counts.n_scalars),
        (&mut to.n_buffered, counts.n_buffered),
    ] {
        *to = to.saturating_add(from);
    }
}

impl Operations {
    /// All small operations up to now, by stack and name, if they were counted since they were last
    /// put to their sites.
    pub(crate) fn unsettled(&self) -> Option<Vec<Counts>> {
        if self.settled.is_some() {
            return None;
        }
        let mut all = self.flushed.clone();
        for counts in &self.table {
            add(all.entry(kind(counts)).or_default(), counts);
        }
        Some(all.into_values().collect())
    }

    /// Puts all small operations to the sites of their stacks.
    pub(crate) fn settle(&mut self, placed: Vec<(u32, Counts)>, definitions: &Definitions) {
        self.entries.iter_mut().for_each(|entry| entry.small = Small::default());
        for (site, counts) in &placed {
            let place = self.entry((*site, counts.operation), counts.cast, definitions);
            if let Some(entry) = self.entries.get_mut(place as usize) {
                entry.small.add(counts, entry.class);
            }
            // Their blocks were counted with those of the operations that have no dtypes in their names.
            if counts.cast.is_some() {
                let place = self.entry((*site, counts.operation), None, definitions);
                if let Some(entry) = self.entries.get_mut(place as usize) {
                    entry.small.n_cast = entry.small.n_cast.saturating_add(counts.n);
                }
            }
        }
        if self.rest_of_flushed.n > 0 {
            let place = self.rest();
            if let Some(entry) = self.entries.get_mut(place as usize) {
                entry.small.add(&self.rest_of_flushed, entry.class);
            }
        }
        self.settled = Some(placed.into_iter().map(|(_, counts)| counts).collect());
    }

    /// All small operations, as they were last put to their sites.
    pub(crate) fn small(&self) -> &[Counts] {
        self.settled.as_deref().unwrap_or(&[])
    }

    /// What is known, of at most `max` operations those with most bytes and time.
    pub(crate) fn summary(&self, max: usize) -> Summary {
        let mut summary = Summary::default();
        let mut used = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.n() > 0) {
            let sums = entry.sums();
            summary.all.add(sums);
            let site = entry.key.site as usize;
            if summary.by_site.len() <= site && entry.key.site != NONE {
                summary.by_site.resize(site + 1, SiteSums::default());
            }
            if let Some(by_site) = summary.by_site.get_mut(site) {
                by_site.add(sums);
            }
            used.push(entry);
        }
        if used.len() > max {
            used.sort_unstable_by_key(|entry| Reverse(entry.weight()));
            used.truncate(max);
        }
        summary.operations = used.into_iter().map(Entry::stats).collect();
        summary
    }
}

impl Small {
    fn add(&mut self, counts: &Counts, class: Class) {
        self.n = self.n.saturating_add(counts.n);
        self.read = self.read.saturating_add(counts.read_bytes);
        self.written = self.written.saturating_add(counts.written_bytes);
        self.n_scalars = self.n_scalars.saturating_add(counts.n_scalars);
        self.n_buffered = self.n_buffered.saturating_add(counts.n_buffered);
        let reason = if counts.n_buffered > 0 {
            CopyReason::Buffered
        } else if counts.cast.is_some() {
            CopyReason::Cast
        } else {
            class.usual_reason(counts.read_bytes, counts.written_bytes)
        };
        let copied = &mut self.copied[reason as usize];
        *copied = copied.saturating_add(counts.copied_bytes);
    }
}

fn sum(bytes: &ByReason) -> u64 {
    bytes.iter().fold(0, |sum: u64, &bytes| sum.saturating_add(bytes))
}

impl Entry {
    fn n(&self) -> u64 {
        let made = if self.class == Class::Creation { self.n_made } else { 0 };
        self.n.saturating_add(self.small.n).saturating_add(made)
    }

    fn written(&self) -> u64 {
        let made = if self.class == Class::Creation { self.made } else { 0 };
        self.written.saturating_add(self.small.written).saturating_add(made)
    }

    fn n_copies(&self) -> u64 {
        // Single elements are no copies, and what gives a view allocates nothing.
        let small = if sum(&self.small.copied) == 0 {
            0
        } else if self.small.n_buffered > 0 {
            self.small.n_buffered
        } else if self.key.cast.is_some() {
            self.small.n
        } else if self.class.is_counted_by_allocations() {
            self.n_made.saturating_sub(self.small.n_cast).min(self.small.n).max(1)
        } else {
            self.small.n.saturating_sub(self.small.n_scalars).max(1)
        };
        self.n_copies.saturating_add(small)
    }

    fn copied(&self) -> u64 {
        sum(&self.copied).saturating_add(sum(&self.small.copied))
    }

    fn sums(&self) -> SiteSums {
        SiteSums {
            copied: self.copied(),
            n_copies: self.n_copies(),
            n_operations: self.n(),
            time_ns: self.own_time_ns,
        }
    }

    /// A byte counts as much as a nanosecond.
    fn weight(&self) -> u64 {
        let read = self.read.saturating_add(self.small.read);
        self.time_ns.saturating_add(read).saturating_add(self.written())
    }

    fn stats(&self) -> OperationStats {
        let mut reasons: Vec<(CopyReason, Bytes)> = REASONS
            .into_iter()
            .map(|reason| {
                let bytes =
                    [&self.copied, &self.small.copied].map(|copied| copied[reason as usize]);
                (reason, Bytes(bytes[0].saturating_add(bytes[1])))
            })
            .filter(|&(_, bytes)| bytes.0 > 0)
            .collect();
        reasons.sort_by_key(|&(_, bytes)| Reverse(bytes));
        OperationStats {
            site: SiteId(self.key.site),
            name: Arc::clone(&self.name),
            n: self.n(),
            time: Nanos(self.time_ns),
            n_timed: self.n_timed,
            read: Bytes(self.read.saturating_add(self.small.read)),
            written: Bytes(self.written()),
            timed: Bytes(self.timed),
            copied: Bytes(self.copied()),
            n_copies: self.n_copies(),
            copy_reasons: reasons.into(),
            hidden_temporary: Bytes(self.hidden),
            n_scalars: self.small.n_scalars,
            operands: self.operands(),
        }
    }

    /// The most frequent operands: those that were seen together stand together.
    fn operands(&self) -> Arc<[OperandCount]> {
        let mut sets: Vec<_> = self.sets.iter().collect();
        sets.sort_by_key(|set| Reverse(set.n));
        let mut told: Vec<OperandCount> = Vec::new();
        for set in sets {
            // Two equal operands of one operation are two.
            let mut is_met = vec![false; told.len()];
            for operand in set.operands.iter() {
                let mut same = (0..is_met.len()).filter(|&place| told[place].operand == *operand);
                if let Some(place) = same.find(|&place| !is_met[place]) {
                    is_met[place] = true;
                    told[place].n = told[place].n.saturating_add(set.n);
                } else if told.len() < MAX_OPERANDS {
                    told.push(OperandCount { operand: operand.clone(), n: set.n });
                }
            }
        }
        told.into()
    }
}
