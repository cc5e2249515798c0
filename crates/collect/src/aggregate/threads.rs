//! Threads: who allocated, and where each of them allocated last.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// Threads told apart; further ones count as the one without a name.
const MAX_THREADS: usize = 1 << 14;

/// Place of a thread in [`Threads`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadIndex(usize);

/// A thread, and what it allocated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thread {
    pub(crate) native_id: u64,
    pub(crate) name: Arc<str>,
    pub(crate) n_allocations: u64,
    pub(crate) allocated: u64,
    /// The number of its first allocation in the process.
    pub(crate) first: u64,
    /// The stack of its latest allocation.
    pub(crate) latest_stack: u32,
}

/// All threads of a process. The first one stands for threads that were not introduced.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    all: Vec<Thread>,
    by_number: FxHashMap<u32, ThreadIndex>,
}

impl Default for Threads {
    fn default() -> Self {
        Self { all: vec![Thread::default()], by_number: FxHashMap::default() }
    }
}

impl Threads {
    #[inline]
    pub(crate) fn get_mut(&mut self, index: ThreadIndex) -> &mut Thread {
        let index = if index.0 < self.all.len() { index.0 } else { 0 };
        &mut self.all[index]
    }

    /// The thread of this number, introduced or not.
    pub(crate) fn number(&mut self, number: u32) -> ThreadIndex {
        if let Some(&index) = self.by_number.get(&number) {
            return index;
        }
        if self.all.len() >= MAX_THREADS {
            return ThreadIndex::default();
        }
        let index = ThreadIndex(self.all.len());
        self.all.push(Thread::default());
        self.by_number.insert(number, index);
        index
    }

    pub(crate) fn define(&mut self, number: u32, native_id: u64, name: Arc<str>) {
        let index = self.number(number);
        if index != ThreadIndex::default() {
            let thread = self.get_mut(index);
            thread.native_id = native_id;
            thread.name = name;
        }
    }

    /// The threads that allocated, in order of first allocation.
    pub(crate) fn used(&self) -> Vec<&Thread> {
        let mut used: Vec<&Thread> =
            self.all.iter().filter(|thread| thread.n_allocations > 0).collect();
        used.sort_by_key(|thread| thread.first);
        used
    }

    /// The same threads in a forked child, which has allocated nothing yet.
    pub(crate) fn inherited(&self) -> Self {
        let mut threads = self.clone();
        for thread in &mut threads.all {
            thread.n_allocations = 0;
            thread.allocated = 0;
        }
        threads
    }
}
