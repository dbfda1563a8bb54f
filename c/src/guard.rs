//! Keeps panics in: none crosses the border, whatever language is on the other side.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an export; after a panic, which is a defect of this library, the caller gets `fallback`.
#[inline]
pub(crate) fn guard<R>(fallback: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use super::guard;

    #[test]
    fn a_panic_becomes_the_fallback() {
        assert_eq!(guard(-1, || 5), 5);
        assert_eq!(guard(-1, || panic!("a defect")), -1);
    }
}
