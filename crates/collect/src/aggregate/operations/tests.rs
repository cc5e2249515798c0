//! Operations on short scripts.
//!
//! A script is steps separated by semicolons. `+B 800` makes a block, `+B 800 zeros` inside of an
//! operation, `-B` frees it. `counts NAME n=3 copied=24` is a record of small operations, `table …`
//! what the table of counters says from now on. Any other step is a large operation: its name, then
//! operands and facts. `A:f8:10x10` is read, `=A:…` written, `#A:…` an index, `>B:…` a result in a new
//! block and `&A:…` one that is none; `list` is a sequence and `int` a scalar. A layout ends in `F`,
//! or in strides after a slash; `!` marks an array that isn't aligned. Facts are `alloc=`, else the
//! bytes of new results, `freed=`, `ns=`, `axes=`, `second=`, `in=NAME` for the operation around it,
//! and flags as `:order`.

use std::collections::BTreeMap;

use npprof_model::{OperationStats, Order};
use npprof_wire::decode::decode;
use npprof_wire::encode::{self, Traits};
use npprof_wire::record::{FreedAt, Layout, Order as WireOrder, Record, Role, Scalar, operand};
use proptest::prelude::*;

use super::*;
use crate::aggregate::Aggregate;
use crate::error::StreamError;

const DTYPES: [(&str, &str, u64); 4] =
    [("f8", "float64", 8), ("f4", "float32", 4), ("i8", "int64", 8), ("c16", "complex128", 16)];

struct Script {
    aggregate: Aggregate,
    thread: ThreadIndex,
    names: Vec<String>,
}

/// Words of an operand and the bytes of its elements.
fn operand_words(text: &str, role: Role, owns: bool) -> (Vec<u64>, u64) {
    let (text, is_aligned) = text.strip_suffix('!').map_or((text, true), |text| (text, false));
    let parts: Vec<&str> = text.split(':').collect();
    let [name, dtype, shape] = parts[..] else { panic!("{text}: NAME:DTYPE:SHAPE") };
    let (shape, is_f) = shape.strip_suffix('F').map_or((shape, false), |shape| (shape, true));
    let (shape, strides) = shape.split_once('/').unwrap_or((shape, ""));
    let extents: Vec<u64> =
        shape.split('x').filter(|it| !it.is_empty()).map(|it| it.parse().expect("it")).collect();
    let strides: Vec<i64> =
        strides.split(',').filter(|it| !it.is_empty()).map(|it| it.parse().expect("it")).collect();
    let number = DTYPES.iter().position(|it| it.0 == dtype).expect("a dtype");
    let order = match (strides.is_empty(), is_f) {
        (false, _) => WireOrder::Strided,
        (true, true) => WireOrder::F,
        (true, false) => WireOrder::C,
    };
    let traits = Traits {
        dtype: u16::try_from(number).expect("few") + 1,
        ndim: u8::try_from(extents.len()).expect("few"),
        order,
        has_shape: true,
        is_zeroed: false,
        is_first: false,
    };
    let mut bits = if is_aligned { 0 } else { operand::MISALIGNED };
    if owns {
        bits |= operand::OWNS_DATA;
    }
    let bits = encode::operand_traits(Scalar::None, bits);
    let mut words = vec![encode::operand(address(name), role), traits.word(bits)];
    words.extend(&extents);
    words.extend(strides.iter().map(|stride| stride.cast_unsigned()));
    (words, extents.iter().product::<u64>() * DTYPES[number].2)
}

fn address(name: &str) -> u64 {
    u64::from(name.as_bytes()[0]) << 20
}

impl Script {
    fn new() -> Self {
        let mut aggregate = Aggregate::new(0, 0);
        let definitions = &mut aggregate.definitions;
        definitions.define_code(1, "/home/u/fit.py", "fit").expect("room");
        for (number, (_, name, itemsize)) in (1..).zip(DTYPES) {
            let itemsize = u32::try_from(itemsize).expect("small");
            definitions.define_dtype(number, itemsize, name.to_owned());
        }
        aggregate.define_stack(1, 0, (1, 1, 0)).expect("in turn");
        aggregate.define_stack(2, 0, (1, 2, 0)).expect("in turn");
        Self { aggregate, thread: ThreadIndex::default(), names: Vec::new() }
    }

