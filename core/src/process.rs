//! Values of which each process has its own.
//!
//! A forked child has the memory of its parent and none of its threads: a lock may be left locked for
//! ever, a thread that works on a queue is gone. So what has to do with threads is made again in
//! each process. It does not know what it keeps.
//!
//! Invariants: the value of another process is never touched, not even to free it; nobody waits here, so a
//! fork at any moment leaves nothing behind that could be waited for.

use std::{mem, process};

use once_cell::race::OnceBox;

/// A value of which each process has its own.
pub(crate) struct PerProcess<T>(OnceBox<Link<T>>);

/// The value of one process. A forked child appends a link of its own.
struct Link<T> {
    process: u32,
    /// Always there.
    value: Option<T>,
    next: PerProcess<T>,
}

impl<T: Default> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceBox::new())
    }

    /// That of this process. Asks the system which one it is.
    pub(crate) fn own(&self) -> &T {
        let here = process::id();
        let mut place = self;
        loop {
            // Who loses the race takes what the winner has put there.
            let link = place.0.get_or_init(|| {
                Box::new(Link {
                    process: here,
                    value: Some(T::default()),
                    next: Self::new(),
                })
            });
            // Only the newest counts: a system may use the number of an ancestor again.
            if let (true, None, Some(value)) =
                (link.process == here, link.next.0.get(), &link.value)
            {
                return value;
            }
            place = &link.next;
        }
    }
}

impl<T> Drop for Link<T> {
    fn drop(&mut self) {
        if self.process != process::id() {
            mem::forget(self.value.take());
        }
    }
}
