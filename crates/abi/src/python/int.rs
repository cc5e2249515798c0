//! `PyLongObject`: how an `int` holds a small value.

/// Where an `int` keeps its value, and how to tell that it is a small one: of one digit at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntLayout {
    /// Says how many digits there are, and the sign; [`Self::is_tagged`] says how.
    pub size: usize,
    /// The first digit, a `uint32_t`. Not to be read from an `int` without digits.
    pub digit: usize,
    /// From 3.12 on the word at [`Self::size`] is `lv_tag`: the number of digits above three bits, the
    /// lowest two of which are 0, 1, 2 for a positive value, zero, a negative one. Before it is
    /// `ob_size`: the number of digits, negative for a negative value.
    pub is_tagged: bool,
}

impl IntLayout {
    /// The sign of an `int` of one digit at most, from the word at [`Self::size`]: what to multiply
    /// the digit by. `None` for a larger one.
    #[inline]
    #[must_use]
    pub const fn sign(self, size: u64) -> Option<i64> {
        if self.is_tagged {
            if size < 16 { Some(1 - (size & 3).cast_signed()) } else { None }
        } else {
            match size.cast_signed() {
                sign @ -1..=1 => Some(sign),
                _ => None,
            }
        }
    }
}

/// 3.8 to 3.11.
pub(super) const PYTHON_3_8: IntLayout = IntLayout { size: 16, digit: 24, is_tagged: false };

pub(super) const PYTHON_3_12: IntLayout = IntLayout { is_tagged: true, ..PYTHON_3_8 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_int_of_one_digit_has_a_sign() {
        for (layout, sizes) in [
            (PYTHON_3_8, [1, 0, u64::MAX, 2, u64::MAX - 1]),
            (PYTHON_3_12, [8, 1, 8 | 2, 16, 16 | 2]),
        ] {
            let signs = sizes.map(|size| layout.sign(size));
            assert_eq!(signs, [Some(1), Some(0), Some(-1), None, None]);
        }
    }
}