    /// The number of an operation, which is defined if it is new.
    fn number(&mut self, name: &str) -> u16 {
        let known = self.names.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            let number = u16::try_from(self.names.len()).expect("few");
            let definitions = &mut self.aggregate.definitions;
            definitions.define_operation(number, name.to_owned()).expect("room");
            self.names.len() - 1
        });
        u16::try_from(place).expect("few") + 1
    }

    fn apply(&mut self, record: Record<'_>) {
        self.aggregate.apply(record, &mut self.thread).expect("a sane script");
    }

    fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        match (words[0].as_bytes()[0], words[0]) {
            (b'+', name) => {
                let operation = words.get(2).map_or(0, |name| self.number(name));
                self.apply(Record::Alloc {
                    address: address(&name[1..]),
                    size_bytes: words[1].parse().expect("a size"),
                    stack: 1,
                    is_zeroed: false,
                    operation,
                    is_first: !words.contains(&"more"),
                    layout: Layout {
                        dtype: 1,
                        order: WireOrder::C,
                        shape: &[],
                        strides: &[],
                        is_flat: true,
                    },
                });
            }
            (b'-', name) => {
                self.apply(Record::Free { address: address(&name[1..]), at: FreedAt::Elsewhere });
            }
            (_, "counts") => {
                let counts = self.counts(&words[1..]);
                self.apply(Record::Counts(counts));
            }
            (_, "table") => {
                let all: Vec<&str> = step["table ".len()..].split(", ").collect();
                let table =
                    all.into_iter().map(|it| self.counts(&it.split(' ').collect::<Vec<_>>()));
                let table = table.collect();
                self.aggregate.see_counters(table);
            }
            (_, "numpy") => {
                self.aggregate.definitions.facts.numpy = Some(words[1].into());
            }
            (_, "fork") => {
                self.apply(Record::Fork { fork: 1 });
                let fork = self.aggregate.take_forks().pop().expect("it forked");
                self.aggregate = fork.child.aggregate.clone();
            }
            _ => self.operate(&words),
        }
    }

    fn counts(&mut self, words: &[&str]) -> Counts {
        let given = |name: &str| {
            let value = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            value.map_or(0, |value| value.parse().expect("a number"))
        };
        Counts {
            operation: self.number(words[0]),
            stack: u32::try_from(given("stack")).expect("small").max(1),
            n: given("n"),
            read_bytes: given("read"),
            written_bytes: given("written"),
            copied_bytes: given("copied"),
            strided_bytes: 0,
            n_scalars: given("scalars"),
            n_buffered: given("buffered"),
            cast: words.contains(&"cast").then_some((1, 2)),
        }
    }

    fn operate(&mut self, words: &[&str]) {
        let number = self.number(words[0]);
        let (mut operands, mut n_operands, mut flags) = (Vec::new(), 0, 0);
        let (mut allocated, mut given) = (0, [0; 5]);
        let (mut outer, mut allocated_given) = (0, None);
        for word in &words[1..] {
            if let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) {
                match name {
                    "in" => outer = self.number(value),
                    "alloc" => allocated_given = value.parse().ok(),
                    _ => {
                        let names = ["freed", "ns", "axes", "second", "detail"];
                        let place = names.iter().position(|it| it == &name).expect("a fact");
                        given[place] = value.parse().expect("a number");
                    }
                }
                continue;
            }
            if let Some(flag) = word.strip_prefix(':') {
                flags |= match flag {
                    "order" => flag::HAS_ORDER,
                    "out" => flag::HAS_OUT,
                    "where" => flag::HAS_WHERE,
                    "axes" => flag::HAS_AXES,
                    "foreign" => flag::FOREIGN,
                    "sequence" => flag::SEQUENCE,
                    "arrays" => flag::OF_ARRAYS,
                    "counted" => flag::COUNTED,
                    "failed" => flag::FAILED,
                    other => panic!("{other}: no flag"),
                };
                continue;
            }
            n_operands += 1;
            let scalar = |scalar| {
                vec![
                    encode::operand(0, Role::Scalar),
                    Traits::SCRATCH.word(encode::operand_traits(scalar, 0)),
                ]
            };
            let (words, bytes) = match (&word[..1], *word) {
                (_, "list") => (scalar(Scalar::Sequence), 0),
                (_, "int") => (scalar(Scalar::Int), 0),
                ("=", _) => operand_words(&word[1..], Role::Output, false),
                ("#", _) => operand_words(&word[1..], Role::Index, false),
                (">", _) => operand_words(&word[1..], Role::Result, true),
                ("&", _) => operand_words(&word[1..], Role::Result, false),
                _ => operand_words(word, Role::Input, true),
            };
            if word.starts_with('>') {
                allocated += bytes;
            }
            operands.extend(words);
        }
        let [freed, ns, axes, second, detail] = given;
        let mut all = vec![
            encode::operation(number, n_operands, flags),
            encode::operation_context(1, outer, 1),
            ns,
            allocated_given.unwrap_or(allocated),
            freed,
            axes,
            detail,
            second,
        ];
        all.extend(operands);
        let (record, len) = decode(&all).expect("a record");
        assert_eq!(len, all.len());
        self.apply(record);
    }
}

