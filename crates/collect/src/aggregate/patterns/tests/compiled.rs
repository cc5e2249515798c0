//! What compiled code does with operands that it can't take as they are, and lists that it is given.

use npprof_model::Detail;
use npprof_wire::record::{Role, Scalar, operation};

use super::super::play::{Op, Play, scalar};
use super::load;

const AT: &str = "main:30@2 apply:18";

#[test]
fn an_index_that_runs_backwards_is_let_be() {
    let mut play = Play::new();
    let x = load(&mut play, "float64", &[2_000_000]);
    let picked = play.alloc(AT, "getitem", "float64", &[2_000_000]);
    let flags = operation::PROGRESSION;
    let second = (-1_i64).cast_unsigned();
    let op = Op { flags, axes: 1, detail: 1_999_999, second, ..Op::default() };
    play.op(AT, "getitem", &op, &[(Role::Input, &x), (Role::Result, &picked)]);
    play.check(&[]);
}

#[test]
fn matmul_copies_columns_with_gaps_from_numpy_2_3_on() {
    let run = |version: &str, dtype| {
        let mut play = Play::new();
        play.numpy(version);
        let x = load(&mut play, dtype, &[20_000, 200]);
        let half = x.view(0, &[20_000, 100], &[1600, 16]);
        let weights = load(&mut play, dtype, &[100, 4]);
        play.make(AT, "matmul", &[&half, &weights], (dtype, &[20_000, 4]));
        play
    };
    run("2.3.0", "float64").check(&["boundary-copy:18 1x 16000000"]);
    run("2.2.6", "float64").check(&[]);
    run("2.3.0", "int64").check(&[]);
}

#[test]
fn a_transform_along_the_first_axis_walks_far() {
    // From NumPy 2.0 on, the axis is told or shows.
    let at = "main:30@2 spectrum:7 np.rfft:3 np._raw_fft:9";
    let mut play = Play::new();
    let x = load(&mut play, "float64", &[4096, 400]);
    let out = load(&mut play, "complex128", &[2049, 400]);
    let op = Op { flags: operation::HAS_OUT, ..Op::default() };
    play.op(at, "rfft_n_even", &op, &[(Role::Input, &x), (Role::Output, &out)]);
    play.check(&["strided-access:7 1x 26220800"]);

    let mut play = Play::new();
    let x = load(&mut play, "complex128", &[4096, 400]);
    let out = load(&mut play, "complex128", &[4096, 400]);
    let operands = [(Role::Input, &x), (Role::Output, &out)];
    play.op(at, "fft", &op, &operands);
    let along = |axes| Op { flags: op.flags | operation::HAS_AXES, axes, ..Op::default() };
    play.op(at, "fft", &along(2), &operands);
    play.check(&[]);
    play.op(at, "fft", &along(1), &operands);
    play.check(&["strided-access:7 1x 52428800"]);

    // Before, such an axis was put last and copied.
    let mut play = Play::new();
    let x = load(&mut play, "float64", &[4096, 400]);
    let copy = play.alloc(at, "PyArray_FromAny", "float64", &[400, 4096]);
    let op = Op { flags: operation::FOREIGN, ..Op::default() };
    play.op(at, "PyArray_FromAny", &op, &[(Role::Input, &x.t()), (Role::Result, &copy)]);
    play.check(&["strided-access:7 1x 13107200"]);
}

#[test]
fn a_decorated_routine_has_its_own_name() {
    let routine = |inside: &str| {
        let at = format!("main:30@2 filter:7 {inside}");
        let mut play = Play::new();
        let x = load(&mut play, "float32", &[2_000_000]);
        let copy = play.alloc(&at, "PyArray_FromAny", "float64", &[2_000_000]);
        let op = Op { flags: operation::FOREIGN, ..Op::default() };
        play.op(&at, "PyArray_FromAny", &op, &[(Role::Input, &x), (Role::Result, &copy)]);
        match &play.patterns()[0].1.detail {
            Detail::BoundaryCopy { routine, .. } => routine.to_string(),
            detail => panic!("{detail:?}"),
        }
    };
    assert_eq!(routine("np.lfilter:9"), "lfilter");
    assert_eq!(routine("np.wrapper:3 np.lfilter:9 np.helper:10"), "lfilter");
    // From Python 3.11 on, a function is named with the one that it was made in.
    assert_eq!(routine("np.checked.<locals>.call:3 np.wrapper:4 np.Filter.fit:9"), "fit");
    assert_eq!(routine("np.wrapper:3"), "wrapper");
}

#[test]
fn lists_that_operations_convert_for_themselves_count() {
    let mut play = Play::new();
    let x = load(&mut play, "float64", &[200_000]);
    for _ in 0..3 {
        let hidden = play.alloc(AT, "multiply", "float64", &[200_000]);
        let result = play.alloc(AT, "multiply", "float64", &[200_000]);
        play.free(&hidden, AT);
        let operands =
            [(Role::Input, &x), (Role::Scalar, &scalar(Scalar::Sequence)), (Role::Result, &result)];
        play.op(AT, "multiply", &Op::default(), &operands);
        play.free(&result, AT);
    }
    play.check(&["list-conversion:18 3x 4800000"]);
}

#[test]
fn a_list_of_arrays_holds_no_python_numbers() {
    let run = |flags| {
        let mut play = Play::new();
        for _ in 0..10 {
            let out = play.alloc("main:5 gradient:6", "array", "float64", &[2, 400_000]);
            let op = Op { flags, detail: 9, second: 800_000, ..Op::default() };
            play.op("main:5 gradient:6", "array", &op, &[(Role::Result, &out)]);
        }
        play.found().into_iter().filter(|found| found.starts_with("list")).count()
    };
    assert_eq!(run(operation::SEQUENCE), 1);
    assert_eq!(run(operation::SEQUENCE | operation::OF_ARRAYS), 0);
}

#[test]
fn a_list_that_was_made_of_an_array_may_be_a_round_trip() {
    let run = |n: u64| {
        let mut play = Play::new();
        let x = load(&mut play, "float64", &[n]);
        let op = Op { flags: operation::SEQUENCE, second: n, ..Op::default() };
        play.op("main:30@2 smooth:3", "list", &op, &[(Role::Input, &x)]);
        let out = play.alloc("main:30@2 smooth:5", "asarray", "float64", &[300_000]);
        let op = Op { flags: operation::SEQUENCE, detail: 9, second: 300_000, ..Op::default() };
        play.op("main:30@2 smooth:5", "asarray", &op, &[(Role::Result, &out)]);
        play.found().into_iter().filter(|found| found.starts_with("list")).collect::<Vec<_>>()
    };
    assert_eq!(run(300_000), ["list-conversion:3 1x 2400000"]);
    assert_eq!(run(700_000), [""; 0]);
    assert_eq!(run(90_000), [""; 0]);
}
