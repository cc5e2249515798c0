//! The programs of the corpus, played with their shapes: copies, access and dtypes.

mod clean;
mod compiled;
mod lifetimes;
mod saved;

use npprof_wire::record::{Counts, Role, Scalar, objects, operand, operation};

use super::play::{Arr, Op, Play, scalar};

const MAIN: &str = "main:30@2";

fn load(play: &mut Play, dtype: &'static str, shape: &[u64]) -> Arr {
    play.alloc("main:30@4 load:5@4", "empty", dtype, shape)
}

#[test]
fn astype_to_the_same_dtype_is_redundant() {
    let mut play = Play::new();
    let raw = load(&mut play, "uint8", &[3000, 12288]);
    let at = "main:33@6 load_dataset:19@20";
    let copy = play.make(at, "ndarray.astype", &[&raw], ("uint8", &[3000, 12288]));
    let batch = copy.dense(&[256, 12288]);
    play.read("main:34@10 stats:27@30 np._sum:5", "add.reduce", &[&batch]);
    play.check(&["redundant-copy:19 1x 36864000 -36864000"]);
    play.free(&copy, MAIN);
    play.free(&raw, MAIN);
    play.check(&["redundant-copy:19 1x 36864000 -36864000"]);
}

#[test]
fn a_copy_that_is_written_while_both_live_is_none() {
    for (name, is_source) in [("multiply", false), ("add", true), ("setitem", false)] {
        let mut play = Play::new();
        let a = load(&mut play, "float64", &[2 << 20]);
        let copy = play.make("main:9", "ndarray.copy", &[&a], ("float64", &[2 << 20]));
        play.write("main:10", name, &[], if is_source { &a } else { &copy });
        play.check(&[]);
    }
    let mut play = Play::new();
    let a = load(&mut play, "float64", &[2 << 20]);
    let copy = play.make("main:9", "array", &[&a], ("float64", &[2 << 20]));
    play.free(&a, MAIN);
    play.touch(&copy, true);
    play.check(&["redundant-copy:9 1x 16777216 -16777216"]);
}

#[test]
fn a_small_part_is_copied_to_let_go_of_its_base() {
    let mut play = Play::new();
    let a = load(&mut play, "float64", &[4 << 20]);
    let part = a.dense(&[1 << 20]);
    play.make("main:9", "ndarray.copy", &[&part], ("float64", &[1 << 20]));
    play.check(&[]);
}

#[test]
fn flatten_is_redundant_for_dense_and_about_layout_for_others() {
    let mut play = Play::new();
    let labels = load(&mut play, "int64", &[96, 160, 160]);
    let flat = play.make("main:11", "ndarray.flatten", &[&labels], ("int64", &[2_457_600]));
    play.read("main:12", "bincount", &[&flat]);
    play.free(&flat, "main:12");
    play.check(&["redundant-copy:11 1x 19660800 -19660800"]);

    let mut play = Play::new();
    let movie = load(&mut play, "float32", &[400, 128, 160]);
    let cropped = movie.view(2576, &[400, 120, 152], &[81920, 640, 4]);
    let at = "main:20 as_matrix:12";
    let mut matrix = play.alloc(at, "ndarray.reshape", "float32", &[400, 120, 152]);
    matrix = matrix.dense(&[400, 18240]);
    play.op(
        at,
        "ndarray.reshape",
        &Op::default(),
        &[(Role::Input, &cropped), (Role::Result, &matrix)],
    );
    play.free(&matrix, MAIN);
    play.check(&["layout-copy:12 1x 29184000 -29184000"]);
}

#[test]
fn blas_copies_a_matrix_that_runs_backwards() {
    let mut play = Play::new();
    let m = load(&mut play, "float64", &[1200, 1200]);
    let reversed = m.view(1199 * 9600, &[1200, 1200], &[-9600, 8]);
    let x = play.alloc("main:21", "ones", "float64", &[1200]);
    for _ in 0..8 {
        let at = "main:23 apply:18";
        let hidden = play.alloc(at, "dot", "float64", &[1200, 1200]);
        let y = play.alloc(at, "dot", "float64", &[1200]);
        play.free(&hidden, at);
        let op = Op { hidden: 11_520_000, ..Op::default() };
        let operands = [(Role::Input, &reversed), (Role::Input, &x), (Role::Result, &y)];
        play.op(at, "dot", &op, &operands);
        // A transposed matrix needs no copy.
        let t = m.t();
        play.op(
            at,
            "dot",
            &Op::default(),
            &[(Role::Input, &t), (Role::Input, &x), (Role::Result, &y)],
        );
        play.free(&y, "main:24");
    }
    play.check(&["boundary-copy:18 8x 92160000 -0"]);
}

