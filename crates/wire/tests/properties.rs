//! Decoding is total, and undoes encoding.

use npprof_wire::decode::decode;
use npprof_wire::encode::{Definition, Traits, event};
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
        size_bytes in any::<u64>(),
        stack in any::<u32>(),
        dtype in any::<u16>(),
        order in order(),
        is_zeroed in any::<bool>(),
        axes in prop::collection::vec((any::<u64>(), any::<u64>()), 0..=64),
    ) {
        let ndim = u8::try_from(axes.len()).expect("at most 64");
        let traits = Traits { dtype, ndim, order, has_shape: true, is_zeroed };
        let mut words = vec![event(Kind::Alloc, address), traits.word(stack), size_bytes];
        let (shape, strides): (Vec<_>, Vec<_>) = axes.into_iter().unzip();
        words.extend(&shape);
        if order == Order::Strided {
            words.extend(&strides);
        }
        let Ok((Record::Alloc { layout, stack: stack_back, size_bytes: size_back, .. }, len)) =
            decode(&words)
        else {
            panic!("an allocation")
        };
        prop_assert_eq!(len, words.len());
        prop_assert_eq!((stack_back, size_back), (stack, size_bytes));
        prop_assert_eq!(layout.shape, &shape[..]);
        prop_assert_eq!(layout.dtype, dtype);
    }
}
