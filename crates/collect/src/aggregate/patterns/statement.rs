//! temporary-chain: temporaries of one statement that are alive together.
//!
//! A statement's execution is what one line of one activation does until control comes to another
//! line, or comes back to an earlier instruction. What it allocated is kept until then; what of that
//! has died by then were temporaries.

use std::sync::Arc;

use npprof_model::pattern::Temporary;
use npprof_model::{ArrayLayout, Bytes, Detail, Pattern};
use rustc_hash::{FxHashMap, FxHashSet};

use super::blocks::{Block, Id};
use super::class::Name;
use super::frames::Activation;
use super::savings::Saving;
use super::tally::{Facts, Found, Tallies, saves, total};
use super::{Born, Context, Scene};
use crate::aggregate::threads::ThreadIndex;

/// Less is not worth a word.
const MIN_EXTRA: u64 = 1 << 20;
/// Blocks of an execution that are followed.
const MAX_PIECES: usize = 512;
/// Temporaries that are told.
const MAX_TOLD: usize = 16;
/// Executions whose room is kept for others.
const MAX_SPARE: usize = 16;

/// A block that an execution allocated.
#[derive(Clone, Debug)]
struct Piece {
    id: Id,
    size: u64,
    died: Option<u64>,
    /// It never got to the statement.
    is_hidden: bool,
    /// An operation of the statement itself took it.
    is_used: bool,
    /// A function of the user's that the statement called did, or may have.
    is_given: bool,
    operation: u16,
    layout: Arc<ArrayLayout>,
}

#[derive(Clone, Debug)]
struct Execution {
    number: u64,
    activation: Activation,
    line: u32,
    site: u32,
    /// Offsets of the instructions where it is, from the user's frame inwards.
    path: Vec<u32>,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct OfThread {
    thread: ThreadIndex,
    /// From the outermost one inwards.
    executions: Vec<Execution>,
}

/// A chain that was found, and how much less could have been alive when.
#[derive(Clone, Debug)]
struct Chain {
    found: Found<Detail>,
    spans: Vec<((u64, u64), u64)>,
}

/// Stacks from which a function of the user's was called.
#[derive(Clone, Debug, Default)]
struct Calls {
    all: FxHashSet<u32>,
    /// Stacks that were looked at.
    n: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Statements {
    threads: Vec<OfThread>,
    /// The executions that blocks are of.
    owners: FxHashMap<Id, u64>,
    n_executions: u64,
    calls: Calls,
    tallies: Tallies<Detail>,
    savings: FxHashMap<u32, Saving>,
    /// Room that executions which are over have left.
    spare: Vec<(Vec<u32>, Vec<Piece>)>,
    path: Vec<u32>,
}

impl Statements {
    pub(super) fn allocated(
        &mut self,
        block: &Block,
        born: &Born<'_>,
        scene: &Scene<'_>,
        is_expansion: impl Fn(Id) -> bool,
    ) {
        let context = scene.context;
        let Some((activation, line)) = statement(block.stack, context) else { return };
        self.come_to(block.stack, born.thread, scene, &is_expansion);
        let mut path = std::mem::take(&mut self.path);
        to_path(block.stack, context, &mut path);
        let at = self.of_thread(born.thread);
        let is_same = |it: &Execution| it.activation == activation && it.line == line;
        let is_again = |it: &Execution| match path.cmp(&it.path) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => born.is_first || born.operation == 0,
            std::cmp::Ordering::Greater => false,
        };
        let last = self.threads[at].executions.last();
        let is_new = last.is_none_or(|last| !is_same(last));
        if !is_new && last.is_some_and(is_again) {
            self.close_last(at, scene, &is_expansion);
        }
        let executions = &mut self.threads[at].executions;
        if executions.last().is_none_or(|last| !is_same(last)) {
            self.n_executions += 1;
            let number = self.n_executions;
            let (path, pieces) = self.spare.pop().unwrap_or_default();
            let site = block.site;
            executions.push(Execution { number, activation, line, site, path, pieces });
        }
        let Some(execution) = executions.last_mut() else { return };
        self.path = std::mem::replace(&mut execution.path, path);
        if execution.pieces.len() < MAX_PIECES {
            self.owners.insert(block.id, execution.number);
            execution.pieces.push(Piece {
                id: block.id,
                size: block.size,
                died: None,
                is_hidden: false,
                is_used: false,
                is_given: false,
                operation: block.operation,
                layout: block.layout.clone(),
            });
        }
    }

    /// Control is at `stack`: executions of statements that aren't on it are over.
    pub(super) fn come_to(
        &mut self,
        stack: u32,
        thread: ThreadIndex,
        scene: &Scene<'_>,
        is_expansion: &impl Fn(Id) -> bool,
    ) {
        let at = self.of_thread(thread);
        while let Some(last) = self.threads[at].executions.last()
            && last.frame_on(stack, scene.context).is_none()
        {
            self.close_last(at, scene, is_expansion);
        }
    }

