//! What every backend must do, as a list of cases over the erased engine traits.
//!
//! Each backend includes this file and runs the list on each of its compilers. It knows no engine:
//! where powers differ, a case reads the declared capabilities and checks both ways, that what is
//! declared works and that the rest is refused.

mod code;
mod features;
mod inspect;
mod limits;
mod support;
mod values;

use polyextism_core::backend::{Backend, Interruption};

use self::support::Bench;

/// The name of a case and its body, which panics if the engine is wrong.
type Case = (&'static str, fn(&Bench));

/// The cases by their groups.
const GROUPS: &[(&str, &[Case])] = &[
    ("code", code::CASES),
    ("features", features::CASES),
    ("honesty", HONESTY),
    ("inspect", inspect::CASES),
    ("limits", limits::CASES),
    ("values", values::CASES),
];

/// Runs every case on one compiler of a backend.
///
/// # Panics
/// If a case fails; the message names all that did.
pub(crate) fn run(backend: &Backend, compiler: &'static str) {
    let failed = failing(backend, compiler);
    assert!(
        failed.is_empty(),
        "{}:{compiler} fails {failed:?}",
        backend.name
    );
}

/// The cases that fail, each with its group.
pub(crate) fn failing(
    backend: &Backend,
    compiler: &'static str,
) -> Vec<(&'static str, &'static str)> {
    let bench = Bench::new(backend, compiler);
    let mut failed = Vec::new();
    for (group, cases) in GROUPS {
        for (name, body) in *cases {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&bench)));
            if outcome.is_err() {
                failed.push((*group, *name));
            }
        }
    }
    failed
}

const HONESTY: &[Case] = &[
    ("an unknown compiler is refused", |bench| {
        let refused = bench.open_compiler("abacus", Interruption::Off);
        let error = refused.err().expect("there is no such compiler");
        assert!(
            error.to_string().ends_with("has no compiler `abacus`"),
            "{error}"
        );
    }),
    ("an engine has its name", |bench| {
        let name = bench.engine().name();
        let default = bench.backend.compilers[0].name == bench.compiler.name;
        let suffixed = format!("{}:{}", bench.backend.name, bench.compiler.name);
        assert!(if default {
            name == bench.backend.name
        } else {
            name == suffixed
        });
    }),
    (
        "an opened engine has the powers that it was opened with",
        |bench| {
            let plain = bench.engine().capabilities();
            assert!(!plain.interrupt);
            assert_eq!(plain.memory_limit, bench.compiler.capabilities.memory_limit);
            assert_eq!(plain.proposals, bench.compiler.capabilities.proposals);
            match bench.open(Interruption::On) {
                Ok(engine) => {
                    assert!(bench.compiler.capabilities.interrupt);
                    assert!(engine.capabilities().interrupt);
                }
                Err(error) => {
                    assert!(!bench.compiler.capabilities.interrupt, "{error}");
                    assert_eq!(error.kind(), polyextism_core::ErrorKind::Unsupported);
                }
            }
        },
    ),
];
