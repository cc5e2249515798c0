//! Stacks and the sites that they are charged to.
//!
//! A stack is a frame and its caller's stack, so what is to be known of it follows from its frame
//! and from what is known of its caller: each definition takes constant time.

use super::Aggregate;
use super::sites::{NONE, Place, Stack};
use crate::define::Owner;
use crate::error::StreamError;

const MAX_STACKS: usize = 1 << 22;
/// Sites of a process, each of which has layouts, distributions and patterns, some kilobytes; further
/// ones are one.
const MAX_SITES: usize = 1 << 18;
/// The file of the site that stands for those beyond [`MAX_SITES`].
pub(super) const OTHER_SITES: &str = "<other call sites>";
/// Frames of a stack that are told.
const MAX_FRAMES: usize = 1 << 12;

impl Aggregate {
    /// Takes in a stack: its innermost frame is at this `(code, line, byte offset)`.
    pub(super) fn define_stack(
        &mut self,
        stack: u32,
        caller: u32,
        frame: (u32, u32, u32),
    ) -> Result<(), StreamError> {
        let known = self.stacks.len();
        if known >= MAX_STACKS {
            return Err(StreamError::TooMany { what: "stacks", max: MAX_STACKS });
        }
        if stack as usize != known {
            return Err(StreamError::StackOutOfTurn { stack, known });
        }
        let Some(around) = self.stacks.get(caller as usize) else {
            return Err(StreamError::UnknownStack { stack: caller, known });
        };
        let (code, ..) = frame;
        let Some(owner) = self.definitions.code(code).map(|code| code.owner) else {
            return Err(StreamError::UnknownCode { stack, code });
        };
        let (code, line) = self.definitions.symbolize(frame);
        let mut new = Stack::new(caller, (code, line, frame.2));
        new.user = if owner == Owner::User { stack } else { around.user };
        new.foreign = if owner == Owner::Interpreter { around.foreign } else { stack };
        self.stacks.push(new);
        Ok(())
    }

    /// The site of a stack, found when it is asked for first.
    #[inline]
    pub(super) fn site_of(&mut self, stack: u32) -> Result<u32, StreamError> {
        match self.stacks.get(stack as usize) {
            Some(stack) if stack.site != NONE => Ok(stack.site),
            _ => self.find_site(stack),
        }
    }

    /// The site of a stack: its innermost frame of the user; failing that, its innermost one that
    /// is neither NumPy's nor the standard library's; failing that, its innermost one.
    #[cold]
    fn find_site(&mut self, stack: u32) -> Result<u32, StreamError> {
        let known = self.stacks.len();
        let unknown = StreamError::UnknownStack { stack, known };
        let found = self.stacks.get(stack as usize).ok_or(unknown)?;
        let is_user = found.user != NONE;
        let charged = [found.user, found.foreign].into_iter().find(|&stack| stack != NONE);
        let place = self.place(charged.unwrap_or(stack));
        let site = if self.sites.all().len() < MAX_SITES || self.sites.has(&place) {
            self.sites.at(place, is_user, self.now_ns)
        } else {
            self.definitions.facts.notice(format!(
                "it had more than {MAX_SITES} call sites: those that came later are told together, \
                 as {OTHER_SITES}"
            ));
            self.rest_of_sites()
        };
        if let Some(stack) = self.stacks.get_mut(stack as usize) {
            stack.site = site;
        }
        Ok(site)
    }

    /// The site that stands for those that are counted together.
    pub(super) fn rest_of_sites(&mut self) -> u32 {
        let strings = &mut self.definitions.strings;
        let (file, function) = (strings.number(OTHER_SITES), strings.number(""));
        self.sites.at(Place { file, line: 0, function }, false, self.now_ns)
    }

    /// The places of a stack's frames, innermost first.
    pub(crate) fn frames(&mut self, stack: u32) -> Vec<Place> {
        let mut frames = Vec::new();
        let mut next = stack;
        while next != 0 && frames.len() < MAX_FRAMES {
            frames.push(self.place(next));
            next = self.stacks.get(next as usize).map_or(0, |stack| stack.caller);
        }
        frames
    }

    /// Where the innermost frame of a stack is.
    fn place(&mut self, stack: u32) -> Place {
        let frame = self.stacks.get(stack as usize).map_or((NONE, 0), |at| (at.code, at.line));
        let (code, line) = frame;
        if let Some(code) = self.definitions.code(code) {
            Place { file: code.file, line, function: code.function }
        } else {
            let strings = &mut self.definitions.strings;
            let (file, function) = (strings.number("<no Python frame>"), strings.number(""));
            Place { file, line: 0, function }
        }
    }
}
