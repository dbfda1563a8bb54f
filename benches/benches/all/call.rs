//! Calls through core: the groups `call`, `host`, `work` and `guest`. What guests cost beside their engine alone is
//! measured by the benchmark `guests`.

use std::hint::black_box;

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, measurement::WallTime,
};
use polyextism::ErrorKind;
use polyextism_benches::{
    cases::{self, Case, HOUR, Work},
    computing,
};
use polyextism_tests::files;

/// Inputs from this size on are measured less often.
const LARGE: usize = 1 << 20;

/// The groups and their cases.
pub(crate) fn groups() -> [(&'static str, Vec<Case>); 4] {
    let computing = computing::kernels()
        .into_iter()
        .chain(computing::programs(files::package))
        .map(|case| case.limit(HOUR));
    [
        ("call", cases::calls()),
        ("host", cases::host()),
        ("work", cases::work()),
        ("guest", computing.collect()),
    ]
}

/// Sets a group up for a case.
pub(crate) fn prepare(group: &mut BenchmarkGroup<'_, WallTime>, case: &Case) {
    group.throughput(match case.work {
        Work::Things(count) => Throughput::Elements(count),
        Work::Bytes(count) => Throughput::Bytes(count),
    });
    if case.input.len() >= LARGE {
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
    }
}

/// Every case on every engine that can run it: some compilers have no SIMD.
pub(crate) fn calls(criterion: &mut Criterion) {
    for (name, cases) in groups() {
        for case in cases {
            let mut group = criterion.benchmark_group(name);
            prepare(&mut group, &case);
            for engine in polyextism::engines() {
                let compiled = match case.guest.compile(&engine) {
                    Err(error) if error.kind() == ErrorKind::Unsupported => continue,
                    outcome => outcome.unwrap_or_else(|error| panic!("{}: {error}", case.id)),
                };
                let mut subject = case.subject_of(&compiled);
                let id = BenchmarkId::new(&case.id, engine.name());
                group.bench_function(id, |bencher| bencher.iter(|| subject.call()));
                subject.check();
            }
            group.finish();
        }
    }
}

/// A call by the name of its function instead of its handle.
pub(crate) fn by_name(criterion: &mut Criterion) {
    let case = cases::noop();
    let mut group = criterion.benchmark_group("call");
    group.throughput(Throughput::Elements(1));
    for engine in polyextism::engines() {
        let mut subject = case.subject(&engine);
        let id = BenchmarkId::new("noop-by-name", engine.name());
        group.bench_function(id, |bencher| {
            bencher.iter(|| subject.call_by_name(black_box("noop")));
        });
        subject.check();
    }
    group.finish();
}
