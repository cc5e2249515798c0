//! A segment of shared memory: made and sealed by the shim, opened and checked by the collector.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use npprof_wire::segment::{
    N_RINGS, SEGMENT_BYTES, SEGMENT_WORDS, TAIL, positions, ring_start, ring_words,
};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::ring::Ring;

pub(crate) use npprof_wire::segment::SIDE_RING_WORDS as SIDE_WORDS;

/// Number of side rings.
pub(crate) const N_SIDES: usize = N_RINGS - 1;

/// A mapped segment. Unmapped when dropped.
#[derive(Debug)]
pub struct Segment {
    words: NonNull<AtomicU64>,
}

// SAFETY: a segment is a pointer to memory of atomics that lives as long as it does.
unsafe impl Send for Segment {}
// SAFETY: as above; all access goes through atomics.
unsafe impl Sync for Segment {}

/// Why a file descriptor that a process passed is no segment.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The descriptor can't be examined or mapped.
    #[error("cannot open the shared memory that the process passed")]
    Io(#[from] io::Error),
    /// Its size is another one.
    #[error("the process passed {found} bytes of shared memory instead of {expected}")]
    Size {
        /// Bytes that it has.
        found: u64,
        /// Bytes that a segment has.
        expected: u64,
    },
    /// The sender could shrink it under the reader.
    #[error("the process passed shared memory that it could still shrink")]
    NotSealed,
}

impl Segment {
    /// Makes a segment that can't change its size any more, all words zero, and the descriptor to
    /// pass on.
    ///
    /// # Errors
    ///
    /// The kernel's, when it has no memory or no descriptor left; or when the limit of file sizes,
    /// which counts for shared memory too, can't be raised for it.
    pub fn create() -> io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create(c"npprof", flags)?;
        with_room(|| rustix::fs::ftruncate(&file, SEGMENT_BYTES as u64))?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let segment = Self::map(file.as_fd())?;
        Ok((segment, file))
    }

    /// Maps a segment that another process made.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the descriptor is anything but a sealed segment.
    pub fn open(file: BorrowedFd<'_>) -> Result<Self, OpenError> {
        let found = rustix::fs::fstat(file).map_err(io::Error::from)?.st_size;
        let (found, expected) = (u64::try_from(found).unwrap_or(0), SEGMENT_BYTES as u64);
        if found != expected {
            return Err(OpenError::Size { found, expected });
        }
        let seals = rustix::fs::fcntl_get_seals(file).map_err(io::Error::from)?;
        if !seals.contains(SealFlags::SHRINK) {
            return Err(OpenError::NotSealed);
        }
        Ok(Self::map(file)?)
    }

    /// All words of the segment.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: `map` got this many bytes, page-aligned, which stay mapped until `drop`, and
        // whose size is sealed; any bytes are a valid atomic.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), SEGMENT_WORDS) }
    }

    /// One of the rings.
    ///
    /// # Panics
    ///
    /// When there is no such ring.
    #[inline]
    #[must_use]
    pub fn ring(&self, ring: usize) -> Ring<'_> {
        let words = self.words();
        let (at, start) = (positions(ring), ring_start(ring));
        let (head, tail) = (&words[at], &words[at + TAIL]);
        Ring { head, tail, words: &words[start..start + ring_words(ring)] }
    }

    /// One word of the header.
    ///
    /// # Panics
    ///
    /// When `index` isn't one of the constants of [`npprof_wire::segment`].
    #[must_use]
    pub fn word(&self, index: usize) -> &AtomicU64 {
        &self.words()[index]
    }

    fn map(file: BorrowedFd<'_>) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, so nothing is mapped over.
        let memory = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                SEGMENT_BYTES,
                protection,
                MapFlags::SHARED,
                file,
                0,
            )
        }?;
        NonNull::new(memory.cast()).map(|words| Self { words }).ok_or_else(|| {
            io::Error::new(io::ErrorKind::OutOfMemory, "shared memory was mapped at null")
        })
    }
}

/// Calls `grow` with a limit of file sizes that a segment fits into: to run into that limit would be
/// a signal that ends the process.
fn with_room(grow: impl FnOnce() -> rustix::io::Result<()>) -> rustix::io::Result<()> {
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= SEGMENT_BYTES as u64);
    let limits = getrlimit(Resource::Fsize);
    if is_enough(limits.current) {
        return grow();
    }
    if !is_enough(limits.maximum) {
        return Err(rustix::io::Errno::FBIG);
    }
    setrlimit(Resource::Fsize, Rlimit { current: limits.maximum, maximum: limits.maximum })?;
    let grown = grow();
    // As it was, which is always allowed.
    setrlimit(Resource::Fsize, limits)?;
    grown
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: `map` mapped exactly this, and `words` lends no longer than `self`.
        let unmapped = unsafe { rustix::mm::munmap(self.words.as_ptr().cast(), SEGMENT_BYTES) };
        debug_assert!(unmapped.is_ok(), "a segment is unmapped once");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_of_another_size_is_refused() {
        let file = rustix::fs::memfd_create(c"test", MemfdFlags::CLOEXEC).expect("descriptor");
        rustix::fs::ftruncate(&file, 3).expect("size");
        assert!(matches!(Segment::open(file.as_fd()), Err(OpenError::Size { found: 3, .. })));
    }

    #[test]
    fn shared_memory_that_can_shrink_is_refused() {
        let file = rustix::fs::memfd_create(c"test", MemfdFlags::CLOEXEC).expect("descriptor");
        rustix::fs::ftruncate(&file, SEGMENT_BYTES as u64).expect("size");
        assert!(matches!(Segment::open(file.as_fd()), Err(OpenError::NotSealed)));
    }

    #[test]
    fn both_sides_see_the_same_words() {
        let (ours, file) = Segment::create().expect("memory");
        let theirs = Segment::open(file.as_fd()).expect("a segment");
        ours.word(9).store(77, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(theirs.word(9).load(std::sync::atomic::Ordering::Relaxed), 77);
    }
}