    /// An operation read a block.
    pub(super) fn read(&mut self, block: Id, stack: u32, context: Context<'_>) {
        let Some(&number) = self.owners.get(&block) else { return };
        let executions = self.threads.iter_mut().flat_map(|it| &mut it.executions);
        let Some(execution) = executions.into_iter().find(|it| it.number == number) else { return };
        let is_own = statement(stack, context) == Some((execution.activation, execution.line));
        if let Some(piece) = execution.pieces.iter_mut().find(|piece| piece.id == block) {
            piece.is_used |= is_own;
            piece.is_given |= !is_own;
        }
    }

    /// A block died; `from` is where control was then.
    pub(super) fn died(
        &mut self,
        block: &Block,
        from: Option<u32>,
        scene: &Scene<'_>,
        is_expansion: impl Fn(Id) -> bool,
    ) {
        let Some(number) = self.owners.remove(&block.id) else { return };
        let find = |it: &OfThread| it.executions.iter().any(|it| it.number == number);
        let Some(at) = self.threads.iter().position(find) else { return };
        let context = scene.context;
        let is_over = |it: &Execution| {
            let Some(from) = from else { return false };
            let place = it.frame_on(from, context);
            place.is_none_or(|offset| it.path.first().is_some_and(|&first| offset < first))
        };
        if self.threads[at].executions.iter().any(|it| it.number == number && is_over(it)) {
            while self.threads[at].executions.last().is_some_and(|last| last.number >= number) {
                self.close_last(at, scene, &is_expansion);
            }
            return;
        }
        let mut executions = self.threads[at].executions.iter_mut();
        let Some(execution) = executions.find(|it| it.number == number) else { return };
        if let Some(piece) = execution.pieces.iter_mut().find(|piece| piece.id == block.id) {
            piece.died = Some(scene.heights.now());
            // An argument dies inside of the function that it was given to, or where that was called.
            let is_inside = |from| context.activation(from) != Some(execution.activation);
            piece.is_given |=
                from.is_some_and(|from| is_inside(from) || self.calls.has(from, context));
            piece.is_hidden = from.is_some_and(|from| context.died_inside(block.stack, from));
        }
    }

    /// So many bytes of a block have another cause.
    pub(super) fn excuse(&mut self, block: Id, bytes: u64) {
        let Some(&number) = self.owners.get(&block) else { return };
        let executions = self.threads.iter_mut().flat_map(|it| &mut it.executions);
        let of_it = executions.filter(|it| it.number == number);
        for piece in of_it.flat_map(|it| &mut it.pieces).filter(|piece| piece.id == block) {
            piece.size = piece.size.saturating_sub(bytes);
        }
    }

    fn of_thread(&mut self, thread: ThreadIndex) -> usize {
        let found = self.threads.iter().position(|it| it.thread == thread);
        found.unwrap_or_else(|| {
            self.threads.push(OfThread { thread, executions: Vec::new() });
            self.threads.len() - 1
        })
    }

    fn close_last(&mut self, at: usize, scene: &Scene<'_>, is_expansion: &impl Fn(Id) -> bool) {
        let Some(mut execution) = self.threads[at].executions.pop() else { return };
        for piece in &execution.pieces {
            self.owners.remove(&piece.id);
        }
        if let Some(chain) = execution.judge(scene, is_expansion) {
            let saving = self.savings.entry(execution.site).or_default();
            for (span, bytes) in chain.spans {
                saving.span(span, bytes, scene.heights);
            }
            self.tallies.add(&chain.found);
        }
        if self.spare.len() < MAX_SPARE {
            execution.pieces.clear();
            self.spare.push((execution.path, execution.pieces));
        }
    }

    pub(super) fn summary(
        &self,
        scene: &Scene<'_>,
        is_expansion: impl Fn(Id) -> bool,
        to: &mut Vec<Pattern>,
    ) {
        let mut tallies = self.tallies.clone();
        let mut savings: FxHashMap<u32, Saving> = FxHashMap::default();
        for execution in self.threads.iter().flat_map(|it| &it.executions) {
            let Some(chain) = execution.judge(scene, &is_expansion) else { continue };
            let old = || self.savings.get(&execution.site).cloned().unwrap_or_default();
            let saving = savings.entry(execution.site).or_insert_with(old);
            for (span, bytes) in chain.spans {
                saving.span(span, bytes, scene.heights);
            }
            tallies.add(&chain.found);
        }
        for (site, tally) in tallies.sorted() {
            let saving = savings.get(&site).or_else(|| self.savings.get(&site));
            let saved = saving.map(|it| it.saved(scene.context.high_water, scene.heights, |_| 0));
            let mut pattern = tally.pattern(site, tally.detail.clone(), saves(saved, 0, 0, 0));
            pattern.bytes = Bytes(tally.largest);
            to.push(pattern);
        }
    }
}

impl Calls {
    fn has(&mut self, stack: u32, context: Context<'_>) -> bool {
        for (number, frame) in context.stacks.iter().enumerate().skip(self.n) {
            if usize::try_from(frame.user) == Ok(number) {
                self.all.insert(frame.caller);
            }
        }
        self.n = context.stacks.len();
        self.all.contains(&stack)
    }
}

impl Execution {
    /// Where its frame is, if that is still at its line and on this stack.
    fn frame_on(&self, stack: u32, context: Context<'_>) -> Option<u32> {
        let is_it = |frame: &crate::aggregate::sites::Stack| {
            frame.caller == self.activation.caller && frame.code == self.activation.code
        };
        let (_, frame) = context.chain(stack).find(|(_, frame)| is_it(frame))?;
        (frame.line == self.line).then_some(frame.byte_offset)
    }

