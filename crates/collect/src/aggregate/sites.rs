//! Call sites and call stacks: who allocated how much, and what of it is alive.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::arrays::Slot;
use super::held::Held;
use super::layouts::Layouts;
use super::spread::Spread;

/// Stands for a site that has not been looked up, or a frame that isn't there.
pub(crate) const NONE: u32 = u32::MAX;

/// A call stack, and what was allocated from it. What an event changes is in one cache line.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Stack {
    pub(crate) n: u64,
    pub(crate) bytes: u64,
    pub(crate) held: Held,
    /// The site, once something was allocated here.
    pub(crate) site: u32,
    /// Low bits of the number of the latest allocation.
    pub(crate) latest: u32,
    /// The stack of the caller; its number is lower than this one's.
    pub(crate) caller: u32,
    pub(crate) code: u32,
    /// Where what the function `maker` makes here is counted.
    pub(crate) entry: u32,
    /// The function that latest only made an array here; see
    /// [`super::operations::Operations::made`].
    pub(crate) maker: u16,
    pub(crate) line: u32,
    /// Of the instruction in its code; grows from left to right in a statement.
    pub(crate) byte_offset: u32,
    /// The innermost stack, going outward from this one, whose own frame is the user's.
    pub(crate) user: u32,
    /// The same for a frame that is neither NumPy's nor the standard library's.
    pub(crate) foreign: u32,
}

const _: () = assert!(size_of::<Stack>() == 128 && std::mem::offset_of!(Stack, line) == 64);

impl Stack {
    /// The frame is at this `(code, line, byte offset)`.
    pub(crate) fn new(caller: u32, frame: (u32, u32, u32)) -> Self {
        let (code, line, byte_offset) = frame;
        Self {
            caller,
            code,
            line,
            byte_offset,
            site: NONE,
            user: NONE,
            foreign: NONE,
            latest: 0,
            maker: 0,
            entry: NONE,
            n: 0,
            bytes: 0,
            held: Held::default(),
        }
    }

    /// The same stack in a forked child, which has allocated nothing yet.
    pub(crate) fn inherited(&self) -> Self {
        let held = Held::inherited(self.held.live());
        Self { n: 0, bytes: 0, entry: NONE, held, ..self.clone() }
    }
}

/// What names a site: strings by their number, see [`crate::define::Strings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) file: u32,
    pub(crate) line: u32,
    pub(crate) function: u32,
}

/// A call site, and what was allocated there: first what each event changes.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Site {
    pub(crate) n_allocations: u64,
    pub(crate) n_frees: u64,
    pub(crate) allocated: u64,
    pub(crate) freed: u64,
    pub(crate) held: Held,
    pub(crate) own_peak: u64,
    pub(crate) sizes: Spread,
    pub(crate) lifetimes_ns: Spread,
    pub(crate) temporary: u64,
    pub(crate) n_temporaries: u64,
    pub(crate) layouts: Layouts,
    /// The process's clock at the first allocation.
    pub(crate) first_ns: u64,
    pub(crate) place: Place,
    pub(crate) is_user: bool,
}

const _: () = assert!(size_of::<Site>() <= 256 && std::mem::offset_of!(Site, sizes) == 64);

impl Site {
    fn new(place: Place, is_user: bool, now_ns: u64) -> Self {
        Self {
            place,
            is_user,
            n_allocations: 0,
            n_frees: 0,
            allocated: 0,
            freed: 0,
            held: Held::default(),
            own_peak: 0,
            temporary: 0,
            n_temporaries: 0,
            layouts: Layouts::default(),
            sizes: Spread::default(),
            lifetimes_ns: Spread::default(),
            first_ns: now_ns,
        }
    }

    /// Something of all that an event changes here, so that it is in the cache afterwards.
    #[inline]
    pub(crate) fn glance(&self) -> u64 {
        self.n_allocations
            ^ self.layouts.glance()
            ^ self.sizes.glance()
            ^ self.lifetimes_ns.glance()
    }

    /// A block whose layout is in this slot.
    #[inline]
    pub(crate) fn allocate(&mut self, slot: Slot, size: u64, mark: u64) {
        self.n_allocations = self.n_allocations.wrapping_add(1);
        self.allocated = self.allocated.saturating_add(size);
        self.held.add(size, mark);
        self.own_peak = self.own_peak.max(self.held.live());
        let near = self.layouts.allocate(slot, size, mark);
        self.sizes.record_near(size, near.unwrap_or(&mut 0));
    }

    #[inline]
    pub(crate) fn free(&mut self, size: u64, lifetime_ns: u64, mark: u64) {
        self.n_frees = self.n_frees.wrapping_add(1);
        self.freed = self.freed.saturating_add(size);
        self.held.subtract(size, mark);
        self.lifetimes_ns.record(lifetime_ns);
    }

    fn inherited(&self, now_ns: u64) -> Self {
        let live = self.held.live();
        Self {
            held: Held::inherited(live),
            own_peak: live,
            layouts: self.layouts.inherited(),
            ..Self::new(self.place, self.is_user, now_ns)
        }
    }

    /// Whether there is anything to tell of it.
    pub(crate) const fn is_used(&self) -> bool {
        self.n_allocations > 0 || self.n_frees > 0 || self.held.live() > 0
    }
}

/// All sites of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sites {
    all: Vec<Site>,
    by_place: Arc<FxHashMap<Place, u32>>,
}

impl Sites {
    pub(crate) fn all(&self) -> &[Site] {
        &self.all
    }

    pub(crate) fn all_mut(&mut self) -> &mut [Site] {
        &mut self.all
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, site: u32) -> Option<&mut Site> {
        self.all.get_mut(site as usize)
    }

    /// Bytes that they take, about, as those of a forked child.
    pub(crate) fn n_bytes(&self) -> usize {
        self.all.iter().map(|site| size_of::<Site>() + site.layouts.n_bytes()).sum()
    }

    pub(crate) fn has(&self, place: &Place) -> bool {
        self.by_place.contains_key(place)
    }

    /// Finds or makes the site at `place`.
    pub(crate) fn at(&mut self, place: Place, is_user: bool, now_ns: u64) -> u32 {
        if let Some(&site) = self.by_place.get(&place) {
            return site;
        }
        let site = u32::try_from(self.all.len()).unwrap_or(NONE);
        Arc::make_mut(&mut self.by_place).insert(place, site);
        self.all.push(Site::new(place, is_user, now_ns));
        site
    }

    /// The same sites in a forked child, which has allocated nothing yet.
    pub(crate) fn inherited(&self, now_ns: u64) -> Self {
        let all = self.all.iter().map(|site| site.inherited(now_ns)).collect();
        Self { all, by_place: Arc::clone(&self.by_place) }
    }
}
