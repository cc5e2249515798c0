//! Temporaries, allocation and lifetimes.

use npprof_wire::record::{Role, Scalar, operation};

use super::super::play::{Arr, Op, Play, scalar};

const MAIN: &str = "main:30@2";

#[test]
fn temporaries_that_live_together_are_a_chain() {
    let mut play = Play::new();
    let shape = &[1600, 1800];
    let gx = play.alloc("main:19 gradients:15@4", "empty", "float64", shape);
    let gy = play.alloc("main:19 gradients:15@9", "empty", "float64", shape);
    let f = "main:20 strength:10";
    let gx2 = play.make(&format!("{f}@4"), "square", &[&gx], ("float64", shape));
    let gy2 = play.make(&format!("{f}@8"), "square", &[&gy], ("float64", shape));
    play.write(&format!("{f}@10"), "multiply", &[&gy2], &gy2);
    play.write(&format!("{f}@12"), "add", &[&gx2, &gy2], &gx2);
    play.free(&gy2, &format!("{f}@12"));
    let edge = play.make(&format!("{f}@14"), "sqrt", &[&gx2], ("float64", shape));
    play.free(&gx2, &format!("{f}@14"));
    let expected = ["temporary-chain:10 1x 23040000 -23040000"];
    play.check(&expected);
    play.read("main:21 np._mean:3", "add.reduce", &[&edge]);
    play.check(&expected);
    assert_eq!(play.high_water(), 92_160_000);
}

#[test]
fn a_chain_with_a_narrow_result_keeps_one_temporary() {
    let mut play = Play::new();
    let shape = &[1500, 1600];
    let mut old: Option<Arr> = None;
    for page in 0..2 {
        let image = play.alloc("main:21@9", "empty", "float64", shape);
        if let Some(old) = old.replace(image.clone()) {
            play.free(&old, "main:21@12");
        }
        let f = "main:21@12 add:14 quantise:6";
        let a = play.make(&format!("{f}@2"), "multiply", &[&image], ("float64", shape));
        let b = play.make(&format!("{f}@4"), "rint", &[&a], ("float64", shape));
        play.free(&a, &format!("{f}@4"));
        let c =
            play.make(&format!("{f}@6 np.clip:5 np._clip:9"), "clip", &[&b], ("float64", shape));
        play.free(&b, &format!("{f}@6"));
        let result = play.make(&format!("{f}@8"), "array", &[&c], ("uint8", shape));
        play.free(&c, &format!("{f}@8"));
        let _ = (page, result);
    }
    // 2 images while one is replaced, in this play.
    play.check(&["temporary-chain:6 2x 36000000 -16800000"]);
}

#[test]
fn the_old_value_of_a_variable_is_no_temporary() {
    let mut play = Play::new();
    let shape = &[4 << 20];
    let mut x = play.alloc("main:3", "empty", "float64", shape);
    for _ in 0..5 {
        let new = play.make("main:5@10", "add", &[&x], ("float64", shape));
        play.free(&x, "main:5@12");
        x = new;
    }
    play.check(&[]);
}

#[test]
fn what_numpys_functions_make_and_drop_is_their_own() {
    let mut play = Play::new();
    let shape = &[4 << 20];
    let x = play.alloc("main:3", "zeros", "float64", shape);
    let inside = "main:5@10 np.var:9@4 np._var:11";
    let a = play.make(&format!("{inside}@5"), "subtract", &[&x], ("float64", shape));
    let b = play.make(&format!("{inside}@9"), "multiply", &[&a, &a], ("float64", shape));
    play.free(&a, "main:5@10 np.var:9@4");
    play.free(&b, "main:5@10");
    play.read("main:6", "add.reduce", &[&x]);
    play.check(&[]);
}

#[test]
fn an_array_that_is_appended_to_is_copied_again_and_again() {
    let mut play = Play::new();
    let mut all = play.alloc("main:7", "empty", "float64", &[0, 64]);
    for n in 1..=60 {
        let batch = play.alloc("main:24 run:20", "empty", "float64", &[200, 64]);
        let at = "main:24 run:24 update:10";
        let new = play.make(at, "concatenate", &[&all, &batch], ("float64", &[200 * n, 64]));
        play.free(&all, at);
        play.free(&batch, "main:24 run:24");
        all = new;
    }
    let patterns = play.patterns();
    let (line, pattern) = &patterns[0];
    assert_eq!((*line, pattern.n, pattern.bytes.0, patterns.len()), (10, 60, 187_392_000, 1));
    let npprof_model::Detail::QuadraticAppend { last, axis } = pattern.detail else {
        panic!("{pattern:?}")
    };
    assert_eq!((last.0, axis), (6_144_000, Some(0)));
}

