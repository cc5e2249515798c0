//! How an array lies in memory.

use std::fmt;
use std::sync::Arc;

/// Order of an array's elements in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Dense in row-major order; also every dense array of one dimension or less.
    C,
    /// Dense in column-major order and not in row-major order.
    F,
    /// Neither.
    Strided,
    /// A block in which no array is known to lie, such as the scratch space of a sort.
    Scratch,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::C, Self::F, Self::Strided, Self::Scratch];

    /// As the JSON report and the screens call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::F => "F",
            Self::Strided => "strided",
            Self::Scratch => "scratch",
        }
    }
}

/// Shape, dtype and strides of an array.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArrayLayout {
    /// Extents.
    pub shape: Arc<[u64]>,
    /// Name of the dtype as NumPy shows it: `float64`, `<U10`, `[('x', '<f8')]`.
    pub dtype: Arc<str>,
    /// Bytes of an element; zero when not known.
    pub itemsize: u64,
    /// Bytes from an element to its neighbour along each axis.
    pub strides: Arc<[i64]>,
    /// Order of the elements.
    pub order: Order,
}

impl ArrayLayout {
    /// Strides of a dense array of this shape, in bytes. As NumPy does, an axis of extent zero
    /// counts as one, so that strides are never zero because of it.
    #[must_use]
    pub fn dense_strides(shape: &[u64], itemsize: u64, order: Order) -> Vec<i64> {
        let mut strides = vec![0; shape.len()];
        let mut step = i64::try_from(itemsize).unwrap_or(i64::MAX);
        let mut fill = |axis: usize| {
            strides[axis] = step;
            step = step.saturating_mul(i64::try_from(shape[axis].max(1)).unwrap_or(i64::MAX));
        };
        if order == Order::F {
            (0..shape.len()).for_each(&mut fill);
        } else {
            (0..shape.len()).rev().for_each(&mut fill);
        }
        strides
    }
}

/// `float64 (1000, 3) F`: the order is named where it is not C.
impl fmt::Display for ArrayLayout {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.order == Order::Scratch {
            let bytes = self.shape.first().copied().unwrap_or(0);
            return write!(to, "scratch space of {}", crate::Bytes(bytes));
        }
        write!(to, "{} {}", self.dtype, Shape(&self.shape))?;
        match self.order {
            Order::C | Order::Scratch => Ok(()),
            Order::F => to.write_str(" F"),
            Order::Strided => to.write_str(" strided"),
        }
    }
}

/// Shows a shape as Python does: `()`, `(3,)`, `(3, 4)`.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a>(pub &'a [u64]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("(")?;
        for (axis, extent) in self.0.iter().enumerate() {
            if axis > 0 {
                to.write_str(", ")?;
            }
            write!(to, "{extent}")?;
        }
        to.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[u64], order: Order) -> ArrayLayout {
        ArrayLayout {
            shape: shape.into(),
            dtype: "float64".into(),
            itemsize: 8,
            strides: ArrayLayout::dense_strides(shape, 8, order).into(),
            order,
        }
    }

    #[test]
    fn dense_strides_are_numpys() {
        assert_eq!(ArrayLayout::dense_strides(&[2, 3, 4], 8, Order::C), [96, 32, 8]);
        assert_eq!(ArrayLayout::dense_strides(&[2, 3, 4], 8, Order::F), [8, 16, 48]);
        assert_eq!(ArrayLayout::dense_strides(&[], 8, Order::C), []);
        assert_eq!(ArrayLayout::dense_strides(&[3, 0, 2], 4, Order::C), [8, 8, 4]);
    }

    #[test]
    fn layouts_read_as_python_shows_them() {
        assert_eq!(layout(&[], Order::C).to_string(), "float64 ()");
        assert_eq!(layout(&[5], Order::C).to_string(), "float64 (5,)");
        assert_eq!(layout(&[5, 2], Order::F).to_string(), "float64 (5, 2) F");
        assert_eq!(layout(&[2048], Order::Scratch).to_string(), "scratch space of 2.00 KiB");
    }
}