    fn judge(&self, scene: &Scene<'_>, is_expansion: &impl Fn(Id) -> bool) -> Option<Chain> {
        let counts = |piece: &&Piece| {
            let is_argument = piece.died.is_some() && piece.is_given && !piece.is_used;
            !piece.is_hidden && !is_argument && !is_expansion(piece.id)
        };
        let dead = self.pieces.iter().filter(|piece| piece.died.is_some()).filter(counts);
        if total(dead.map(|piece| piece.size)) < MIN_EXTRA {
            return None;
        }
        let pieces: Vec<&Piece> = self.pieces.iter().filter(counts).collect();
        let surviving = pieces.iter().filter(|piece| piece.died.is_none());
        let surviving = total(surviving.map(|piece| piece.size));
        let mut times: Vec<u64> =
            pieces.iter().flat_map(|piece| [Some(piece.id.0), piece.died]).flatten().collect();
        times.sort_unstable();
        let is_alive =
            |piece: &&&Piece, at: u64| piece.id.0 <= at && piece.died.is_none_or(|died| at < died);
        let alive = |at: u64| pieces.iter().filter(move |piece| is_alive(piece, at)).copied();
        let height = |at: u64| total(alive(at).map(|piece| piece.size));
        let (&worst, most) = times
            .iter()
            .map(|at| (at, height(*at)))
            .max_by_key(|&(at, most)| (most, std::cmp::Reverse(*at)))?;
        let extra = most.saturating_sub(surviving);
        if extra < MIN_EXTRA || extra.saturating_mul(2) < surviving {
            return None;
        }
        let spans = times.windows(2).filter_map(|times| match *times {
            [start, end] if start < end => Some(((start, end), avoidable(alive(start)))),
            _ => None,
        });
        let spans = spans.filter(|&(_, bytes)| bytes > 0).collect();
        let mut told: Vec<&Piece> = alive(worst).collect();
        told.sort_by_key(|piece| std::cmp::Reverse(piece.size));
        let name = |piece: &Piece| Name::of(piece.operation, scene.context.definitions).text;
        let operation = told.first().map(|piece| name(piece)).unwrap_or_default();
        let temporaries: Arc<[Temporary]> = told
            .iter()
            .take(MAX_TOLD)
            .map(|piece| Temporary {
                operation: name(piece),
                layout: ArrayLayout::clone(&piece.layout),
                bytes: Bytes(piece.size),
            })
            .collect();
        let detail = Detail::TemporaryChain { temporaries, surviving: Bytes(surviving) };
        let facts = Arc::new(Facts { operation, ..Facts::default() });
        Some(Chain {
            found: Found { site: self.site, bytes: extra, time: 0, facts, detail },
            spans,
        })
    }
}

/// How much less could be alive: one buffer does for all temporaries, or a result that is there
/// already and is large enough.
fn avoidable<'a>(alive: impl Iterator<Item = &'a Piece>) -> u64 {
    let (mut temporary, mut largest, mut result) = (0_u64, 0_u64, 0_u64);
    for piece in alive {
        if piece.died.is_some() {
            temporary = temporary.saturating_add(piece.size);
            largest = largest.max(piece.size);
        } else {
            result = result.max(piece.size);
        }
    }
    if result >= largest { temporary } else { temporary - largest }
}

/// The statement that is charged with what happens at a stack.
fn statement(stack: u32, context: Context<'_>) -> Option<(Activation, u32)> {
    let activation = context.activation(stack)?;
    Some((activation, context.stack(context.home(stack))?.line))
}

/// Offsets of the instructions of a stack, from the user's frame inwards.
fn to_path(stack: u32, context: Context<'_>, to: &mut Vec<u32>) {
    let home = context.stack(context.home(stack)).into_iter().map(|frame| frame.byte_offset);
    to.clear();
    to.extend(context.inner(stack).map(|(_, frame)| frame.byte_offset).chain(home));
    to.reverse();
}
