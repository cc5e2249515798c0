//! Every record as literal words: a change here is a change of the format and of its version.

use npprof_wire::WIRE_VERSION;
use npprof_wire::decode::{DecodeError, decode, text_bytes};
use npprof_wire::encode::{
    self, Definition, Traits, event, freed_from, operand_traits, operation_context,
    size_in_operation, touch,
};
use npprof_wire::hello::{HELLO_BYTES, Hello};
use npprof_wire::record::{
    COUNTER_CAST_SHIFTS, COUNTER_MARKS, COUNTER_MARKS_SHIFT, COUNTER_VALID, Counts, Fact, FreedAt,
    Kind, Layout, MAX_NDIM, MAX_OPERANDS, MAX_RECORD_WORDS, MAX_TEXT, Operand, Order, Record, Role,
    Scalar, operand, operation,
};
use npprof_wire::segment::{COUNTER_WORDS, COUNTERS, N_COUNTERS, SEGMENT_WORDS};

fn check(words: &[u64], expected: Record<'_>) {
    assert_eq!(decode(words), Ok((expected, words.len())));
}

#[test]
fn the_words_are_those_of_version_2() {
    assert_eq!(WIRE_VERSION, 4);
}

#[test]
fn a_flat_allocation_takes_three_words() {
    let traits = Traits {
        dtype: 13,
        ndim: 1,
        order: Order::C,
        has_shape: false,
        is_zeroed: true,
        is_first: true,
    };
    let words =
        [event(Kind::Alloc, 0x7f00_1234_5670), traits.word(9), size_in_operation(80, 0x201)];
    assert_eq!(words, [0x7f_0012_3456_7001, 0x0000_0009_000d_0119, 0x0201_0000_0000_0050]);
    let layout = Layout { dtype: 13, order: Order::C, shape: &[], strides: &[], is_flat: true };
    check(
        &words,
        Record::Alloc {
            address: 0x7f00_1234_5670,
            size_bytes: 80,
            stack: 9,
            is_zeroed: true,
            operation: 0x201,
            is_first: true,
            layout,
        },
    );
}

#[test]
fn shape_and_strides_follow_where_they_say_something() {
    let traits = Traits {
        dtype: 3,
        ndim: 2,
        order: Order::Strided,
        has_shape: true,
        is_zeroed: false,
        is_first: false,
    };
    let words = [event(Kind::Alloc, 0x1000), traits.word(1), 96, 4, 3, 8, u64::MAX - 31];
    assert_eq!(words[1], 0x0000_0001_0003_0207);
    let (shape, strides) = (&[4, 3][..], &[8, u64::MAX - 31][..]);
    let layout = Layout { dtype: 3, order: Order::Strided, shape, strides, is_flat: false };
    check(
        &words,
        Record::Alloc {
            address: 0x1000,
            size_bytes: 96,
            stack: 1,
            is_zeroed: false,
            operation: 0,
            is_first: false,
            layout,
        },
    );
    let layout = Layout { strides: &[], order: Order::F, ..layout };
    check(&[0x1000 << 8 | 5, 0x0003_0206, 4, 3], Record::Layout { address: 0x1000, layout });
}

#[test]
fn the_other_events_are_short() {
    check(&[0x1000 << 8 | 2], Record::Free { address: 0x1000, at: FreedAt::Elsewhere });
    check(&[0x1000 << 8 | 3], Record::Free { address: 0x1000, at: FreedAt::SameLine });
    check(&[0x1000 << 8 | 10], Record::Free { address: 0x1000, at: FreedAt::SamePlace });
    check(
        &[0x1000 << 8 | 4, 0x2000, 64, 7 << 32],
        Record::Realloc { old_address: 0x1000, new_address: 0x2000, size_bytes: 64, stack: 7 },
    );
    check(&[5 << 8 | 6], Record::Thread { thread: 5 });
    check(&[123 << 8 | 7], Record::Clock { now_ns: 123 });
    check(&[2 << 8 | 8], Record::Fork { fork: 2 });
    check(&[99 << 8 | 9], Record::Stamp { position: 99 });
}

#[test]
fn a_free_with_a_stack_says_where_it_is_as_the_short_ones_do() {
    let words = [event(Kind::FreeFrom, 0x1000), freed_from(7, Kind::FreeSameLine)];
    assert_eq!(words, [0x1000 << 8 | 11, 7 << 32 | 3]);
    let check_at = |kind, at| {
        let words = [event(Kind::FreeFrom, 0x1000), freed_from(7, kind)];
        check(&words, Record::FreeFrom { address: 0x1000, at, stack: 7 });
    };
    check_at(Kind::Free, FreedAt::Elsewhere);
    check_at(Kind::FreeSameLine, FreedAt::SameLine);
    check_at(Kind::FreeSamePlace, FreedAt::SamePlace);
}

