;; What bytes cost that go through the kernel, the way the language kits copy: eight at a time and the
;; rest one by one, or all of them one by one.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))

  ;; The output is the input.
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
    (call $copy_bytes (local.get $out) (local.get $at) (local.get $length))
    (call $output_set (local.get $out) (local.get $length))
    (i32.const 0))

  (func (export "echo_bytes") (result i32)
    (local $length i64) (local $out i64)
    (local.set $length (call $input_length))
    (local.set $out (call $alloc (local.get $length)))
    (call $copy_bytes (local.get $out) (i64.const 0) (local.get $length))
    (call $output_set (local.get $out) (local.get $length))
    (i32.const 0))

  ;; The output is the sum of the words of the input and of the bytes that are left.
  (func (export "consume") (result i32)
    (local $length i64) (local $at i64) (local $sum i64)
    (local.set $length (call $input_length))
    (block $tail
      (loop $words
        (br_if $tail
          (i64.gt_u (i64.add (local.get $at) (i64.const 8)) (local.get $length)))
        (local.set $sum
          (i64.add (local.get $sum) (call $input_load_u64 (local.get $at))))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $words)))
    (call $answer
      (i64.add (local.get $sum) (call $sum_bytes (local.get $at) (local.get $length))))
    (i32.const 0))

  ;; The output is the sum of the bytes of the input.
  (func (export "consume_bytes") (result i32)
    (call $answer (call $sum_bytes (i64.const 0) (call $input_length)))
    (i32.const 0))

  (func $copy_bytes (param $out i64) (param $at i64) (param $length i64)
    (block $done
      (loop $bytes
        (br_if $done (i64.ge_u (local.get $at) (local.get $length)))
        (call $store_u8
          (i64.add (local.get $out) (local.get $at))
          (call $input_load_u8 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $bytes))))

  (func $sum_bytes (param $at i64) (param $length i64) (result i64)
    (local $sum i64)
    (block $done
      (loop $bytes
        (br_if $done (i64.ge_u (local.get $at) (local.get $length)))
        (local.set $sum
          (i64.add (local.get $sum)
            (i64.extend_i32_u (call $input_load_u8 (local.get $at)))))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $bytes)))
    (local.get $sum))

  (func $answer (param $sum i64)
    (local $out i64)
    (local.set $out (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $out) (local.get $sum))
    (call $output_set (local.get $out) (i64.const 8))))