#[test]
fn unrelated_parts_are_no_chain() {
    let mut play = Play::new();
    for _ in 0..40 {
        let a = play.alloc("main:4", "empty", "float64", &[100_000]);
        let c = play.make("main:5", "concatenate", &[&a, &a], ("float64", &[200_000]));
        play.free(&a, "main:6");
        play.free(&c, "main:6");
    }
    play.check(&[]);
}

#[test]
fn a_buffer_of_which_little_was_used_is_too_large() {
    let mut play = Play::new();
    let buffer = play.alloc("main:24 __init__:9", "zeros", "float64", &[1_000_000, 8]);
    for n in 0..20_u64 {
        let part = buffer.view((n * 25_600).cast_signed(), &[400, 8], &[64, 8]);
        play.touch(&part, true);
    }
    let used = buffer.dense(&[8000, 8]);
    play.read("main:31 np._mean:3", "add.reduce", &[&used]);
    play.check(&["over-allocation:9 1x 63488000 -63488000"]);
    play.free(&buffer, MAIN);
    let patterns = play.patterns();
    let npprof_model::Detail::OverAllocation { high_water_index, used, .. } = patterns[0].1.detail
    else {
        panic!("{patterns:?}")
    };
    assert_eq!((high_water_index, used.0), (8000, 512_000));
}

#[test]
fn a_buffer_that_is_used_or_was_filled_unseen_is_not() {
    // Read after an unseen write, as random numbers are.
    let mut play = Play::new();
    let random = play.alloc("main:4", "empty", "float64", &[4 << 20]);
    play.read("main:5", "add.reduce", &[&random.dense(&[100_000])]);
    play.check(&[]);
    // Given away.
    let mut play = Play::new();
    let zeros = play.alloc("main:4", "zeros", "float64", &[4 << 20]);
    play.read("main:5", "buffer export", &[&zeros]);
    play.check(&[]);
    // Written by columns.
    let mut play = Play::new();
    let zeros = play.alloc("main:4", "zeros", "float64", &[1 << 20, 8]);
    for column in 0..8 {
        play.write("main:6", "setitem", &[], &zeros.view(column * 8, &[1 << 20], &[64]));
    }
    play.check(&["strided-access:6 8x 67108864"]);
    // Filled by its constructor only.
    let mut play = Play::new();
    let full = play.alloc("main:4 np.full:9@2", "empty", "float64", &[4 << 20]);
    play.write("main:4 np.full:10@9", "copyto", &[], &full);
    play.check(&["over-allocation:4 1x 33554432 -33554432"]);
}

#[test]
fn small_views_pin_their_bases() {
    let mut play = Play::new();
    for index in 0..16 {
        let signal = play.alloc("main:28 add:19 load:7", "empty", "float32", &[1_000_000]);
        if index > 0 {
            let before = Arr { address: signal.address - 4_005_888, ..signal.clone() };
            assert!(play.is_live(&before));
            play.pin(&before, "main:28 add:20 head:11", 1, 200);
        }
    }
    let last = play.latest();
    play.pin(&last, "main:28 add:20 head:11", 1, 200);
    play.check(&["view-pins-base:11 16x 63996800 -59997000"]);
}

#[test]
fn a_short_pin_is_none() {
    let mut play = Play::new();
    for _ in 0..20 {
        let signal = play.alloc("main:7", "empty", "float32", &[1_000_000]);
        play.pin(&signal, "main:11", 1, 200);
        play.pin(&signal, "main:11", 0, 0);
        play.free(&signal, MAIN);
    }
    play.check(&[]);
}

/// Loads as many recordings, of each of which the head is kept.
fn heads(play: &mut Play, n: usize) -> Vec<Arr> {
    let mut all: Vec<Arr> = Vec::new();
    for _ in 0..n {
        if let Some(before) = all.last() {
            play.pin(before, "main:28 add:20 head:11", 1, 200);
        }
        all.push(play.alloc("main:28 add:19 load:7", "empty", "float32", &[1_000_000]));
    }
    all
}