#[test]
fn touches_and_pins_are_short() {
    let words = [event(Kind::Touch, 0x1000), touch(800, true)];
    assert_eq!(words, [0x1000 << 8 | 13, 1601]);
    check(&words, Record::Touch { address: 0x1000, size_bytes: 800, is_write: true });
    check(
        &[0x1000 << 8 | 13, touch(800, false)],
        Record::Touch { address: 0x1000, size_bytes: 800, is_write: false },
    );
    check(
        &[0x1000 << 8 | 15, 7 << 32 | 2, 640],
        Record::Pin { address: 0x1000, stack: 7, n_views: 2, viewed_bytes: 640 },
    );
}

#[test]
fn counters_are_the_same_in_the_table_and_as_records() {
    let counts = Counts {
        operation: 0x201,
        stack: 7,
        n: 1,
        read_bytes: 2,
        written_bytes: 3,
        copied_bytes: 4,
        strided_bytes: 5,
        n_scalars: 6,
        n_buffered: 0,
        cast: None,
    };
    check(&[0x201 << 8 | 14, 7 << 32, 1, 2, 3, 4, 5, 6], Record::Counts(counts));
    let key = 7 << 32 | COUNTER_VALID | 0x201;
    assert_eq!(key, 0x0000_0007_0001_0201);
    assert_eq!(Counts::from_words([key, 1, 2, 3, 4, 5, 6, 0]), Some(counts));
    // Two operands of each of them went through a buffer.
    let buffered = Counts { n: 5, n_buffered: 10, ..counts };
    check(&[0x201 << 8 | 14, 7 << 32 | 2, 5, 2, 3, 4, 5, 6], Record::Counts(buffered));
    let key = key | 2 << COUNTER_MARKS_SHIFT;
    assert_eq!(key, 0x0000_0007_0005_0201);
    assert_eq!(Counts::from_words([key, 5, 2, 3, 4, 5, 6, 0]), Some(buffered));
    // Each of them cast an array from one dtype to another.
    let cast = Counts { cast: Some((13, 24)), ..counts };
    let marks = 13 << COUNTER_CAST_SHIFTS.0 | 24 << COUNTER_CAST_SHIFTS.1;
    assert_eq!(marks & !COUNTER_MARKS, 0);
    check(&[0x201 << 8 | 14, 7 << 32 | marks, 1, 2, 3, 4, 5, 6], Record::Counts(cast));
    let key = 7 << 32 | COUNTER_VALID | 0x201 | marks << COUNTER_MARKS_SHIFT;
    assert_eq!(key, 0x0000_0007_1869_0201);
    assert_eq!(Counts::from_words([key, 1, 2, 3, 4, 5, 6, 0]), Some(cast));
    assert_eq!(Counts::from_words([key & !COUNTER_VALID, 1, 2, 3, 4, 5, 6, 0]), None);
    assert_eq!(Counts::from_words([0; 8]), None);
}

#[test]
fn the_counters_lie_behind_the_rings() {
    assert_eq!((COUNTERS, COUNTER_WORDS, N_COUNTERS), (559_104, 8, 8192));
    assert_eq!(SEGMENT_WORDS, 624_640);
}

/// `multiply` of an F-ordered array by a `float` into a new array, inside of operation 9.
fn multiplication() -> Vec<u64> {
    let input = Traits {
        dtype: 1,
        ndim: 2,
        order: Order::F,
        has_shape: true,
        is_zeroed: false,
        is_first: false,
    };
    let result = Traits { order: Order::Strided, ..input };
    let flags = operation::HAS_AXES | operation::HAS_DTYPE;
    let mut words = vec![
        encode::operation(5, 3, flags),
        operation_context(7, 9, 1),
        1000,
        96,
        8,
        0b10,
        u64::MAX,
        3,
    ];
    words.extend([encode::operand(0x1000, Role::Input)]);
    words.extend([input.word(operand_traits(Scalar::None, operand::MISALIGNED)), 4, 3]);
    words.extend([encode::operand(0, Role::Scalar)]);
    words.extend([Traits::SCRATCH.word(operand_traits(Scalar::Float, 0))]);
    words.extend([encode::operand(0x2000, Role::Result)]);
    words.extend([result.word(operand_traits(Scalar::None, operand::OWNS_DATA)), 4, 3, 8, 32]);
    words
}

