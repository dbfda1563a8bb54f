;; What a call and a host function cost: a guest that does next to nothing beside what its exports are
;; named for.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/user" "increment" (func $increment (param i64) (result i64)))
  (import "extism:host/user" "turn_around" (func $turn_around (param i64) (result i64)))

  (func (export "noop") (result i32) (i32.const 0))

  ;; A thousand calls of a host function; the output is the last result.
  (func (export "host") (result i32)
    (local $n i64) (local $out i64)
    (loop $again
      (local.set $n (call $increment (local.get $n)))
      (br_if $again (i64.lt_u (local.get $n) (i64.const 1000))))
    (local.set $out (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $out) (local.get $n))
    (call $output_set (local.get $out) (i64.const 8))
    (i32.const 0))

  ;; A thousand calls of a host function that turns a block around, first the input, then the block
  ;; that the last call returned; the output is the last block, which is like the input again.
  (func (export "host_block") (result i32)
    (local $i i32) (local $block i64) (local $next i64)
    (local.set $block (call $turn_around (call $input_offset)))
    (local.set $i (i32.const 1))
    (loop $again
      (local.set $next (call $turn_around (local.get $block)))
      (call $free (local.get $block))
      (local.set $block (local.get $next))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
    (call $output_set (local.get $block) (call $length (local.get $block)))
    (i32.const 0)))
