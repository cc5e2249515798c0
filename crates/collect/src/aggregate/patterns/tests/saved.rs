//! What would be saved: figures that a fix really changes, and by how much.

use npprof_wire::record::{Role, Scalar, operation};

use super::super::play::{Arr, Op, Play, scalar};
use super::{MAIN, load};

/// `dot` of a matrix that BLAS can't take.
fn dot(play: &mut Play, matrix: &Arr, x: &Arr) {
    let at = "main:23 apply:18";
    let hidden = play.alloc(at, "dot", "float64", &[1200, 1200]);
    let y = play.alloc(at, "dot", "float64", &[1200]);
    play.free(&hidden, at);
    let op = Op { hidden: 11_520_000, ..Op::default() };
    play.op(at, "dot", &op, &[(Role::Input, matrix), (Role::Input, x), (Role::Result, &y)]);
    play.free(&y, "main:24");
}

#[test]
fn an_operand_that_is_copied_at_each_call_is_copied_once_all_the_same() {
    for (n, expected) in
        [(1, "boundary-copy:18 1x 11520000 -11520000"), (3, "boundary-copy:18 3x 34560000 -0")]
    {
        let mut play = Play::new();
        let m = load(&mut play, "float64", &[1200, 1200]);
        let reversed = m.view(1199 * 9600, &[1200, 1200], &[-9600, 8]);
        let x = play.alloc("main:21", "ones", "float64", &[1200]);
        for _ in 0..n {
            dot(&mut play, &reversed, &x);
        }
        play.check(&[expected]);
        play.free(&m, MAIN);
        play.check(&[expected]);
    }
}

#[test]
fn what_is_made_of_a_wide_result_would_be_narrow_too() {
    let mut play = Play::new();
    let image = load(&mut play, "float32", &[1500, 1500]);
    let window = load(&mut play, "float64", &[1500]);
    let shape = [1500, 1500];
    let y = play.make("main:8", "multiply", &[&image, &window], ("float64", &shape));
    let z = play.make("main:9", "add", &[&y, &scalar(Scalar::Int)], ("float64", &shape));
    play.free(&y, MAIN);
    play.free(&z, MAIN);
    play.check(&["implicit-upcast:8 1x 9000000 -18000000"]);

    // Another operand is as wide.
    let mut play = Play::new();
    let image = load(&mut play, "float32", &[1500, 1500]);
    let window = load(&mut play, "float64", &[1500]);
    let y = play.make("main:8", "multiply", &[&image, &window], ("float64", &shape));
    let z = play.make("main:9", "add", &[&y, &window], ("float64", &shape));
    play.free(&y, MAIN);
    play.free(&z, MAIN);
    play.check(&["implicit-upcast:8 1x 9000000 -9000000"]);
}

#[test]
fn what_is_made_of_an_expansion_and_goes_with_it_follows_from_it() {
    let mut play = Play::new();
    let points = load(&mut play, "float64", &[1500, 48]);
    let centers = load(&mut play, "float64", &[100, 48]);
    let p = points.view(0, &[1500, 1, 48], &[384, 0, 8]);
    let c = centers.view(0, &[1, 100, 48], &[0, 384, 8]);
    let f = "main:21@8 assign:15@4 distances";
    let shape = [1500, 100, 48];
    let delta = play.make(&format!("{f}:10@6"), "subtract", &[&p, &c], ("float64", &shape));
    let square = play.make(&format!("{f}:11@6"), "square", &[&delta], ("float64", &shape));
    let at = format!("{f}:11@20");
    let sum = play.make(&at, "add.reduce", &[&square], ("float64", &[1500, 100]));
    play.free(&square, &at);
    play.free(&delta, "main:21@8 assign:15@4");
    play.free(&sum, MAIN);
    play.check(&[
        "broadcast-blowup:10 1x 57600000 -115200000",
        "temporary-chain:11 1x 57600000 -0",
    ]);
}

#[test]
fn a_copy_that_outlives_its_smaller_source_saves_the_difference() {
    let mut play = Play::new();
    let image = load(&mut play, "int32", &[200, 1000]);
    let windows = image.view(0, &[200, 991, 10], &[4000, 4, 4]);
    let at = "main:12";
    let mut flat = play.alloc(at, "ndarray.reshape", "int32", &[200 * 991, 10]);
    flat = flat.dense(&[200 * 991, 10]);
    let operands = [(Role::Input, &windows), (Role::Result, &flat)];
    play.op(at, "ndarray.reshape", &Op::default(), &operands);
    play.free(&image, "main:13");
    play.free(&flat, MAIN);
    let copy = 200 * 991 * 40;
    play.check(&[&format!("layout-copy:12 1x {copy} -{copy}")]);
}

#[test]
fn an_index_made_for_the_purpose_goes_with_the_copy() {
    let mut play = Play::new();
    let table = load(&mut play, "int64", &[2_000_000]);
    let at = "main:9 batch:5";
    let index = play.alloc(at, "arange", "int64", &[1_500_000]);
    let picked = play.alloc(at, "getitem", "int64", &[1_500_000]);
    let op = Op { flags: operation::PROGRESSION, axes: 1, detail: 100, second: 1, ..Op::default() };
    let operands = [(Role::Input, &table), (Role::Index, &index), (Role::Result, &picked)];
    play.op(at, "getitem", &op, &operands);
    play.free(&index, at);
    play.free(&picked, "main:9");
    play.check(&["fancy-index-copy:5 1x 12000000 -24000000"]);
}

#[test]
fn the_arrays_of_objects_inside_of_vectorize_are_saved() {
    let mut play = Play::new();
    let values = load(&mut play, "float64", &[240_000]);
    let call = "main:8 apply:20 np.__call__:2522 np._vectorize_call:2612";
    let boxed = play.make(call, "asanyarray", &[&values], ("object", &[240_000]));
    let called = play.alloc(call, "frompyfunc", "object", &[240_000]);
    let op = Op { flags: operation::CALLBACKS, second: 240_000, ..Op::default() };
    play.op(call, "truncate (vectorized)", &op, &[(Role::Input, &boxed), (Role::Result, &called)]);
    let result = play.make(call, "asanyarray", &[&called], ("float64", &[240_000]));
    play.free(&called, call);
    play.free(&boxed, call);
    play.read("main:9", "ndarray.max", &[&result]);
    play.check(&["python-loop:20 240000x 0 -3840000"]);
}
