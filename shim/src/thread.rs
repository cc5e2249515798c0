//! Numbers for threads.

use npprof_wire::encode::{Definition, event};
use npprof_wire::record::{Kind, MAX_TEXT};

use crate::install::python::Python;
use crate::memory::Address;
use crate::stream::Stream;
use crate::table::Table;

/// The threads seen so far.
pub(crate) struct Threads {
    /// By the interpreter's number, which is never used twice.
    numbers: Table<u64, u32>,
    n_numbers: u32,
}

impl Threads {
    pub(crate) const fn new() -> Self {
        Self { numbers: Table::EMPTY, n_numbers: 0 }
    }

    /// Says in the ring that what follows is of another thread, and gives its number.
    ///
    /// # Safety
    ///
    /// `thread` must be the current thread's `PyThreadState`, with the interpreter lock held.
    #[cold]
    pub(crate) unsafe fn switch(
        &mut self,
        thread: Address,
        id: u64,
        python: &Python,
        stream: &mut Stream,
    ) -> u32 {
        let number = match self.numbers.get(&id) {
            Some(number) => number,
            None => {
                let number = self.n_numbers.wrapping_add(1);
                self.n_numbers = number;
                self.numbers.insert(id, number);
                // SAFETY: the caller vouches for the thread.
                unsafe { Self::define(thread, number, python, stream) };
                number
            }
        };
        stream.define(&[event(Kind::Thread, number.into())]);
        number
    }

    /// # Safety
    ///
    /// As for [`Self::switch`].
    unsafe fn define(thread: Address, number: u32, python: &Python, stream: &mut Stream) {
        // SAFETY: the caller vouches for the thread.
        let ident = unsafe { python.thread_ident(thread) };
        let mut words = [0; MAX_TEXT / 8 + 8];
        let define = |name: &[u8]| {
            // Without the module `threading` nobody has named the first thread yet.
            let is_first = rustix::thread::gettid() == rustix::process::getpid();
            let name = if name.is_empty() && is_first { b"MainThread" } else { name };
            stream.define(Definition::thread(&mut words, number, ident, name).finish());
        };
        // SAFETY: the lock is held.
        unsafe { python.with_thread_name(ident, define) };
    }
}
