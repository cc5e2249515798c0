//! Holds `npprof_model::walk` against NumPy: random operations, and the strides that they are seen
//! to walk with.
//!
//! `programs/oracle.py` runs without npprof, says what it did and what it saw; here the same shapes
//! and strides go to npprof's own arithmetic. The seed is fixed; `NPPROF_TEST_SEED` sets another.

use std::{collections::BTreeMap, env, process::Command};

use npprof_model::walk::{
    Operand, Walk, fresh_strides, inner_strides, is_blas_ready, is_dot_ready,
};
use npprof_tests::{
    built,
    matrix::{Pair, every_pair, on_each},
    program::{LIMIT, output_within},
};
use serde::Deserialize;

const N_CASES: u32 = 2_800;

/// A line of `programs/oracle.py`, where the fields are explained.
#[derive(Deserialize)]
struct Case {
    walk: String,
    operands: Vec<(Vec<u64>, Option<Vec<i64>>, u64)>,
    #[serde(default)]
    axes: u64,
    #[serde(default)]
    seen: Vec<Vec<Option<i64>>>,
    result: Option<Vec<i64>>,
    copied: Option<bool>,
}

impl Case {
    fn walk(&self) -> Walk {
        match self.walk.as_str() {
            "elementwise" => Walk::Elementwise,
            "reduce" => Walk::Reduce,
            "accumulate" => Walk::Accumulate,
            "sort" => Walk::Sort,
            "assign" => Walk::Assign,
            "copy" => Walk::Copy,
            other => panic!("no walk is called {other}"),
        }
    }

    fn operands(&self) -> Vec<Operand<'_>> {
        self.operands
            .iter()
            .map(|(shape, strides, itemsize)| Operand {
                shape,
                strides: strides.as_deref().unwrap_or_default(),
                itemsize: *itemsize,
            })
            .collect()
    }

    /// What npprof says that differs from what was seen.
    fn difference(&self, pair: &Pair) -> Option<String> {
        if let Some(is_copied) = self.copied {
            let operand = self.operands()[0];
            let is_dot = self.walk == "dot";
            let is_ready = if is_dot { is_dot_ready(operand) } else { is_blas_ready(operand) };
            return (is_ready == is_copied).then(|| format!("ready for BLAS: {is_ready}"));
        }
        let mut computed = inner_strides(self.walk(), &self.operands(), self.axes);
        if self.is_turned_reduction(pair) && computed.iter().flatten().all(|&stride| stride <= 0) {
            computed.iter_mut().flatten().for_each(|stride| *stride = -*stride);
        }
        let agrees = |row: &Vec<Option<i64>>| {
            let mut pairs = row.iter().zip(&computed);
            pairs.all(|(seen, computed)| seen.is_none() || seen == computed)
        };
        if !self.seen.iter().all(agrees) {
            return Some(format!("inner strides {computed:?}"));
        }
        self.wrong_result()
    }

    /// NumPy 1.25 to 2.1 turns the axes of a reduction round as it does those of other operations,
    /// which shows where it makes no result of its own. npprof's arithmetic leaves this out: the same
    /// memory is walked from the other end.
    fn is_turned_reduction(&self, pair: &Pair) -> bool {
        let is_result_given = self.operands.iter().all(|(_, strides, _)| strides.is_some());
        let turns = (1, 25)..(2, 2);
        self.walk == "reduce" && is_result_given && turns.contains(&pair.numpy_minor())
    }

    fn wrong_result(&self) -> Option<String> {
        let strides = self.result.as_ref()?;
        let operands = self.operands();
        let is_made = |operand: &&Operand<'_>| operand.strides.is_empty();
        let made = operands.iter().find(is_made)?;
        let given: Vec<_> = operands.iter().filter(|each| !is_made(each)).copied().collect();
        let extents: Vec<u64> = if made.shape.len() == strides.len() {
            made.shape.to_vec()
        } else {
            // The reduced axes were kept, with an extent of one; the strides are without them.
            let is_left = |&(axis, _): &(usize, &u64)| self.axes >> axis & 1 == 0;
            made.shape.iter().enumerate().filter(is_left).map(|(_, &extent)| extent).collect()
        };
        let computed = fresh_strides(self.walk(), &given, self.axes, made.itemsize);
        let is_same = extents.iter().zip(strides.iter().zip(&computed)).all(
            // No loop uses the stride along an axis of one element.
            |(&extent, (seen, computed))| extent == 1 || seen == computed,
        );
        let is_walked = !extents.contains(&0);
        (is_walked && (!is_same || computed.len() != strides.len()))
            .then(|| format!("result with strides {computed:?}"))
    }
}

fn seed() -> u64 {
    env::var("NPPROF_TEST_SEED").map_or(1, |seed| seed.parse().expect("the seed is a number"))
}

/// The lines of the oracle.
fn ask(pair: &Pair, seed: u64) -> String {
    let mut command = Command::new(&pair.python);
    command.arg("-B").arg(built::program_path("oracle.py")).arg(built::tap());
    command.args([seed.to_string(), N_CASES.to_string()]);
    let output = output_within(command, LIMIT);
    assert!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("JSON is UTF-8")
}

#[test]
fn inner_strides_are_those_that_numpy_walks_with() {
    let seed = seed();
    on_each(every_pair(), |pair| {
        let lines = ask(pair, seed);
        let mut n_seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut n_products = 0;
        let mut wrong = Vec::new();
        for line in lines.lines() {
            let case: Case = serde_json::from_str(line).expect("a case");
            if let Some(difference) = case.difference(pair) {
                wrong.push(format!("{line}: npprof says {difference}"));
            }
            if case.copied.is_some() {
                n_products += 1;
            } else if case.seen.iter().flatten().any(Option::is_some) {
                *n_seen.entry(case.walk).or_default() += 1;
            }
        }
        let n_wrong = wrong.len();
        wrong.truncate(3);
        assert!(wrong.is_empty(), "seed {seed}: {n_wrong} differ, such as {}", wrong.join("\n"));
        assert!(n_seen.values().sum::<u32>() >= 2_000, "too little was seen: {n_seen:?}");
        assert_eq!(n_seen.len(), 6, "each walk was seen: {n_seen:?}");
        assert!(n_products >= 100, "{n_products} products");
    });
}
