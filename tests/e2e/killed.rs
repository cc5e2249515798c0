//! A process that is killed at any moment whatever leaves a report of all that it did.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use npprof_tests::{
    built,
    matrix::{Pair, each_python},
    program::{Program, Run},
    report::{number, sum},
    schema::violations,
};
use serde_json::json;

const N_RUNS: u64 = 200;
const N_AT_ONCE: usize = 4;
/// Blocks that the program keeps.
const N_KEPT: u64 = 50;

/// What the independent count left in its file.
struct Shared {
    n_allocations: u64,
    n_frees: u64,
}

impl Shared {
    /// `None` if the program was killed before it had made the file.
    fn read(folder: &Path) -> Option<Self> {
        let bytes = fs::read(folder.join("shared-count")).ok()?;
        let word = |index: usize| {
            let word = bytes.get(8 * index..8 * index + 8)?;
            Some(u64::from_ne_bytes(word.try_into().ok()?))
        };
        Some(Self { n_allocations: word(0)?, n_frees: word(1)? })
    }
}

/// Size of the program's block of this number, in bytes.
const fn size(n: u64) -> u64 {
    8 * (1 + n * 7919 % 1000)
}

/// Bytes of the first `n` blocks.
fn bytes_of(n: u64) -> u64 {
    (0..n).map(size).sum()
}

/// The most that was alive at once in the course of so many allocations and frees.
fn high_water(n_allocations: u64, n_frees: u64) -> u64 {
    let (mut live, mut most) = (0, 0);
    for n in 0..n_allocations {
        live += size(n);
        most = most.max(live);
        if n >= N_KEPT && n - N_KEPT < n_frees {
            live -= size(n - N_KEPT);
        }
    }
    most
}

/// A number that depends on `seed` in no simple way, below `limit`.
const fn scattered(seed: u64, limit: u64) -> u64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed ^ (mixed >> 32)) % limit
}

/// One run, killed while Python starts or NumPy is imported, or while the program allocates.
fn run(pair: &Pair, seed: u64) -> Run {
    if seed.is_multiple_of(4) {
        let after = scattered(seed, 150_000_000).to_string();
        Program::new("killed.py")
            .with_env("LD_PRELOAD", &built::counter().display().to_string())
            .with_env("NPPROF_TEST_KILL_AFTER_NS", &after)
            .profiled(pair)
    } else {
        Program::new(&format!("killed.py {}", scattered(seed, 20_000_000))).profiled(pair)
    }
}

/// What is wrong with a run; whether it was killed while it allocated.
fn check(run: &Run) -> Result<bool, String> {
    let is = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    is(run.code() == 137, &format!("code {}: {}", run.code(), run.stderr()))?;
    is(run.report_path.is_file(), &format!("no report: {}", run.stderr()))?;
    let report = run.report();
    let wrong = violations(&report.0);
    is(wrong.is_empty(), &format!("not what the schema says: {wrong:?}"))?;
    is(report.0["exit"] == json!({"signal": 9, "name": "SIGKILL"}), "exit")?;
    is(report.0["complete"] == true, &format!("incomplete: {}", report.0["incomplete_because"]))?;
    let Some(shared) = Shared::read(run.folder.path()) else { return Ok(false) };
    let sites = report.sites_with_mark(&Program::new("killed.py").path(), "kept");
    let n_allocations = sum(&sites, "n_allocations");
    let n_frees = sum(&sites, "n_frees");
    // The count stands around npprof's hooks: it counts an allocation after them and a free before.
    let has_last = |counted: u64, reported: u64| counted == reported || counted + 1 == reported;
    is(
        has_last(shared.n_allocations, n_allocations),
        &format!("{n_allocations} allocations reported, {} counted", shared.n_allocations),
    )?;
    is(
        has_last(n_frees, shared.n_frees),
        &format!("{n_frees} frees reported, {} counted", shared.n_frees),
    )?;
    if n_allocations == 0 {
        return Ok(false);
    }
    let live = bytes_of(n_allocations) - bytes_of(n_frees);
    for (field, expected) in [
        ("allocated_bytes", bytes_of(n_allocations)),
        ("live_bytes", live),
        ("own_peak_bytes", high_water(n_allocations, n_frees)),
    ] {
        let found = sum(&sites, field);
        is(found == expected, &format!("{field} is {found} and not {expected}"))?;
    }
    let [process] = report.processes() else { return Err("one process".to_owned()) };
    let all: Vec<_> = report.sites().iter().collect();
    for field in ["n_allocations", "n_frees", "allocated_bytes", "live_bytes"] {
        let total = number(&process["totals"], field);
        is(sum(&all, field) == total, &format!("sites add up to the total, {field}"))?;
    }
    Ok(true)
}

#[test]
fn a_process_killed_at_any_moment_leaves_what_it_did() {
    let pairs = each_python();
    let next = AtomicU64::new(0);
    let work = || {
        let (mut n_counted, mut failed) = (0_u64, Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= N_RUNS {
                return (n_counted, failed);
            }
            let pair = &pairs[usize::try_from(seed / 4).unwrap_or(0) % pairs.len()];
            match check(&run(pair, seed)) {
                Ok(is_counted) => n_counted += u64::from(is_counted),
                Err(wrong) => failed.push(format!("run {seed}, {}: {wrong}", pair.name)),
            }
        }
    };
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..N_AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker ends")).collect()
    });
    let failed: Vec<_> = results.iter().flat_map(|(_, failed)| failed).collect();
    assert!(failed.is_empty(), "{} of {N_RUNS} runs: {failed:#?}", failed.len());
    let n_counted: u64 = results.iter().map(|(n, _)| n).sum();
    assert!(n_counted >= N_RUNS / 2, "{n_counted} runs were killed while they allocated");
}
