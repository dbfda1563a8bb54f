;; The guest of the benchmarks. `echo` copies the way the language kits do: eight bytes at a time
;; through the kernel, then the rest one by one.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/user" "increment" (func $increment (param i64) (result i64)))

  (func (export "noop") (result i32) (i32.const 0))

  (func (export "echo") (result i32)
    (local $length i64) (local $out i64) (local $at i64)
    (local.set $length (call $input_length))
    (local.set $out (call $alloc (local.get $length)))
    (block $tail
      (loop $words
        (br_if $tail
          (i64.gt_u (i64.add (local.get $at) (i64.const 8)) (local.get $length)))
        (call $store_u64
          (i64.add (local.get $out) (local.get $at))
          (call $input_load_u64 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $words)))
    (block $done
      (loop $bytes
        (br_if $done (i64.ge_u (local.get $at) (local.get $length)))
        (call $store_u8
          (i64.add (local.get $out) (local.get $at))
          (call $input_load_u8 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $bytes)))
    (call $output_set (local.get $out) (local.get $length))
    (i32.const 0))

  ;; A thousand calls of a host function; the output is the last result.
  (func (export "host") (result i32)
    (local $n i64) (local $out i64)
    (loop $again
      (local.set $n (call $increment (local.get $n)))
      (br_if $again (i64.lt_u (local.get $n) (i64.const 1000))))
    (local.set $out (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $out) (local.get $n))
    (call $output_set (local.get $out) (i64.const 8))
    (i32.const 0)))
