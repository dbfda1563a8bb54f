//! An engine that is broken on purpose: proof that the suites can fail.
//!
//! It wraps the first engine that is built in, through the waist, and breaks one thing of it. Each
//! fault is a compiler of the backend `broken`, so `broken:lost-traps` is an engine like any other;
//! the first one breaks nothing, so that it is not the wrapping which fails. `engine` has the faults.

mod engine;

use std::sync::{LazyLock, OnceLock};

use polyextism::{
    Choice,
    backend::{Backend, Compiler},
};

pub use self::engine::Fault;

/// The faults by the names of their compilers. The first is none.
pub const FAULTS: &[(&str, Fault)] = &[
    ("honest", Fault::None),
    ("closed", Fault::Closed),
    ("deaf", Fault::Deaf),
    ("first-import", Fault::FirstImport),
    ("forgetful", Fault::Forgetful),
    ("lost-traps", Fault::LostTraps),
    ("modest", Fault::Modest),
    ("no-growth", Fault::NoGrowth),
    ("other-traps", Fault::OtherTraps),
    ("refuses", Fault::Refuses),
    ("stuck", Fault::Stuck),
    ("swallowed-failures", Fault::SwallowedFailures),
    ("twice", Fault::Twice),
    ("unlimited", Fault::Unlimited),
    ("wrong-memory", Fault::WrongMemory),
    ("wrong-results", Fault::WrongResults),
    ("zero-results", Fault::ZeroResults),
];

/// The backend. It lives as long as the process, as those that are built in do.
pub fn backends() -> &'static [Backend] {
    static BACKENDS: OnceLock<[Backend; 1]> = OnceLock::new();
    BACKENDS.get_or_init(|| {
        let inner = &polyextism::BACKENDS[0];
        let compilers = FAULTS.iter().map(|&(name, fault)| Compiler {
            name,
            capabilities: engine::declared(fault, inner.compilers[0].capabilities),
        });
        [Backend {
            name: "broken",
            version: inner.version,
            sources: inner.sources,
            compilers: compilers.collect::<Vec<_>>().leak(),
            left_out: &[],
            open: engine::open,
        }]
    })
}

/// The engine with a fault.
///
/// # Panics
/// If the fault is not in [`FAULTS`].
pub fn choice(fault: Fault) -> Choice {
    static CHOICES: LazyLock<Vec<Choice>> = LazyLock::new(|| Choice::all(backends()).collect());
    let position = FAULTS.iter().position(|(_, known)| *known == fault);
    CHOICES[position.expect("every fault is in the list")]
}
