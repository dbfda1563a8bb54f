//! What 64 KiB cost on their way through the kernel, with the kernel in the main module and apart:
//! `kernel/case-form/engine`. An id never changes its meaning.

use criterion::{BenchmarkId, Criterion, Throughput};
use polyextism::{KernelForm, Manifest, Options, Plugin};

const GUEST: &str = include_str!("../../guests/kernel.wat");

/// Both forms, by words, through, and by bytes.
pub(crate) fn forms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernel");
    let input: Vec<u8> = (0..64 << 10).map(|n: u32| (n % 251) as u8).collect();
    group.throughput(Throughput::Bytes(input.len() as u64));
    for engine in polyextism::engines() {
        for case in ["words", "through", "bytes"] {
            for (form, kernel) in [("fused", KernelForm::Fused), ("apart", KernelForm::Apart)] {
                let options = Options::default().with_kernel(kernel);
                let compiled = engine.compile(&Manifest::of(GUEST.as_bytes()), &options);
                let compiled = compiled.expect("the guest compiles");
                let mut plugin = Plugin::new(&compiled).expect("an instance");
                assert_eq!(plugin.call(case, &input).expect("it echoes"), input);
                let function = plugin.function(case).expect("the guest has it");
                let id = BenchmarkId::new(format!("{case}-{form}"), engine.name());
                group.bench_function(id, |bencher| {
                    bencher.iter(|| plugin.call_function(function, &input).map(<[u8]>::len));
                });
            }
        }
    }
    group.finish();
}