#[test]
fn misaligned_operands_are_buffered_in_every_call() {
    let mut play = Play::new();
    let records = play.alloc("main:8", "zeros", "uint8", &[17_000_000]);
    let mut energy = records.view(1, &[1_000_000], &[17]);
    energy.dtype = "float64";
    energy.traits = operand::MISALIGNED;
    let out = play.alloc("main:29", "empty", "float64", &[1_000_000]);
    for _ in 0..6 {
        play.write("main:30 run:23", "multiply", &[&energy], &out);
    }
    play.check(&["boundary-copy:23 6x 48000000"]);
}

#[test]
fn a_conversion_for_one_export_is_avoidable_and_one_that_is_used_twice_is_not() {
    for (n_exports, n_reads, expected) in [
        (1, 0, &["boundary-copy:7 1x 16777216 -16777216"][..]),
        (2, 0, &[]),
        (1, 1, &[]),
        (0, 1, &[]),
    ] {
        let mut play = Play::new();
        let a = load(&mut play, "float64", &[2048, 1024]);
        let result =
            play.make("main:7", "ascontiguousarray", &[&a.t()], ("float64", &[1024, 2048]));
        for _ in 0..n_exports {
            play.read("main:8", "buffer export", &[&result]);
        }
        for _ in 0..n_reads {
            play.read("main:9", "bincount", &[&result]);
        }
        play.free(&result, MAIN);
        play.check(expected);
    }
}

#[test]
fn a_mask_that_leaves_nothing_out_is_no_slice() {
    let run = |n: u64, expected: &[&str]| {
        let mut play = Play::new();
        let x = load(&mut play, "float64", &[2_000_000]);
        let mask = play.alloc("main:27", "isfinite", "bool", &[2_000_000]);
        let kept = play.alloc("main:28", "getitem", "float64", &[n]);
        let flags = operation::PROGRESSION;
        let op = Op { flags, axes: 1, second: 1, ..Op::default() };
        let operands = [(Role::Input, &x), (Role::Index, &mask), (Role::Result, &kept)];
        play.op("main:28", "getitem", &op, &operands);
        play.free(&kept, MAIN);
        play.check(expected);
    };
    run(2_000_000, &[]);
    run(1_500_000, &["fancy-index-copy:28 1x 12000000 -12000000"]);
}

#[test]
fn an_index_that_is_a_progression_could_be_a_slice() {
    let mut play = Play::new();
    let x = load(&mut play, "float32", &[40_000, 128]);
    let mut before: Option<Arr> = None;
    for start in 0..5 {
        let at = "main:27 score:18 batch:13";
        let index = play.alloc("main:27 score:18 batch:12", "arange", "int64", &[8192]);
        let batch = play.alloc(at, "getitem", "float32", &[8192, 128]);
        let op = Op {
            flags: operation::PROGRESSION,
            axes: 1,
            detail: start * 8192,
            second: 1,
            ..Op::default()
        };
        play.op(
            at,
            "getitem",
            &op,
            &[(Role::Input, &x), (Role::Index, &index), (Role::Result, &batch)],
        );
        play.free(&index, "main:27 score:18");
        if let Some(before) = before.replace(batch) {
            play.free(&before, "main:27 score:18@2");
        }
    }
    play.check(&["fancy-index-copy:13 5x 20971520 -8388608"]);
}

