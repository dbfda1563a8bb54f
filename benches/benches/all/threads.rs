//! Whether two threads do twice as much: the group `threads`. Each thread has an instance of its own
//! of the same compiled plug-in; the rate counts the calls of all.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput};
use polyextism_benches::cases::{self, Subject};

/// The same calls on one thread and on two.
pub(crate) fn scaling(criterion: &mut Criterion) {
    let vowels = cases::work();
    let vowels = vowels.into_iter().find(|case| case.id == "count-vowels-1k");
    let mut group = criterion.benchmark_group("threads");
    for case in [cases::noop(), vowels.expect("it is one of them")] {
        for threads in [1, 2] {
            group.throughput(Throughput::Elements(threads));
            for engine in polyextism::engines() {
                let compiled = case.guest.compile(&engine).expect("the guest compiles");
                let mut subjects: Vec<_> =
                    (0..threads).map(|_| case.subject_of(&compiled)).collect();
                let id = BenchmarkId::new(format!("{}-x{threads}", case.id), engine.name());
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|count| together(&mut subjects, count));
                });
                subjects.iter_mut().for_each(Subject::check);
            }
        }
    }
    group.finish();
}

/// How long it takes until each has made `count` calls on a thread of its own.
fn together(subjects: &mut [Subject<'_>], count: u64) -> Duration {
    let ready = Barrier::new(subjects.len() + 1);
    thread::scope(|scope| {
        let workers: Vec<_> = subjects
            .iter_mut()
            .map(|subject| {
                scope.spawn(|| {
                    ready.wait();
                    for _ in 0..count {
                        subject.call();
                    }
                })
            })
            .collect();
        ready.wait();
        let start = Instant::now();
        for worker in workers {
            worker.join().expect("calls succeed");
        }
        start.elapsed()
    })
}
