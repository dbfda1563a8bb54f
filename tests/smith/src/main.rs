//! Writes generated modules to standard output: `polyextism-smith FIRST_SEED HOW_MANY`.
//!
//! Each module is valid, imports nothing, exports everything, and ends: a global counts how much it
//! may do. Memories and tables have maxima, so that growing never depends on the machine. A module
//! comes as a byte that says whether its NaNs are canonical (1) or as the engine makes them (0), its
//! length as four bytes, the least first, and its bytes. With `POLYEXTISM_PROPOSALS=3.0` each module is for something
//! that came with WebAssembly 3.0. It knows no engine.

use std::io::{self, Write};

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

#[path = "../../src/random.rs"]
#[allow(dead_code, reason = "tests have more use for it")]
mod random;

use random::Random;

/// What functions of one module may do together: calls and turns of loops.
const FUEL: u32 = 5000;
/// The bytes that decide what a module is.
const ENTROPY: usize = 6000;

/// A proposal that a module is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proposal {
    None,
    Simd,
    TailCall,
    Memory64,
    Exceptions,
    Gc,
    /// All of these but SIMD.
    All,
}

/// None more often than not.
const PROPOSALS: &[Proposal] = &[
    Proposal::None,
    Proposal::None,
    Proposal::None,
    Proposal::None,
    Proposal::Simd,
    Proposal::Simd,
    Proposal::TailCall,
    Proposal::Memory64,
    Proposal::Exceptions,
    Proposal::Gc,
];

/// What there is beside SIMD since WebAssembly 3.0, alone and together.
const NEWER: &[Proposal] = &[
    Proposal::TailCall,
    Proposal::Memory64,
    Proposal::Exceptions,
    Proposal::Gc,
    Proposal::All,
];

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Some(Ok(first)), Some(Ok(count)), None) = (numbers.next(), numbers.next(), numbers.next())
    else {
        panic!("expected two numbers: the first seed, and how many modules there are to be");
    };
    let proposals = match std::env::var("POLYEXTISM_PROPOSALS").as_deref() {
        Ok("3.0") => NEWER,
        _ => PROPOSALS,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    for seed in first..first + count {
        let mut random = Random::new(seed);
        let canonical = random.below(2) == 1;
        let wasm = module(&mut random, proposals, canonical);
        out.write_all(&[u8::from(canonical)])?;
        out.write_all(&(wasm.len() as u32).to_le_bytes())?;
        out.write_all(&wasm)?;
    }
    out.flush()
}

fn module(random: &mut Random, proposals: &[Proposal], canonicalize_nans: bool) -> Vec<u8> {
    let proposal = random.one_of(proposals);
    let has = |one: Proposal| proposal == one || proposal == Proposal::All;
    let mut chance = |one_in: u64| random.below(one_in) == 0;
    let config = Config {
        max_imports: 0,
        export_everything: true,
        min_funcs: 1,
        max_funcs: 8,
        max_globals: 8,
        max_types: 8,
        max_type_size: 50,
        max_instructions: if chance(4) { 400 } else { 100 },
        max_memories: 2,
        max_memory32_bytes: 4 << 16,
        max_memory64_bytes: 4 << 16,
        memory_max_size_required: true,
        max_tables: 2,
        max_table_elements: 100,
        table_max_size_required: true,
        max_data_segments: 4,
        max_element_segments: 4,
        disallow_traps: chance(2),
        canonicalize_nans,
        reference_types_enabled: has(Proposal::Gc) || chance(2),
        simd_enabled: proposal == Proposal::Simd,
        relaxed_simd_enabled: false,
        tail_call_enabled: has(Proposal::TailCall),
        memory64_enabled: has(Proposal::Memory64),
        wide_arithmetic_enabled: false,
        exceptions_enabled: has(Proposal::Exceptions),
        gc_enabled: has(Proposal::Gc),
        threads_enabled: false,
        compact_imports_enabled: false,
        ..Config::default()
    };
    loop {
        let entropy: Vec<u8> = (0..ENTROPY).map(|_| random.any() as u8).collect();
        if let Ok(mut module) = Module::new(config.clone(), &mut Unstructured::new(&entropy)) {
            let fuel = module.ensure_termination(FUEL);
            fuel.expect("no function was left invalid");
            return module.to_bytes();
        }
    }
}
