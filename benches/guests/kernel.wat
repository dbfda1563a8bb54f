;; Copies the input to the output through the kernel, in two ways of the language kits.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory (export "memory") 17)

  ;; Eight bytes at a time, straight from block to block.
  (func (export "words") (result i32)
    (local $length i64) (local $out i64) (local $at i64)
    (local.set $length (call $input_length))
    (local.set $out (call $alloc (local.get $length)))
    (loop $next
      (call $store_u64
        (i64.add (local.get $out) (local.get $at))
        (call $input_load_u64 (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 8)))
      (br_if $next (i64.lt_u (local.get $at) (local.get $length))))
    (call $output_set (local.get $out) (local.get $length))
    (i32.const 0))

  ;; Eight bytes at a time, through the guest's own memory.
  (func (export "through") (result i32)
    (local $length i64) (local $out i64) (local $at i64)
    (local.set $length (call $input_length))
    (loop $next
      (i64.store (i32.wrap_i64 (local.get $at)) (call $input_load_u64 (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 8)))
      (br_if $next (i64.lt_u (local.get $at) (local.get $length))))
    (local.set $out (call $alloc (local.get $length)))
    (local.set $at (i64.const 0))
    (loop $next
      (call $store_u64
        (i64.add (local.get $out) (local.get $at))
        (i64.load (i32.wrap_i64 (local.get $at))))
      (local.set $at (i64.add (local.get $at) (i64.const 8)))
      (br_if $next (i64.lt_u (local.get $at) (local.get $length))))
    (call $output_set (local.get $out) (local.get $length))
    (i32.const 0))

  ;; One byte at a time.
  (func (export "bytes") (result i32)
    (local $length i64) (local $out i64) (local $at i64)
    (local.set $length (call $input_length))
    (local.set $out (call $alloc (local.get $length)))
    (loop $next
      (call $store_u8
        (i64.add (local.get $out) (local.get $at))
        (call $input_load_u8 (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $at) (local.get $length))))
    (call $output_set (local.get $out) (local.get $length))
    (i32.const 0)))