#[test]
fn an_expansion_that_is_reduced_at_once_is_a_blowup_and_one_that_is_kept_is_not() {
    let run = |is_kept: bool| {
        let mut play = Play::new();
        let points = load(&mut play, "float64", &[1500, 48]);
        let centers = load(&mut play, "float64", &[100, 48]);
        let p = points.view(0, &[1500, 1, 48], &[384, 0, 8]);
        let c = centers.view(0, &[1, 100, 48], &[0, 384, 8]);
        let f = "main:21@8 assign:15@4 distances";
        let shape = [1500, 100, 48];
        let delta = play.make(&format!("{f}:10@6"), "subtract", &[&p, &c], ("float64", &shape));
        play.write(&format!("{f}:11"), "square", &[&delta], &delta);
        let sum =
            play.make(&format!("{f}:12@20"), "add.reduce", &[&delta], ("float64", &[1500, 100]));
        if is_kept {
            play.free(&delta, "main:22@8");
        } else {
            play.free(&delta, "main:21@8 assign:15@4");
        }
        play.free(&sum, MAIN);
        play
    };
    run(false).check(&["broadcast-blowup:10 1x 57600000 -57600000"]);
    run(true).check(&[]);
}

#[test]
fn a_tile_that_is_only_multiplied_could_be_a_broadcast() {
    let run = |user: &str| {
        let mut play = Play::new();
        let vis = load(&mut play, "float64", &[1200, 1600]);
        let w = load(&mut play, "float64", &[1200, 1]);
        let at = "main:24 apply:15 expand:11 np.tile:12";
        let full = play.make(at, "ndarray.repeat", &[&w], ("float64", &[1200, 1600]));
        let view = full.dense(&[1200, 1600]);
        play.op(
            at,
            "ndarray.reshape",
            &Op::default(),
            &[(Role::Input, &full), (Role::Result, &view)],
        );
        let out = play.alloc("main:23", "empty", "float64", &[1200, 1600]);
        if user == "multiply" {
            play.write("main:24 apply:16", user, &[&vis, &full], &out);
        } else {
            play.read("main:24 apply:16", user, &[&vis, &full]);
        }
        play.free(&full, "main:24");
        play
    };
    run("multiply").check(&["broadcast-blowup:11 1x 15360000 -15360000"]);
    run("concatenate").check(&[]);
}

#[test]
fn a_column_of_a_large_table_is_read_with_a_stride() {
    let mut play = Play::new();
    let table = load(&mut play, "float64", &[4000, 1024]);
    for j in 0..1024 {
        let column = table.view(j * 8, &[4000], &[8192]);
        play.read("main:18 profile:12 np._amax:3", "maximum.reduce", &[&column]);
    }
    play.check(&["strided-access:12 1024x 32768000"]);
    let mut play = Play::new();
    let a = load(&mut play, "float64", &[1500, 1500]);
    let b = play.alloc("main:31", "empty", "float64", &[1500, 1500]);
    play.make("main:12", "add", &[&a.t(), &b.t()], ("float64", &[1500, 1500]));
    play.check(&[]);
}

#[test]
fn records_as_wide_as_a_cache_line_lie_side_by_side() {
    let mut play = Play::new();
    let records = load(&mut play, "float1024", &[100_000]);
    play.write("main:18", "setitem", &[], &records);
    let column = records.view(0, &[50_000], &[256]);
    play.check(&[]);
    play.write("main:19", "setitem", &[], &column);
    play.check(&["strided-access:19 1x 6400000"]);
}

#[test]
fn operands_of_different_orders_walk_against_each_other() {
    let mut play = Play::new();
    let field = load(&mut play, "float64", &[1400, 1500]).t();
    let weights = load(&mut play, "float64", &[1500, 1400]);
    let out = load(&mut play, "float64", &[1500, 1400]);
    for _ in 0..4 {
        play.write("main:25 update:17", "multiply", &[&field, &weights], &out);
    }
    play.check(&["strided-access:17 4x 67200000"]);
}

