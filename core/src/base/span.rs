//! The one bounds check for offsets and lengths that guests supply.

use std::ops::Range;

/// A range of bytes that lies inside a memory of the checked size.
///
/// Memories never shrink, so a span stays valid as long as its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// `length` bytes from `offset`, or `None` if they do not lie inside `size` bytes.
    #[inline]
    pub(crate) fn new(offset: u64, length: u64, size: usize) -> Option<Self> {
        let end = offset.checked_add(length)?;
        (end <= size as u64).then_some(Self {
            start: offset as usize,
            end: end as usize,
        })
    }

    /// The range to index with.
    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Span;

    /// Numbers around every edge, and random ones.
    fn near(edge: u64) -> impl Strategy<Value = u64> {
        let edges = [0, edge, 1 << 16, 1 << 32, 1 << 63, u64::MAX];
        let around = (
            proptest::sample::select(edges.to_vec()),
            0u64..4,
            any::<bool>(),
        );
        prop_oneof![
            around.prop_map(|(edge, by, above)| match above {
                true => edge.wrapping_add(by),
                false => edge.wrapping_sub(by),
            }),
            any::<u64>(),
        ]
    }

    proptest! {
        /// `Span::new` succeeds exactly if every byte lies inside; the sum must not overflow.
        #[test]
        fn a_span_lies_inside((size, offset, length) in (0u64..1 << 40)
            .prop_flat_map(|size| (Just(size), near(size), near(size)))) {
            let inside = u128::from(offset) + u128::from(length) <= u128::from(size);
            let span = Span::new(offset, length, size as usize).map(Span::range);
            let expected = inside.then(|| offset as usize..(offset + length) as usize);
            prop_assert_eq!(span, expected);
        }
    }

    #[test]
    fn edges() {
        for (offset, length, size, expect) in [
            (0, 0, 0, Some(0..0)),
            (0, 1, 0, None),
            (4, 0, 4, Some(4..4)),
            (5, 0, 4, None),
            (0, 4, 4, Some(0..4)),
            (1, 4, 4, None),
            (u64::MAX, 1, 4, None),
            (1, u64::MAX, 4, None),
        ] {
            let span = Span::new(offset, length, size);
            assert_eq!(span.map(Span::range), expect, "{offset}+{length} in {size}");
        }
    }
}