/// The heads are let go of when `main` returns.
fn let_go(play: &mut Play, heads: &[Arr]) {
    for head in heads {
        play.pin(head, "main:28 add:20 head:11", 0, 0);
        play.free(head, "<module>:40");
    }
}

#[test]
fn a_pin_lasts_for_the_rest_of_the_run_if_nothing_comes_any_more() {
    let mut play = Play::new();
    let all = heads(&mut play, 16);
    let_go(&mut play, &all);
    let found = ["view-pins-base:11 15x 59997000 -59997000"];
    play.check(&found);
    // Other work, but no more of these.
    for _ in 0..8 {
        let other = play.alloc("<module>:41", "empty", "float64", &[100_000]);
        play.free(&other, "<module>:41");
    }
    play.check(&found);
    // More of them, which are let go of soon.
    for _ in 0..40 {
        let signal = play.alloc("main:28 add:19 load:7", "empty", "float32", &[1_000_000]);
        play.free(&signal, MAIN);
    }
    play.check(&[]);
}

#[test]
fn pins_one_after_the_other_are_none() {
    let mut play = Play::new();
    let mut old: Option<Arr> = None;
    for _ in 0..8 {
        let signal = play.alloc("main:28@4 load:7", "empty", "float32", &[4_000_000]);
        if let Some(old) = old.replace(signal) {
            play.pin(&old, "main:28@8", 0, 0);
            play.free(&old, "main:28@8");
        }
        play.pin(&play.latest(), "main:28@8", 1, 200);
        let work = play.alloc("main:29", "empty", "float32", &[100_000]);
        play.free(&work, "main:29");
    }
    play.check(&[]);
}

#[test]
fn a_pin_of_one_statement_is_none() {
    for (from, is_found) in [("main:28@30", false), ("<module>:40", true)] {
        let mut play = Play::new();
        let signal = play.alloc("main:28@4 load:7", "empty", "float32", &[4_000_000]);
        play.alloc("main:28@20 describe:3", "empty", "float32", &[100_000]);
        play.pin(&signal, "main:28@8", 1, 200);
        play.pin(&signal, "main:28@8", 0, 0);
        play.free(&signal, from);
        assert_eq!(play.found().len(), usize::from(is_found), "{from}");
    }
}

#[test]
fn a_read_by_the_statement_after_is_not_late() {
    let mut play = Play::new();
    for _ in 0..16 {
        let at = "main:28 attach:14 np.cumsum:9";
        let table = play.alloc_in(at, ("add.accumulate", true), "int64", &[300_000]);
        let buffer = play.alloc_in(at, ("add.accumulate", false), "int64", &[300_000]);
        play.free(&buffer, at);
        play.touch(&table.dense(&[1]), false);
    }
    play.check(&["memory-growth:14 17x 40800000 -36000000"]);
}

#[test]
fn arrays_of_a_list_are_read_when_it_becomes_one() {
    let mut play = Play::new();
    for _ in 0..25 {
        play.alloc("main:9", "empty", "float64", &[100_000]);
    }
    let at = "main:10 np.mean:7";
    let all = play.alloc(at, "asanyarray", "float64", &[25, 100_000]);
    let op = Op { flags: operation::SEQUENCE, second: 2_500_000, ..Op::default() };
    play.op(
        at,
        "asanyarray",
        &op,
        &[(Role::Scalar, &scalar(Scalar::Sequence)), (Role::Result, &all)],
    );
    play.check(&[]);
}

#[test]
fn what_a_function_is_given_is_no_temporary() {
    // An operation inside of the function reads it.
    let mut play = Play::new();
    let image = play.alloc("main:21@4", "empty", "float64", &[3_000_000]);
    let scaled = play.alloc("main:21@9 add:14@2", "multiply", "float64", &[3_000_000]);
    play.read("main:21@9 add:14@2", "multiply", &[&image]);
    play.free(&image, "main:21@9");
    play.free(&scaled, MAIN);
    play.check(&[]);
    // None does that is large enough.
    let mut play = Play::new();
    let table = play.alloc("main:21@4", "empty", "float64", &[3_000_000]);
    play.alloc("main:21@9 norms:9@2", "multiply", "float64", &[8]);
    play.free(&table, "main:21@9");
    play.check(&[]);
    // The statement itself uses it as well, or leaves it unused.
    for is_read in [true, false] {
        let mut play = Play::new();
        let image = play.alloc("main:21@4", "empty", "float64", &[3_000_000]);
        if is_read {
            play.read("main:21@6", "add.reduce", &[&image]);
            play.read("main:21@9 norms:9@2", "multiply", &[&image]);
        }
        play.free(&image, "main:21@11");
        play.check(&["temporary-chain:21 1x 24000000 -0"]);
    }
}

