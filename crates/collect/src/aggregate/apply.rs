//! What each kind of record does.
//!
//! A record changes the aggregate's own sums first; then the trackers of patterns see it.

use npprof_model::Pattern;
use npprof_wire::record::{Counts, Operation, Record};

use super::Aggregate;
use super::arrays::Block;
use super::context;
use super::layouts::Described;
use super::operations::{At, MAX_ENTRIES, Summary};
use super::patterns::{Born, Context};
use super::stacks::OTHER_SITES;
use super::threads::ThreadIndex;
use crate::define::text;
use crate::error::StreamError;

impl Aggregate {
    /// Takes in a record of a ring whose records are of `thread` until it says otherwise.
    // With the decoder, so that a record never has to be put together.
    #[inline(always)]
    pub(crate) fn apply(
        &mut self,
        record: Record<'_>,
        thread: &mut ThreadIndex,
    ) -> Result<(), StreamError> {
        match record {
            Record::Alloc {
                address,
                size_bytes,
                stack,
                is_zeroed,
                operation,
                is_first,
                layout,
            } => {
                let described = Described::new(layout, size_bytes);
                let block = Block::new(address, size_bytes, stack);
                let Some(site) = self.allocate(block, &described, *thread)? else {
                    return Ok(());
                };
                if operation != 0 {
                    self.note_maker(operation, is_first, &block);
                }
                if self.is_beneath(&block) {
                    self.patterns.drift(self.sums.live);
                    return Ok(());
                }
                let born = Born {
                    address,
                    size: size_bytes,
                    stack,
                    site,
                    operation,
                    is_first,
                    is_zeroed,
                    layout,
                    thread: *thread,
                };
                if self.patterns.allocated(&born, context!(self)) {
                    self.follow(address);
                }
                Ok(())
            }
            Record::Free { address, at } => {
                self.free(address, at, None, *thread);
                Ok(())
            }
            other => self.apply_rare(other, thread),
        }
    }

    /// A tracker follows a block though it is small.
    #[cold]
    pub(super) fn follow(&mut self, address: u64) {
        if let Some(block) = self.blocks.get_mut(address) {
            block.follow();
        }
    }

    #[inline(never)]
    fn apply_rare(
        &mut self,
        record: Record<'_>,
        thread: &mut ThreadIndex,
    ) -> Result<(), StreamError> {
        if !matches!(record, Record::Clock { .. } | Record::Fork { .. }) {
            self.n_rare += 1;
        }
        match record {
            Record::FreeFrom { address, at, stack } => {
                self.site_of(stack)?;
                self.free(address, at, Some(stack), *thread);
            }
            Record::Operation(operation) => self.operate(&operation, *thread)?,
            Record::Counts(counts) => {
                self.site_of(counts.stack)?;
                self.operations.count(&counts);
            }
            Record::Touch { address, size_bytes, is_write } => {
                self.patterns.touched(address, size_bytes, is_write, context!(self));
            }
            Record::Pin { address, stack, n_views, viewed_bytes } => {
                self.site_of(stack)?;
                let views = (n_views, viewed_bytes);
                self.patterns.pinned(address, stack, views, context!(self));
            }
            Record::Realloc { old_address, new_address, size_bytes, stack } => {
                self.reallocate(old_address, Block::new(new_address, size_bytes, stack), *thread)?;
            }
            Record::Layout { address, layout } => self.set_layout(address, layout),
            Record::Thread { thread: number } => *thread = self.threads.number(number),
            Record::Clock { now_ns } => self.advance(now_ns),
            Record::Fork { fork } => self.fork(fork, *thread),
            other => self.define(other)?,
        }
        Ok(())
    }

    fn define(&mut self, record: Record<'_>) -> Result<(), StreamError> {
        match record {
            Record::DefineCode { code, file, file_bytes, name, name_bytes, .. } => {
                let (file, name) = (text(file, file_bytes), text(name, name_bytes));
                self.definitions.define_code(code, &file, &name)?;
            }
            Record::DefineStack { stack, caller, code, line, byte_offset } => {
                self.define_stack(stack, caller, (code, line, byte_offset))?;
            }
            Record::DefineDtype { dtype, itemsize, name, name_bytes } => {
                self.definitions.define_dtype(dtype, itemsize, text(name, name_bytes));
            }
            Record::DefineThread { thread, native_id, name, name_bytes } => {
                self.threads.define(thread, native_id, text(name, name_bytes).into());
            }
            Record::DefineSource { code, line, text: words, text_bytes } => {
                self.definitions.define_source(code, line, &text(words, text_bytes));
            }
            Record::DefineOperation { operation, name, name_bytes } => {
                self.definitions.define_operation(operation, text(name, name_bytes))?;
            }
            Record::Fact { fact, text: words, text_bytes } => {
                self.definitions.define_fact(fact, text(words, text_bytes));
            }
            // The reader knows stamps; the others are no definitions.
            _ => {}
        }
        Ok(())
    }

    /// A block was made by an operation.
    #[inline]
    fn note_maker(&mut self, operation: u16, is_first: bool, block: &Block) {
        let class = self.definitions.operation_class(operation);
        if class.is_counted_by_allocation(is_first)
            && let Some(stack) = self.stacks.get_mut(block.stack as usize)
        {
            self.operations.made(operation, block.size, stack, &self.definitions);
        }
    }

    /// A large operation has ended.
    fn operate(
        &mut self,
        operation: &Operation<'_>,
        thread: ThreadIndex,
    ) -> Result<(), StreamError> {
        let site = self.site_of(operation.stack)?;
        let at = At { site, thread, definitions: &self.definitions };
        let blocks = &self.blocks;
        self.operations.take(operation, at, |address| Some(blocks.get(address)?.sequence));
        self.patterns.operated(operation, thread, context!(self));
        Ok(())
    }

    /// The table of counters of small operations, as it is now. What it says of stacks that are not
    /// known yet is left for later.
    pub(crate) fn see_counters(&mut self, mut table: Vec<Counts>) {
        table.retain(|counts| (counts.stack as usize) < self.stacks.len());
        self.operations.see_table(table);
    }

    /// What is known of operations, of at most `max` of them one by one.
    pub(crate) fn operations(&mut self, max: usize) -> Summary {
        if let Some(all) = self.operations.unsettled() {
            let placed = all.into_iter().map(|counts| (self.site_of(counts.stack), counts));
            let placed = placed.filter_map(|(site, counts)| Some((site.ok()?, counts))).collect();
            self.operations.settle(placed, &self.definitions);
        }
        if self.operations.has_rest() {
            let site = self.rest_of_sites();
            self.operations.place_rest(site);
            self.definitions.facts.notice(format!(
                "it had more than {MAX_ENTRIES} different operations by call site: those that came \
                 later are told together, at {OTHER_SITES}"
            ));
        }
        self.operations.summary(max)
    }

    /// The patterns that were seen, as of when operations were last asked for; sites by their number.
    pub(crate) fn patterns(&self) -> Vec<Pattern> {
        self.patterns.summary(self.operations.small(), context!(self))
    }
}
