//! Runs the futures of WASI functions on the thread of the call, inside and outside of tokio runtimes.
//!
//! Functions of the library are tokio futures. Outside of a runtime, the thread has a runtime of its own for them.
//! Inside a runtime of the host (`#[tokio::main]`, a task, `spawn_blocking`) tokio lets no other runtime block, so
//! the thread polls the future itself, and one thread of the process drives timers. This file does not know the
//! futures.
//!
//! Invariants: the alarm is checked outside of runtimes, because its check may call another plug-in with WASI; the
//! runtime of the host is never used, because it may have no timers, or no thread that drives them.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::unconstrained,
    time::timeout,
};

use super::Errno;
use crate::{deadline::alarm::Alarm, process::PerProcess};

/// Runs a future of the library to its end, or until the call has to end.
pub(super) fn wait(alarm: &Alarm, future: impl Future<Output = Errno>) -> Errno {
    match Handle::try_current() {
        Err(_) => on_own_runtime(alarm, pin!(future)),
        // Opts out of tokio's task budget, which is renewed only when the task yields; this call does not yield.
        Ok(_) => by_hand(alarm, pin!(unconstrained(future))),
    }
}

fn on_own_runtime<F: Future<Output = Errno>>(alarm: &Alarm, mut future: Pin<&mut F>) -> Errno {
    thread_local! {
        static RUNTIME: PerProcess<Runtime> = const { PerProcess::new() };
    }
    RUNTIME.with(|runtime| {
        let runtime = runtime.own_or_try(|| Builder::new_current_thread().enable_time().build())?;
        // Nearly all futures are ready at once and need no timer.
        let once = poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
        if let Poll::Ready(errno) = runtime.block_on(once) {
            return errno;
        }
        loop {
            let wait = async { timeout(alarm.patience(), future.as_mut()).await };
            match runtime.block_on(wait) {
                Ok(errno) => return errno,
                Err(_) => alarm.check_interrupt()?,
            }
        }
    })
}

fn by_hand<F: Future<Output = Errno>>(alarm: &Alarm, mut future: Pin<&mut F>) -> Errno {
    static TIMERS: PerProcess<Runtime> = PerProcess::new();
    thread_local! {
        static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
    }
    let timers = TIMERS.own_or_try(timers)?;
    WAKER.with(|waker| {
        let mut context = Context::from_waker(waker);
        loop {
            let entered = timers.enter();
            if let Poll::Ready(errno) = future.as_mut().poll(&mut context) {
                return errno;
            }
            drop(entered);
            thread::park_timeout(alarm.patience());
            alarm.check_interrupt()?;
        }
    })
}

/// One thread that drives timers.
fn timers() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("polyextism-timers")
        .thread_stack_size(256 * 1024)
        .enable_time()
        .build()
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
