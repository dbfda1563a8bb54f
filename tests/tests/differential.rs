//! Generated modules on every engine, and what they do compared: results, kinds of errors, globals,
//! memories.
//!
//! `POLYEXTISM_SEED` is the first seed, `POLYEXTISM_MODULES` how many there are. A failure names the
//! seeds and leaves the modules in files.

use std::{io::Write, path::Path};

use polyextism::Choice;
use polyextism_tests::{
    differential::{Counts, Generated, Known, Modules, compare, forms},
    engines,
    gaps::{NAN_CONVERSION, NAN_SIGN, lacks},
    null,
    settings::{number, seed},
};

/// How many modules, if nobody says it.
const MODULES: u64 = 2000;
/// How many of them in every form, if nobody says it with `POLYEXTISM_FORMS`.
const IN_FORMS: u64 = 200;
const TMP: &str = env!("CARGO_TARGET_TMPDIR");
/// After so many divergences there is no use in more.
const ENOUGH: usize = 20;

/// An engine that does something else is found out.
#[test]
fn a_difference_is_found() {
    let choices = [engines()[0], null::choices().next().expect("there is one")];
    let found = compare(returning("(i64.const 7)"), &choices, &mut Counts::default());
    let divergence = found.expect_err("one of them runs nothing");
    assert!(divergence.text.contains("null: "), "{}", divergence.text);
}

/// A module as the generator writes it, of one function, which says that its NaNs are canonical.
fn returning(result: &str) -> Generated {
    let text = format!(
        r#"(module (memory 1 1) (data (i32.const 0) "\00\00\e0\7f")
          (func $nan (result f32) (f32.load (i32.const 0)))
          (func (export "f") (result i64) {result}))"#
    );
    let wasm = wat::parse_str(text).expect("it is a module");
    let mut written = vec![1];
    written.extend((wasm.len() as u32).to_le_bytes());
    written.extend(wasm);
    Generated::read(&mut &written[..], 1).expect("it is a module")
}

/// A payload that is kept has its name, and whatever else differs in the same module does not.
#[test]
fn only_payloads_of_converted_nans_are_let_through() {
    let choices = engines();
    let mut counts = Counts::default();
    let kept = returning("(i64.reinterpret_f64 (f64.promote_f32 (call $nan)))");
    compare(kept, &choices, &mut counts).expect("what differs has a name");
    if choices.len() > 1 {
        for choice in &choices {
            let known = &counts.engines[&choice.name()].known;
            let lacks = lacks(choice, NAN_CONVERSION);
            let found = known.get(&Known::NanConversions) == Some(&1);
            assert_eq!(found, lacks, "{choice:?}: {known:?}");
        }
    }
    let sign = returning(
        "(i64.xor (i64.reinterpret_f64 (f64.promote_f32 (call $nan)))
          (i64.extend_i32_u (i32.reinterpret_f32 (f32.neg (f32.div (call $nan) (call $nan))))))",
    );
    let differs = choices.len() > 1 && choices.iter().any(|choice| lacks(choice, NAN_SIGN));
    let found = compare(sign, &choices, &mut Counts::default());
    assert_eq!(found.is_err(), differs, "{found:?}");
}

/// Whether the kernel is in a module or apart, and whether its fuel is counted, does not matter.
#[test]
fn forms_agree_on_generated_modules() {
    let first = seed();
    let modules = number("POLYEXTISM_FORMS").unwrap_or(IN_FORMS);
    let mut written = Modules::from(first, modules, TMP);
    let mut source = written.source();
    let choices = engines();
    let mut calls = vec![0; choices.len()];
    let mut found = Vec::new();
    for seed in first..first + modules {
        let generated = Generated::read(&mut source, seed).expect("a module is written");
        for (choice, calls) in choices.iter().zip(&mut calls) {
            match forms(&generated, choice) {
                Ok(compared) => *calls += compared,
                Err(divergence) => {
                    let file = Path::new(TMP).join(format!("forms-{seed}.wasm"));
                    std::fs::write(&file, &divergence.wasm).expect("the module can be written");
                    found.push(format!(
                        "seed {seed}, {}: {}",
                        file.display(),
                        divergence.text
                    ));
                }
            }
        }
        if found.len() >= ENOUGH {
            break;
        }
    }
    let names = choices.iter().map(Choice::name);
    let summary: Vec<_> = names
        .zip(&calls)
        .map(|(name, calls)| format!("{name}: {calls}"))
        .collect();
    let summary = format!(
        "seeds from {first}: {modules} modules, calls: {}",
        summary.join(", ")
    );
    writeln!(std::io::stdout(), "{summary}").expect("standard output can be written");
    assert!(found.is_empty(), "{summary}\n{}", found.join("\n\n"));
    // Some run only the modules that need nothing new.
    assert!(calls.iter().all(|calls| *calls > modules / 10), "{summary}");
}

#[test]
fn engines_agree_on_generated_modules() {
    let choices = engines();
    let modules = number("POLYEXTISM_MODULES").unwrap_or(MODULES);
    let first = seed();
    let mut written = Modules::from(first, modules, TMP);
    let mut source = written.source();
    let mut counts = Counts::default();
    let mut found = Vec::new();
    for seed in first..first + modules {
        let generated = Generated::read(&mut source, seed).expect("a module is written");
        let Err(divergence) = compare(generated, &choices, &mut counts) else {
            continue;
        };
        let name = format!("divergence-{seed}.wasm");
        let file = Path::new(TMP).join(name);
        std::fs::write(&file, &divergence.wasm).expect("the module can be written");
        let text = divergence.text;
        found.push(format!("seed {seed}, {}: {text}", file.display()));
        if found.len() == ENOUGH {
            break;
        }
    }
    let summary = format!("seeds from {first}: {counts}, {} divergences", found.len());
    writeln!(std::io::stdout(), "{summary}").expect("standard output can be written");
    assert!(found.is_empty(), "{summary}\n{}", found.join("\n\n"));
    // One compiler alone agrees with itself whatever it does; two of them may both be able to run only
    // some of the modules.
    if choices.len() > 1 {
        assert!(counts.modules > modules / 10, "{summary}");
        let (calls, returned) = counts.calls();
        assert!(returned > calls / 4, "{summary}");
    }
}