fn run(script: &str) -> Script {
    let mut run = Script::new();
    script.split("; ").for_each(|step| run.step(step));
    run
}

/// `name: n / read / written / copied / copies / hidden`, with reasons for what was copied.
fn shown(script: &mut Script) -> String {
    let summary = script.aggregate.operations(usize::MAX);
    let mut shown: Vec<String> = summary.operations.iter().map(show).collect();
    shown.sort();
    let copied: u64 = summary.operations.iter().map(|it| it.copied.0).sum();
    assert_eq!(copied, summary.all.copied, "the sums agree");
    shown.join("; ")
}

fn show(stats: &OperationStats) -> String {
    let reasons = stats.copy_reasons.iter();
    let reasons: Vec<String> =
        reasons.map(|(reason, bytes)| format!(" {} {}", reason.as_str(), bytes.0)).collect();
    let told: u64 = stats.copy_reasons.iter().map(|(_, bytes)| bytes.0).sum();
    assert_eq!(told, stats.copied.0, "each copied byte has a reason");
    let (read, written, hidden) = (stats.read.0, stats.written.0, stats.hidden_temporary.0);
    format!(
        "{}: {} / {read} / {written} / {}{} / {hidden}",
        stats.name,
        stats.n,
        stats.n_copies,
        reasons.concat()
    )
}

fn check(script: &str, expected: &str) {
    assert_eq!(shown(&mut run(script)), expected, "{script}");
}

#[test]
fn what_is_asked_for_is_an_explicit_copy() {
    for name in ["ndarray.copy", "ndarray.__copy__", "ndarray.__deepcopy__", "array"] {
        check(
            &format!("+B 800; {name} A:f8:10x10/160,16 >B:f8:10x10"),
            &format!("{name}: 1 / 800 / 800 / 1 explicit 800 / 0"),
        );
    }
    check(
        "+B 800; ndarray.flatten A:f8:10x10 >B:f8:100",
        "ndarray.flatten: 1 / 800 / 800 / 1 explicit 800 / 0",
    );
    check(
        "+B 800; ndarray.astype A:f8:100 >B:f8:100",
        "ndarray.astype: 1 / 800 / 800 / 1 explicit 800 / 0",
    );
}

#[test]
fn another_dtype_is_a_cast_and_part_of_the_name() {
    check(
        "+B 400; ndarray.astype A:f8:100 >B:f4:100; ndarray.astype A:f8:100 >B:f4:100",
        "astype(float64→float32): 2 / 1600 / 800 / 2 cast 800 / 0",
    );
    check(
        "+B 800; asarray A:f4:100 >B:f8:100",
        "asarray(float32→float64): 1 / 400 / 800 / 1 cast 800 / 0",
    );
}

#[test]
fn elements_that_had_to_be_put_into_order_are_copied_for_it() {
    for (name, result) in [
        ("ndarray.reshape", "B:f8:100"),
        ("ndarray.ravel", "B:f8:100"),
        ("ndarray.flatten", "B:f8:100"),
        ("ascontiguousarray", "B:f8:10x10"),
        ("asarray", "B:f8:10x10"),
    ] {
        check(
            &format!("+B 800; {name} A:f8:10x10F >{result} :order"),
            &if name == "ndarray.flatten" {
                // `order=` is given for the order that the array has.
                format!("{name}: 1 / 800 / 800 / 1 explicit 800 / 0")
            } else {
                format!("{name}: 1 / 800 / 800 / 1 order 800 / 0")
            },
        );
    }
    check(
        "+B 800; ndarray.flatten A:f8:10x10F >B:f8:100",
        "ndarray.flatten: 1 / 800 / 800 / 1 order 800 / 0",
    );
    check(
        "+B 400; ndarray.ravel A:f8:50/16 >B:f8:50",
        "ndarray.ravel: 1 / 400 / 400 / 1 order 400 / 0",
    );
}

