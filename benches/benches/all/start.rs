//! What it costs to get to the first call: the groups `instantiate`, `compile` and `pool`.

use std::{num::NonZeroUsize, path::Path, time::Duration};

use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, measurement::WallTime};
use polyextism::{CachePlace, Choice, Plugin, Pool, Reuse};
use polyextism_benches::guests::{C, CALLS, Guest, SQLITE};

/// A guest, and a function of it for the first call.
struct Start {
    name: &'static str,
    guest: &'static Guest,
    function: &'static str,
    /// What its output starts with.
    output: &'static [u8],
}

const STARTS: [Start; 2] = [
    Start {
        name: "small",
        guest: &CALLS,
        function: "noop",
        output: b"",
    },
    Start {
        name: "sqlite",
        guest: &SQLITE,
        function: "version",
        output: b"3.",
    },
];

impl Start {
    /// The first call.
    fn call(&self, plugin: &mut Plugin) {
        let output = plugin.call(self.function, b"");
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        assert!(output.starts_with(self.output), "{}", self.name);
    }
}

/// An instance of a compiled plug-in, with and without its first call.
pub(crate) fn instantiate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("instantiate");
    for start in &STARTS {
        for engine in polyextism::engines() {
            let compiled = start.guest.compile(&engine).expect("the guest compiles");
            let new = || Plugin::new(&compiled).expect("there is room for one");
            group.bench_function(BenchmarkId::new(start.name, engine.name()), |bencher| {
                bencher.iter(new);
            });
            let id = format!("{}-first-call", start.name);
            group.bench_function(BenchmarkId::new(id, engine.name()), |bencher| {
                bencher.iter(|| start.call(&mut new()));
            });
        }
    }
    group.finish();
}

/// From the bytes of a module to a compiled plug-in: one that nobody has compiled, one that lies in the
/// compile cache on disk, and one that this process has compiled and still has.
pub(crate) fn compile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    for (name, guest) in [("c", &C), ("sqlite", &SQLITE)] {
        for engine in polyextism::engines() {
            cold(&mut group, name, guest, &engine);
            warm(&mut group, name, guest, &engine);
        }
    }
    group.finish();
}

fn cold(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, guest: &Guest, engine: &Choice) {
    let options = guest.options();
    let id = BenchmarkId::new(format!("{name}-cold"), engine.name());
    group.bench_function(id, |bencher| {
        bencher.iter_batched(
            || guest.unique_manifest(),
            |manifest| engine.compile(&manifest, &options).expect("it compiles"),
            BatchSize::PerIteration,
        );
    });
}

fn warm(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, guest: &Guest, engine: &Choice) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-cache");
    let manifest = guest.manifest();
    let options = guest.options().with_cache(CachePlace::Folder(folder));
    let compile = || engine.compile(&manifest, &options).expect("it compiles");
    drop(compile());
    let id = BenchmarkId::new(format!("{name}-warm"), engine.name());
    group.bench_function(id, |bencher| bencher.iter(compile));
    let _alive = compile();
    let id = BenchmarkId::new(format!("{name}-shared"), engine.name());
    group.bench_function(id, |bencher| bencher.iter(compile));
}

/// An instance from a pool, with one call, given back.
pub(crate) fn pool(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pool");
    let start = &STARTS[0];
    for (case, reuse) in [
        ("check-out", Reuse::Never),
        ("check-out-reuse", Reuse::Guest),
    ] {
        for engine in polyextism::engines() {
            let compiled = start.guest.compile(&engine).expect("the guest compiles");
            let pool = Pool::with(&compiled, NonZeroUsize::MIN, reuse);
            group.bench_function(BenchmarkId::new(case, engine.name()), |bencher| {
                bencher.iter(|| {
                    let lent = pool.get(Some(Duration::from_secs(1)));
                    start.call(&mut lent.expect("nobody else borrows"));
                });
            });
        }
    }
    group.finish();
}
