//! Catches panics, so that none reaches the caller in another language.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an export. If it panics, which is a bug of this library, returns `fallback`.
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
