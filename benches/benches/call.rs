//! What a call costs through core, by engine: `group/case/engine`. An id never changes its meaning.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use polyextism::Plugin;
use polyextism_benches::{compile, plugin};

fn call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call");
    for engine in polyextism::engines() {
        let mut plugin = plugin(&engine).expect("the guest runs");
        let name = engine.name();
        let noop = plugin.function("noop").expect("the guest has it");
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("noop", &name), |bencher| {
            bencher.iter(|| plugin.call_function(noop, b"").map(<[u8]>::len));
        });
        group.bench_function(BenchmarkId::new("noop-by-name", &name), |bencher| {
            bencher.iter(|| plugin.call(black_box("noop"), b"").map(<[u8]>::len));
        });
        let hour = Some(Duration::from_secs(3600));
        group.bench_function(BenchmarkId::new("noop-deadline", &name), |bencher| {
            bencher.iter(|| plugin.call_within(noop, b"", hour).map(<[u8]>::len));
        });
        let echo = plugin.function("echo").expect("the guest has it");
        for (case, length) in [
            ("echo-64", 64),
            ("echo-64k", 64 << 10),
            ("echo-1m", 1 << 20),
        ] {
            let input = vec![7; length];
            group.throughput(Throughput::Bytes(length as u64));
            group.bench_function(BenchmarkId::new(case, &name), |bencher| {
                bencher.iter(|| plugin.call_function(echo, &input).map(<[u8]>::len));
            });
        }
    }
    group.finish();
}

fn host(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("host");
    for engine in polyextism::engines() {
        let mut plugin = plugin(&engine).expect("the guest runs");
        let host = plugin.function("host").expect("the guest has it");
        group.throughput(Throughput::Elements(1000));
        group.bench_function(BenchmarkId::new("i64-x1000", engine.name()), |bencher| {
            bencher.iter(|| plugin.call_function(host, b"").map(<[u8]>::len));
        });
    }
    group.finish();
}

fn instantiate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("instantiate");
    for engine in polyextism::engines() {
        let compiled = compile(&engine).expect("the guest compiles");
        group.bench_function(
            BenchmarkId::new("small-first-call", engine.name()),
            |bencher| {
                bencher.iter(|| {
                    let mut plugin = Plugin::new(&compiled)?;
                    plugin.call("noop", b"").map(<[u8]>::len)
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, call, host, instantiate);
criterion_main!(benches);
