//! What the steps that make guests look and count add to their code.
//!
//! The modules are the real ones of this repository, whatever size they have. Bounds are on the geometric mean, so
//! that a change which lets code grow fails here and not in a user's memory; `--nocapture` shows each module.

use std::{
    fs,
    path::{Path, PathBuf},
};

use polyextism_transform::{
    interrupt::{self, Flag},
    legacy,
    meter::{self, Counter},
};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// The folders that have guests.
const FOLDERS: [&str; 3] = ["tests/guests", "benches/guests", "examples/plugins"];
/// Smaller modules are made to test one thing.
const SMALLEST: u64 = 20_000;

/// The guests, largest first.
fn guests() -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<(u64, PathBuf)>) {
        for entry in fs::read_dir(folder).expect("the folder can be listed") {
            let entry = entry.expect("the folder can be listed");
            let (path, metadata) = (entry.path(), entry.metadata().expect("it is there"));
            let is_wasm = path
                .extension()
                .is_some_and(|extension| extension == "wasm");
            if metadata.is_dir() {
                collect(&path, found);
            } else if is_wasm && metadata.len() >= SMALLEST {
                found.push((metadata.len(), path));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut found);
    }
    found.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The bytes of the code of a module.
fn code(wasm: &[u8]) -> f64 {
    let sections = Parser::new(0).parse_all(wasm).filter_map(|payload| {
        match payload.expect("the module is valid") {
            Payload::CodeSectionStart { size, .. } => Some(size),
            _ => None,
        }
    });
    f64::from(sections.sum::<u32>())
}

fn has_legacy_exceptions(wasm: &[u8]) -> bool {
    let without = WasmFeatures::all().difference(WasmFeatures::LEGACY_EXCEPTIONS);
    let valid = Validator::new_with_features(without).validate_all(wasm);
    valid.is_err()
}

/// How much larger the code of each guest is after a step.
#[expect(clippy::print_stdout, reason = "figures for who asks with --nocapture")]
fn growth(name: &str, step: impl Fn(&[u8]) -> Vec<u8>) -> f64 {
    let guests = guests();
    assert!(guests.len() >= 8, "there are few guests: {guests:?}");
    let mut sum = 0.0;
    for path in &guests {
        let wasm = fs::read(path).expect("the guest can be read");
        // Core does the same before.
        let wasm = match has_legacy_exceptions(&wasm) {
            true => legacy::translate(&wasm).expect("the guest is valid"),
            false => wasm,
        };
        let ratio = code(&step(&wasm)) / code(&wasm);
        let guest = path.file_name().expect("it is a file").to_string_lossy();
        println!("{name}: {ratio:.3} {guest}");
        sum += ratio.ln();
    }
    let mean = (sum / guests.len() as f64).exp();
    println!("{name}: {mean:.3} geometric mean of {}", guests.len());
    mean
}

#[test]
fn looks_let_code_grow_by_a_quarter_at_most() {
    let looks = growth("looks", |wasm| {
        let out = interrupt::instrument(wasm, Flag::Added, &(0..0));
        out.expect("the guest is valid").expect("it has code")
    });
    assert!((1.0..=1.25).contains(&looks), "{looks}");
}

#[test]
fn fuel_lets_code_grow_by_half_at_most() {
    let fuel = growth("fuel", |wasm| {
        meter::meter(wasm, Counter::Own, &[]).expect("the guest is valid")
    });
    assert!((1.0..=1.5).contains(&fuel), "{fuel}");
}
