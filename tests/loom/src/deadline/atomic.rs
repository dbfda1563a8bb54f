//! Atomic words that try every interleaving.
//!
//! loom treats `SeqCst` as `AcqRel`, which would report orders that cannot happen. A fence before each
//! load and after each store of that kind gives them their one order. A fence orders what is beside it as
//! well, so a relaxed operation where one of that kind is needed can go unnoticed.

use loom::sync::atomic::{AtomicU64 as Word, Ordering, fence};

#[derive(Debug)]
pub(crate) struct AtomicU64(Word);

fn around<T>(order: Ordering, operation: impl FnOnce() -> T) -> T {
    if order != Ordering::SeqCst {
        return operation();
    }
    fence(Ordering::SeqCst);
    let value = operation();
    fence(Ordering::SeqCst);
    value
}

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        Self(Word::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u64 {
        around(order, || self.0.load(order))
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        around(order, || self.0.store(value, order));
    }

    pub(crate) fn swap(&self, value: u64, order: Ordering) -> u64 {
        around(order, || self.0.swap(value, order))
    }

    pub(crate) fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        around(order, || self.0.fetch_or(bits, order))
    }

    pub(crate) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        around(success, || {
            self.0.compare_exchange(current, new, success, failure)
        })
    }

    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        around(set, || self.0.fetch_update(set, fetch, update))
    }
}
