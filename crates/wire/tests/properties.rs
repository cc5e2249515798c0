//! Decoding is total, and undoes encoding.

use npprof_wire::decode::decode;
use npprof_wire::encode::{Definition, Traits, event, size_in_operation};
use npprof_wire::record::{Kind, Order, Record};
use proptest::prelude::*;

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Scratch), Just(Order::C), Just(Order::F), Just(Order::Strided)]
}

proptest! {
    #[test]
    fn any_words_give_a_record_within_them_or_an_error(
        mut words in prop::collection::vec(any::<u64>(), 0..200),
        kind in 0..30_u64,
    ) {
        // Mostly kinds that exist, so that the rest is looked at as well.
        if let Some(first) = words.first_mut() {
            *first = *first << 8 | kind;
        }
        if let Ok((_, len)) = decode(&words) {
            prop_assert!(len >= 1 && len <= words.len());
        }
    }

    /// Few bits are set where an operation's record has its flags and numbers of dimensions.
    #[test]
    fn operands_are_as_many_as_the_record_says_whatever_they_are(
        n_operands in 0..14_u64,
        words in prop::collection::vec(
            prop_oneof![any::<u64>(), 0..6_u64, (0..6_u64, 0..8_u64).prop_map(|(ndim, bits)| ndim << 8 | bits)],
            7..80,
        ),
    ) {
        let mut all = vec![n_operands << 24 | Kind::Operation as u64];
        all.extend(words);
        match decode(&all) {
            Ok((Record::Operation(operation), len)) => {
                prop_assert!(len <= all.len());
                prop_assert_eq!(operation.operands().count() as u64, n_operands);
                for operand in operation.operands() {
                    prop_assert!(operand.layout.strides.is_empty()
                        || operand.layout.strides.len() == operand.layout.shape.len());
                }
            }
            Ok((other, _)) => panic!("{other:?}"),
            Err(_) => {}
        }
    }

    #[test]
    fn definitions_cut_anywhere_never_panic(
        file in prop::collection::vec(any::<u8>(), 0..100),
        name in prop::collection::vec(any::<u8>(), 0..100),
        cut in 0..40_usize,
    ) {
        let mut words = [0; 64];
        let words = Definition::code(&mut words, 1, 2, &file, &name).finish();
        let cut = cut.min(words.len());
        prop_assert_eq!(decode(&words[..cut]).is_ok(), cut == words.len());
    }

    #[test]
    fn allocations_come_back(
        address in 0..1_u64 << 56,
        size_bytes in 0..1_u64 << 48,
        operation in any::<u16>(),
        is_first in any::<bool>(),
        stack in any::<u32>(),
        dtype in any::<u16>(),
        order in order(),
        is_zeroed in any::<bool>(),
        axes in prop::collection::vec((any::<u64>(), any::<u64>()), 0..=64),
    ) {
        let ndim = u8::try_from(axes.len()).expect("at most 64");
        let traits = Traits { dtype, ndim, order, has_shape: true, is_zeroed, is_first };
        let mut words = vec![
            event(Kind::Alloc, address),
            traits.word(stack),
            size_in_operation(size_bytes, operation),
        ];
        let (shape, strides): (Vec<_>, Vec<_>) = axes.into_iter().unzip();
        words.extend(&shape);
        if order == Order::Strided {
            words.extend(&strides);
        }
        let Ok((record, len)) = decode(&words) else {
            panic!("a record")
        };
        let Record::Alloc {
            layout,
            stack: stack_back,
            size_bytes: size_back,
            operation: operation_back,
            is_first: is_first_back,
            ..
        } = record
        else {
            panic!("an allocation")
        };
        prop_assert_eq!(len, words.len());
        prop_assert_eq!((stack_back, size_back), (stack, size_bytes));
        prop_assert_eq!((operation_back, is_first_back), (operation, is_first));
        prop_assert_eq!(layout.shape, &shape[..]);
        prop_assert_eq!(layout.dtype, dtype);
    }
}
