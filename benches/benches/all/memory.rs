//! What an instance takes of the memory of the process: the group `memory`, in bytes instead of time.
//!
//! Proportional memory (`Pss`) as the kernel of Linux counts it, after one call: a page that several instances
//! have mapped and none has written to is there once. Instances of a batch stay alive until the case is
//! over, so that no later one moves into the memory of an earlier one.

use std::{fs, time::Duration};

use criterion::{
    BenchmarkId, Criterion, Throughput,
    measurement::{Measurement, ValueFormatter},
};
use polyextism::Plugin;
use polyextism_benches::guests::{CALLS, SQLITE};

/// How many instances are made together: the counter of the kernel has the size of a page.
const BATCH: u64 = 16;

/// Memory of the process.
pub(crate) struct Taken;

/// Bytes in words.
struct Bytes;

impl Taken {
    /// Bytes now.
    fn now() -> u64 {
        let text = fs::read_to_string("/proc/self/smaps_rollup").expect("this is Linux");
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: u64 = number
            .expect("the kernel counts in kB")
            .parse()
            .expect("a number");
        kib * 1024
    }
}

impl Measurement for Taken {
    type Intermediate = u64;
    type Value = f64;

    fn start(&self) -> u64 {
        Self::now()
    }

    fn end(&self, start: u64) -> f64 {
        Self::now().saturating_sub(start) as f64
    }

    fn add(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Bytes
    }
}

impl ValueFormatter for Bytes {
    fn scale_values(&self, _: f64, values: &mut [f64]) -> &'static str {
        for value in values {
            *value /= 1024.0;
        }
        "KiB"
    }

    fn scale_throughputs(&self, typical: f64, _: &Throughput, values: &mut [f64]) -> &'static str {
        self.scale_values(typical, values)
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "B"
    }
}

/// Few batches: each one takes address space that is free again only when the case is over.
pub(crate) fn config() -> Criterion<Taken> {
    Criterion::default()
        .with_measurement(Taken)
        .warm_up_time(Duration::from_millis(20))
        .measurement_time(Duration::from_millis(100))
        .sample_size(10)
}

/// One more instance, after its first call.
pub(crate) fn instances(criterion: &mut Criterion<Taken>) {
    let mut group = criterion.benchmark_group("memory");
    for (case, guest, function) in [
        ("instance-small", &CALLS, "noop"),
        ("instance-sqlite", &SQLITE, "version"),
    ] {
        for engine in polyextism::engines() {
            let compiled = guest.compile(&engine).expect("the guest compiles");
            let mut alive = Vec::new();
            let mut batch = || {
                alive.reserve(BATCH as usize);
                let start = Taken.start();
                for _ in 0..BATCH {
                    let mut plugin = Plugin::new(&compiled).expect("there is room");
                    plugin.call(function, b"").expect("the call succeeds");
                    alive.push(plugin);
                }
                Taken.end(start) / BATCH as f64
            };
            group.bench_function(BenchmarkId::new(case, engine.name()), |bencher| {
                bencher.iter_custom(|count| batch() * count as f64);
            });
        }
    }
    group.finish();
}
