;; A guest that does one thing for each call, by what its input says.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load_u8 (param i64) (result i32)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/user" "reverse" (func $reverse (param i64) (result i64)))
  (import "extism:host/user" "refuse" (func $refuse))

  (global $calls (mut i64) (i64.const 0))

  ;; A block with the input from $at to $end.
  (func $take (param $at i64) (param $end i64) (result i64)
    (local $block i64) (local $to i64)
    (if (i64.le_s (local.get $end) (local.get $at)) (then (return (i64.const 0))))
    (local.set $block (call $alloc (i64.sub (local.get $end) (local.get $at))))
    (if (i64.eqz (local.get $block)) (then unreachable))
    (local.set $to (local.get $block))
    (loop $next
      (call $store_u8 (local.get $to) (call $input_load_u8 (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (local.set $to (i64.add (local.get $to) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $at) (local.get $end))))
    (local.get $block))

  (func $whole (result i64) (call $take (i64.const 0) (call $input_length)))

  (func $give (param $block i64)
    (call $output_set (local.get $block) (call $length (local.get $block))))

  (func (export "echo") (call $give (call $whole)))
  (func (export "lend") (call $output_set (call $input_offset) (call $input_length)))

  (func $count
    (global.set $calls (i64.add (global.get $calls) (i64.const 1))))
  (func (export "count") (local $block i64)
    (call $count)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $block) (global.get $calls))
    (call $give (local.get $block)))
  (func (export "trap") (call $count) (call $give (call $whole)) unreachable)

  ;; The first byte is the length of the key.
  (func (export "var_set") (local $end i64)
    (if (i64.eqz (call $input_length)) (then (return)))
    (local.set $end
      (i64.add (i64.const 1) (i64.extend_i32_u (call $input_load_u8 (i64.const 0)))))
    (if (i64.gt_u (local.get $end) (call $input_length))
      (then (local.set $end (call $input_length))))
    (call $var_set
      (call $take (i64.const 1) (local.get $end))
      (call $take (local.get $end) (call $input_length))))
  (func (export "var_get") (call $give (call $var_get (call $whole))))
  (func (export "config_get") (call $give (call $config_get (call $whole))))

  (func (export "fail") (result i32) (call $error_set (call $whole)) (i32.const 3))
  (func (export "code") (result i32)
    (if (result i32) (i64.eqz (call $input_length))
      (then (i32.const 0))
      (else (call $input_load_u8 (i64.const 0)))))

  (func (export "reverse") (call $give (call $reverse (call $whole))))
  (func (export "refuse") (call $give (call $whole)) (call $refuse))

  ;; As many blocks of 4 KiB as the input has bytes; the code 1 if there is not enough memory.
  (func (export "fill") (result i32) (local $left i64)
    (local.set $left (call $input_length))
    (loop $next
      (if (i64.eqz (local.get $left)) (then (return (i32.const 0))))
      (if (i64.eqz (call $alloc (i64.const 4096))) (then (return (i32.const 1))))
      (local.set $left (i64.sub (local.get $left) (i64.const 1)))
      (br $next))
    unreachable))
