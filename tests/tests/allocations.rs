//! A call allocates nothing on the host's side, on any engine: the counting allocator of the crate
//! `allocation-counter` is the global one here, and counts for each thread.

use allocation_counter::measure;
use polyextism::{Choice, Function, Plugin};
use polyextism_tests::{
    engines,
    gaps::{LEAN_CALLS, lacks},
    plugin,
};

/// Calls before the first is counted: memories grow and buffers of engines are made.
const WARM_UP: usize = 4;
/// Calls that are counted together, so that an allocation now and then is seen too.
const CALLS: usize = 64;

const GUEST: &str = r#"
(module
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/user" "add" (func $add (param i64 i64) (result i64)))
  (import "extism:host/user" "mix" (func $mix (param f64 i32 f32) (result f64)))
  (import "extism:host/user" "peek" (func $peek (param i64) (result i64)))
  (memory (export "memory") 1)
  (func (export "noop") (result i32) (i32.const 0))
  (func (export "void"))
  (func (export "wide") (result i64) (i64.const 1))
  (func (export "lend") (call $output_set (call $input_offset) (call $input_length)))
  (func (export "echo") (result i32) (local $block i64) (local $at i64)
    (local.set $block (call $alloc (call $input_length)))
    (loop $next
      (call $store_u64 (i64.add (local.get $block) (local.get $at))
        (call $input_load_u64 (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 8)))
      (br_if $next (i64.lt_u (local.get $at) (call $input_length))))
    (call $output_set (local.get $block) (call $input_length))
    (i32.const 0))
  (func (export "blocks")
    (local $i i32)
    (loop $next
      (call $free (call $alloc (i64.const 100)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 50)))))
  (func (export "add") (drop (call $add (i64.const 1) (i64.const 2))))
  (func (export "mix") (drop (call $mix (f64.const 1) (i32.const 2) (f32.const 3))))
  (func (export "peek") (drop (call $peek (call $input_offset)))))
"#;

fn guest(choice: &Choice) -> Plugin {
    let functions = [
        Function::typed("add", |_, (a, b): (i64, i64)| Ok(a + b)),
        Function::typed("mix", |_, (a, b, c): (f64, i32, f32)| {
            Ok(a + f64::from(b) + f64::from(c))
        }),
        // Reads its argument and answers with a block.
        Function::typed("peek", |caller, (block,): (u64,)| {
            let length = caller.read(block).len() as u64;
            let answer = caller.alloc(length)?;
            caller.read_mut(answer).fill(1);
            caller.free(block);
            Ok(answer)
        }),
    ];
    plugin(choice, GUEST, &functions).expect("the guest is valid")
}

fn works() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("noop", Vec::new()),
        ("void", Vec::new()),
        ("wide", Vec::new()),
        ("lend", vec![1; 1000]),
        ("echo", vec![2; 64]),
        ("echo", vec![3; 64 * 1024]),
        ("echo", vec![4; 1024 * 1024]),
        ("blocks", Vec::new()),
        ("add", Vec::new()),
        ("peek", vec![5; 100]),
    ]
}

/// How many allocations `CALLS` calls need, by name and by handle.
fn count(choice: &Choice, name: &str, input: &[u8]) -> [u64; 2] {
    let mut plugin = guest(choice);
    let function = plugin.function(name).expect("the guest exports it");
    for _ in 0..WARM_UP {
        plugin.call(name, input).expect("the call succeeds");
    }
    let by_name = measure(|| {
        for _ in 0..CALLS {
            plugin.call(name, input).expect("the call succeeds");
        }
    });
    let by_handle = measure(|| {
        for _ in 0..CALLS {
            let output = plugin.call_function(function, input);
            output.expect("the call succeeds");
        }
    });
    [by_name.count_total, by_handle.count_total]
}

#[test]
fn calls_allocate_nothing() {
    for choice in engines() {
        for (name, input) in works() {
            let length = input.len();
            assert_eq!(
                count(&choice, name, &input),
                [0, 0],
                "{choice:?} {name} with {length} bytes, {CALLS} calls by name and by handle"
            );
        }
    }
}

#[test]
fn host_functions_over_floats_allocate_nothing() {
    for choice in engines() {
        let lean = count(&choice, "mix", b"") == [0, 0];
        assert_ne!(lean, lacks(&choice, LEAN_CALLS), "{choice:?}");
    }
}

#[test]
fn the_right_bytes_come_back_all_the_same() {
    for choice in engines() {
        let mut plugin = guest(&choice);
        for (name, input) in works() {
            let output = plugin.call(name, &input).expect("the call succeeds");
            match name {
                "echo" | "lend" => assert!(output == input, "{choice:?} {name}"),
                _ => assert_eq!(output, b"", "{choice:?} {name}"),
            }
        }
    }
}

#[test]
fn the_counter_counts() {
    let info = measure(|| drop(Box::new([0u8; 100])));
    assert_eq!(info.count_total, 1);
}

/// What allocates, so that the figures above are known to be about the path of a call.
#[test]
fn instances_and_failures_allocate() {
    for choice in engines() {
        let mut plugin = guest(&choice);
        let info = measure(|| {
            _ = plugin
                .call("nope", b"")
                .expect_err("there is no such function")
        });
        assert!(info.count_total > 0, "{choice:?}");
    }
}