#[test]
fn what_gives_a_view_or_its_argument_copies_and_reads_nothing() {
    check("ndarray.reshape A:f8:10x10 &A:f8:100", "ndarray.reshape: 1 / 0 / 0 / 0 / 0");
    check("asarray A:f8:100 >A:f8:100", "asarray: 1 / 0 / 0 / 0 / 0");
    // A result at an address where no block is made is a view, whatever it says.
    check("getitem A:f8:100 >C:f8:50", "getitem: 1 / 0 / 0 / 0 / 0");
    // More than what was allocated inside can't be new.
    check("+C 400; getitem A:f8:100 >C:f8:50 alloc=8", "getitem: 1 / 0 / 0 / 0 / 0");
}

#[test]
fn gathering_reads_what_it_picks_and_its_index() {
    check(
        "+B 80; getitem A:f8:1000 #I:i8:10 >B:f8:10",
        "getitem: 1 / 160 / 80 / 1 fancy-index 80 / 0",
    );
    check(
        "ndarray.take A:f8:1000 #I:i8:10 =B:f8:10 &B:f8:10",
        "ndarray.take: 1 / 160 / 80 / 1 fancy-index 80 / 0",
    );
}

#[test]
fn concatenating_and_repeating_copy_all_of_the_result() {
    check(
        "+C 1600; concatenate A:f8:100 B:f8:100 >C:f8:200",
        "concatenate: 1 / 1600 / 1600 / 1 concatenate 1600 / 0",
    );
    check(
        "+C 2400; ndarray.repeat A:f8:100 >C:f8:300",
        "ndarray.repeat: 1 / 800 / 2400 / 1 broadcast 2400 / 0",
    );
}

#[test]
fn assigning_copies_what_is_written_unless_it_is_a_scalar() {
    check("setitem =A:f8:100 B:f8:100", "setitem: 1 / 800 / 800 / 1 assign 800 / 0");
    check("setitem =A:f8:100 B:f8:1", "setitem: 1 / 8 / 800 / 0 / 0");
    check("copyto =A:f8:100 B:f8:", "copyto: 1 / 8 / 800 / 0 / 0");
    check("setitem =A:f8:1 B:f8:1", "setitem: 1 / 8 / 8 / 1 assign 8 / 0");
    // The part that is written isn't known: no more than was given.
    check("setitem =A:f8:100 B:f8:97", "setitem: 1 / 776 / 776 / 1 assign 776 / 0");
    check("setitem =A:f8:100 int", "setitem: 1 / 0 / 800 / 0 / 0");
    check("copyto =A:f8:10x10 B:f8:10", "copyto: 1 / 80 / 800 / 1 assign 800 / 0");
    // With an index, the record says how much was written.
    check(
        "setitem =A:f8:1000 B:f8:10 #I:i8:10 second=80",
        "setitem: 1 / 160 / 80 / 1 assign 80 / 0",
    );
    check("putmask =A:f8:100 #M:i8:100 B:f8:100", "putmask: 1 / 1600 / 800 / 1 assign 800 / 0");
    let counted = "putmask =A:f8:100 #M:i8:100 B:f8:100 :counted";
    check(&format!("{counted} second=80"), "putmask: 1 / 1600 / 80 / 1 assign 80 / 0");
    check(counted, "putmask: 1 / 1600 / 0 / 0 / 0");
}

#[test]
fn what_linear_algebra_allocates_besides_its_result_is_copies_of_operands() {
    check(
        "+C 800; dot A:f8:10x10/160,16 B:f8:10x10 >C:f8:10x10 alloc=1600 freed=800",
        "dot: 1 / 1600 / 800 / 1 blas 800 / 800",
    );
    check(
        "+C 800; dot A:f8:10x10/160,16 A:f8:10x10/160,16 >C:f8:10x10 alloc=2400 freed=1600",
        "dot: 1 / 1600 / 800 / 2 blas 1600 / 1600",
    );
    check("+C 800; matmul A:f8:10x10 B:f8:10x10 >C:f8:10x10", "matmul: 1 / 1600 / 800 / 0 / 0");
    // The scalar was an array.
    check("dot A:f8:1000 B:f8:1000 alloc=8 freed=8", "dot: 1 / 16000 / 0 / 0 / 8");
    check("vdot A:f8:100/16 B:f8:100 alloc=808 freed=808", "vdot: 1 / 1600 / 0 / 1 blas 800 / 808");
}