#[test]
fn an_operation_carries_its_operands() {
    let words = multiplication();
    assert_eq!(
        words,
        [
            0x0000_0201_0300_050c,
            0x0000_0007_0009_0001,
            1000,
            96,
            8,
            2,
            u64::MAX,
            3,
            0x1000 << 8,
            0x0000_0001_0001_0206,
            4,
            3,
            4,
            0x0003_0000_0000_0000,
            0x2000 << 8 | 2,
            0x0000_0004_0001_0207,
            4,
            3,
            8,
            32,
        ]
    );
    let Ok((Record::Operation(found), 20)) = decode(&words) else { panic!("an operation") };
    assert_eq!((found.operation, found.outer, found.stack), (5, 9, 7));
    assert_eq!((found.flags, found.n_inputs), (0x201, 1));
    assert_eq!((found.duration_ns, found.allocated_bytes, found.freed_bytes), (1000, 96, 8));
    assert_eq!((found.axes, found.detail, found.second), (2, u64::MAX, 3));
    let layout = Layout { dtype: 1, order: Order::F, shape: &[4, 3], strides: &[], is_flat: false };
    let input = Operand {
        address: 0x1000,
        role: Role::Input,
        scalar: Scalar::None,
        traits: operand::MISALIGNED,
        layout,
    };
    let scalar = Operand {
        address: 0,
        role: Role::Scalar,
        scalar: Scalar::Float,
        traits: 0,
        layout: Layout { dtype: 0, order: Order::Scratch, shape: &[], ..layout },
    };
    let result = Operand {
        address: 0x2000,
        role: Role::Result,
        traits: operand::OWNS_DATA,
        layout: Layout { order: Order::Strided, strides: &[8, 32], ..layout },
        ..input
    };
    assert_eq!(found.operands().collect::<Vec<_>>(), [input, scalar, result]);
}

#[test]
fn an_operation_that_is_cut_is_not_all_there_yet() {
    let words = multiplication();
    for len in 0..words.len() {
        let Err(DecodeError::Truncated { claimed, left }) = decode(&words[..len]) else {
            panic!("{len} words are too few, but no error of another kind")
        };
        assert!(left == len && claimed > len && claimed <= words.len(), "{claimed} of {len}");
    }
}

#[test]
fn an_operation_with_impossible_operands_is_an_error() {
    let malformed = Err(DecodeError::Malformed(12));
    let mut words = [0; 8 + 13 * 2];
    words[0] = encode::operation(5, 13, 0);
    assert_eq!(decode(&words), malformed, "more operands than there can be");
    words[0] = encode::operation(5, 12, 0);
    assert!(decode(&words).is_ok());
    // A role that there is none of, and an operand of 255 dimensions.
    words[8] = 5;
    assert_eq!(decode(&words), malformed);
    (words[8], words[9]) = (0, 0xff04);
    assert_eq!(decode(&words), malformed);
}

#[test]
fn the_largest_operation_fits_into_a_record() {
    let traits = Traits {
        dtype: 1,
        ndim: 64,
        order: Order::Strided,
        has_shape: true,
        is_zeroed: false,
        is_first: false,
    };
    let mut words = vec![encode::operation(5, 12, 0), 0, 0, 0, 0, 0, 0, 0];
    for _ in 0..MAX_OPERANDS {
        words.extend([0, traits.word(0)]);
        words.extend([3; 2 * MAX_NDIM]);
    }
    assert!(words.len() <= MAX_RECORD_WORDS, "{}", words.len());
    let Ok((Record::Operation(found), len)) = decode(&words) else { panic!("an operation") };
    assert_eq!((found.operands().count(), len), (MAX_OPERANDS, words.len()));
}

