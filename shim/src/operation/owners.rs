//! Large arrays that only views keep alive.
//!
//! Views of an array hold a reference to the array that owns the memory. When all references that an
//! owner has are those of its views, nobody can reach it any more, but its whole block stays.
//! Counted are small views of large owners; nobody tells when the last other reference goes, so
//! the owners are looked at from time to time.

use npprof_wire::encode::event;
use npprof_wire::record::Kind;

use npprof_abi::python::object;

use crate::memory::{Address, read};
use crate::stream::Stream;
use crate::table::Table;

/// Smallest owner that is watched.
pub(crate) const MIN_OWNER: usize = 1 << 20;
/// A view of more than one part in this many is no small one.
pub(crate) const SMALL_PART: usize = 16;
/// Owners that are watched at once; further ones are left out.
const MAX_OWNERS: usize = 4096;
/// Owners that are looked at in one go.
const N_LOOKS: usize = 64;

#[derive(Clone, Copy)]
struct Owner {
    array: Address,
    data: Address,
    n_views: u32,
    /// Where the latest view was made.
    stack: u32,
    viewed: u64,
    is_pinned: bool,
}

const NOBODY: Owner =
    Owner { array: 0, data: 0, n_views: 0, stack: 0, viewed: 0, is_pinned: false };

/// The owners that have small views.
pub(crate) struct Owners {
    /// Where in `all` an owner is.
    places: Table<u64, u32>,
    all: &'static mut [Owner; MAX_OWNERS],
    n: usize,
    /// Which one is looked at next.
    next: usize,
}

struct Room(std::cell::UnsafeCell<[Owner; MAX_OWNERS]>);

// SAFETY: `Owners::new` gives the content out once.
unsafe impl Sync for Room {}

static ROOM: Room = Room(std::cell::UnsafeCell::new([NOBODY; MAX_OWNERS]));

impl Owners {
    /// # Safety
    ///
    /// To be called once.
    pub(crate) unsafe fn new() -> Self {
        // SAFETY: the caller calls once.
        let all = unsafe { &mut *ROOM.0.get() };
        Self { places: Table::EMPTY, all, n: 0, next: 0 }
    }

    /// A small view of `owner`, whose data are at `data`, was made.
    pub(crate) fn add_view(&mut self, owner: Address, data: Address, n_bytes: usize, stack: u32) {
        let place = match self.places.get(&(owner as u64)) {
            Some(place) => place as usize,
            None => {
                let place = self.n;
                #[expect(clippy::cast_possible_truncation, reason = "at most MAX_OWNERS")]
                if place >= MAX_OWNERS || !self.places.insert(owner as u64, place as u32) {
                    return;
                }
                self.n = place.wrapping_add(1);
                if let Some(new) = self.all.get_mut(place) {
                    *new = Owner { array: owner, data, ..NOBODY };
                }
                place
            }
        };
        if let Some(found) = self.all.get_mut(place) {
            found.n_views = found.n_views.wrapping_add(1);
            found.viewed = found.viewed.wrapping_add(n_bytes as u64);
            found.stack = stack;
        }
    }

    /// Whether no owner is watched.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// A small view of `owner` is dying.
    pub(crate) fn drop_view(&mut self, owner: Address, n_bytes: usize, stream: &mut Stream) {
        let Some(place) = self.places.get(&(owner as u64)) else { return };
        let Some(found) = self.all.get_mut(place as usize) else { return };
        found.n_views = found.n_views.saturating_sub(1);
        found.viewed = found.viewed.saturating_sub(n_bytes as u64);
        if found.n_views == 0 {
            self.remove(place as usize, stream);
        }
    }

    /// `owner` is dying.
    pub(crate) fn drop_owner(&mut self, owner: Address, stream: &mut Stream) {
        if let Some(place) = self.places.get(&(owner as u64)) {
            self.remove(place as usize, stream);
        }
    }

    fn remove(&mut self, place: usize, stream: &mut Stream) {
        let Some(&removed) = self.all.get(place) else { return };
        if removed.is_pinned {
            tell(&Owner { n_views: 0, viewed: 0, ..removed }, stream);
        }
        self.places.remove(&(removed.array as u64));
        let last = self.n.wrapping_sub(1);
        self.n = last;
        let Some(&moved) = self.all.get(last) else { return };
        if last != place {
            self.places.remove(&(moved.array as u64));
            #[expect(clippy::cast_possible_truncation, reason = "at most MAX_OWNERS")]
            self.places.insert(moved.array as u64, place as u32);
            if let Some(to) = self.all.get_mut(place) {
                *to = moved;
            }
        }
    }

    /// Looks at some of the owners, and says of which only views are left, and which have been found
    /// again.
    ///
    /// # Safety
    ///
    /// The interpreter lock must be held. The owners are alive: their views hold them, and
    /// [`Self::drop_owner`] takes them out.
    pub(crate) unsafe fn look(&mut self, stream: &mut Stream) {
        for _ in 0..N_LOOKS.min(self.n) {
            self.next =
                if self.next.wrapping_add(1) < self.n { self.next.wrapping_add(1) } else { 0 };
            let Some(owner) = self.all.get_mut(self.next) else { return };
            // SAFETY: alive, as the caller says.
            let references = unsafe { read::<u64>(owner.array, object::OB_REFCNT) };
            let is_pinned = references == u64::from(owner.n_views);
            if is_pinned != owner.is_pinned {
                owner.is_pinned = is_pinned;
                let told =
                    if is_pinned { *owner } else { Owner { n_views: 0, viewed: 0, ..*owner } };
                tell(&told, stream);
            }
        }
    }
}

fn tell(owner: &Owner, stream: &mut Stream) {
    if stream.begin(3) {
        stream.push(event(Kind::Pin, owner.data as u64));
        stream.push(u64::from(owner.stack) << 32 | u64::from(owner.n_views));
        stream.push(owner.viewed);
        stream.publish();
    }
}
