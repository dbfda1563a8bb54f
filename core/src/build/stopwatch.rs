//! Measures how long guests are in host functions, for benchmarks of plug-ins.
//!
//! A [`Stopwatch`] wraps the host functions of a plug-in, including builtins and WASI. Plug-ins without one pay
//! nothing. The kernel is guest code and does not count.
//!
//! Invariant: the time of reading the clock is subtracted; the cost of entering a host function is not included.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    build::link::Plan,
    engine::program::Import,
    kernel::{caller::Caller, host_function::HostFunc},
};

/// How often the clock is read to measure its cost.
const READINGS: u32 = 1000;

/// Counts the calls of host functions and adds up how long they take. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Stopwatch(Arc<Totals>);

#[derive(Debug)]
struct Totals {
    calls: AtomicU64,
    nanoseconds: AtomicU64,
    /// The time of an empty measurement.
    nothing: Duration,
}

/// The counts of a [`Stopwatch`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Laps {
    /// Calls of host functions.
    pub calls: u64,
    /// Their total time.
    pub time: Duration,
}

impl Default for Stopwatch {
    /// A stopwatch at zero. It measures the cost of reading the clock, which takes microseconds.
    fn default() -> Self {
        let readings = (0..READINGS).map(|_| Instant::now().elapsed());
        let nothing = readings.min().unwrap_or_default();
        Self(Arc::new(Totals {
            calls: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            nothing,
        }))
    }
}

impl Stopwatch {
    /// Returns the counts since the last call and resets them.
    pub fn take(&self) -> Laps {
        Laps {
            calls: self.0.calls.swap(0, Ordering::Relaxed),
            time: Duration::from_nanos(self.0.nanoseconds.swap(0, Ordering::Relaxed)),
        }
    }

    /// The same plan with wrapped host functions.
    pub(crate) fn watch(&self, plan: Plan) -> Plan {
        let watch = |import| match import {
            Import::Host { func, memory } => {
                let func = self.wrap(func);
                Import::Host { func, memory }
            }
            Import::Export { .. } => import,
        };
        let imports = plan.imports.into_iter();
        let imports = imports.map(|imports| imports.into_iter().map(watch).collect());
        Plan {
            imports: imports.collect(),
            ..plan
        }
    }

    fn wrap(&self, func: Arc<HostFunc>) -> Arc<HostFunc> {
        let watch = self.clone();
        let (name, signature) = (Box::from(func.name()), func.signature().clone());
        let body = move |caller: Caller<'_>, slots: &mut [u64]| {
            let start = Instant::now();
            let outcome = func.run(caller, slots);
            watch.add(start.elapsed());
            outcome
        };
        HostFunc::new(name, signature, Box::new(body))
    }

    fn add(&self, time: Duration) {
        let dial = &*self.0;
        let time = time.saturating_sub(dial.nothing).as_nanos() as u64;
        dial.calls.fetch_add(1, Ordering::Relaxed);
        dial.nanoseconds.fetch_add(time, Ordering::Relaxed);
    }
}
