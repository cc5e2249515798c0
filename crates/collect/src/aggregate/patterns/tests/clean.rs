//! Programs about which there is nothing to say.

use npprof_wire::record::{Role, operation};

use super::super::play::{Arr, Op, Play};

const MAIN: &str = "main:30@2";

#[test]
fn transposed_operands_are_read_along_memory() {
    // p086
    let mut play = Play::new();
    let left = play.alloc("main:8", "empty", "float64", &[1500, 1500]).t();
    let right = play.alloc("main:9", "empty", "float64", &[1500, 1500]).t();
    let total = play.make("main:16 sum:12", "add", &[&left, &right], ("float64", &[1500, 1500]));
    play.read("main:17 np._sum:3", "add.reduce", &[&total.t()]);
    play.check(&[]);
}

#[test]
fn an_array_that_is_worked_on_in_place() {
    // p088, p090
    let mut play = Play::new();
    let images = play.alloc("main:20", "empty", "float32", &[24, 512, 512]);
    let window = play.alloc("main:9", "empty", "float32", &[512]);
    for (line, name) in [(12, "multiply"), (13, "add"), (14, "log10")] {
        play.write(&format!("main:24 run:{line}"), name, &[&images, &window], &images);
    }
    let sum = play.alloc("main:24 run:15 np._sum:3", "add.reduce", "float64", &[24]);
    let op = Op { flags: operation::HAS_AXES | operation::HAS_DTYPE, axes: 6, ..Op::default() };
    let operands = [(Role::Input, &images), (Role::Result, &sum)];
    play.op("main:24 run:15 np._sum:3", "add.reduce", &op, &operands);
    play.check(&[]);
}

#[test]
fn slices_that_outlive_nothing() {
    // p089
    let mut play = Play::new();
    let mut before: Option<Arr> = None;
    for _ in 0..10 {
        let signal = play.alloc("main:22 recordings:8", "empty", "float32", &[2_000_000]);
        if let Some(before) = before.replace(signal.clone()) {
            play.free(&before, "main:22");
        }
        for chunk in 0..10 {
            let chunk = signal.view(chunk * 800_000, &[200_000], &[4]);
            play.read("main:23 peak:17 np._amax:3", "maximum.reduce", &[&chunk]);
        }
    }
    play.check(&[]);
}

#[test]
fn work_arrays_that_are_used_again() {
    // p091
    let mut play = Play::new();
    let u = play.alloc("main:7", "zeros", "float64", &[1200, 1200]);
    let w = play.alloc("main:9", "empty", "float64", &[1198, 1198]);
    let part = |row: i64, column: i64| u.view(row * 9600 + column * 8, &[1198, 1198], &[9600, 8]);
    for _ in 0..12 {
        play.write("main:26 step:14", "add", &[&part(0, 1), &part(2, 1)], &w);
        play.write("main:26 step:15", "add", &[&w, &part(1, 0)], &w);
        play.write("main:26 step:19", "multiply", &[&part(1, 1)], &part(1, 1));
        play.write("main:26 step:20", "add", &[&part(1, 1), &w], &part(1, 1));
    }
    play.read("main:27 np._sum:3", "add.reduce", &[&u]);
    play.check(&[]);
}

#[test]
fn the_mean_of_columns_and_a_product_with_the_transpose() {
    // p092
    let mut play = Play::new();
    let x = play.alloc("main:15", "empty", "float64", &[60_000, 48]);
    let mean = play.alloc("main:20 center:6 np._mean:3", "add.reduce", "float64", &[48]);
    let op = Op { flags: operation::HAS_AXES, axes: 1, ..Op::default() };
    let operands = [(Role::Input, &x), (Role::Result, &mean)];
    play.op("main:20 center:6 np._mean:3", "add.reduce", &op, &operands);
    play.write("main:20 center:6", "subtract", &[&x, &mean], &x);
    play.make("main:21 covariance:10", "matmul", &[&x.t(), &x], ("float64", &[48, 48]));
    play.check(&[]);
}

#[test]
fn a_cache_that_is_bounded() {
    // p093
    let mut play = Play::new();
    let mut cache: Vec<(u64, Arr)> = Vec::new();
    for position in 0..40_u64 {
        for index in position..position + 3 {
            let found = cache.iter().position(|&(number, _)| number == index);
            let tile = found.map(|at| cache.remove(at)).unwrap_or_else(|| {
                let at = "main:22 render:18 decode_tile:10";
                (index, play.alloc(at, "empty", "float32", &[512, 512]))
            });
            cache.push(tile);
            if cache.len() > 4 {
                play.free(&cache.remove(0).1, "main:22 render:18");
            }
            play.read("main:22 render:18 np._mean:3", "add.reduce", &[&cache.last().unwrap().1]);
        }
    }
    play.check(&[]);
}

#[test]
fn conversions_that_change_nothing() {
    // p094, p095
    let mut play = Play::new();
    let x = play.alloc("main:21", "empty", "float64", &[50_000, 64]);
    let reshaped = x.dense(&[3_200_000]);
    for (name, result) in [
        ("asarray", &x),
        ("ascontiguousarray", &x),
        ("ndarray.astype", &x),
        ("ndarray.reshape", &reshaped),
        ("ndarray.ravel", &reshaped),
    ] {
        play.op("main:8", name, &Op::default(), &[(Role::Input, &x), (Role::Result, result)]);
    }
    play.check(&[]);
}

#[test]
fn a_product_and_a_sum_that_share_a_temporary() {
    // p098
    let mut play = Play::new();
    let shape = &[1500, 1800];
    let arrays: Vec<_> =
        (0..3).map(|_| play.alloc("main:18 <genexpr>:18", "empty", "float64", shape)).collect();
    let at = "main:20 apply:10";
    let total =
        play.make(&format!("{at}@4"), "multiply", &[&arrays[0], &arrays[1]], ("float64", shape));
    play.write(&format!("{at}@8"), "add", &[&total, &arrays[2]], &total);
    play.read("main:21 np._mean:3", "add.reduce", &[&total]);
    let at = "main:21 mix:13";
    let mixed = play.make(&format!("{at}@4"), "multiply", &[&total], ("float64", shape));
    play.write(&format!("{at}@8"), "add", &[&mixed], &mixed);
    play.read("main:21@9 np._mean:3", "add.reduce", &[&mixed]);
    play.free(&mixed, MAIN);
    play.check(&[]);
}

#[test]
fn parts_that_are_collected_and_stacked_once() {
    // p099
    let mut play = Play::new();
    let at = "main:22 collect:17 episode:11";
    let parts: Vec<_> = (0..80).map(|_| play.alloc(at, "empty", "float64", &[400, 64])).collect();
    let all = play.alloc("main:22 collect:18", "concatenate", "float64", &[32_000, 64]);
    let mut operands: Vec<_> = parts.iter().take(11).map(|part| (Role::Input, part)).collect();
    operands.push((Role::Result, &all));
    let op = Op { n_more: 69, ..Op::default() };
    play.op("main:22 collect:18", "concatenate", &op, &operands);
    play.check(&[]);
}
