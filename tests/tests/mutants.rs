//! Mutated modules on every engine: whatever is left of a module, an engine refuses it or runs it, and does
//! not panic.
//!
//! `fuzz.rs` looks at what core makes of such modules; here engines compile and run it. `POLYEXTISM_SEED`
//! chooses other mutants, `POLYEXTISM_MUTANTS` how many there are for each engine.

use std::{path::Path, time::Duration};

use polyextism::{Choice, Error, ErrorKind, Manifest, Options, Plugin, Result};
use polyextism_tests::{
    engines,
    mutate::mutate,
    random::Random,
    settings::{number, seed},
};

/// How many for each engine.
const MUTANTS: u64 = 4000;
const LONGEST: usize = 4096;
/// Some mutants loop for ever.
const LIMIT: Duration = Duration::from_millis(20);

/// Modules that are all about what compilers do.
const SEEDS: &[&str] = &[
    r#"(module (memory 1) (global $g (mut i64) (i64.const 5))
      (func (export "f") (result i32) (local i32 i64 f32 f64)
        (local.set 1 (i64.mul (global.get $g) (i64.extend_i32_s (i32.load8_s offset=3 (local.get 0)))))
        (local.set 3 (f64.convert_i64_u (local.get 1)))
        (f64.store align=1 (i32.const 8) (f64.sqrt (local.get 3)))
        (local.set 2 (f32.demote_f64 (f64.min (local.get 3) (f64.const -0))))
        (i32.store16 (i32.const 9) (i32.trunc_sat_f32_u (local.get 2)))
        (i32.and (i32.wrap_i64 (i64.rotl (local.get 1) (i64.const 7))) (i32.const 1))))"#,
    r#"(module (table $t 4 8 funcref) (elem (table $t) (i32.const 1) func $a $b)
      (type $v (func (param i32 i32) (result i32)))
      (func $a (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
      (func $b (param i32 i32) (result i32)
        (block $x (result i32) (block $y (br_table $y $y $y (local.get 0)) )
          (br_if $x (i32.const 3) (local.get 1)) (drop) (i32.clz (local.get 0))))
      (func (export "f") (result i32) (local $n i32)
        (loop $l (result i32)
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (drop (call_indirect $t (type $v) (local.get $n) (i32.const 9)
            (i32.add (i32.const 1) (i32.and (local.get $n) (i32.const 1)))))
          (br_if $l (i32.lt_u (local.get $n) (i32.const 50)))
          (i32.const 0))))"#,
    r#"(module (memory 1 4) (data $d "some bytes that are copied")
      (func $many (param i64 i64) (result i64) (i64.xor (local.get 1) (local.get 0)))
      (func (export "f") (local $n i64)
        (memory.init $d (i32.const 100) (i32.const 2) (i32.const 10)) (data.drop $d)
        (memory.copy (i32.const 3) (i32.const 100) (i32.const 50))
        (memory.fill (i32.const 60) (i32.const 7) (i32.const 99))
        (if (i32.lt_s (memory.grow (i32.const 1)) (i32.const 2))
          (then (local.set $n (call $many (i64.load (i32.const 50)) (i64.const -1))))
          (else unreachable))
        (i64.store32 (i32.const 70000) (select (local.get $n) (i64.const 3) (i32.eqz (memory.size))))))"#,
];

fn compiled(choice: &Choice, wasm: Vec<u8>) -> Result<Plugin> {
    Plugin::new(&choice.compile(&Manifest::of(wasm), &Options::default())?)
}

/// Compiles a mutant and calls its function, if it has it.
fn run(choice: &Choice, wasm: Vec<u8>) -> Result<()> {
    let mut plugin = compiled(choice, wasm)?;
    plugin.set_timeout(Some(LIMIT));
    plugin.call("f", b"").map(drop)
}

/// Whether an engine may end like this, whatever the module.
fn is_an_answer(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::EnginePanic | ErrorKind::Engine)
}

#[test]
fn mutants_are_refused_or_run() {
    let seeds: Vec<_> = SEEDS
        .iter()
        .map(|text| wat::parse_str(text).expect("the seeds are valid"))
        .collect();
    let inputs: Vec<&[u8]> = seeds.iter().map(|wasm| &**wasm).collect();
    for choice in engines() {
        for wasm in &seeds {
            run(&choice, wasm.clone()).unwrap_or_else(|error| panic!("{choice:?}: {error}"));
        }
        let seed = seed();
        let mut random = Random::new(seed);
        let (mut refused, mut ran) = (0, 0);
        for position in 0..number("POLYEXTISM_MUTANTS").unwrap_or(MUTANTS) {
            let wasm = mutate(&inputs, &mut random, LONGEST);
            match run(&choice, wasm.clone()) {
                Err(error) if error.kind() == ErrorKind::InvalidModule => refused += 1,
                Err(error) if !is_an_answer(&error) => {
                    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failed-mutant.wasm");
                    std::fs::write(&file, &wasm).expect("the mutant can be written");
                    let file = file.display();
                    panic!("{choice:?}, mutant {position} of the seed {seed}, in {file}: {error}");
                }
                _ => ran += 1,
            }
        }
        // Both happen, or nothing was tried.
        assert!(refused > 100 && ran > 100, "{choice:?}: {refused} {ran}");
    }
}
