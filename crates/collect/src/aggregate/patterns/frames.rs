//! Where an event comes from: what its stack tells besides the call site.

use std::sync::Arc;

use super::Context;
use crate::aggregate::sites::{NONE, Stack};
use crate::define::Owner;

/// Frames of a stack that are looked at.
const MAX_FRAMES: usize = 1 << 10;
/// What functions are called that decorators make.
const WRAPPERS: [&str; 8] =
    ["_wrapper", "decorated", "inner", "inner_f", "new_func", "wrapped", "wrapped_f", "wrapper"];

/// An activation of a function of the user's: calls of the same function by the same instruction
/// of the same activation are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Activation {
    pub(super) caller: u32,
    pub(super) code: u32,
}

impl<'a> Context<'a> {
    pub(super) fn stack(self, stack: u32) -> Option<&'a Stack> {
        self.stacks.get(stack as usize)
    }

    pub(super) fn site(self, stack: u32) -> u32 {
        self.stack(stack).map_or(NONE, |stack| stack.site)
    }

    /// Allocations at a site.
    pub(super) fn n_allocations(self, site: u32) -> u64 {
        self.sites.all().get(site as usize).map_or(0, |site| site.n_allocations)
    }

    /// The frame that events of this stack are charged to.
    pub(super) fn home(self, stack: u32) -> u32 {
        let Some(found) = self.stack(stack) else { return stack };
        [found.user, found.foreign].into_iter().find(|&stack| stack != NONE).unwrap_or(stack)
    }

    pub(super) fn activation(self, stack: u32) -> Option<Activation> {
        let home = self.stack(self.home(stack))?;
        Some(Activation { caller: home.caller, code: home.code })
    }

    /// A stack and its callers, inside out.
    pub(super) fn chain(self, stack: u32) -> impl Iterator<Item = (u32, &'a Stack)> {
        let at = move |number: u32| Some((number, self.stack(number)?)).filter(|_| number != 0);
        std::iter::successors(at(stack), move |&(_, stack)| at(stack.caller)).take(MAX_FRAMES)
    }

    /// The frames inside the user's, inside out.
    pub(super) fn inner(self, stack: u32) -> impl Iterator<Item = (u32, &'a Stack)> {
        let home = self.home(stack);
        self.chain(stack).take_while(move |&(number, _)| number != home)
    }

    /// The frame that the user's frame called.
    pub(super) fn entry(self, stack: u32) -> Option<(u32, &'a Stack)> {
        self.inner(stack).last()
    }

    /// Name of the function that the user's frame called: without its class, empty if there is none
    /// in Python.
    pub(super) fn entry_name(self, stack: u32) -> Arc<str> {
        self.entry(stack).map_or_else(|| "".into(), |(_, entry)| self.function(entry))
    }

    /// As [`Self::entry_name`]; of a function that a decorator has wrapped its own name, if it was
    /// called.
    pub(super) fn routine_name(self, stack: u32) -> Arc<str> {
        let own = self.inner(stack).filter(|(_, frame)| !self.is_wrapper(frame)).last();
        let routine = own.or_else(|| self.entry(stack));
        routine.map_or_else(|| "".into(), |(_, frame)| self.function(frame))
    }

    /// Whether a frame's function is one that a decorator has made: a function inside of another,
    /// where names tell that (from Python 3.11 on), or one called as such functions are.
    fn is_wrapper(self, frame: &Stack) -> bool {
        let Some(code) = self.definitions.code(frame.code) else { return false };
        let name = self.definitions.strings.get(code.function);
        name.contains("<locals>") || WRAPPERS.contains(&&*self.function(frame))
    }

    /// Name of a frame's function, without its class.
    pub(super) fn function(self, frame: &Stack) -> Arc<str> {
        let Some(code) = self.definitions.code(frame.code) else { return "".into() };
        let name = self.definitions.strings.get(code.function);
        match name.rsplit_once('.') {
            Some((_, last)) => last.into(),
            None => name,
        }
    }

    /// Whether the user called a function of one of these names, or it called it in turn.
    pub(super) fn is_inside(self, stack: u32, names: &[&str]) -> bool {
        self.inner(stack).any(|(_, frame)| names.contains(&&*self.function(frame)))
    }

    /// Whether a frame is NumPy's, or a wrapper that NumPy made.
    pub(super) fn is_numpys(self, frame: &Stack) -> bool {
        let Some(code) = self.definitions.code(frame.code) else { return false };
        let file = self.definitions.strings.get(code.file);
        code.owner == Owner::Interpreter
            && (file.contains("/numpy/") || file.starts_with("<__array_function__"))
    }

    /// Whether a frame is that of a package that isn't NumPy.
    pub(super) fn is_packages(self, frame: &Stack) -> bool {
        self.definitions.code(frame.code).is_some_and(|code| code.owner == Owner::Package)
    }

    /// Whether the innermost frame is NumPy's.
    pub(super) fn is_internal(self, stack: u32) -> bool {
        self.stack(stack).is_some_and(|frame| self.is_numpys(frame))
    }

    /// Whether what happens at `from` is still inside the activation, or is its end: the caller is
    /// at the call then.
    pub(super) fn is_during(self, from: u32, activation: Activation) -> bool {
        let is_it = |at: &Stack| at.caller == activation.caller && at.code == activation.code;
        (from == activation.caller && from != 0) || self.chain(from).any(|(_, at)| is_it(at))
    }

    /// Whether a block that was made at `birth` and died at `from` was never given to the user's
    /// frame: it died in the function that this frame called, or when that returned.
    pub(super) fn died_inside(self, birth: u32, from: u32) -> bool {
        if birth == from {
            return true;
        }
        let Some((number, entry)) = self.entry(birth) else { return false };
        let home = self.home(number);
        from == home
            || self.chain(from).any(|(_, at)| at.caller == entry.caller && at.code == entry.code)
    }
}