#[test]
fn matmul_copies_what_blas_does_not_take_from_numpy_2_3_on() {
    let matmul = "+C 800; matmul A:f8:10x10/160,16 B:f8:10x10 >C:f8:10x10";
    check(matmul, "matmul: 1 / 1600 / 800 / 0 / 0");
    check(&format!("numpy 2.2.6; {matmul}"), "matmul: 1 / 1600 / 800 / 0 / 0");
    check(&format!("numpy 2.3.0; {matmul}"), "matmul: 1 / 1600 / 800 / 1 blas 800 / 0");
    check(
        "numpy 2.4.1; +C 80; matmul A:f8:10x10/160,16 B:f8:10 >C:f8:10",
        "matmul: 1 / 880 / 80 / 0 / 0",
    );
    check(
        "numpy 2.4.1; +C 800; matmul A:i8:10x10/160,16 B:i8:10x10 >C:i8:10x10",
        "matmul: 1 / 1600 / 800 / 0 / 0",
    );
}

#[test]
fn lanes_that_do_not_lie_densely_are_sorted_in_a_buffer() {
    check("ndarray.sort =A:f8:10x10 axes=1", "ndarray.sort: 1 / 800 / 800 / 1 order 1600 / 0");
    check("ndarray.sort =A:f8:10x10 axes=2", "ndarray.sort: 1 / 800 / 800 / 0 / 0");
    check("ndarray.partition =A:f8:10x10F axes=1", "ndarray.partition: 1 / 800 / 800 / 0 / 0");
    check("ndarray.argsort A:f8:10x10 axes=1", "ndarray.argsort: 1 / 800 / 0 / 0 / 0");
}

#[test]
fn operands_of_another_dtype_than_the_loop_go_through_the_buffer() {
    check("+C 800; add A:f4:100 B:f8:100 >C:f8:100", "add: 1 / 1200 / 800 / 1 buffered 800 / 0");
    check(
        "+C 800; divide A:i8:100 B:i8:100 >C:f8:100",
        "divide: 1 / 1600 / 800 / 2 buffered 1600 / 0",
    );
    check("+C 800; absolute A:c16:100 >C:f8:100", "absolute: 1 / 1600 / 800 / 0 / 0");
    check("+C 800; ldexp A:f8:100 B:i8:100 >C:f8:100", "ldexp: 1 / 1600 / 800 / 0 / 0");
    check("+C 800; add A:f4:1 B:f8:100 >C:f8:100", "add: 1 / 804 / 800 / 0 / 0");
    check("multiply A:f4:100 B:f4:100 =C:f8:100 :out", "multiply: 1 / 800 / 800 / 0 / 0");
}

#[test]
fn what_foreign_code_gets_in_a_new_block_is_copied_at_the_boundary() {
    check(
        "+B 800; PyArray_FromAny A:f8:10x10F >B:f8:10x10 :foreign",
        "PyArray_FromAny: 1 / 800 / 800 / 1 boundary 800 / 0",
    );
    check("PyArray_FromAny A:f8:100 &A:f8:100 :foreign", "PyArray_FromAny: 1 / 0 / 0 / 0 / 0");
    check(
        "PyArray_CopyInto A:f8:100 =B:f8:100 :foreign",
        "PyArray_CopyInto: 1 / 800 / 800 / 1 boundary 800 / 0",
    );
}

#[test]
fn operands_that_a_ufunc_cannot_take_are_buffered() {
    check("+C 800; add A:f8:100! B:f8:100 >C:f8:100", "add: 1 / 1600 / 800 / 1 buffered 800 / 0");
    check("+C 800; add A:f8:100! B:f4:100! >C:f8:100", "add: 1 / 1200 / 800 / 2 buffered 1200 / 0");
}

