//! The cases: what a program is doing while it is measured.

use std::fmt;

/// What a program's records are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Blocks are made and freed, in an operation each or in none.
    Blocks,
    /// For each large array its allocation, the operation that made it out of two others, and its end.
    Operations,
    /// Small operations that left the table of counters.
    Counts,
    /// Elements of large arrays that are read and written.
    Touches,
    /// Large arrays that only views keep alive.
    Pins,
}

/// In which order call sites take their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    InOrder,
    AtRandom,
}

/// Sizes of blocks: each twice the one before it, from `1 << first` bytes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) first: u32,
    pub(crate) n: u32,
}

/// One size that is as small as most are.
const ONE: Sizes = Sizes { first: 6, n: 1 };
/// Up to 4 KiB.
const SMALL: Sizes = Sizes { first: 3, n: 10 };
/// Up to 32 KiB.
const MEDIUM: Sizes = Sizes { first: 3, n: 13 };
/// A fifth of them from 64 KiB on.
const MIXED: Sizes = Sizes { first: 3, n: 16 };
/// From 64 KiB on.
const LARGE: Sizes = Sizes { first: 16, n: 6 };
/// From 1 MiB on, where all trackers look.
const HUGE: Sizes = Sizes { first: 20, n: 5 };

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) work: Work,
    pub(crate) n_live: u64,
    pub(crate) n_sites: u32,
    pub(crate) turns: Turns,
    pub(crate) sizes: Sizes,
    pub(crate) n_processes: u64,
}

impl Case {
    const fn blocks(n_live: u64, n_sites: u32, turns: Turns, sizes: Sizes) -> Self {
        Self { work: Work::Blocks, n_live, n_sites, turns, sizes, n_processes: 1 }
    }

    const fn of(work: Work) -> Self {
        Self { work, ..Self::blocks(100, 100, Turns::AtRandom, HUGE) }
    }

    /// All of them, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        use Turns::{AtRandom, InOrder};
        let mut all = Vec::new();
        all.extend(
            [10, 1000, 100_000, 1_000_000].map(|live| Self::blocks(live, 100, AtRandom, SMALL)),
        );
        for turns in [InOrder, AtRandom] {
            all.extend([10, 10_000, 100_000].map(|sites| Self::blocks(1000, sites, turns, ONE)));
        }
        all.push(Self::blocks(1000, 10_000, AtRandom, SMALL));
        all.extend(
            [ONE, MEDIUM, MIXED, LARGE, HUGE].map(|it| Self::blocks(1000, 100, AtRandom, it)),
        );
        all.push(Self::blocks(100_000, 100, AtRandom, LARGE));
        all.extend([Work::Operations, Work::Counts, Work::Touches, Work::Pins].map(Self::of));
        all.push(Self { n_processes: 4, ..Self::blocks(1000, 100, AtRandom, SMALL) });
        all
    }
}

impl fmt::Display for Case {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let work = match self.work {
            Work::Blocks => "blocks",
            Work::Operations => "operations",
            Work::Counts => "counts",
            Work::Touches => "touches",
            Work::Pins => "pins",
        };
        let turns = match self.turns {
            Turns::InOrder => "in order",
            Turns::AtRandom => "at random",
        };
        let Self { n_live, n_sites, sizes, n_processes, .. } = *self;
        let Sizes { first, n } = sizes;
        let (smallest, largest) = (bytes(first), bytes(first + n - 1));
        write!(to, "{work:10} {n_live:>8} {n_sites:>7} {turns:9} {smallest:>6}")?;
        write!(to, " {largest:>6} {n_processes:>5}")
    }
}

/// A power of two.
fn bytes(exponent: u32) -> String {
    let unit = ["B", "K", "M", "G"].into_iter().nth(exponent as usize / 10).unwrap_or("T");
    format!("{}{unit}", 1 << (exponent % 10))
}

/// What stands above [`Case`]s.
pub(crate) const HEADING: &str = "records        live   sites turns       from     to procs";
