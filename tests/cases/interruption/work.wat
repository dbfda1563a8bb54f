;; A call whose time is over ends in the middle of its work, and nothing is done that comes behind. The
;; work ends by itself, but takes longer than the call may by far.
;;! timeout-ms 20
;;! call work
;;! = error timeout "the call did not end within its time limit of 20 ms"
;;! var d
;;! = nothing
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "var_set" (func $set (param i64 i64)))
  (func $done (local $key i64)
    (local.set $key (call $alloc (i64.const 1)))
    (call $store (local.get $key) (i32.const 100))
    (call $set (local.get $key) (local.get $key)))
  (func (export "work") (local $turns i32)
    (local.set $turns (i32.const 0x7fffffff))
    (loop $again
      (br_if $again (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (call $done)))