#[test]
fn bytes_and_python_objects_are_copies_of_the_array() {
    check("ndarray.tobytes A:f8:100", "ndarray.tobytes: 1 / 800 / 0 / 1 pickle 800 / 0");
    check("ndarray.__reduce__ A:f8:100", "ndarray.__reduce__: 1 / 800 / 0 / 1 pickle 800 / 0");
    check(
        "ndarray.tolist A:f8:100 :sequence",
        "ndarray.tolist: 1 / 800 / 0 / 1 list-conversion 800 / 0",
    );
    check(
        "+B 800; array list >B:f8:100 :sequence",
        "array: 1 / 0 / 800 / 1 list-conversion 800 / 0",
    );
    check(
        "+B 800; array list >B:f8:2x50 :sequence :arrays",
        "array: 1 / 0 / 800 / 1 concatenate 800 / 0",
    );
    // An array of what is neither an array nor a sequence.
    check("+B 800; array >B:f8:100", "array: 1 / 0 / 800 / 0 / 0");
}

#[test]
fn a_block_that_an_inner_operation_copied_counts_once() {
    check(
        "+B 800; array A:f8:10x10F >B:f8:10x10 in=ascontiguousarray; \
         ascontiguousarray A:f8:10x10F >B:f8:10x10",
        "array: 1 / 800 / 800 / 1 explicit 800 / 0; ascontiguousarray: 1 / 800 / 800 / 0 / 0",
    );
    // Three deep.
    check(
        "+B 800; ndarray.copy A:f8:100 >B:f8:100 in=array; array A:f8:100 >B:f8:100 in=asarray; \
         asarray A:f8:100 >B:f8:100",
        "array: 1 / 800 / 800 / 0 / 0; asarray: 1 / 800 / 800 / 0 / 0; \
         ndarray.copy: 1 / 800 / 800 / 1 explicit 800 / 0",
    );
    // The outer one copied the copy.
    check(
        "+B 800; asarray A:f4:100 >B:f8:100 in=concatenate; +C 800; -B; \
         concatenate A:f4:100 >C:f8:100 alloc=1600 freed=800",
        "asarray(float32→float64): 1 / 400 / 800 / 1 cast 800 / 0; \
         concatenate: 1 / 800 / 800 / 1 concatenate 800 / 800",
    );
    // What is remembered of one call is no block of the next.
    check(
        "+B 800; ndarray.copy A:f8:100 >B:f8:100 in=array; -B; +B 800; array A:f8:100 >B:f8:100",
        "array: 1 / 800 / 800 / 1 explicit 800 / 0; ndarray.copy: 1 / 800 / 800 / 1 explicit 800 / 0",
    );
}

#[test]
fn a_routine_does_not_count_what_was_copied_inside_of_it() {
    check(
        "+B 800; asarray A:f4:10x10 >B:f8:10x10 in=dot; +C 800; -B; \
         dot A:f4:10x10 A:f8:10x10 >C:f8:10x10 alloc=1600 freed=800",
        "asarray(float32→float64): 1 / 400 / 800 / 1 cast 800 / 0; dot: 1 / 1200 / 800 / 0 / 800",
    );
}

#[test]
fn a_failed_operation_only_counts() {
    check("+C 80; add A:f8:100! B:f8:3 :failed alloc=80 freed=80", "add: 1 / 0 / 0 / 0 / 80");
}

#[test]
fn small_operations_are_what_records_and_the_table_say_together() {
    let mut script = run("counts add n=3 read=48 written=24; table add n=2 read=32 written=16, \
         ndarray.copy n=4 read=64 written=64 copied=64");
    let expected = "add: 5 / 80 / 40 / 0 / 0; ndarray.copy: 4 / 64 / 64 / 4 explicit 64 / 0";
    assert_eq!(shown(&mut script), expected);
    assert_eq!(shown(&mut script), expected, "looking twice changes nothing");
    // A counter leaves the table: the sum stays.
    script.step("counts ndarray.copy n=4 read=64 written=64 copied=64");
    script.step("table add n=2 read=32 written=16");
    assert_eq!(shown(&mut script), expected);
    assert_eq!(script.aggregate.operations.copied(), 64);
}

#[test]
fn stacks_that_are_not_known_yet_wait_in_the_table() {
    check("table add n=2 stack=99, add n=1 stack=2", "add: 1 / 0 / 0 / 0 / 0");
}

#[test]
fn small_copies_have_the_usual_reason_of_their_operation() {
    check(
        "counts getitem n=9 read=80 written=80 copied=80 scalars=7; \
         counts setitem n=1 written=8 copied=8 read=8; counts ndarray.tolist n=1 copied=8",
        "getitem: 9 / 80 / 80 / 2 fancy-index 80 / 0; ndarray.tolist: 1 / 0 / 0 / 1 list-conversion 8 / 0; \
         setitem: 1 / 8 / 8 / 1 assign 8 / 0",
    );
}