#[test]
fn arrays_grow_by_turns() {
    let mut play = Play::new();
    let mut all: Vec<Arr> =
        (0..2).map(|_| play.alloc("main:7", "empty", "float64", &[3000])).collect();
    for n in 2..=40 {
        for old in &mut all {
            let chunk = play.alloc("main:8", "empty", "float64", &[3000]);
            let new =
                play.make("main:9", "concatenate", &[&*old, &chunk], ("float64", &[3000 * n]));
            play.free(&std::mem::replace(old, new), "main:9");
            play.free(&chunk, "main:8");
        }
    }
    let patterns = play.patterns();
    assert_eq!(patterns.iter().map(|it| (it.0, it.1.n)).collect::<Vec<_>>(), [(9, 78)]);
}

#[test]
fn arrays_that_pile_up_unread_are_growth() {
    let run = |is_read_late: bool, is_bounded: bool| {
        let mut play = Play::new();
        let mut kept = Vec::new();
        for _ in 0..36 {
            let sweep = play.alloc("main:28 analyse:23 sweep:14", "empty", "float64", &[250_000]);
            play.touch(&sweep.dense(&[5000]), false);
            kept.push(sweep);
            if is_bounded && kept.len() > 4 {
                play.free(&kept.remove(0), "main:28 analyse:23");
            }
        }
        if is_read_late {
            let all: Vec<_> = kept.iter().collect();
            for parts in all.chunks(8) {
                play.read("main:40", "concatenate", parts);
            }
        }
        play
    };
    run(false, false).check(&["memory-growth:14 36x 72000000 -68000000"]);
    run(true, false).check(&[]);
    run(false, true).check(&[]);
}

#[test]
fn what_piles_up_while_the_interpreter_changes_its_instructions_is_growth() {
    let mut play = Play::new();
    for n in 0..14 {
        let at = if n < 7 { "main:28@5 analyse:23@9" } else { "main:28@6 analyse:23@8" };
        play.alloc(at, "empty", "float64", &[250_000]);
    }
    play.check(&["memory-growth:23 14x 28000000 -24000000"]);
}

#[test]
fn what_one_execution_has_alive_at_once_is_no_pile() {
    let mut play = Play::new();
    // A function works with as many arrays, and returns none of them.
    let scratch: Vec<_> = (1..=12)
        .map(|line| {
            let at = format!("main:64 np.predict:{line}");
            play.alloc(&at, "empty", "float64", &[250_000])
        })
        .collect();
    for array in &scratch {
        play.free(array, "main:64 np.predict:20");
    }
    play.check(&[]);
}

#[test]
fn small_arrays_pile_up_too() {
    let mut play = Play::new();
    for _ in 0..20_000 {
        play.alloc("main:8 log:14", "empty", "float64", &[128]);
    }
    let patterns = play.patterns();
    let (line, pattern) = &patterns[0];
    assert_eq!((patterns.len(), *line), (1, 14));
    assert!(pattern.bytes.0 > 18_000_000, "{pattern:?}");
}

#[test]
fn an_insertion_assigns_the_old_array_to_the_new_one() {
    let mut play = Play::new();
    let mut all = play.alloc("main:7", "empty", "float64", &[100_000]);
    for n in 1..=30 {
        let at = "main:9 np.insert:20";
        let new = play.alloc(at, "empty", "float64", &[100_000 + n]);
        let old_part = new.dense(&[100_000 + n - 1]);
        let op = Op { flags: operation::HAS_OUT, ..Op::default() };
        play.op(at, "setitem", &op, &[(Role::Input, &all), (Role::Output, &old_part)]);
        play.free(&all, "main:9");
        all = new;
    }
    let patterns = play.patterns();
    assert_eq!(patterns.iter().map(|it| (it.0, it.1.n)).collect::<Vec<_>>(), [(9, 30)]);
}
