//! The exceptions of before WebAssembly 3.0 do what their twins in the new instructions do, which are written by hand,
//! on every engine that has those, with and without fuel, with the kernel inside and apart.

use polyextism::{Choice, KernelForm, Manifest, Options, Plugin, Proposal};
use polyextism_tests::engines;

/// What it is about, the old code and the new code. Each is the body of a function of an `i32` and with an `i32` result,
/// which may throw the tags `$a` (an `i32`), `$b` (an `i32` and an `i64`) and `$c` (nothing) by `$throws`, by the
/// remainder of its argument by 5: for 3 it traps, for 4 it returns its argument plus 100.
const TWINS: &[(&str, &str, &str)] = &[
    (
        "one handler",
        "try (result i32) (call $throws (local.get 0)) catch $a end",
        "(block $done (result i32) (try_table (result i32) (catch $a $done) (call $throws (local.get 0))))",
    ),
    (
        "the first handler that fits",
        "try (result i32) (call $throws (local.get 0))
           catch $b i32.wrap_i64 i32.add
           catch $a (i32.const 1000) i32.add
           catch_all (i32.const -1) end",
        "(block $done (result i32)
           (block $all
             (block $a (result i32)
               (block $b (result i32 i64)
                 (try_table (result i32) (catch $b $b) (catch $a $a) (catch_all $all) (call $throws (local.get 0)))
                 (br $done))
               i32.wrap_i64 i32.add (br $done))
             (i32.const 1000) i32.add (br $done))
           (i32.const -1))",
    ),
    (
        "no handler",
        "try (result i32) (call $throws (local.get 0)) end",
        "(call $throws (local.get 0))",
    ),
    (
        "thrown again, to handlers around",
        "try $outer (result i32)
           try $inner (result i32) (call $throws (local.get 0))
           catch $a drop (global.set $seen (i32.const 1)) (rethrow $inner)
           catch_all (global.set $seen (i32.const 2)) (rethrow $inner) end
         catch $a (i32.mul (i32.const 3))
         catch $b drop end",
        "(block $done (result i32)
           (block $b (result i32 i64)
             (block $a (result i32)
               (try_table (result i32) (catch $a $a) (catch $b $b)
                 (block $all (result exnref)
                   (block $first (result i32 exnref)
                     (br $done (try_table (result i32) (catch_ref $a $first) (catch_all_ref $all)
                       (call $throws (local.get 0)))))
                   (local.set $e) drop (global.set $seen (i32.const 1)) (throw_ref (local.get $e)))
                 (local.set $e) (global.set $seen (i32.const 2)) (throw_ref (local.get $e)))
               (br $done))
             (i32.mul (i32.const 3)) (br $done))
           drop)",
    ),
    (
        "the outer one of two is thrown again",
        "try $far (result i32)
           try $outer (result i32) (call $throws (local.get 0))
           catch_all
             try $inner (throw $c)
             catch $c (rethrow $outer) end
             (i32.const 7)
           end
         catch $a (i32.const 5) i32.add
         catch_all (i32.const 6) end",
        "(block $done (result i32)
           (block $all
             (block $a (result i32)
               (try_table (result i32) (catch $a $a) (catch_all $all) (call $throws (local.get 0)))
               (br $done))
             (i32.const 5) i32.add (br $done))
           (i32.const 6))",
    ),
    (
        "delegated past the next handlers",
        "try $far (result i32)
           try $next (result i32)
             try (result i32) (call $throws (local.get 0)) delegate $far
           catch_all (i32.const -7) end
         catch $a (i32.const 10) i32.add
         catch_all (i32.const -8) end",
        "(block $done (result i32)
           (block $all
             (block $a (result i32)
               (try_table (result i32) (catch $a $a) (catch_all $all) (call $throws (local.get 0)))
               (br $done))
             (i32.const 10) i32.add (br $done))
           (i32.const -8))",
    ),
    (
        "delegated to the caller, past all handlers",
        "try (result i32)
           try (result i32)
             try (result i32) (call $throws (local.get 0)) delegate 2
           catch_all (i32.const -7) end
         catch_all (i32.const -8) end",
        "(call $throws (local.get 0))",
    ),
    (
        "delegated to a block, which stands for what is around it",
        "try (result i32)
           (block $b (result i32)
             try (result i32)
               try (result i32) (call $throws (local.get 0)) delegate $b
             catch_all (i32.const -7) end)
         catch $c (i32.const 9) end",
        "(block $done (result i32)
           (block $c
             (br $done (try_table (result i32) (catch $c $c) (call $throws (local.get 0)))))
           (i32.const 9))",
    ),
    (
        "delegated from a handler, whose own handlers are over",
        "try $outer (result i32)
           try $own (result i32) (throw $c)
           catch $c
             try (result i32) (call $throws (local.get 0)) delegate $own
           catch_all (i32.const -7) end
         catch_all (i32.const -9) end",
        "(block $done (result i32)
           (block $all
             (br $done (try_table (result i32) (catch_all $all) (call $throws (local.get 0)))))
           (i32.const -9))",
    ),
    (
        "parameters and several results",
        "(i32.const 1) (i64.const 2)
         try (param i32 i64) (result i32 i64)
           i32.wrap_i64 i32.add (call $throws (local.get 0)) i32.add (i64.const 3)
         catch $b
         catch_all (i32.const 4) (i64.const 5) end
         i32.wrap_i64 i32.add",
        "(block $done (result i32 i64)
           (block $all
             (block $b (result i32 i64)
               (try_table (result i32 i64) (catch $b $b) (catch_all $all)
                 (i32.add (i32.const 3) (call $throws (local.get 0))) (i64.const 3))
               (br $done))
             (br $done))
           (i32.const 4) (i64.const 5))
         i32.wrap_i64 i32.add",
    ),
    (
        "in a loop that a handler goes on with",
        "(local.set $n (i32.const 10))
         (loop $l (result i32)
           try $t (result i32) (call $throws (i32.add (local.get 0) (local.get $n)))
           catch_all
             (local.set $n (i32.sub (local.get $n) (i32.const 1)))
             (if (local.get $n) (then (br $l)))
             (br $t (i32.const 77))
           end)",
        "(local.set $n (i32.const 10))
         (loop $l (result i32)
           (block $t (result i32)
             (block $all
               (br $t (try_table (result i32) (catch_all $all)
                 (call $throws (i32.add (local.get 0) (local.get $n))))))
             (local.set $n (i32.sub (local.get $n) (i32.const 1)))
             (if (local.get $n) (then (br $l)))
             (i32.const 77)))",
    ),
];

