;; What blocks cost: guests that allocate and free much of the memory that they share with the host.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "load_u64" (func $load_u64 (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))

  ;; A thousand blocks of 8 to 1007 bytes, each freed before the next one. The output is the sum of
  ;; what was written to them.
  (func (export "churn") (result i32)
    (local $i i64) (local $block i64) (local $sum i64)
    (loop $next
      (local.set $block (call $alloc (i64.add (local.get $i) (i64.const 8))))
      (call $store_u64 (local.get $block) (local.get $i))
      (local.set $sum (i64.add (local.get $sum) (call $load_u64 (local.get $block))))
      (call $free (local.get $block))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $i) (i64.const 1000))))
    (call $answer (local.get $sum))
    (i32.const 0))

  ;; A thousand blocks of 8 to 1007 bytes that all live until the end: a list, each block with the
  ;; address of the last one. The output is its length.
  (func (export "pile") (result i32)
    (local $i i64) (local $block i64) (local $last i64)
    (loop $next
      (local.set $block (call $alloc (i64.add (local.get $i) (i64.const 8))))
      (call $store_u64 (local.get $block) (local.get $last))
      (local.set $last (local.get $block))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $i) (i64.const 1000))))
    (local.set $i (i64.const 0))
    (loop $walk
      (local.set $last (call $load_u64 (local.get $last)))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $walk (i64.ne (local.get $last) (i64.const 0))))
    (call $answer (local.get $i))
    (i32.const 0))

  (func $answer (param $sum i64)
    (local $out i64)
    (local.set $out (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $out) (local.get $sum))
    (call $output_set (local.get $out) (i64.const 8))))
