//! The way through compiled code, where no Python code runs: a thread of a library that makes arrays, or a
//! program that has the interpreter inside of it.
//!
//! Such a stack is told in addresses of the files that were loaded; whoever reads them finds the names.
//! Both the unwinder and [`Native`] ask the C library in which file an address lies. From glibc 2.35 on
//! (`_dl_find_object`, `dlfcn.h`) it knows without a lock, so that nothing can be waited for in a forked
//! child or beside a thread that loads a library; where it can't, there are no such stacks.
//!
//! Unwinding takes microseconds. So the words on the stack that led from frame to frame are kept, of some
//! stacks: where all of them are what they were, the stack is the same.

use std::ffi::{c_int, c_void};

use backtrace::Frame;

use crate::current::native_thread;
use crate::memory::{Address, c_string, read};

/// Innermost frames that are told; what lies further out is cut.
const MAX_NATIVE: usize = 64;
/// As many, and npprof's own ones.
const MAX_LINKS: usize = MAX_NATIVE + 16;
/// Stacks whose words are kept.
const N_RECENT: usize = 8;

/// `struct dl_find_object`, as x86-64 and AArch64 have it.
#[repr(C)]
struct Found {
    flags: u64,
    start: *mut c_void,
    end: *mut c_void,
    /// `struct link_map`, whose first fields (`link.h`) are the load address and the file name.
    link_map: *mut c_void,
    eh_frame: *mut c_void,
    reserved: [u64; 7],
}

type FindObject = unsafe extern "C" fn(*mut c_void, *mut Found) -> c_int;

/// Offset of a `struct link_map`'s file name.
const LINK_MAP_NAME: usize = 8;

/// A place in compiled code.
#[derive(Clone, Copy)]
pub(super) struct NativePlace {
    /// The loader's `struct link_map` of the file.
    object: Address,
    /// The address in the file.
    pub(super) offset: u32,
}

impl NativePlace {
    const NONE: Self = Self { object: 0, offset: 0 };

    /// The name of the file that was loaded; empty for the program itself.
    ///
    /// # Safety
    ///
    /// The file must be loaded: the place is one of the current stack.
    pub(super) unsafe fn file<'a>(self) -> &'a [u8] {
        // SAFETY: the caller vouches for the entry.
        let name = unsafe { read::<Address>(self.object, LINK_MAP_NAME) };
        // SAFETY: as above; it is a C string.
        unsafe { c_string(name) }
    }
}

/// Knows in which file an address lies.
#[derive(Clone, Copy)]
pub(super) struct Native {
    find: FindObject,
    /// The shim's own file.
    own: Address,
}

/// Frames of compiled code, innermost first.
pub(super) struct Chain {
    depth: Address,
    places: [NativePlace; MAX_NATIVE],
    n_places: usize,
    /// Also of npprof's own frames.
    links: [Link; MAX_LINKS],
    /// More than there are links when they don't tell the frames.
    n_links: usize,
}

/// Where the stack says to which instruction a frame returns.
#[derive(Clone, Copy)]
struct Link {
    at: Address,
    instruction: Address,
}

impl Link {
    const NONE: Self = Self { at: 0, instruction: 0 };
}

impl Chain {
    const fn new(depth: Address) -> Self {
        Self {
            depth,
            places: [NativePlace::NONE; MAX_NATIVE],
            n_places: 0,
            links: [Link::NONE; MAX_LINKS],
            n_links: 0,
        }
    }

    pub(super) fn places(&self) -> &[NativePlace] {
        self.places.get(..self.n_places).unwrap_or(&[])
    }

    fn links(&self) -> Option<&[Link]> {
        self.links.get(..self.n_links)
    }

    /// Notes the word that leads to a frame, which will go on at `instruction` with its stack at `top`.
    fn link(&mut self, top: Address, instruction: Address) {
        let at = top.wrapping_sub(size_of::<Address>());
        if at < self.depth {
            // A frame of those who look, which are gone when it is looked at again.
            return;
        }
        // On x86-64 a call leaves the address to return to there; elsewhere, and in a signal's frame, it
        // may be anywhere.
        // SAFETY: a word of this thread's stack, in which the frames are.
        let is_there =
            cfg!(target_arch = "x86_64") && unsafe { read::<Address>(at, 0) } == instruction;
        if let Some(to) = self.links.get_mut(self.n_links).filter(|_| is_there) {
            *to = Link { at, instruction };
            self.n_links = self.n_links.wrapping_add(1);
        } else {
            self.n_links = usize::MAX;
        }
    }
}

/// How far the stack of this thread reaches.
#[inline(always)]
pub(super) fn depth() -> Address {
    #[cfg(target_arch = "x86_64")]
    {
        let depth: Address;
        // SAFETY: reads a register.
        unsafe {
            std::arch::asm!("mov {}, rsp", out(reg) depth, options(pure, nomem, nostack));
        }
        depth
    }
    #[cfg(not(target_arch = "x86_64"))]
    0
}

/// Some of the latest stacks, by the words that led from frame to frame.
pub(super) struct NativeRecent {
    entries: [Entry; N_RECENT],
    /// Takes the place of the oldest one.
    next: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    thread: usize,
    depth: Address,
    links: [Link; MAX_LINKS],
    n_links: usize,
    stack: u32,
}

impl NativeRecent {
    pub(super) const NONE: Self = Self {
        entries: [Entry {
            thread: 0,
            depth: 0,
            links: [Link::NONE; MAX_LINKS],
            n_links: 0,
            stack: 0,
        }; N_RECENT],
        next: 0,
    };

