//! Work on the functions of a module, on all processors.
//!
//! The threads live as long as the work, so a process may fork at any time. Where the system gives none, the calling
//! thread does it all. It knows nothing of the work. Invariant: items are begun in their order, so work on an item may
//! wait for work on one before it.

use std::{
    panic,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// How many bytes of a module are worth a thread, which takes some tens of microseconds to start.
const SHARE: usize = 32 << 10;

/// The results of `work` on each item, in their order. `bytes` says how much of a module the items are, all together.
///
/// # Errors
/// One of the errors of `work`.
///
/// # Panics
/// If `work` panics.
pub fn map<T: Sync, R: Send, E: Send>(
    items: &[T],
    bytes: usize,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    let threads = match bytes / SHARE {
        0 | 1 => 1,
        shares => processors().min(shares).min(items.len()),
    };
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            match items.get(at) {
                Some(item) => done.push((at, work(item)?)),
                None => return Ok(done),
            }
        }
    };
    let mut done = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, take).ok();
        let others: Vec<_> = (1..threads).map_while(spawn).collect();
        let mut done = take()?;
        for other in others {
            let others = other
                .join()
                .unwrap_or_else(|panic| panic::resume_unwind(panic));
            done.extend(others?);
        }
        Ok(done)
    })?;
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// What work on one item finds out for work on items behind it.
pub(crate) struct Promised<T>(OnceLock<T>);

impl<T: Default> Promised<T> {
    pub(crate) fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Waits for it.
    pub(crate) fn wait(&self) -> &T {
        self.0.wait()
    }

    /// The promise, for the work that finds it out. If that fails without keeping it, nobody waits for ever.
    pub(crate) fn promise(&self) -> Promise<'_, T> {
        Promise(self)
    }
}

/// The promise to say something.
pub(crate) struct Promise<'a, T: Default>(&'a Promised<T>);

impl<T: Default> Promise<'_, T> {
    pub(crate) fn keep(self, value: T) {
        self.0.0.get_or_init(|| value);
    }
}

impl<T: Default> Drop for Promise<'_, T> {
    fn drop(&mut self) {
        self.0.0.get_or_init(T::default);
    }
}

#[cfg(test)]
mod tests {
    use super::{Promised, SHARE, map};

    const MUCH: usize = 100 * SHARE;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        for bytes in [0, MUCH] {
            let doubled = map(&items, bytes, |item| Ok::<_, ()>(2 * item));
            assert_eq!(doubled, Ok((0..1000).map(|item| 2 * item).collect()));
        }
    }

    #[test]
    fn an_error_is_the_result() {
        let items: Vec<usize> = (0..1000).collect();
        for bytes in [0, MUCH] {
            let failed = map(&items, bytes, |item| {
                if *item == 700 { Err("700") } else { Ok(()) }
            });
            assert_eq!(failed, Err("700"));
        }
    }

    #[test]
    fn work_may_wait_for_work_before_it() {
        let items: Vec<usize> = (0..1000).collect();
        let sums: Vec<Promised<usize>> = items.iter().map(|_| Promised::new()).collect();
        let added = map(&items, MUCH, |&item| {
            let promise = sums[item].promise();
            let before = item.checked_sub(1).map_or(0, |before| *sums[before].wait());
            promise.keep(before + item);
            Ok::<_, ()>(())
        });
        assert!(added.is_ok());
        assert_eq!(*sums[999].wait(), 499_500);
    }

    #[test]
    fn nobody_waits_for_work_that_failed() {
        let items: Vec<usize> = (0..1000).collect();
        let found: Vec<Promised<usize>> = items.iter().map(|_| Promised::new()).collect();
        let failed = map(&items, MUCH, |&item| {
            let _promise = found[item].promise();
            if item > 0 {
                found[item - 1].wait();
            }
            Err::<(), _>(item)
        });
        assert!(failed.is_err());
    }
}
