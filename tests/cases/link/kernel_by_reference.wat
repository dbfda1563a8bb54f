;; Functions of the kernel are functions like any other: they stand in tables, globals and segments, are
;; imported twice, exported again, and called by a start function.
;;! call f
;;! = ok "5 5 65472 0 9 "
;;! exists bytes
;;! = ok "true"
;;! call bytes
;;! = ok ""
(module
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "memory_bytes" (func $bytes (result i64)))
  (import "extism:host/env" "length" (func $again (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
  (import "env" "extism_store_u8" (func $store (param i64 i32)))
  ;;% include print
  (memory 1 1)
  (type $over (func (param i64) (result i64)))
  (table $t 3 3 funcref)
  (elem (table $t) (i32.const 0) func $length $again)
  (elem $passive funcref (ref.func $bytes))
  (elem declare func $load)
  (global $ref funcref (ref.func $length))
  (global $started (mut i64) (i64.const 0))
  (export "bytes" (func $bytes))
  (func $starting (global.set $started (call $bytes)))
  (start $starting)
  (func (export "f") (local $block i64)
    (call $begin)
    (local.set $block (call $alloc (i64.const 5)))
    (call $store (local.get $block) (i32.const 0x109))
    (call $print (call_indirect $t (type $over) (local.get $block) (i32.const 0)))
    (table.set $t (i32.const 2) (global.get $ref))
    (call $print (call_indirect $t (type $over) (local.get $block) (i32.const 2)))
    (call $print (global.get $started))
    (table.init $t $passive (i32.const 1) (i32.const 0) (i32.const 1))
    (table.set $t (i32.const 0) (ref.func $load))
    (call $print (call $again (i64.add (local.get $block) (i64.const 1))))
    (call $print
      (i64.extend_i32_u
        (call_indirect $t (param i64) (result i32) (local.get $block) (i32.const 0))))
    (call $done)))
