//! What can be checked of the kernel without an engine.

use super::{FUNCTIONS, WASM};
use crate::{
    base::proposals::Proposals,
    module::{Module, Requirements, bounds::Bounds},
};

/// Set `BLESS=1` to assemble `kernel.wat` anew.
#[test]
fn kernel_is_assembled() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/kernel/kernel.wasm");
    let assembled = wat::parse_file(path.replace(".wasm", ".wat")).expect("kernel.wat is valid");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &assembled).expect("kernel.wasm can be written");
    }
    let stored = std::fs::read(path).expect("kernel.wasm can be read");
    assert!(
        stored == assembled,
        "kernel.wasm is stale: run with BLESS=1"
    );
}

#[test]
fn table_is_what_the_kernel_exports() {
    let requirements = Requirements {
        forbidden: Proposals::NONE,
        proposals: &[],
        engine: "test",
        bounds: &Bounds::default(),
    };
    let module = Module::read(WASM.into(), &requirements, "kernel").expect("it is a module");
    let valid = module.validate(&requirements, "kernel");
    valid.expect("the kernel is valid");
    let mut exported: Vec<_> = module
        .functions()
        .map(|(name, ty)| format!("{name} {ty}"))
        .collect();
    let mut listed: Vec<_> = FUNCTIONS
        .iter()
        .map(|(name, params, results)| {
            let signature = crate::base::types::Signature::new(params, results);
            format!("{name} {signature}")
        })
        .collect();
    exported.sort();
    listed.sort();
    assert_eq!(exported, listed);
}