fn module(body: &str) -> String {
    format!(
        r#"(module
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  (tag $a (param i32)) (tag $b (param i32 i64)) (tag $c)
  (global $seen (mut i32) (i32.const 0))
  (func $throws (param i32) (result i32) (local $kind i32)
    (local.set $kind (i32.rem_u (local.get 0) (i32.const 5)))
    (if (i32.eqz (local.get $kind)) (then (throw $a (local.get 0))))
    (if (i32.eq (local.get $kind) (i32.const 1)) (then (throw $b (local.get 0) (i64.const 50))))
    (if (i32.eq (local.get $kind) (i32.const 2)) (then (throw $c)))
    (if (i32.eq (local.get $kind) (i32.const 3)) (then unreachable))
    (i32.add (local.get 0) (i32.const 100)))
  (func $f (param i32) (result i32) (local $n i32) EXNREF {body})
  (func (export "call") (result i32) (global.set $seen (i32.const 0))
    (call $f (call $input (i64.const 0))))
  (func (export "seen") (result i32) (global.get $seen)))"#
    )
}

/// What calls with each argument end with: results, error kinds, and what was left behind.
fn outcomes(choice: &Choice, text: &str, options: &Options) -> Vec<String> {
    let compiled = choice.compile(&Manifest::of(text.as_bytes()), options);
    let compiled = compiled.unwrap_or_else(|error| panic!("{choice:?}: {error:?}\n{text}"));
    let mut plugin = Plugin::new(&compiled).expect("it starts");
    let mut outcomes = Vec::new();
    for argument in 0..15_u8 {
        for (function, input) in [("call", &[argument][..]), ("seen", &[])] {
            let outcome = plugin.call(function, input).map(<[u8]>::to_vec);
            outcomes.push(match outcome {
                Ok(_) => "0".to_owned(),
                Err(error) => format!("{:?}", error.kind()),
            });
        }
    }
    outcomes
}

#[test]
fn they_do_what_their_twins_do() {
    let able = |choice: &Choice| {
        choice
            .compiler()
            .capabilities
            .proposals
            .contains(&Proposal::Exceptions)
    };
    let able: Vec<_> = engines().into_iter().filter(able).collect();
    for (what, old, new) in TWINS {
        let old = module(old).replace("EXNREF", "");
        let new = module(new).replace("EXNREF", "(local $e exnref)");
        let mut expected = None;
        for choice in &able {
            for kernel in [KernelForm::Fused, KernelForm::Apart] {
                for fuel in [None, Some(1_000_000)] {
                    let options = Options::default().with_kernel(kernel).with_fuel(fuel);
                    let twin = outcomes(choice, &new, &options);
                    assert_eq!(
                        outcomes(choice, &old, &options),
                        twin,
                        "{choice:?} {kernel:?} {fuel:?}: {what}"
                    );
                    let expected = expected.get_or_insert_with(|| twin.clone());
                    assert_eq!(*expected, twin, "{choice:?} {kernel:?} {fuel:?}: {what}");
                }
            }
        }
        let different =
            expected.is_none_or(|outcomes| outcomes.iter().any(|outcome| *outcome != outcomes[0]));
        assert!(different, "{what}: every call ends the same");
    }
}