    /// The stack of the caller, whose own frame is at `depth`.
    #[inline(always)]
    pub(super) fn find(&self, depth: Address) -> Option<u32> {
        let thread = native_thread();
        let here = self.entries.iter().filter(|one| one.depth == depth && one.thread == thread);
        here.filter(|one| one.n_links != 0).find(|one| one.is_there()).map(|one| one.stack)
    }

    pub(super) fn put(&mut self, chain: &Chain, stack: u32) {
        if chain.links().is_none_or(<[_]>::is_empty) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(self.next) {
            let (depth, links, n_links) = (chain.depth, chain.links, chain.n_links);
            *entry = Entry { thread: native_thread(), depth, links, n_links, stack };
        }
        self.next = self.next.wrapping_add(1) % N_RECENT;
    }
}

impl Entry {
    /// Whether all words are what they were, for a thread whose stack is this one and as deep.
    fn is_there(&self) -> bool {
        // From the innermost frame outwards: as long as the words are the same there are the same
        // functions, and so the next word is one of the stack.
        let links = self.links.get(..self.n_links).unwrap_or(&[]);
        // SAFETY: as said.
        links.iter().all(|link| (unsafe { read::<Address>(link.at, 0) }) == link.instruction)
    }
}

impl Native {
    /// Gets ready: whatever the unwinder does the first time, it does now.
    pub(super) fn find() -> Option<Self> {
        // SAFETY: has no conditions.
        let find = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
        if find.is_null() {
            return None;
        }
        // SAFETY: the C library gives the function of this name this signature.
        let find = unsafe { std::mem::transmute::<*mut c_void, FindObject>(find) };
        let mut native = Self { find, own: 0 };
        native.own = native.place(Self::find as *const () as Address)?.object;
        native.chain(depth());
        Some(native)
    }

    /// The frames of the current thread, without the places of npprof's own ones.
    #[inline(never)]
    pub(super) fn chain(&self, depth: Address) -> Chain {
        let mut chain = Chain::new(depth);
        let note = |frame: &Frame| {
            let instruction = frame.ip().addr();
            chain.link(frame.sp().addr(), instruction);
            // Where it will go on; the call is before that.
            let place = self.place(instruction.wrapping_sub(1));
            if let Some(place) = place.filter(|place| place.object != self.own) {
                if let Some(to) = chain.places.get_mut(chain.n_places) {
                    *to = place;
                }
                chain.n_places = chain.n_places.wrapping_add(1);
            }
            chain.n_places < MAX_NATIVE
        };
        // SAFETY: it asks that nobody else is at it, for the sake of what some systems' symbol servers
        // do; unwinding by ELF tables shares nothing, and the interpreter lock is held besides.
        unsafe { backtrace::trace_unsynchronized(note) };
        chain
    }

    fn place(&self, address: Address) -> Option<NativePlace> {
        let null = std::ptr::null_mut();
        let mut found = Found {
            flags: 0,
            start: null,
            end: null,
            link_map: null,
            eh_frame: null,
            reserved: [0; 7],
        };
        let pointer = std::ptr::without_provenance_mut(address);
        // SAFETY: any address may be asked for; `found` is what the C library fills.
        if unsafe { (self.find)(pointer, &raw mut found) } != 0 || found.link_map.is_null() {
            return None;
        }
        let object = found.link_map.expose_provenance();
        // SAFETY: the loader's entry of a file in which code is running.
        let base = unsafe { read::<Address>(object, 0) };
        let offset = u32::try_from(address.wrapping_sub(base)).ok()?;
        Some(NativePlace { object, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_places_in_loaded_files() {
        // The test is the shim's own file, so what is left are the C library's frames that started it.
        let Some(native) = Native::find() else { return };
        let others = native.chain(depth());
        assert!(others.places().len() < 8);
        let all = Native { own: 0, ..native }.chain(depth());
        assert!(all.places().len() > others.places().len());
        let here = native.place(frames_are_places_in_loaded_files as *const () as Address);
        assert_eq!(here.expect("is loaded").object, native.own);
        // SAFETY: this is running.
        assert_eq!(unsafe { here.expect("is loaded").file() }, b"", "the program itself");
        assert!(native.place(16).is_none());
    }

    /// The number that a stack has, found or given.
    #[inline(never)]
    fn number(native: Native, recent: &mut NativeRecent, new: u32) -> u32 {
        let depth = depth();
        if let Some(stack) = recent.find(depth) {
            return std::hint::black_box(stack);
        }
        recent.put(&native.chain(depth), new);
        new
    }

    #[inline(never)]
    fn one_way(native: Native, recent: &mut NativeRecent, new: u32) -> u32 {
        std::hint::black_box(number(native, recent, new))
    }

    #[inline(never)]
    fn other_way(native: Native, recent: &mut NativeRecent, new: u32) -> u32 {
        std::hint::black_box(number(native, recent, new)).wrapping_add(0)
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_same_way_is_known_again_and_no_other() {
        let Some(native) = Native::find() else { return };
        let mut recent = NativeRecent::NONE;
        let mut new = 0..;
        let mut next = || new.next().expect("numbers go on");
        for _ in 0..4 {
            let mut numbers = [0; 3];
            for (number, way) in numbers.iter_mut().zip([one_way, other_way]) {
                *number = way(native, &mut recent, next());
            }
            numbers[2] = one_way(native, &mut recent, next());
            // Those of the first round, for ever.
            assert_eq!(numbers, [0, 1, 2]);
        }
        let elsewhere = std::thread::scope(|scope| {
            let run = scope.spawn(|| one_way(native, &mut recent, 99));
            run.join().expect("no panic")
        });
        assert_eq!(elsewhere, 99, "another thread");
    }
}
