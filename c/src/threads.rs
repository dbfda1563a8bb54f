//! Numbers of threads.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The number of tokens that a thread reserves at a time.
const BLOCK: u64 = 1 << 12;

static THREADS: AtomicU64 = AtomicU64::new(1);
static BLOCKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static THREAD: Cell<u64> = const { Cell::new(0) };
    static TOKEN: Cell<u64> = const { Cell::new(0) };
}

/// The number of this thread, from 1; no other thread has it, also in forked children.
#[inline]
pub(crate) fn current() -> u64 {
    match THREAD.get() {
        0 => {
            let number = THREADS.fetch_add(1, Relaxed);
            THREAD.set(number);
            number
        }
        number => number,
    }
}

/// A number that no thread of this process got before; not 0.
#[inline]
pub(crate) fn token() -> u64 {
    let last = TOKEN.get();
    let next = match last % BLOCK {
        // The first number of a block is never issued, so 0 is never issued.
        0 => BLOCKS.fetch_add(1, Relaxed) * BLOCK + 1,
        _ => last + 1,
    };
    TOKEN.set(next);
    next
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    #[test]
    fn no_token_is_given_twice() {
        let tokens = || (0..10_000).map(|_| super::token()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(tokens)).collect();
        let tokens = threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"));
        let tokens: Vec<_> = tokens.flatten().collect();
        let different: HashSet<_> = tokens.iter().collect();
        assert_eq!((different.len(), different.contains(&0)), (40_000, false));
    }
}