#[test]
fn definitions_say_their_length_and_carry_their_texts() {
    let mut words = [0; 32];
    let code = Definition::code(&mut words, 7, 40, b"/tmp/fit.py", b"load");
    let code = code.finish().to_vec();
    assert_eq!(
        code,
        [
            6 << 8 | 16,
            7 << 32 | 40,
            11 << 32 | 4,
            u64::from_le_bytes(*b"/tmp/fit"),
            u64::from_le_bytes(*b".py\0\0\0\0\0"),
            u64::from_le_bytes(*b"load\0\0\0\0"),
        ]
    );
    let Ok((Record::DefineCode { code, first_line, file, file_bytes, name, name_bytes }, 6)) =
        decode(&code)
    else {
        panic!("a code object")
    };
    assert_eq!((code, first_line), (7, 40));
    assert_eq!(text_bytes(file, file_bytes).collect::<Vec<_>>(), b"/tmp/fit.py");
    assert_eq!(text_bytes(name, name_bytes).collect::<Vec<_>>(), b"load");

    let stack = Definition::stack(&mut words, 3, 2, (7, 41, 12)).finish().to_vec();
    assert_eq!(stack, [4 << 8 | 17, 3 << 32 | 2, 7 << 32 | 41, 12 << 32]);
    check(&stack, Record::DefineStack { stack: 3, caller: 2, code: 7, line: 41, byte_offset: 12 });

    let dtype = Definition::dtype(&mut words, 25, 40, b"<U10").finish().to_vec();
    assert_eq!(dtype, [4 << 8 | 18, 25 << 32 | 40, 4 << 32, u64::from_le_bytes(*b"<U10\0\0\0\0")]);

    let thread = Definition::thread(&mut words, 2, 0xabcd, b"").finish().to_vec();
    assert_eq!(thread, [4 << 8 | 19, 0xabcd, 2 << 32, 0]);

    let operation = Definition::operation(&mut words, 0x201, b"add").finish().to_vec();
    assert_eq!(
        operation,
        [4 << 8 | 21, 0x201 << 32, 3 << 32, u64::from_le_bytes(*b"add\0\0\0\0\0")]
    );
    let name = &[u64::from_le_bytes(*b"add\0\0\0\0\0")];
    check(&operation, Record::DefineOperation { operation: 0x201, name, name_bytes: 3 });

    let source = Definition::source(&mut words, 7, 2, b"a = 1").finish().to_vec();
    assert_eq!(source, [4 << 8 | 22, 7 << 32 | 2, 5 << 32, u64::from_le_bytes(*b"a = 1\0\0\0")]);
    let text = &[u64::from_le_bytes(*b"a = 1\0\0\0")];
    check(&source, Record::DefineSource { code: 7, line: 2, text, text_bytes: 5 });

    let fact = Definition::fact(&mut words, Fact::NumpyVersion, b"2.4.6").finish().to_vec();
    assert_eq!(fact, [4 << 8 | 20, 2 << 32, 5 << 32, u64::from_le_bytes(*b"2.4.6\0\0\0")]);
}

#[test]
fn texts_that_are_too_long_are_cut() {
    let mut words = [0; 2048];
    let long = vec![b'x'; MAX_TEXT + 100];
    let words = Definition::code(&mut words, 1, 1, &long, &long).finish();
    let Ok((Record::DefineCode { file_bytes, name_bytes, .. }, _)) = decode(words) else {
        panic!("a code object")
    };
    assert_eq!((file_bytes as usize, name_bytes as usize), (MAX_TEXT, MAX_TEXT));
}

#[test]
fn what_no_writer_writes_is_an_error() {
    assert_eq!(decode(&[]), Err(DecodeError::Truncated { claimed: 1, left: 0 }));
    assert_eq!(decode(&[0]), Err(DecodeError::UnknownKind(0)));
    assert_eq!(decode(&[255]), Err(DecodeError::UnknownKind(255)));
    assert_eq!(decode(&[1, 0]), Err(DecodeError::Truncated { claimed: 3, left: 2 }));
    // 255 dimensions.
    assert_eq!(decode(&[1, 0xff04, 0]), Err(DecodeError::Malformed(1)));
    // A definition longer than any, and one that ends before its text.
    assert_eq!(decode(&[u64::MAX << 8 | 16, 0]), Err(DecodeError::Malformed(16)));
    assert_eq!(decode(&[3 << 8 | 18, 0, 9 << 32]), Err(DecodeError::Malformed(18)));
    // An operation's number has sixteen bits, and a stack's definition four words.
    assert_eq!(decode(&[3 << 8 | 21, 1 << 48, 0]), Err(DecodeError::Malformed(21)));
    assert_eq!(decode(&[3 << 8 | 17, 0, 0]), Err(DecodeError::Malformed(17)));
    // The short ones are not all there.
    for (kind, claimed) in [(11, 2), (13, 2), (14, 8), (15, 3), (12, 8)] {
        assert_eq!(decode(&[kind]), Err(DecodeError::Truncated { claimed, left: 1 }), "{kind}");
    }
}

#[test]
fn a_hello_comes_back_as_it_was_sent() {
    let hello = Hello {
        token: *b"0123456789abcdef",
        version: WIRE_VERSION,
        pid: 4711,
        parent_pid: 1,
        image: 0x1122_3344_5566_7788,
        parent_image: 99,
        fork: 3,
    };
    let bytes = hello.encode();
    assert_eq!(&bytes[..24], b"npprof?\n0123456789abcdef");
    assert_eq!(&bytes[36..44], &[0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    assert_eq!(Hello::decode(&bytes), Some(hello));
    assert_eq!(Hello::decode(&bytes[..HELLO_BYTES - 1]), None);
    assert_eq!(Hello::decode(&[0; HELLO_BYTES]), None);
}