#[test]
fn what_may_give_a_view_copied_as_often_as_it_allocated() {
    check(
        "+B 80 ndarray.ravel; counts ndarray.ravel n=100 read=8000 copied=80",
        "ndarray.ravel: 100 / 8000 / 0 / 1 order 80 / 0",
    );
    // A large one's allocation is not one of the small ones.
    check(
        "+B 800 asarray; asarray A:f8:10x10F >B:f8:10x10; +C 8 asarray; counts asarray n=5 copied=8",
        "asarray: 6 / 800 / 800 / 2 explicit 800 list-conversion 8 / 0",
    );
}

#[test]
fn functions_that_only_make_arrays_are_counted_by_their_allocations() {
    check(
        "+A 80 zeros; +B 800000 zeros; +C 8 empty; +D 8 empty more",
        "empty: 2 / 0 / 16 / 0 / 0; zeros: 2 / 0 / 800080 / 0 / 0",
    );
    // What others allocate is theirs.
    check("+A 80 add; +B 80 ndarray.copy", "");
}

#[test]
fn time_is_counted_once_in_sums() {
    let mut script = run(
        "+B 800; ndarray.copy A:f8:100 >B:f8:100 in=array ns=30; array A:f8:100 >B:f8:100 ns=50; \
         +C 800; add A:f8:100 B:f8:100 >C:f8:100",
    );
    let summary = script.aggregate.operations(usize::MAX);
    assert_eq!((summary.all.time_ns, summary.all.n_operations), (50, 3));
    let times: Vec<_> =
        summary.operations.iter().map(|it| (it.time.0, it.n_timed, it.timed.0)).collect();
    assert_eq!(times, [(30, 1, 1600), (50, 1, 1600), (0, 0, 0)]);
}

#[test]
fn operands_are_told_with_the_strides_that_they_are_walked_with() {
    let mut script = run("+C 800; add A:f8:10x10F B:f8:10x10F >C:f8:10x10F; \
         +D 800; subtract A:f8:10x10 B:f8:10x10/160,16 >D:f8:10x10; add.reduce A:f8:10x10 :axes axes=1 >D:f8:10");
    let summary = script.aggregate.operations(usize::MAX);
    let strides = |at: usize| -> Vec<_> {
        summary.operations[at].operands.iter().map(|it| (it.n, it.operand.inner_stride)).collect()
    };
    assert_eq!(strides(0), [(1, Some(8)), (1, Some(8)), (1, Some(8))]);
    assert_eq!(strides(1), [(1, Some(8)), (1, Some(16)), (1, Some(8))]);
    assert_eq!(strides(2), [(1, Some(8)), (1, Some(8))]);
    let orders: Vec<_> =
        summary.operations[1].operands.iter().map(|it| it.operand.layout.order).collect();
    assert_eq!(orders, [Order::C, Order::Strided, Order::C]);
}

#[test]
fn equal_operands_of_one_operation_are_two_and_the_most_frequent_come_first() {
    let mut script =
        run("+C 80; multiply A:f8:10 A:f8:10 >C:f8:10; multiply A:f4:9 A:f4:9 >C:f4:9; \
         multiply A:f4:9 A:f4:9 >C:f4:9");
    let summary = script.aggregate.operations(usize::MAX);
    let told: Vec<String> = summary.operations[0]
        .operands
        .iter()
        .map(|it| format!("{} {}", it.n, it.operand.layout))
        .collect();
    let (f4, f8) = ("2 float32 (9,)", "1 float64 (10,)");
    assert_eq!(told, [f4, f4, f4, f8, f8, f8]);
}

#[test]
fn the_largest_operations_are_kept_where_there_is_no_room_for_all() {
    let mut script = run("counts add n=1 read=8; counts sqrt n=1 read=80; counts sin n=1 read=9");
    let summary = script.aggregate.operations(2);
    let names: Vec<_> = summary.operations.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["sqrt", "sin"]);
    assert_eq!(summary.all.n_operations, 3, "sums are of all");
}

#[test]
fn a_child_begins_without_operations() {
    check(
        "counts add n=3; +A 80 zeros; +B 800; ndarray.copy C:f8:100 >B:f8:100; fork; +D 80 zeros",
        "zeros: 1 / 0 / 80 / 0 / 0",
    );
}

