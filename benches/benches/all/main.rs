//! What polyextism costs, by engine: `group/case/engine`. An id never changes its meaning.
//!
//! One program, because each one has to be linked with all engines: `cargo bench -p polyextism-benches --
//! 'call/noop'` runs a part. With the feature `peer` the groups have the crate `extism` beside the engines.
//! What is measured is in `polyextism_benches::cases` and is checked there.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

mod call;
mod kernel;
mod memory;
#[cfg(feature = "peer")]
mod peer;
mod raw;
mod start;
mod threads;
mod wasi;

fn time() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50)
}

criterion_group! {
    name = calls;
    config = time();
    targets = call::calls, call::by_name, raw::alone, kernel::forms, threads::scaling
}
criterion_group! {
    name = starts;
    config = time();
    targets = start::instantiate, start::compile, start::pool, wasi::files
}
criterion_group! {
    name = sizes;
    config = memory::config();
    targets = memory::instances
}

#[cfg(feature = "peer")]
criterion_group! {
    name = peers;
    config = time();
    targets = peer::calls, peer::start
}

#[cfg(feature = "peer")]
criterion_main!(calls, starts, peers, sizes);
#[cfg(not(feature = "peer"))]
criterion_main!(calls, starts, sizes);
