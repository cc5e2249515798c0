//! Every record as literal words: a change here is a change of the format and of its version.

use npprof_wire::WIRE_VERSION;
use npprof_wire::decode::{DecodeError, decode, text_bytes};
use npprof_wire::encode::{Definition, Traits, event};
use npprof_wire::hello::{HELLO_BYTES, Hello};
use npprof_wire::record::{Fact, FreedAt, Kind, Layout, MAX_TEXT, Order, Record};

fn check(words: &[u64], expected: Record<'_>) {
    assert_eq!(decode(words), Ok((expected, words.len())));
}

#[test]
fn the_words_are_those_of_version_1() {
    assert_eq!(WIRE_VERSION, 1);
}

#[test]
fn a_flat_allocation_takes_three_words() {
    let traits = Traits { dtype: 13, ndim: 1, order: Order::C, has_shape: false, is_zeroed: true };
    let words = [event(Kind::Alloc, 0x7f00_1234_5670), traits.word(9), 80];
    assert_eq!(words, [0x7f_0012_3456_7001, 0x0000_0009_000d_0109, 80]);
    let layout = Layout { dtype: 13, order: Order::C, shape: &[], strides: &[], is_flat: true };
    check(
        &words,
        Record::Alloc {
            address: 0x7f00_1234_5670,
            size_bytes: 80,
            stack: 9,
            is_zeroed: true,
            layout,
        },
    );
}

#[test]
fn shape_and_strides_follow_where_they_say_something() {
    let traits =
        Traits { dtype: 3, ndim: 2, order: Order::Strided, has_shape: true, is_zeroed: false };
    let words = [event(Kind::Alloc, 0x1000), traits.word(1), 96, 4, 3, 8, u64::MAX - 31];
    assert_eq!(words[1], 0x0000_0001_0003_0207);
    let (shape, strides) = (&[4, 3][..], &[8, u64::MAX - 31][..]);
    let layout = Layout { dtype: 3, order: Order::Strided, shape, strides, is_flat: false };
    check(
        &words,
        Record::Alloc { address: 0x1000, size_bytes: 96, stack: 1, is_zeroed: false, layout },
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

    let stack = Definition::stack(&mut words, 3, 2, 7, 41).finish().to_vec();
    assert_eq!(stack, [3 << 8 | 17, 3 << 32 | 2, 7 << 32 | 41]);
    check(&stack, Record::DefineStack { stack: 3, caller: 2, code: 7, line: 41 });

    let dtype = Definition::dtype(&mut words, 25, 40, b"<U10").finish().to_vec();
    assert_eq!(dtype, [4 << 8 | 18, 25 << 32 | 40, 4 << 32, u64::from_le_bytes(*b"<U10\0\0\0\0")]);

    let thread = Definition::thread(&mut words, 2, 0xabcd, b"").finish().to_vec();
    assert_eq!(thread, [4 << 8 | 19, 0xabcd, 2 << 32, 0]);

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
