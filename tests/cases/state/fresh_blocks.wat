;; A block is zeros, whatever earlier calls left in the memory.
;;! call check "\xff" * 5000
;;! = ok "0 "
;;! call check
;;! = ok "0 "
;;! call check "\xff" * 100
;;! = ok "0 "
;;! call check "\xff" * 60000
;;! = ok "0 "
;;! call check
;;! = ok "0 "
(module
  (import "extism:host/env" "load_u64" (func $load_u64 (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  ;;% include print
  ;; The bits of 100 blocks of 80 bytes, each of which is written over afterwards.
  (func (export "check") (local $bits i64) (local $blocks i32) (local $block i64) (local $at i64)
    (loop $next
      (local.set $block (call $alloc (i64.const 80)))
      (local.set $at (i64.const 0))
      (loop $word
        (local.set $bits (i64.or (local.get $bits)
          (call $load_u64 (i64.add (local.get $block) (local.get $at)))))
        (call $store_u64 (i64.add (local.get $block) (local.get $at)) (i64.const -1))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br_if $word (i64.lt_u (local.get $at) (i64.const 80))))
      (local.set $blocks (i32.add (local.get $blocks) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $blocks) (i32.const 100))))
    (call $answer (local.get $bits))))