#[test]
fn operations_without_a_name_or_dtype_or_stack_do_no_harm() {
    let mut script = Script::new();
    let words = [encode::operation(77, 0, 0), encode::operation_context(1, 0, 0), 0, 0, 0, 0, 0, 0];
    let Ok((record, _)) = decode(&words) else { panic!("a record") };
    script.apply(record);
    assert_eq!(shown(&mut script), "unknown operation: 1 / 0 / 0 / 0 / 0");
    let words = [encode::operation(1, 0, 0), encode::operation_context(99, 0, 0), 0, 0, 0, 0, 0, 0];
    let Ok((record, _)) = decode(&words) else { panic!("a record") };
    let error = script.aggregate.apply(record, &mut ThreadIndex::default());
    assert_eq!(error, Err(StreamError::UnknownStack { stack: 99, known: 3 }));
}

#[test]
fn small_operations_that_took_operands_through_a_buffer_copied_these() {
    let mut script = run("counts add n=3 read=240 written=240; \
         table divide n=5 read=800 written=400 copied=800 buffered=10");
    assert_eq!(
        shown(&mut script),
        "add: 3 / 240 / 240 / 0 / 0; divide: 5 / 800 / 400 / 10 buffered 800 / 0"
    );
}

#[test]
fn small_casts_are_those_that_have_a_record_and_each_is_a_copy() {
    let mut script = run("+B 40 ndarray.astype; ndarray.astype A:f8:10 >B:f4:10");
    for (name, size) in ["C", "D", "E", "F", "G"].map(|name| (name, 40)).into_iter().chain([
        ("H", 80),
        ("I", 80),
        ("J", 80),
    ]) {
        script.step(&format!("+{name} {size} ndarray.astype"));
    }
    // One of those to the same dtype was asked for no copy.
    script.step("counts ndarray.astype n=3 read=240 written=120 copied=120 cast");
    script.step(
        "table ndarray.astype n=2 read=160 written=80 copied=80 cast, \
         ndarray.astype n=4 read=320 written=320 copied=240",
    );
    assert_eq!(
        shown(&mut script),
        "astype(float64→float32): 6 / 480 / 240 / 6 cast 240 / 0; \
         ndarray.astype: 4 / 320 / 320 / 3 explicit 240 / 0"
    );
}

#[test]
fn wild_sums_saturate() {
    let max = u64::MAX;
    let all = format!("add n={max} read={max} written={max} copied={max} scalars={max}");
    let mut script = run(&format!("counts {all}; counts {all}; table {all}"));
    let shown = shown(&mut script);
    assert_eq!(shown, format!("add: {max} / {max} / {max} / 1 explicit {max} / 0"));
}

proptest! {
    /// However counters come and go in the table, each operation counts once.
    #[test]
    fn records_and_the_table_agree_with_a_naive_sum(
        steps in prop::collection::vec((0_u16..5, 1_u32..3, 1_u64..100, 0_u8..4), 0..60),
    ) {
        let mut script = Script::new();
        for name in ["add", "ndarray.copy", "getitem", "ndarray.ravel", "zeros"] {
            script.number(name);
        }
        let mut table: BTreeMap<(u32, u16), Counts> = BTreeMap::new();
        let mut naive: BTreeMap<(u32, u16), (u64, u64)> = BTreeMap::new();
        for (operation, stack, bytes, then) in steps {
            let key = (stack, operation + 1);
            let counts = table.entry(key).or_insert(Counts {
                operation: operation + 1,
                stack,
                ..Counts::default()
            });
            counts.n += 1;
            counts.copied_bytes += bytes;
            let sums = naive.entry(key).or_default();
            *sums = (sums.0 + 1, sums.1 + bytes);
            if then == 0 && let Some(counts) = table.remove(&key) {
                script.apply(Record::Counts(counts));
            }
            if then == 1 {
                script.aggregate.see_counters(table.values().copied().collect());
                let summary = script.aggregate.operations(usize::MAX);
                let naive = naive.values().fold((0, 0), |all, it| (all.0 + it.0, all.1 + it.1));
                prop_assert_eq!((summary.all.n_operations, summary.all.copied), naive);
                prop_assert_eq!(script.aggregate.operations.copied(), naive.1);
                let small = script.aggregate.operations.small().iter().map(|it| it.n).sum::<u64>();
                prop_assert_eq!(small, naive.0);
            }
        }
    }
}