#[test]
fn single_elements_and_callbacks_are_a_python_loop() {
    let mut play = Play::new();
    let reads = Counts { n: 42_364, n_scalars: 84_728, ..Counts::default() };
    play.count("main:22 edges:15 gradient_at:6", "getitem", reads);
    play.count(
        "main:22 edges:15",
        "setitem",
        Counts { n: 42_364, n_scalars: 42_364, ..Counts::default() },
    );
    play.count(
        "main:23 np.percentile:9",
        "getitem",
        Counts { n: 20_000, n_scalars: 20_000, ..Counts::default() },
    );
    play.count("main:24 np.apply_along_axis:9", "getitem", Counts { n: 1, ..Counts::default() });
    play.count(
        "main:24 np.apply_along_axis:9",
        "setitem",
        Counts { n: 20_000, ..Counts::default() },
    );
    let a = load(&mut play, "float64", &[240_000]);
    let op = Op {
        flags: operation::CALLBACKS | operation::OBJECTS,
        detail: objects::FLOAT,
        second: 240_000,
        ..Op::default()
    };
    play.op(
        "main:26 truncated:20 np.vectorize.__call__:3",
        "truncate (vectorized)",
        &op,
        &[(Role::Input, &a)],
    );
    play.check(&[
        "python-loop:15 42364x 0",
        "python-loop:20 240000x 0",
        "python-loop:24 20000x 0",
        "python-loop:6 84728x 0",
    ]);
}

#[test]
fn a_wide_operand_makes_a_wide_result() {
    let mut play = Play::new();
    let audio = load(&mut play, "float32", &[1_600_000]);
    let frames = audio.view(0, &[3124, 1024], &[2048, 4]);
    let window = load(&mut play, "float64", &[1024]);
    play.make("main:26 windowed:16", "multiply", &[&frames, &window], ("float64", &[3124, 1024]));
    play.check(&["implicit-upcast:16 1x 12795904 -12795904"]);

    let mut play = Play::new();
    let pixels = load(&mut play, "uint8", &[24, 224, 224, 3]);
    let int = scalar(Scalar::Int);
    let scaled =
        play.make("main:20 scaled:11", "divide", &[&pixels, &int], ("float64", &[24, 224, 224, 3]));
    play.free(&scaled, MAIN);
    play.check(&["implicit-upcast:11 1x 14450688 -14450688"]);

    let mut play = Play::new();
    let a = load(&mut play, "float32", &[4 << 20]);
    play.make("main:9", "greater", &[&a, &scalar(Scalar::Float)], ("bool", &[4 << 20]));
    play.make("main:10", "multiply", &[&a, &scalar(Scalar::Float)], ("float32", &[4 << 20]));
    let result = play.alloc("main:11", "add", "float64", &[4 << 20]);
    let op = Op { flags: operation::HAS_DTYPE, ..Op::default() };
    play.op("main:11", "add", &op, &[(Role::Input, &a), (Role::Result, &result)]);
    play.check(&[]);
}

#[test]
fn arrays_of_objects_that_are_numbers_are_counted() {
    let mut play = Play::new();
    let values = load(&mut play, "object", &[60_000]);
    let op = |detail| Op { flags: operation::OBJECTS, detail, ..Op::default() };
    play.op("main:11", "array", &op(objects::FLOAT | objects::NONE), &[(Role::Result, &values)]);
    play.op("main:12", "multiply", &op(objects::FLOAT | objects::OTHER), &[(Role::Input, &values)]);
    play.op(
        "main:13 np._vectorize_call:9",
        "array",
        &op(objects::FLOAT),
        &[(Role::Result, &values)],
    );
    play.check(&["object-dtype:11 1x 480000 -0"]);
}

#[test]
fn an_array_that_becomes_a_list_and_an_array_again_is_a_round_trip() {
    let mut play = Play::new();
    let signal = load(&mut play, "float64", &[400_000]);
    let op = |detail| Op { flags: operation::SEQUENCE, detail, second: 400_000, ..Op::default() };
    play.op("main:23@8 clip:10", "ndarray.tolist", &op(77), &[(Role::Input, &signal)]);
    let out = play.alloc("main:23@8 clip:12", "array", "float64", &[400_000]);
    play.op("main:23@8 clip:12", "array", &op(99), &[(Role::Result, &out)]);
    play.check(&["list-conversion:12 1x 3200000"]);

    let mut play = Play::new();
    let once = play.alloc("main:5", "array", "float64", &[400_000]);
    play.op("main:5", "array", &op(99), &[(Role::Result, &once)]);
    play.check(&[]);
    for line in ["main:6 np.mean:3", "main:7 np.std:3", "main:8 np.mean:3"] {
        let array = play.alloc(line, "asarray", "float64", &[400_000]);
        play.op(line, "asarray", &op(55), &[(Role::Result, &array)]);
        play.free(&array, line);
    }
    play.check(&["list-conversion:6 3x 9600000"]);
}
