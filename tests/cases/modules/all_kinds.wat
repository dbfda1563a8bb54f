;; A module may import functions, memories, tables and globals of another; they share its state.
;;! call f
;;! = ok "6 6 7 11 4 "
;;! call f
;;! = ok "7 7 7 12 4 "
;;! module lib
(module
  (memory (export "memory") 1 3)
  (data (i32.const 0) "\05")
  (table (export "table") 2 funcref)
  (elem (i32.const 0) $seven)
  (global (export "counter") (mut i64) (i64.const 10))
  (global (export "constant") i32 (i32.const 4))
  (func $seven (result i64) (i64.const 7))
  (func (export "bump") (result i64)
    (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
    (i64.extend_i32_u (i32.load8_u (i32.const 0)))))
;;! module main
(module
  (import "lib" "memory" (memory 1))
  (import "lib" "table" (table 1 funcref))
  (import "lib" "counter" (global $counter (mut i64)))
  (import "lib" "constant" (global $constant i32))
  (import "lib" "bump" (func $bump (result i64)))
  ;;% include print
  (type $number (func (result i64)))
  (func (export "f")
    (global.set $counter (i64.add (global.get $counter) (i64.const 1)))
    (call $begin)
    (call $print (call $bump))
    (call $print (i64.extend_i32_u (i32.load8_u (i32.const 0))))
    (call $print (call_indirect (type $number) (i32.const 0)))
    (call $print (global.get $counter))
    (call $print (i64.extend_i32_u (global.get $constant)))
    (call $done)))
